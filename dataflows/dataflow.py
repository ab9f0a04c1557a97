"""Dataflow: a constraint on mappings, as plain data, and the mapping it makes of a nest on a hierarchy.

What stays, what is spread, in which order the rest runs: nothing else distinguishes the dataflows of the literature, and the
counting code is the same for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dataflows.capacity import words_beyond
from dataflows.errors import MappingError
from dataflows.hierarchy import Hierarchy
from dataflows.mapping import Loop, Mapping, MappingLevel
from dataflows.tables import DIMENSION, TENSORS, AccessTable
from workloads.loopnest import DIMENSIONS, LoopNest


@dataclass(frozen=True)
class Dataflow:
    """What stays put, what is spread over the array, and the order of the rest.

    Attributes
    ----------
    name, title : str
        Short name on the command line, and what it is called.
    stays : str
        Tensor whose register outlives the innermost loops; empty where nothing does.
    rows, columns : tuple of str
        Loops spread over each array axis, in order of preference; an axis takes the next one while it has room.
    order : tuple of str
        Loops between the buffer and the array, outermost first; loops that are not named run outermost.
    keeps : tuple of str
        Tensors kept inside an element; the others stream past.
    inside : tuple of str
        Loops that run inside an element, outermost first, as far as its memories allow.
    shifts : tuple of str
        Loops during which inputs are handed from neighbour to neighbour: they run inside the level of the hierarchy that stands
        for the neighbours, where it has one, and the buffer is read for what the neighbours do not have.
    source : str
        Paper and figure.
    """

    name: str
    title: str
    stays: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    order: tuple[str, ...]
    keeps: tuple[str, ...]
    inside: tuple[str, ...] = ()
    shifts: tuple[str, ...] = ()
    source: str = ""

    def mapping(self, nest: LoopNest, hierarchy: Hierarchy) -> Mapping:
        """The mapping this dataflow makes of a nest: spread, then filled from the inside, the rest in its order.

        Elements take their loops one after the other while their memories allow. The tile of the buffer is halved until it fits:
        first along loops that leave the stationary tensor where it is, and of these along the one that adds the fewest DRAM words.

        Raises
        ------
        MappingError
            Fewer than two levels, or a buffer that cannot hold the smallest tile.
        """
        if len(hierarchy.levels) < 2:
            raise MappingError(
                f"dataflow '{self.name}': the hierarchy has {len(hierarchy.levels)} level; DRAM and an array at least"
            )
        left = {name: nest.extent(name) for name in DIMENSIONS}
        spread = [*_spread(self.rows, "rows", hierarchy.rows, left), *_spread(self.columns, "columns", hierarchy.columns, left)]
        inside = self._inside(nest, hierarchy, spread, left)
        between = {name: left[name] for name in DIMENSIONS}
        return _fitted(self, nest, hierarchy, spread, inside, between)

    def _inside(self, nest: LoopNest, hierarchy: Hierarchy, spread: Sequence[Loop], left: dict[str, int]) -> list[Loop]:
        """Loops inside an element, outermost first; each takes the largest bound its memories hold."""
        chosen: dict[str, int] = {}
        for name in reversed(self.inside):
            for bound in balanced(left[name]):
                trial = chosen | {name: bound}
                loops = [Loop(d, trial[d]) for d in self.inside if d in trial]
                rest = {d: -(-left[d] // trial.get(d, 1)) for d in DIMENSIONS}
                mapping = assembled(self, nest, hierarchy, spread, loops, rest, {})
                if not words_beyond(mapping, hierarchy, len(hierarchy.levels) - 1):
                    chosen[name] = bound
                    break
        for name, bound in chosen.items():
            left[name] = -(-left[name] // bound)
        return [Loop(name, chosen[name]) for name in self.inside if chosen.get(name, 1) > 1]


def _spread(names: Sequence[str], axis: str, room: int, left: dict[str, int]) -> list[Loop]:
    """Loops along one axis while it has room; takes their iterations out of ``left``."""
    found = []
    for name in names:
        bound = min(room, left[name])
        if bound > 1:
            blocks = -(-left[name] // bound)
            bound = -(-left[name] // blocks)
            found.append(Loop(name, bound, axis))
            room //= bound
            left[name] = -(-left[name] // bound)
    return found


def balanced(extent: int) -> list[int]:
    """Bounds of a loop from large to small, without those that need as many steps as a smaller one.

    >>> balanced(13)
    [13, 7, 5, 4, 3, 2, 1]
    """
    return sorted({-(-extent // parts) for parts in range(1, extent + 1)}, reverse=True)


def assembled(
    dataflow: Dataflow, nest: LoopNest, hierarchy: Hierarchy, spread: Sequence[Loop], inside: Sequence[Loop],
    between: dict[str, int], outside: dict[str, int], order: Sequence[str] = (),
) -> Mapping:  # fmt: skip
    """A mapping with ``outside`` loops at DRAM, ``between`` loops at the level before the array, both in the dataflow's order.

    ``order`` is another order of the loops at DRAM, outermost first.
    """
    names = [*(name for name in DIMENSIONS if name not in dataflow.order), *dataflow.order]
    middle = tuple(Loop(name, between[name]) for name in names if between.get(name, 1) > 1)
    first = [*(name for name in names if name not in order), *order]
    outer = tuple(Loop(name, outside[name]) for name in first if outside.get(name, 1) > 1)
    last = len(hierarchy.levels) - 1
    handing = hands_on(hierarchy)
    levels = []
    for position, level in enumerate(hierarchy.levels):
        keeps = tuple(t for t in TENSORS if t in level.keeps and (position < last or t in dataflow.keeps))
        loops: tuple[Loop, ...] = outer if position == 0 else ()
        if handing and position == hierarchy.spread_below - 1:
            loops = (*loops, *(loop for loop in middle if loop.loop not in dataflow.shifts))
        if position == hierarchy.spread_below:
            loops = (*loops, *(loop for loop in middle if not handing or loop.loop in dataflow.shifts), *spread)
        if position == last:
            loops = tuple(inside)
        levels.append(MappingLevel(level.name, TENSORS if position == 0 else keeps, loops))
    return Mapping.build(nest, levels)


def hands_on(hierarchy: Hierarchy) -> bool:
    """True where the level before the array is the elements' neighbours."""
    return hierarchy.levels[hierarchy.spread_below].handed_on


def _fitted(
    dataflow: Dataflow,
    nest: LoopNest,
    hierarchy: Hierarchy,
    spread: Sequence[Loop],
    inside: Sequence[Loop],
    between: dict[str, int],
) -> Mapping:
    """Halve the tile of the buffers until it fits them all.

    Of the loops that make it smaller where it is too large: first those that index the stationary tensor.
    """
    outside = dict.fromkeys(DIMENSIONS, 1)
    whole = dict(between)
    mapping = assembled(dataflow, nest, hierarchy, spread, inside, between, outside)
    while present := sum(_excess(mapping, hierarchy)):
        options = []
        for name in (n for n in DIMENSIONS if between[n] > 1):
            inner = -(-between[name] // 2)
            tried = assembled(
                dataflow, nest, hierarchy, spread, inside, between | {name: inner}, outside | {name: -(-whole[name] // inner)}
            )
            counts = tried.accesses()
            excess = sum(_excess(tried, hierarchy, counts))
            words = int(counts.reads[0].sum() + counts.updates[0].sum())
            harmful = not (dataflow.stays and name in nest.index(dataflow.stays).loops)
            options.append((excess >= present, harmful, excess > 0, words, excess, DIMENSION[name], name, inner, tried))
        if not options:
            position, short = next((k, words) for k, words in enumerate(_excess(mapping, hierarchy), start=1) if words)
            raise MappingError(
                f"dataflow '{dataflow.name}': level '{hierarchy.levels[position].name}' is {math.ceil(short)} words too small for "
                "the smallest tile; a larger buffer or another dataflow is needed"
            )
        *_, name, inner, mapping = min(options, key=lambda option: option[:6])
        between[name] = inner
        outside[name] = -(-whole[name] // inner)
    return mapping


def _excess(mapping: Mapping, hierarchy: Hierarchy, counts: AccessTable | None = None) -> list[float]:
    """Words by which the tiles of each buffer between DRAM and the elements are too large."""
    counts = mapping.accesses() if counts is None else counts
    return [words_beyond(mapping, hierarchy, level, counts) for level in range(1, len(hierarchy.levels) - 1)]
