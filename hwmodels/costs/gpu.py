"""Seconds per unit amount of the kinds of work of a GPU.

Kernel time = gap + arithmetic / (P r u) + traffic / (W s): a sum, not a maximum (on whole networks the sum beat the roofline). P is
the data-sheet peak times an achieved share, W the data-sheet DRAM rate times one; the shares and ratios belong to the runtime
(``hwmodels/runtimes``), and a unit may correct each by a factor (``efficiencies``, 1 where it says nothing). W above the DRAM rate
means that counted traffic stayed in L2. Amounts are counted in ``dataflows/gpu_counts.py``, arithmetic in fp32-equivalent
operations.

A card whose matrix units could draw more than its power limit runs them slower: seconds per operation = 1 / (share peak) +
energy per operation / power limit. Energy per operation and share are those of a runtime, the peak and the limit of the data sheet.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodels.costs.names import check_names
from hwmodels.device import GpuUnit
from hwmodels.jit import kernel
from hwmodels.runtime import Runtime

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
else:
    Floats = Any

#: Kinds of work in the order of their amounts and prices.
TERM_NAMES = (
    "matrix", "winograd", "grouped", "product", "attention", "depthwise", "fully_connected", "decoding", "stream",
    "depthwise_stream", "memory", "weights", "launch", "run", "detection", "enqueue_matrix", "enqueue_other", "enqueue_run",
)  # fmt: skip
(
    MATRIX, WINOGRAD, GROUPED, PRODUCT, ATTENTION, DEPTHWISE, FULLY_CONNECTED, DECODING, STREAM,
    DEPTHWISE_STREAM, MEMORY, WEIGHTS, LAUNCH, RUN, DETECTION, ENQUEUE_MATRIX, ENQUEUE_OTHER, ENQUEUE_RUN,
) = range(18)  # fmt: skip

#: Shares, ratios and gaps of a runtime nobody has measured: the centres of the priors.
PRIOR = {
    "matrix_share": 1.0,  # P / data-sheet peak, power aside
    "operation_energy": 0.0,  # of one 16-bit operation of the matrix units [J]; 0: the power limit is not felt
    "bandwidth_share": 0.95,  # W / data-sheet DRAM rate
    "winograd_ratio": 1.0,  # rate of 3x3 stride-1 convolutions relative to P
    "winograd_tile": 1.0,  # their outputs are computed in tiles of so many rows and columns
    "winograd_kernels": 1.0,  # kernels of one of them: transforms count
    "other_launch_ratio": 1.0,  # gap of a kernel that multiplies no matrix, relative to one that does
    "grouped_ratio": 0.6,
    "product_ratio": 1.0,  # matrix products of several rows
    "coded_ratio": 1.0,  # such products with weights of a block format, relative to others
    "attention_ratio": 0.12,  # unfused
    "depthwise_share": 0.15,  # depthwise rate / fp32 peak of the vector units
    "fully_connected_ratio": 1.0,  # matrix products of one row
    "decoding_operations": 0.0,  # vector operations to decode one weight of a block format
    "depthwise_stream_ratio": 0.5,  # relative to W
    "memory_ratio": 0.8,  # relative to W
    "weights_ratio": 1.0,  # relative to W
    "launch": 4e-6,  # gap per kernel [s]
    "run": 0.0,  # per run [s]
    "detection": 4e-3,  # detection head on the CPU [s]
    "enqueue_matrix": 0.0,  # host time per matrix kernel [s]
    "enqueue_other": 0.0,  # host time per other kernel [s]
    "enqueue_run": 0.0,  # host time per run [s]
}

#: Parameters of a runtime that no unit corrects: sums in 16 bit (0 or 1), and the half-saturations.
UNCORRECTED = ("narrow_accumulation", "half_channels", "half_reduction")

#: Half-saturation of output channels and of the reduction length of a kernel nobody has measured.
PRIOR_CHANNELS, PRIOR_REDUCTION = 64.0, 32.0


class GpuParameters(NamedTuple):
    """A GPU under a runtime, as numbers."""

    matrix_flop_per_s: float  # fp32 matrix rate P [flop/s]
    half_rate: float  # 16-bit rate relative to fp32
    byte_rate: float  # 8-bit rate relative to fp32
    depthwise_flop_per_s: float  # [flop/s]
    stream_bytes_per_s: float  # W [B/s]
    winograd_ratio: float  # relative to P
    grouped_ratio: float
    product_ratio: float
    coded_ratio: float  # relative to products
    attention_ratio: float
    fully_connected_ratio: float
    decoding_s: float  # per weight of a block format [s]
    depthwise_stream_ratio: float  # relative to W
    memory_ratio: float
    weights_ratio: float
    launch_s: float  # gap per kernel [s]
    run_s: float  # per run [s]
    detection_s: float  # per detection head on the CPU [s]
    enqueue_matrix_s: float  # host time per matrix kernel [s]
    enqueue_other_s: float  # host time per other kernel [s]
    enqueue_run_s: float  # host time per run [s]
    winograd_tile: float  # rows and columns of a tile
    winograd_kernels: float
    other_launch_ratio: float
    half_channels: float  # n0: output channels at which half the matrix rate is reached
    half_reduction: float  # k0: the same of the reduction length


def gpu_parameters(unit: GpuUnit, runtime: Runtime | None) -> GpuParameters:
    """Numbers of a GPU under a runtime: each the runtime's value (else the prior's) times the unit's correction (else 1).

    Raises
    ------
    DeviceFileError
        An efficiency whose name is none of :data:`PRIOR`.
    """
    check_names(f"units.{unit.name}.efficiencies", unit.efficiencies, PRIOR)

    def plain(name: str, default: float) -> float:
        return default if runtime is None else runtime.cost(name, default, unit.architecture)

    def value(name: str) -> float:
        return plain(name, PRIOR[name]) * float(unit.efficiencies.get(name, 1.0))

    base = _peak(unit, ("fp32", "tf32", "fp16", "bf16", "int8"))
    half = _peak(unit, ("fp16", "bf16", "tf32", "fp32"))
    if plain("narrow_accumulation", 0.0):
        half = max(half, narrow_accumulation_rate(_peak(unit, ("int8", "fp16", "fp32"))))
    share = powered_share(value("matrix_share"), half, value("operation_energy"), unit.power_limit_w or math.inf)
    return GpuParameters(
        matrix_flop_per_s=base * share,
        half_rate=half / base,
        byte_rate=_peak(unit, ("int8", "fp8", "fp16", "bf16", "fp32")) / base,
        depthwise_flop_per_s=float(unit.vector_flop_per_s) * value("depthwise_share"),
        stream_bytes_per_s=float(unit.dram_bandwidth_bytes_per_s) * value("bandwidth_share"),
        winograd_ratio=value("winograd_ratio"),
        grouped_ratio=value("grouped_ratio"),
        product_ratio=value("product_ratio"),
        coded_ratio=value("coded_ratio"),
        attention_ratio=value("attention_ratio"),
        fully_connected_ratio=value("fully_connected_ratio"),
        decoding_s=value("decoding_operations") / float(unit.vector_flop_per_s),
        depthwise_stream_ratio=value("depthwise_stream_ratio"),
        memory_ratio=value("memory_ratio"),
        weights_ratio=value("weights_ratio"),
        launch_s=value("launch"),
        run_s=value("run"),
        detection_s=value("detection"),
        enqueue_matrix_s=value("enqueue_matrix"),
        enqueue_other_s=value("enqueue_other"),
        enqueue_run_s=value("enqueue_run"),
        winograd_tile=value("winograd_tile"),
        winograd_kernels=value("winograd_kernels"),
        other_launch_ratio=value("other_launch_ratio"),
        half_channels=plain("half_channels", PRIOR_CHANNELS),
        half_reduction=plain("half_reduction", PRIOR_REDUCTION),
    )


def _peak(unit: GpuUnit, dtypes: tuple[str, ...]) -> float:
    """Peak for the first of ``dtypes`` the data sheet names, else that of the vector units [flop/s]."""
    for dtype in dtypes:
        if dtype in unit.peak_flop_per_s:
            return float(unit.peak_flop_per_s[dtype])
    return float(unit.vector_flop_per_s)


def gpu_peak_macs_per_s(unit: GpuUnit, bits: float) -> float:
    """Data-sheet multiply-accumulates per second for operands of ``bits`` [MAC/s]."""
    wide = ("fp32", "tf32") if bits > 16 else ("fp16", "bf16", "fp32") if bits > 8 else ("int8", "fp8", "fp16", "fp32")
    return _peak(unit, wide) / 2.0


@kernel
def narrow_accumulation_rate(byte_rate: float) -> float:
    """Peak of 16-bit operations that add up in 16 bit: half the 8-bit peak, also on cards that do wider sums at half of that."""
    return byte_rate / 2.0


@kernel
def powered_share(share: float, peak: float, operation_energy_j: float, power_limit_w: float) -> float:
    """Share of a peak that is reached under a power limit: 1 / (1 / share + peak * energy per operation / limit).

    >>> powered_share(1.0, 400e12, 0.5e-12, 200.0)
    0.5
    """
    return 1.0 / (1.0 / share + peak * operation_energy_j / power_limit_w)


@kernel
def share_seconds(rate: float, ratio: float) -> float:
    """Seconds of one unit at a share of a rate: 1 / (rate * ratio).

    >>> share_seconds(2e9, 0.5)
    1e-09
    """
    return 1.0 / (rate * ratio)


@kernel
def gpu_prices(unit: GpuParameters, prices: Floats) -> None:
    """Fill the seconds per unit amount of each term, in the order of TERM_NAMES.

    Parameters
    ----------
    unit : GpuParameters
    prices : float64 array of 18
        Filled: seconds per operation (arithmetic), per byte (traffic), per kernel and per run.
    """
    rate, bandwidth = unit.matrix_flop_per_s, unit.stream_bytes_per_s
    prices[MATRIX] = 1.0 / rate
    prices[WINOGRAD] = share_seconds(rate, unit.winograd_ratio)
    prices[GROUPED] = share_seconds(rate, unit.grouped_ratio)
    prices[PRODUCT] = share_seconds(rate, unit.product_ratio)
    prices[ATTENTION] = share_seconds(rate, unit.attention_ratio)
    prices[DEPTHWISE] = 1.0 / unit.depthwise_flop_per_s
    prices[FULLY_CONNECTED] = share_seconds(rate, unit.fully_connected_ratio)
    prices[DECODING] = unit.decoding_s
    prices[STREAM] = 1.0 / bandwidth
    prices[DEPTHWISE_STREAM] = share_seconds(bandwidth, unit.depthwise_stream_ratio)
    prices[MEMORY] = share_seconds(bandwidth, unit.memory_ratio)
    prices[WEIGHTS] = share_seconds(bandwidth, unit.weights_ratio)
    prices[LAUNCH] = unit.launch_s
    prices[RUN] = unit.run_s
    prices[DETECTION] = unit.detection_s
    prices[ENQUEUE_MATRIX] = unit.enqueue_matrix_s
    prices[ENQUEUE_OTHER] = unit.enqueue_other_s
    prices[ENQUEUE_RUN] = unit.enqueue_run_s
