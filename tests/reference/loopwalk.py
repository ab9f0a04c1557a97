"""The oracle of the access counts: every step is walked, every instance keeps its tiles, every word that moves is counted.

Nothing here knows a formula: tiles are ranges, a change of range is a move, sets of words are compared.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import prod
from typing import Any

from dataflows.mapping import Mapping, window_coefficients
from dataflows.tables import TENSORS
from workloads.loopnest import DIMENSIONS

WINDOWS = {"D": "T", "E": "R", "F": "S"}
RELEVANT = {"weights": "GMCTRS", "inputs": "NGCDEFTRS", "outputs": "NGMDEF"}


class Walk:
    """One mapping, walked."""

    def __init__(self, mapping: Mapping, halo: str = "delta", sharing: str = "shared") -> None:
        self.mapping, self.halo, self.sharing = mapping, halo, sharing
        self.extent = {name: mapping.nest.extent(name) for name in DIMENSIONS}
        strides, spreads = window_coefficients(mapping.nest)
        self.step = dict(zip("DEF", strides, strict=True))
        self.spread = dict(zip("DEF", spreads, strict=True))
        self.rows: list[tuple[str, int, bool, int]] = []
        self.starts: list[int] = []
        for level in mapping.levels:
            self.starts.append(len(self.rows))
            self.rows += [(loop.loop, loop.bound, loop.spatial, 0) for loop in level.loops]
        self.starts.append(len(self.rows))
        size = dict.fromkeys(DIMENSIONS, 1)
        self.inner = [0] * len(self.rows)
        self.size_at: list[dict[str, int]] = [{} for _ in range(len(self.rows) + 1)]
        self.size_at[-1] = dict(size)
        for k in reversed(range(len(self.rows))):
            name, bound, _, _ = self.rows[k]
            self.inner[k] = size[name]
            size[name] *= bound
            self.size_at[k] = dict(size)
        self.counts: Counter[tuple[str, int, str]] = Counter()
        self.cycles = 0
        self.seen: dict[tuple[int, str, Any], set[Any]] = {}
        self.now: dict[tuple[int, str, Any], Any] = {}

    def block(self, indices: tuple[int, ...], stop: int) -> dict[str, tuple[int, int]] | None:
        """Range of every loop inside row ``stop``; None where nothing is left to do there."""
        offset = dict.fromkeys(DIMENSIONS, 0)
        for k in range(stop):
            offset[self.rows[k][0]] += indices[k] * self.inner[k]
        ranges = {}
        for name in DIMENSIONS:
            if offset[name] >= self.extent[name]:
                return None
            ranges[name] = (offset[name], min(self.extent[name], offset[name] + self.size_at[stop][name]))
        return ranges

    def within(self, tensor: str, spot: tuple[int, ...], stop: int) -> bool:
        """Whether the loops that index the tensor are within their extents."""
        offset = dict.fromkeys(DIMENSIONS, 0)
        for k in range(stop):
            offset[self.rows[k][0]] += spot[k] * self.inner[k]
        return all(offset[name] < self.extent[name] for name in RELEVANT[tensor])

    def axes(self, tensor: str, ranges: dict[str, tuple[int, int]]) -> list[range]:
        """Words of a tile along each axis of the tensor."""
        found = []
        for name in RELEVANT[tensor]:
            if tensor == "inputs" and name in "TRS":
                continue
            first, last = ranges[name]
            if tensor == "inputs" and name in WINDOWS:
                low, high = ranges[WINDOWS[name]]
                step, spread = self.step[name], self.spread[name]
                found.append(range(first * step + low * spread, (last - 1) * step + (high - 1) * spread + 1))
            else:
                found.append(range(first, last))
        return found

    def run(self) -> Walk:
        temporal = [k for k, row in enumerate(self.rows) if not row[2]]
        spatial = [k for k, row in enumerate(self.rows) if row[2]]
        places = list(product(*(range(self.rows[k][1]) for k in spatial)))
        previous: tuple[int, ...] | None = None
        for times in product(*(range(self.rows[k][1]) for k in temporal)):
            index = [0] * len(self.rows)
            for k, value in zip(temporal, times, strict=True):
                index[k] = value
            spots = []
            for place in places:
                for k, value in zip(spatial, place, strict=True):
                    index[k] = value
                spots.append(tuple(index))
            # The first instance has the most to do: where it rests, everybody rests.
            if self.block(spots[0], len(self.rows)) is None:
                continue
            self.cycles += 1
            carry = None if previous is None else next(k for k, (a, b) in enumerate(zip(previous, times, strict=True)) if a != b)
            self.one_step(spots, None if carry is None else temporal[carry])
            previous = times
        return self

    def one_step(self, spots: list[tuple[int, ...]], carry: int | None) -> None:
        for tensor in TENSORS:
            keeping = [level for level, kept in enumerate(self.mapping.levels) if tensor in kept.keeps]
            for level, inside in zip(keeping, [*keeping[1:], None], strict=True):
                stop = len(self.rows) if inside is None else self.starts[inside]
                self.between(tensor, level, inside, stop, spots, carry)

    def between(
        self, tensor: str, level: int, inside: int | None, stop: int, spots: list[tuple[int, ...]], carry: int | None
    ) -> None:
        """What the children (level ``inside``, or the MACs) of the instances of ``level`` take or hand up in this step."""
        asked: dict[Any, dict[Any, list[range]]] = {}
        done = set()
        for spot in spots:
            child = self.instance(spot, stop)
            if child in done:
                continue
            done.add(child)
            ranges = self.block(spot, stop)
            key = None if ranges is None else tuple(ranges[name] for name in RELEVANT[tensor])
            place = (inside, tensor, child)
            before = self.now.get(place)
            if key is None:
                # Nothing to do: a tile outside the tensor is gone, one that only waits for its neighbours stays.
                if not self.within(tensor, spot, stop):
                    self.now[place] = None
                continue
            if inside is not None:
                self.now[place] = key
                if key == before:
                    continue
            parent = self.instance(spot, self.starts[level])
            assert ranges is not None
            axes = self.axes(tensor, ranges)
            if tensor == "outputs":
                self.sums(level, inside, parent, child, axes)
            else:
                axes = self.only_new(tensor, axes, before, stop, carry, inside)
                self.counts["deliveries", level, tensor] += prod(map(len, axes))
                if inside is not None:
                    self.counts["fills", inside, tensor] += prod(map(len, axes))
            asked.setdefault(parent, {})[key] = axes
        for wanted in asked.values():
            name = "updates" if tensor == "outputs" else "reads"
            if self.sharing == "union" and tensor == "inputs":
                self.counts[name, level, tensor] += len(set().union(*(product(*axes) for axes in wanted.values())))
            else:
                self.counts[name, level, tensor] += sum(prod(map(len, axes)) for axes in wanted.values())

    def sums(self, level: int, inside: int | None, parent: Any, child: Any, axes: list[range]) -> None:
        """Outputs arrive at ``level``; a child that hosts them is filled with what it had begun before."""
        words = set(product(*axes))
        held = self.seen.setdefault((level, "above", parent), set())
        held |= words
        if inside is not None:
            begun = self.seen.setdefault((inside, "below", child), set())
            self.counts["visits", inside, "outputs"] += len(words)
            self.counts["fills", inside, "outputs"] += len(words & begun)
            begun |= words

    def only_new(
        self, tensor: str, axes: list[range], before: Any, stop: int, carry: int | None, inside: int | None
    ) -> list[range]:
        """The part of a tile that was not there, where a window slides in the innermost loop; else all of it."""
        if tensor != "inputs" or self.halo != "delta" or before is None or inside is None or carry is None:
            return axes
        moving = [k for k in range(stop) if not self.rows[k][2] and self.rows[k][1] > 1]
        if not moving or carry != moving[-1] or self.rows[carry][0] not in "DEFTRS":
            return axes
        ranges = dict(zip(RELEVANT[tensor], before, strict=True))
        old = self.axes(tensor, ranges)
        return [range(max(new.start, had.stop), new.stop) if new != had else new for new, had in zip(axes, old, strict=True)]

    def instance(self, spot: tuple[int, ...], stop: int) -> tuple[int, ...]:
        return tuple(spot[k] for k in range(stop) if self.rows[k][2])

    def output_reads(self, level: int) -> int:
        """Updates that continue a sum: all but the first of each word an instance sees."""
        different = sum(len(words) for (at, side, _), words in self.seen.items() if (at, side) == (level, "above"))
        return self.counts["updates", level, "outputs"] - different
