"""Columns of mappings and of access counts: what the kernels of ``accesses.py`` read and fill."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workloads.loopnest import DIMENSIONS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Tensors of a nest, in the order of their codes.
TENSORS = ("weights", "inputs", "outputs")
WEIGHTS, INPUTS, OUTPUTS, NO_TENSOR = 0, 1, 2, 3

#: Loop -> its code: N G M C D E F T R S.
DIMENSION = {name: code for code, name in enumerate(DIMENSIONS)}

#: Position loops D E F; the filter loops T R S that slide with them follow three codes later.
FIRST_POSITION, TAP_OFFSET = DIMENSION["D"], DIMENSION["T"] - DIMENSION["D"]

#: RELEVANT[tensor, loop]: 1 where the loop indexes the tensor, none for NO_TENSOR (Parashar et al., ISPASS 2019; Yang et al., ASPLOS 2020).
RELEVANT = np.array(
    [[int(name in loops) for name in DIMENSIONS] for loops in ("GMCTRS", "NGCDEFTRS", "NGMDEF", "")], dtype=np.int64
)


class MappingTable(NamedTuple):
    """One mapping: its loops outermost first, and where each storage level begins."""

    loop: Ints  # code of the loop each row steps
    bound: Ints  # iterations; the last block of a loop may be smaller
    spatial: Ints  # 1 where the iterations run side by side on the array
    start: Ints  # first row of each level, outermost level first; the last entry is the number of rows
    keep: Ints  # levels x tensors: 1 where the level keeps the tensor
    extent: Ints  # bound of each of the ten loops of the nest
    step: Ints  # stride of D, E, F in the input
    spread: Ints  # dilation of T, R, S in the input
    whole: Ints  # words of weights and outputs; of the inputs only the axes no window slides along


class BlockTable(NamedTuple):
    """Work space of the counting kernels: sizes of the blocks that loops step through."""

    level: Ints  # (levels + 1) x 10: iterations of each loop inside a level; 1 at the MACs
    row: Ints  # iterations of its own loop inside each row
    even: Ints  # ten loops: 1 where the bounds multiply to the extent
    whole: Ints  # ten loops: whole blocks walked so far
    edge: Ints  # ten loops: iterations of the smaller block at the end


class AccessTable(NamedTuple):
    """Counts in words, levels x tensors; totals over all instances of a level."""

    tile: Ints  # words one instance holds at most
    fills: Ints  # words written into the level from its parent (outputs: partial sums that come back)
    reads: Ints  # words read by the level below or by the MACs (outputs: to continue a sum)
    updates: Ints  # outputs arriving from below
    visits: Ints  # words hosted, counted once per residency
    deliveries: Ints  # words handed to the level's children by the network, one per child
    instances: Ints  # instances of the level in use
    cycles: Ints  # one entry: steps without bandwidth limits


class LevelTable(NamedTuple):
    """One row per storage level of an array, outermost first."""

    capacity: Floats  # words one instance holds for all its tensors; inf where unlimited
    reserved: Floats  # levels x tensors: words of a memory of the tensor's own; inf where it shares ``capacity``
    read_energy: Floats  # levels x tensors: J per word
    write_energy: Floats  # levels x tensors: J per word
    read_words: Floats  # words one instance can read per cycle; inf where unlimited
    write_words: Floats  # words one instance can write per cycle
    shared_port: Ints  # 1 where reads and writes take turns
    buffers: Ints  # copies of each tile held: 2 where the next one is loaded meanwhile


def empty_blocks(levels: int, rows: int) -> BlockTable:
    """Work space for mappings of ``levels`` levels and at most ``rows`` loops."""
    wide = len(DIMENSIONS)
    loops = [np.ones(wide, np.int64) for _ in range(3)]
    return BlockTable(np.ones((levels + 1, wide), np.int64), np.ones(rows, np.int64), loops[0], loops[1], loops[2])


def whole_words(extent: Ints) -> Ints:
    """Words of weights and outputs, and of the inputs without the axes that windows slide along, from the ten extents."""
    plain = RELEVANT[:NO_TENSOR].copy()
    plain[INPUTS, FIRST_POSITION:] = 0
    return np.prod(np.where(plain == 1, extent, 1), axis=1).astype(np.int64)


def empty_accesses(levels: int) -> AccessTable:
    """Zeroed columns for a mapping of ``levels`` levels."""
    columns = {name: np.zeros((levels, 3), dtype=np.int64) for name in AccessTable._fields[:6]}
    return AccessTable(**columns, instances=np.zeros(levels, dtype=np.int64), cycles=np.zeros(1, dtype=np.int64))
