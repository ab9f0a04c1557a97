"""Planners that place one buffer after the other: quick, and never far below their best.

Each is an order of the buffers and a rule for the gap: the lowest that fits, or the smallest. Ties go to the earlier start, then to
the order given.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence

from sim.arena import Span, by_size, greedy_by_size, lowest_gaps, ordered

__all__ = ["best_fit", "first_fit", "greedy_by_area", "greedy_by_size", "naive", "smallest_gaps"]


def smallest_gaps(spans: Sequence[Span], order: Iterable[int], alignment: int = 1) -> list[int]:
    """As :func:`lowest_gaps`, but each goes into the smallest gap that holds it; above all others where no gap does."""
    offsets = [0] * len(spans)
    placed: list[tuple[int, int, int, int]] = []
    for index in order:
        lower, upper, size = spans[index]
        floor, best, best_gap = 0, -1, 0
        for start, end, begin, stop in placed:
            if begin < upper and lower < stop:
                gap = start - floor
                if gap >= size and (best < 0 or gap < best_gap):
                    best, best_gap = floor, gap
                if end > floor:
                    floor = -(-end // alignment) * alignment
        offsets[index] = best if best >= 0 else floor
        if size:
            insort(placed, (offsets[index], offsets[index] + size, lower, upper))
    return offsets


def by_area(span: Span) -> tuple[int, ...]:
    """Size times length of life, largest first."""
    return (-span.size * (span.upper - span.lower),)


def by_start(span: Span) -> tuple[int, ...]:
    """Earliest first, of those the largest."""
    return (span.lower, -span.size)


def naive(spans: Sequence[Span], alignment: int = 1) -> list[int]:
    """Offsets without any reuse, one buffer above the other: the upper bound on everything.

    >>> naive([Span(0, 2, 4), Span(2, 4, 8)])
    [0, 4]
    """
    offsets, top = [], 0
    for span in spans:
        offsets.append(top)
        top = -(-(top + span.size) // alignment) * alignment
    return offsets


def greedy_by_area(spans: Sequence[Span], alignment: int = 1) -> list[int]:
    """Offsets of buffers placed by size times length of life, largest first, each in the lowest gap.

    >>> greedy_by_area([Span(0, 2, 4), Span(1, 3, 8), Span(2, 9, 4)])
    [0, 4, 0]
    """
    return lowest_gaps(spans, ordered(spans, by_area), alignment)


def best_fit(spans: Sequence[Span], alignment: int = 1) -> list[int]:
    """Offsets of buffers placed largest first, each in the smallest gap that holds it: best fit decreasing, as in XLA's heap
    simulator.

    >>> best_fit([Span(0, 2, 4), Span(1, 3, 8), Span(2, 4, 4)])
    [8, 0, 8]
    """
    return smallest_gaps(spans, ordered(spans, by_size), alignment)


def first_fit(spans: Sequence[Span], alignment: int = 1) -> list[int]:
    """Offsets of buffers placed in order of their start, larger ones first: interval colouring. Exact where all sizes are equal.

    >>> first_fit([Span(0, 2, 4), Span(1, 3, 8), Span(2, 4, 4)])
    [0, 4, 0]
    """
    return lowest_gaps(spans, ordered(spans, by_start), alignment)
