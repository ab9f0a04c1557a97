"""Amounts of the twenty kinds of CPU work for one operator.

The model is additive: seconds of an operator = sum over the terms of amount x price, no maximum and no roofline. What each amount
is stands in ``cpu_convolution`` and ``cpu_layers``; here an operator's kind decides which of them it is.
"""

from __future__ import annotations

from dataflows.cpu_algorithms import DEPTHWISE_KERNEL, GEMM_1X1, GEMM_IM2COL, MATRIX_VECTOR, convolution_algorithm
from dataflows.cpu_convolution import add_convolution, add_convolution_bytes, add_depthwise
from dataflows.cpu_layer import CONVOLUTION, DEPTHWISE_KIND, FULLY_CONNECTED, Floats, Ints, Layer, NetworkFacts, layer_of
from dataflows.cpu_layers import (
    LAYER_NORM_CYCLES,
    LRN_CYCLES,
    SOFTMAX_CYCLES,
    add_copy,
    add_detection,
    add_elementwise,
    add_fused_activation,
    add_matrix_vector,
    add_pooling,
    add_products,
    add_recurrent,
    add_spread,
    scalar_cycles_of,
    vector_cycles_of,
)  # fmt: skip
from dataflows.unit_work import ABSORBED
from hwmodels.costs.cpu import DISPATCH, FORK, CpuParameters
from hwmodels.jit import kernel
from workloads.tables import KIND_CODE, VARIANT_CODE, NestTable, OperatorTable

MATMUL_KIND, RECURRENT, ATTENTION = (KIND_CODE[name] for name in ("matmul", "recurrent", "attention"))
POOLING, REDUCTION, SOFTMAX = (KIND_CODE[name] for name in ("pooling", "reduction", "softmax"))
NORMALIZATION, RESIZE, LAYOUT = (KIND_CODE[name] for name in ("normalization", "resize", "layout"))
EMBEDDING, DETECTION_KIND, FREE, UNMODELLED = (KIND_CODE[n] for n in ("embedding", "detection", "free", "unmodelled"))
PAD, LAYER_NORM, LRN = VARIANT_CODE["pad"], VARIANT_CODE["layer_norm"], VARIANT_CODE["lrn"]
RESHAPE = VARIANT_CODE["reshape"]


@kernel
def cpu_algorithm(operators: OperatorTable, nests: NestTable, i: int, unit: CpuParameters, layer: Layer) -> int:
    """Algorithm of a convolution, depthwise or fully connected operator; -1 for the other kinds."""
    kind = operators.kind[i]
    if kind == DEPTHWISE_KIND:
        return DEPTHWISE_KERNEL
    j = operators.first_nest[i]
    if kind == FULLY_CONNECTED:
        return MATRIX_VECTOR if nests.N[j] * nests.E[j] * nests.G[j] <= layer.copies else -1
    if kind != CONVOLUTION:
        return -1
    if layer.narrow < 1.0:
        return GEMM_1X1 if nests.R[j] * nests.S[j] == 1 else GEMM_IM2COL
    stride = max(nests.stride_h[j], nests.stride_w[j])
    dilation = max(nests.dilation_h[j], nests.dilation_w[j])
    return convolution_algorithm(
        unit, layer.half, layer.int8, int(layer.lanes), nests.G[j], nests.C[j], nests.M[j], nests.E[j], nests.F[j], nests.R[j],
        nests.S[j], stride, dilation,
    )  # fmt: skip


@kernel
def add_weighted(
    operators: OperatorTable, nests: NestTable, i: int, unit: CpuParameters, layer: Layer, amounts: Floats, traffic: Ints
) -> None:
    """Convolutions, depthwise and fully connected layers."""
    j = operators.first_nest[i]
    macs = operators.macs[i] / layer.copies
    algorithm = cpu_algorithm(operators, nests, i, unit, layer)
    if algorithm == MATRIX_VECTOR:
        add_matrix_vector(unit, layer, macs, amounts, traffic)
    elif algorithm == DEPTHWISE_KERNEL:
        area = nests.R[j] * nests.S[j]
        add_depthwise(unit, layer, macs, operators.output_channels[i], area, operators.padded[i], amounts, traffic)
        add_convolution_bytes(unit, layer, layer.threads, amounts)
    elif algorithm < 0:
        add_products(unit, layer, nests, j, operators.nests[i], 0, amounts, traffic)
    else:
        images = (nests.N[j] + layer.copies - 1) // layer.copies
        add_convolution(unit, layer, algorithm, nests, j, images, amounts, traffic)
    outputs = layer.written_bytes / layer.element_bytes
    add_fused_activation(layer, operators.activation[i], outputs, amounts)


@kernel
def add_unweighted(operators: OperatorTable, i: int, unit: CpuParameters, layer: Layer, amounts: Floats, traffic: Ints) -> None:
    """Everything without multiply-accumulates."""
    kind, variant, channels = operators.kind[i], operators.variant[i], operators.output_channels[i]
    if kind in (POOLING, REDUCTION):
        window = float(operators.window[i])
        if kind == REDUCTION:
            window = layer.read_bytes / layer.written_bytes
        add_pooling(unit, layer, channels, window, amounts, traffic)
    elif kind == SOFTMAX:
        add_elementwise(unit, layer, channels, 1.0, 0.0, SOFTMAX_CYCLES, amounts, traffic)
    elif kind == NORMALIZATION:
        vector = LAYER_NORM_CYCLES if variant == LAYER_NORM else 0.0
        scalar = LRN_CYCLES if variant == LRN else 0.0
        add_elementwise(unit, layer, channels, 1.0, vector, scalar, amounts, traffic)
    elif kind == RESIZE:
        add_spread(unit, layer, channels, 4.0, amounts, traffic)
    elif kind == LAYOUT and variant == PAD:
        add_spread(unit, layer, channels, 1.0, amounts, traffic)
    elif kind == DETECTION_KIND:
        add_detection(unit, layer, variant, amounts, traffic)
    elif kind in (LAYOUT, EMBEDDING, UNMODELLED) or kind == FREE and variant == RESHAPE:
        add_copy(unit, layer, variant, amounts, traffic)
    elif kind != FREE:
        vector, scalar = vector_cycles_of(operators, i), scalar_cycles_of(operators, i)
        add_elementwise(unit, layer, channels, 1.0, vector, scalar, amounts, traffic)


@kernel
def cpu_amounts(
    operators: OperatorTable, nests: NestTable, i: int, unit: CpuParameters, network: NetworkFacts, amounts: Floats, traffic: Ints
) -> None:
    """Fill the amounts and the traffic of operator ``i``.

    Parameters
    ----------
    operators, nests
        The network as its runtime runs it (operators fused into others have the kind ``ABSORBED``).
    i : int
        Row of the operator.
    unit : CpuParameters
    network : NetworkFacts
    amounts : float64 array of 20
        Filled, in the order of ``CPU_TERMS``.
    traffic : int64 array, 3 x 2
        Filled: bytes read and written through the core, beyond L2, in DRAM [B].
    """
    amounts[:] = 0.0
    traffic[:] = 0
    kind = operators.kind[i]
    if kind == ABSORBED:
        return
    layer = layer_of(operators, i, unit, network)
    if kind in (CONVOLUTION, DEPTHWISE_KIND, FULLY_CONNECTED):
        add_weighted(operators, nests, i, unit, layer, amounts, traffic)
    elif kind in (MATMUL_KIND, ATTENTION):
        attention = 1 if kind == ATTENTION else 0
        add_products(unit, layer, nests, operators.first_nest[i], operators.nests[i], attention, amounts, traffic)
    elif kind == RECURRENT:
        macs, special = operators.macs[i] / layer.copies, operators.special_operations[i] / layer.copies
        steps = operators.output_pixels[i] / layer.copies
        add_recurrent(unit, layer, macs, max(1.0, steps), special, amounts, traffic)
    else:
        add_unweighted(operators, i, unit, layer, amounts, traffic)
    amounts[DISPATCH] += 1.0
    amounts[FORK] = regions(kind, operators.output_pixels[i], amounts[FORK], layer.threads)
    if layer.copies > 1:
        for k in range(amounts.shape[0]):
            amounts[k] *= layer.copies


@kernel
def regions(kind: int, pixels: int, counted: float, threads: int) -> float:
    """Parallel regions that are paid for: none with one thread, fewer for outputs of one pixel."""
    if threads == 1:
        return 0.0
    if pixels > 1:
        return counted
    if kind in (CONVOLUTION, DEPTHWISE_KIND, POOLING, FULLY_CONNECTED, REDUCTION):
        return min(1.0, counted)
    if kind in (MATMUL_KIND, ATTENTION, RECURRENT):
        return counted
    return 0.3 * counted
