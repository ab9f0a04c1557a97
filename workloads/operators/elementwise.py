"""Operators that compute every output element from the elements at its place, with broadcasting."""

from __future__ import annotations

from workloads.graph import Operator
from workloads.operators.family import (
    FamilyRule,
    Operations,
    broadcast,
    dtype_attribute,
    elements,
    fail,
    like,
    operand,
    result_dtype,
)
from workloads.operators.rule import Operands, TensorType


class Elementwise(FamilyRule):
    """One to several operands stretched over each other; operations per output element are given in the table.

    Parameters
    ----------
    element, special : int
        Operations per output element.
    dtype : str or None
        Type of the result where it is not that of the operand ``typed``.
    typed : int
        Operand that gives the type (1 for Where, whose operand 0 is the condition).
    operands : tuple of int or None
        Positions that are broadcast, None for all: quantised forms carry scales and zero points between them.
    """

    family = "elementwise"

    def __init__(
        self,
        element: int = 1,
        special: int = 0,
        *,
        dtype: str | None = None,
        typed: int = 0,
        operands: tuple[int, ...] | None = None,
    ) -> None:
        self.element, self.special, self.dtype, self.typed, self.operands = element, special, dtype, typed, operands

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        positions = range(len(inputs)) if self.operands is None else self.operands
        shapes = [operand(operator, inputs, position).shape for position in positions]
        if "axis" in operator.attributes:
            shapes = placed(shapes, int(operator.attributes["axis"]))
        dtype = self.dtype or operand(operator, inputs, self.typed).dtype
        return (TensorType(broadcast(operator, shapes), result_dtype(operator, dtype)),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        size = elements(outputs[:1])
        return Operations(size * self.element, size * self.special)


def placed(shapes: list[tuple[int, ...]], axis: int) -> list[tuple[int, ...]]:
    """Shapes whose first axis stands at ``axis`` of the first operand: ``axis`` of the first ONNX opsets and of layer tables.

    >>> placed([(1, 32, 7, 7), (1, 32)], 0)
    [(1, 32, 7, 7), (1, 32, 1, 1)]
    """
    rank = len(shapes[0])
    return [shape if len(shape) >= rank else (*shape, *(1,) * (rank - axis - len(shape))) for shape in shapes]


class Variadic(Elementwise):
    """Sum, Max, Min, Mean of any number of operands: one operation per operand after the first; Mean scales once more."""

    def __init__(self, per_output: int = 0) -> None:
        super().__init__()
        self.per_output = per_output

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(elements(outputs[:1]) * (len(inputs) - 1 + self.per_output))


class Cast(Elementwise):
    """Cast, CastLike: the same values in another type, named by attribute ``to`` or by the second operand."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        dtype = dtype_attribute(operator, "output_dtype") or dtype_attribute(operator, "to")
        if dtype is None:
            dtype = operand(operator, inputs, 1, "type to take").dtype
        return (TensorType(data.shape, dtype),)


class Triangle(Elementwise):
    """Trilu: keeps one triangle of the last two axes; one selection per element."""

    def __init__(self) -> None:
        super().__init__(operands=(0,))

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        if len(data.shape) < 2:
            raise fail(operator, f"input of shape {data.shape}; at least two axes are expected")
        return (like(operator, data),)
