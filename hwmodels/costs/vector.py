"""Seconds and joules of the actions of a vector unit: lane cycles, and bytes to and from the memory it works in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodels.device import MemoryLevel, VectorUnit
from hwmodels.jit import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
else:
    Floats = Any

#: Kinds of work in the order of their amounts and prices.
TERM_NAMES = ("operation", "special", "read", "written")
OPERATION, SPECIAL, READ, WRITTEN = range(4)
#: Kinds of energy in the order of their amounts and prices.
ENERGY_NAMES = ("operation", "read", "written")


class VectorParameters(NamedTuple):
    """A vector unit and its memory, as numbers."""

    frequency_hz: float  # clock of the lanes [Hz]
    lanes: float  # simple operations per cycle
    special_cycles: float  # lane cycles of one exponential, division, ...
    read_bandwidth_bytes_per_s: float  # memory to lanes [B/s]; inf where it is not known
    write_bandwidth_bytes_per_s: float  # lanes to memory [B/s]; inf where it is not known
    operation_energy_j: float  # one lane operation [J]; NaN where it is not known
    read_energy_j_per_byte: float  # [J/B]; NaN where it is not known
    write_energy_j_per_byte: float  # [J/B]; NaN where it is not known


def vector_parameters(unit: VectorUnit, memory: MemoryLevel | None) -> VectorParameters:
    """Numbers of a vector unit that works in ``memory``; a rate that is not known does not limit."""

    def known(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else float(value)

    read = known(memory.read_bandwidth_bytes_per_s if memory else None, math.inf)
    return VectorParameters(
        frequency_hz=float(unit.frequency_hz),
        lanes=float(unit.lanes),
        special_cycles=float(unit.special_cycles),
        read_bandwidth_bytes_per_s=read,
        write_bandwidth_bytes_per_s=known(memory.write_bandwidth_bytes_per_s if memory else None, read),
        operation_energy_j=known(unit.operation_energy_j, math.nan),
        read_energy_j_per_byte=known(memory.read_energy_j_per_byte if memory else None, math.nan),
        write_energy_j_per_byte=known(memory.write_energy_j_per_byte if memory else None, math.nan),
    )


@kernel
def vector_prices(unit: VectorParameters, prices: Floats) -> None:
    """Fill seconds per lane cycle (operations, special functions) and per byte (read, written)."""
    prices[OPERATION] = 1.0 / unit.frequency_hz
    prices[SPECIAL] = 1.0 / unit.frequency_hz
    prices[READ] = 1.0 / unit.read_bandwidth_bytes_per_s
    prices[WRITTEN] = 1.0 / unit.write_bandwidth_bytes_per_s


def vector_energy_prices(unit: VectorParameters) -> tuple[float, float, float]:
    """Joules per lane operation, byte read, byte written."""
    return unit.operation_energy_j, unit.read_energy_j_per_byte, unit.write_energy_j_per_byte
