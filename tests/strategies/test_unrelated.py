"""HEFT: its known example, its guarantees on small cases, and what cannot be scheduled."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from strategies.errors import StrategyError
from strategies.unrelated import Assignment, UnrelatedTasks, heft, lower_bound, upward_ranks

#: Topcuoglu et al., TPDS 2002, figure 2: ten tasks on three processors.
PAPER = UnrelatedTasks(
    ((14, 16, 9), (13, 19, 18), (11, 13, 19), (13, 8, 17), (12, 13, 10), (13, 16, 9), (7, 15, 11), (5, 11, 14), (18, 12, 20),
     (21, 7, 16)),
    ((0, 1, 18), (0, 2, 12), (0, 3, 9), (0, 4, 11), (0, 5, 14), (1, 7, 19), (1, 8, 16), (2, 6, 23), (3, 7, 27), (3, 8, 23),
     (4, 8, 13), (5, 7, 15), (6, 9, 17), (7, 9, 11), (8, 9, 13)),
)  # fmt: skip


def valid(tasks: UnrelatedTasks, found: Assignment) -> None:
    for task, (p, start, end) in enumerate(zip(found.processors, found.starts, found.ends, strict=True)):
        assert end - start == pytest.approx(tasks.times[task][p])
    for earlier, later, handed in tasks.edges:
        wait = handed if found.processors[earlier] != found.processors[later] else 0.0
        assert found.starts[later] >= found.ends[earlier] + wait - 1e-9
    for a, b in itertools.combinations(range(len(tasks.times)), 2):
        apart = found.ends[a] <= found.starts[b] + 1e-9 or found.ends[b] <= found.starts[a] + 1e-9
        assert found.processors[a] != found.processors[b] or apart


def shortest(tasks: UnrelatedTasks) -> float:
    """Every order and every placement, each task as early as it can behind those before it: one of them is optimal."""
    count, best = len(tasks.times), math.inf
    for order in itertools.permutations(range(count)):
        if any(order.index(a) > order.index(b) for a, b, _ in tasks.edges):
            continue
        for places in itertools.product(range(len(tasks.times[0])), repeat=count):
            free = [0.0] * len(tasks.times[0])
            ends = [0.0] * count
            for task in order:
                p = places[task]
                ready = max((ends[b] + (c if places[b] != p else 0.0) for b, c in tasks.before[task]), default=0.0)
                ends[task] = free[p] = max(free[p], ready) + tasks.times[task][p]
            best = min(best, max(ends))
    return best


def random_tasks(seed: int, count: int, processors: int) -> UnrelatedTasks:
    random = np.random.default_rng(seed)
    times = tuple(tuple(float(t) for t in random.integers(1, 20, processors)) for _ in range(count))
    edges = {(int(a), b): float(random.integers(0, 15)) for b in range(1, count) for a in random.integers(0, b, 2)}
    return UnrelatedTasks(times, tuple((a, b, c) for (a, b), c in sorted(edges.items())))


def test_the_example_of_the_paper() -> None:
    """Table 2 and figure 3a: ranks from 108 to 14.667, schedule of length 80."""
    assert [round(rank, 3) for rank in upward_ranks(PAPER)] == [
        108.0,
        77.0,
        80.0,
        80.0,
        69.0,
        63.333,
        42.667,
        35.667,
        44.333,
        14.667,
    ]
    found = heft(PAPER)
    assert found.makespan == 80
    assert list(zip(found.processors, found.starts, found.ends, strict=True)) == [
        (2, 0, 9), (0, 27, 40), (2, 9, 28), (1, 18, 26), (2, 28, 38), (1, 26, 42), (2, 38, 49), (0, 57, 62), (1, 56, 68), (1, 73, 80),
    ]  # fmt: skip
    valid(PAPER, found)


@pytest.mark.parametrize("seed", range(20))
def test_schedules_are_valid_and_between_their_bounds(seed: int) -> None:
    tasks = random_tasks(seed, 5, 2)
    found = heft(tasks)
    valid(tasks, found)
    best = shortest(tasks)
    assert lower_bound(tasks) <= best + 1e-9 <= found.makespan + 2e-9


def test_one_processor_does_all_the_work_and_infinite_times_are_avoided() -> None:
    tasks = UnrelatedTasks(((3.0,), (4.0,), (5.0,)), ((0, 2, 9.0),))
    assert heft(tasks).makespan == 12.0
    picky = UnrelatedTasks(((math.inf, 4.0), (1.0, math.inf)), ((0, 1, 2.0),))
    assert heft(picky).processors == (1, 0) and heft(picky).makespan == 7.0


def test_what_cannot_be_scheduled_is_refused() -> None:
    with pytest.raises(StrategyError, match="task 0: no processor can run it"):
        UnrelatedTasks(((math.inf, math.inf),))
    with pytest.raises(StrategyError, match="wait for each other in a circle"):
        heft(UnrelatedTasks(((1.0,), (1.0,)), ((0, 1, 0.0), (1, 0, 0.0))))
