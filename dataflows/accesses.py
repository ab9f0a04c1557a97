"""Every access count: words that cross each boundary of a storage hierarchy under a mapping.

Five rules, after the loop-nest model of Parashar et al., ISPASS 2019:

G1  *Stationarity.* Walking outward from a level, temporal loops that do not index a tensor are free until the first one that does;
    that loop and all outside it bring a new tile.
G2  *Parent reads.* Children that take the same word in the same step share one read of their parent (multicast).
G3  *Innermost reads.* Every MAC reads its operands from the lowest level that keeps them, shared alike.
G4  *Outputs.* Each residency of a sum below makes one update above, sums of a spatial reduction being added on the way; all but
    the first update of a word read it first; a tile that comes back is filled again.
G5  *Sliding windows.* A tile that slides in the innermost loop fetches its new words only (``delta``) or itself (``full``).

Loops need not divide their extents: the last block is smaller, and counted so. A block that repeats unchanged because the loop
inside it has one iteration at the edge is charged again: counts of a dimension split twice outside a level are upper bounds there.
"""

from __future__ import annotations

from dataflows.tables import INPUTS, OUTPUTS, POSITIONS, RELEVANT, TAPS, WEIGHTS
from hwmodels.jit import kernel

#: Accounting of sliding windows (G5), and of inputs that neighbours share in part (G2).
DELTA, FULL = 0, 1
SHARED, UNION = 0, 1


@kernel
def block_sizes(table, sizes):
    """Fill ``sizes[row, loop]``: iterations of each loop inside the given row of the mapping."""
    rows = len(table.loop)
    for d in range(len(table.extent)):
        sizes[rows, d] = 1
    for k in range(rows - 1, -1, -1):
        for d in range(len(table.extent)):
            sizes[k, d] = sizes[k + 1, d]
        sizes[k, table.loop[k]] *= table.bound[k]


@kernel
def stationarity_cut(table, tensor, stop):
    """Row of the innermost temporal loop before ``stop`` that indexes the tensor; -1 where none does (G1)."""
    k = stop - 1
    while k >= 0:
        if table.spatial[k] == 0 and table.bound[k] > 1 and RELEVANT[tensor][table.loop[k]] == 1:
            return k
        k -= 1
    return -1


@kernel
def innermost_temporal(table, stop):
    """Row of the innermost temporal loop of more than one iteration before ``stop``; -1 where there is none."""
    k = stop - 1
    while k >= 0:
        if table.spatial[k] == 0 and table.bound[k] > 1:
            return k
        k -= 1
    return -1


@kernel
def block_count(table, sizes, loop, stop, last_temporal, first_shared):
    """Blocks of one loop walked before row ``stop``, the last one possibly smaller.

    Temporal rows after ``last_temporal`` and spatial rows from ``first_shared`` on are walked once only: they repeat what is there.
    """
    whole, edge = 0, table.extent[loop]
    if sizes[0, loop] == edge:
        whole, edge = 1, 0
    for k in range(stop):
        if table.loop[k] != loop or table.bound[k] == 1:
            continue
        inner = sizes[k + 1, loop]
        once = k >= first_shared if table.spatial[k] == 1 else k > last_temporal
        if not once:
            whole *= table.bound[k]
            if edge > 0:
                whole, edge = whole + edge // inner, edge % inner
        elif edge >= inner:
            whole, edge = whole + 1, 0
    return whole + 1 if edge > 0 else whole


@kernel
def slide(extent, block, advance, group, own_step, other_words):
    """Words along one axis when a loop slides over it: the first tile of each turn whole, then what is new only (G5).

    Parameters
    ----------
    extent, block : int
        Iterations of the sliding dimension, and of one tile.
    advance, group : int
        Iterations a tile moves per step (tiles of neighbours lie between), and per turn of the sliding loop.
    own_step : int
        Words per iteration of the sliding dimension.
    other_words : int
        Words a tile of one iteration has: the span of the other loop of the axis.

    >>> slide(16, 1, 1, 16, 1, 3)
    18
    """
    neighbours = advance // block
    tile = (block - 1) * own_step + other_words
    new = min(tile, advance * own_step)
    total = (extent // group) * neighbours * (tile + (group // advance - 1) * new)
    rest = extent % group
    steps, last = rest // advance, rest % advance
    if steps > 0:
        total += neighbours * (tile + (steps - 1) * new)
    total += (last // block) * (new if steps > 0 else tile)
    edge = last % block
    if edge > 0:
        smaller = (edge - 1) * own_step + other_words
        total += min(smaller, (advance - block + edge) * own_step) if steps > 0 else smaller
    return total


@kernel
def sliding_axis(extent, block, advance, group, own_step, other, other_block, other_step):
    """``slide`` summed over the blocks of the other loop of the axis, the last one smaller."""
    total = (other // other_block) * slide(extent, block, advance, group, own_step, (other_block - 1) * other_step + 1)
    edge = other % other_block
    if edge > 0:
        total += slide(extent, block, advance, group, own_step, (edge - 1) * other_step + 1)
    return total


@kernel
def window_words(positions, position_block, taps, tap_block, step, spread):
    """Words along one input axis over all pairs of blocks of its position loop and its filter loop, each block's span in full.

    A block of e positions and r taps spans (e-1)*step + (r-1)*spread + 1 words (its bounding box).

    >>> window_words(16, 1, 3, 3, 1, 1)
    48
    """
    position_blocks = -(-positions // position_block)
    tap_blocks = -(-taps // tap_block)
    pairs = position_blocks * tap_blocks
    return step * (positions * tap_blocks - pairs) + spread * (taps * position_blocks - pairs) + pairs


@kernel
def joined_block(table, sizes, loop, stop, first):
    """Block of one loop at ``stop``, widened by the spatial rows from ``first`` on that lie directly outside it."""
    block = sizes[stop, loop]
    for k in range(stop - 1, first - 1, -1):
        if table.loop[k] == loop and table.bound[k] > 1:
            if table.spatial[k] == 0:
                break
            block *= table.bound[k]
    return min(table.extent[loop], block)


@kernel
def axis_words(table, sizes, axis, stop, sliding):
    """Words along one input axis over all tiles walked before ``stop``; ``sliding`` is the row of the loop that slides, or -1."""
    position, tap = POSITIONS[axis], TAPS[axis]
    positions, taps = table.extent[position], table.extent[tap]
    step, spread = table.step[axis], table.spread[axis]
    position_block, tap_block = min(positions, sizes[stop, position]), min(taps, sizes[stop, tap])
    if sliding >= 0 and table.loop[sliding] == position:
        advance, group = sizes[sliding + 1, position], sizes[sliding, position]
        return sliding_axis(positions, position_block, advance, group, step, taps, tap_block, spread)
    if sliding >= 0 and table.loop[sliding] == tap:
        advance, group = sizes[sliding + 1, tap], sizes[sliding, tap]
        return sliding_axis(taps, tap_block, advance, group, spread, positions, position_block, step)
    return window_words(positions, position_block, taps, tap_block, step, spread)


@kernel
def union_words(table, sizes, axis, stop, sliding, first):
    """As ``axis_words``, with neighbours from row ``first`` on taking the union of their tiles: their common span.

    Only where the tiles touch, and where a sliding tile keeps nothing of the one before; else every tile is fetched by itself.
    """
    position, tap = POSITIONS[axis], TAPS[axis]
    positions, taps = table.extent[position], table.extent[tap]
    step, spread = table.step[axis], table.spread[axis]
    position_block, tap_block = min(positions, sizes[stop, position]), min(taps, sizes[stop, tap])
    tile = (position_block - 1) * step + (tap_block - 1) * spread + 1
    if sliding >= 0 and table.loop[sliding] == position and sizes[sliding + 1, position] * step < tile:
        return axis_words(table, sizes, axis, stop, sliding)
    if sliding >= 0 and table.loop[sliding] == tap and sizes[sliding + 1, tap] * spread < tile:
        return axis_words(table, sizes, axis, stop, sliding)
    wide_taps = joined_block(table, sizes, tap, stop, first) if tap_block * spread <= tile else tap_block
    reach = (position_block - 1) * step + (wide_taps - 1) * spread + 1
    wide_positions = joined_block(table, sizes, position, stop, first) if position_block * step <= reach else position_block
    return window_words(positions, wide_positions, taps, wide_taps, step, spread)


@kernel
def words_walked(table, sizes, tensor, stop, last_temporal, first_shared, halo, sharing):
    """Words of all tiles of a tensor that the rows before ``stop`` walk through, over all instances.

    Temporal loops after ``last_temporal`` that do not index the tensor are free (G1), spatial ones from ``first_shared`` on share
    their words (G2). Loops that index the tensor split it: their tiles add up to its extent, or overlap along input axes (G5).
    """
    total = 1
    for d in range(len(table.extent)):
        if RELEVANT[tensor][d] == 0 and table.extent[d] > 1:
            total *= block_count(table, sizes, d, stop, last_temporal, first_shared)
    if tensor != INPUTS:
        for d in range(len(table.extent)):
            if RELEVANT[tensor][d] == 1:
                total *= table.extent[d]
        return total
    sliding = -1
    if halo == DELTA and last_temporal >= 0 and last_temporal == innermost_temporal(table, stop):
        sliding = last_temporal
    for axis in range(3):
        if sharing == UNION:
            total *= union_words(table, sizes, axis, stop, sliding, first_shared)
        else:
            total *= axis_words(table, sizes, axis, stop, sliding)
    return total * table.extent[0] * table.extent[1] * table.extent[3]


@kernel
def tile_words(table, sizes, tensor, stop):
    """Words of one tile of a tensor at row ``stop``, at most: what an instance has to hold."""
    total = 1
    for d in range(len(table.extent)):
        if RELEVANT[tensor][d] == 1 and (tensor != INPUTS or d == 0 or d == 1 or d == 3):
            total *= min(table.extent[d], sizes[stop, d])
    if tensor == INPUTS:
        for axis in range(3):
            positions = min(table.extent[POSITIONS[axis]], sizes[stop, POSITIONS[axis]])
            taps = min(table.extent[TAPS[axis]], sizes[stop, TAPS[axis]])
            total *= (positions - 1) * table.step[axis] + (taps - 1) * table.spread[axis] + 1
    return total


@kernel
def child_level(table, tensor, level):
    """The next level inside ``level`` that keeps the tensor; the number of levels where the MACs are next."""
    inner = level + 1
    while inner < len(table.keep) and table.keep[inner, tensor] == 0:
        inner += 1
    return inner


@kernel
def count_operand(table, sizes, tensor, level, halo, sharing, counts):
    """Fills, reads and deliveries of weights or inputs at one level that keeps them (G1, G2, G3, G5)."""
    child = child_level(table, tensor, level)
    at_macs = child == len(table.keep)
    start, stop = table.start[level], table.start[child]
    cut = stationarity_cut(table, tensor, start)
    if level > 0:
        counts.fills[level, tensor] = words_walked(table, sizes, tensor, start, cut, start, halo, SHARED)
    counts.visits[level, tensor] = counts.fills[level, tensor] if level > 0 else counts.tile[level, tensor]
    last = stop if at_macs else stationarity_cut(table, tensor, stop)
    window = FULL if at_macs else halo
    counts.reads[level, tensor] = words_walked(table, sizes, tensor, stop, last, start, window, sharing)
    counts.deliveries[level, tensor] = words_walked(table, sizes, tensor, stop, last, stop, window, SHARED)


@kernel
def count_outputs(table, sizes, level, counts):
    """Updates, reads and fills of the outputs at one level that keeps them (G4).

    reads = updates - different words an instance sees; fills = residencies - different words, for levels below the outermost.
    """
    child = child_level(table, OUTPUTS, level)
    start, stop = table.start[level], table.start[child]
    visits = words_walked(table, sizes, OUTPUTS, start, stationarity_cut(table, OUTPUTS, start), start, FULL, SHARED)
    different = words_walked(table, sizes, OUTPUTS, start, -1, start, FULL, SHARED)
    last = stop if child == len(table.keep) else stationarity_cut(table, OUTPUTS, stop)
    counts.updates[level, OUTPUTS] = words_walked(table, sizes, OUTPUTS, stop, last, start, FULL, SHARED)
    counts.deliveries[level, OUTPUTS] = words_walked(table, sizes, OUTPUTS, stop, last, stop, FULL, SHARED)
    counts.reads[level, OUTPUTS] = counts.updates[level, OUTPUTS] - different
    counts.visits[level, OUTPUTS] = visits
    counts.fills[level, OUTPUTS] = visits - different if level > 0 else 0


@kernel
def count_accesses(table, sizes, halo, sharing, counts):
    """Fill every column of ``counts`` for one mapping.

    Parameters
    ----------
    table : MappingTable
    sizes : int64 array, (rows + 1) x 10
        Work space.
    halo : int
        DELTA or FULL (G5).
    sharing : int
        SHARED: words that children take whole are read once; UNION: so are inputs whose tiles overlap in part.
    counts : AccessTable
        Columns to fill.
    """
    block_sizes(table, sizes)
    rows = len(table.loop)
    counts.cycles[0] = 1
    for d in range(len(table.extent)):
        counts.cycles[0] *= block_count(table, sizes, d, rows, rows, 0)
    for level in range(len(table.keep)):
        counts.instances[level] = 1
        for k in range(table.start[level]):
            if table.spatial[k] == 1:
                counts.instances[level] *= table.bound[k]
        for tensor in (WEIGHTS, INPUTS, OUTPUTS):
            if table.keep[level, tensor] == 0:
                continue
            counts.tile[level, tensor] = tile_words(table, sizes, tensor, table.start[level])
            if tensor == OUTPUTS:
                count_outputs(table, sizes, level, counts)
            else:
                count_operand(table, sizes, tensor, level, halo, sharing, counts)
