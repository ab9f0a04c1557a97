"""Tasks whose time depends on the processor, with data to hand over between processors: list scheduling by upward rank.

HEFT: Topcuoglu, Hariri and Wu, "Performance-effective and low-complexity task scheduling for heterogeneous computing", TPDS 2002,
section 4.2. A task that a processor cannot run takes it infinitely long.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from strategies.errors import StrategyError


@dataclass(frozen=True)
class UnrelatedTasks:
    """Tasks with a time on each processor.

    Attributes
    ----------
    times : tuple of tuple of float
        By task, by processor; infinite where it cannot run there.
    edges : tuple of (int, int, float)
        (earlier, later, time to hand over where they run on different processors).
    """

    times: tuple[tuple[float, ...], ...]
    edges: tuple[tuple[int, int, float], ...] = ()

    def __post_init__(self) -> None:
        for task, row in enumerate(self.times):
            if not any(math.isfinite(time) for time in row):
                raise StrategyError(f"task {task}: no processor can run it; a finite time on one of them is expected")

    @cached_property
    def before(self) -> list[list[tuple[int, float]]]:
        """By task: those before it, with the time to hand over."""
        found: list[list[tuple[int, float]]] = [[] for _ in self.times]
        for earlier, later, time in self.edges:
            found[later].append((earlier, time))
        return found

    @cached_property
    def after(self) -> list[list[tuple[int, float]]]:
        """By task: those after it, with the time to hand over."""
        found: list[list[tuple[int, float]]] = [[] for _ in self.times]
        for earlier, later, time in self.edges:
            found[earlier].append((later, time))
        return found


@dataclass(frozen=True)
class Assignment:
    """Processor, start and end of each task."""

    processors: tuple[int, ...]
    starts: tuple[float, ...]
    ends: tuple[float, ...]

    @property
    def makespan(self) -> float:
        """End of the last task."""
        return max(self.ends, default=0.0)


def upward_ranks(tasks: UnrelatedTasks) -> list[float]:
    """Length of the longest way from a task to the end, mean times and mean hand-overs: rank = w + max(c + rank of the next).

    The mean hand-over is the time between different processors: all pairs are equally far.
    """
    ranks = [-1.0] * len(tasks.times)
    order = _in_order(tasks)
    for task in reversed(order):
        finite = [time for time in tasks.times[task] if math.isfinite(time)]
        behind = max((handed + ranks[later] for later, handed in tasks.after[task]), default=0.0)
        ranks[task] = math.fsum(finite) / len(finite) + behind
    return ranks


def heft(tasks: UnrelatedTasks) -> Assignment:
    """Tasks by descending rank, each where it ends first, in gaps too.

    >>> heft(UnrelatedTasks(((2.0, 4.0), (3.0, 1.0)), ((0, 1, 5.0),))).makespan
    5.0
    """
    ranks = upward_ranks(tasks)
    count = len(tasks.times)
    busy: list[list[tuple[float, float]]] = [[] for _ in tasks.times[0]] if count else []
    processors, starts, ends = [0] * count, [0.0] * count, [0.0] * count
    for task in sorted(range(count), key=lambda n: (-ranks[n], n)):
        best: tuple[float, int, float] | None = None
        for p, time in enumerate(tasks.times[task]):
            if not math.isfinite(time):
                continue
            ready = max((ends[b] + (handed if processors[b] != p else 0.0) for b, handed in tasks.before[task]), default=0.0)
            start = _gap(busy[p], ready, time)
            if best is None or start + time < best[0]:
                best = (start + time, p, start)
        assert best is not None
        ends[task], processors[task], starts[task] = best
        busy[best[1]].append((best[2], best[0]))
        busy[best[1]].sort()
    return Assignment(tuple(processors), tuple(starts), tuple(ends))


def _gap(busy: Sequence[tuple[float, float]], ready: float, time: float) -> float:
    """Start of the first gap that is long enough."""
    start = ready
    for begin, end in busy:
        if start + time <= begin:
            return start
        start = max(start, end)
    return start


def _in_order(tasks: UnrelatedTasks) -> list[int]:
    """Tasks, each after those before it."""
    waits = [len(entry) for entry in tasks.before]
    order = [n for n, count in enumerate(waits) if not count]
    for task in order:
        for later, _ in tasks.after[task]:
            waits[later] -= 1
            if not waits[later]:
                order.append(later)
    if len(order) < len(waits):
        raise StrategyError("tasks: some wait for each other in a circle; an order in which all can run is expected")
    return order


def lower_bound(tasks: UnrelatedTasks) -> float:
    """No assignment is shorter than the longest way of fastest times, nor than all fastest times spread evenly."""
    fastest = [min(row) for row in tasks.times]
    tails = [0.0] * len(fastest)
    for task in reversed(_in_order(tasks)):
        tails[task] = fastest[task] + max((tails[later] for later, _ in tasks.after[task]), default=0.0)
    return max(max(tails, default=0.0), math.fsum(fastest) / max(1, len(tasks.times[0]) if tasks.times else 1))
