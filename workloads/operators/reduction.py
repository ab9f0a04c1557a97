"""Reductions over some axes: sums, means, norms, extremes, their positions, and running sums."""

from __future__ import annotations

from workloads.graph import Operator
from workloads.operators.family import (
    FamilyRule,
    Operations,
    SameShapeRule,
    axis_in,
    dtype_attribute,
    elements,
    integers,
    like,
    operand,
)
from workloads.operators.rule import Operands, TensorType


class Reduce(FamilyRule):
    """Reduce*: ``element`` and ``special`` operations per input element, ``finish`` and ``finish_special`` per output element.

    ``axes`` are an attribute or operand 1; without them all axes are reduced, or none with ``noop_with_empty_axes``.
    """

    family = "reduction"

    def __init__(self, element: int = 1, special: int = 0, finish: int = 0, finish_special: int = 0) -> None:
        self.per_input, self.per_output = Operations(element, special), Operations(finish, finish_special)

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        rank = len(data.shape)
        given = integers(operator, inputs, 1, "axes")
        if not given:
            axes = set() if operator.attributes.get("noop_with_empty_axes") else set(range(rank))
        else:
            axes = {axis_in(operator, axis, rank) for axis in given}
        return (like(operator, data, reduced(data.shape, axes, bool(operator.attributes.get("keepdims", 1)))),)

    def window(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        return max(1, operand(operator, inputs, 0).elements // max(1, elements(outputs[:1])))

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        read, written = operand(operator, inputs, 0).elements, elements(outputs[:1])
        return Operations(
            read * self.per_input.element + written * self.per_output.element,
            read * self.per_input.special + written * self.per_output.special,
        )


class QuantizedReduce(Reduce):
    """QLinearReduceMean: data, its scale and zero point, the result's; the axes are an attribute."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        return super().output_types(operator, inputs[:1])


class ArgumentOfExtreme(Reduce):
    """ArgMax, ArgMin: one comparison per input element; positions along ``axis`` (default 0) as 64-bit integers."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        axis = axis_in(operator, operator.attributes.get("axis", 0), len(data.shape))
        shape = reduced(data.shape, {axis}, bool(operator.attributes.get("keepdims", 1)))
        return (TensorType(shape, dtype_attribute(operator, "output_dtype") or "int64"),)


class RunningSum(SameShapeRule):
    """CumSum, CumProd: one operation per element."""

    family = "reduction"

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(elements(outputs[:1]))


def reduced(shape: tuple[int, ...], axes: set[int], keep: bool) -> tuple[int, ...]:
    """Shape with some axes reduced to 1, or left out.

    >>> reduced((2, 3, 4), {1}, False)
    (2, 4)
    """
    if keep:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)
