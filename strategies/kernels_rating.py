"""Rate a mapping: legality at every level, every access count per level and tensor, cycles and energy.

The counts are those of ``dataflows/three_levels.py``, the prices those of ``hwmodels/costs/array.py``; nothing is counted or priced
here. Every rating stands alone: nothing is kept from one mapping to the next but work space.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataflows.tables import AccessTable, LevelTable
from dataflows.three_levels import LoopWork, NestTable, count_three_levels
from hwmodels.costs.array import level_joules, port_cycles
from hwmodels.jit import kernel

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Objectives of the search.
LATENCY, ENERGY, ENERGY_DELAY, DRAM_WORDS = 0, 1, 2, 3


class Rating(NamedTuple):
    """What one mapping costs."""

    excess: float  # words beyond the capacities; 0 where it is legal
    cycles: float  # compute and the ports of every level, overlapped
    energy: float  # J
    dram_words: float
    inner_cycles: float  # the same without DRAM and what it brings into the buffer


class Machine(NamedTuple):
    """What a rating needs beside the mapping."""

    levels: LevelTable
    halo: int  # accounting of sliding windows
    mac_energy: float  # J per MAC
    hop_energy: float  # J per word handed to an element
    macs: float


class Desk(NamedTuple):
    """The nest, and work space for one rating at a time; ``bounds`` has a row each for DRAM, buffer, rows, columns and element."""

    nest: NestTable
    bounds: Ints
    work: LoopWork
    counts: AccessTable


@kernel(makes_arrays=False, inline=True)
def excess_words(keep, tile, levels, level):
    """Words by which the tiles of a level exceed its capacities, buffers counted."""
    held, excess = 0.0, 0.0
    for tensor in range(3):
        if keep[level, tensor] == 1:
            words = float(tile[level, tensor] * levels.buffers[level])
            if levels.reserved[level, tensor] < np.inf:
                excess += max(0.0, words - levels.reserved[level, tensor])
            else:
                held += words
    return excess + max(0.0, held - levels.capacity[level])


@kernel(makes_arrays=False, inline=True)
def priced(keep, counts, machine):
    """Legality, cycles and energy of the mapping whose counts these are."""
    levels = machine.levels
    excess = 0.0
    cycles = inner_cycles = float(counts.cycles[0])
    energy = machine.macs * machine.mac_energy
    last = len(keep) - 1
    for level in range(last + 1):
        reads, writes, brought = 0.0, 0.0, 0.0
        for tensor in range(3):
            if keep[level, tensor] == 1:
                read = float(counts.reads[level, tensor])
                fills = float(counts.fills[level, tensor])
                write = fills + float(counts.updates[level, tensor])
                reads += read
                writes += write
                brought += fills
                energy += level_joules(read, write, levels.read_energy[level, tensor], levels.write_energy[level, tensor])
                if level == max(0, last - 1):
                    energy += machine.hop_energy * counts.deliveries[level, tensor]
        excess += excess_words(keep, counts.tile, levels, level)
        instances = float(counts.instances[level])
        read_words, write_words, shared = levels.read_words[level], levels.write_words[level], levels.shared_port[level]
        cycles = max(cycles, port_cycles(reads, writes, instances, read_words, write_words, shared))
        if level > 0:
            within = writes - brought if level == 1 else writes
            inner_cycles = max(inner_cycles, port_cycles(reads, within, instances, read_words, write_words, shared))
    return Rating(excess, cycles, energy, dram_words(counts), inner_cycles)


@kernel(makes_arrays=False, inline=True)
def dram_words(counts):
    """Words read from and written to the outermost level."""
    return float(counts.reads[0, 0] + counts.reads[0, 1] + counts.reads[0, 2] + counts.updates[0, 2])


@kernel(makes_arrays=False)
def rate(desk, machine, outer_order, inner_order):
    """Rate the mapping whose bounds stand on the desk, in these orders."""
    count_three_levels(desk.nest, desk.bounds, outer_order, inner_order, machine.halo, desk.work, desk.counts)
    return priced(desk.nest.keep, desk.counts, machine)


@kernel(makes_arrays=False, inline=True)
def score(objective, cycles, energy, words):
    """The number a search makes small."""
    if objective == LATENCY:
        return cycles
    if objective == ENERGY:
        return energy
    if objective == ENERGY_DELAY:
        return energy * cycles
    return words


@kernel(makes_arrays=False)
def rate_batch(desk, machine, orders, batch_bounds, batch_orders, excess, cycles, energy, words):
    """Rate many mappings: ``batch_bounds`` is batch x 5 x 10, ``batch_orders`` batch x 2; fills four columns."""
    for i in range(len(batch_bounds)):
        for part in range(5):
            for d in range(10):
                desk.bounds[part, d] = batch_bounds[i, part, d]
        rating = rate(desk, machine, orders[batch_orders[i, 0]], orders[batch_orders[i, 1]])
        excess[i], cycles[i], energy[i], words[i] = rating.excess, rating.cycles, rating.energy, rating.dram_words
