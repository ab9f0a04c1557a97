"""Lists of buffers for tests: small random ones, and hard ones cut from a full rectangle."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from strategies.arena import Span

SPANS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 6), st.integers(1, 40)).map(lambda t: Span(t[0], t[0] + t[1], t[2])), max_size=14
)
FEW_SPANS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(1, 5)).map(lambda t: Span(t[0], t[0] + t[1], t[2])), max_size=6
)

Rectangle = tuple[int, int, int, int]  # begin, end, bottom, top


def cut_rectangle(buffers: int, seed: int, *, kept: float = 1.0, side: int = 1024) -> list[Span]:
    """Buffers that fit into ``side`` bytes because they were cut from a square; the cuts are then forgotten.

    One rectangle after the other is cut in two, or into five around a pinwheel; ``kept`` is the share of them that is handed out.
    With all of them the arena is full at every step, and most orders of placing leave a gap that nothing fills.
    """
    chance = np.random.default_rng(seed)
    pieces: list[Rectangle] = [(0, side, 0, side)]
    while len(pieces) < buffers / kept:
        areas = np.array([(e - b) * (t - o) for b, e, o, t in pieces], float) ** 0.7
        index = int(chance.choice(len(pieces), p=areas / areas.sum()))
        pieces[index : index + 1] = _cut(pieces[index], chance)
    spans = [Span(b, e, t - o) for b, e, o, t in pieces if chance.random() <= kept]
    return [spans[i] for i in chance.permutation(len(spans))][:buffers]


def _cut(piece: Rectangle, chance: np.random.Generator) -> list[Rectangle]:
    begin, end, bottom, top = piece
    if min(end - begin, top - bottom) >= 6 and chance.random() < 0.3:
        (a, b), (c, d) = (sorted(int(v) for v in chance.choice(range(lo + 1, hi), 2, replace=False)) for lo, hi in
                          ((begin, end), (bottom, top)))  # fmt: skip
        return [(begin, b, bottom, c), (b, end, bottom, d), (a, end, d, top), (begin, a, c, top), (a, b, c, d)]
    if (chance.random() < 0.5 and end - begin >= 2) or top - bottom < 2:
        if end - begin < 2:
            return [piece]
        middle = int(chance.integers(begin + 1, end))
        return [(begin, middle, bottom, top), (middle, end, bottom, top)]
    middle = int(chance.integers(bottom + 1, top))
    return [(begin, end, bottom, middle), (begin, end, middle, top)]
