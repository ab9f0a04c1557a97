"""Arenas of shapes that change their height: buffers of one tie lie at one address, each above it by a fixed number of bytes.

A tie as a rectangle is as tall as its worst step all its life. As a shape it leaves room above what it holds later; shapes are placed
one after the other, each at the lowest address at which none of its pieces meets a piece that lies there already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sim.arena import Span

#: Most shapes that are placed this way.
MOST_SHAPES = 250


class Piece(NamedTuple):
    """Part of a shape: held at the steps lower <= step < upper, ``above`` bytes over the shape's address."""

    lower: int
    upper: int
    size: int  # [B]
    above: int  # [B]


Shape = Sequence[Piece]


def lowest_shapes(shapes: Sequence[Shape], spans: Sequence[Span], offsets: Sequence[int]) -> tuple[list[int], int]:
    """Addresses of shapes and the height of their arena, the best of several orders.

    Parameters
    ----------
    shapes : sequence of Shape
    spans : sequence of Span
        The shapes as rectangles.
    offsets : sequence of int
        Addresses found for the rectangles: one order is that of these [B].

    Examples
    --------
    >>> shrinking, late = [Piece(0, 1, 8, 0), Piece(1, 3, 2, 0)], [Piece(1, 3, 6, 0)]
    >>> lowest_shapes([shrinking, late], [Span(0, 3, 8), Span(1, 3, 6)], [0, 8])
    ([0, 2], 8)
    """
    numbers = range(len(shapes))
    orders = [
        sorted(numbers, key=lambda k: (offsets[k], k)),
        sorted(numbers, key=lambda k: (-spans[k].size, spans[k].lower, k)),
        sorted(numbers, key=lambda k: (-spans[k].size * (spans[k].upper - spans[k].lower), spans[k].lower, k)),
        sorted(numbers, key=lambda k: (spans[k].lower, -spans[k].size, k)),
    ]
    placed = [_in_order(shapes, order) for order in orders]
    return min(placed, key=lambda found: found[1])


def _in_order(shapes: Sequence[Shape], order: Iterable[int]) -> tuple[list[int], int]:
    """Each shape at its lowest address, one after the other, and the height."""
    offsets, top = [0] * len(shapes), 0
    lying: list[tuple[int, int, int, int]] = []  # start, end, first step, step after the last
    for k in order:
        shape = [piece for piece in shapes[k] if piece.size]
        base = _lowest(shape, lying)
        offsets[k] = base
        for lower, upper, size, above in shape:
            lying.append((base + above, base + above + size, lower, upper))
            top = max(top, base + above + size)
    return offsets, top


def _lowest(shape: Shape, lying: Sequence[tuple[int, int, int, int]]) -> int:
    """The lowest address at which no piece meets what lies there: 0, or one at which some piece stands on another."""
    meeting = [(p, s, e) for p in shape for s, e, first, stop in lying if first < p.upper and p.lower < stop]
    base = 0
    while True:
        blocked = [end - p.above for p, start, end in meeting if start < base + p.above + p.size and base + p.above < end]
        if not blocked:
            return base
        base = min(blocked)
