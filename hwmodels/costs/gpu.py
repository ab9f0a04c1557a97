"""Seconds per unit amount of the kinds of work of a GPU.

Kernel time = gap + arithmetic / (P r u) + traffic / (W s): a sum, not a maximum (on whole networks the sum beat the roofline). P is
the data-sheet peak times an achieved share, W the data-sheet DRAM rate times one; the shares and ratios belong to the runtime
(``hwmodels/runtimes``), and a unit may correct each by a factor (``efficiencies``, 1 where it says nothing). W above the DRAM rate
means that counted traffic stayed in L2. Amounts are counted in ``dataflows/gpu_counts.py``, arithmetic in fp32-equivalent
operations.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    "matrix", "winograd", "grouped", "attention", "depthwise", "fully_connected", "stream", "depthwise_stream", "memory", "weights",
    "launch", "run", "detection", "enqueue_matrix", "enqueue_other", "enqueue_run",
)  # fmt: skip
(
    MATRIX, WINOGRAD, GROUPED, ATTENTION, DEPTHWISE, FULLY_CONNECTED, STREAM, DEPTHWISE_STREAM, MEMORY, WEIGHTS,
    LAUNCH, RUN, DETECTION, ENQUEUE_MATRIX, ENQUEUE_OTHER, ENQUEUE_RUN,
) = range(16)  # fmt: skip

#: Shares, ratios and gaps of a runtime nobody has measured: the centres of the priors.
PRIOR = {
    "matrix_share": 1.0,  # P / data-sheet peak
    "bandwidth_share": 0.95,  # W / data-sheet DRAM rate
    "winograd_ratio": 1.0,  # rate of 3x3 stride-1 convolutions relative to P
    "grouped_ratio": 0.6,
    "attention_ratio": 0.12,  # unfused
    "depthwise_share": 0.15,  # depthwise rate / fp32 peak of the vector units
    "fully_connected_ratio": 1.0,
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
    attention_ratio: float
    fully_connected_ratio: float
    depthwise_stream_ratio: float  # relative to W
    memory_ratio: float
    weights_ratio: float
    launch_s: float  # gap per kernel [s]
    run_s: float  # per run [s]
    detection_s: float  # per detection head on the CPU [s]
    enqueue_matrix_s: float  # host time per matrix kernel [s]
    enqueue_other_s: float  # host time per other kernel [s]
    enqueue_run_s: float  # host time per run [s]
    half_channels: float  # n0: output channels at which half the matrix rate is reached
    half_reduction: float  # k0: the same of the reduction length


def gpu_parameters(unit: GpuUnit, runtime: Runtime | None) -> GpuParameters:
    """Numbers of a GPU under a runtime: each the runtime's value (else the prior's) times the unit's correction (else 1).

    Raises
    ------
    DeviceFileError
        An efficiency whose name is none of :data:`PRIOR`.
    """
    costs: Mapping[str, float] = runtime.costs if runtime is not None else {}
    check_names(f"units.{unit.name}.efficiencies", unit.efficiencies, PRIOR)

    def value(name: str) -> float:
        return float(costs.get(name, PRIOR[name])) * float(unit.efficiencies.get(name, 1.0))

    base = _peak(unit, ("fp32", "tf32", "fp16", "bf16", "int8"))
    return GpuParameters(
        matrix_flop_per_s=base * value("matrix_share"),
        half_rate=_peak(unit, ("fp16", "bf16", "tf32", "fp32")) / base,
        byte_rate=_peak(unit, ("int8", "fp8", "fp16", "bf16", "fp32")) / base,
        depthwise_flop_per_s=float(unit.vector_flop_per_s) * value("depthwise_share"),
        stream_bytes_per_s=float(unit.dram_bandwidth_bytes_per_s) * value("bandwidth_share"),
        winograd_ratio=value("winograd_ratio"),
        grouped_ratio=value("grouped_ratio"),
        attention_ratio=value("attention_ratio"),
        fully_connected_ratio=value("fully_connected_ratio"),
        depthwise_stream_ratio=value("depthwise_stream_ratio"),
        memory_ratio=value("memory_ratio"),
        weights_ratio=value("weights_ratio"),
        launch_s=value("launch"),
        run_s=value("run"),
        detection_s=value("detection"),
        enqueue_matrix_s=value("enqueue_matrix"),
        enqueue_other_s=value("enqueue_other"),
        enqueue_run_s=value("enqueue_run"),
        half_channels=float(costs.get("half_channels", PRIOR_CHANNELS)),
        half_reduction=float(costs.get("half_reduction", PRIOR_REDUCTION)),
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
    prices : float64 array of 16
        Filled: seconds per operation (arithmetic), per byte (traffic), per kernel and per run.
    """
    rate, bandwidth = unit.matrix_flop_per_s, unit.stream_bytes_per_s
    prices[MATRIX] = 1.0 / rate
    prices[WINOGRAD] = share_seconds(rate, unit.winograd_ratio)
    prices[GROUPED] = share_seconds(rate, unit.grouped_ratio)
    prices[ATTENTION] = share_seconds(rate, unit.attention_ratio)
    prices[DEPTHWISE] = 1.0 / unit.depthwise_flop_per_s
    prices[FULLY_CONNECTED] = share_seconds(rate, unit.fully_connected_ratio)
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
