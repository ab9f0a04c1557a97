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

from dataflows.tables import FIRST_POSITION, INPUTS, OUTPUTS, RELEVANT, TAP_OFFSET, WEIGHTS
from hwmodels.jit import kernel

#: Accounting of sliding windows (G5), and of inputs that neighbours share in part (G2).
DELTA, FULL = 0, 1
SHARED, UNION = 0, 1


@kernel(makes_arrays=False)
def block_sizes(table, sizes):
    """Fill ``sizes[row, loop]``: iterations of each loop inside a row of the mapping; a last row says which divide evenly."""
    rows = len(table.loop)
    for d in range(len(table.extent)):
        sizes[rows, d] = 1
    for k in range(rows - 1, -1, -1):
        for d in range(len(table.extent)):
            sizes[k, d] = sizes[k + 1, d]
        sizes[k, table.loop[k]] *= table.bound[k]
    for d in range(len(table.extent)):
        sizes[rows + 1, d] = 1 if sizes[0, d] == table.extent[d] else 0


@kernel(makes_arrays=False)
def stationarity_cut(table, tensor, stop):
    """Row of the innermost temporal loop before ``stop`` that indexes the tensor; -1 where none does (G1)."""
    k = stop - 1
    while k >= 0:
        if table.spatial[k] == 0 and table.bound[k] > 1 and RELEVANT[tensor, table.loop[k]] == 1:
            return k
        k -= 1
    return -1


@kernel(makes_arrays=False)
def innermost_temporal(table, stop):
    """Row of the innermost temporal loop of more than one iteration before ``stop``; -1 where there is none."""
    k = stop - 1
    while k >= 0:
        if table.spatial[k] == 0 and table.bound[k] > 1:
            return k
        k -= 1
    return -1


@kernel(makes_arrays=False)
def block_count(table, sizes, loop, stop, last_temporal, first_shared):
    """Blocks of one loop walked before row ``stop``, the last one possibly smaller.

    Temporal rows after ``last_temporal`` and spatial rows from ``first_shared`` on are walked once only: they repeat what is there.
    """
    whole, edge = 0, table.extent[loop]
    for k in range(stop):
        if table.loop[k] != loop or table.bound[k] == 1:
            continue
        inner = sizes[k + 1, loop]
        if walked_once(table, k, last_temporal, first_shared):
            if edge >= inner:
                whole, edge = whole + 1, 0
        else:
            whole, edge = whole * table.bound[k] + edge // inner, edge % inner
    return whole + 1 if edge > 0 else whole


@kernel(makes_arrays=False)
def walked_once(table, k, last_temporal, first_shared):
    """True for a row that repeats what is there: a free temporal loop, or a spatial one whose instances share."""
    return k >= first_shared if table.spatial[k] == 1 else k > last_temporal


@kernel(makes_arrays=False)
def repeats(table, sizes, tensor, stop, last_temporal, first_shared):
    """How often the rows before ``stop`` walk a tensor through: blocks of the loops that do not index it."""
    total = 1
    even = len(table.loop) + 1
    for k in range(stop):
        d = table.loop[k]
        if RELEVANT[tensor, d] == 0 and sizes[even, d] == 1 and not walked_once(table, k, last_temporal, first_shared):
            total *= table.bound[k]
    for d in range(len(table.extent)):
        if sizes[even, d] == 0 and RELEVANT[tensor, d] == 0:
            total *= block_count(table, sizes, d, stop, last_temporal, first_shared)
    return total


@kernel(makes_arrays=False)
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


@kernel(makes_arrays=False)
def sliding_axis(extent, block, advance, group, own_step, other, other_block, other_step):
    """``slide`` summed over the blocks of the other loop of the axis, the last one smaller."""
    total = (other // other_block) * slide(extent, block, advance, group, own_step, (other_block - 1) * other_step + 1)
    edge = other % other_block
    if edge > 0:
        total += slide(extent, block, advance, group, own_step, (edge - 1) * other_step + 1)
    return total


@kernel(makes_arrays=False)
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


@kernel(makes_arrays=False)
def joined_block(table, sizes, loop, stop, first):
    """Block of one loop at ``stop``, widened by the spatial rows from ``first`` on that lie directly outside it."""
    block = sizes[stop, loop]
    for k in range(stop - 1, first - 1, -1):
        if table.loop[k] == loop and table.bound[k] > 1:
            if table.spatial[k] == 0:
                break
            block *= table.bound[k]
    return min(table.extent[loop], block)


@kernel(makes_arrays=False)
def axis_words(table, sizes, axis, stop, sliding):
    """Words along one input axis over all tiles walked before ``stop``; ``sliding`` is the row of the loop that slides, or -1."""
    position = FIRST_POSITION + axis
    tap = position + TAP_OFFSET
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


@kernel(makes_arrays=False)
def union_words(table, sizes, axis, stop, sliding, first):
    """As ``axis_words``, with neighbours from row ``first`` on taking the union of their tiles: their common span.

    Only where the tiles touch, and where a sliding tile keeps nothing of the one before; else every tile is fetched by itself.
    """
    position = FIRST_POSITION + axis
    tap = position + TAP_OFFSET
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


@kernel(makes_arrays=False)
def tensor_words(table, sizes, tensor, stop, last_temporal, halo, sharing, first_shared):
    """Words of all tiles of a tensor that the loops indexing it walk through before ``stop``, each walked once.

    Loops that index a tensor split it: its tiles add up to its extent; along the input axes they overlap (G5), and neighbours from
    row ``first_shared`` on may fetch their union.
    """
    total = 1
    if tensor != INPUTS:
        for d in range(len(table.extent)):
            if RELEVANT[tensor, d] == 1:
                total *= table.extent[d]
        return total
    sliding = -1
    if halo == DELTA and last_temporal >= 0 and last_temporal == innermost_temporal(table, stop):
        sliding = last_temporal
    for axis in range(3):
        if table.extent[FIRST_POSITION + axis] * table.extent[FIRST_POSITION + axis + TAP_OFFSET] == 1:
            continue
        if sharing == UNION:
            total *= union_words(table, sizes, axis, stop, sliding, first_shared)
        else:
            total *= axis_words(table, sizes, axis, stop, sliding)
    return total * table.extent[0] * table.extent[1] * table.extent[3]


@kernel(makes_arrays=False)
def tile_words(table, sizes, tensor, stop):
    """Words of one tile of a tensor at row ``stop``, at most: what an instance has to hold."""
    total = 1
    for d in range(len(table.extent)):
        if RELEVANT[tensor, d] == 1 and (tensor != INPUTS or d == 0 or d == 1 or d == 3):
            total *= min(table.extent[d], sizes[stop, d])
    if tensor == INPUTS:
        for axis in range(3):
            position = FIRST_POSITION + axis
            positions = min(table.extent[position], sizes[stop, position])
            taps = min(table.extent[position + TAP_OFFSET], sizes[stop, position + TAP_OFFSET])
            total *= (positions - 1) * table.step[axis] + (taps - 1) * table.spread[axis] + 1
    return total


@kernel(makes_arrays=False)
def child_level(table, tensor, level):
    """The next level inside ``level`` that keeps the tensor; the number of levels where the MACs are next."""
    inner = level + 1
    while inner < len(table.keep) and table.keep[inner, tensor] == 0:
        inner += 1
    return inner


@kernel(makes_arrays=False)
def count_operand(table, sizes, tensor, level, child, halo, sharing, counts):
    """Words of weights or inputs between a level and its child, or the MACs: reads, deliveries, fills (G1, G2, G3, G5)."""
    at_macs = child == len(table.keep)
    start, stop = table.start[level], table.start[child]
    last = stop if at_macs else stationarity_cut(table, tensor, stop)
    window = FULL if at_macs else halo
    words = tensor_words(table, sizes, tensor, stop, last, window, SHARED, stop)
    delivered = words * repeats(table, sizes, tensor, stop, last, stop)
    if sharing == UNION and tensor == INPUTS:
        words = tensor_words(table, sizes, tensor, stop, last, window, UNION, start)
    counts.reads[level, tensor] = words * repeats(table, sizes, tensor, stop, last, start)
    counts.deliveries[level, tensor] = delivered
    if not at_macs:
        counts.fills[child, tensor] = delivered
        counts.visits[child, tensor] = delivered


@kernel(makes_arrays=False)
def count_outputs(table, sizes, level, child, counts):
    """Words of outputs between a level and its child, or the MACs: updates, read-backs, residencies, fills (G4).

    reads = updates - different words an instance sees; fills = residencies - different words, for levels below the outermost.
    """
    at_macs = child == len(table.keep)
    start, stop = table.start[level], table.start[child]
    last = stop if at_macs else stationarity_cut(table, OUTPUTS, stop)
    words = tensor_words(table, sizes, OUTPUTS, stop, last, FULL, SHARED, stop)
    different = words * repeats(table, sizes, OUTPUTS, start, -1, start)
    counts.updates[level, OUTPUTS] = words * repeats(table, sizes, OUTPUTS, stop, last, start)
    counts.reads[level, OUTPUTS] = counts.updates[level, OUTPUTS] - different
    counts.deliveries[level, OUTPUTS] = words * repeats(table, sizes, OUTPUTS, stop, last, stop)
    if level > 0:
        counts.fills[level, OUTPUTS] = counts.visits[level, OUTPUTS] - different
    if not at_macs:
        counts.visits[child, OUTPUTS] = counts.deliveries[level, OUTPUTS]


@kernel(makes_arrays=False)
def count_steps(table, sizes):
    """Steps of all temporal loops: cycles without bandwidth limits; the last block of a loop has only what is left."""
    rows = len(table.loop)
    total = 1
    for k in range(rows):
        if table.spatial[k] == 0 and sizes[rows + 1, table.loop[k]] == 1:
            total *= table.bound[k]
    for d in range(len(table.extent)):
        if sizes[rows + 1, d] == 0:
            total *= block_count(table, sizes, d, rows, rows, 0)
    return total


@kernel(makes_arrays=False)
def count_accesses(table, sizes, halo, sharing, counts):
    """Fill every column of ``counts`` for one mapping.

    Parameters
    ----------
    table : MappingTable
    sizes : int64 array, at least (rows + 2) x 10
        Work space.
    halo : int
        DELTA or FULL (G5).
    sharing : int
        SHARED: words that children take whole are read once; UNION: so are inputs whose tiles overlap in part.
    counts : AccessTable
        Columns to fill.
    """
    block_sizes(table, sizes)
    counts.cycles[0] = count_steps(table, sizes)
    for level in range(len(table.keep)):
        counts.instances[level] = 1
        for k in range(table.start[level]):
            if table.spatial[k] == 1:
                counts.instances[level] *= table.bound[k]
        for tensor in (WEIGHTS, INPUTS, OUTPUTS):
            if table.keep[level, tensor] == 0:
                continue
            counts.tile[level, tensor] = tile_words(table, sizes, tensor, table.start[level])
            if level == 0:
                counts.visits[0, tensor] = counts.tile[0, tensor]
            child = child_level(table, tensor, level)
            if tensor == OUTPUTS:
                count_outputs(table, sizes, level, child, counts)
            else:
                count_operand(table, sizes, tensor, level, child, halo, sharing, counts)
