"""Inner loops of the mapping search: build a mapping's rows, rate it, walk the space with lower bounds.

A *rating* is legality at every level, every access count per level and tensor, cycles and energy. The counts are those of
``dataflows/accesses.py``, the prices those of ``hwmodels/costs/array.py``; nothing is counted or priced here.

The space has three levels: DRAM, a buffer, the elements of an array. A mapping is an *outer choice* (tile of the buffer, order at
DRAM) and an *inner choice* (loops spread over rows and columns, tile of an element) with an order between them. DRAM traffic
depends on the outer choice alone; what the inner choice costs is least when the whole nest is one buffer tile. The sum of both
bounds every mapping that joins the two from below; the walk from the lowest bound up ends when no bound is below the best found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataflows.three_levels import count_three_levels, tile_of
from dataflows.tiling import next_bound, spreads_more
from hwmodels.costs.array import level_joules, port_cycles
from hwmodels.jit import kernel
from strategies.kernels_rating import LATENCY, excess_words, rate, score

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class InnerChoices(NamedTuple):
    """Spread loops and element tiles, one per row."""

    rows: Ints  # row of the row spreads
    columns: Ints  # row of the column spreads
    tile: Ints  # x 10: bounds inside an element
    cycles: Floats  # choices x orders: lower bound, DRAM left out
    energy: Floats  # choices x orders: lower bound, DRAM and its words into the buffer left out [J]
    least: Floats  # lower bound of the objective, the cheapest outer choice included


class OuterChoices(NamedTuple):
    """Buffer tiles and DRAM orders, one per row."""

    tile: Ints  # x 10: iterations of each loop in a buffer tile
    order: Ints  # row of the orders
    cycles: Floats  # DRAM ports
    energy: Floats  # DRAM, and its words into the buffer [J]
    dram_words: Floats


@kernel(makes_arrays=False)
def next_tile(desk, machine, left, filled):
    """Step to the next element tile that fits, an odometer over balanced bounds; False after the last."""
    bounds = desk.bounds[4]
    for d in range(10):
        if left[d] == 1:
            continue
        bounds[d] = next_bound(left[d], bounds[d], d, filled)
        if bounds[d] <= left[d] and tile_excess(desk, machine, 2, 4) == 0.0:
            return True
        bounds[d] = 1
    return False


@kernel(makes_arrays=False)
def tile_excess(desk, machine, level, row):
    """Words by which the tile on the desk exceeds a level: the buffer (1, in row 1 of the bounds), an element (2, in row 4)."""
    held = desk.work.held[level - 1]
    for d in range(10):
        held[d] = min(desk.nest.extent[d], desk.bounds[row, d])
    for tensor in range(3):
        desk.counts.tile[level, tensor] = tile_of(desk.nest, held, tensor)
    return excess_words(desk.nest.keep, desk.counts.tile, machine.levels, level)


@kernel(makes_arrays=False)
def is_filled(desk, machine, left):
    """True where no bound of the element tile could be the next larger one."""
    bounds = desk.bounds[4]
    for d in range(10):
        had = bounds[d]
        if had < left[d]:
            bounds[d] = next_bound(left[d], had, d, 1)
            fits = tile_excess(desk, machine, 2, 4) == 0.0
            bounds[d] = had
            if fits:
                return False
    return True


@kernel(makes_arrays=False, inline=True)
def largest_tile(extent, rows, columns, even):
    """Largest tile of a loop that leaves every spread block something to do; 0 where the spread itself is too wide.

    ``even`` shares the loop out evenly; otherwise the last blocks may be smaller.

    >>> largest_tile(10, 2, 1, 1), largest_tile(10, 2, 1, 0), largest_tile(4, 3, 2, 0)
    (5, 9, 0)
    """
    if rows * columns == 1:
        return extent
    if -(-extent // rows) < columns:
        return 0
    if even == 1:
        return -(-extent // (rows * columns))
    largest = extent
    if rows > 1:
        largest = min(largest, (extent - 1) // (columns * (rows - 1)))
    if columns > 1:
        largest = min(largest, (extent - 1) // (columns - 1))
    return largest


@kernel(makes_arrays=False)
def list_inner(desk, machine, orders, row_spreads, column_spreads, room, filled, objective, floor, left, choices):
    """Fill ``choices`` with every spread and element tile that fits, and its lower bounds; returns how many there are.

    The bound takes the whole nest as one buffer tile, for each order between buffer and elements: no mapping with this inner choice
    reads the buffer less or waits less. ``floor`` holds the least cycles, energy and words of any outer choice, and the energy of
    the whole nest as one tile. Choices beyond the room of the columns are counted, not kept. ``room`` is the array: rows, columns.
    """
    count = 0
    extent = desk.nest.extent
    for i in range(len(row_spreads)):
        for j in range(len(column_spreads)):
            useful = True
            for d in range(10):
                left[d] = largest_tile(extent[d], row_spreads[i, d], column_spreads[j, d], filled)
                useful = useful and left[d] > 0
                desk.bounds[0, d] = 1
                desk.bounds[2, d] = row_spreads[i, d]
                desk.bounds[3, d] = column_spreads[j, d]
                desk.bounds[4, d] = 1
            if not useful or tile_excess(desk, machine, 2, 4) > 0.0:
                continue
            if filled == 1 and (
                spreads_more(extent, row_spreads[i], column_spreads[j], room[0])
                or spreads_more(extent, column_spreads[j], row_spreads[i], room[1])
            ):
                continue
            going = True
            while going:
                if filled == 0 or is_filled(desk, machine, left):
                    if count < len(choices.rows):
                        choices.rows[count], choices.columns[count] = i, j
                        bound_inner(desk, machine, orders, objective, floor, choices, count)
                    count += 1
                going = next_tile(desk, machine, left, filled)
    return count


@kernel(makes_arrays=False)
def bound_inner(desk, machine, orders, objective, floor, choices, place):
    """Lower bounds of one inner choice: its ratings with the whole nest in the buffer, whatever that holds."""
    choices.least[place] = np.inf
    for d in range(10):
        choices.tile[place, d] = desk.bounds[4, d]
        block = desk.bounds[2, d] * desk.bounds[3, d] * desk.bounds[4, d]
        desk.bounds[1, d] = -(-desk.nest.extent[d] // block)
    for order in range(len(orders)):
        rating = rate(desk, machine, orders[order], orders[order])
        cycles, energy = rating.inner_cycles, rating.energy - floor[3]
        choices.cycles[place, order], choices.energy[place, order] = cycles, energy
        least = score(objective, max(cycles, floor[0]), energy + floor[1], floor[2])
        choices.least[place] = min(choices.least[place], least)


@kernel(makes_arrays=False)
def list_outer(desk, machine, orders, tiles, position, choices):
    """Fill ``choices`` with every buffer tile that fits and each order at DRAM; returns how many there are.

    ``tiles`` holds the sizes of each loop from the largest down, 0 after the last. The first row is the whole nest, fit or not.
    """
    count = 0
    for d in range(10):
        position[d] = 0
    going = True
    while going:
        for d in range(10):
            size = tiles[d, position[d]]
            desk.bounds[0, d] = -(-desk.nest.extent[d] // size)
            desk.bounds[1, d] = size
            desk.bounds[2, d] = 1
            desk.bounds[3, d] = 1
            desk.bounds[4, d] = 1
        if count == 0 or tile_excess(desk, machine, 1, 1) == 0.0:
            for order in range(len(orders)):
                if count < len(choices.order):
                    for d in range(10):
                        choices.tile[count, d] = desk.bounds[1, d]
                    choices.order[count] = order
                    cost_outer(desk, machine, orders[order], choices, count)
                count += 1
        going = False
        for d in range(10):
            position[d] += 1
            if position[d] < tiles.shape[1] and tiles[d, position[d]] > 0:
                going = True
                break
            position[d] = 0
    return count


@kernel(makes_arrays=False)
def cost_outer(desk, machine, order, choices, place):
    """DRAM words of an outer choice, their energy there and into the buffer, and the cycles of the DRAM port."""
    counts, levels = desk.counts, machine.levels
    count_three_levels(desk.nest, desk.bounds, order, order, machine.halo, desk.work, counts)
    energy, reads, writes = 0.0, 0.0, 0.0
    for tensor in range(3):
        if desk.nest.keep[1, tensor] == 1:
            read, write = float(counts.reads[0, tensor]), float(counts.updates[0, tensor])
            reads += read
            writes += write
            energy += level_joules(read, write, levels.read_energy[0, tensor], levels.write_energy[0, tensor])
            energy += level_joules(0.0, float(counts.fills[1, tensor]), 0.0, levels.write_energy[1, tensor])
    choices.energy[place] = energy
    choices.dram_words[place] = reads + writes
    choices.cycles[place] = port_cycles(reads, writes, 1.0, levels.read_words[0], levels.write_words[0], levels.shared_port[0])


@kernel(makes_arrays=False, inline=True)
def join_bounds(desk, tile, inner, outer, rounded):
    """Put an inner and an outer choice together on the desk; False where the buffer tile is no multiple of the spread tiles.

    With ``rounded`` a tile that is no multiple is rounded down to one: it fits as well, and moves no fewer words where windows
    neither stride nor spread, so that the outer choice bounds it too.
    """
    for d in range(10):
        desk.bounds[4, d] = inner.tile[tile, d]
        block = desk.bounds[2, d] * desk.bounds[3, d] * inner.tile[tile, d]
        size, extent = outer[d], desk.nest.extent[d]
        if size < extent and (size < block or (rounded == 0 and size % block != 0)):
            return False
        steps = size // block if size < extent else -(-size // block)
        desk.bounds[1, d] = steps
        desk.bounds[0, d] = -(-extent // (steps * block))
    return True


@kernel(makes_arrays=False)
def search_pairs(
    desk, machine, orders, row_spreads, column_spreads, objective, inner, inner_rank, outer, rounded, limit, gap, best, best_bounds
):
    """Join inner and outer choices from the lowest bound up until no bound is below the best mapping by more than ``gap``.

    Parameters
    ----------
    inner, inner_rank
        Inner choices and their indices by rising bound.
    outer : OuterChoices
        By rising cost in the objective's own measure.
    rounded : int
        1: buffer tiles are rounded to multiples of the spread tiles, see ``join_bounds``.
    limit : int
        Ratings after which the walk stops.
    gap : float
        Share of the best value; 0 walks on until nothing better is possible.
    best : float64 array
        In and out: objective, cycles, energy, DRAM words, outer and inner order of the best mapping; ratings done; bound left.
    best_bounds : int64 array, 5 x 10
        Bounds of the best mapping.
    """
    for rank in range(len(inner_rank)):
        i = inner_rank[rank]
        best[7] = inner.least[i]
        if inner.least[i] >= (1.0 - gap) * best[0] or best[6] >= limit:
            return
        for d in range(10):
            desk.bounds[2, d] = row_spreads[inner.rows[i], d]
            desk.bounds[3, d] = column_spreads[inner.columns[i], d]
        search_outer(desk, machine, orders, objective, inner, i, outer, rounded, gap, best, best_bounds)
    best[7] = best[0]


@kernel(makes_arrays=False)
def search_outer(desk, machine, orders, objective, inner, i, outer, rounded, gap, best, best_bounds):
    """Join inner choice ``i`` with every outer choice whose bound is below the best mapping so far, or until that is good enough.

    No mapping that is still to be joined can be below ``inner.least[i]``: choices come by rising bound.
    """
    fastest, leanest = np.inf, np.inf
    for order in range(len(orders)):
        fastest = min(fastest, inner.cycles[i, order])
        leanest = min(leanest, inner.energy[i, order])
    for j in range(len(outer.order)):
        if gap > 0.0 and inner.least[i] >= (1.0 - gap) * best[0]:
            return
        # Outer choices rise in cycles, energy or words; what need not rise with them must not end the walk.
        floor = max(fastest, outer.cycles[j]) if objective == LATENCY else fastest
        if score(objective, floor, leanest + outer.energy[j], outer.dram_words[j]) >= best[0]:
            return
        if not join_bounds(desk, i, inner, outer.tile[j], rounded):
            continue
        for order in range(len(orders)):
            cycles = max(inner.cycles[i, order], outer.cycles[j])
            if score(objective, cycles, inner.energy[i, order] + outer.energy[j], outer.dram_words[j]) >= best[0]:
                continue
            rating = rate(desk, machine, orders[outer.order[j]], orders[order])
            best[6] += 1
            value = score(objective, rating.cycles, rating.energy, rating.dram_words)
            if rating.excess == 0.0 and value < best[0]:
                best[0], best[1], best[2], best[3] = value, rating.cycles, rating.energy, rating.dram_words
                best[4], best[5] = outer.order[j], order
                for part in range(5):
                    for d in range(10):
                        best_bounds[part, d] = desk.bounds[part, d]
