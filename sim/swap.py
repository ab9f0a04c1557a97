"""The schedule of a network under a swap plan: moves and parts of operators as tasks.

A plan leaves nothing open: a move waits for the parts that make room for it and for the move before it on its channel, so the closed
form is the length of the longest chain, as elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dataflows.footprint import Shortfall
from dataflows.unit_work import BLOCKS, UnitWork
from hwmodels.costs.link import break_even_macs_per_byte, link_prices, move_energies, wear_per_run
from hwmodels.terms import Term
from sim.memory import Placement
from sim.results import MemoryUse
from sim.schedule import Held, Schedule, Task
from sim.swap_plan import SwapPlan, SwapStep
from sim.tasks import phases_of, phases_of_part
from sim.trace import PICOSECONDS

SOURCE = "one request: latency + size / bandwidth"


def swapped(base: Schedule, swap: SwapPlan) -> Schedule:
    """The schedule of a network under a swap plan.

    Parameters
    ----------
    base : Schedule
        The same network as if everything that moves were in the near memory.
    """
    work = {**base.work, **_works(base, swap)}
    tasks = _Tasks(base, swap).tasks
    held = _held(base, swap)
    return replace(base, tasks=tuple(tasks), work=work, placement=_placement(base, swap), held=held)


class _Tasks:
    """Tasks while they are put in order."""

    def __init__(self, base: Schedule, swap: SwapPlan) -> None:
        self.base, self.swap = base, swap
        self.tasks: list[Task] = []
        self.ends: list[int] = []  # by step: the task that ends it
        self.enqueued: tuple[int, ...] = ()
        self.counts: dict[str, int] = {}
        self.begun: set[int] = set()  # operators of which a part was added
        for step in swap.steps:
            after, follows = (tuple(self.ends[n] for n in numbers) for numbers in (step.after, step.follows))
            if step.kind == "compute":
                self._add_part(step, after, follows)
            else:
                self._add_move(step, after, follows)

    def _add_move(self, step: SwapStep, after: tuple[int, ...], follows: tuple[int, ...]) -> None:
        storage = self.swap.storage
        channel = storage.name if storage.duplex == "half" else f"{storage.name} {'in' if step.kind == 'load' else 'out'}"
        before = [t for t in follows if self.tasks[t].operator == step.operator]
        amounts = ((0, 1.0), (1, float(step.bytes)))
        name = self._name(f"{self._operator(step)}/{step.kind} {step.name}")
        rest = tuple(t for t in follows if t not in before)
        self.tasks.append(
            Task(name, step.operator, storage.name, channel, amounts, (*after, *before), rest, f"{storage.name}.{step.kind}")
        )
        self.ends.append(len(self.tasks) - 1)

    def _add_part(self, step: SwapStep, after: tuple[int, ...], follows: tuple[int, ...]) -> None:
        unit = self.base.unit_of[step.operator]
        work = self.base.work[unit]
        part = step.name.removeprefix(self._operator(step))
        ends, waits = after, follows
        phases = phases_of_part(work, step.operator, step.share, step.operator not in self.begun)
        self.begun.add(step.operator)
        # What a host hands over comes first.
        for phase, amounts in sorted(phases, key=lambda entry: entry[0] != work.enqueue_phase):
            name = f"{self._operator(step)}{part}/{phase}"
            if phase == work.enqueue_phase:
                self.tasks.append(Task(name, step.operator, phase, f"{unit}/{phase}", amounts, self.enqueued, (), unit))
                self.enqueued = (len(self.tasks) - 1,)
                ends = (*after, *self.enqueued)
                continue
            own = tuple(t for t in waits if self.tasks[t].operator == step.operator)
            rest = tuple(t for t in waits if t not in own and t not in ends)
            self.tasks.append(Task(name, step.operator, phase, unit, amounts, tuple(dict.fromkeys((*ends, *own))), rest, unit))
            ends, waits = (len(self.tasks) - 1,), ()
        self.ends.append(ends[0] if len(ends) == 1 and ends != after else len(self.tasks) - 1)

    def _operator(self, step: SwapStep) -> str:
        return self.base.graph.operators[step.operator].name

    def _name(self, name: str) -> str:
        """A name of its own."""
        self.counts[name] = self.counts.get(name, 0) + 1
        return name if self.counts[name] == 1 else f"{name} {self.counts[name]}"


def _works(base: Schedule, swap: SwapPlan) -> dict[str, UnitWork]:
    """Requests and bytes of the moves, in each direction."""
    storage = swap.storage
    rates = {
        "load": (storage.read_bandwidth_bytes_per_s, storage.read_latency_s),
        "store": (storage.write_bandwidth_bytes_per_s, storage.write_latency_s),
    }
    return {
        f"{storage.name}.{kind}": _work(base, swap, kind, bandwidth, latency)
        for kind, (bandwidth, latency) in rates.items()
        if any(step.kind == kind for step in swap.steps)
    }


def _work(base: Schedule, swap: SwapPlan, kind: str, bandwidth: float, latency: float) -> UnitWork:
    storage = swap.storage
    terms = (
        Term("requests", storage.name, "request", "blocks moved", "latency", ("latency",), SOURCE),
        Term("bytes", storage.name, "B", "bytes of the blocks moved", "1 / bandwidth", ("bandwidth",), SOURCE),
    )
    amounts = np.zeros((len(base.graph.operators), 2))
    traffic = np.zeros((len(base.graph.operators), 2, 2), np.int64)
    for step in swap.steps:
        if step.kind == kind:
            amounts[step.operator] += (1.0, step.bytes)
            inward = kind == "load"
            traffic[step.operator, 0 if inward else 1, 0] += step.bytes
            traffic[step.operator, 1 if inward else 0, 1] += step.bytes
    return UnitWork(
        unit=f"{storage.name}.{kind}", kind=BLOCKS, join="sum", terms=terms, parameters=None, amounts=amounts,
        levels=(storage.name, swap.near), traffic=traffic, prices=np.array(link_prices(bandwidth, latency)), energy_terms=terms,
        energy_amounts=amounts, energy_prices=np.array(move_energies(storage.power_w, bandwidth, latency)),
    )  # fmt: skip


def _placement(base: Schedule, swap: SwapPlan) -> Placement:
    """What the near and the far memory hold; other memories keep the constants that were kept."""
    graph, storage = base.graph, swap.storage
    buffers = tuple(
        replace(buffer, region=swap.near if swap.staying & set(buffer.tensors) else storage.name)
        for buffer in base.placement.buffers
    )
    far_activations = sum(buffer.bytes for buffer in buffers if buffer.region == storage.name)
    weights = {name: region for name, region in base.placement.weights.items() if name in swap.kept}
    weights |= {name: storage.name for name in base.placement.weights if name not in swap.kept}
    held: dict[str, int] = {}
    for name, region in weights.items():
        held[region] = held.get(region, 0) + graph.tensors[name].bytes
    uses = {}
    loads: dict[str, tuple[int, ...]] = {}
    for name, use in base.placement.memory.items():
        near = name == swap.near
        loads[name] = tuple(bytes_ - swap.resident_bytes for bytes_ in swap.near_peak) if near else (0,) * len(swap.near_peak)
        constant = swap.resident_bytes if near else held.get(name, 0)
        uses[name] = MemoryUse(
            use.kind, constant + max(loads[name], default=0), constant, max(loads[name], default=0), 0, use.capacity_bytes
        )
    constant = held.get(storage.name, 0)
    loads[storage.name] = (far_activations,) * max(1, len(swap.near_peak))
    uses[storage.name] = MemoryUse("storage", constant + far_activations, constant, far_activations, 0, storage.capacity_bytes)
    shortfalls = tuple(_shortfall(name, use) for name, use in uses.items() if not use.fits)
    return replace(base.placement, weights=weights, buffers=buffers, loads=loads, memory=uses, shortfalls=shortfalls, notes=())


def _shortfall(name: str, use: MemoryUse) -> Shortfall:
    return Shortfall(name, use.peak_bytes, use.capacity_bytes or 0, None, (), ())


def _held(base: Schedule, swap: SwapPlan) -> tuple[Held, ...]:
    """Every block in the near memory: from its load, or what makes it, to what needs it last, or its store."""
    spans = _tasks_of_steps(base, swap)
    found = []
    for place, step in enumerate(swap.steps):
        if step.kind == "load" and step.until >= 0:
            found.append(Held(step.name, swap.near, step.bytes, spans[place][0], spans[step.until][-1]))
        elif step.kind == "store":
            found.append(Held(step.name, swap.near, step.bytes, spans[step.after[0]][0], spans[place][-1]))
    return tuple(found)


def _tasks_of_steps(base: Schedule, swap: SwapPlan) -> list[range]:
    """Tasks of each step, what a host hands over left out."""
    found: list[range] = []
    task = 0
    for step in swap.steps:
        first = task
        if step.kind == "compute":
            work = base.work[base.unit_of[step.operator]]
            phases = phases_of(work, step.operator)
            task += len(phases)
            first += sum(phase == work.enqueue_phase for phase, _ in phases) if len(phases) > 1 else 0
        else:
            task += 1
        found.append(range(first, task))
    return found


def told_of(schedule: Schedule, makespan_ps: int) -> tuple[dict[str, Any], list[str]]:
    """What a report tells of swapping, as figures and as sentences; nothing where nothing is swapped."""
    if schedule.plan.swap is None:
        return {}, []
    figures = _figures(schedule.plan.swap, int(schedule.tables.operators.macs.sum()), makespan_ps)
    return {"swap": figures}, _sentences(figures, makespan_ps)


def _figures(swap: SwapPlan, macs: int, makespan_ps: int) -> dict[str, Any]:
    """Where to, bytes moved, time beyond that of computing with everything near, wear."""
    storage = swap.storage
    wear = None
    if storage.endurance is not None:
        wear = wear_per_run(swap.stored_bytes, storage.write_amplification, storage.capacity_bytes, storage.endurance)
    return {
        "to": storage.name,
        "near": swap.near,
        "policy": swap.policy,
        "loads": sum(step.kind == "load" for step in swap.steps),
        "stores": sum(step.kind == "store" for step in swap.steps),
        "read_bytes": swap.loaded_bytes,
        "written_bytes": swap.stored_bytes,
        "computing_s": swap.computing_ps / PICOSECONDS,
        "exposed_s": max(0, makespan_ps - swap.computing_ps) / PICOSECONDS,
        "bound_s": swap.bound_ps / PICOSECONDS,
        "break_even_macs_per_byte": break_even_macs_per_byte(
            macs, swap.computing_ps / PICOSECONDS, storage.read_bandwidth_bytes_per_s
        ),
        "wear_per_run": wear,
    }


def _sentences(told: Mapping[str, Any], makespan_ps: int) -> list[str]:
    """The same in words."""
    share = 100 * told["exposed_s"] * PICOSECONDS / max(1, makespan_ps)
    lines = [
        f"swap: {told['policy']}, {told['near']} and {told['to']}: {told['loads']:,} loads of {told['read_bytes'] / 1e6:,.1f} MB, "
        f"{told['stores']:,} stores of {told['written_bytes'] / 1e6:,.1f} MB; {told['exposed_s']:.3g} s of moves and of starting parts "
        f"are not hidden under computing ({share:.1f} % of the time); at {told['break_even_macs_per_byte']:.3g} MAC for each byte "
        "moved computing and moving take as long"
    ]
    if told["wear_per_run"]:
        lines.append(
            f"swap: one run takes {told['wear_per_run']:.2g} of the life of {told['to']}: {1 / told['wear_per_run']:,.0f} runs"
        )
    return lines
