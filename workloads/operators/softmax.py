"""Softmax and its relatives along one axis."""

from __future__ import annotations

from workloads.graph import Operator
from workloads.operators.family import Operations, SameShapeRule, axis_in, elements, operand
from workloads.operators.rule import Operands


class Softmax(SameShapeRule):
    """Softmax: ``exp(x - max) / sum``. Per element: compare, subtract, add; one exp and one division.

    Opset 12 and older flatten the axes behind ``axis`` first; the counts are the same.
    """

    family = "softmax"

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        size = elements(outputs[:1])
        return Operations(3 * size, 2 * size)


class LogSoftmax(Softmax):
    """LogSoftmax: ``x - max - log(sum exp(x - max))``. Per element: compare, subtract, add, subtract; one exp; one log per row."""

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        data = operand(operator, inputs, 0)
        axis = axis_in(operator, operator.attributes.get("axis", -1), len(data.shape))
        return Operations(4 * data.elements, data.elements + data.elements // data.shape[axis])


class Hardmax(Softmax):
    """Hardmax: 1 at the first maximum, 0 elsewhere: a comparison and a selection per element."""

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(2 * elements(outputs[:1]))
