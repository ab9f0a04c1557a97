"""The best mapping of one nest on an array: spread loops, tiles with remainders and orders, chosen freely.

The space: every loop may be spread over rows and columns, tiled inside an element, tiled in the buffer, and run in any order
between the levels. Orders are searched as classes: a loop is free for the one tensor it does not index, so only the innermost
group matters, and in it the loop that slides (loop-order-based allocation, Symons et al., DATE 2021). With ``every``, all bounds
that no other replaces are tried; otherwise at most two loops share an axis, axes and elements are filled, and long loops are
tiled by their divisors, brought to multiples of what is spread. The walk is best first with lower bounds; when it ends by itself,
the mapping is the best of the space. Nothing is drawn at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataflows.errors import MappingError
from dataflows.hierarchy import Hierarchy
from dataflows.library import DATAFLOWS
from dataflows.mapping import Loop, Mapping, MappingLevel, window_coefficients
from dataflows.tables import DIMENSION, RELEVANT, TENSORS, MappingTable, empty_accesses, whole_words
from dataflows.three_levels import empty_loop_work, nest_table
from dataflows.tiling import spreads, tile_sizes
from strategies.kernels import (
    InnerChoices,
    OuterChoices,
    list_inner,
    list_outer,
    search_pairs,
)
from strategies.kernels_rating import Desk, Machine, Rating, priced, score
from workloads.loopnest import DIMENSIONS, LoopNest

#: Objective -> its code in the kernels.
OBJECTIVES = {"latency": 0, "energy": 1, "edp": 2, "dram_bytes": 3}

#: Nests of at most so many MACs are searched with every balanced bound.
SMALL_NEST = 1024

#: Inner choices kept at most; more are counted and named in the result.
ROOM = 400_000


@dataclass(frozen=True)
class SearchedMapping:
    """The best mapping found, what it costs, and how sure that is.

    Attributes
    ----------
    mapping : Mapping
    objective : str
    value : float
        The objective: cycles, J, J * cycles, or words.
    cycles, energy_j, dram_words : float
    ratings : int
        Complete mappings rated, lower bounds included.
    gap : float
        Share by which a mapping of the space could still be better; 0 where the walk ended by itself: proved.
    space : str
        ``every`` or ``filled``: what was searched.
    """

    mapping: Mapping
    objective: str
    value: float
    cycles: float
    energy_j: float
    dram_words: float
    ratings: int
    gap: float
    space: str


def search_mapping(
    nest: LoopNest, hierarchy: Hierarchy, objective: str = "latency", *, every: bool | None = None, limit: int = 5_000_000,
    halo: str = "delta", gap: float = 0.0,
) -> SearchedMapping:  # fmt: skip
    """Search the mapping of least objective.

    Parameters
    ----------
    nest : LoopNest
    hierarchy : Hierarchy
        Three levels: DRAM, a buffer, the elements.
    objective : str
        ``latency``, ``energy``, ``edp`` or ``dram_bytes``.
    every : bool or None
        Search every balanced bound; by default for nests of at most ``SMALL_NEST`` MACs.
    limit : int
        Mappings rated at most; what is then unproved shows as ``gap``.
    halo : str
        Accounting of sliding windows, ``delta`` or ``full``.
    gap : float
        Good enough: the walk ends as soon as no mapping of the space can be better by more than this share. The named dataflows
        are then not tried first: that takes longer than the walk.

    Raises
    ------
    MappingError
        Unknown objective, a hierarchy of other than three levels, unknown energies where they matter, or no mapping that fits:
        which level is short, and by how many words.
    """
    if objective not in OBJECTIVES:
        raise MappingError(f"objective: '{objective}'; one of {', '.join(OBJECTIVES)} is expected")
    if not 0.0 <= gap < 1.0:
        raise MappingError(f"gap: {gap:g}; a share from 0 to below 1 is expected; 0.05 is five percent")
    if len(hierarchy.levels) != 3:
        raise MappingError(
            f"mapping search: the hierarchy has {len(hierarchy.levels)} levels; DRAM, a buffer and the elements are expected"
        )
    every = nest.volume <= SMALL_NEST if every is None else every
    machine = machine_of(nest, hierarchy, halo)
    if objective in ("energy", "edp") and math.isnan(
        machine.mac_energy + np.sum(machine.levels.read_energy[machine_keeps(hierarchy)])
    ):
        raise MappingError("mapping search: an energy of the array or its memories is not known; search for latency or dram_bytes")
    return _Search(nest, hierarchy, machine, OBJECTIVES[objective], every, ("delta", "full").index(halo)).run(objective, limit, gap)


def machine_keeps(hierarchy: Hierarchy) -> NDArray[np.bool_]:
    """levels x tensors: True where a level keeps the tensor."""
    return np.array([[tensor in level.keeps for tensor in TENSORS] for level in hierarchy.levels])


def machine_of(nest: LoopNest, hierarchy: Hierarchy, halo: str = "delta") -> Machine:
    """The numbers a rating needs beside the mapping."""
    code = ("delta", "full").index(halo)
    return Machine(hierarchy.table(), code, hierarchy.mac_energy_j, hierarchy.hop_energy_j, float(nest.volume))


def rate_mapping(mapping: Mapping, hierarchy: Hierarchy, halo: str = "delta") -> Rating:
    """Legality, cycles, energy and DRAM words of one mapping: what the search makes small."""
    table = mapping.table()
    return Rating(*priced(table.keep, mapping.accesses(halo=halo), machine_of(mapping.nest, hierarchy, halo)))


def loop_orders(nest: LoopNest) -> NDArray[np.int64]:
    """One order per loop that may usefully stand innermost, with the other loops that its free tensor does not need next to it.

    >>> from workloads.loopnest import product_nest
    >>> orders = loop_orders(product_nest(rows=4, columns=8, reduction=2, tensors=("a", "b", "y")))
    >>> [DIMENSIONS[order[-1]] for order in orders]
    ['M', 'C', 'E']
    """
    used = [name for name in DIMENSIONS if nest.extent(name) > 1]
    windows = [name for name in used if name in "DEFTRS"]
    orders = []
    for last in used:
        free = [t for t in range(3) if not RELEVANT[t, DIMENSION[last]]]
        if last == "G" or len(free) != 1:
            continue
        group = [name for name in used if not RELEVANT[free[0], DIMENSION[name]] and name != "G"]
        if last not in windows and any(name in windows for name in group):
            continue
        rest = [name for name in DIMENSIONS if name not in group]
        inner = [name for name in group if name not in windows and name != last] + [n for n in group if n in windows and n != last]
        orders.append([DIMENSION[name] for name in (*rest, *inner, last)])
    if not orders:
        orders.append(list(range(len(DIMENSIONS))))
    return np.array(orders, dtype=np.int64)


class _Search:
    """One search: tables, scratch, the three walks."""

    def __init__(self, nest: LoopNest, hierarchy: Hierarchy, machine: Machine, objective: int, every: bool, halo: int) -> None:
        self.nest, self.hierarchy, self.machine, self.objective, self.every = nest, hierarchy, machine, objective, every
        extents = {name: nest.extent(name) for name in DIMENSIONS}
        self.orders = loop_orders(nest)
        self.row_spreads = spreads(extents, hierarchy.rows, every)
        self.column_spreads = spreads(extents, hierarchy.columns, every)
        sizes = [tile_sizes(name, extents[name], every)[::-1] for name in DIMENSIONS]
        self.tiles = np.zeros((len(DIMENSIONS), max(map(len, sizes))), dtype=np.int64)
        for d, column in enumerate(sizes):
            self.tiles[d, : len(column)] = column
        self.desk = self._desk(extents)
        self.rounded = int(not every and _plain_windows(nest))

    def _desk(self, extents: dict[str, int]) -> Desk:
        strides, spread = window_coefficients(self.nest)
        keep = machine_keeps(self.hierarchy).astype(np.int64)
        keep[0] = 1
        extent = np.array([extents[name] for name in DIMENSIONS], dtype=np.int64)
        none = np.zeros(0, dtype=np.int64)
        step, dilation = np.array(strides, dtype=np.int64), np.array(spread, dtype=np.int64)
        table = MappingTable(none, none, none, none, keep, extent, step, dilation, whole_words(extent))
        bounds = np.ones((5, len(DIMENSIONS)), dtype=np.int64)
        return Desk(nest_table(table), bounds, empty_loop_work(), empty_accesses(3))

    def run(self, objective: str, limit: int, gap: float) -> SearchedMapping:
        outer, floor = self._outer()
        inner, rank, dropped = self._inner(floor)
        best, bounds = self._first_best(named=gap == 0.0)
        best[6] = len(rank) * len(self.orders)
        search_pairs.compiled(
            self.desk, self.machine, self.orders, self.row_spreads, self.column_spreads, self.objective, inner, rank, outer,
            self.rounded, float(limit), gap, best, bounds,
        )  # fmt: skip
        if not math.isfinite(best[0]) and gap > 0.0:
            return self.run(objective, limit, 0.0)
        if not math.isfinite(best[0]):
            raise MappingError("mapping search: no mapping joins the tiles that fit; a larger buffer is needed")
        bound = min(best[7], best[0]) if not dropped else 0.0
        mapping = self.named if self.named is not None and best[4] < 0 else self._mapping(bounds, int(best[4]), int(best[5]))
        return SearchedMapping(
            mapping, objective, float(best[0]), float(best[1]), float(best[2]), float(best[3]), int(best[6]),
            float(1.0 - bound / best[0]) if best[0] > 0 else 0.0, "every" if self.every else "filled",
        )  # fmt: skip

    def _outer(self) -> tuple[OuterChoices, NDArray[np.float64]]:
        """Buffer tiles by rising cost; the least cycles, energy and words of them, and the energy of the whole nest as one tile."""
        room = int(np.prod([np.count_nonzero(column) for column in self.tiles])) * len(self.orders)
        choices = OuterChoices(
            np.ones((room, len(DIMENSIONS)), dtype=np.int64), np.zeros(room, dtype=np.int64), *(np.zeros(room) for _ in range(3))
        )
        position = np.zeros(len(DIMENSIONS), dtype=np.int64)
        count = list_outer.compiled(self.desk, self.machine, self.orders, self.tiles, position, choices)
        whole = float(choices.energy[0])
        fits = self._whole_fits()
        kept = _rows(choices, slice(0 if fits else len(self.orders), count))
        if not len(kept.order):
            self._refuse(1)
        key = {0: kept.cycles, 3: kept.dram_words}.get(self.objective, kept.energy)
        order = np.lexsort((kept.energy, kept.dram_words, key))
        floor = np.array([kept.cycles.min(), kept.energy.min(), kept.dram_words.min(), whole])
        return _rows(kept, order), floor

    def _whole_fits(self) -> bool:
        buffer = self.hierarchy.levels[1]
        words = sum(self.nest.footprint(tensor) for tensor in TENSORS if tensor in buffer.keeps)
        return words * buffer.buffers <= buffer.capacity_words

    def _inner(self, floor: NDArray[np.float64]) -> tuple[InnerChoices, NDArray[np.int64], int]:
        """Spread loops and element tiles, their indices by rising bound, and how many there was no room for."""
        room, array = 4096, np.array([self.hierarchy.rows, self.hierarchy.columns], dtype=np.int64)
        while True:
            width = len(self.orders)
            choices = InnerChoices(
                np.zeros(room, dtype=np.int64), np.zeros(room, dtype=np.int64), np.ones((room, len(DIMENSIONS)), dtype=np.int64),
                np.zeros((room, width)), np.zeros((room, width)), np.zeros(room),
            )  # fmt: skip
            left = np.ones(len(DIMENSIONS), dtype=np.int64)
            count = list_inner.compiled(
                self.desk, self.machine, self.orders, self.row_spreads, self.column_spreads, array, int(not self.every),
                self.objective, floor, left, choices,
            )  # fmt: skip
            if count <= room or room == ROOM:
                break
            room = min(ROOM, count)
        if not count:
            self._refuse(2)
        kept = min(count, room)
        return choices, np.argsort(choices.least[:kept], kind="stable"), count - kept

    def _refuse(self, level: int) -> None:
        """Say which level cannot hold one word of each tensor, or its smallest tile, and by how much."""
        storage = self.hierarchy.levels[level]
        smallest = sum(1 for tensor in TENSORS if tensor in storage.keeps and tensor not in storage.own_words) * storage.buffers
        short = max(0.0, smallest - storage.capacity_words)
        short += sum(max(0.0, storage.buffers - storage.own_words.get(t, math.inf)) for t in TENSORS if t in storage.keeps)
        raise MappingError(
            f"mapping search: level '{storage.name}' is {short:g} words short of its smallest tile, one word of each tensor it "
            "keeps; a larger memory, or a level that keeps fewer tensors, is needed"
        )

    def _first_best(self, named: bool) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The best of the named dataflows, so that the walk starts with something to beat."""
        best = np.array([math.inf, 0.0, 0.0, 0.0, -1.0, -1.0, 0.0, 0.0])
        self.named: Mapping | None = None
        for dataflow in DATAFLOWS.values() if named else ():
            try:
                mapping = self._keeping_all(dataflow.mapping(self.nest, self.hierarchy))
            except MappingError:
                continue
            rating = rate_mapping(mapping, self.hierarchy, ("delta", "full")[self.machine.halo])
            value = score(self.objective, rating.cycles, rating.energy, rating.dram_words)
            if rating.excess == 0.0 and value < best[0]:
                best[:4] = value, rating.cycles, rating.energy, rating.dram_words
                self.named = mapping
        return best, np.ones((5, len(DIMENSIONS)), dtype=np.int64)

    def _keeping_all(self, mapping: Mapping) -> Mapping:
        """The same loops with every level keeping what it may: the space the search is in."""
        levels = zip(mapping.levels, self.hierarchy.levels, strict=True)
        return Mapping.build(self.nest, [
            MappingLevel(level.name, TENSORS if k == 0 else storage.keeps, level.loops) for k, (level, storage) in enumerate(levels)
        ])  # fmt: skip

    def _mapping(self, bounds: NDArray[np.int64], outer_order: int, inner_order: int) -> Mapping:
        def loops(part: int, order: int, axis: str = "") -> tuple[Loop, ...]:
            return tuple(Loop(DIMENSIONS[d], int(bounds[part, d]), axis) for d in self.orders[order] if bounds[part, d] > 1)

        dram, buffer, element = self.hierarchy.levels
        return Mapping.build(self.nest, [
            MappingLevel(dram.name, TENSORS, loops(0, outer_order)),
            MappingLevel(buffer.name, buffer.keeps, (
                *loops(1, inner_order), *loops(2, inner_order, "rows"), *loops(3, inner_order, "columns"),
            )),
            MappingLevel(element.name, element.keeps, loops(4, inner_order)),
        ])  # fmt: skip


def _plain_windows(nest: LoopNest) -> bool:
    """True where windows neither stride nor spread: the smaller a tile, the more words are moved."""
    strides, spread = window_coefficients(nest)
    axes = zip("DEF", "TRS", strides, spread, strict=True)
    return all(
        (step == 1 or nest.extent(position) == 1) and (wide == 1 or nest.extent(tap) == 1) for position, tap, step, wide in axes
    )


def _rows(choices: OuterChoices, which: Any) -> OuterChoices:
    """Some rows of the choices, in the order asked for."""
    return OuterChoices(**{name: np.ascontiguousarray(column[which]) for name, column in choices._asdict().items()})
