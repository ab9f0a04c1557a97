"""One arena as an engine makes it: buffers as sizes held over a range of steps, each put into the lowest gap, largest first.

The planners that look for less stand in :mod:`strategies.arena`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """One buffer: held at the steps lower <= step < upper."""

    lower: int
    upper: int
    size: int  # [B]


def height(spans: Sequence[Span], offsets: Sequence[int]) -> int:
    """Bytes an arena needs for these offsets.

    >>> height([Span(0, 2, 4), Span(1, 3, 8)], [8, 0])
    12
    """
    return max((offset + span.size for span, offset in zip(spans, offsets, strict=True)), default=0)


def peak_load(spans: Iterable[Span]) -> int:
    """Bytes held at the worst step: no arena is lower.

    >>> peak_load([Span(0, 2, 4), Span(1, 3, 8), Span(2, 4, 4)])
    12
    """
    changes: dict[int, int] = {}
    for lower, upper, size in spans:
        changes[lower] = changes.get(lower, 0) + size
        changes[upper] = changes.get(upper, 0) - size
    held = most = 0
    for step in sorted(changes):
        held += changes[step]
        most = max(most, held)
    return most


def lowest_gaps(spans: Sequence[Span], order: Iterable[int], alignment: int = 1) -> list[int]:
    """Offsets of buffers placed one after the other, each into the lowest gap that is free throughout its life.

    Parameters
    ----------
    spans : sequence of Span
    order : iterable of int
        Which buffer is placed when.
    alignment : int
        Offsets are multiples of this [B].

    Returns
    -------
    list of int
        Offset of each buffer, in the order of ``spans`` [B].
    """
    offsets = [0] * len(spans)
    placed: list[tuple[int, int, int, int]] = []  # start, end, first step, step after the last; by start
    for index in order:
        lower, upper, size = spans[index]
        floor = 0
        for start, end, begin, stop in placed:
            if begin < upper and lower < stop:
                if start - floor >= size:
                    break
                if end > floor:
                    floor = -(-end // alignment) * alignment
        offsets[index] = floor
        if size:
            insort(placed, (floor, floor + size, lower, upper))
    return offsets


def ordered(spans: Sequence[Span], key: Callable[[Span], tuple[int, ...]]) -> list[int]:
    """Indices of the buffers by ``key``, then by earlier start, then as given."""
    return sorted(range(len(spans)), key=lambda i: (*key(spans[i]), spans[i].lower, i))


def by_size(span: Span) -> tuple[int, ...]:
    """Largest first."""
    return (-span.size,)


def greedy_by_size(spans: Sequence[Span], alignment: int = 1) -> list[int]:
    """Offsets of buffers placed largest first, each in the lowest gap.

    Source: the planner of TensorFlow Lite and TensorFlow Lite Micro; Pisarchyk and Lee, "Efficient memory management for deep
    neural net inference", 2020, algorithm 3.

    >>> greedy_by_size([Span(0, 2, 4), Span(1, 3, 8), Span(2, 4, 4)])
    [8, 0, 8]
    """
    return lowest_gaps(spans, ordered(spans, by_size), alignment)
