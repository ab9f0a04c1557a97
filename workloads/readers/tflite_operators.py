"""TFLite builtin operator -> ONNX operator: name, attributes and the order of operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from workloads.readers import tflite_attributes as at
from workloads.readers.tflite_model import Call


class Translation(NamedTuple):
    """How one builtin operator is read.

    ``operands`` gives the positions taken from the call, in ONNX order; None takes all. Operands that only say what the attributes
    say already stay, where ONNX has them at the same place.
    """

    op: str
    attributes: Callable[[Call], dict[str, Any]] = at.plain
    operands: tuple[int, ...] | None = None


def post_process(call: Call) -> dict[str, Any]:
    """TFLite_Detection_PostProcess: the number of boxes kept is that of the declared outputs."""
    shape = call.outputs[0].shape
    return {"max_detections": shape[1] if len(shape) > 1 else 10, "max_classes_per_detection": 1}


TRANSLATIONS: dict[str, Translation] = {
    "ABS": Translation("Abs"),
    "ADD": Translation("Add", at.fused),
    "ADD_N": Translation("Sum"),
    "ARG_MAX": Translation("ArgMax", at.argument, (0,)),
    "ARG_MIN": Translation("ArgMin", at.argument, (0,)),
    "AVERAGE_POOL_2D": Translation("AveragePool", at.pool),
    "BATCH_MATMUL": Translation("MatMul", at.batched_product),
    "BROADCAST_TO": Translation("Expand", at.shape_of_output),
    "CAST": Translation("Cast", lambda call: {"to": call.outputs[0].dtype}),
    "CEIL": Translation("Ceil"),
    "CONCATENATION": Translation("Concat", at.axis_option),
    "CONV_2D": Translation("Conv", at.convolution),
    "CONV_3D": Translation("Conv", at.convolution_3d),
    "COS": Translation("Cos"),
    "CUMSUM": Translation("CumSum", at.cumulative),
    "DEPTHWISE_CONV_2D": Translation("Conv", at.depthwise),
    "DEPTH_TO_SPACE": Translation("DepthToSpace", at.block),
    "DEQUANTIZE": Translation("DequantizeLinear"),
    "DIV": Translation("Div", at.fused),
    "ELU": Translation("Elu"),
    "EMBEDDING_LOOKUP": Translation("Gather", at.constant(axis=0), (1, 0)),
    "EQUAL": Translation("Equal"),
    "EXP": Translation("Exp"),
    "EXPAND_DIMS": Translation("Unsqueeze", at.unsqueeze),
    "FILL": Translation("Expand", lambda call: {"shape": call.outputs[0].shape}, (1,)),
    "FLOOR": Translation("Floor"),
    "FLOOR_DIV": Translation("FloorDiv"),
    "FLOOR_MOD": Translation("Mod"),
    "FULLY_CONNECTED": Translation("Gemm", at.product),
    "GATHER": Translation("Gather", at.gather),
    "GATHER_ND": Translation("GatherND", at.constant(batch_dims=0)),
    "GELU": Translation("Gelu", lambda call: {"approximate": "tanh" if call.options and call.options.Approximate() else "none"}),
    "GREATER": Translation("Greater"),
    "GREATER_EQUAL": Translation("GreaterOrEqual"),
    "HARD_SWISH": Translation("HardSwish"),
    "L2_NORMALIZATION": Translation("LpNormalization", at.constant(axis=-1, p=2)),
    "L2_POOL_2D": Translation("LpPool", at.pool),
    "LEAKY_RELU": Translation("LeakyRelu"),
    "LESS": Translation("Less"),
    "LESS_EQUAL": Translation("LessOrEqual"),
    "LOCAL_RESPONSE_NORMALIZATION": Translation("LRN", lambda call: {"size": 2 * call.options.Radius() + 1 if call.options else 1}),
    "LOG": Translation("Log"),
    "LOGICAL_AND": Translation("And"),
    "LOGICAL_NOT": Translation("Not"),
    "LOGICAL_OR": Translation("Or"),
    "LOGISTIC": Translation("Sigmoid"),
    "LOG_SOFTMAX": Translation("LogSoftmax", at.constant(axis=-1)),
    "MAXIMUM": Translation("Max"),
    "MAX_POOL_2D": Translation("MaxPool", at.pool),
    "MEAN": Translation("ReduceMean", at.reduction),
    "MINIMUM": Translation("Min"),
    "MIRROR_PAD": Translation("Pad", at.padding),
    "MUL": Translation("Mul", at.fused),
    "NEG": Translation("Neg"),
    "NOT_EQUAL": Translation("NotEqual"),
    "ONE_HOT": Translation("OneHot", at.one_hot, (0, 1, 2)),
    "PACK": Translation("Pack", at.axis_option),
    "PAD": Translation("Pad", at.padding),
    "PADV2": Translation("Pad", at.padding),
    "POW": Translation("Pow"),
    "PRELU": Translation("PRelu"),
    "QUANTIZE": Translation("QuantizeLinear"),
    "RANGE": Translation("Range"),
    "REDUCE_ALL": Translation("ReduceAll", at.reduction),
    "REDUCE_ANY": Translation("ReduceAny", at.reduction),
    "REDUCE_MAX": Translation("ReduceMax", at.reduction),
    "REDUCE_MIN": Translation("ReduceMin", at.reduction),
    "REDUCE_PROD": Translation("ReduceProd", at.reduction),
    "RELU": Translation("Relu"),
    "RELU6": Translation("Clip", at.constant(min=0.0, max=6.0)),
    "RELU_0_TO_1": Translation("Clip", at.constant(min=0.0, max=1.0)),
    "RELU_N1_TO_1": Translation("Clip", at.constant(min=-1.0, max=1.0)),
    "RESHAPE": Translation("Reshape", at.shape_of_output),
    "RESIZE_BILINEAR": Translation("Resize", at.resize, (0,)),
    "RESIZE_NEAREST_NEIGHBOR": Translation("Resize", at.resize, (0,)),
    "REVERSE_SEQUENCE": Translation("ReverseSequence"),
    "REVERSE_V2": Translation("Reverse"),
    "ROUND": Translation("Round"),
    "RSQRT": Translation("Rsqrt"),
    "SCATTER_ND": Translation("ScatterND"),
    "SELECT": Translation("Where"),
    "SELECT_V2": Translation("Where"),
    "SHAPE": Translation("Shape"),
    "SIGN": Translation("Sign"),
    "SIN": Translation("Sin"),
    "SLICE": Translation("Slice", at.slice_of, (0,)),
    "SOFTMAX": Translation("Softmax", at.constant(axis=-1)),
    "SPACE_TO_DEPTH": Translation("SpaceToDepth", at.block),
    "SPLIT": Translation("Split", lambda call: {"axis": (call.numbers(0) or (0,))[0]}, (1,)),
    "SPLIT_V": Translation("Split", lambda call: {"axis": (call.numbers(2) or (0,))[0]}, (0, 1)),
    "SQRT": Translation("Sqrt"),
    "SQUARE": Translation("Square"),
    "SQUARED_DIFFERENCE": Translation("SquaredDifference"),
    "SQUEEZE": Translation("Squeeze", at.squeeze),
    "STRIDED_SLICE": Translation("Slice", at.strided_slice, (0,)),
    "SUB": Translation("Sub", at.fused),
    "SUM": Translation("ReduceSum", at.reduction),
    "TANH": Translation("Tanh"),
    "TFLite_Detection_PostProcess": Translation("TFLite_Detection_PostProcess", post_process),
    "TILE": Translation("Tile"),
    "TOPK_V2": Translation("TopK", at.constant(axis=-1)),
    "TRANSPOSE": Translation("Transpose", at.transpose),
    "TRANSPOSE_CONV": Translation("ConvTranspose", at.transposed_convolution, (2, 1, 3)),
    "UNIQUE": Translation("Unique"),
    "UNPACK": Translation("Unpack", at.axis_option),
    "WHERE": Translation("NonZero"),
}

#: Builtins whose constants stay as they are stored: the operator behind them reads them so.
STORED_AS_IS = frozenset({"DENSIFY", "DEQUANTIZE"})
