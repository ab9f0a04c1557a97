"""The lowest arena of all, with proof where the budget allows it.

Quick planners first; where they miss the lower bound, the search of :mod:`strategies.arena.search` looks for a plan at the bound, and
where there is none at the next height it cannot rule out. Constraint programming takes over when the search has used its share of
the time.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.arena import Span, height, peak_load
from strategies.arena.greedy import best_fit, first_fit, greedy_by_area, greedy_by_size
from strategies.arena.satisfaction import satisfy
from strategies.arena.search import PartSearch
from strategies.arena.sections import Part, parts_of
from strategies.arena.spans import unit_of

#: Share of the time that the search has before constraint programming takes over.
SEARCH_SHARE = 0.6

#: After a plan fits, it is lowered further for as long again as it took, and for this long at least [s].
AFTER_FIT_S = 1.0

#: Time of the first look at one height [s], and its nodes; each further look at the same height has twice as much.
FIRST_LOOK_S, FIRST_LOOK_NODES = 0.5, 50_000


@dataclass
class Budget:
    """What a planner may use: seconds of the clock, nodes of the search, or both. Nodes alone make equal plans on every machine."""

    seconds: float | None = 60.0
    nodes: int | None = None
    began: float = field(default_factory=time.monotonic)
    used_nodes: int = 0

    @property
    def spent(self) -> float:
        """Seconds since the beginning [s]."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds left [s]; endless where only nodes are counted."""
        return float("inf") if self.seconds is None else self.seconds - self.spent

    @property
    def over(self) -> bool:
        """True where nothing is left."""
        return self.left <= 0.0 or (self.nodes is not None and self.used_nodes >= self.nodes)


def exact(
    spans: Sequence[Span], *, capacity: int | None = None, budget: Budget | None = None, seed: int = 0
) -> tuple[list[int], int, list[str]]:
    """Offsets of the lowest plan found, the bound that was proved, and what ran out.

    Parameters
    ----------
    spans : sequence of Span
    capacity : int, optional
        Height that is enough [B]: once a plan is within it, it is lowered for a moment more only.
    budget : Budget, optional
    seed : int
    """
    return _Minimisation(spans, capacity, budget or Budget(), seed).run()


@dataclass
class _Piece:
    """One part of the buffers, its best plan so far, and the height below which it is known to have none."""

    part: Part
    spans: list[Span]
    offsets: list[int]
    bound: int  # [B], its base included
    search: PartSearch | None = None

    @property
    def top(self) -> int:
        return self.part.base + height(self.spans, self.offsets)


class _Minimisation:
    def __init__(self, spans: Sequence[Span], capacity: int | None, budget: Budget, seed: int) -> None:
        self.spans, self.capacity, self.budget, self.seed = spans, capacity, budget, seed
        self.unit = unit_of(spans)
        parts, self.settled = parts_of(spans)
        self.pieces = [self._piece(part) for part in parts]
        self.bound = peak_load(spans)
        self.notes: list[str] = []

    def run(self) -> tuple[list[int], int, list[str]]:
        if self.capacity is not None and self.bound <= self.capacity:
            self._fit(self.capacity)
        for piece in self._tallest():
            self._minimise(piece)
        offsets = [self.settled.get(index, 0) for index in range(len(self.spans))]
        for piece in self.pieces:
            for index, offset in zip(piece.part.members, piece.offsets, strict=True):
                offsets[index] = piece.part.base + offset
        return offsets, min(self.bound, height(self.spans, offsets)), self.notes

    def _fit(self, capacity: int) -> None:
        """Bring every piece within the capacity; once they are, there is little more time."""
        for piece in self._tallest():
            if piece.top > capacity >= self.bound:
                self._search(piece, capacity, SEARCH_SHARE * self.budget.left, FIRST_LOOK_NODES << 62)
        if self._top() <= capacity and self.budget.seconds is not None:
            self.budget.seconds = min(self.budget.seconds, self.budget.spent + max(AFTER_FIT_S, self.budget.spent))

    def _piece(self, part: Part) -> _Piece:
        own = [self.spans[i] for i in part.members]
        plans = [planner(own) for planner in (greedy_by_size, greedy_by_area, best_fit, first_fit)]
        return _Piece(part, own, min(plans, key=lambda offsets: height(own, offsets)), part.base + peak_load(own))

    def _tallest(self) -> list[_Piece]:
        return sorted(self.pieces, key=lambda piece: (-piece.top, piece.part.members))

    def _top(self) -> int:
        settled = max((self.settled[i] + self.spans[i].size for i in self.settled), default=0)
        return max((piece.top for piece in self.pieces), default=settled)

    def _minimise(self, piece: _Piece) -> None:
        """Bring one piece down to the bound of all, or to the lowest height that is not ruled out.

        Heights are tried from the bound upward in steps that double; what is neither found nor ruled out is looked at again, longer.
        """
        look = 0
        while piece.top > self.bound and not self.budget.over:
            target, step = self.bound, self.unit
            while target < piece.top and not self.budget.over:
                self._search(piece, target, FIRST_LOOK_S * 2.0**look, FIRST_LOOK_NODES << look)
                target, step = max(target + step, self.bound), 2 * step
            look += 1
            if self.budget.seconds is not None and self.budget.spent > SEARCH_SHARE * self.budget.seconds:
                self._satisfy(piece)
                break
        if piece.top > self.bound:
            self.notes.append(f"stopped at {piece.top} B; {self.bound} B is the proved bound")

    def _search(self, piece: _Piece, target: int, seconds: float, nodes: int) -> None:
        """Look for a plan of at most ``target`` bytes, and remember it, or that there is none."""
        if piece.search is None:
            piece.search = PartSearch(piece.spans, self.unit, self.seed)
        until = math.inf if self.budget.seconds is None else time.monotonic() + min(seconds, self.budget.left)
        allowed = None if self.budget.nodes is None else min(nodes, self.budget.nodes - self.budget.used_nodes)
        answer = piece.search.within(target - piece.part.base, until, allowed)
        self.budget.used_nodes += answer.nodes
        if answer.offsets is not None:
            piece.offsets = answer.offsets
        if answer.impossible:
            self.bound = max(self.bound, (target // self.unit + 1) * self.unit)

    def _satisfy(self, piece: _Piece) -> None:
        base = piece.part.base
        answer = satisfy(piece.spans, self.bound - base, piece.top - base, piece.offsets, self.budget.left, self.seed)
        if answer.offsets is not None and height(piece.spans, answer.offsets) + base < piece.top:
            piece.offsets = answer.offsets
        self.bound = max(self.bound, min(answer.bound + base, piece.top))
