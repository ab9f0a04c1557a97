"""Pools: a window of inputs reduced to one output; no multiply-accumulates."""

from __future__ import annotations

import math
from typing import ClassVar

from workloads.graph import Operator
from workloads.operators.family import FamilyRule, Operations, elements, fail, integers, like, operand, per_axis
from workloads.operators.rule import Operands, TensorType
from workloads.operators.windows import arranged, planes, window_of, window_positions


class Pool(FamilyRule):
    """MaxPool, AveragePool, LpPool: ``window`` operations per output.

    Maximum: one comparison per tap. Average: one addition per tap and a product with the reciprocal of the window. Lp: a power
    (counted as one product) and an addition per tap, one root per output. Windows over the padding count in full.
    """

    family = "pooling"

    def __init__(self, per_tap: int = 1, per_output: int = 0, special: int = 0) -> None:
        self.per_tap, self.per_output, self.special = per_tap, per_output, special

    def kernel(self, operator: Operator) -> tuple[int, ...]:
        """Window extents."""
        kernel = operator.attributes.get("kernel_shape")
        if kernel is None:
            raise fail(operator, "no kernel_shape; the window extents are expected")
        return tuple(int(k) for k in kernel)

    def window(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        return math.prod(self.kernel(operator))

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        source = planes(operator, data)
        window = window_of(operator, source.spatial, self.kernel(operator))
        ceil = bool(operator.attributes.get("ceil_mode", 0))
        shape = arranged(operator, source.batch, source.channels, window_positions(operator, source.spatial, window, ceil=ceil))
        indices = (TensorType(shape, "int64"),) if len(operator.outputs) > 1 else ()
        return (like(operator, data, shape), *indices)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        size = elements(outputs[:1])
        taps = self.window(operator, inputs, outputs)
        return Operations(size * (taps * self.per_tap + self.per_output), size * self.special)


class GlobalPool(Pool):
    """GlobalMaxPool, GlobalAveragePool, GlobalLpPool: the window is the whole plane.

    With ``keepdims = 0`` (layer tables) one number per channel is put out, without spatial axes.
    """

    def window(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        return math.prod(planes(operator, operand(operator, inputs, 0)).spatial)

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        source = planes(operator, data)
        if not operator.attributes.get("keepdims", 1):
            return (like(operator, data, (source.batch, source.channels)),)
        return (like(operator, data, arranged(operator, source.batch, source.channels, (1,) * len(source.spatial))),)


class MaxUnpool(FamilyRule):
    """MaxUnpool: puts each input where its index says and zeros elsewhere; nothing is computed."""

    family = "layout"
    spatial_defaults: ClassVar[int] = 1

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        wanted = integers(operator, inputs, 2, "output_shape")
        if wanted is not None:
            return (like(operator, data, wanted),)
        source = planes(operator, data)
        kernel = tuple(int(k) for k in operator.attributes["kernel_shape"])
        rank = len(kernel)
        strides, pads = per_axis(operator, "strides", rank, self.spatial_defaults), per_axis(operator, "pads", 2 * rank, 0)
        spatial = tuple(
            (size - 1) * step + k - begin - end
            for size, step, k, begin, end in zip(source.spatial, strides, kernel, pads[:rank], pads[rank:], strict=True)
        )
        return (like(operator, data, arranged(operator, source.batch, source.channels, spatial)),)
