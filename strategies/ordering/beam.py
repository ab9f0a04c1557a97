"""Orders that are good but not proved: a beam over sets of operators, and local search that moves one operator at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from strategies.ordering.kernels import order_peak
from strategies.ordering.tables import OrderTable

#: Sets kept per number of operators, and moves of the local search.
WIDTH, MOVES = 256, 2000

#: Sets times the square of the operators, at most: some two seconds.
BEAM_WORK, LEAST_WIDTH = 2_000_000, 4


def beam_order(table: OrderTable, start_bytes: int, width: int = WIDTH) -> list[int]:
    """An order of one part: after every operator the ``width`` sets with the least peak, then the least bytes held, go on; fewer
    where there are many operators."""
    part = _Masks(table)
    width = min(width, max(LEAST_WIDTH, BEAM_WORK // max(1, len(table.written)) ** 2))
    kept: list[tuple[int, int, int, tuple[int, ...]]] = [(start_bytes, start_bytes, 0, ())]
    for _ in range(len(table.written)):
        grown: dict[int, tuple[int, int, int, tuple[int, ...]]] = {}
        for peak, held, ran, order in kept:
            for operator in part.ready(ran):
                during, after = part.run(ran, operator, held)
                entry = (max(peak, during), after, ran | (1 << operator), (*order, operator))
                if entry[2] not in grown or entry[:2] < grown[entry[2]][:2]:
                    grown[entry[2]] = entry
        kept = sorted(grown.values(), key=lambda e: (e[0], e[1], e[3]))[:width]
    return list(kept[0][3]) if kept else []


def local_order(table: OrderTable, start_bytes: int, order: Sequence[int], moves: int = MOVES, seed: int = 0) -> list[int]:
    """A better order by moving one operator at a time within the places it may have; equal ones are taken too."""
    chance = random.Random(seed)
    best = np.array(order, np.int64)
    members = np.zeros(table.before.shape[1], np.int64)
    measure: Callable[..., int] = order_peak.compiled
    least = measure(table, best, start_bytes, members)
    masks = _Masks(table)
    for _ in range(moves if len(best) > 1 else 0):
        place = chance.randrange(len(best))
        first, last = _window(best.tolist(), place, masks)
        target = chance.randint(first, last)
        if target == place:
            continue
        moved = np.insert(np.delete(best, place), target, best[place])
        peak = measure(table, moved, start_bytes, members)
        if peak <= least:
            best, least = moved, peak
    return [int(operator) for operator in best]


def _window(order: list[int], place: int, masks: _Masks) -> tuple[int, int]:
    """First and last place that the operator at ``place`` may move to."""
    operator = order[place]
    first = place
    while first > 0 and not (masks.before[operator] >> order[first - 1]) & 1:
        first -= 1
    last = place
    while last + 1 < len(order) and not (masks.before[order[last + 1]] >> operator) & 1:
        last += 1
    return first, last


class _Masks:
    """The table with sets as whole numbers."""

    def __init__(self, table: OrderTable) -> None:
        self.written = (table.written).tolist()
        self.workspace = table.workspace.tolist()
        self.shared, self.saved, self.size = table.shared.tolist(), table.saved.tolist(), table.size.tolist()
        self.before, self.users = _numbers(table.before), _numbers(table.users)
        starts = table.used_start.tolist()
        self.used = [table.used[a:b].tolist() for a, b in zip(starts[:-1], starts[1:], strict=True)]

    def ready(self, ran: int) -> list[int]:
        return [v for v, before in enumerate(self.before) if not (ran >> v) & 1 and before & ~ran == 0]

    def run(self, ran: int, operator: int, held: int) -> tuple[int, int]:
        """Bytes held while one more operator runs, and after."""
        after = ran | (1 << operator)
        freed = sum(self.size[k] for k in self.used[operator] if self.users[k] & ~after == 0)
        during = held + self.written[operator] + self.workspace[operator]
        if self.shared[operator] >= 0 and self.users[self.shared[operator]] & ~after == 0:
            during -= self.saved[operator]
        return during, held + self.written[operator] - freed


def _numbers(rows: np.ndarray) -> list[int]:
    return [sum(int(word) << (62 * k) for k, word in enumerate(row)) for row in rows]
