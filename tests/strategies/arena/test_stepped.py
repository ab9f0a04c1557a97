"""Shapes that change their height: no two pieces meet, the lowest address is the lowest, rectangles are placed as by lowest gaps."""

from __future__ import annotations

import numpy as np
import pytest

from sim.arena import lowest_gaps
from strategies.arena import Span, faults
from strategies.arena.stepped import Piece, _in_order, lowest_shapes


def random_shapes(seed: int, count: int = 9) -> list[list[Piece]]:
    """A buffer, what is left of it beside its successor, and the successor, at one address; some are buffers alone."""
    rng = np.random.default_rng(seed)
    shapes = []
    for _ in range(count):
        start, size, later = int(rng.integers(0, 8)), int(rng.integers(2, 12)), int(rng.integers(1, 5))
        middle = start + int(rng.integers(1, 3))
        first = Piece(start, middle, size, 0)
        rest = [Piece(middle, middle + 1, max(0, size - later), later), Piece(middle, middle + 3, later, 0)]
        shapes.append([first, *(rest if rng.random() < 0.7 else [])])
    return shapes


def rectangles(shapes: list[list[Piece]]) -> list[Span]:
    """Each shape as tall as it ever is, all its life."""
    return [
        Span(min(p.lower for p in s), max(p.upper for p in s), max(p.above + p.size for p in s)) for s in shapes
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_no_two_pieces_meet(seed: int) -> None:
    shapes = random_shapes(seed)
    spans = rectangles(shapes)
    offsets, tall = lowest_shapes(shapes, spans, [0] * len(spans))
    pieces = [(p, offset + p.above) for shape, offset in zip(shapes, offsets, strict=True) for p in shape]
    assert faults([(p.lower, p.upper, p.size) for p, _ in pieces], [at for _, at in pieces], capacity=tall) == []
    steps = range(max(span.upper for span in spans))
    assert tall >= max(sum(p.size for p, _ in pieces if p.lower <= t < p.upper) for t in steps)


@pytest.mark.parametrize("seed", range(6))
def test_each_address_is_the_lowest_there_is(seed: int) -> None:
    shapes = random_shapes(seed, count=6)
    offsets, _ = _in_order(shapes, range(6))
    for k, shape in enumerate(shapes):
        below = [(p, offsets[j] + p.above) for j in range(k) for p in shapes[j]]

        def free(base: int, shape: list[Piece] = shape, below: list[tuple[Piece, int]] = below) -> bool:
            return not any(
                p.lower < q.upper and q.lower < p.upper and base + p.above < at + q.size and at < base + p.above + p.size
                for p in shape for q, at in below if p.size and q.size
            )  # fmt: skip

        assert free(offsets[k]) and not any(free(base) for base in range(offsets[k]))


def test_single_pieces_are_placed_as_rectangles() -> None:
    shapes = [[shape[0]] for shape in random_shapes(3, 12)]
    order = [int(k) for k in np.random.default_rng(1).permutation(12)]
    assert _in_order(shapes, order)[0] == lowest_gaps(rectangles(shapes), order)
