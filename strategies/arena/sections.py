"""Buffers as a table of sections: stretches of time with a constant set of living buffers, and parts that do not meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.arena import Span


class SpanTable(NamedTuple):
    """Buffers over sections, as columns. A section whose living buffers are all alive in a neighbouring one is left out."""

    size: NDArray[np.int64]  # units of each buffer
    first: NDArray[np.int64]  # first section of each buffer
    last: NDArray[np.int64]  # section after its last
    section_start: NDArray[np.int64]  # where the buffers of each section begin in ``living``; one more entry than sections
    living: NDArray[np.int64]  # buffers alive in each section, section by section
    neighbour_start: NDArray[np.int64]  # where the neighbours of each buffer begin in ``neighbours``; one more entry than buffers
    neighbours: NDArray[np.int64]  # buffers that share a section with each buffer, buffer by buffer


@dataclass(frozen=True)
class Part:
    """Buffers to be placed by themselves, above ``base``: nothing else lives at their time but what lies below."""

    members: tuple[int, ...]
    base: int


def living_sets(spans: Sequence[Span]) -> list[frozenset[int]]:
    """Buffers alive in each section, in order of time; only the largest sets.

    >>> living_sets([Span(0, 2, 1), Span(1, 3, 1), Span(2, 4, 1)])
    [frozenset({0, 1}), frozenset({1, 2})]
    """
    starts: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for index, span in enumerate(spans):
        starts.setdefault(span.lower, []).append(index)
        ends.setdefault(span.upper, []).append(index)
    found: list[frozenset[int]] = []
    alive: set[int] = set()
    grown = False
    for step in sorted({*starts, *ends}):
        if step in ends:
            if grown:  # the largest sets are those just before a death that follows a birth
                found.append(frozenset(alive))
            alive.difference_update(ends[step])
            grown = False
        if step in starts:
            alive.update(starts[step])
            grown = True
    return found


def span_table(spans: Sequence[Span], unit: int = 1) -> SpanTable:
    """The columns of a list of buffers, sizes in multiples of ``unit`` bytes."""
    sets = living_sets(spans)
    first, last = [-1] * len(spans), [0] * len(spans)
    for section, alive in enumerate(sets):
        for index in alive:
            first[index] = section if first[index] < 0 else first[index]
            last[index] = section + 1
    meeting: list[set[int]] = [set() for _ in spans]
    for alive in sets:
        for index in alive:
            meeting[index] |= alive
    neighbours = [sorted(found - {index}) for index, found in enumerate(meeting)]
    living = [sorted(alive) for alive in sets]
    return SpanTable(
        _column([span.size // unit for span in spans]),
        _column(first),
        _column(last),
        _starts(living),
        _column([index for alive in living for index in alive]),
        _starts(neighbours),
        _column([index for found in neighbours for index in found]),
    )


def _column(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _starts(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return _column(np.cumsum([0, *(len(entries) for entries in lists)]).tolist())


def parts_of(spans: Sequence[Span]) -> tuple[list[Part], dict[int, int]]:
    """Parts to be solved by themselves, and the offsets that are settled.

    Time is split where no buffer lives across; a buffer that lives throughout its part lies at the part's bottom, which costs
    nothing; what is left may split again. Buffers of no size lie at 0.

    >>> parts_of([Span(0, 4, 3), Span(0, 2, 1), Span(2, 4, 2)])
    ([], {0: 0, 1: 3, 2: 3})
    """
    settled = {index: 0 for index, span in enumerate(spans) if span.size == 0}
    open_parts = [Part(tuple(index for index in range(len(spans)) if index not in settled), 0)]
    found: list[Part] = []
    while open_parts:
        part = open_parts.pop()
        for piece in _split(spans, part):
            whole = _throughout(spans, piece)
            base = piece.base
            for index in whole:
                settled[index] = base
                base += spans[index].size
            rest = tuple(index for index in piece.members if index not in settled)
            if whole and rest:
                open_parts.append(Part(rest, base))
            elif rest:
                found.append(piece)
    return sorted(found, key=lambda part: part.members), settled


def _split(spans: Sequence[Span], part: Part) -> list[Part]:
    """The part, cut at times that no buffer lives across."""
    pieces: list[list[int]] = []
    reach = None
    for index in sorted(part.members, key=lambda i: (spans[i].lower, i)):
        if reach is None or spans[index].lower >= reach:
            pieces.append([])
        pieces[-1].append(index)
        reach = spans[index].upper if reach is None else max(reach, spans[index].upper)
    return [Part(tuple(sorted(piece)), part.base) for piece in pieces]


def _throughout(spans: Sequence[Span], part: Part) -> list[int]:
    """Members that meet every other member."""
    lower = min(spans[i].upper for i in part.members)
    upper = max(spans[i].lower for i in part.members)
    return [i for i in part.members if spans[i].lower < lower and spans[i].upper > upper]
