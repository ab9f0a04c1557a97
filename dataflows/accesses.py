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

A *child* is the next level inside that keeps a tensor, or the MACs (one past the last level).
"""

from __future__ import annotations

from dataflows.tables import FIRST_POSITION, INPUTS, NO_TENSOR, OUTPUTS, RELEVANT, TAP_OFFSET, WEIGHTS
from hwmodels.jit import kernel

#: Accounting of sliding windows (G5), and of inputs that neighbours share in part (G2).
DELTA, FULL = 0, 1
SHARED, UNION = 0, 1


@kernel(makes_arrays=False, inline=True)
def block_sizes(table, blocks):
    """Fill ``blocks``: iterations of each loop inside each level and inside each row; which loops divide evenly."""
    levels = len(table.keep)
    for d in range(len(table.extent)):
        blocks.level[levels, d] = 1
    for level in range(levels - 1, -1, -1):
        for d in range(len(table.extent)):
            blocks.level[level, d] = blocks.level[level + 1, d]
        for k in range(table.start[level + 1] - 1, table.start[level] - 1, -1):
            blocks.row[k] = blocks.level[level, table.loop[k]]
            blocks.level[level, table.loop[k]] *= table.bound[k]
    for d in range(len(table.extent)):
        blocks.even[d] = 1 if blocks.level[0, d] == table.extent[d] else 0


@kernel(makes_arrays=False, inline=True)
def stationarity_cut(table, tensor, stop):
    """Row of the innermost temporal loop before ``stop`` that indexes the tensor; -1 where none does (G1)."""
    k = stop - 1
    while k >= 0:
        if table.spatial[k] == 0 and table.bound[k] > 1 and RELEVANT[tensor, table.loop[k]] == 1:
            return k
        k -= 1
    return -1


@kernel(makes_arrays=False, inline=True)
def innermost_temporal(table, stop):
    """Row of the innermost temporal loop of more than one iteration before ``stop``; -1 where there is none."""
    k = stop - 1
    while k >= 0:
        if table.spatial[k] == 0 and table.bound[k] > 1:
            return k
        k -= 1
    return -1


@kernel(makes_arrays=False, inline=True)
def walked_once(table, k, last_temporal, first_shared):
    """True for a row that repeats what is there: a free temporal loop, or a spatial one whose instances share."""
    return k >= first_shared if table.spatial[k] == 1 else k > last_temporal


@kernel(makes_arrays=False, inline=True)
def repeats(table, blocks, tensor, stop, last_temporal, first_shared):
    """How often the rows before ``stop`` walk a tensor through: blocks of the loops that do not index it.

    Temporal rows after ``last_temporal`` and spatial rows from ``first_shared`` on are walked once only: they repeat what is there. A
    loop whose bounds do not multiply to its extent is followed as whole blocks and one smaller block at its end.
    """
    total = 1
    for d in range(len(table.extent)):
        blocks.whole[d], blocks.edge[d] = 0, table.extent[d]
    for k in range(stop):
        d = table.loop[k]
        if RELEVANT[tensor, d] == 1:
            continue
        once = walked_once(table, k, last_temporal, first_shared)
        if blocks.even[d] == 1:
            total *= 1 if once else table.bound[k]
        elif not once:
            steps = blocks.edge[d] // blocks.row[k]
            blocks.whole[d] = blocks.whole[d] * table.bound[k] + steps
            blocks.edge[d] -= steps * blocks.row[k]
        elif blocks.edge[d] >= blocks.row[k]:
            blocks.whole[d], blocks.edge[d] = blocks.whole[d] + 1, 0
    for d in range(len(table.extent)):
        if blocks.even[d] == 0 and RELEVANT[tensor, d] == 0:
            total *= blocks.whole[d] + (1 if blocks.edge[d] > 0 else 0)
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
def joined_block(table, blocks, loop, child, first):
    """Block of one loop inside ``child``, widened by the spatial rows from ``first`` on that lie directly outside it."""
    block = blocks.level[child, loop]
    for k in range(table.start[child] - 1, first - 1, -1):
        if table.loop[k] == loop and table.bound[k] > 1:
            if table.spatial[k] == 0:
                break
            block *= table.bound[k]
    return min(table.extent[loop], block)


@kernel(makes_arrays=False)
def axis_words(table, blocks, axis, child, sliding):
    """Words along one input axis over all tiles of ``child``; ``sliding`` is the row of the loop that slides, or -1."""
    position = FIRST_POSITION + axis
    tap = position + TAP_OFFSET
    positions, taps = table.extent[position], table.extent[tap]
    step, spread = table.step[axis], table.spread[axis]
    position_block, tap_block = min(positions, blocks.level[child, position]), min(taps, blocks.level[child, tap])
    if sliding >= 0 and table.loop[sliding] == position:
        advance = blocks.row[sliding]
        group = advance * table.bound[sliding]
        return sliding_axis(positions, position_block, advance, group, step, taps, tap_block, spread)
    if sliding >= 0 and table.loop[sliding] == tap:
        advance = blocks.row[sliding]
        group = advance * table.bound[sliding]
        return sliding_axis(taps, tap_block, advance, group, spread, positions, position_block, step)
    return window_words(positions, position_block, taps, tap_block, step, spread)


@kernel(makes_arrays=False)
def union_words(table, blocks, axis, child, sliding, first):
    """As ``axis_words``, with neighbours from row ``first`` on taking the union of their tiles: their common span.

    Only where the tiles touch, and where a sliding tile keeps nothing of the one before; else every tile is fetched by itself.
    """
    position = FIRST_POSITION + axis
    tap = position + TAP_OFFSET
    positions, taps = table.extent[position], table.extent[tap]
    step, spread = table.step[axis], table.spread[axis]
    position_block, tap_block = min(positions, blocks.level[child, position]), min(taps, blocks.level[child, tap])
    tile = (position_block - 1) * step + (tap_block - 1) * spread + 1
    if sliding >= 0 and table.loop[sliding] == position and blocks.row[sliding] * step < tile:
        return axis_words(table, blocks, axis, child, sliding)
    if sliding >= 0 and table.loop[sliding] == tap and blocks.row[sliding] * spread < tile:
        return axis_words(table, blocks, axis, child, sliding)
    wide_taps = joined_block(table, blocks, tap, child, first) if tap_block * spread <= tile else tap_block
    reach = (position_block - 1) * step + (wide_taps - 1) * spread + 1
    wide_positions = joined_block(table, blocks, position, child, first) if position_block * step <= reach else position_block
    return window_words(positions, wide_positions, taps, wide_taps, step, spread)


@kernel(makes_arrays=False, inline=True)
def tensor_words(table, blocks, tensor, child, last_temporal, halo, sharing, first_shared):
    """Words of all tiles of a tensor that the loops indexing it walk through outside ``child``, each walked once.

    Loops that index a tensor split it: its tiles add up to its extent; along the input axes they overlap (G5), and neighbours from
    row ``first_shared`` on may fetch their union.
    """
    total = table.whole[tensor]
    if tensor != INPUTS:
        return total
    sliding = -1
    if halo == DELTA and last_temporal >= 0 and last_temporal == innermost_temporal(table, table.start[child]):
        sliding = last_temporal
    for axis in range(3):
        if table.extent[FIRST_POSITION + axis] * table.extent[FIRST_POSITION + axis + TAP_OFFSET] == 1:
            continue
        if sharing == UNION:
            total *= union_words(table, blocks, axis, child, sliding, first_shared)
        else:
            total *= axis_words(table, blocks, axis, child, sliding)
    return total


@kernel(makes_arrays=False, inline=True)
def tile_words(table, blocks, tensor, level):
    """Words of one tile of a tensor at a level, at most: what an instance has to hold."""
    total = 1
    for d in range(len(table.extent)):
        if RELEVANT[tensor, d] == 1 and (tensor != INPUTS or d < FIRST_POSITION):
            total *= min(table.extent[d], blocks.level[level, d])
    if tensor == INPUTS:
        for axis in range(3):
            position = FIRST_POSITION + axis
            positions = min(table.extent[position], blocks.level[level, position])
            taps = min(table.extent[position + TAP_OFFSET], blocks.level[level, position + TAP_OFFSET])
            total *= (positions - 1) * table.step[axis] + (taps - 1) * table.spread[axis] + 1
    return total


@kernel(makes_arrays=False, inline=True)
def child_level(table, tensor, level):
    """The next level inside ``level`` that keeps the tensor; the number of levels where the MACs are next."""
    inner = level + 1
    while inner < len(table.keep) and table.keep[inner, tensor] == 0:
        inner += 1
    return inner


@kernel(makes_arrays=False, inline=True)
def is_shared(table, tensor, start, stop):
    """True where some spatial row from ``start`` to ``stop`` does not index the tensor: its instances share words."""
    sharing_rows = 0
    for k in range(start, stop):
        if table.spatial[k] == 1 and RELEVANT[tensor, table.loop[k]] == 0:
            sharing_rows += 1
    return sharing_rows > 0


@kernel(makes_arrays=False, inline=True)
def count_operand(table, blocks, tensor, level, child, halo, sharing, counts):
    """Words of weights or inputs between a level and its child, or the MACs: reads, deliveries, fills (G1, G2, G3, G5)."""
    at_macs = child == len(table.keep)
    start, stop = table.start[level], table.start[child]
    last = stop if at_macs else stationarity_cut(table, tensor, stop)
    window = FULL if at_macs else halo
    words = tensor_words(table, blocks, tensor, child, last, window, SHARED, stop)
    times = repeats(table, blocks, tensor, stop, last, start)
    shared = is_shared(table, tensor, start, stop)
    delivered = words * (repeats(table, blocks, tensor, stop, last, stop) if shared else times)
    if sharing == UNION and tensor == INPUTS:
        words = tensor_words(table, blocks, tensor, child, last, window, UNION, start)
    counts.reads[level, tensor] = words * times
    counts.deliveries[level, tensor] = delivered
    if not at_macs:
        counts.fills[child, tensor] = delivered
        counts.visits[child, tensor] = delivered


@kernel(makes_arrays=False, inline=True)
def count_outputs(table, blocks, level, child, counts):
    """Words of outputs between a level and its child, or the MACs: updates, read-backs, residencies, fills (G4).

    reads = updates - different words an instance sees; fills = residencies - different words, for levels below the outermost.
    """
    at_macs = child == len(table.keep)
    start, stop = table.start[level], table.start[child]
    last = stop if at_macs else stationarity_cut(table, OUTPUTS, stop)
    words = table.whole[OUTPUTS]
    different = words * repeats(table, blocks, OUTPUTS, start, -1, start)
    times = repeats(table, blocks, OUTPUTS, stop, last, start)
    shared = is_shared(table, OUTPUTS, start, stop)
    counts.updates[level, OUTPUTS] = words * times
    counts.reads[level, OUTPUTS] = counts.updates[level, OUTPUTS] - different
    counts.deliveries[level, OUTPUTS] = words * (repeats(table, blocks, OUTPUTS, stop, last, stop) if shared else times)
    if level > 0:
        counts.fills[level, OUTPUTS] = counts.visits[level, OUTPUTS] - different
    if not at_macs:
        counts.visits[child, OUTPUTS] = counts.deliveries[level, OUTPUTS]


@kernel(makes_arrays=False, inline=True)
def count_level(table, blocks, level, halo, sharing, counts):
    """Everything between one level and what is next inside it, tensor by tensor."""
    for tensor in (WEIGHTS, INPUTS, OUTPUTS):
        if table.keep[level, tensor] == 1:
            child = child_level(table, tensor, level)
            if tensor == OUTPUTS:
                count_outputs(table, blocks, level, child, counts)
            else:
                count_operand(table, blocks, tensor, level, child, halo, sharing, counts)


@kernel(makes_arrays=False)
def count_accesses(table, blocks, halo, sharing, counts):
    """Fill every column of ``counts`` for one mapping.

    Parameters
    ----------
    table : MappingTable
    blocks : BlockTable
        Work space, filled on the way.
    halo : int
        DELTA or FULL (G5).
    sharing : int
        SHARED: words that children take whole are read once; UNION: so are inputs whose tiles overlap in part.
    counts : AccessTable
        Columns to fill.
    """
    block_sizes(table, blocks)
    rows = table.start[len(table.keep)]
    counts.cycles[0] = repeats(table, blocks, NO_TENSOR, rows, rows, 0)
    for level in range(len(table.keep)):
        counts.instances[level] = 1
        for k in range(table.start[level]):
            if table.spatial[k] == 1:
                counts.instances[level] *= table.bound[k]
        for tensor in (WEIGHTS, INPUTS, OUTPUTS):
            if table.keep[level, tensor] == 1:
                counts.tile[level, tensor] = tile_words(table, blocks, tensor, level)
                if level == 0:
                    counts.visits[0, tensor] = counts.tile[0, tensor]
        count_level(table, blocks, level, halo, sharing, counts)
