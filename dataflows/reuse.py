"""How often a mapping uses a word at each level: the split a, b, c, d, and the energy it gives in the normalised accounting.

A word of weights or inputs is read a times from DRAM, b times from the buffer for each of these, delivered c times over the array for
each, and read d times from the registers for each; a sum is accumulated a*b*c*d times in the same way. Everything comes from the
counts of one mapping (Chen, Emer, Sze, ISCA 2016, section IV). The convention counts no writes that fill a level and lets the last
sum of a residency leave without being written: its numbers are not to be mixed with those of an ordinary energy.
"""

from __future__ import annotations

from typing import NamedTuple

from dataflows.mapping import Mapping
from dataflows.tables import TENSORS, AccessTable
from hwmodels.costs.array import operand_value_energies, psum_value_energies

#: Levels of the accounting, outermost first; the last is the arithmetic.
PARTS = ("dram", "buffer", "array", "register", "arithmetic")


class Reuse(NamedTuple):
    """Uses of one word at each level, on average; their product is what the layer needs of it."""

    words: int  # different words of the tensor
    a: float  # reads of DRAM; residencies of a sum in the buffer
    b: float  # reads of the buffer for each
    c: float  # deliveries over the array for each
    d: float  # uses in the registers for each
    registers: bool  # False where no register keeps the tensor: then d is 1 and costs nothing


def reuse_of(mapping: Mapping, counts: AccessTable) -> dict[str, Reuse]:
    """Tensor -> split, of a mapping whose levels are DRAM, a buffer, and the elements last."""
    found = {}
    for code, tensor in enumerate(TENSORS):
        column, below = (counts.updates, counts.visits) if tensor == "outputs" else (counts.reads, counts.fills)
        words, macs = int(counts.tile[0, code]), mapping.nest.volume
        kept = tensor in mapping.levels[-1].keeps
        dram, buffer = int(column[0, code]), int(column[1, code])
        array = int(below[-1, code]) if kept else macs
        found[tensor] = Reuse(words, dram / words, buffer / dram, array / buffer, macs / array, kept)
    return found


def normalised_energy(mapping: Mapping, counts: AccessTable) -> dict[str, dict[str, float]]:
    """Tensor (and ``arithmetic``) -> level -> energy of the whole nest, in energies of one MAC: 200, 6, 2, 1 and 1 for an access."""
    energy: dict[str, dict[str, float]] = {}
    for tensor, (words, a, b, c, d, kept) in reuse_of(mapping, counts).items():
        parts = (psum_value_energies if tensor == "outputs" else operand_value_energies)(a, b, c, d)
        shown = parts if kept else (*parts[:3], 0.0)
        energy[tensor] = {level: words * part for level, part in zip(PARTS, shown, strict=False)}
    return energy | {"arithmetic": {"arithmetic": float(mapping.nest.volume)}}


def by_level(energy: dict[str, dict[str, float]]) -> dict[str, float]:
    """Level -> energy, summed over the tensors."""
    return {level: sum(parts.get(level, 0.0) for parts in energy.values()) for level in PARTS}
