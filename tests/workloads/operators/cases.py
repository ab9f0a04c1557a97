"""One hand-worked case per rule, written short; the arithmetic stands beside each.

Operands: ``2x3`` an activation, ``w/2x3`` a constant, ``s`` a scalar, ``-`` absent; ``:int8`` an element type; ``=1,2`` values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from workloads.graph import Operator, Tensor, WeightFacts


@dataclass(frozen=True)
class Case:
    """An operator with its operands and what must come out."""

    op: str
    inputs: str
    outputs: str
    kind: str
    macs: int = 0
    element: int = 0
    special: int = 0
    bytes: tuple[int, int, int] | None = None  # activations read, constants read, written; None: every operand once
    declared: bool = False  # the output shape cannot be derived from the operands
    attributes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.op}({self.inputs})"

    @property
    def operands(self) -> list[Tensor | None]:
        return [operand(f"i{place}", text) for place, text in enumerate(self.inputs.split())]

    @property
    def results(self) -> list[Tensor]:
        found = [operand(f"o{place}", text) for place, text in enumerate(self.outputs.split())]
        return [tensor for tensor in found if tensor is not None]

    @property
    def operator(self) -> Operator:
        names = tuple(tensor.name if tensor else "" for tensor in self.operands)
        return Operator("node", self.op, names, tuple(tensor.name for tensor in self.results), self.attributes)


def operand(name: str, text: str) -> Tensor | None:
    """A tensor from its short form."""
    if text == "-":
        return None
    text, _, values = text.partition("=")
    text, _, dtype = text.partition(":")
    constant = text.startswith("w/")
    text = text.removeprefix("w/")
    shape = () if text == "s" else tuple(int(size) for size in text.split("x"))
    facts = WeightFacts(values=tuple(float(value) for value in values.split(","))) if values else None
    if values:
        assert math.prod(shape) == len(values.split(",")), text
    return Tensor(name, shape, dtype or "fp32", "weight" if constant else "activation", facts)


CASES: list[Case] = []


def case(op: str, inputs: str, outputs: str, kind: str, **more: Any) -> None:
    """Add a case; what is no field of Case is an attribute of the operator."""
    fields = {name: more.pop(name) for name in ("macs", "element", "special", "bytes", "declared") if name in more}
    CASES.append(Case(op, inputs, outputs, kind, **fields, attributes=more))


# fmt: off
# Convolutions. 1x3x8x8 * 4 filters 3x3, no padding: 6x6 outputs, 4*6*6 = 144 results of 3*9 = 27 products: 3888.
case("Conv", "1x3x8x8 w/4x3x3x3 w/4", "1x4x6x6", "convolution", macs=3888, element=144)
# Stride 2, padding 1: (8+2-3)//2+1 = 4; relu on 4*16 = 64 results.
case("Conv", "1x3x8x8 w/4x3x3x3", "1x4x4x4", "convolution", macs=64 * 27, element=64, strides=(2, 2), pads=(1, 1, 1, 1),
     activation="relu")
# Dilation 2 reaches 5: 4x4 results. Two groups of 3 channels: 36 products each.
case("Conv", "1x6x8x8 w/4x3x3x3", "1x4x4x4", "convolution", macs=64 * 27, group=2, dilations=(2, 2))
# Depthwise, NHWC, the weights of TFLite: 8*8*5 results of 9 products.
case("Conv", "1x8x8x5 w/1x3x3x5 w/5", "1x8x8x5", "depthwise", macs=320 * 9, element=320, group=5, layout="NHWC",
     weight_layout="1HWO", pads=(1, 1, 1, 1))
case("Conv", "1x8x8x5:int8 w/7x1x1x5:int8 w/7:int32", "1x8x8x7:int8", "convolution", macs=64 * 7 * 5, element=448, layout="NHWC",
     weight_layout="OHWI")
# 1-D: (10-3)//1+1 = 8 positions, 2*6*8 = 96 results of 4*3 = 12. 3-D: 2x3x4 positions, 24*2 results of 1*8.
case("Conv", "2x4x10 w/6x4x3", "2x6x8", "convolution", macs=96 * 12)
case("Conv", "1x1x3x4x5 w/2x1x2x2x2", "1x2x2x3x4", "convolution", macs=48 * 8)
# Padding that keeps the size, written as a rule: 5 -> ceil(5/2) = 3.
case("Conv", "1x1x5x5 w/1x1x3x3", "1x1x3x3", "convolution", macs=9 * 9, strides=(2, 2), auto_pad="SAME_UPPER")
case("FusedConv", "1x3x8x8 w/4x3x3x3 w/4 1x4x6x6", "1x4x6x6", "convolution", macs=3888, element=144 * 3, activation="Relu")
# Transposed: 2*(4-1)+3-1-1+1 = 8; 4*4 pixels * 3 channels in * 5 out * 9 taps = 2160; bias on 5*64 results.
case("ConvTranspose", "1x3x4x4 w/3x5x3x3 w/5", "1x5x8x8", "convolution", macs=2160, element=320, strides=(2, 2),
     pads=(1, 1, 1, 1), output_padding=(1, 1))
# Every channel by itself: 4 pixels * 2 channels * 4 taps.
case("ConvTranspose", "1x2x2x2 w/2x1x2x2", "1x2x4x4", "depthwise", macs=32, strides=(2, 2), group=2)
case("ConvInteger", "1x3x8x8:uint8 w/4x3x3x3:int8 w/s:uint8 w/s:int8", "1x4x6x6:int32", "convolution", macs=3888)
case("QLinearConv", "1x3x8x8:int8 w/s w/s:int8 w/4x3x3x3:int8 w/4 w/4:int8 w/s w/s:int8 w/4:int32", "1x4x6x6:int8",
     "convolution", macs=3888, element=144)
# 36 positions * 3 channels * 9 taps = 972 samples of 7 operations, masked: 8; bias on 144 results.
case("DeformConv", "1x3x8x8 w/4x3x3x3 1x18x6x6 w/4 1x9x6x6", "1x4x6x6", "convolution", macs=3888, element=972 * 8 + 144)

# Products. 5 rows * 7 columns * 6.
case("Gemm", "5x6 w/7x6 w/7", "5x7", "fully_connected", macs=210, element=35, transB=1)
case("Gemm", "6x5 6x7 5x7", "5x7", "matmul", macs=210, element=35 + 35 + 35, transA=1, alpha=0.5, beta=2.0)
case("Gemm", "2x3x4 w/5x4", "2x3x5", "fully_connected", macs=120, transB=1)
case("Gemm", "1x2x2x3:int8 w/5x12:int8 w/5:int32", "1x5:int8", "fully_connected", macs=60, element=5, transB=1, keep_num_dims=0)
case("FusedGemm", "5x6 w/6x7 w/7", "5x7", "fully_connected", macs=210, element=35 + 35, activation="Relu")
case("MatMul", "2x4x8 w/8x16", "2x4x16", "fully_connected", macs=2 * 4 * 8 * 16)
case("MatMul", "2x3x4x8 2x3x8x5", "2x3x4x5", "matmul", macs=6 * 4 * 8 * 5)
case("MatMul", "6x4x8 1x8x5", "6x4x5", "matmul", macs=6 * 4 * 8 * 5)
case("MatMul", "w/4x8 3x8x5", "3x4x5", "fully_connected", macs=3 * 4 * 8 * 5)
case("MatMul", "8 w/8x5", "5", "fully_connected", macs=40)
case("FusedMatMul", "2x4x8 2x5x8", "2x4x5", "matmul", macs=2 * 4 * 8 * 5, transB=1)
case("MatMulInteger", "4x8:uint8 w/8x5:int8", "4x5:int32", "fully_connected", macs=160)
case("QLinearMatMul", "4x8:int8 w/s w/s:int8 w/8x5:int8 w/s w/s:int8 w/s w/s:int8", "4x5:int8", "fully_connected", macs=160)
case("QGemm", "4x8:int8 w/s w/s:int8 w/8x5:int8 w/s w/s:int8 w/5:int32 w/s w/s:int8", "4x5:int8", "fully_connected", macs=160,
     element=20)
# b and h are groups, d is summed: 2*3 products of 4x8 by 8x5.
case("Einsum", "2x4x3x8 2x5x3x8", "2x3x4x5", "matmul", macs=6 * 4 * 8 * 5, equation="bqhd,bkhd->bhqk")
case("Einsum", "2x4x8 w/8x3x5", "2x4x3x5", "fully_connected", macs=8 * 8 * 15, equation="...d,dhw->...hw")
case("Einsum", "3x4", "3", "reduction", element=12, equation="ab->a")
case("Einsum", "3x4", "4x3", "reduction", equation="ab->ba")

# Pools. Outputs 1x2x2x2 = 8, windows of 9: one comparison per tap; averages scale once more; Lp: 2 per tap and a root.
case("MaxPool", "1x2x5x5", "1x2x2x2", "pooling", element=8 * 9, kernel_shape=(3, 3), strides=(2, 2))
case("MaxPool", "1x2x6x6", "1x2x3x3 1x2x3x3:int64", "pooling", element=18 * 9, kernel_shape=(3, 3), strides=(2, 2), ceil_mode=1)
case("AveragePool", "1x5x5x2", "1x2x2x2", "pooling", element=8 * 10, kernel_shape=(3, 3), strides=(2, 2), layout="NHWC")
case("LpPool", "1x2x5x5", "1x2x2x2", "pooling", element=8 * 18, special=8, kernel_shape=(3, 3), strides=(2, 2))
case("QLinearAveragePool", "1x2x5x5:int8 w/s w/s:int8 w/s w/s:int8", "1x2x2x2:int8", "pooling", element=80, kernel_shape=(3, 3),
     strides=(2, 2))
case("GlobalAveragePool", "2x3x4x5", "2x3x1x1", "pooling", element=6 * 21)
case("GlobalAveragePool", "2x3x4x5", "2x3", "pooling", element=6 * 21, keepdims=0)
case("GlobalMaxPool", "2x3x4x5", "2x3x1x1", "pooling", element=6 * 20)
case("GlobalLpPool", "2x3x4x5", "2x3x1x1", "pooling", element=6 * 40, special=6)
case("QLinearGlobalAveragePool", "2x4x5x3:int8 w/s w/s:int8 w/s w/s:int8", "2x1x1x3:int8", "pooling", element=126, layout="NHWC")
case("MaxUnpool", "1x2x2x2 1x2x2x2:int64", "1x2x4x4", "layout", kernel_shape=(2, 2), strides=(2, 2))

# Elementwise: 2x3 = 6 results. One operation each, or one special one, or what stands there.
for _op in ("Add", "Sub", "Mul"):
    case(_op, "2x3 w/3", "2x3", "elementwise", element=6)
for _op in ("BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"):
    case(_op, "2x1:int32 1x3:int32", "2x3:int32", "elementwise", element=6)
for _op in ("Div", "Pow", "Mod"):
    case(_op, "2x3 s", "2x3", "elementwise", special=6)
case("FloorDiv", "2x3:int32 s:int32", "2x3:int32", "elementwise", element=6, special=6)
case("SquaredDifference", "2x3 3", "2x3", "elementwise", element=12)
case("SwiGLU", "2x3 2x3", "2x3", "elementwise", element=18, special=12)
for _op in ("Abs", "Ceil", "Floor", "Neg", "Round", "Sign", "Square", "BitwiseNot"):
    case(_op, "2x3", "2x3", "elementwise", element=6)
for _op in ("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Log", "Reciprocal", "Sin", "Sinh", "Tan"):
    case(_op, "2x3", "2x3", "elementwise", special=6)
case("Rsqrt", "2x3", "2x3", "elementwise", special=12)
case("Shrink", "2x3", "2x3", "elementwise", element=12)
for _op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "NotEqual", "And", "Or", "Xor"):
    case(_op, "2x3 1x3", "2x3:bool", "elementwise", element=6)
for _op in ("Not", "IsInf", "IsNaN"):
    case(_op, "2x3", "2x3:bool", "elementwise", element=6)
case("Mul", "1x3x2x2 1x3", "1x3x2x2", "elementwise", element=12, axis=0)
case("Where", "2x3:bool 3 2x1", "2x3", "elementwise", element=6)
for _op in ("Max", "Min", "Sum"):
    case(_op, "2x3 2x3 3", "2x3", "elementwise", element=12)
case("Mean", "2x3 2x3 3", "2x3", "elementwise", element=18)
case("Cast", "2x3:int8", "2x3:fp16", "elementwise", element=6, to="fp16")
case("CastLike", "2x3 s:int8", "2x3:int8", "elementwise", element=6)
case("Trilu", "2x3 w/s:int64", "2x3", "elementwise", element=6)
for _op in ("QLinearAdd", "QLinearMul"):
    case(_op, "2x3:int8 w/s w/s:int8 3:int8 w/s w/s:int8 w/s w/s:int8", "2x3:int8", "elementwise", element=6)

# Activations on 6 elements: (element, special) per element as worked out in the docstring of the table.
for _op, _element, _special in (
    ("Celu", 3, 1), ("Clip", 2, 0), ("Elu", 2, 1), ("Erf", 0, 1), ("Exp", 0, 1), ("Gelu", 4, 1), ("HardSigmoid", 4, 0),
    ("HardSwish", 5, 0), ("LeakyRelu", 2, 0), ("Mish", 2, 3), ("QuickGelu", 2, 2), ("Relu", 1, 0), ("Selu", 3, 1),
    ("Sigmoid", 1, 2),
    ("Softplus", 1, 2), ("Softsign", 2, 1), ("Sqrt", 0, 1), ("Swish", 2, 2), ("Tanh", 0, 1), ("ThresholdedRelu", 1, 0),
):  # fmt: skip
    case(_op, "2x3", "2x3", "activation", element=6 * _element, special=6 * _special)
case("Gelu", "2x3", "2x3", "activation", element=48, special=6, approximate="tanh")
case("PRelu", "2x3 w/3", "2x3", "activation", element=12)
case("BiasGelu", "2x3 w/3", "2x3", "activation", element=30, special=6)
case("FastGelu", "2x3", "2x3", "activation", element=48, special=6)
case("QLinearSigmoid", "2x3:int8 w/s w/s:int8 w/s w/s:int8", "2x3:int8", "activation", element=6, special=12)
case("QLinearLeakyRelu", "2x3:int8 w/s w/s:int8 w/s w/s:int8", "2x3:int8", "activation", element=12)

# Softmax: 3 operations, exp and division per element; the logarithm once per row of 3.
case("Softmax", "2x3", "2x3", "softmax", element=18, special=12)
case("LogSoftmax", "2x3", "2x3", "softmax", element=24, special=6 + 2)
case("Hardmax", "2x3", "2x3", "softmax", element=12)
case("QLinearSoftmax", "2x3:int8 w/s w/s:int8 w/s w/s:int8", "2x3:int8", "softmax", element=18, special=12)

# Normalisations. Batch: 2 per element. Layer: 5, scale and bias; a root and a division for each of 2*4 = 8 rows.
case("BatchNormalization", "2x3x4x4 w/3 w/3 w/3 w/3", "2x3x4x4", "normalization", element=192)
case("LayerNormalization", "2x4x8 w/8 w/8", "2x4x8", "normalization", element=64 * 7, special=16)
case("LayerNormalization", "2x4x8 w/4x8", "2x4x8 2x1x1 2x1x1", "normalization", element=64 * 6, special=4, axis=1)
case("RMSNormalization", "2x4x8 w/8", "2x4x8", "normalization", element=64 * 4, special=16)
case("SimplifiedLayerNormalization", "2x4x8 w/8", "2x4x8", "normalization", element=64 * 4, special=16)
# A sum first: 6 per element, scale and shift 8.
case("SkipLayerNormalization", "2x4x8 2x4x8 w/8 w/8", "2x4x8", "normalization", element=64 * 8, special=16)
case("SkipSimplifiedLayerNormalization", "2x4x8 2x4x8 w/8", "2x4x8", "normalization", element=64 * 5, special=16)
# 2 examples of 2 groups: 4 rows; without groups 2 * 4 channels: 8 rows.
case("GroupNormalization", "2x4x3x3 w/4 w/4", "2x4x3x3", "normalization", element=72 * 7, special=8, num_groups=2)
case("InstanceNormalization", "2x4x3x3 w/4 w/4", "2x4x3x3", "normalization", element=72 * 7, special=16)
# Square, 5 sums, product, sum: 8; power and division.
case("LRN", "1x6x2x2", "1x6x2x2", "normalization", element=24 * 8, special=48, size=5)
# Statistics of each of 3 channels: 3 rows.
case("MeanVarianceNormalization", "2x3x4x4", "2x3x4x4", "normalization", element=96 * 5, special=6)
case("LpNormalization", "2x3", "2x3", "normalization", element=12, special=6 + 2)

# Reductions of 2x3x4 = 24 elements to 2x1x4 = 8.
for _op, _element, _special in (
    ("ReduceSum", 24, 0), ("ReduceMean", 32, 0), ("ReduceMax", 24, 0), ("ReduceMin", 24, 0), ("ReduceProd", 24, 0),
    ("ReduceL1", 48, 0),
    ("ReduceL2", 48, 8), ("ReduceSumSquare", 48, 0), ("ReduceLogSum", 24, 8), ("ReduceLogSumExp", 80, 32), ("ReduceAll", 24, 0),
    ("ReduceAny", 24, 0),
):  # fmt: skip
    case(_op, "2x3x4", "2x1x4", "reduction", element=_element, special=_special, axes=(1,))
case("ReduceSum", "2x3x4 w/2:int64=0,-1", "3", "reduction", element=24, keepdims=0)
case("ReduceMean", "2x3x4", "s", "reduction", element=25, keepdims=0)
case("ReduceSum", "2x3", "2x3", "reduction", element=6, noop_with_empty_axes=1)
case("QLinearReduceMean", "2x3x4:int8 w/s w/s:int8 w/s w/s:int8", "2x1x4:int8", "reduction", element=32, axes=(1,))
case("ArgMax", "2x3x4", "2x4:int64", "reduction", element=24, axis=1, keepdims=0)
case("ArgMin", "2x3x4", "1x3x4:int64", "reduction", element=24)
for _op in ("CumSum", "CumProd"):
    case(_op, "2x3 w/s:int64", "2x3", "reduction", element=6)

# Attention: batch 1, 2 heads of width 4, 3 queries, 5 keys: 30 scores of 4 + 4 products; 4 operations and 2 special ones per score.
case("Attention", "1x3x8 1x5x8 1x5x8", "1x3x8", "attention", macs=240, element=120, special=60, q_num_heads=2, kv_num_heads=2)
case("Attention", "1x4x3x8 1x2x5x8 1x2x5x6 3x5", "1x4x3x6", "attention", macs=60 * 14, element=300, special=120)
# Input 1x3x8 times 8x24: 576; then 2 heads, 9 more... 2*3*3 = 18 scores of 8 products; bias on 72 results.
case("Attention", "1x3x8 w/8x24 w/24", "1x3x8", "attention", macs=576 + 144, element=72 + 72, special=36, num_heads=2)
case("MultiHeadAttention", "1x3x8 1x5x8 1x5x8", "1x3x8", "attention", macs=240, element=120, special=60, num_heads=2)
# With projections: 4 * 3 * 8^2 = 768 and 2 * 3^2 * 8 = 144; 18 scores; biases on 4 * 24 results.
case("MultiHeadAttention", "3x8 - - w/8x8 w/8 w/8x8 w/8 w/8x8 w/8 w/8x8 w/8", "3x8", "attention", macs=768 + 144,
     element=72 + 96, special=36, num_heads=2)
# 4 query heads share 2 of width 2; 1 new token, 5 in the cache: 4*6 = 24 scores of 4 products; 3 * (8 + 4) turned elements.
case("GroupQueryAttention", "1x1x8 1x1x4 1x1x4 1x2x5x2 1x2x5x2", "1x1x8 1x2x6x2 1x2x6x2", "attention", macs=96, element=96 + 36,
     special=48, num_heads=4, kv_num_heads=2, do_rotary=1)
# 1*2*3*4 = 24 elements, 3 operations each; of the tables 3 rows of 2 numbers are read: 2 * 24 B; positions 24 B.
case("RotaryEmbedding", "1x2x3x4 w/16x2 w/16x2 1x3:int64", "1x2x3x4", "elementwise", element=72, bytes=(96 + 24, 48, 96))

# Recurrence: 2 directions, 5 steps, batch 3, width 4, hidden 6: 180 cells; gates * (4 + 6) products each.
case("LSTM", "5x3x4 w/2x24x4 w/2x24x6 w/2x48", "5x2x3x6 2x3x6 2x3x6", "recurrent", macs=180 * 4 * 10, element=180 * (12 + 7),
     special=180 * 8, direction="bidirectional", hidden_size=6)
case("GRU", "5x3x4 w/1x18x4 w/1x18x6", "5x1x3x6 1x3x6", "recurrent", macs=90 * 3 * 10, element=90 * (3 + 7), special=90 * 5)
case("RNN", "3x5x4 w/1x6x4 w/1x6x6", "3x5x1x6 3x1x6", "recurrent", macs=90 * 10, element=90, special=90, layout=1)

# Resampling: 1x2x4x4 -> 1x2x8x8: 128 results; bilinear 7, cubic 4^2 taps: 31.
case("Resize", "1x2x4x4 - w/4=1,1,2,2", "1x2x8x8", "resize", mode="nearest")
case("Resize", "1x2x4x4 - - w/4:int64=1,2,8,8", "1x2x8x8", "resize", element=128 * 7, mode="linear")
case("Resize", "1x4x4x2", "1x8x8x2", "resize", element=128 * 31, mode="cubic", sizes=(8, 8), layout="NHWC")
case("Upsample", "1x2x4x4 w/4=1,1,2,2", "1x2x8x8", "resize", element=128 * 7, mode="linear")
# 2*9 = 18 results of 7; 9 positions of 2 coordinates, 2 operations each.
case("GridSample", "1x2x4x4 1x3x3x2", "1x2x3x3", "resize", element=18 * 7 + 36)
# 5 regions * 2 channels * 4 = 40 results of 3^2 samples of 8.
case("RoiAlign", "1x2x8x8 5x4 5:int64", "5x2x2x2", "resize", element=40 * 72, output_height=2, output_width=2, sampling_ratio=3)
case("DepthToSpace", "1x8x2x3", "1x2x4x6", "layout", blocksize=2)
case("SpaceToDepth", "1x4x6x2", "1x2x3x8", "layout", blocksize=2, layout="NHWC")
case("Col2Im", "1x8x4 w/2:int64=4,4 w/2:int64=2,2", "1x2x4x4", "layout", element=32)

# Layout.
case("Concat", "1x2x3 1x4x3", "1x6x3", "layout", axis=1)
case("QLinearConcat", "w/s w/s:int8 1x2x3:int8 w/s w/s:int8 1x4x3:int8 w/s w/s:int8", "1x6x3:int8", "layout", element=36, axis=1)
case("Pack", "2x3 2x3", "2x2x3", "layout", axis=1)
case("Unpack", "2x3", "2 2 2", "layout", axis=1)
case("Split", "7x2", "3x2 3x2 1x2", "layout")
case("Split", "7x2 w/2:int64=2,5", "2x2 5x2", "layout")
# Reads the 6 elements it keeps, 24 B, and the parameters.
case("Slice", "4x6 w/1:int64=1 w/1:int64=-1 w/1:int64=0 w/1:int64=1", "2x6", "layout", bytes=(48, 32, 48))
case("Slice", "4x6", "4x2", "layout", bytes=(32, 0, 32), starts=(5,), ends=(-10,), axes=(1,), steps=(-3,))
case("Crop", "1x2x8x8", "1x2x4x4", "layout", bytes=(128, 0, 128), starts=(2, 2), ends=(6, 6), axes=(2, 3))
case("Transpose", "2x3x4", "4x2x3", "layout", perm=(2, 0, 1))
case("Transpose", "2x3x4", "4x3x2", "layout")
case("Pad", "1x2x3 w/6:int64=0,0,1,0,0,2", "1x2x6", "layout")
case("Pad", "1x2x3", "1x1x3", "layout", pads=(-1, 0), axes=(1,))
case("CenterCropPad", "8x9", "4x9", "layout", shape=(4,), axes=(0,))
case("Expand", "3x1 w/3:int64=2,1,4", "2x3x4", "layout")
case("Rearrange", "2x3", "2x4", "layout", shape=(2, 4))
case("Tile", "2x3 w/2:int64=1,2", "2x6", "layout")
case("ShuffleChannel", "1x6x2x2", "1x6x2x2", "layout", group=3)
case("ReverseSequence", "4x2 2:int64", "4x2", "layout")
case("Reverse", "4x2", "4x2", "layout")
case("ConstantOfShape", "w/2:int64=2,3", "2x3", "layout")
# (10 - 1) / 2 = 4.5: 5 numbers, an addition each.
case("Range", "w/s:int64=1 w/s:int64=10 w/s:int64=2", "5:int64", "layout", element=5)
case("ReadVariable", "-", "1x4:int8", "layout", shape=(1, 4), dtype="int8")
case("AssignVariable", "- 1x4:int8", "1x4:int8", "layout")

# Free.
case("Identity", "2x3", "2x3", "free", bytes=(0, 0, 0))
case("Dropout", "2x3", "2x3 2x3:bool", "free", bytes=(0, 0, 0))
case("Assemble", "1x2x2x3 1x2x2x1", "1x2x2x4", "free", bytes=(0, 0, 0), grid=(1, 2), axes=(2, 3))
case("Reshape", "2x3x4 w/2:int64=0,-1", "2x12", "free", bytes=(0, 0, 0))
case("Window", "1x2x5x6", "1x2x3x6", "free", bytes=(0, 0, 0), starts=(1,), sizes=(3,), axes=(2,))
case("Flatten", "2x3x4", "2x12", "free", bytes=(0, 0, 0))
case("Squeeze", "1x3x1", "3x1", "free", bytes=(0, 0, 0), axes=(0,))
case("Unsqueeze", "3x4 w/2:int64=0,-1", "1x3x4x1", "free", bytes=(0, 0, 0))
case("Shape", "2x3x4", "2:int64", "free", bytes=(0, 0, 0), start=1)
case("Size", "2x3x4", "s:int64", "free", bytes=(0, 0, 0))
case("Constant", "-", "2:int64", "free", bytes=(0, 0, 0), shape=(2,), dtype="int64")

# Indexing. A lookup of 3 rows of 4 halves: 24 B of the table, 24 B of indices.
case("Gather", "w/100x4:fp16 1x3:int64", "1x3x4:fp16", "embedding", bytes=(24, 24, 24))
case("Gather", "5x6 2:int64", "5x2", "layout", bytes=(40 + 16, 0, 40), axis=1)
case("GatherElements", "5x6 2x6:int64", "2x6", "layout", bytes=(48 + 96, 0, 48))
case("GatherND", "2x3x4 2x1:int64", "2x4", "layout", bytes=(32 + 16, 0, 32), batch_dims=1)
case("Scatter", "5x6 2x6:int64 2x6", "5x6", "layout")
case("ScatterElements", "5x6 2x6:int64 2x6", "5x6", "layout", element=12, reduction="add")
case("ScatterND", "5x6 2x1:int64 2x6", "5x6", "layout")
case("TensorScatter", "1x2x8x4 1x2x1x4", "1x2x8x4", "free", bytes=(0, 0, 0))
case("OneHot", "3:int64 w/s:int64=5 w/2", "3x5", "layout", element=15)
case("NonZero", "2x3", "2x6:int64", "layout", element=6)
case("Compress", "4x6 4:bool", "4x6", "layout", axis=0)
# 5 values: ceil(log2 5) = 3 comparisons each.
case("Unique", "5", "5 5:int64 5:int64 5:int64", "layout", element=15)
# 2*3 ids, width 4: 24 elements; 3 tables: 2 sums + 5 + 2; a root and a division per id. Rows: 24 * 4 = 96 B of words (100 rows),
# all 5 * 4 * 4 = 80 B of positions and 2 * 4 * 4 = 32 B of segments, scale and shift 32 B.
case("EmbedLayerNormalization", "2x3:int32 2x3:int32 w/100x4 w/5x4 w/2x4 w/4 w/4", "2x3x4 2:int32", "embedding", element=24 * 9,
     special=12, bytes=(48, 96 + 80 + 32 + 32, 96 + 8))

# Quantisation.
case("QuantizeLinear", "2x3 w/s w/s:int8", "2x3:int8", "quantization", element=24)
case("QuantizeLinear", "2x3", "2x3:int16", "quantization", element=24, output_dtype="int16")
case("DequantizeLinear", "2x3:int8 w/s:fp16 w/s:int8", "2x3:fp16", "quantization", element=12)
case("DynamicQuantizeLinear", "2x3", "2x3:uint8 s s:uint8", "quantization", element=36)

# Detection. k = 3 needs 2 bits: a heap of two levels. 8 boxes sorted: 24; 2 kept * 8 others * 12; one class of one example.
case("TopK", "2x10 w/1:int64=3", "2x3 2x3:int64", "detection", element=40)
case("NonMaxSuppression", "1x8x4 1x1x8 w/s:int64=2", "2x3:int64", "detection", element=24 + 192, special=16)
case("PriorBox", "1x8x2x2 1x3x16x16", "1x2x48", "detection", element=384, declared=True)
for _op in ("DetectionOutput", "YoloDetectionOutput", "Yolov3DetectionOutput"):
    case(_op, "1x32 1x16", "10x6", "detection", element=96, special=48, keep_top_k=10)
# 8 boxes, 3 classes: 4*32 + 24 + 24 sorting + 2*8*12; 16 side lengths and 16 divisions.
case("TFLite_Detection_PostProcess", "1x8x4 1x8x3 w/8x4", "1x2x4 1x2 1x2 1", "detection", element=128 + 24 + 24 + 192,
     special=32, max_detections=2)
