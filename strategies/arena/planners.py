"""Planners by name, and the one function that runs them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sim.arena import Span, height, peak_load
from strategies.arena.climb import hill_climbing
from strategies.arena.exact import Budget, exact
from strategies.arena.greedy import best_fit, first_fit, greedy_by_area, greedy_by_size, naive
from strategies.arena.satisfaction import satisfy
from strategies.arena.spans import ArenaPlan, aligned, checked
from strategies.errors import ArenaError
from workloads.errors import nearest

#: Quick planners: offsets of (spans, alignment).
QUICK: dict[str, Callable[[Sequence[Span], int], list[int]]] = {
    "best_fit": best_fit,
    "first_fit": first_fit,
    "greedy_by_area": greedy_by_area,
    "greedy_by_size": greedy_by_size,
    "naive": naive,
}

#: Every planner, with what it does.
PLANNERS = {
    "best_fit": "largest first, each in the smallest gap that holds it",
    "constraint": "constraint programming, with a proof where the time allows it",
    "exact": "canonical search with a proof where the time allows it, then constraint programming",
    "first_fit": "earliest first, each in the lowest gap; exact where all sizes are equal",
    "greedy_by_area": "largest size times life first, each in the lowest gap",
    "greedy_by_size": "largest first, each in the lowest gap, as TensorFlow Lite Micro does",
    "hill_climbing": "500 swaps of the order in which buffers are placed",
    "naive": "no reuse",
}


def plan_arena(
    spans: Sequence[Span],
    planner: str = "exact",
    *,
    capacity: int | None = None,
    alignment: int = 1,
    budget: Budget | None = None,
    seed: int = 0,
) -> ArenaPlan:
    """Offsets of a list of buffers.

    Parameters
    ----------
    spans : sequence of Span
    planner : str
        A name of :data:`PLANNERS`.
    capacity : int, optional
        Bytes of the arena: the exact planner stops soon after it has a plan within it [B].
    alignment : int
        Offsets are multiples of this [B]; sizes are rounded up to it.
    budget : Budget, optional
        Time and nodes of the exact planners; 60 s by default.
    seed : int

    Raises
    ------
    ArenaError
        An unknown planner, a buffer that cannot be, an alignment below 1.

    >>> plan = plan_arena([Span(0, 2, 1), Span(1, 3, 1), Span(2, 4, 2), Span(0, 1, 2)])
    >>> plan.height, plan.optimal
    (3, True)
    """
    if planner not in PLANNERS:
        raise ArenaError(f"planner: '{planner}'; one of {', '.join(PLANNERS)} is expected; {nearest(planner, PLANNERS)}")
    if capacity is not None and capacity < 0:
        raise ArenaError(f"capacity: {capacity}; a whole number of bytes >= 0 is expected")
    began = time.monotonic()
    rounded = aligned(checked(spans), alignment)
    budget = budget or Budget()
    notes: list[str] = []
    bound = peak_load(rounded)
    if planner in QUICK:
        offsets = QUICK[planner](rounded, 1)
    elif planner == "hill_climbing":
        offsets = hill_climbing(rounded, seed=seed)
    elif planner == "constraint":
        offsets, bound, notes = _constraint(rounded, bound, budget, seed)
    else:
        offsets, bound, notes = exact(rounded, capacity=capacity, budget=budget, seed=seed)
    return ArenaPlan(planner, tuple(offsets), height(rounded, offsets), bound, time.monotonic() - began, tuple(notes))


def _constraint(spans: Sequence[Span], bound: int, budget: Budget, seed: int) -> tuple[list[int], int, list[str]]:
    """The best quick plan, lowered by constraint programming."""
    quick = min((planner(spans, 1) for planner in QUICK.values()), key=lambda offsets: height(spans, offsets))
    tall = height(spans, quick)
    if tall == bound:
        return quick, bound, []
    answer = satisfy(spans, bound, tall, quick, min(budget.left, 3600.0), seed)
    offsets = answer.offsets or quick
    bound = min(max(bound, answer.bound), height(spans, offsets))
    return offsets, bound, [] if height(spans, offsets) == bound else [f"stopped by the time limit; {bound} B is the proved bound"]
