"""Amounts of everything on a CPU that is not a convolution: products, pooling, elementwise work, copies, detection heads."""

from __future__ import annotations

import math

from dataflows.cpu_layer import Floats, Ints, Layer, pack_of, share_of_one
from dataflows.cpu_traffic import add_traffic
from hwmodels.costs.cpu import (
    CROSS_CORE,
    DISPATCH,
    ELEMENTWISE,
    FORK,
    GEMM,
    INT8,
    MATMUL,
    SCALAR_SPECIAL,
    VECTOR_SPECIAL,
    CpuParameters,
)  # fmt: skip
from hwmodels.jit import kernel
from workloads.tables import ACTIVATIONS, VARIANT_CODE, NestTable, OperatorTable

#: Vector cycles per element of an activation. Sigmoid, swish and hard-swish are fitted; the other transcendental ones are taken to
#: cost one vector exponential (8), the algebraic ones nothing beyond the bytes.
_VECTOR_CYCLES = {
    "sigmoid": 8.0, "silu": 9.0, "hard_swish": 1.5, "tanh": 8.0, "gelu_tanh": 9.0, "elu": 8.0, "selu": 8.0, "softplus": 8.0,
    "mish": 9.0, "exp": 8.0, "sqrt": 1.0,
}  # fmt: skip
VECTOR_CYCLES = tuple(_VECTOR_CYCLES.get(name, 0.0) for name in ACTIVATIONS)
#: Scalar cycles per element: the error function has no vector kernel.
SCALAR_CYCLES = tuple({"gelu": 25.0, "erf": 25.0}.get(name, 0.0) for name in ACTIVATIONS)
#: Vector cycles of one exponential, and of a layer norm, per element.
EXPONENTIAL_CYCLES, LAYER_NORM_CYCLES = 8.0, 4.0
#: Scalar cycles per element.
SOFTMAX_CYCLES, LRN_CYCLES, TRANSPOSE_CYCLES = 12.0, 15.0, 3.0
DETECTION_CYCLES, PRIOR_CYCLES, ANCHOR_CYCLES = 3.0 + 60.0 / 21.0, 2.0, 3.0
#: Bytes of weights that are read in order and once, in bytes of elementwise work, which reads, computes and writes; chosen on families.
STREAMED_ONCE = 0.3
#: Parallel regions of a grid-output head, which forks inside a loop over boxes; rests on one network.
GRID_REGIONS = 300.0

TRANSPOSE, RESHAPE, SLICE, SHUFFLE = (VARIANT_CODE[name] for name in ("transpose", "reshape", "slice", "shuffle"))
DETECTION, PRIOR, ANCHOR, GRID = (VARIANT_CODE[n] for n in ("detection_output", "prior_box", "anchor_output", "grid_output"))


@kernel
def add_fused_activation(layer: Layer, activation: int, outputs: float, amounts: Floats) -> None:
    """A transcendental activation in the epilogue of a convolution: 8 vector cycles per output; cheap ones are free there."""
    if VECTOR_CYCLES[activation] >= EXPONENTIAL_CYCLES:
        amounts[VECTOR_SPECIAL] += EXPONENTIAL_CYCLES * outputs / layer.lanes / layer.threads


@kernel
def add_matrix_vector(unit: CpuParameters, layer: Layer, macs: float, amounts: Floats, traffic: Ints) -> None:
    """A fully connected layer of one row: two operations per cycle and weight load, weights streamed through the core.

    What no cache holds of the weights is charged to DRAM besides, so that a larger cache takes work away and adds none.
    """
    work = 4.0 * macs / layer.threads
    if layer.int8:
        amounts[INT8] += work * layer.narrow
    else:
        amounts[GEMM] += work / layer.rate
    amounts[ELEMENTWISE] += STREAMED_ONCE * layer.weight_bytes / layer.threads
    amounts[FORK] += 1.0
    add_traffic(unit, layer, layer.weight_bytes, 0.0, 0.0, 0.0, amounts, traffic)


@kernel
def add_products(
    unit: CpuParameters, layer: Layer, nests: NestTable, first: int, count: int, attention: int, amounts: Floats, traffic: Ints
) -> None:  # fmt: skip
    """Gemm, batched products and attention: fp32 arithmetic, rows in eights over the threads, heads over the threads.

    An attention layer adds a softmax of 12 vector cycles per score, eight more dispatches and five more regions.
    """
    p = layer.threads
    scores = 0.0
    for j in range(first, first + count):
        images = nests.N[j] / layer.copies
        macs = images * nests.G[j] * nests.M[j] * nests.C[j] * nests.E[j] * nests.F[j] * nests.R[j] * nests.S[j]
        rows = max(1.0, images * nests.E[j])
        parallel = math.ceil(rows / 8.0)
        if not nests.constant_weights[j]:
            parallel = max(1, nests.G[j] // layer.copies)
            if scores == 0.0:
                scores = images * nests.G[j] * nests.E[j] * nests.M[j]
        amounts[MATMUL] += 2.0 * macs * share_of_one(parallel, p)
    if p > 1:
        amounts[CROSS_CORE] += (1.0 - 1.0 / p) * (layer.weight_bytes + layer.read_bytes + layer.written_bytes)
    amounts[FORK] += 8.0 if attention else 3.0
    if attention:
        amounts[VECTOR_SPECIAL] += SOFTMAX_CYCLES * scores / layer.lanes / p
        amounts[DISPATCH] += 8.0
    add_traffic(unit, layer, layer.weight_bytes, 0.0, 0.0, 0.0, amounts, traffic)


@kernel
def add_recurrent(
    unit: CpuParameters, layer: Layer, macs: float, steps: float, special: float, amounts: Floats, traffic: Ints
) -> None:  # fmt: skip
    """LSTM, GRU, RNN: a matrix-vector product and one region per time step, one vector exponential per gate value.

    Assumed by analogy with fully connected layers; weights that fit into a cache come from DRAM in no step.
    """
    p = layer.threads
    amounts[GEMM] += 4.0 * macs / p / layer.rate
    amounts[ELEMENTWISE] += STREAMED_ONCE * layer.weight_bytes * steps / p
    amounts[VECTOR_SPECIAL] += EXPONENTIAL_CYCLES * special / layer.lanes / p
    amounts[FORK] += steps
    add_traffic(unit, layer, layer.weight_bytes * steps, 0.0, 0.0, 0.0, amounts, traffic)


@kernel
def add_pooling(unit: CpuParameters, layer: Layer, channels: int, window: float, amounts: Floats, traffic: Ints) -> None:
    """Pooling: each output reads min(window, 4 in/out) inputs, three times slower on unpacked channels."""
    pack = pack_of(channels, layer.lanes)
    ratio = 4.0 * layer.read_bytes / layer.written_bytes
    reads = layer.written_bytes * min(window, ratio) * (3.0 if pack == 1 else 1.0)
    amounts[ELEMENTWISE] += (reads + layer.written_bytes) * share_of_one(channels / pack, layer.threads)
    amounts[FORK] += 1.0
    add_traffic(unit, layer, 0.0, 0.0, 0.0, 0.0, amounts, traffic)


@kernel
def add_elementwise(
    unit: CpuParameters, layer: Layer, channels: int, passes: float, vector_cycles: float, scalar_cycles: float, amounts: Floats,
    traffic: Ints,
) -> None:  # fmt: skip
    """Layers that read and write every element: ``passes`` times the activation bytes, doubled on unpacked channels.

    ``passes`` of 0 stands for padding and resizing, whose bytes the caller adds.
    """
    pack = pack_of(channels, layer.lanes)
    share = share_of_one(channels / pack, layer.threads)
    moved = layer.read_bytes + layer.written_bytes
    elements = layer.written_bytes / layer.element_bytes
    amounts[ELEMENTWISE] += passes * moved * (2.0 if pack == 1 else 1.0) * share
    amounts[VECTOR_SPECIAL] += vector_cycles * elements / layer.lanes * share
    amounts[SCALAR_SPECIAL] += scalar_cycles * elements * share
    amounts[FORK] += 1.0
    add_traffic(unit, layer, 0.0, 0.0, 0.0, 0.0, amounts, traffic)


@kernel
def add_spread(unit: CpuParameters, layer: Layer, channels: int, passes: float, amounts: Floats, traffic: Ints) -> None:
    """Padding (1 pass) and resizing (4 passes) over all threads."""
    share = share_of_one(channels / pack_of(channels, layer.lanes), layer.threads)
    amounts[ELEMENTWISE] += passes * (layer.read_bytes + layer.written_bytes) * share
    amounts[FORK] += 1.0
    add_traffic(unit, layer, 0.0, 0.0, 0.0, 0.0, amounts, traffic)


@kernel
def add_copy(unit: CpuParameters, layer: Layer, variant: int, amounts: Floats, traffic: Ints) -> None:
    """Concatenate, slice, shuffle, permute, reshape, gather: one thread moves the bytes."""
    moved = layer.read_bytes + layer.written_bytes
    if variant == TRANSPOSE:
        amounts[ELEMENTWISE] += 0.5 * moved
        amounts[SCALAR_SPECIAL] += TRANSPOSE_CYCLES * layer.written_bytes / layer.element_bytes
    elif variant == RESHAPE:
        amounts[ELEMENTWISE] += 4.0 * layer.written_bytes
    elif variant == SLICE:
        amounts[ELEMENTWISE] += moved
    elif variant == SHUFFLE:
        amounts[ELEMENTWISE] += 3.0 * moved
    else:
        amounts[ELEMENTWISE] += 2.0 * moved
    add_traffic(unit, layer, 0.0, 0.0, 0.0, 0.0, amounts, traffic)


@kernel
def add_detection(unit: CpuParameters, layer: Layer, variant: int, amounts: Floats, traffic: Ints) -> None:
    """Detection heads: scalar cycles per confidence value, prior or anchor value."""
    inputs = layer.read_bytes / layer.element_bytes
    if variant == PRIOR:
        amounts[SCALAR_SPECIAL] += PRIOR_CYCLES * layer.written_bytes / layer.element_bytes
    elif variant in (ANCHOR, GRID):
        amounts[SCALAR_SPECIAL] += ANCHOR_CYCLES * inputs
    else:
        amounts[SCALAR_SPECIAL] += DETECTION_CYCLES * inputs
    if variant == GRID:
        amounts[FORK] += GRID_REGIONS
    add_traffic(unit, layer, 0.0, 0.0, 0.0, 0.0, amounts, traffic)


@kernel
def vector_cycles_of(operators: OperatorTable, i: int) -> float:
    """Vector cycles per element of an activation operator."""
    return VECTOR_CYCLES[operators.activation[i]]


@kernel
def scalar_cycles_of(operators: OperatorTable, i: int) -> float:
    """Scalar cycles per element of an activation operator."""
    return SCALAR_CYCLES[operators.activation[i]]
