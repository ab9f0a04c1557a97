"""The lowest arena, slowly: every order of the buffers, each put on top of those before it that it meets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

Buffer = tuple[int, int, int]


def stacked(buffers: Sequence[Buffer], order: Sequence[int]) -> list[int]:
    """Offsets of buffers that come down one after the other and rest on what they meet."""
    offsets = [0] * len(buffers)
    for place, i in enumerate(order):
        lower, upper, _ = buffers[i]
        below = [j for j in order[:place] if buffers[j][0] < upper and lower < buffers[j][1]]
        offsets[i] = max((offsets[j] + buffers[j][2] for j in below), default=0)
    return offsets


def lowest_height(buffers: Sequence[Buffer]) -> int:
    """The least height. Take any plan, let its buffers fall in order of their offsets: none rises, and that is one of these."""
    return min(
        max((offset + buffers[i][2] for i, offset in enumerate(stacked(buffers, order))), default=0)
        for order in permutations(range(len(buffers)))
    )


def lowest_gap_offsets(buffers: Sequence[Buffer], order: Sequence[int]) -> list[int]:
    """Offsets of buffers that each take the first byte from which all their bytes are free, byte by byte."""
    offsets: dict[int, int] = {}
    for i in order:
        lower, upper, size = buffers[i]
        met = [j for j in offsets if buffers[j][0] < upper and lower < buffers[j][1]]
        taken = {byte for j in met for byte in range(offsets[j], offsets[j] + buffers[j][2])}
        offsets[i] = next(
            start for start in range(len(taken) * size + len(taken) + 1) if not taken & set(range(start, start + size))
        )
    return [offsets[i] for i in range(len(buffers))]
