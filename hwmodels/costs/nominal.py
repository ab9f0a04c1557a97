"""Seconds of amounts of work at the nominal rates of a graphics card: what fits of reached shares start from.

A share that is reached divides these: seconds = nominal seconds / share. Nominal means the peak of the data sheet, without losses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from hwmodels.costs.gpu import gpu_parameters, share_seconds
from hwmodels.device import GpuUnit
from hwmodels.runtime import Runtime

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Amounts = TypeVar("Amounts", float, NDArray[np.float64])
else:
    Amounts = TypeVar("Amounts")

_PLAIN = {"matrix_share": 1.0, "bandwidth_share": 1.0, "depthwise_share": 1.0}
#: A runtime without losses that sums in 32 bit, and one that sums in 16 bit.
WIDE_SUMS = Runtime("nominal", "", ("gpu",), costs=_PLAIN)
NARROW_SUMS = Runtime("nominal", "", ("gpu",), costs={**_PLAIN, "narrow_accumulation": 1.0})


def half_seconds(operations: Amounts, unit: GpuUnit, runtime: Runtime = WIDE_SUMS) -> Amounts:
    """Seconds of 16-bit operations at the peak of the matrix units."""
    nominal = gpu_parameters(unit, runtime)
    return operations * share_seconds(nominal.matrix_flop_per_s, nominal.half_rate)


def memory_seconds(size_bytes: Amounts, unit: GpuUnit) -> Amounts:
    """Seconds to move blocks at the data-sheet rate of the DRAM."""
    return size_bytes * share_seconds(unit.dram_bandwidth_bytes_per_s, 1.0)


def vector_seconds(operations: Amounts, unit: GpuUnit) -> Amounts:
    """Seconds of operations at the peak of the vector units."""
    return operations * share_seconds(unit.vector_flop_per_s, 1.0)


def limited_seconds(operations: Amounts, unit: GpuUnit) -> Amounts:
    """Seconds per joule of one operation: operations / power limit; 0 where no limit is known."""
    return operations * (1.0 / unit.power_limit_w if unit.power_limit_w else 0.0)
