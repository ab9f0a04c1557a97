"""Schedule -> picoseconds and joules of every task: the one place where counts meet rates.

Seconds of a task are the sum of amount * price over its terms, rounded once to whole picoseconds; from there on sums are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataflows.unit_work import UnitWork
from hwmodels.costs.link import active_joules
from hwmodels.device import ComputeUnit
from sim.errors import ScheduleError
from sim.schedule import Schedule
from sim.trace import LONGEST_PS, PICOSECONDS


@dataclass(frozen=True)
class Durations:
    """Columns with one row per task.

    Attributes
    ----------
    picoseconds : int64 array
    joules : float64 array
        NaN where it is not known.
    watts : float64 array
        Drawn for as long as the task runs, and for longer where it takes longer: the part of its energy that goes by time.
    """

    picoseconds: NDArray[np.int64]
    joules: NDArray[np.float64]
    watts: NDArray[np.float64]

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Duration of each task [s]."""
        return self.picoseconds / PICOSECONDS


def durations(schedule: Schedule) -> Durations:
    """Time and energy of every task.

    Raises
    ------
    ScheduleError
        A duration that is negative, not a number, or with the others longer than the clock can hold (2^63 ps).
    """
    prices = {name: work.prices.tolist() for name, work in schedule.work.items()}
    column = []
    for task in schedule.tasks:
        price = prices[task.work]
        seconds = 0.0
        for term, amount in task.amounts:
            seconds += amount * price[term]
        column.append(whole_picoseconds(seconds, task.name))
    total = sum(column)
    if total > LONGEST_PS:
        raise ScheduleError(
            f"{schedule.graph.name}: {total / PICOSECONDS:.3g} s of work; at most {LONGEST_PS / PICOSECONDS:.3g} s are expected, "
            "what the clock holds; use a smaller batch or a faster device"
        )
    joules, watts = _energies(schedule, column)
    _add_rests(schedule, column, joules)
    return Durations(np.array(column, np.int64), joules, watts)


def whole_picoseconds(seconds: float, name: str) -> int:
    """Seconds rounded to whole picoseconds, ties to even.

    >>> whole_picoseconds(2.5e-12, "a/compute"), whole_picoseconds(1.25, "b/compute")
    (2, 1250000000000)
    """
    scaled = seconds * 1e12
    if not 0.0 <= scaled < LONGEST_PS:
        raise ScheduleError(f"task '{name}': {seconds} s; a duration from 0 to {LONGEST_PS / PICOSECONDS:.3g} s is expected")
    return round(scaled)


def _energies(schedule: Schedule, picoseconds: list[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energy of each task, and the power in it: its energy terms where its work has some, else active power * time; plus static
    power * time.
    """
    joules, watts = np.zeros(len(picoseconds)), np.zeros(len(picoseconds))
    static = math.fsum(static_powers(schedule).values())
    for i, tasks in enumerate(schedule.tasks_of()):
        unit = schedule.units[schedule.unit_of[i]]
        for name in dict.fromkeys(schedule.tasks[t].work for t in tasks):
            work = schedule.work[name]
            own = [t for t in tasks if schedule.tasks[t].work == name and schedule.tasks[t].phase != work.enqueue_phase]
            if own and by_actions(work, unit):
                _spend_actions(schedule, work, i, own, joules)
            timed = timed_tasks(work, own, picoseconds)
            power = static if by_actions(work, unit) else _known(unit.active_power_w) + static
            for t in timed:
                watts[t] = power
                joules[t] += active_joules(power, picoseconds[t] / PICOSECONDS)
    return joules, watts


def _add_rests(schedule: Schedule, picoseconds: list[int], joules: NDArray[np.float64]) -> None:
    """While a unit waits, for its host to hand an operator over or for a block to be there, it draws the device's idle power; without
    one its active power: it looks for the end again and again."""
    idle = idle_power(schedule)
    for task, waited_ps in (_waits_for_blocks if schedule.held else _waits_for_hosts)(schedule, picoseconds):
        power = schedule.units[schedule.unit_of[schedule.tasks[task].operator]].active_power_w if idle is None else idle
        joules[task] += active_joules(_known(power), waited_ps / PICOSECONDS)


def _waits_for_hosts(schedule: Schedule, picoseconds: list[int]) -> Iterator[tuple[int, int]]:
    """Tasks that hand an operator over, and how long its unit stands still until then [ps]."""
    clocks: dict[str, _Clock] = {}
    for tasks in schedule.tasks_of():
        for t in tasks:
            name = schedule.tasks[t].work
            if schedule.tasks[t].phase == schedule.work[name].enqueue_phase:
                others = [other for other in tasks if schedule.tasks[other].work == name and other != t]
                working = sum(picoseconds[other] for other in timed_tasks(schedule.work[name], others, picoseconds))
                yield t, clocks.setdefault(name, _Clock()).waited_for(picoseconds[t], working)


def _waits_for_blocks(schedule: Schedule, picoseconds: list[int]) -> Iterator[tuple[int, int]]:
    """Tasks of the chosen unit, and how long it stands still before them; at the end, until the last block is away [ps]."""
    ends: list[int] = []
    unit_ps = 0
    for index, task in enumerate(schedule.tasks):
        start = max((ends[before] for before in (*task.after, *task.follows)), default=0)
        ends.append(start + picoseconds[index])
        if task.resource == schedule.plan.unit:
            yield index, max(0, start - unit_ps)
            unit_ps = max(unit_ps, ends[-1])
    yield len(ends) - 1, max(ends) - unit_ps


class _Clock:
    """A unit and the host that hands its operators over, each busy with its own."""

    def __init__(self) -> None:
        self.host_ps = self.unit_ps = 0

    def waited_for(self, handing_over_ps: int, working_ps: int) -> int:
        """Time the unit stands still until the next operator is handed over [ps]."""
        self.host_ps += handing_over_ps
        waited = max(0, self.host_ps - self.unit_ps)
        self.unit_ps = max(self.host_ps, self.unit_ps) + working_ps
        return waited


def _known(power_w: float | None) -> float:
    return math.nan if power_w is None else power_w


def idle_power(schedule: Schedule) -> float | None:
    """Power of the device while it has nothing to do, if its file tells [W]."""
    state = schedule.device.power.get("idle")
    return None if state is None else state.power_w


def by_actions(work: UnitWork, unit: ComputeUnit) -> bool:
    """True where energy is a sum over actions; a link of unknown energy goes by the power of the unit that waits for it."""
    unknown_link = work.kind == "link" and math.isnan(work.energy_prices[0]) and unit.active_power_w is not None
    return bool(work.energy_terms) and not unknown_link


def _spend_actions(schedule: Schedule, work: UnitWork, i: int, tasks: list[int], joules: NDArray[np.float64]) -> None:
    """Put the energy of the actions of operator ``i`` into the task of their phase, else into its first."""
    phase_of = {schedule.tasks[t].phase: t for t in reversed(tasks)}
    for k, term in enumerate(work.energy_terms):
        if work.energy_amounts[i, k] != 0.0:
            joules[phase_of.get(term.phase, tasks[0])] += work.energy_amounts[i, k] * work.energy_prices[k]


def timed_tasks(work: UnitWork, tasks: list[int], picoseconds: list[int]) -> list[int]:
    """Tasks whose time is the operator's: all where phases follow each other, the longest where they overlap."""
    return tasks if work.join == "sum" or not tasks else [max(tasks, key=lambda t: picoseconds[t])]


def static_powers(schedule: Schedule) -> dict[str, float]:
    """Powers drawn busy or not where energy is counted by actions, by their path in the device file: the chosen unit's and those of
    the memories counted [W]."""
    unit, work = schedule.units[schedule.plan.unit], schedule.work[schedule.plan.unit]
    counted = {term.phase for term in work.energy_terms}
    powers = {f"units.{unit.name}.static_power": getattr(unit, "static_power_w", None)} if counted else {}
    powers |= {f"memories.{name}.static_power": m.static_power_w for name, m in schedule.device.memories.items() if name in counted}
    return {path: power for path, power in powers.items() if power is not None}
