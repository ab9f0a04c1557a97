"""Hill climbing over the order in which buffers are placed: swap two, place all anew, keep what is lower or, rarely, what is not.

Source: the hill-climb allocator of Apache TVM's unified static memory planner and that of Arm's Vela compiler, after their
documentation; written anew. The two buffers are one that ends at the top of the arena's highest pile and one that it meets, directly
or at one remove.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from sim.arena import Span, by_size, ordered, peak_load
from strategies.arena.kernels import lowest_gaps_height
from strategies.arena.spans import unit_of

#: Placements tried.
ATTEMPTS = 500

#: Chance of taking a worse order at the first attempt; it falls to a hundredth of it towards the last.
FIRST_CHANCE = 0.3

#: From so many buffers on the placements are compiled.
COMPILED_FROM = 40


def hill_climbing(spans: Sequence[Span], alignment: int = 1, *, attempts: int = ATTEMPTS, seed: int = 0) -> list[int]:
    """Offsets of the best of many orders, each placed in lowest gaps; the first is largest first.

    >>> hill_climbing([Span(0, 2, 1), Span(1, 3, 1), Span(2, 4, 2), Span(0, 1, 2)])
    [2, 0, 1, 0]
    """
    if not spans:
        return []
    rounded = [Span(s.lower, s.upper, -(-s.size // alignment) * alignment) for s in spans]
    unit = unit_of(rounded)
    climber = _Climber([Span(s.lower, s.upper, s.size // unit) for s in rounded], random.Random(seed))
    return [offset * unit for offset in climber.climb(attempts)]


class _Climber:
    """One climb: columns of the buffers, the present order and the best placement."""

    def __init__(self, spans: Sequence[Span], chance: random.Random) -> None:
        self.spans, self.chance, self.bound = spans, chance, peak_load(spans)
        self.columns = tuple(np.array(column, np.int64) for column in zip(*spans, strict=True))
        self.offset, self.placed = np.zeros(len(spans), np.int64), np.zeros(len(spans), np.int64)
        self.order = np.array(ordered(spans, by_size), np.int64)
        self.place: Any = lowest_gaps_height.compiled if len(spans) >= COMPILED_FROM else lowest_gaps_height

    def climb(self, attempts: int) -> list[int]:
        height = best = self._height()
        offsets = self.offset.tolist()
        best_offsets = offsets
        for attempt in range(attempts):
            if best == self.bound:
                break
            a, b = self._pair(offsets, height)
            self.order[[a, b]] = self.order[[b, a]]
            now = self._height()
            if now <= height or self.chance.random() < FIRST_CHANCE * math.pow(0.01, attempt / attempts):
                height, offsets = now, self.offset.tolist()
                if now < best:
                    best, best_offsets = now, offsets
            else:
                self.order[[a, b]] = self.order[[b, a]]
        return best_offsets

    def _height(self) -> int:
        return int(self.place(*self.columns, self.order, self.offset, self.placed))

    def _pair(self, offsets: Sequence[int], height: int) -> tuple[int, int]:
        """Places in the order of a buffer that ends at the top and of one it meets, directly or at one remove."""
        tops = [i for i, span in enumerate(self.spans) if offsets[i] + span.size == height]
        highest = self.chance.choice(tops)
        other = self._met_by(highest)
        if self.chance.random() < 0.5:
            other = self._met_by(other)
        if other == highest:
            other = self.chance.randrange(len(self.spans))
        places = {int(buffer): place for place, buffer in enumerate(self.order)}
        return places[highest], places[other]

    def _met_by(self, buffer: int) -> int:
        one = self.spans[buffer]
        met = [i for i, s in enumerate(self.spans) if i != buffer and s.lower < one.upper and one.lower < s.upper]
        return self.chance.choice(met) if met else buffer
