"""Conversions between floating point and integers with scale and zero point."""

from __future__ import annotations

from workloads.graph import Operator
from workloads.operators.family import FamilyRule, Operations, dtype_attribute, operand, optional
from workloads.operators.rule import Operands, TensorType


class Quantize(FamilyRule):
    """QuantizeLinear: ``round(x / scale) + zero_point``, clamped: product, rounding, sum, clamp: 4 per element.

    The type is that of the zero point (operand 2) or ``output_dtype``, else uint8. An integer input is requantised.
    """

    family = "quantization"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        zero_point = optional(inputs, 2)
        dtype = dtype_attribute(operator, "output_dtype") or (zero_point.dtype if zero_point is not None else "uint8")
        return (TensorType(operand(operator, inputs, 0).shape, dtype),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(4 * operand(operator, inputs, 0).elements)


class Dequantize(FamilyRule):
    """DequantizeLinear: ``(x - zero_point) * scale``: 2 per element. The type is that of the scale (operand 1), else fp32."""

    family = "quantization"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        scale = optional(inputs, 1)
        dtype = dtype_attribute(operator, "output_dtype") or (scale.dtype if scale is not None else "fp32")
        return (TensorType(operand(operator, inputs, 0).shape, dtype),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(2 * operand(operator, inputs, 0).elements)


class DynamicQuantize(FamilyRule):
    """DynamicQuantizeLinear: the range is found (two comparisons per element), then :class:`Quantize`."""

    family = "quantization"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        return (TensorType(data.shape, "uint8"), TensorType((), data.dtype), TensorType((), "uint8"))

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(6 * operand(operator, inputs, 0).elements)
