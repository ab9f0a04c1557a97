"""Buffers over several memories: valid choices, never dearer than greedy, equal to trying everything."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from strategies.arena import Span, faults, plan_arena
from strategies.arena.several import Choice, over_memories


def instance(seed: int, count: int = 6) -> tuple[list[Span], dict[str, int], dict[str, list[int]]]:
    """Random buffers, a small memory and a large one; the large one costs."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 5, count)
    spans = [Span(int(s), int(s + rng.integers(1, 4)), int(rng.integers(1, 9))) for s in starts]
    return spans, {"near": 10, "far": 1000}, {"near": [0] * count, "far": [int(v) for v in rng.integers(1, 50, count)]}


def checked(spans: list[Span], rooms: dict[str, int], choice: Choice) -> None:
    """Every memory's arena is valid and within its room, by the checker that shares no code with planners."""
    for name, room in rooms.items():
        inside = [k for k, memory in enumerate(choice.memories) if memory == name]
        assert faults([spans[k] for k in inside], [choice.offsets[k] for k in inside], capacity=room) == []


@pytest.mark.parametrize("seed", range(8))
def test_cheapest_choice_is_that_of_trying_everything(seed: int) -> None:
    spans, rooms, costs = instance(seed)
    choice = over_memories(spans, rooms, costs)
    checked(spans, rooms, choice)
    best = min(
        sum(costs[name][k] for k, name in enumerate(tried))
        for tried in itertools.product(rooms, repeat=len(spans))
        if all(plan_arena([s for s, n in zip(spans, tried, strict=True) if n == name]).fits(rooms[name]) for name in rooms)
    )
    assert choice.cost == best
    assert choice.optimal and choice.bound == best


def test_what_fits_nowhere_is_named() -> None:
    choice = over_memories([Span(0, 1, 9), Span(0, 1, 3)], {"a": 4, "b": 8}, {"a": [0, 0], "b": [1, 1]})
    assert (choice.misplaced, choice.memories[0], choice.optimal) == ((0,), "b", False)


def test_many_buffers_are_placed_greedily_with_a_bound() -> None:
    rng = np.random.default_rng(7)
    spans = [Span(i, i + int(rng.integers(1, 6)), int(rng.integers(1, 100))) for i in range(400)]
    rooms = {"near": 150, "far": 100_000}
    choice = over_memories(spans, rooms, {"near": [0] * 400, "far": [span.size for span in spans]})
    checked(spans, rooms, choice)
    assert 0 <= choice.bound <= choice.cost < sum(span.size for span in spans)
