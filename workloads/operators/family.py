"""FamilyRule: the part of a rule that all families share, and the questions every rule asks of its operands.

Counting conventions, the same for every operator:

- A multiply-accumulate is one product added to a sum. A bias is an element operation.
- Element operations are additions, comparisons, multiplications, roundings; special operations are evaluations of exp, log, tanh,
  erf, power, square root, sine, and divisions by a value that is not known beforehand. ``x * sigmoid(x)``: 2 element, 2 special.
- Bytes are those of each distinct operand once, at its stored precision. Rules that touch less say so.
- The rescaling of an integer result belongs to the write-back of the unit: quantised and plain forms of an operator count alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from workloads.dtypes import WEIGHT_FORMATS, bits
from workloads.errors import GraphError
from workloads.graph import LARGEST_COUNT, Operator, Tensor
from workloads.operators.rule import Operands, OperatorRule, TensorType
from workloads.work import Work

#: (element, special) operations per element of the activation functions of :data:`workloads.tables.ACTIVATIONS`, and of a few more.
ACTIVATION_OPERATIONS: dict[str, tuple[int, int]] = {
    "none": (0, 0), "relu": (1, 0), "relu6": (2, 0), "clip": (2, 0), "leaky_relu": (2, 0), "prelu": (2, 0),
    "sigmoid": (1, 2), "tanh": (0, 1), "hard_sigmoid": (4, 0), "hard_swish": (5, 0), "silu": (2, 2), "gelu": (4, 1),
    "gelu_tanh": (8, 1), "elu": (2, 1), "selu": (3, 1), "celu": (3, 1), "softplus": (1, 2), "softsign": (2, 1), "mish": (2, 3),
    "thresholded_relu": (1, 0), "exp": (0, 1), "erf": (0, 1), "sqrt": (0, 1),
}  # fmt: skip

#: ONNX operator name of an activation -> its name in :data:`workloads.tables.ACTIVATIONS`.
ACTIVATION_OF_OPERATOR = {
    "Celu": "celu", "Clip": "clip", "Elu": "elu", "Erf": "erf", "Exp": "exp", "FastGelu": "gelu_tanh", "Gelu": "gelu",
    "HardSigmoid": "hard_sigmoid", "HardSwish": "hard_swish", "LeakyRelu": "leaky_relu", "Mish": "mish", "PRelu": "prelu",
    "QuickGelu": "silu", "Relu": "relu", "Selu": "selu", "Sigmoid": "sigmoid", "Softplus": "softplus", "Softsign": "softsign",
    "Sqrt": "sqrt", "Swish": "silu", "Tanh": "tanh", "ThresholdedRelu": "thresholded_relu",
}  # fmt: skip

#: Codes of element types in ONNX files (onnx.proto, TensorProto.DataType), for attributes that name a type.
ONNX_TYPE_CODES = {
    1: "fp32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool", 10: "fp16", 11: "fp64",
    12: "uint32", 13: "uint64", 16: "bf16", 17: "fp8", 18: "fp8", 19: "fp8", 20: "fp8", 21: "int4", 22: "int4",
}  # fmt: skip


class Operations(NamedTuple):
    """Element and special operations."""

    element: int = 0
    special: int = 0


class UndeterminedShape(GraphError):
    """An output shape that hangs on values the graph does not keep; the declared shape is the only one known."""


class FamilyRule(OperatorRule):
    """A rule whose bytes are its operands, each once; families add kind, output types, nests and operations."""

    family: ClassVar[str]

    def kind(self, operator: Operator, inputs: Operands, outputs: Operands) -> str:
        return self.family

    def macs(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        """Multiply-accumulates, from shapes alone (the nests say the same; a test compares them)."""
        return 0

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        """Element and special operations; a fused activation is added by :meth:`work`."""
        return Operations()

    def work(self, operator: Operator, inputs: Operands, outputs: Operands) -> Work:
        element, special = self.operations(operator, inputs, outputs)
        fused = operator.attributes.get("activation")
        if fused and fused != "none":
            more_element, more_special = fused_operations(operator, outputs)
            element, special = element + more_element, special + more_special
        return moved(operator, inputs, outputs, self.macs(operator, inputs, outputs), element, special)


class SameShapeRule(FamilyRule):
    """First output has shape and type of the first input; further outputs are refused."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        return (like(operator, operand(operator, inputs, 0)),)


def moved(operator: Operator, inputs: Operands, outputs: Operands, macs: int = 0, element: int = 0, special: int = 0) -> Work:
    """Work of an operator that reads every distinct operand once and writes every output once."""
    activation_bytes = weight_bytes = 0
    seen: set[str] = set()
    for tensor in inputs:
        if tensor is None or tensor.name in seen:
            continue
        seen.add(tensor.name)
        if tensor.role == "weight":
            weight_bytes += tensor.bytes
        else:
            activation_bytes += tensor.bytes
    written = 0
    for tensor in outputs:
        if tensor is not None:
            written += tensor.bytes
    largest = max(macs, element, special, activation_bytes, weight_bytes, written)
    if largest > LARGEST_COUNT:
        raise fail(operator, f"{largest} operations or bytes; at most 2^63 - 1 are expected")
    return Work(macs, element, special, activation_bytes, weight_bytes, written)


def fused_operations(operator: Operator, outputs: Operands) -> Operations:
    """Operations of the activation fused into an operator, named as in ``ACTIVATION_OPERATIONS`` or by its ONNX operator."""
    name = operator.attributes["activation"]
    name = ACTIVATION_OF_OPERATOR.get(name, name)
    if name not in ACTIVATION_OPERATIONS:
        raise fail(operator, f"fused activation '{name}'; known: {', '.join(ACTIVATION_OPERATIONS)}")
    element, special = ACTIVATION_OPERATIONS[name]
    size = elements(outputs[:1])
    return Operations(element * size, special * size)


def fail(operator: Operator, problem: str) -> GraphError:
    """A GraphError that names the operator."""
    return GraphError(f"operator '{operator.name}' ({operator.op}): {problem}")


def undetermined(operator: Operator, what: str) -> UndeterminedShape:
    """The error of a shape that hangs on values that are not kept."""
    return UndeterminedShape(
        f"operator '{operator.name}' ({operator.op}): {what} is computed, not constant; the output shape must be declared"
    )


def operand(operator: Operator, inputs: Operands, position: int, meaning: str = "") -> Tensor:
    """Input at ``position``; a GraphError where it is absent."""
    tensor = inputs[position] if position < len(inputs) else None
    if tensor is None:
        raise fail(operator, f"input {position}{f' ({meaning})' if meaning else ''} is missing; it is not optional")
    return tensor


def work_of(full: Work, unread_weight_bytes: int) -> Work:
    """The same work without the bytes of constants that are not read."""
    return replace(full, weight_bytes_read=full.weight_bytes_read - unread_weight_bytes)


def optional(inputs: Operands, position: int) -> Tensor | None:
    """Input at ``position`` or None."""
    return inputs[position] if position < len(inputs) else None


def elements(tensors: Iterable[Tensor | None]) -> int:
    """Elements of all the tensors together."""
    return sum(tensor.elements for tensor in tensors if tensor is not None)


def like(operator: Operator, tensor: Tensor, shape: tuple[int, ...] | None = None) -> TensorType:
    """Type of an output computed from ``tensor``: its shape unless another is given, its type unless ``output_dtype`` is there."""
    return TensorType(tensor.shape if shape is None else shape, result_dtype(operator, tensor.dtype))


def result_dtype(operator: Operator, dtype: str) -> str:
    """Type of a result: ``output_dtype`` if the operator has it, 16-bit float next to block-quantised weights, else ``dtype``."""
    chosen = dtype_attribute(operator, "output_dtype")
    if chosen:
        return chosen
    return "fp16" if dtype in WEIGHT_FORMATS else dtype


def dtype_attribute(operator: Operator, name: str) -> str | None:
    """Element type an attribute names, by our name or by its code in ONNX files."""
    value = operator.attributes.get(name)
    if value is None or value == 0:
        return None
    if isinstance(value, str):
        bits(value)
        return value
    if value not in ONNX_TYPE_CODES:
        raise fail(operator, f"{name} = {value!r} is not an element type; a type name or ONNX code is expected")
    return ONNX_TYPE_CODES[value]


def numbers(operator: Operator, inputs: Operands, position: int | None, *names: str) -> tuple[float, ...] | None:
    """Values of a shape-like parameter: an attribute under one of ``names``, else the kept values of the operand at ``position``.

    Returns None where neither is given; raises :class:`UndeterminedShape` where the operand is there but its values are not kept.
    """
    for name in names:
        value = operator.attributes.get(name)
        if value is not None:
            return tuple(value) if isinstance(value, (tuple, list)) else (value,)
    tensor = optional(inputs, position) if position is not None else None
    if tensor is None or tensor.elements == 0:
        return None
    values = known_values(tensor)
    if values is None:
        raise undetermined(operator, f"'{tensor.name}' ({names[0] if names else 'operand'})")
    return values


def integers(operator: Operator, inputs: Operands, position: int | None, *names: str) -> tuple[int, ...] | None:
    """Like :func:`numbers`, as whole numbers."""
    values = numbers(operator, inputs, position, *names)
    return None if values is None else tuple(int(value) for value in values)


def known_values(tensor: Tensor) -> tuple[float, ...] | None:
    """Elements of a tensor whose values the graph keeps."""
    if tensor.facts is None:
        return None
    if tensor.facts.values is not None:
        return tensor.facts.values
    if tensor.facts.fill is not None and tensor.elements <= 64:
        return (tensor.facts.fill,) * tensor.elements
    return None


def axis_in(operator: Operator, axis: Any, rank: int) -> int:
    """An axis counted from the front; a GraphError where the tensor does not have it."""
    if not -rank <= axis < max(rank, 1):
        raise fail(operator, f"axis {axis} of a tensor with {rank} axes; {-rank} to {rank - 1} are expected")
    return int(axis) % rank if rank else 0


def broadcast(operator: Operator, shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Shape of operands stretched over each other (numpy and ONNX rule).

    >>> broadcast(Operator("add", "Add", (), ()), [(8, 1, 6), (7, 1)])
    (8, 7, 6)
    """
    shapes = list(shapes)
    rank = max(map(len, shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for axis, size in enumerate(shape, rank - len(shape)):
            if size != 1 and result[axis] not in (1, size):
                raise fail(operator, f"shapes {' and '.join(map(str, shapes))} do not broadcast; sizes must be equal or 1")
            if size != 1:
                result[axis] = size
    return tuple(result)


def channels_last(operator: Operator) -> bool:
    """True where the operator's activations hold channels on the last axis."""
    return operator.attributes.get("layout") == "NHWC"


def channel_axis(operator: Operator, rank: int) -> int:
    """Axis that holds channels."""
    return rank - 1 if channels_last(operator) or rank == 1 else 1


def per_axis(operator: Operator, name: str, rank: int, default: int) -> tuple[int, ...]:
    """An attribute with one number per spatial axis."""
    value = operator.attributes.get(name)
    if value is None:
        return (default,) * rank
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        raise fail(operator, f"{name} = {tuple(value)}; {rank} numbers are expected")
    return tuple(int(v) for v in value)
