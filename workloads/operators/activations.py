"""Activation functions that stand as operators of their own; fused ones are an attribute of the operator before."""

from __future__ import annotations

from workloads.graph import Operator
from workloads.operators.family import (
    ACTIVATION_OF_OPERATOR,
    ACTIVATION_OPERATIONS,
    Operations,
    SameShapeRule,
    broadcast,
    elements,
    like,
    operand,
)
from workloads.operators.rule import Operands, TensorType


def activation_name(operator: Operator) -> str:
    """Name of the function an activation operator computes, ``none`` for other operators.

    A Clip to 0..6 whose limits are attributes is ``relu6``; a Gelu with ``approximate = tanh`` is ``gelu_tanh``.
    """
    name = ACTIVATION_OF_OPERATOR.get(operator.op, "none")
    if name == "gelu" and operator.attributes.get("approximate") == "tanh":
        return "gelu_tanh"
    if name == "clip" and operator.attributes.get("min") == 0 and operator.attributes.get("max") == 6:
        return "relu6"
    return name


class Activation(SameShapeRule):
    """One function per element; its operations stand in ``ACTIVATION_OPERATIONS``."""

    family = "activation"

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        element, special = ACTIVATION_OPERATIONS[activation_name(operator)]
        size = elements(outputs[:1])
        return Operations(element * size, special * size)


class ParametricRelu(Activation):
    """PRelu: the slope is a second operand that broadcasts to the first."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data, slope = operand(operator, inputs, 0), operand(operator, inputs, 1, "slope")
        return (like(operator, data, broadcast(operator, (data.shape, slope.shape))),)


class BiasedActivation(Activation):
    """BiasGelu, FastGelu: a bias vector is added first, one more operation per element."""

    def __init__(self, function: str) -> None:
        self.function = function

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        element, special = ACTIVATION_OPERATIONS[self.function]
        biased = len(inputs) > 1 and inputs[1] is not None
        size = elements(outputs[:1])
        return Operations((element + biased) * size, special * size)


class QuantizedActivation(BiasedActivation):
    """QLinearSigmoid, QLinearLeakyRelu: data, its scale and zero point, the result's; counted like the plain function."""

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        element, special = ACTIVATION_OPERATIONS[self.function]
        size = elements(outputs[:1])
        return Operations(element * size, special * size)
