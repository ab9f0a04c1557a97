"""The lowest arena, found and proved by canonical search with restarts; the compiled loop stands in ``kernels.py``.

One part (buffers that meet in time) is searched for a plan within a given height again and again: with another order of the buffers
each time, for a number of nodes that follows Luby, Sinclair and Zuckerman, "Optimal speedup of Las Vegas algorithms", 1993, and now
and then for as long as everything before it took, so that a proof that none exists is reached as well.

The canonical form, sections, and splitting of the rest at times that no open buffer joins follow Moffitt, "MiniMalloc: a lightweight
memory allocator for hardware-accelerated machine learning", ASPLOS 2023. Deciding on the section with the fewest ways to fill its
floor, wherever it is, is ours.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.arena import Span
from strategies.arena.kernels import FOUND, FULL, IMPOSSIBLE, LEVEL, LOW, NODES, canonical_search, search_columns, start_search
from strategies.arena.sections import SpanTable, span_table

#: Parts of up to so many buffers are searched without the compiler for so many nodes: it takes longer than they do.
PLAIN_BUFFERS, PLAIN_NODES = 100, 2000

#: Nodes of the shortest run.
SHORTEST_RUN = 1000

#: A run takes half as many nodes as all before it whenever those are more than so many times the nodes of such runs.
LONG_RUN_AFTER = 4

#: Spread of the random change of an order, as a share of the number of buffers.
NOISE = 0.3

#: Keys of the static orders, largest first: width (length of life), area, total (largest load met), size.
ORDERS = ("WAT", "TAW", "TWA", "AWT", "SWT")

#: Where to decide next, and how many ways it counts that a floor may stay empty; taken in turn.
STYLES = ((LOW, 1), (FULL, 4), (LEVEL, 0), (FULL, 1), (LOW, 4))


@dataclass(frozen=True)
class Answer:
    """What a search came to know: offsets of a plan within the height asked for, or that there is none, or neither."""

    offsets: list[int] | None
    impossible: bool
    nodes: int


class PartSearch:
    """The search over one part; its table, orders and working columns serve every height.

    Parameters
    ----------
    spans : sequence of Span
    unit : int
        Sizes are multiples of it [B].
    seed : int
        Of the orders.
    """

    def __init__(self, spans: Sequence[Span], unit: int, seed: int = 0) -> None:
        self.unit = unit
        self.table = span_table(spans, unit)
        self.columns = search_columns(self.table)
        self.totals = section_totals(self.table)
        self.ranks = static_ranks(spans, self.table, self.totals)
        self.random = np.random.default_rng(seed)
        self.plain_nodes = PLAIN_NODES if len(spans) <= PLAIN_BUFFERS else 0

    def within(self, height: int, until: float = math.inf, most_nodes: int | None = None) -> Answer:
        """A plan of at most ``height`` bytes, or the knowledge that there is none, or neither.

        Parameters
        ----------
        height : int
            [B].
        until : float
            Reading of the monotonic clock at which to give up [s].
        most_nodes : int, optional
            Nodes after which to give up.
        """
        capacity, nodes, in_long_runs, turn = height // self.unit, 0, 0, 0
        while True:
            style = STYLES[turn // len(self.ranks) % len(STYLES)]
            limit = SHORTEST_RUN * luby(turn // len(self.ranks) + 1)
            if nodes > LONG_RUN_AFTER * (in_long_runs + limit):
                limit = nodes // 2
                in_long_runs += limit
            if most_nodes is not None:
                limit = min(limit, most_nodes - nodes)
            rank = self._rank(turn % len(self.ranks), shaken=turn >= len(self.ranks) * len(STYLES))
            start_search(self.table, self.columns, self.totals)
            run = canonical_search if self.plain_nodes >= limit else canonical_search.compiled
            status = run(self.table, self.columns, capacity, rank, *style, limit)
            self.plain_nodes -= int(self.columns.numbers[NODES])
            nodes, turn = nodes + int(self.columns.numbers[NODES]), turn + 1
            if status == FOUND:
                return Answer([int(offset) * self.unit for offset in self.columns.offset], False, nodes)
            if status == IMPOSSIBLE:
                return Answer(None, True, nodes)
            if time.monotonic() > until or (most_nodes is not None and nodes >= most_nodes):
                return Answer(None, False, nodes)

    def _rank(self, order: int, shaken: bool) -> NDArray[np.int64]:
        """Rank of each buffer; a shaken order is one with every rank moved at random."""
        rank = self.ranks[order]
        if not shaken:
            return rank
        moved = rank + self.random.normal(0.0, NOISE * len(rank), len(rank))
        return np.argsort(np.argsort(moved, kind="stable"), kind="stable").astype(np.int64)


def section_totals(table: SpanTable) -> NDArray[np.int64]:
    """Units that live in each section."""
    starts, living = table.section_start, table.living
    return np.array([table.size[living[a:b]].sum() for a, b in zip(starts[:-1], starts[1:], strict=True)], np.int64)


def static_ranks(spans: Sequence[Span], table: SpanTable, totals: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rank of each buffer in each static order."""
    met = [int(totals[a:b].max()) for a, b in zip(table.first, table.last, strict=True)]
    keys = {
        "W": [span.upper - span.lower for span in spans],
        "A": [span.size * (span.upper - span.lower) for span in spans],
        "S": [span.size for span in spans],
        "T": met,
    }
    found = []
    for order in ORDERS:
        indices = sorted(range(len(spans)), key=lambda i: (*(-keys[letter][i] for letter in order), i))
        rank = np.empty(len(spans), np.int64)
        rank[indices] = np.arange(len(spans))
        found.append(rank)
    return found


def luby(n: int) -> int:
    """The n-th term of 1 1 2 1 1 2 4 1 1 2 1 1 2 4 8 ...

    >>> [luby(n) for n in range(1, 16)]
    [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8]
    """
    power = n.bit_length()
    return 1 << (power - 1) if n == (1 << power) - 1 else luby(n - (1 << (power - 1)) + 1)
