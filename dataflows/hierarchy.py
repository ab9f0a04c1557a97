"""Hierarchy: the storage levels of an array as the counting core sees them, outermost first, and the axes for spread loops."""

from __future__ import annotations

import math
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field

import numpy as np

from dataflows.array_units import memory_joules
from dataflows.errors import MappingError
from dataflows.tables import TENSORS, LevelTable
from hwmodels.costs.array import scaled_joules, word_joules, words_in_a_cycle
from hwmodels.device import ArrayUnit, Device, MemoryLevel


@dataclass(frozen=True)
class StorageLevel:
    """One level: what it may keep, how much, and what an access costs.

    Attributes
    ----------
    name : str
    keeps : tuple of str
        Tensors it keeps; the others pass it by.
    capacity_words : float
        Words of one instance that its tensors share; infinite where unlimited.
    own_words : Mapping of str to float
        Tensor -> words of a memory of its own, beside the shared capacity.
    read_energy_j, write_energy_j : float
        Energy of one word [J]; NaN where it is not known.
    own_energy_j : Mapping of str to float
        Tensor -> energy of one word in the memory of its own, read or written [J].
    read_words, write_words : float
        Words per cycle of one instance; infinite where unlimited.
    shared_port : bool
        True where reads and writes take turns.
    buffers : int
        Copies of each tile: 2 where the next one is loaded while the present one is used.
    handed_on : bool
        True for no memory but the elements' neighbours, which hand each other what the level keeps.
    """

    name: str
    keeps: tuple[str, ...] = TENSORS
    capacity_words: float = math.inf
    own_words: MappingOf[str, float] = field(default_factory=dict)
    own_energy_j: MappingOf[str, float] = field(default_factory=dict)
    read_energy_j: float = math.nan
    write_energy_j: float = math.nan
    read_words: float = math.inf
    write_words: float = math.inf
    shared_port: bool = True
    buffers: int = 1
    handed_on: bool = False


@dataclass(frozen=True)
class Hierarchy:
    """Storage levels outermost first, and an array of ``rows`` x ``columns`` instances of the innermost one.

    ``spread_below`` is the position of the level whose children are spread over the array: the one before the innermost.
    """

    levels: tuple[StorageLevel, ...]
    rows: int = 1
    columns: int = 1
    mac_energy_j: float = math.nan
    hop_energy_j: float = 0.0

    @property
    def spread_below(self) -> int:
        """Level that the array's instances hang from."""
        return max(0, len(self.levels) - 2)

    def table(self) -> LevelTable:
        """Columns for the rating kernels."""
        own = [[level.own_words.get(tensor, math.inf) for tensor in TENSORS] for level in self.levels]
        return LevelTable(
            capacity=np.array([level.capacity_words for level in self.levels]),
            reserved=np.array(own),
            read_energy=np.array([[level.own_energy_j.get(t, level.read_energy_j) for t in TENSORS] for level in self.levels]),
            write_energy=np.array([[level.own_energy_j.get(t, level.write_energy_j) for t in TENSORS] for level in self.levels]),
            read_words=np.array([level.read_words for level in self.levels]),
            write_words=np.array([level.write_words for level in self.levels]),
            shared_port=np.array([int(level.shared_port) for level in self.levels], dtype=np.int64),
            buffers=np.array([level.buffers for level in self.levels], dtype=np.int64),
        )


def hierarchy_of(device: Device, unit: ArrayUnit) -> Hierarchy:
    """The levels of an array unit, from DRAM to the memories of one element.

    A unit that names no element memories gets one register per tensor (assumed). Words are ``word_bits`` wide; energies that the
    file does not give are NaN. ``dynamic_factor`` scales the energies of the chip, as in the unit's own lowering.
    """
    if not unit.levels:
        raise MappingError(f"unit '{unit.name}': it names no levels; an array needs the memories it works from")
    factor = float(unit.parameters.get("dynamic_factor", 1.0))
    outer = [_memory(device.memories[name], unit, factor, name == unit.levels[-1]) for name in reversed(unit.levels)]
    words = dict(unit.element_memories) or dict.fromkeys(TENSORS, 1)
    register = unit.energies_j.get("register", 0.0)
    spads = {t: scaled_joules(unit.energies_j.get(f"{t}_spad", register), factor) for t in TENSORS}
    element = StorageLevel(
        "element",
        tuple(tensor for tensor in TENSORS if words.get(tensor, 0) > 0),
        own_words={tensor: float(words.get(tensor, 0)) for tensor in TENSORS},
        own_energy_j=spads,
        shared_port=False,
    )
    mac = math.nan if unit.mac_energy_j is None else scaled_joules(unit.mac_energy_j, factor)
    hop = scaled_joules(unit.energies_j.get("hop", 0.0), factor)
    return Hierarchy((*outer, element), unit.rows, unit.columns * unit.macs_per_element, mac, hop)


def _memory(memory: MemoryLevel, unit: ArrayUnit, factor: float, outermost: bool) -> StorageLevel:
    read, written = memory_joules(memory)
    times = 1.0 if outermost else factor
    words = math.inf
    if memory.capacity_bytes is not None and not outermost:
        words = 8.0 * memory.capacity_bytes / unit.word_bits
    return StorageLevel(
        memory.name,
        TENSORS if outermost else memory.tensors,
        words,
        read_energy_j=scaled_joules(word_joules(read, unit.word_bits), times),
        write_energy_j=scaled_joules(word_joules(written, unit.word_bits), times),
        read_words=words_in_a_cycle(memory.read_bandwidth_bytes_per_s, unit.frequency_hz, unit.word_bits),
        write_words=words_in_a_cycle(memory.write_bandwidth_bytes_per_s, unit.frequency_hz, unit.word_bits),
        buffers=1 if outermost or unit.join == "sum" else 2,
    )
