"""A Graph as columns: OperatorTable, NestTable, TensorTable.

One row per operator, per multiply-accumulate nest, per tensor. Compiled loops read these and nothing else of a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workloads.dtypes import bits
from workloads.graph import Graph, Operator, Tensor
from workloads.loopnest import LoopNest
from workloads.operators import rule_of
from workloads.operators.activations import activation_name
from workloads.operators.family import ACTIVATION_OF_OPERATOR
from workloads.operators.rule import KINDS, Operands, OperatorRule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
else:
    Ints = Floats = Any

KIND_CODE = {kind: code for code, kind in enumerate(KINDS)}

#: Activations fused into an operator (attribute ``activation``), in the order of their codes.
ACTIVATIONS = (
    "none", "relu", "relu6", "clip", "leaky_relu", "prelu", "sigmoid", "tanh", "hard_sigmoid",
    "hard_swish", "silu", "gelu", "gelu_tanh", "elu", "selu", "softplus", "mish", "exp", "erf", "sqrt",
    "celu", "softsign", "thresholded_relu",
)  # fmt: skip
ACTIVATION_CODE = {name: code for code, name in enumerate(ACTIVATIONS)}

#: Operators of one kind that hardware treats apart, in the order of their codes.
VARIANTS = (
    "plain", "transposed", "concat", "slice", "shuffle", "copy", "pad", "transpose", "reshape", "batch_norm", "layer_norm", "lrn",
    "detection_output", "prior_box", "anchor_output", "grid_output",
)  # fmt: skip
VARIANT_CODE = {name: code for code, name in enumerate(VARIANTS)}

#: ONNX (or engine) operator name -> its name in VARIANTS; absent means plain.
VARIANT_OF_OPERATOR = {
    "ConvTranspose": "transposed", "Concat": "concat", "Split": "slice", "Slice": "slice", "Gather": "slice", "Crop": "slice",
    "ChannelShuffle": "shuffle", "ShuffleChannel": "shuffle", "DepthToSpace": "shuffle", "SpaceToDepth": "shuffle",
    "Expand": "copy", "Tile": "copy", "Pad": "pad", "Transpose": "transpose", "Reshape": "reshape", "Flatten": "reshape",
    "Squeeze": "reshape", "Unsqueeze": "reshape", "BatchNormalization": "batch_norm", "LayerNormalization": "layer_norm",
    "SkipLayerNormalization": "layer_norm", "RMSNormalization": "layer_norm", "SimplifiedLayerNormalization": "layer_norm",
    "GroupNormalization": "layer_norm", "InstanceNormalization": "layer_norm", "LRN": "lrn",
    "DetectionOutput": "detection_output", "NonMaxSuppression": "detection_output",
    "TFLite_Detection_PostProcess": "detection_output", "PriorBox": "prior_box", "Yolov3DetectionOutput": "anchor_output",
    "TopK": "anchor_output", "YoloDetectionOutput": "grid_output",
}  # fmt: skip

#: Operators whose result holds channels on its last axis, however many axes it has.
CHANNELS_LAST = frozenset((
    "Attention", "Einsum", "FusedMatMul", "Gemm", "LayerNormalization", "LogSoftmax", "MatMul", "MatMulInteger",
    "MultiHeadAttention", "QGemm", "QLinearMatMul", "RMSNormalization", "SimplifiedLayerNormalization",
    "SkipLayerNormalization", "Softmax",
))  # fmt: skip

#: Operators whose result holds channels on axis 1 even where it has three axes: 1-D convolutions and what goes with them.
CHANNELS_FIRST = frozenset((
    "AveragePool", "BatchNormalization", "Conv", "ConvInteger", "ConvTranspose", "FusedConv", "GlobalAveragePool",
    "GlobalLpPool", "GlobalMaxPool", "GroupNormalization", "InstanceNormalization", "LRN", "LpPool", "MaxPool", "QLinearConv",
    "Resize", "Upsample",
))  # fmt: skip


class OperatorTable(NamedTuple):
    """One row per operator, in graph order."""

    kind: Ints  # index into rule.KINDS
    activation: Ints  # index into ACTIVATIONS: fused activation, or the function of an activation operator
    macs: Ints  # multiply-accumulates
    element_operations: Ints  # simple operations
    special_operations: Ints  # exp, erf, division, ...
    input_elements: Ints  # activation elements read, each operand once
    output_elements: Ints  # elements written
    weight_elements: Ints  # constant elements read, biases and other vectors not included
    vector_elements: Ints  # bias, scale and other per-channel constants read
    input_bytes: Ints  # activation bytes read [B]
    output_bytes: Ints  # bytes written [B]
    weight_bytes: Ints  # constant bytes read, vectors included [B]
    activation_bits: Floats  # stored bits of one activation element (first activation operand, else output)
    weight_bits: Floats  # stored bits of one weight element; activation_bits where there is none
    output_channels: Ints  # channels of the first output (last axis of NHWC and of products, axis 1 of NCHW)
    output_pixels: Ints  # output elements / (batch * channels)
    window: Ints  # pooled elements per output element; 1 elsewhere
    activation_inputs: Ints  # number of activation operands
    padded: Ints  # 1 where the operator pads
    first_nest: Ints  # first row in NestTable
    nests: Ints  # number of rows there
    variant: Ints  # index into VARIANTS


class NestTable(NamedTuple):
    """One row per multiply-accumulate nest; 3-D convolutions have depth folded into E, filter depth into C."""

    operator: Ints  # row in OperatorTable
    N: Ints  # batch
    G: Ints  # groups
    M: Ints  # output channels per group
    C: Ints  # input channels per group
    E: Ints  # output height (rows of a product)
    F: Ints  # output width
    R: Ints  # filter height
    S: Ints  # filter width
    stride_h: Ints
    stride_w: Ints
    dilation_h: Ints
    dilation_w: Ints
    constant_weights: Ints  # 1 where the second operand is a constant


class TensorTable(NamedTuple):
    """One row per activation tensor (inputs and outputs of the network included), in order of first appearance."""

    bytes: Ints  # stored size [B]
    first: Ints  # operator that writes it; -1 for network inputs
    last: Ints  # last operator that reads it; len(operators) for network outputs


class GraphTables(NamedTuple):
    """The three tables of one graph."""

    operators: OperatorTable
    nests: NestTable
    tensors: TensorTable


def graph_tables(graph: Graph) -> GraphTables:
    """Columns of a graph; one pass over its operators.

    >>> from workloads.networks import build
    >>> len(graph_tables(build("lenet5")).operators.macs)
    12
    """
    operator_rows: list[tuple[Any, ...]] = []
    nest_rows: list[tuple[int, ...]] = []
    tensors = graph.tensors
    for i, operator in enumerate(graph.operators):
        inputs = [tensors[name] if name else None for name in operator.inputs]
        outputs = [tensors[name] if name else None for name in operator.outputs]
        rule = rule_of(operator)
        nests = rule.loop_nests(operator, inputs, outputs)
        operator_rows.append(
            (*_operator_row(operator, rule, nests, inputs, outputs), len(nest_rows), len(nests), _variant(operator))
        )
        nest_rows.extend(_nest_row(i, nest) for nest in nests)
    return GraphTables(
        OperatorTable(*_columns(operator_rows, OperatorTable)),
        NestTable(*_columns(nest_rows, NestTable)),
        tensor_table(graph),
    )


def tensor_table(graph: Graph) -> TensorTable:
    """Sizes and life spans of the activation tensors in the graph's own order."""
    rows = []
    consumers, producer, end = graph.consumers, graph.producer, len(graph.operators)
    for tensor in graph.tensors.values():
        if tensor.role == "weight":
            continue
        readers = consumers[tensor.name]
        first = producer.get(tensor.name, -1)
        last = end if tensor.role == "output" else readers[-1] if readers else first
        rows.append((tensor.bytes, first, last))
    return TensorTable(*_columns(rows, TensorTable))


def output_channels(operator: Operator, result: Tensor | None) -> int:
    """Channels of an output: axis 1 of NCHW, else the last axis (NHWC, matrices, tokens x features).

    Outputs of products, softmaxes and layer norms always have their channels last; other tensors of three axes only where the
    operator has no window and no per-channel meaning, as token tensors have.
    """
    if result is None or not result.shape:
        return 1
    rank = len(result.shape)
    last = (
        operator.attributes.get("layout") == "NHWC"
        or operator.op in CHANNELS_LAST
        or (rank <= 3 and operator.op not in CHANNELS_FIRST)
    )
    return max(1, result.shape[-1] if last or rank == 1 else result.shape[1])


def _columns(rows: list[tuple[Any, ...]], table: Any) -> list[Any]:
    columns = list(zip(*rows, strict=True)) or [()] * len(table._fields)
    return [np.array(column, dtype=_COLUMN_TYPE.get(name, np.int64)) for name, column in zip(table._fields, columns, strict=True)]


_COLUMN_TYPE = {"activation_bits": np.float64, "weight_bits": np.float64}


def _operator_row(
    operator: Operator, rule: OperatorRule, nests: tuple[LoopNest, ...], inputs: Operands, outputs: Operands
) -> tuple[Any, ...]:
    work, kind = rule.work(operator, inputs, outputs), rule.kind(operator, inputs, outputs)
    activations, weights, vectors = operands_by_part(nests, inputs)
    written = [tensor for tensor in outputs if tensor is not None]
    result = written[0] if written else None
    channels = output_channels(operator, result)
    batch = result.shape[0] if result is not None and len(result.shape) > 1 else 1
    leading = activations[0] if activations else result
    output_elements = sum(tensor.elements for tensor in written)
    weight_elements = sum(tensor.elements for tensor in weights)
    return (
        KIND_CODE[kind],
        _activation(operator),
        work.macs,
        work.element_operations,
        work.special_operations,
        sum(tensor.elements for tensor in activations),
        output_elements,
        min(weight_elements, output_elements) if kind == "embedding" else weight_elements,
        sum(tensor.elements for tensor in vectors),
        work.activation_bytes_read,
        work.bytes_written,
        work.weight_bytes_read,
        _bits(leading),
        _bits(weights[0] if weights else leading),
        channels,
        max(1, (result.elements if result is not None else 1) // max(1, batch * channels)),
        rule.window(operator, inputs, outputs),
        len(activations),
        int(any(operator.attributes.get("pads") or ())),
    )


def operands_by_part(nests: tuple[LoopNest, ...], inputs: Operands) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Distinct operands as activations, weights and vectors.

    A constant is a weight where a nest multiplies by it or it has two axes longer than 1, else a vector: a bias, a scale, a shape.
    """
    multiplied = {nest.index("weights").tensor for nest in nests if nest.weights_are_constant}
    activations, weights, vectors = [], [], []
    for tensor in {tensor.name: tensor for tensor in inputs if tensor is not None}.values():
        if tensor.role != "weight":
            activations.append(tensor)
        elif tensor.name in multiplied or sum(size > 1 for size in tensor.shape) > 1:
            weights.append(tensor)
        else:
            vectors.append(tensor)
    return activations, weights, vectors


def _activation(operator: Operator) -> int:
    fused = operator.attributes.get("activation")
    return ACTIVATION_CODE[ACTIVATION_OF_OPERATOR.get(fused, fused) if fused else activation_name(operator)]


def _variant(operator: Operator) -> int:
    return VARIANT_CODE[VARIANT_OF_OPERATOR.get(operator.op, "plain")]


def _nest_row(index: int, nest: LoopNest) -> tuple[int, ...]:
    bound = dict(nest.extents).get
    step = {loop: coefficient for axis in nest.index("inputs").axes for loop, coefficient in axis}.get
    return (
        index, bound("N", 1), bound("G", 1), bound("M", 1), bound("C", 1) * bound("T", 1), bound("E", 1) * bound("D", 1),
        bound("F", 1), bound("R", 1), bound("S", 1), step("E", 1), step("F", 1), step("R", 1), step("S", 1),
        int(nest.weights_are_constant),
    )  # fmt: skip


def _bits(tensor: Tensor | None) -> float:
    return bits(tensor.dtype) if tensor is not None else 32.0
