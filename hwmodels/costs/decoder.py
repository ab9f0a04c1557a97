"""Seconds of the parts of a language model's step at nominal rates, for fits of the shares that are reached.

A decode step of one sequence (the shares are found in ``validation/decoder.py``, and priced in ``hwmodels/costs/gpu.py``):

    seconds = penalty * weights / (share * bandwidth) + cache / (share * bandwidth)
            + operations per weight * weights of block formats / vector peak + layers * gap + (cards - 1) * hop

A prompt: operations / (share * matrix peak) + operations * energy per operation / power limit.
"""

from __future__ import annotations

from hwmodels.costs.gpu import gpu_parameters, share_seconds
from hwmodels.device import GpuUnit
from hwmodels.runtime import Runtime

#: Runtime that sums in 16 bit and has no losses: nominal peaks as llama.cpp uses them.
NOMINAL = Runtime(
    "nominal", "", ("gpu",), costs={"matrix_share": 1.0, "bandwidth_share": 1.0, "depthwise_share": 1.0, "narrow_accumulation": 1.0}
)


def memory_seconds(size_bytes: float, unit: GpuUnit) -> float:
    """Seconds to read a block at the data-sheet rate of the DRAM: bytes / bandwidth."""
    return size_bytes * share_seconds(unit.dram_bandwidth_bytes_per_s, 1.0)


def vector_seconds(operations: float, unit: GpuUnit) -> float:
    """Seconds of operations at the peak of the vector units."""
    return operations * share_seconds(unit.vector_flop_per_s, 1.0)


def matrix_seconds(operations: float, unit: GpuUnit) -> float:
    """Seconds of 16-bit operations at the peak of the matrix units with sums in 16 bit."""
    nominal = gpu_parameters(unit, NOMINAL)
    return operations * share_seconds(nominal.matrix_flop_per_s, nominal.half_rate)


def limited_seconds(operations: float, unit: GpuUnit) -> float:
    """Seconds per joule of one operation: operations / power limit; 0 where no limit is known."""
    return operations / unit.power_limit_w if unit.power_limit_w else 0.0
