"""One rule per operator: what it puts out, which loops it runs, how much work that is.

A new operator is one class here, in the file of its family, one line in :data:`RULES`, and a hand-worked case in the tests.
"""

from __future__ import annotations

from workloads.errors import UnsupportedOperator, nearest
from workloads.graph import Operator
from workloads.operators.activations import Activation, BiasedActivation, ParametricRelu
from workloads.operators.convolution import (
    Convolution,
    ConvolutionInteger,
    DeformableConvolution,
    QuantizedConvolution,
    TransposedConvolution,
)  # fmt: skip
from workloads.operators.elementwise import Cast, Elementwise, Triangle, Variadic
from workloads.operators.free import Constant, Flatten, Identity, Reshape, ShapeOf, Squeeze, Unsqueeze
from workloads.operators.layout import (
    Concat,
    Expand,
    Filled,
    Pad,
    Range,
    ReverseSequence,
    ShuffleChannel,
    Slice,
    Split,
    Stack,
    Tile,
    Transpose,
    Unstack,
    Variable,
)  # fmt: skip
from workloads.operators.matmul import (
    GeneralProduct,
    IntegerMatrixProduct,
    MatrixProduct,
    QuantizedGeneralProduct,
    QuantizedMatrixProduct,
)  # fmt: skip
from workloads.operators.normalization import (
    BatchNormalization,
    GroupedNormalization,
    LayerNormalization,
    LocalResponseNormalization,
    LpNormalization,
    MeanVarianceNormalization,
    RootMeanSquareNormalization,
    SkipNormalization,
)  # fmt: skip
from workloads.operators.pooling import GlobalPool, MaxUnpool, Pool
from workloads.operators.rule import KINDS, OperatorRule, TensorType
from workloads.operators.softmax import Hardmax, LogSoftmax, Softmax
from workloads.operators.unmodelled import Unmodelled

#: ONNX operator name -> rule.
RULES: dict[str, OperatorRule] = {
    "Abs": Elementwise(),
    "Add": Elementwise(),
    "And": Elementwise(dtype="bool"),
    "AveragePool": Pool(per_output=1),
    "BatchNormalization": BatchNormalization(),
    "Cast": Cast(),
    "Celu": Activation(),
    "Clip": Activation(),
    "Concat": Concat(),
    "Constant": Constant(),
    "ConstantOfShape": Filled(),
    "Conv": Convolution(),
    "ConvInteger": ConvolutionInteger(),
    "ConvTranspose": TransposedConvolution(),
    "DeformConv": DeformableConvolution(),
    "Div": Elementwise(0, 1),
    "Dropout": Identity(),
    "Elu": Activation(),
    "Erf": Activation(),
    "Exp": Activation(),
    "Expand": Expand(),
    "Flatten": Flatten(),
    "Gelu": Activation(),
    "Gemm": GeneralProduct(),
    "GlobalAveragePool": GlobalPool(per_output=1),
    "GlobalLpPool": GlobalPool(2, 0, 1),
    "GlobalMaxPool": GlobalPool(),
    "GroupNormalization": GroupedNormalization(),
    "HardSigmoid": Activation(),
    "HardSwish": Activation(),
    "Hardmax": Hardmax(),
    "Identity": Identity(),
    "InstanceNormalization": GroupedNormalization(),
    "LRN": LocalResponseNormalization(),
    "LayerNormalization": LayerNormalization(),
    "LeakyRelu": Activation(),
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
    "Mul": Elementwise(),
    "PRelu": ParametricRelu(),
    "Pack": Stack(),
    "Pad": Pad(),
    "Pow": Elementwise(0, 1),
    "QGemm": QuantizedGeneralProduct(),
    "QLinearConv": QuantizedConvolution(),
    "QLinearMatMul": QuantizedMatrixProduct(),
    "RMSNormalization": RootMeanSquareNormalization(),
    "Range": Range(),
    "Relu": Activation(),
    "Reshape": Reshape(),
    "Selu": Activation(),
    "Shape": ShapeOf(),
    "ShuffleChannel": ShuffleChannel(),
    "Sigmoid": Activation(),
    "Size": ShapeOf(),
    "Slice": Slice(),
    "Softmax": Softmax(),
    "Softplus": Activation(),
    "Softsign": Activation(),
    "Split": Split(),
    "Sqrt": Activation(),
    "Squeeze": Squeeze(),
    "Sub": Elementwise(),
    "Sum": Variadic(),
    "Swish": Activation(),
    "Tanh": Activation(),
    "ThresholdedRelu": Activation(),
    "Tile": Tile(),
    "Transpose": Transpose(),
    "Unsqueeze": Unsqueeze(),
    "Where": Elementwise(typed=1),
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
