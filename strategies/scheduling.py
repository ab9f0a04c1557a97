"""Who runs what, when: tasks with precedence on processors, for the shortest run. List schedules, and the exact optimum by CP-SAT.

Every answer is a :class:`Timetable`; :func:`system_of_timetable` turns it into a system that both engines of ``sim/`` play.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim.errors import ScheduleError
from sim.playable import checked
from sim.system import Activity, Resource, System


@dataclass(frozen=True)
class Timetable:
    """Start and processor of each task, and how sure it is that no timetable is shorter.

    Attributes
    ----------
    starts : tuple of int
    processors : tuple of int
    makespan : int
        End of the last task, in the unit of the durations.
    bound : int
        No timetable is shorter than this.
    method : str
        ``list`` or ``cp_sat``.
    """

    starts: tuple[int, ...]
    processors: tuple[int, ...]
    makespan: int
    bound: int
    method: str

    @property
    def optimal(self) -> bool:
        """True where it is proved that none is shorter."""
        return self.makespan == self.bound

    @property
    def gap(self) -> float:
        """How much shorter a timetable could be at most, as a share of this one."""
        return (self.makespan - self.bound) / self.makespan if self.makespan else 0.0


@dataclass(frozen=True)
class Tasks:
    """Tasks with whole durations, and which must end before which begin.

    Attributes
    ----------
    durations : tuple of int
    edges : tuple of (int, int)
        (earlier, later).
    """

    durations: tuple[int, ...]
    edges: tuple[tuple[int, int], ...] = ()

    def before(self) -> list[tuple[int, ...]]:
        """By task: those that must have ended."""
        found: list[list[int]] = [[] for _ in self.durations]
        for earlier, later in self.edges:
            found[later].append(earlier)
        return [tuple(entry) for entry in found]

    def check(self, processors: int) -> Tasks:
        """The tasks themselves, if they can be scheduled on so many processors."""
        if processors < 1:
            raise ScheduleError(f"processors: {processors}; at least 1 is expected; leave the option out for 1")
        before = self.before()
        checked(
            System("tasks", (Resource("processor"),), activities=tuple(
                Activity(f"task {n}", "processor", d, b) for n, (d, b) in enumerate(zip(self.durations, before, strict=True))
            ))
        )  # fmt: skip
        return self


def list_schedule(tasks: Tasks, processors: int) -> Timetable:
    """Whenever a processor is free, it takes the ready task with the longest chain after it.

    Never longer than (2 - 1/processors) times the shortest (Graham, Bounds for certain multiprocessing anomalies, 1966).

    >>> list_schedule(Tasks((3, 2, 2, 1), ((0, 3),)), 2).makespan
    4
    """
    before = tasks.check(processors).before()
    tails = _tails(tasks)
    waits_for = [len(entry) for entry in before]
    following = _following(tasks)
    ready = [(-tails[n], n) for n, count in enumerate(waits_for) if not count]
    heapq.heapify(ready)
    running: list[tuple[int, int]] = []
    free = list(range(processors))
    starts, places, now = [0] * len(before), [0] * len(before), 0
    while ready or running:
        while ready and free:
            _, task = heapq.heappop(ready)
            starts[task], places[task] = now, heapq.heappop(free)
            heapq.heappush(running, (now + tasks.durations[task], task))
        now = running[0][0]
        while running and running[0][0] == now:
            _, task = heapq.heappop(running)
            heapq.heappush(free, places[task])
            for later in following[task]:
                waits_for[later] -= 1
                if not waits_for[later]:
                    heapq.heappush(ready, (-tails[later], later))
    return Timetable(tuple(starts), tuple(places), now, lower_bound(tasks, processors), "list")


def lower_bound(tasks: Tasks, processors: int) -> int:
    """No timetable is shorter than the longest chain, nor than all work spread evenly.

    >>> lower_bound(Tasks((3, 2, 2, 1), ((0, 3),)), 2)
    4
    """
    return max(max(_tails(tasks), default=0), -(-sum(tasks.durations) // processors))


def shortest_schedule(tasks: Tasks, processors: int, seconds: float = 30.0, seed: int = 0) -> Timetable:
    """The shortest timetable on identical processors, by constraint programming; in the time given, and how far it may be off.

    One interval per task, no more of them at once than there are processors, ends before starts along the edges. Which processor
    runs which task follows from the starts: intervals that never overlap in more than ``processors`` can be coloured with as many.

    Examples
    --------
    >>> found = shortest_schedule(Tasks((3, 2, 2, 1), ((0, 3),)), 2)
    >>> found.makespan, found.optimal
    (4, True)
    """
    from ortools.sat.python import cp_model

    start_with = list_schedule(tasks, processors)
    least, most = lower_bound(tasks, processors), start_with.makespan
    if least == most:
        return Timetable(start_with.starts, start_with.processors, most, least, "cp_sat")
    model = cp_model.CpModel()
    starts = [model.new_int_var(0, most, f"start {n}") for n in range(len(tasks.durations))]
    intervals = [model.new_fixed_size_interval_var(s, d, f"task {n}") for n, (s, d) in enumerate(_pairs(starts, tasks.durations))]
    makespan = model.new_int_var(least, most, "makespan")
    for earlier, later in tasks.edges:
        model.add(starts[later] >= starts[earlier] + tasks.durations[earlier])
    for start, duration in _pairs(starts, tasks.durations):
        model.add(makespan >= start + duration)
    model.add_cumulative(intervals, [1] * len(intervals), processors)
    for start, hint in zip(starts, start_with.starts, strict=True):
        model.add_hint(start, hint)
    model.minimize(makespan)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = seconds
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return start_with
    found = tuple(solver.value(start) for start in starts)
    bound = math.ceil(solver.best_objective_bound - 1e-6)
    return Timetable(found, _coloured(found, tasks.durations, processors), int(solver.value(makespan)), bound, "cp_sat")


def system_of_timetable(tasks: Tasks, timetable: Timetable) -> System:
    """A timetable as a system to be played: each processor works through its tasks in the order of their starts."""
    count = max(timetable.processors, default=0) + 1
    last: dict[int, int] = {}
    follows: list[tuple[int, ...]] = [()] * len(tasks.durations)
    before = tasks.before()
    for task in sorted(range(len(tasks.durations)), key=lambda n: (timetable.starts[n], tasks.durations[n], n)):
        processor = timetable.processors[task]
        if processor in last and last[processor] not in before[task]:
            follows[task] = (last[processor],)
        last[processor] = task
    return System(
        "timetable",
        tuple(Resource(f"processor {number}") for number in range(count)),
        activities=tuple(
            Activity(f"task {n}", f"processor {timetable.processors[n]}", duration, before[n], follows[n])
            for n, duration in enumerate(tasks.durations)
        ),
    )


def _pairs(starts: Sequence, durations: Sequence[int]) -> zip:
    return zip(starts, durations, strict=True)


def _following(tasks: Tasks) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in tasks.durations]
    for earlier, later in tasks.edges:
        found[earlier].append(later)
    return found


def _tails(tasks: Tasks) -> list[int]:
    """By task: length of the longest chain that begins with it."""
    following, waits_for = _following(tasks), [len(entry) for entry in tasks.before()]
    order = [n for n, count in enumerate(waits_for) if not count]
    for task in order:
        for later in following[task]:
            waits_for[later] -= 1
            if not waits_for[later]:
                order.append(later)
    tails = [0] * len(tasks.durations)
    for task in reversed(order):
        tails[task] = tasks.durations[task] + max((tails[later] for later in following[task]), default=0)
    return tails


def _coloured(starts: Sequence[int], durations: Sequence[int], processors: int) -> tuple[int, ...]:
    """A processor for each task, so that no two at once have the same."""
    busy_until = [0] * processors
    found = [0] * len(starts)
    for task in sorted(range(len(starts)), key=lambda n: (starts[n], durations[n], n)):
        found[task] = next(p for p in range(processors) if busy_until[p] <= starts[task])
        busy_until[found[task]] = starts[task] + durations[task]
    return tuple(found)
