"""One rule per operator: what it puts out, which loops it runs, how much work that is.

A new operator is one class here, in the file of its family, one line in :data:`RULES`, and a hand-worked case in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping

from workloads.errors import UnsupportedOperator, nearest
from workloads.graph import Operator, Tensor
from workloads.operators.activations import Activation, BiasedActivation, ParametricRelu, QuantizedActivation
from workloads.operators.attention import AttentionByForm, ScaledDotProduct
from workloads.operators.attention_layers import GroupedQueryAttention, PackedAttention, ProjectedAttention, UnprojectedHeads
from workloads.operators.convolution import (
    Convolution,
    ConvolutionInteger,
    DeformableConvolution,
    FusedConvolution,
    QuantizedConvolution,
    TransposedConvolution,
)
from workloads.operators.detection import DetectionOutput, DetectionPostProcess, NonMaxSuppression, PriorBox, TopK
from workloads.operators.einsum import Einsum
from workloads.operators.elementwise import Cast, Elementwise, Triangle, Variadic
from workloads.operators.free import Assemble, CacheWrite, Constant, Flatten, Identity, Reshape, ShapeOf, Squeeze, Unsqueeze, Window
from workloads.operators.indexing import (
    Compress,
    EmbeddedNormalization,
    Gather,
    GatherElements,
    GatherND,
    NonZero,
    OneHot,
    Scatter,
    Unique,
)
from workloads.operators.layout import (
    CenterCropPad,
    Concat,
    Expand,
    Filled,
    Pad,
    QuantizedConcat,
    Range,
    Rearrange,
    ReverseSequence,
    ShuffleChannel,
    Slice,
    Split,
    Stack,
    Tile,
    Transpose,
    Unstack,
    Variable,
)
from workloads.operators.matmul import (
    GeneralProduct,
    IntegerMatrixProduct,
    MatrixProduct,
    QuantizedGeneralProduct,
    QuantizedMatrixProduct,
)
from workloads.operators.normalization import (
    BatchNormalization,
    GroupedNormalization,
    LayerNormalization,
    LocalResponseNormalization,
    LpNormalization,
    MeanVarianceNormalization,
    RootMeanSquareNormalization,
    SkipNormalization,
)
from workloads.operators.pooling import GlobalPool, MaxUnpool, Pool
from workloads.operators.quantization import Dequantize, DynamicQuantize, Quantize
from workloads.operators.recurrent import GRU, LSTM, RNN
from workloads.operators.reduction import ArgumentOfExtreme, QuantizedReduce, Reduce, RunningSum
from workloads.operators.resize import BlockRearrangement, ColumnsToImage, GridSample, Resize, RoiAlign
from workloads.operators.rotary import RotaryEmbedding
from workloads.operators.rule import OperatorRule
from workloads.operators.softmax import Hardmax, LogSoftmax, Softmax
from workloads.operators.unmodelled import Unmodelled

#: ONNX operator name -> rule.
RULES: dict[str, OperatorRule] = {
    "Abs": Elementwise(),
    "Acos": Elementwise(0, 1),
    "Acosh": Elementwise(0, 1),
    "Add": Elementwise(),
    "And": Elementwise(dtype="bool"),
    "ArgMax": ArgumentOfExtreme(),
    "ArgMin": ArgumentOfExtreme(),
    "Asin": Elementwise(0, 1),
    "Asinh": Elementwise(0, 1),
    "Assemble": Assemble(),
    "AssignVariable": Variable(),
    "Atan": Elementwise(0, 1),
    "Atanh": Elementwise(0, 1),
    "Attention": AttentionByForm(PackedAttention(), ScaledDotProduct()),
    "AveragePool": Pool(per_output=1),
    "BatchNormalization": BatchNormalization(),
    "BiasGelu": BiasedActivation("gelu"),
    "BitShift": Elementwise(),
    "BitwiseAnd": Elementwise(),
    "BitwiseNot": Elementwise(),
    "BitwiseOr": Elementwise(),
    "BitwiseXor": Elementwise(),
    "Cast": Cast(),
    "CastLike": Cast(),
    "Ceil": Elementwise(),
    "Celu": Activation(),
    "CenterCropPad": CenterCropPad(),
    "Clip": Activation(),
    "Col2Im": ColumnsToImage(),
    "Compress": Compress(),
    "Concat": Concat(),
    "Constant": Constant(),
    "ConstantOfShape": Filled(),
    "Conv": Convolution(),
    "ConvInteger": ConvolutionInteger(),
    "ConvTranspose": TransposedConvolution(),
    "Cos": Elementwise(0, 1),
    "Cosh": Elementwise(0, 1),
    "Crop": Slice(),
    "CumProd": RunningSum(),
    "CumSum": RunningSum(),
    "DeformConv": DeformableConvolution(),
    "DepthToSpace": BlockRearrangement(to_depth=False),
    "DequantizeLinear": Dequantize(),
    "DetectionOutput": DetectionOutput(),
    "Div": Elementwise(0, 1),
    "Dropout": Identity(),
    "DynamicQuantizeLinear": DynamicQuantize(),
    "Einsum": Einsum(),
    "Elu": Activation(),
    "EmbedLayerNormalization": EmbeddedNormalization(),
    "Equal": Elementwise(dtype="bool"),
    "Erf": Activation(),
    "Exp": Activation(),
    "Expand": Expand(),
    "FastGelu": BiasedActivation("gelu_tanh"),
    "Flatten": Flatten(),
    "Floor": Elementwise(),
    "FloorDiv": Elementwise(1, 1),
    "FusedConv": FusedConvolution(),
    "FusedGemm": GeneralProduct(),
    "FusedMatMul": MatrixProduct(),
    "GRU": GRU,
    "Gather": Gather(),
    "GatherElements": GatherElements(),
    "GatherND": GatherND(),
    "Gelu": Activation(),
    "Gemm": GeneralProduct(),
    "GlobalAveragePool": GlobalPool(per_output=1),
    "GlobalLpPool": GlobalPool(2, 0, 1),
    "GlobalMaxPool": GlobalPool(),
    "Greater": Elementwise(dtype="bool"),
    "GreaterOrEqual": Elementwise(dtype="bool"),
    "GridSample": GridSample(),
    "GroupNormalization": GroupedNormalization(),
    "GroupQueryAttention": GroupedQueryAttention(),
    "HardSigmoid": Activation(),
    "HardSwish": Activation(),
    "Hardmax": Hardmax(),
    "Identity": Identity(),
    "InstanceNormalization": GroupedNormalization(),
    "IsInf": Elementwise(dtype="bool"),
    "IsNaN": Elementwise(dtype="bool"),
    "LRN": LocalResponseNormalization(),
    "LSTM": LSTM,
    "LayerNormalization": LayerNormalization(),
    "LeakyRelu": Activation(),
    "Less": Elementwise(dtype="bool"),
    "LessOrEqual": Elementwise(dtype="bool"),
    "Log": Elementwise(0, 1),
    "LogSoftmax": LogSoftmax(),
    "LpNormalization": LpNormalization(),
    "LpPool": Pool(2, 0, 1),
    "MatMul": MatrixProduct(),
    "MatMulInteger": IntegerMatrixProduct(),
    "Max": Variadic(),
    "MaxPool": Pool(),
    "MaxUnpool": MaxUnpool(),
    "Mean": Variadic(1),
    "MeanVarianceNormalization": MeanVarianceNormalization(),
    "Min": Variadic(),
    "Mish": Activation(),
    "Mod": Elementwise(0, 1),
    "Mul": Elementwise(),
    "MultiHeadAttention": AttentionByForm(ProjectedAttention(), UnprojectedHeads()),
    "Neg": Elementwise(),
    "NonMaxSuppression": NonMaxSuppression(),
    "NonZero": NonZero(),
    "Not": Elementwise(dtype="bool"),
    "NotEqual": Elementwise(dtype="bool"),
    "OneHot": OneHot(),
    "Or": Elementwise(dtype="bool"),
    "PRelu": ParametricRelu(),
    "Pack": Stack(),
    "Pad": Pad(),
    "Pow": Elementwise(0, 1),
    "PriorBox": PriorBox(),
    "QGemm": QuantizedGeneralProduct(),
    "QLinearAdd": Elementwise(operands=(0, 3)),
    "QLinearAveragePool": Pool(per_output=1),
    "QLinearConcat": QuantizedConcat(),
    "QLinearConv": QuantizedConvolution(),
    "QLinearGlobalAveragePool": GlobalPool(per_output=1),
    "QLinearLeakyRelu": QuantizedActivation("leaky_relu"),
    "QLinearMatMul": QuantizedMatrixProduct(),
    "QLinearMul": Elementwise(operands=(0, 3)),
    "QLinearReduceMean": QuantizedReduce(finish=1),
    "QLinearSigmoid": QuantizedActivation("sigmoid"),
    "QLinearSoftmax": Softmax(),
    "QuantizeLinear": Quantize(),
    "QuickGelu": Activation(),
    "RMSNormalization": RootMeanSquareNormalization(),
    "RNN": RNN,
    "Range": Range(),
    "ReadVariable": Variable(),
    "Rearrange": Rearrange(),
    "Reciprocal": Elementwise(0, 1),
    "ReduceAll": Reduce(),
    "ReduceAny": Reduce(),
    "ReduceL1": Reduce(2),
    "ReduceL2": Reduce(2, finish_special=1),
    "ReduceLogSum": Reduce(finish_special=1),
    "ReduceLogSumExp": Reduce(3, 1, finish=1, finish_special=1),
    "ReduceMax": Reduce(),
    "ReduceMean": Reduce(finish=1),
    "ReduceMin": Reduce(),
    "ReduceProd": Reduce(),
    "ReduceSum": Reduce(),
    "ReduceSumSquare": Reduce(2),
    "Relu": Activation(),
    "Reshape": Reshape(),
    "Resize": Resize(),
    "Reverse": ReverseSequence(),
    "ReverseSequence": ReverseSequence(),
    "RoiAlign": RoiAlign(),
    "RotaryEmbedding": RotaryEmbedding(),
    "Round": Elementwise(),
    "Rsqrt": Elementwise(0, 2),
    "Scatter": Scatter(),
    "ScatterElements": Scatter(),
    "ScatterND": Scatter(),
    "Selu": Activation(),
    "Shape": ShapeOf(),
    "Shrink": Elementwise(2),
    "ShuffleChannel": ShuffleChannel(),
    "Sigmoid": Activation(),
    "Sign": Elementwise(),
    "SimplifiedLayerNormalization": RootMeanSquareNormalization(),
    "Sin": Elementwise(0, 1),
    "Sinh": Elementwise(0, 1),
    "Size": ShapeOf(),
    "SkipLayerNormalization": SkipNormalization(),
    "SkipSimplifiedLayerNormalization": SkipNormalization(simplified=True),
    "Slice": Slice(),
    "Softmax": Softmax(),
    "Softplus": Activation(),
    "Softsign": Activation(),
    "SpaceToDepth": BlockRearrangement(to_depth=True),
    "Split": Split(),
    "Sqrt": Activation(),
    "Square": Elementwise(),
    "SquaredDifference": Elementwise(2),
    "Squeeze": Squeeze(),
    "Sub": Elementwise(),
    "Sum": Variadic(),
    "SwiGLU": Elementwise(3, 2),
    "Swish": Activation(),
    "TFLite_Detection_PostProcess": DetectionPostProcess(),
    "Tan": Elementwise(0, 1),
    "Tanh": Activation(),
    "TensorScatter": CacheWrite(),
    "ThresholdedRelu": Activation(),
    "Tile": Tile(),
    "TopK": TopK(),
    "Transpose": Transpose(),
    "Trilu": Triangle(),
    "Unique": Unique(),
    "Unpack": Unstack(),
    "Unsqueeze": Unsqueeze(),
    "Upsample": Resize(),
    "Where": Elementwise(typed=1),
    "Window": Window(),
    "Xor": Elementwise(dtype="bool"),
    "YoloDetectionOutput": DetectionOutput(),
    "Yolov3DetectionOutput": DetectionOutput(),
}

#: Taken for operators marked ``unmodelled``, which readers do on request for operators without a rule.
unmodelled_rule = Unmodelled()


def rule_of(operator: Operator) -> OperatorRule:
    """Rule of an operator.

    Raises
    ------
    UnsupportedOperator
        No rule has this name and the operator is not marked ``unmodelled``.

    >>> rule_of(Operator("c", "Conv", ("x", "w"), ("y",))).modelled
    True
    """
    if operator.attributes.get("unmodelled"):
        return unmodelled_rule
    rule = RULES.get(operator.op)
    if rule is not None:
        return rule
    raise UnsupportedOperator(
        f"operator '{operator.name}': '{operator.op}' has no rule; {nearest(operator.op, RULES)}; "
        "add one class in workloads/operators/, one line in RULES; or --allow-unmodelled"
    )


def macs_of(operator: Operator, tensors: Mapping[str, Tensor]) -> int:
    """Multiply-accumulates of one operator, its tensors by name."""
    inputs, outputs = ([tensors[name] if name else None for name in names] for names in (operator.inputs, operator.outputs))
    return rule_of(operator).work(operator, inputs, outputs).macs
