"""Nests of an array whose counts are those of the general rules alone, and how they are shown.

A mapping for each nest, its words from ``dataflows/accesses.py``: padded inputs, no habits of one chip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dataflows.array_units import dram_link
from dataflows.hierarchy import Hierarchy, StorageLevel, hierarchy_of
from dataflows.mapping import Mapping
from dataflows.mapping_of_unit import ELEMENT, NETWORK, Accesses, UnitMapping, summed
from dataflows.tables import TENSORS, AccessTable
from hwmodels.costs.array import bus_cycles, port_cycles, words_in_a_cycle
from hwmodels.device import ArrayUnit, Device

#: Level of inputs on their way between neighbours; no memory of the device file.
NEIGHBOURS = "neighbours"


@dataclass(frozen=True)
class CountedNest:
    """One nest as it runs: its mapping, the counts, how sure it is that nothing is better, and the dataflow's name."""

    mapping: Mapping
    counts: AccessTable
    gap: float | None
    space: str
    dataflow: str


def buffered_hierarchy(device: Device, unit: ArrayUnit, *, neighbours: bool = False) -> Hierarchy:
    """The levels of an array: buffers hold two tiles, DRAM is as fast as the link to it.

    ``neighbours`` adds the level of inputs that elements hand to each other.
    """
    hierarchy = hierarchy_of(device, unit)
    bandwidth, _ = dram_link(device, unit)
    linked = words_in_a_cycle(bandwidth, unit.frequency_hz, unit.word_bits)
    dram, *buffers, element = hierarchy.levels
    dram = replace(dram, read_words=min(dram.read_words, linked), write_words=min(dram.write_words, linked))
    handing = (StorageLevel(NEIGHBOURS, ("inputs",), read_energy_j=0.0, write_energy_j=0.0, handed_on=True),) if neighbours else ()
    return replace(hierarchy, levels=(dram, *(replace(level, buffers=2) for level in buffers), *handing, element))


def read_and_written(counts: AccessTable) -> NDArray[np.int64]:
    """Words of each level and tensor: levels x tensors x (read, written)."""
    return np.stack([counts.reads, counts.fills + counts.updates], axis=2)


def busy_cycles(counts: AccessTable, hierarchy: Hierarchy) -> NDArray[np.float64]:
    """Cycles the ports of each level are busy."""
    words = read_and_written(counts).sum(axis=1)
    return np.array([
        port_cycles(float(read), float(written), float(instances), level.read_words, level.write_words, int(level.shared_port))
        for (read, written), instances, level in zip(words, counts.instances, hierarchy.levels, strict=True)
    ])  # fmt: skip


def handed_out(found: CountedNest) -> dict[str, int]:
    """Tensor -> words handed to elements, one for each that takes it: by the last level before them that keeps the tensor."""
    words = {}
    for code, tensor in enumerate(TENSORS):
        last = max(k for k, level in enumerate(found.mapping.levels[:-1]) if tensor in level.keeps)
        words[tensor] = int(found.counts.deliveries[last, code])
    return words


def network_cycles(found: CountedNest, unit: ArrayUnit) -> float:
    """Cycles the busiest bus into or out of the array takes; each tensor has its own, and a word for several elements goes once.

    With ``parameters.multicast`` of 0 every element is sent its own copy. 0 where the file gives no buses.
    """
    multicast = unit.parameters.get("multicast", 1.0)
    cycles = [0.0]
    for code, tensor in enumerate(TENSORS):
        last = max(k for k, level in enumerate(found.mapping.levels[:-1]) if tensor in level.keeps)
        column = found.counts.updates if tensor == "outputs" else found.counts.reads
        words = float((column if multicast else found.counts.deliveries)[last, code])
        if tensor in unit.bus_words_per_cycle:
            cycles.append(bus_cycles(words, unit.bus_words_per_cycle[tensor]))
    return max(cycles)


def described(
    found: Sequence[CountedNest], hierarchy: Hierarchy, unit: ArrayUnit, notes: tuple[str, ...]
) -> UnitMapping:  # fmt: skip
    """What is shown of the nests of one operator: the mapping of the largest, the accesses of all."""
    main = max(found, key=lambda entry: entry.mapping.nest.volume)
    gaps = [entry.gap for entry in found if entry.gap is not None]
    return UnitMapping(
        mapping=main.mapping,
        dataflow=main.dataflow,
        parameters={"tiles": math.prod(loop.bound for loop in main.mapping.levels[0].loops)},
        held={level.name: _by_tensor(main.counts.tile[k]) for k, level in enumerate(hierarchy.levels)},
        meaning={},
        nests=len(found),
        accesses=summed([_accesses(entry, hierarchy) for entry in found]),
        word_bits=unit.word_bits,
        active_pes=math.prod(loop.bound for loop in main.mapping.loops if loop.spatial),
        gap=max(gaps) if gaps else None,
        space=main.space,
        notes=notes,
    )


def _by_tensor(row: NDArray[np.int64]) -> dict[str, int]:
    return {tensor: int(row[code]) for code, tensor in enumerate(TENSORS)}


def _accesses(entry: CountedNest, hierarchy: Hierarchy) -> Accesses:
    words = read_and_written(entry.counts)
    found = {
        level.name: {tensor: (int(words[k, code, 0]), int(words[k, code, 1])) for code, tensor in enumerate(TENSORS)}
        for k, level in enumerate(hierarchy.levels)
    }
    inside = found.pop(ELEMENT)
    return found | {NETWORK: {tensor: (count, 0) for tensor, count in handed_out(entry).items()}, ELEMENT: inside}
