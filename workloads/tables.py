"""A Graph as columns: OperatorTable, NestTable, TensorTable.

One row per operator, per multiply-accumulate nest, per tensor. Compiled loops read these and nothing else of a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workloads.dtypes import bits
from workloads.graph import Graph, Operator, Tensor
from workloads.operators.rule import KINDS, OperatorRule

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
)  # fmt: skip
ACTIVATION_CODE = {name: code for code, name in enumerate(ACTIVATIONS)}

#: ONNX operator name of an activation operator -> its name in ACTIVATIONS.
ACTIVATION_OF_OPERATOR = {
    "Relu": "relu", "Clip": "clip", "LeakyRelu": "leaky_relu", "PRelu": "prelu", "Sigmoid": "sigmoid", "Tanh": "tanh",
    "HardSigmoid": "hard_sigmoid", "HardSwish": "hard_swish", "Swish": "silu", "Gelu": "gelu", "Elu": "elu", "Selu": "selu",
    "Softplus": "softplus", "Mish": "mish", "Exp": "exp", "Erf": "erf", "Sqrt": "sqrt",
}  # fmt: skip


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
    >>> graph_tables(build("lenet5")).operators.macs.sum() > 0
    True
    """
    from workloads.operators import rule_of  # noqa: PLC0415 - the registry imports every rule, rules import this module's codes

    operator_rows: list[tuple[Any, ...]] = []
    nest_rows: list[tuple[int, ...]] = []
    for i, operator in enumerate(graph.operators):
        inputs, outputs = graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)
        rule = rule_of(operator)
        first = len(nest_rows)
        nest_rows.extend(_nest_row(i, operator, nest) for nest in rule.loop_nests(operator, inputs, outputs))
        variant = VARIANT_CODE[VARIANT_OF_OPERATOR.get(operator.op, "plain")]
        operator_rows.append((*_operator_row(operator, rule, inputs, outputs), first, len(nest_rows) - first, variant))
    return GraphTables(
        OperatorTable(*_columns(operator_rows, OperatorTable)),
        NestTable(*_columns(nest_rows, NestTable)),
        tensor_table(graph),
    )


def tensor_table(graph: Graph) -> TensorTable:
    """Sizes and life spans of the activation tensors in the graph's own order."""
    rows = []
    for tensor in graph.tensors.values():
        if tensor.role == "weight":
            continue
        readers = graph.consumers[tensor.name]
        first = graph.producer.get(tensor.name, -1)
        last = len(graph.operators) if tensor.role == "output" else max(readers, default=first)
        rows.append((tensor.bytes, first, last))
    return TensorTable(*_columns(rows, TensorTable))


def _columns(rows: list[tuple[Any, ...]], table: Any) -> list[Any]:
    width = len(table._fields)
    floats = {"activation_bits", "weight_bits"}
    return [np.array([row[k] for row in rows], dtype=np.float64 if table._fields[k] in floats else np.int64) for k in range(width)]


def _operator_row(operator: Operator, rule: OperatorRule, inputs: Any, outputs: Any) -> tuple[Any, ...]:
    work = rule.work(operator, inputs, outputs)
    activations = _distinct([t for t in inputs if t is not None and t.role != "weight"])
    constants = _distinct([t for t in inputs if t is not None and t.role == "weight"])
    weights = [t for t in constants if sum(size > 1 for size in t.shape) > 1]
    vectors = [t for t in constants if sum(size > 1 for size in t.shape) <= 1]
    written = [t for t in outputs if t is not None]
    result = written[0] if written else None
    channels = output_channels(operator, result)
    batch = result.shape[0] if result is not None and len(result.shape) > 1 else 1
    activation = operator.attribute("activation") or ACTIVATION_OF_OPERATOR.get(operator.op, "none")
    leading = activations[0] if activations else result
    leading_weight = weights[0] if weights else leading
    return (
        KIND_CODE[rule.kind(operator, inputs, outputs)],
        ACTIVATION_CODE[activation],
        work.macs,
        work.element_operations,
        work.special_operations,
        sum(t.elements for t in activations),
        sum(t.elements for t in written),
        sum(t.elements for t in weights),
        sum(t.elements for t in vectors),
        work.activation_bytes_read,
        work.bytes_written,
        work.weight_bytes_read,
        _bits(leading),
        _bits(leading_weight),
        channels,
        max(1, (result.elements if result is not None else 1) // max(1, batch * channels)),
        int(operator.attribute("window", 1)),
        len(activations),
        int(any(operator.attribute("pads", ()) or ())),
    )


def output_channels(operator: Operator, result: Tensor | None) -> int:
    """Channels of an output: axis 1, or the last axis for NHWC tensors and for matrices."""
    if result is None or not result.shape:
        return 1
    if operator.attribute("layout") == "NHWC" or len(result.shape) <= 3 and operator.op in ("MatMul", "Gemm", "Softmax"):
        return max(1, result.shape[-1])
    return max(1, result.shape[1]) if len(result.shape) > 1 else max(1, result.shape[0])


def _nest_row(index: int, operator: Operator, nest: Any) -> tuple[int, ...]:
    window = nest.index("inputs").axes
    steps = dict(pair for axis in window for pair in axis)
    return (
        index, nest.extent("N"), nest.extent("G"), nest.extent("M"), nest.extent("C") * nest.extent("T"),
        nest.extent("E") * nest.extent("D"), nest.extent("F"), nest.extent("R"), nest.extent("S"),
        steps.get("E", 1), steps.get("F", 1), steps.get("R", 1), steps.get("S", 1), int(nest.weights_are_constant),
    )  # fmt: skip


def _distinct(tensors: list[Tensor]) -> list[Tensor]:
    return list({t.name: t for t in tensors}.values())


def _bits(tensor: Tensor | None) -> float:
    return bits(tensor.dtype) if tensor is not None else 32.0
