"""Operators of a layer table: from the name in a row, ONNX, TFLite or ncnn, to the ONNX operator with attributes and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from workloads.errors import UnsupportedOperator, nearest
from workloads.graph import Tensor
from workloads.operators import RULES
from workloads.readers import layer_shapes as shapes
from workloads.readers import layer_weights as weighted
from workloads.readers import layer_windows as windows
from workloads.readers.layer import Layer, constant_operand, first, fused
from workloads.readers.layer_rows import Row
from workloads.readers.tflite_operators import TRANSLATIONS

#: ncnn operator -> ONNX operator, or the word its rows are told apart by.
NCNN_NAMES = {
    "absval": "Abs", "argmax": "ArgMax", "batchnorm": "BatchNormalization", "binaryop": "BinaryOp", "bnll": "Softplus",
    "clip": "Clip", "concat": "Concat", "convolution": "Conv", "convolution1d": "Conv", "convolution3d": "Conv",
    "convolutiondepthwise": "Conv", "convolutiondepthwise1d": "Conv", "convolutiondepthwise3d": "Conv", "crop": "Slice",
    "deconvolution": "ConvTranspose", "deconvolution1d": "ConvTranspose", "deconvolutiondepthwise": "ConvTranspose",
    "detectionoutput": "DetectionOutput", "dropout": "Dropout", "eltwise": "BinaryOp", "elu": "Elu", "embed": "Gather",
    "expanddims": "Reshape", "flatten": "Reshape", "gelu": "Gelu", "gemm": "Gemm", "groupnorm": "GroupNormalization",
    "hardsigmoid": "HardSigmoid", "hardswish": "HardSwish", "innerproduct": "Gemm", "instancenorm": "InstanceNormalization",
    "interp": "Resize", "layernorm": "LayerNormalization", "lrn": "LRN", "mish": "Mish",
    "multiheadattention": "MultiHeadAttention", "noop": "Identity", "padding": "Pad", "permute": "Transpose",
    "pixelshuffle": "DepthToSpace", "pooling": "Pooling", "pooling1d": "Pooling", "pooling3d": "Pooling", "power": "Pow",
    "prelu": "PRelu", "priorbox": "PriorBox", "reduction": "Reduction", "relu": "Relu", "reorg": "SpaceToDepth",
    "reshape": "Reshape", "rmsnorm": "RMSNormalization", "rotaryembed": "RotaryEmbedding", "scale": "Scale",
    "sdpa": "Attention", "selu": "Selu", "shufflechannel": "ShuffleChannel", "sigmoid": "Sigmoid", "slice": "Split",
    "softmax": "Softmax", "softplus": "Softplus", "squeeze": "Reshape", "swish": "Swish", "tanh": "Tanh", "unaryop": "UnaryOp",
    "yolodetectionoutput": "YoloDetectionOutput", "yolov3detectionoutput": "Yolov3DetectionOutput",
}  # fmt: skip
#: Operators whose ``act`` says what they do -> its words -> ONNX operator.
NAMED_BY_ACT: Mapping[str, Mapping[str, str]] = {
    "BinaryOp": {
        "": "Add", "add": "Add", "sum": "Add", "sub": "Sub", "mul": "Mul", "prod": "Mul", "div": "Div", "max": "Max", "min": "Min",
        "pow": "Pow",
    },
    "Reduction": {
        "": "ReduceMean", "mean": "ReduceMean", "avg": "ReduceMean", "sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin",
        "prod": "ReduceProd",
    },
    "UnaryOp": {
        "abs": "Abs", "neg": "Neg", "floor": "Floor", "ceil": "Ceil", "sqrt": "Sqrt", "rsqrt": "Rsqrt", "exp": "Exp", "log": "Log",
        "tanh": "Tanh", "square": "Square", "reciprocal": "Reciprocal",
    },
}  # fmt: skip
#: ONNX names, whatever their case.
ONNX_NAMES = {name.lower(): name for name in RULES}


def canonical(row: Row) -> str:
    """ONNX name of a row's operator, or the word it is told apart by (``BinaryOp``, ``Pooling``, ``Scale`` ...).

    ncnn's Slice is ONNX's Split where it has several outputs, ONNX's Slice where it has one.

    Raises
    ------
    UnsupportedOperator
        For a name none of the three knows.
    """
    op = row.op
    if op in TRANSLATIONS:
        return TRANSLATIONS[op].op
    if op.lower() == "slice":
        return "Split" if len(row.out_shapes) > 1 else "Slice"
    found = op if op in RULES else NCNN_NAMES.get(op.lower()) or ONNX_NAMES.get(op.lower())
    if found is None:
        raise UnsupportedOperator(
            f"row {row.line} '{row.name}': op '{op}' is not known; {nearest(op, [*RULES, *TRANSLATIONS, *NCNN_NAMES])}; "
            "add one class in workloads/operators/ and one line in RULES; or --allow-unmodelled"
        )
    return found


def layer_of(row: Row, inputs: Sequence[Tensor]) -> Layer:
    """The operator a row stands for.

    Parameters
    ----------
    row : Row
    inputs : sequence of Tensor
        What it reads, batch first.
    """
    op = canonical(row)
    words = NAMED_BY_ACT.get(op)
    if words is not None:
        if row.act not in words:
            raise row.error(f"act '{row.act}'; one of {', '.join(filter(None, words))} is expected")
        op, row = words[row.act], replace(row, act="")
    return LAYERS.get(op, plain_row)(row, op, inputs)


def plain_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """An operator that needs no attributes; a fused activation, and a constant operand where ``params`` says so."""
    if row.params:
        return Layer(op, fused(row), (constant_operand(row, first(row, inputs).shape, row.params),))
    return Layer(op, fused(row))


LAYERS: dict[str, Callable[[Row, str, Sequence[Tensor]], Layer]] = {
    "ArgMax": shapes.reduce_row,
    "ArgMin": shapes.reduce_row,
    "AssignVariable": shapes.assign_row,
    "Attention": weighted.plain_attention_row,
    "AveragePool": windows.pooling_row,
    "BatchNormalization": weighted.normalization_row,
    "Cast": shapes.cast_row,
    "Concat": shapes.concat_row,
    "Conv": windows.convolution_row,
    "ConvTranspose": windows.convolution_row,
    "Crop": shapes.slice_row,
    "DepthToSpace": shapes.blocks_row,
    "Expand": shapes.expand_row,
    "Flatten": shapes.reshape_row,
    "GRU": weighted.recurrent_row,
    "Gather": weighted.embedding_row,
    "Gemm": weighted.product_row,
    "GlobalAveragePool": windows.pooling_row,
    "GlobalMaxPool": windows.pooling_row,
    "GroupNormalization": weighted.normalization_row,
    "InstanceNormalization": weighted.normalization_row,
    "LRN": weighted.local_response_row,
    "LSTM": weighted.recurrent_row,
    "LayerNormalization": weighted.normalization_row,
    "LogSoftmax": weighted.axis_last_row,
    "MatMul": weighted.matrix_product_row,
    "MaxPool": windows.pooling_row,
    "MultiHeadAttention": weighted.attention_row,
    "PRelu": weighted.parametric_relu_row,
    "Pad": shapes.pad_row,
    "Pooling": windows.pooling_row,
    "RMSNormalization": weighted.normalization_row,
    "RNN": weighted.recurrent_row,
    "Reshape": shapes.reshape_row,
    "Resize": shapes.resize_row,
    "Scale": weighted.scale_row,
    "ShuffleChannel": shapes.shuffle_row,
    "Slice": shapes.slice_row,
    "Softmax": weighted.axis_last_row,
    "SpaceToDepth": shapes.blocks_row,
    "Split": shapes.split_row,
    "Squeeze": shapes.reshape_row,
    "TensorScatter": shapes.cache_row,
    "Tile": shapes.tile_row,
    "TopK": shapes.top_row,
    "Transpose": shapes.transpose_row,
    "Unsqueeze": shapes.reshape_row,
    "Upsample": shapes.resize_row,
    **dict.fromkeys(("Add", "Div", "FloorDiv", "Max", "Min", "Mod", "Mul", "Pow", "SquaredDifference", "Sub"), weighted.binary_row),
    **dict.fromkeys((name for name in RULES if name.startswith("Reduce")), shapes.reduce_row),
}
