"""Amounts of the kinds of work of a GPU, for the kernel of one operator.

Seconds of a kernel = gap + flop / (P r u) + bytes / (W s), with u = N/(N + n0) * K/(K + k0) for matrix kernels: tile quantisation,
alignment and pipeline fill in one smooth form (N output channels, K reduction length, both of one group).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dataflows.gpu_kernels import (
    ATTENTION_KERNEL,
    DEPTHWISE_KERNEL,
    FULLY_CONNECTED_KERNEL,
    GROUPED_KERNEL,
    HEAD,
    MATRIX_FAMILIES,
    MATRIX_KERNEL,
    MEMORY_KERNEL,
    NONE,
    PRODUCT_KERNEL,
    KernelTable,
)
from hwmodels.costs.gpu import (
    ATTENTION,
    DECODING,
    DEPTHWISE,
    DEPTHWISE_STREAM,
    DETECTION,
    ENQUEUE_MATRIX,
    ENQUEUE_OTHER,
    ENQUEUE_RUN,
    FULLY_CONNECTED,
    GROUPED,
    LAUNCH,
    MATRIX,
    MEMORY,
    PRODUCT,
    RUN,
    STREAM,
    TERM_NAMES,
    WEIGHTS,
    WINOGRAD,
    GpuParameters,
)
from hwmodels.jit import kernel
from hwmodels.terms import Term
from workloads.tables import KIND_CODE, VARIANT_CODE, NestTable, OperatorTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
else:
    Floats = Ints = Any

SOURCE = "additive kernel model, fitted to whole-network throughputs and 38 Vulkan runs; shares and ratios in the runtime profile"
ENQUEUE_PHASE = "enqueue"
CONVOLUTION_KIND = KIND_CODE["convolution"]
ANCHOR_HEAD, GRID_HEAD = VARIANT_CODE["anchor_output"], VARIANT_CODE["grid_output"]

#: Work of a detection head over grids of few boxes, relative to one over all prior boxes (assumed; best of 0, 0.2 and 0.4).
GRID_SHARE = 0.4

_P = "(1 / (matrix_share * peak) + operation_energy / power_limit)"
_W = "bandwidth_share * dram_bandwidth"


#: Operations of other types count as what they take of an fp32 operation: half at twice the rate.
FP32_RATE = ", counted as fp32 operations: those of other types by their rate"


def _term(name: str, phase: str, unit: str, amount: str, price: str) -> Term:
    rate = ("peak",) if _P in price else ("dram_bandwidth",) if _W in price else ("vector_peak",) if "vector_peak" in price else ()
    return Term(name, phase, unit, amount + FP32_RATE if rate == ("peak",) else amount, price, rate, SOURCE)


GPU_TERMS: tuple[Term, ...] = (
    _term("matrix", "compute", "flop", "2 MAC / u of dense convolutions and products", _P),
    _term(
        "winograd",
        "compute",
        "flop",
        "2 MAC / u of 3x3 stride-1 convolutions, outputs in whole tiles",
        f"{_P} / winograd_ratio",
    ),
    _term("grouped", "compute", "flop", "2 MAC / u of grouped convolutions, channels of one group", f"{_P} / grouped_ratio"),
    _term("product", "compute", "flop", "2 MAC / u of products with a constant of several rows", f"{_P} / product_ratio"),
    _term("attention", "compute", "flop", "2 MAC of attention and batched products", f"{_P} / attention_ratio"),
    _term("depthwise", "compute", "flop", "2 MAC of depthwise convolutions", "1 / (depthwise_share * vector_peak)"),
    _term("fully_connected", "compute", "flop", "2 MAC / u of products of one row", f"{_P} / fully_connected_ratio"),
    _term("decoding", "compute", "weight", "weights of block formats", "decoding_operations / vector_peak"),
    _term("stream", "dram", "B", "activation bytes of matrix, batch norm and elementwise kernels", f"1 / ({_W})"),
    _term("depthwise_stream", "dram", "B", "activation bytes of depthwise kernels", f"1 / ({_W} * depthwise_stream_ratio)"),
    _term("memory", "dram", "B", "bytes of norms, softmax, reductions, pools, copies", f"1 / ({_W} * memory_ratio)"),
    _term("weights", "dram", "B", "weight bytes, once per run", f"1 / ({_W} * weights_ratio)"),
    _term("launch", "overhead", "kernel", "kernels started; those that multiply no matrix by their ratio", "launch"),
    _term("run", "overhead", "run", "runs, at the first kernel", "run"),
    _term("detection", "overhead", "head", "detection heads that run on the CPU", "detection"),
    _term("enqueue_matrix", ENQUEUE_PHASE, "kernel", "matrix kernels the host enqueues", "enqueue_matrix"),
    _term("enqueue_other", ENQUEUE_PHASE, "kernel", "other kernels the host enqueues", "enqueue_other"),
    _term("enqueue_run", ENQUEUE_PHASE, "run", "runs, at the first kernel", "enqueue_run"),
)

assert tuple(term.name for term in GPU_TERMS) == TERM_NAMES


@kernel
def saturation(channels: float, reduction: float, unit: GpuParameters) -> float:
    """Share of the matrix rate that a kernel reaches: N/(N + n0) * K/(K + k0)."""
    return channels / (channels + unit.half_channels) * (reduction / (reduction + unit.half_reduction))


@kernel
def winograd_applies(operators: OperatorTable, nests: NestTable, i: int) -> bool:
    """3x3, stride 1, undilated, ungrouped convolution."""
    j = operators.first_nest[i]
    if operators.kind[i] != CONVOLUTION_KIND or nests.R[j] != 3 or nests.S[j] != 3 or nests.G[j] != 1:
        return False
    return bool(nests.stride_h[j] == 1 and nests.stride_w[j] == 1 and nests.dilation_h[j] == 1 and nests.dilation_w[j] == 1)


@kernel
def tiled(size: float, tile: float) -> float:
    """Size rounded up to whole tiles.

    >>> float(tiled(7.0, 4.0))
    8.0
    """
    return np.ceil(size / tile) * tile


@kernel
def rate_of(unit: GpuParameters, bits: float) -> float:
    """Matrix rate for operands of ``bits`` relative to fp32."""
    return 1.0 if bits > 16.0 else unit.half_rate if bits > 8.0 else unit.byte_rate


@kernel
def matrix_flop(operators: OperatorTable, nests: NestTable, i: int, unit: GpuParameters, constant: int) -> float:
    """fp32-equivalent operations of the matrix kernels of an operator, each divided by its saturation.

    ``constant``: 1 takes the nests with a constant operand, 0 those without one, -1 all.
    """
    flop = 0.0
    first = operators.first_nest[i]
    for j in range(first, first + operators.nests[i]):
        if constant >= 0 and nests.constant_weights[j] != constant:
            continue
        reduction = float(nests.C[j]) * nests.R[j] * nests.S[j]
        volume = float(nests.N[j]) * nests.G[j] * nests.M[j] * nests.E[j] * nests.F[j] * reduction
        flop += 2.0 * volume / (saturation(float(nests.M[j]), reduction, unit) if constant else 1.0)
    return flop / rate_of(unit, operators.activation_bits[i])


@kernel
def matrix_term(operators: OperatorTable, nests: NestTable, i: int, family: int) -> int:
    """Place among ``GPU_TERMS`` of what the kernels of a family multiply: dense convolutions, grouped ones, products."""
    if family == GROUPED_KERNEL:
        return GROUPED
    if family == PRODUCT_KERNEL:
        return PRODUCT
    if family == FULLY_CONNECTED_KERNEL:
        return FULLY_CONNECTED
    return WINOGRAD if winograd_applies(operators, nests, i) else MATRIX


@kernel
def is_coded(operators: OperatorTable, i: int) -> bool:
    """True where weights of a narrow format are decoded to the type of the activations."""
    return bool(operators.weight_elements[i] > 0 and operators.weight_bits[i] < 12.0 and operators.activation_bits[i] >= 16.0)


@kernel
def gpu_amounts(
    operators: OperatorTable, nests: NestTable, i: int, unit: GpuParameters, network: KernelTable, amounts: Floats, traffic: Ints
) -> None:
    """Fill the amounts and the traffic of operator ``i``.

    Parameters
    ----------
    operators, nests
        The network as its runtime runs it.
    i : int
    unit : GpuParameters
    network : KernelTable
        Kernels by operator.
    amounts : float64 array of 18
        Filled, in the order of ``GPU_TERMS``.
    traffic : int64 array, 1 x 2
        Filled: bytes read from and written to memory [B].
    """
    amounts[:] = 0.0
    traffic[:] = 0
    family = network.family[i]
    if family == NONE:
        return
    launches = float(network.launches[i])
    moved = float(network.read_bytes[i]) + float(network.written_bytes[i])
    if family == DEPTHWISE_KERNEL:
        amounts[DEPTHWISE] = 2.0 * operators.macs[i]
        amounts[DEPTHWISE_STREAM] = moved
    elif family == ATTENTION_KERNEL:
        amounts[ATTENTION] = matrix_flop(operators, nests, i, unit, 0)
        amounts[PRODUCT] = matrix_flop(operators, nests, i, unit, 1)
        amounts[STREAM] = moved
    elif family in (MATRIX_KERNEL, GROUPED_KERNEL, PRODUCT_KERNEL, FULLY_CONNECTED_KERNEL):
        term = matrix_term(operators, nests, i, family)
        amounts[term] = matrix_flop(operators, nests, i, unit, -1)
        if term == WINOGRAD:
            height, width = float(nests.E[operators.first_nest[i]]), float(nests.F[operators.first_nest[i]])
            amounts[term] *= tiled(height, unit.winograd_tile) / height * tiled(width, unit.winograd_tile) / width
            launches += unit.winograd_kernels - 1.0
        amounts[STREAM] = moved
    else:
        amounts[MEMORY if family in (MEMORY_KERNEL, HEAD) else STREAM] = moved
    if is_coded(operators, i):
        amounts[DECODING] = float(operators.weight_elements[i])
        amounts[PRODUCT] /= unit.coded_ratio
    amounts[MEMORY] += float(network.copied_bytes[i])
    amounts[WEIGHTS] = float(network.weight_bytes[i])
    matrix = 1.0 if family in MATRIX_FAMILIES else 0.0
    others = float(network.launches[i]) - matrix
    amounts[LAUNCH] = launches - others * (1.0 - unit.other_launch_ratio)
    amounts[RUN] = float(network.runs[i])
    amounts[ENQUEUE_RUN] = float(network.runs[i])
    if family == HEAD:
        amounts[DETECTION] = 1.0
    elif operators.variant[i] == ANCHOR_HEAD or operators.variant[i] == GRID_HEAD:
        amounts[DETECTION] = GRID_SHARE
    amounts[ENQUEUE_MATRIX] = matrix
    amounts[ENQUEUE_OTHER] = others
    copied = network.copied_bytes[i] // 2
    traffic[0, 0] = network.read_bytes[i] + network.weight_bytes[i] + copied
    traffic[0, 1] = network.written_bytes[i] + copied
