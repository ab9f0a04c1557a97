"""Mapping: a loop nest split over storage levels and array axes, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

import numpy as np

from dataflows.accesses import count_accesses
from dataflows.errors import MappingError
from dataflows.tables import DIMENSION, TENSORS, AccessTable, MappingTable, empty_accesses, empty_blocks, whole_words
from workloads.loopnest import DIMENSIONS, LoopNest

#: Axes of an array that a spread loop may run along.
AXES = ("rows", "columns")


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop of a mapping.

    Attributes
    ----------
    loop : str
        Loop of the nest it steps: one of N G M C D E F T R S.
    bound : int
        Iterations; the last block may be smaller than the others.
    axis : str
        Empty for a loop in time, else the array axis its iterations are spread over.
    """

    loop: str
    bound: int
    axis: str = ""

    @property
    def spatial(self) -> bool:
        """True where the iterations run side by side."""
        return bool(self.axis)


@dataclass(frozen=True, slots=True)
class MappingLevel:
    """One storage level: what it keeps, and the loops that step through its tiles, outermost first.

    Spatial loops stand last: they spread the tiles over the instances of the next level.
    """

    name: str
    keeps: tuple[str, ...]
    loops: tuple[Loop, ...]


@dataclass(frozen=True)
class Mapping:
    """A nest and how it is split; build one with :meth:`Mapping.build`, which checks it."""

    nest: LoopNest
    levels: tuple[MappingLevel, ...]

    @classmethod
    def build(cls, nest: LoopNest, levels: Iterable[MappingLevel]) -> Mapping:
        """Check a mapping and drop what does nothing: loops of one iteration, iterations that no extent reaches.

        Raises
        ------
        MappingError
            Unknown loops, axes or tensors; extents that are not covered; a spatial loop outside a temporal one of its level; an
            outermost level that does not keep every tensor.
        """
        levels = tuple(levels)
        _check_names(levels)
        sizes = dict.fromkeys(DIMENSIONS, 1)
        kept: list[MappingLevel] = []
        for level in reversed(levels):
            loops: list[Loop] = []
            for loop in reversed(level.loops):
                bound = min(loop.bound, -(-nest.extent(loop.loop) // sizes[loop.loop]))
                sizes[loop.loop] *= bound
                if bound > 1:
                    loops.append(Loop(loop.loop, bound, loop.axis))
            kept.append(MappingLevel(level.name, level.keeps, tuple(reversed(loops))))
        for name in DIMENSIONS:
            if sizes[name] < nest.extent(name):
                raise MappingError(
                    f"mapping: its loops over {name} cover {sizes[name]} of {nest.extent(name)} iterations; all are expected"
                )
        return cls(nest, tuple(reversed(kept)))

    @property
    def loops(self) -> tuple[Loop, ...]:
        """Every loop, outermost first."""
        return tuple(loop for level in self.levels for loop in level.loops)

    def table(self) -> MappingTable:
        """Columns for the counting kernels."""
        loops = self.loops
        extent = np.array([self.nest.extent(name) for name in DIMENSIONS], dtype=np.int64)
        starts = np.cumsum([0, *(len(level.loops) for level in self.levels)])
        strides, spreads = window_coefficients(self.nest)
        return MappingTable(
            loop=np.array([DIMENSION[loop.loop] for loop in loops], dtype=np.int64),
            bound=np.array([loop.bound for loop in loops], dtype=np.int64),
            spatial=np.array([int(loop.spatial) for loop in loops], dtype=np.int64),
            start=starts.astype(np.int64),
            keep=np.array([[int(tensor in level.keeps) for tensor in TENSORS] for level in self.levels], dtype=np.int64),
            extent=extent,
            step=np.array(strides, dtype=np.int64),
            spread=np.array(spreads, dtype=np.int64),
            whole=whole_words(extent),
        )

    def accesses(self, *, halo: str = "delta", sharing: str = "shared") -> AccessTable:
        """Access counts in words, levels x tensors (weights, inputs, outputs), totals over all instances.

        Parameters
        ----------
        halo : str
            ``delta``: a sliding tile fetches its new words only; ``full``: the whole tile.
        sharing : str
            ``shared``: children that take the same word share one read; ``union``: also where input tiles overlap in part.
        """
        table = self.table()
        counts = empty_accesses(len(self.levels))
        blocks = empty_blocks(len(self.levels), len(table.loop))
        count_accesses(table, blocks, ("delta", "full").index(halo), ("shared", "union").index(sharing), counts)
        return counts


def window_coefficients(nest: LoopNest) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Stride of D, E, F and dilation of T, R, S in the input of a nest."""
    steps: MappingOf[str, int] = dict(pair for axis in nest.index("inputs").axes for pair in axis)
    strides = (steps.get("D", 1), steps.get("E", 1), steps.get("F", 1))
    return strides, (steps.get("T", 1), steps.get("R", 1), steps.get("S", 1))


def _check_names(levels: tuple[MappingLevel, ...]) -> None:
    if not levels or set(levels[0].keeps) != set(TENSORS):
        raise MappingError(
            f"mapping: its outermost level keeps {levels[0].keeps if levels else ()}; all of {TENSORS} are expected there"
        )
    for level in levels:
        if not set(level.keeps) <= set(TENSORS):
            raise MappingError(f"mapping: level '{level.name}' keeps {level.keeps}; tensors are {TENSORS}")
        spread = False
        for loop in level.loops:
            if loop.loop not in DIMENSION or loop.bound < 1 or (loop.axis and loop.axis not in AXES):
                raise MappingError(
                    f"mapping: level '{level.name}' has {loop}; a loop of {DIMENSIONS}, a bound from 1, an axis of {AXES}"
                )
            if spread and not loop.spatial:
                raise MappingError(
                    f"mapping: level '{level.name}' has {loop} inside a spread loop; spread loops stand last in a level"
                )
            spread = loop.spatial
