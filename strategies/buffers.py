"""Tensors -> offsets: where each buffer lies in the arena of its memory.

Buffers that are held at the same step must not share an address; the arena's height is the highest end of any. The peak load (bytes
held at the worst step) is a lower bound of the height under every planner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """One buffer: held at the steps lower <= step < upper."""

    lower: int
    upper: int
    size: int  # [B]


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
    placed: list[int] = []
    for index in order:
        span = spans[index]
        together = (i for i in placed if spans[i].lower < span.upper and span.lower < spans[i].upper)
        floor = 0
        for start, end in sorted((offsets[i], offsets[i] + spans[i].size) for i in together):
            if start - floor >= span.size:
                break
            floor = max(floor, -(-end // alignment) * alignment)
        offsets[index] = floor
        placed.append(index)
    return offsets


def greedy_by_size(spans: Sequence[Span], alignment: int = 1) -> list[int]:
    """Offsets of buffers placed largest first; ties go to the earlier start, then to the order given.

    Source: the planner of TensorFlow Lite and TensorFlow Lite Micro; Pisarchyk and Lee, "Efficient memory management for deep
    neural net inference", 2020, algorithm 3.

    >>> greedy_by_size([Span(0, 2, 4), Span(1, 3, 8), Span(2, 4, 4)])
    [8, 0, 8]
    """
    return lowest_gaps(spans, sorted(range(len(spans)), key=lambda i: (-spans[i].size, spans[i].lower, i)), alignment)


def greedy_by_area(spans: Sequence[Span], alignment: int = 1) -> list[int]:
    """Offsets of buffers placed by size times length of life, largest first; ties go to the earlier start.

    >>> greedy_by_area([Span(0, 2, 4), Span(1, 3, 8), Span(2, 9, 4)])
    [0, 4, 0]
    """

    def key(i: int) -> tuple[int, int, int]:
        return -spans[i].size * (spans[i].upper - spans[i].lower), spans[i].lower, i

    return lowest_gaps(spans, sorted(range(len(spans)), key=key), alignment)


def first_fit(spans: Sequence[Span], alignment: int = 1) -> list[int]:
    """Offsets of buffers placed in order of their start, larger ones first: interval colouring. Exact where all sizes are equal.

    >>> first_fit([Span(0, 2, 4), Span(1, 3, 8), Span(2, 4, 4)])
    [0, 4, 0]
    """
    return lowest_gaps(spans, sorted(range(len(spans)), key=lambda i: (spans[i].lower, -spans[i].size, i)), alignment)


#: Planners by name, in the order in which equal results are preferred.
PLANNERS: dict[str, Callable[[Sequence[Span]], list[int]]] = {
    "greedy_by_size": greedy_by_size,
    "greedy_by_area": greedy_by_area,
    "first_fit": first_fit,
}


def height(spans: Sequence[Span], offsets: Sequence[int]) -> int:
    """Bytes an arena needs for these offsets.

    >>> height([Span(0, 2, 4), Span(1, 3, 8)], [8, 0])
    12
    """
    return max((offset + span.size for span, offset in zip(spans, offsets, strict=True)), default=0)


def peak_load(spans: Sequence[Span]) -> int:
    """Bytes held at the worst step.

    >>> peak_load([Span(0, 2, 4), Span(1, 3, 8), Span(2, 4, 4)])
    12
    """
    changes: dict[int, int] = {}
    for span in spans:
        changes[span.lower] = changes.get(span.lower, 0) + span.size
        changes[span.upper] = changes.get(span.upper, 0) - span.size
    held = most = 0
    for step in sorted(changes):
        held += changes[step]
        most = max(most, held)
    return most
