"""Convolutions: 1-D to 3-D, grouped, depthwise, dilated, transposed, quantised, deformable."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

from workloads.graph import Operator, Tensor
from workloads.loopnest import LoopNest, convolution_nest
from workloads.operators.family import FamilyRule, Operations, elements, fail, like, operand, optional, per_axis, result_dtype
from workloads.operators.rule import Operands, TensorType
from workloads.operators.windows import Planes, Window, arranged, planes, window_of, window_positions


class Filters(NamedTuple):
    """Weights of a convolution by meaning: output channels of all groups, input channels of one group, taps per axis."""

    outputs: int
    inputs: int
    kernel: tuple[int, ...]


def filters(operator: Operator, weight: Tensor, group: int, layout: str) -> Filters:
    """Read a weight shape by its ``weight_layout``: OIHW, OHWI, HWIO, 1HWO (depthwise) or IOHW (transposed), any number of axes."""
    shape = weight.shape
    if len(shape) < 3:
        raise fail(operator, f"weight '{weight.name}' has shape {shape}; at least three axes are expected")
    layout = operator.attributes.get("weight_layout", layout)
    if layout == "OIHW":
        return Filters(shape[0], shape[1], shape[2:])
    if layout == "OHWI":
        return Filters(shape[0], shape[-1], shape[1:-1])
    if layout == "HWIO":
        return Filters(shape[-1], shape[-2], shape[:-2])
    if layout == "IOHW":
        return Filters(shape[1] * group, shape[0] // group, shape[2:])
    if layout == "1HWO":
        return Filters(shape[-1], 1, shape[1:-1])
    raise fail(operator, f"weight_layout '{layout}'; OIHW, OHWI, HWIO, 1HWO or IOHW is expected")


class Convolution(FamilyRule):
    """Conv: ``y[n,m,p] = bias[m] + sum over c, taps of x[n, c, p*stride + tap*dilation - pad] * w[m,c,tap]``.

    MACs = N * M * C/group * taps * output positions, padding included; the bias is one element operation per output.
    Depthwise where every input channel is a group of its own. Padded positions count as MACs: they are the loop's iterations.
    """

    family = "convolution"
    weight_position: ClassVar[int] = 1
    bias_position: ClassVar[int] = 2

    def kind(self, operator: Operator, inputs: Operands, outputs: Operands) -> str:
        group = self.group(operator)
        source = inputs[0]
        if group > 1 and source is not None and group == planes(operator, source).channels:
            return "depthwise"
        return "convolution"

    def group(self, operator: Operator) -> int:
        """Number of groups."""
        return int(operator.attributes.get("group", 1))

    def parts(self, operator: Operator, inputs: Operands) -> tuple[Planes, Filters, Window]:
        """Input, filters and window, checked against each other."""
        source = planes(operator, operand(operator, inputs, 0, "data"))
        weight = operand(operator, inputs, self.weight_position, "weights")
        group = self.group(operator)
        taps = filters(operator, weight, group, "OIHW")
        if group < 1 or source.channels != taps.inputs * group or taps.outputs % group:
            raise fail(
                operator,
                f"input of {source.channels} channels, weight '{weight.name}' {weight.shape}, {group} groups; "
                f"channels = {taps.inputs} x groups and output channels divisible by groups are expected",
            )
        declared = operator.attributes.get("kernel_shape")
        if declared is not None and tuple(declared) != taps.kernel:
            raise fail(operator, f"kernel_shape {tuple(declared)} but weights {weight.shape}; the kernel {taps.kernel} is expected")
        return source, taps, window_of(operator, source.spatial, taps.kernel)

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        source, taps, window = self.parts(operator, inputs)
        shape = arranged(operator, source.batch, taps.outputs, window_positions(operator, source.spatial, window))
        return (TensorType(shape, self.dtype(operator, inputs)),)

    def dtype(self, operator: Operator, inputs: Operands) -> str:
        """Type of the output."""
        return result_dtype(operator, operand(operator, inputs, 0).dtype)

    def macs(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        weight = operand(operator, inputs, self.weight_position)
        taps = filters(operator, weight, self.group(operator), "OIHW")
        return elements(outputs[:1]) * taps.inputs * math.prod(taps.kernel)

    def loop_nests(self, operator: Operator, inputs: Operands, outputs: Operands) -> tuple[LoopNest, ...]:
        source, weight, result = operand(operator, inputs, 0), operand(operator, inputs, self.weight_position), outputs[0]
        assert result is not None
        group = self.group(operator)
        taps = filters(operator, weight, group, "OIHW")
        positions = planes(operator, result)
        rank = len(taps.kernel)
        return (
            convolution_nest(
                n=positions.batch, g=group, m=taps.outputs // group, c=taps.inputs, output=positions.spatial, kernel=taps.kernel,
                stride=per_axis(operator, "strides", rank, 1), dilation=per_axis(operator, "dilations", rank, 1),
                tensors=(source.name, weight.name, result.name),
            ),
        )  # fmt: skip

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(elements(outputs[:1]) if optional(inputs, self.bias_position) is not None else 0)


class FusedConvolution(Convolution):
    """FusedConv of ONNX Runtime: a convolution, a tensor added to it (operand 3, one operation per output), an activation."""

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        added = elements(outputs[:1]) if optional(inputs, 3) is not None else 0
        return Operations(super().operations(operator, inputs, outputs).element + added)


class ConvolutionInteger(Convolution):
    """ConvInteger: integer operands, 32-bit integer result, no bias; the zero points are inputs 2 and 3."""

    bias_position = 4

    def dtype(self, operator: Operator, inputs: Operands) -> str:
        return result_dtype(operator, "int32")


class QuantizedConvolution(Convolution):
    """QLinearConv: data, its scale and zero point, weights, theirs, the result's, bias."""

    weight_position = 3
    bias_position = 8

    def dtype(self, operator: Operator, inputs: Operands) -> str:
        zero_point = optional(inputs, 7)
        return result_dtype(operator, zero_point.dtype if zero_point is not None else operand(operator, inputs, 0).dtype)


class DeformableConvolution(Convolution):
    """DeformConv: a convolution whose taps read at learned offsets (Dai et al., ICCV 2017; ONNX opset 19).

    Each tap of each input channel and output position is sampled bilinearly: 4 products and 3 sums, one more product with a mask.
    Operands: data, weights, offsets, bias, mask.
    """

    bias_position = 3

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        source, taps, _ = self.parts(operator, inputs)
        result = outputs[0]
        assert result is not None
        samples = result.elements // taps.outputs * source.channels * math.prod(taps.kernel)
        per_sample = 7 + (optional(inputs, 4) is not None)
        return Operations(samples * per_sample + super().operations(operator, inputs, outputs).element)


class TransposedConvolution(Convolution):
    """ConvTranspose: each input pixel times all taps, scattered and added to the outputs it touches.

    Output positions = stride * (input - 1) + reach + output_padding - pads (ONNX operator specification). MACs = input elements *
    output channels per group * taps, positions that are cropped away included. The nest is the product of input pixels with
    M * taps columns that the scatter then adds up (Dumoulin and Visin 2016, section 4), so its output stands for the columns.
    """

    def parts(self, operator: Operator, inputs: Operands) -> tuple[Planes, Filters, Window]:
        source = planes(operator, operand(operator, inputs, 0, "data"))
        weight = operand(operator, inputs, 1, "weights")
        group = self.group(operator)
        taps = filters(operator, weight, group, "IOHW")
        if group < 1 or source.channels != taps.inputs * group:
            raise fail(
                operator,
                f"input of {source.channels} channels, weight '{weight.name}' {weight.shape}, {group} groups; they must agree",
            )
        return source, taps, window_of(operator, source.spatial, taps.kernel)

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        source, taps, window = self.parts(operator, inputs)
        rank = len(taps.kernel)
        wanted = operator.attributes.get("output_shape")
        if wanted:
            spatial = tuple(int(size) for size in wanted)[-rank:]
        elif operator.attributes.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
            spatial = tuple(size * step for size, step in zip(source.spatial, window.strides, strict=True))
        else:
            extra = per_axis(operator, "output_padding", rank, 0)
            rows = zip(source.spatial, window.strides, window.reach, extra, window.begins, window.ends, strict=True)
            spatial = tuple(step * (size - 1) + reach + more - begin - end for size, step, reach, more, begin, end in rows)
        if min(spatial) < 1:
            raise fail(operator, f"output positions {spatial}; at least 1 per axis is expected, the padding crops everything")
        return (like(operator, operand(operator, inputs, 0), arranged(operator, source.batch, taps.outputs, spatial)),)

    def macs(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        group = self.group(operator)
        taps = filters(operator, operand(operator, inputs, 1), group, "IOHW")
        return elements(inputs[:1]) * (taps.outputs // group) * math.prod(taps.kernel)

    def loop_nests(self, operator: Operator, inputs: Operands, outputs: Operands) -> tuple[LoopNest, ...]:
        data, weight, result = operand(operator, inputs, 0), operand(operator, inputs, 1), outputs[0]
        assert result is not None
        group = self.group(operator)
        source, taps = planes(operator, data), filters(operator, weight, group, "IOHW")
        ones = (1,) * len(taps.kernel)
        return (
            convolution_nest(
                n=source.batch, g=group, m=taps.outputs // group * math.prod(taps.kernel), c=taps.inputs, output=source.spatial,
                kernel=ones, stride=ones, dilation=ones, tensors=(data.name, weight.name, result.name),
            ),
        )  # fmt: skip
