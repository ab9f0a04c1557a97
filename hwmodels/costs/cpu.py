"""Seconds per unit amount of the twenty kinds of work of a CPU.

Every price is a multiplier of the core's class (1 = data-sheet speed) times the reciprocal of a nominal rate. The rates are those
of the additive model of ncnn-style runtimes: arithmetic at the SIMD peak, bytes through the core at 16 B/cycle, DRAM at its
data-sheet bandwidth, bytes beyond L2 at 20 GB/s, one parallel region and one dispatch at 1 us on a core of 2 GHz. Amounts are
counted in ``dataflows/cpu_counts.py``; arithmetic amounts are in fp32-equivalent operations, so one price serves fp32 and fp16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodels.costs.names import check_names
from hwmodels.device import CpuUnit
from hwmodels.jit import kernel
from hwmodels.runtime import Runtime

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
else:
    Floats = Any

#: The twenty kinds of work, in the order of their amounts and prices.
TERM_NAMES = (
    "gemm", "winograd", "depthwise", "int8", "elementwise", "dram_shared", "cross_core", "fork", "direct", "slow",
    "depthwise_large", "int8_depthwise", "matmul", "packing", "packing_far", "dram_core", "shared_cache", "vector_special",
    "scalar_special", "dispatch",
)  # fmt: skip
(
    GEMM, WINOGRAD, DEPTHWISE, INT8, ELEMENTWISE, DRAM_SHARED, CROSS_CORE, FORK, DIRECT, SLOW,
    DEPTHWISE_LARGE, INT8_DEPTHWISE, MATMUL, PACKING, PACKING_FAR, DRAM_CORE, SHARED_CACHE, VECTOR_SPECIAL,
    SCALAR_SPECIAL, DISPATCH,
) = range(20)  # fmt: skip

#: Bytes a core moves per cycle, nominally: one 16-byte load or store.
CORE_BYTES_PER_CYCLE = 16.0
#: Nominal rate of a shared last-level cache; it does not grow with the threads [B/s].
SHARED_CACHE_BYTES_PER_S = 20e9
#: Cycles of one dispatch or one parallel region, nominally: 1 us at 2 GHz.
OVERHEAD_CYCLES = 2000.0

#: Smallest L2 a core is taken to have [B].
LEAST_L2_BYTES = 32768.0

#: GEMM micro-tile (rows x columns) of the runtime's kernels by instruction set; 2 x 2 where it has no vector kernels.
MICRO_TILE = {
    "arm64": (8, 12), "armv7": (4, 8), "x86_sse": (4, 8), "x86_avx2": (8, 12), "x86_avx512": (16, 12), "lsx": (4, 12),
    "mips": (4, 12), "riscv": (2, 2), "riscv_v": (8, 8), "scalar": (2, 2),
}  # fmt: skip


class CpuParameters(NamedTuple):
    """A CPU unit, a number of threads and a runtime, as numbers."""

    frequency_hz: float  # clock of the cores used [Hz]
    flop_per_cycle: float  # fp32 FLOP per cycle of one core
    vector_bytes: float  # width of one vector register [B]
    fp16: int  # 1 where the core computes in fp16
    int8_rate: float  # int8 rate relative to fp32
    binary_rate: float  # rate of one-bit products relative to fp32; 0 where there are no kernels for them
    l2_bytes: float  # L2 one core can use, at least 32 KiB [B]
    last_level_bytes: float  # last-level cache, at least l2_bytes [B]
    dram_bandwidth_bytes_per_s: float  # data-sheet rate [B/s]
    threads: int  # threads that run, at most the cores of the unit
    tile_rows: int  # rows of the GEMM micro-tile
    tile_columns: int  # columns of the GEMM micro-tile
    arm: int  # 1 for Arm instruction sets
    vector_kernels: int  # 0 where the runtime has no vector kernels at all
    runtime_date: int  # date of the runtime's algorithm rules, yyyymmdd
    gemm: float  # multipliers by term, dimensionless; 1 = data-sheet speed
    winograd: float
    depthwise: float
    int8: float
    elementwise: float
    dram_shared: float
    cross_core: float
    fork: float
    direct: float
    slow: float
    depthwise_large: float
    int8_depthwise: float
    matmul: float
    packing: float
    packing_far: float
    dram_core: float
    shared_cache: float
    vector_special: float
    scalar_special: float
    dispatch: float


def cpu_parameters(unit: CpuUnit, runtime: Runtime | None, threads: int) -> CpuParameters:
    """Numbers of a CPU unit used with ``threads`` threads under ``runtime``.

    A multiplier the unit does not name is 1 (data-sheet speed); a runtime without a date has today's algorithm rules.

    Raises
    ------
    DeviceFileError
        A multiplier whose name is no term of the model.
    """
    check_names(f"units.{unit.name}.multipliers", unit.multipliers, TERM_NAMES)
    rows, columns = MICRO_TILE[unit.isa]
    l2_bytes = max(unit.l2_bytes, LEAST_L2_BYTES)
    costs = runtime.costs if runtime is not None else {}
    return CpuParameters(
        frequency_hz=float(unit.frequency_hz),
        flop_per_cycle=float(unit.fp32_flop_per_cycle),
        vector_bytes=float(unit.vector_bytes),
        fp16=int(unit.fp16_arithmetic),
        int8_rate=float(unit.int8_rate),
        binary_rate=float(unit.binary_rate),
        l2_bytes=float(l2_bytes),
        last_level_bytes=float(max(unit.last_level_bytes, l2_bytes)),
        dram_bandwidth_bytes_per_s=float(unit.dram_bandwidth_bytes_per_s),
        threads=max(1, min(int(threads), unit.cores)),
        tile_rows=rows,
        tile_columns=columns,
        arm=int(unit.isa.startswith("arm")),
        vector_kernels=int(unit.isa != "scalar"),
        runtime_date=int(costs.get("rules_date", 99991231)),
        **{name: float(unit.multipliers.get(name, 1.0)) for name in TERM_NAMES},
    )


@kernel
def flop_seconds(frequency_hz: float, flop_per_cycle: float) -> float:
    """Seconds of one arithmetic operation of one core at its peak: 1 / (clock * operations per cycle).

    >>> flop_seconds(1e9, 8.0)
    1.25e-10
    """
    return 1.0 / (frequency_hz * flop_per_cycle)


@kernel
def core_byte_seconds(frequency_hz: float) -> float:
    """Seconds of one byte through a core, nominally: 1 / (16 B/cycle * clock).

    >>> core_byte_seconds(1e9)
    6.25e-11
    """
    return 1.0 / (CORE_BYTES_PER_CYCLE * frequency_hz)


@kernel
def region_seconds(frequency_hz: float, threads: int) -> float:
    """Seconds to fork and join one parallel region, nominally: 1 us * (2 GHz / clock) * (1 + threads / 32).

    >>> region_seconds(2e9, 4)
    1.125e-06
    """
    return OVERHEAD_CYCLES / frequency_hz * (1.0 + threads / 32.0)


@kernel
def narrow_share(int8_rate: float, binary_rate: float, activation_bits: float, weight_bits: float) -> float:
    """Time of a product of few bits in that of its int8 form: bit planes by XNOR and population count where that is faster.

    One pass per pair of bit planes: int8_rate / (binary_rate / (activation bits * weight bits)), at most 1 (Umuroglu and Jahre,
    "Streamlined deployment for quantized neural networks", 2017, section 3; binary: Rastegari et al., XNOR-Net, ECCV 2016).

    >>> narrow_share(1.0, 64.0, 1.0, 1.0), narrow_share(4.0, 16.0, 2.0, 2.0), narrow_share(1.0, 0.0, 1.0, 1.0)
    (0.015625, 1.0, 1.0)
    """
    if binary_rate <= 0.0:
        return 1.0
    return min(1.0, int8_rate * activation_bits * weight_bits / binary_rate)


@kernel
def cpu_prices(unit: CpuParameters, prices: Floats) -> None:
    """Fill the seconds per unit amount of each term, in the order of TERM_NAMES.

    Parameters
    ----------
    unit : CpuParameters
    prices : float64 array of 20
        Filled: seconds per operation (arithmetic), per byte (traffic), per cycle (special functions), per region, per dispatch.
    """
    flop = flop_seconds(unit.frequency_hz, unit.flop_per_cycle)
    byte = core_byte_seconds(unit.frequency_hz)
    dram = 1.0 / unit.dram_bandwidth_bytes_per_s
    cycle = 1.0 / unit.frequency_hz
    prices[GEMM] = unit.gemm * flop
    prices[WINOGRAD] = unit.winograd * flop
    prices[DEPTHWISE] = unit.depthwise * flop
    prices[INT8] = unit.int8 * flop / unit.int8_rate
    prices[ELEMENTWISE] = unit.elementwise * byte
    prices[DRAM_SHARED] = unit.dram_shared * dram
    prices[CROSS_CORE] = unit.cross_core * byte
    prices[FORK] = unit.fork * region_seconds(unit.frequency_hz, unit.threads)
    prices[DIRECT] = unit.direct * flop
    prices[SLOW] = unit.slow * flop
    prices[DEPTHWISE_LARGE] = unit.depthwise_large * flop
    prices[INT8_DEPTHWISE] = unit.int8_depthwise * flop
    prices[MATMUL] = unit.matmul * flop
    prices[PACKING] = unit.packing * byte
    prices[PACKING_FAR] = unit.packing_far * byte
    prices[DRAM_CORE] = unit.dram_core * dram
    prices[SHARED_CACHE] = unit.shared_cache / SHARED_CACHE_BYTES_PER_S
    prices[VECTOR_SPECIAL] = unit.vector_special * cycle
    prices[SCALAR_SPECIAL] = unit.scalar_special * cycle
    prices[DISPATCH] = unit.dispatch * OVERHEAD_CYCLES * cycle


def cpu_peak_macs_per_s(unit: CpuParameters, bits: float) -> float:
    """Peak multiply-accumulates per second of the threads that run, for operands of ``bits`` [MAC/s]."""
    rate = unit.int8_rate if bits <= 8 else 2.0 if bits <= 16 and unit.fp16 else 1.0
    return unit.threads * unit.frequency_hz * unit.flop_per_cycle * rate / 2.0
