"""The counts of ``accesses.py`` in closed form, for one shape of mapping: DRAM, a buffer, and the elements of an array.

A mapping of this shape is ten bounds at each of five places (DRAM, buffer, rows, columns, element) and two orders. How often a
tensor is walked through is then a product over the loops that do not index it, and each factor has a closed form, remainders
included: with blocks of s iterations, a loop of x iterations has q = ceil(x / s) of them. Every loop leaves at most one tensor
alone, so one pass over the loops gives the factors of all three. Nothing is looked up from another mapping.

``count_accesses`` counts any hierarchy and is the twin these counts are compared with.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataflows.accesses import DELTA, sliding_axis
from dataflows.tables import FIRST_POSITION, INPUTS, NO_TENSOR, OUTPUTS, RELEVANT, TAP_OFFSET, WEIGHTS, Ints, MappingTable
from hwmodels.jit import kernel
from workloads.loopnest import DIMENSIONS

#: Places a loop may have a bound at.
DRAM, BUFFER, ROWS, COLUMNS, ELEMENT = 0, 1, 2, 3, 4


class NestTable(NamedTuple):
    """What the counts read of a nest and of what its levels keep; the same for every mapping."""

    extent: Ints  # of each of the ten loops
    free: Ints  # 4 x 10: loops of more than one iteration that do not index weights, inputs, outputs; last row: that index all
    frees: Ints  # how many of each row
    free_of: Ints  # row of ``free`` of each loop
    step: Ints  # stride of D, E, F in the input
    spread: Ints  # dilation of T, R, S in the input
    whole: Ints  # words of weights and outputs; of the inputs only the axes no window slides along
    taken: Ints  # words of each tensor, every window by itself: what MACs take
    repeats: Ints  # iterations of the loops that do not index each tensor
    tile: Ints  # words of each tensor
    keep: Ints  # levels x tensors


class LoopWork(NamedTuple):
    """Work space of one count: what one pass over the loops leaves behind."""

    size: Ints  # 2 x 10: iterations of a loop in a tile of the buffer, of the elements together
    blocks: Ints  # 2 x 10: tiles of a loop in the buffer, in an element
    held: Ints  # 2 x 10: iterations in a tile, at most the extent: buffer, element
    times: Ints  # 4 x 6: how often a tensor is walked through, see ``walk_loops``
    words: Ints  # words of all tiles of one tensor, each walked once: buffer, element, MACs


def nest_table(table: MappingTable) -> NestTable:
    """Columns of a nest from those of any mapping of it."""
    extent, axes = table.extent, range(FIRST_POSITION, FIRST_POSITION + TAP_OFFSET)
    # A loop that indexes all tensors is free for none: the last row.
    free_of = np.argmin(RELEVANT[: NO_TENSOR + 1], axis=0).astype(np.int64)
    free, frees = np.zeros((4, len(DIMENSIONS)), np.int64), np.zeros(4, np.int64)
    for loop in np.flatnonzero(extent > 1):
        row = free_of[loop]
        free[row, frees[row]] = loop
        frees[row] += 1
    relevant = np.where(RELEVANT[:NO_TENSOR] == 1, extent, 1).prod(axis=1)
    spans = [
        (extent[d] - 1) * s + (extent[d + TAP_OFFSET] - 1) * r + 1 for d, s, r in zip(axes, table.step, table.spread, strict=True)
    ]
    tile = table.whole.copy()
    tile[INPUTS] *= int(np.prod(spans))
    taken = table.whole.copy()
    taken[INPUTS] = relevant[INPUTS]
    repeats = np.prod(extent) // relevant
    return NestTable(
        extent, free, frees, free_of, table.step, table.spread, table.whole, taken, repeats.astype(np.int64), tile, table.keep
    )


def empty_loop_work() -> LoopWork:
    """Work space; loops of one iteration stay one."""
    wide = len(DIMENSIONS)
    places = [np.ones((2, wide), np.int64) for _ in range(3)]
    return LoopWork(places[0], places[1], places[2], np.ones((4, 6), np.int64), np.ones(3, np.int64))


@kernel(makes_arrays=False, inline=True)
def innermost_run(nest, bounds, place, order):
    """Innermost loop of a place, -1 where it has none; the loops next to it that leave the same tensor alone, itself included, as bits;
    1 where the place has no others."""
    innermost, resting = -1, 0
    for position in range(9, -1, -1):
        loop = order[position]
        if bounds[place, loop] > 1:
            if innermost < 0:
                innermost = loop
            elif nest.free_of[loop] != nest.free_of[innermost]:
                return innermost, resting, 0
            resting |= 1 << loop
    return innermost, resting, 1


@kernel(makes_arrays=False, inline=True)
def walk_loops(nest, bounds, outer_rest, inner_rest, row, reaches, work):
    """How often the loops of one row of ``nest.free`` walk their tensor through, before each kind of child.

    ``work.times[row]``: for a child that is the buffer; for one in the elements, read once for all that share it; the same, handed to
    each; for the MACs of all elements, read once; different words the elements see over the words of the tensor; instances.

    ``outer_rest`` and ``inner_rest`` are bits of the loops at DRAM and at the buffer that repeat a tile which is still there (G1);
    those at DRAM rest for the elements too only where ``reaches`` is 1: no loop at the buffer brings a new tile.
    """
    buffer, read, handed, steps, different, instances = 1, 1, 1, 1, 1, 1
    for k in range(nest.frees[row]):
        loop = nest.free[row, k]
        extent, element = nest.extent[loop], bounds[ELEMENT, loop]
        across = bounds[ROWS, loop] * bounds[COLUMNS, loop]
        array = element * across
        tile = array * bounds[BUFFER, loop]
        whole, passes = extent // tile, extent // array
        rest, last = extent - whole * tile, extent - passes * array
        tiles, arrays, elements = whole + (rest > 0), passes + (last > 0), -(-extent // element)
        first = min(across, elements)
        work.size[0, loop], work.size[1, loop] = tile, array
        work.blocks[0, loop], work.blocks[1, loop] = tiles, elements
        work.held[0, loop], work.held[1, loop] = min(extent, tile), min(extent, element)
        steps *= passes * element + min(last, element)
        different *= first
        instances *= across
        outer_rests = (outer_rest >> loop) & 1
        if outer_rests == 0:
            buffer *= tiles
        if outer_rests == 1 and reaches == 1:
            handed *= first
        elif (inner_rest >> loop) & 1 == 1:
            read *= tiles
            handed *= whole * across + min(across, -(-rest // element))
        else:
            read *= arrays
            handed *= elements
    times = work.times
    times[row, 0], times[row, 1], times[row, 2] = buffer, read, handed
    times[row, 3], times[row, 4], times[row, 5] = steps, different, instances


@kernel(makes_arrays=False, inline=True)
def sliding_loop(nest, innermost, halo):
    """The loop along which input tiles slide, or -1: the innermost one, where it moves along an axis of the input (G5)."""
    slides = halo == DELTA and innermost >= FIRST_POSITION and nest.free_of[innermost] != INPUTS
    return innermost if slides else -1


@kernel(makes_arrays=False, inline=True)
def input_words(nest, work, child, sliding, advance, bound):
    """Words of all input tiles of a child (0: buffer, 1: element), each walked once; as ``tensor_words``."""
    total = nest.whole[INPUTS]
    for axis in range(3):
        position = FIRST_POSITION + axis
        tap = position + TAP_OFFSET
        positions, taps = nest.extent[position], nest.extent[tap]
        if positions * taps == 1:
            continue
        step, spread = nest.step[axis], nest.spread[axis]
        position_block, tap_block = work.held[child, position], work.held[child, tap]
        if sliding == position:
            total *= sliding_axis(positions, position_block, advance, advance * bound, step, taps, tap_block, spread)
        elif sliding == tap:
            total *= sliding_axis(taps, tap_block, advance, advance * bound, spread, positions, position_block, step)
        else:
            position_blocks, tap_blocks = work.blocks[child, position], work.blocks[child, tap]
            pairs = position_blocks * tap_blocks
            total *= step * (positions * tap_blocks - pairs) + spread * (taps * position_blocks - pairs) + pairs
    return total


@kernel(makes_arrays=False, inline=True)
def tile_of(nest, held, tensor):
    """Words of one tile of a tensor that holds so many iterations of each loop; as ``tile_words``."""
    n, g, m, c, d, e, f, t, r, s = held[0], held[1], held[2], held[3], held[4], held[5], held[6], held[7], held[8], held[9]
    if tensor == WEIGHTS:
        return g * m * c * t * r * s
    if tensor == OUTPUTS:
        return n * g * m * d * e * f
    step, spread = nest.step, nest.spread
    depth, height = (d - 1) * step[0] + (t - 1) * spread[0] + 1, (e - 1) * step[1] + (r - 1) * spread[1] + 1
    return n * g * c * depth * height * ((f - 1) * step[2] + (s - 1) * spread[2] + 1)


@kernel(makes_arrays=False, inline=True)
def put_words(nest, work, tensor, bounds, outermost, innermost, halo):
    """Fill ``work.words``: words of all tiles of a tensor at the buffer, in an element and at the MACs."""
    words = work.words
    words[0] = words[1] = nest.whole[tensor]
    words[2] = nest.taken[tensor]
    if tensor != INPUTS:
        return
    if nest.keep[1, INPUTS] == 1:
        sliding = sliding_loop(nest, outermost, halo)
        words[0] = input_words(nest, work, 0, sliding, work.size[0, sliding], bounds[DRAM, sliding])
    if nest.keep[2, INPUTS] == 1:
        place = BUFFER if innermost >= 0 else DRAM
        sliding = sliding_loop(nest, innermost if innermost >= 0 else outermost, halo)
        words[1] = input_words(nest, work, 1, sliding, work.size[place, sliding], bounds[place, sliding])


@kernel(makes_arrays=False, inline=True)
def count_between(nest, work, tensor, level, child, counts):
    """Words of a tensor between a level and the next inside that keeps it, 3 for the MACs: reads, updates, deliveries, fills."""
    words = work.words[child - 1]
    if child == 1:
        read = handed = words * work.times[tensor, 0]
    elif child == 2:
        read, handed = words * work.times[tensor, 1], words * work.times[tensor, 2]
    else:
        handed = words * nest.repeats[tensor]
        read = words * work.times[tensor, 3] if level < 2 else handed
    counts.deliveries[level, tensor] = handed
    if child < 3:
        counts.visits[child, tensor] = handed
    if tensor != OUTPUTS:
        counts.reads[level, tensor] = read
        if child < 3:
            counts.fills[child, tensor] = handed
        return
    different = words * work.times[OUTPUTS, 4] if level == 2 else words
    counts.updates[level, OUTPUTS] = read
    counts.reads[level, OUTPUTS] = read - different
    if level > 0:
        counts.fills[level, OUTPUTS] = counts.visits[level, OUTPUTS] - different


@kernel(makes_arrays=False)
def count_three_levels(nest, bounds, outer_order, inner_order, halo, work, counts):
    """Fill every column of ``counts`` for the mapping of these bounds and orders; as ``count_accesses`` without unions.

    Parameters
    ----------
    nest : NestTable
    bounds : int array, 5 x 10
        Iterations of each loop at DRAM, at the buffer, over rows, over columns, inside an element; none that no extent reaches.
    outer_order, inner_order : int arrays
        The ten loops outermost first: at DRAM, and at the buffer.
    halo : int
        DELTA or FULL (G5).
    work : LoopWork
    counts : AccessTable
        Columns to fill.
    """
    outermost, outer_rest, _ = innermost_run(nest, bounds, DRAM, outer_order)
    innermost, inner_rest, alone = innermost_run(nest, bounds, BUFFER, inner_order)
    steps, instances = 1, 1
    for row in range(4):
        reaches = 1 if innermost < 0 or (alone == 1 and nest.free_of[innermost] == row) else 0
        walk_loops(nest, bounds, outer_rest, inner_rest, row, reaches, work)
        steps *= work.times[row, 3]
        instances *= work.times[row, 5]
    counts.cycles[0] = steps
    counts.instances[0] = counts.instances[1] = 1
    counts.instances[2] = instances
    for tensor in range(3):
        put_words(nest, work, tensor, bounds, outermost, innermost, halo)
        counts.tile[0, tensor] = counts.visits[0, tensor] = nest.tile[tensor]
        level = 0
        for child in range(1, 4):
            if child == 3 or nest.keep[child, tensor] == 1:
                count_between(nest, work, tensor, level, child, counts)
                if child < 3:
                    counts.tile[child, tensor] = tile_of(nest, work.held[child - 1], tensor)
                level = child
