"""Constants that files compute: folded to shape, type and what is known of the values, without materialising large ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from workloads.errors import GraphError
from workloads.graph import LARGEST_COUNT, Operator
from workloads.readers.constants import COMPUTED_ELEMENTS, NUMPY_TYPES, Constant
from workloads.readers.evaluation import evaluate, parameter

Shape = tuple[int, ...]


def fold(operators: Sequence[Operator], constants: MutableMapping[str, Constant]) -> list[Operator]:
    """Operators that are left once everything computable from constants is a constant; the new ones are added to ``constants``.

    Parameters
    ----------
    operators : sequence of Operator
        In a valid order.
    constants : mutable mapping of str to Constant
        Known tensors by name; grows.
    """
    left = []
    for operator in operators:
        names = [name for name in operator.inputs if name]
        known = bool(names) and all(name in constants for name in names)
        results = folded(operator, [constants[name] if name else None for name in operator.inputs]) if known else None
        if results is None:
            left.append(operator)
            continue
        for name, result in zip(operator.outputs, results, strict=False):
            if name:
                constants[name] = result
    return left


def folded(operator: Operator, operands: Sequence[Constant | None]) -> list[Constant] | None:
    """Outputs of one operator whose operands are constants, ``None`` where it must stay an operator."""
    move = MOVES.get(operator.op)
    try:
        if move is not None and operands and operands[0] is not None:
            result = move(operator, operands[0], operands)
            if result is not None:
                return [result]
        return evaluate(operator, operands)
    except GraphError:
        raise
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, ZeroDivisionError) as error:
        reason = " ".join(str(error).split())
        raise GraphError(
            f"operator '{operator.name}' ({operator.op}): its constants do not compute ({reason}); operands that fit are expected"
        ) from error


def shape_values(operator: Operator, shape: Shape) -> Constant:
    """What Shape or Size of a tensor of this shape gives.

    >>> shape_values(Operator("s", "Shape", ("x",), ("y",), {"start": 1}), (2, 3, 4)).integers()
    (3, 4)
    """
    if operator.op == "Size":
        values = np.array(math.prod(shape), dtype=np.int64)
    else:
        values = np.array(shape[slice(operator.attribute("start"), operator.attribute("end"))], dtype=np.int64)
    return Constant(tuple(values.shape), "int64", values)


def replace_shapes(
    operators: Sequence[Operator], constants: MutableMapping[str, Constant], shapes: Mapping[str, Shape]
) -> list[Operator]:
    """Operators without the Shape and Size of tensors whose shape is known; these become constants."""
    left = []
    for operator in operators:
        source = operator.inputs[0] if operator.inputs else ""
        if operator.op in ("Shape", "Size") and source in shapes:
            constants[operator.outputs[0]] = shape_values(operator, shapes[source])
        else:
            left.append(operator)
    return left


def _moved(constant: Constant, shape: Shape, array: Any) -> Constant:
    return replace(constant, shape=shape, array=array)


def _same(operator: Operator, data: Constant, operands: Sequence[Constant | None]) -> Constant:
    return data


def _integers(operator: Operator, operands: Sequence[Constant | None], position: int, name: str) -> Shape | None:
    """A parameter given by an operand or an attribute; None where its values are unknown."""
    given = operands[position] if position < len(operands) else None
    values = given.values() if given is not None else None
    if given is not None and values is None:
        return None
    return parameter(operator, [*[None] * position, values], position, name)


def _filled(operator: Operator, shape: Constant, operands: Sequence[Constant | None]) -> Constant | None:
    """ConstantOfShape: the value is an attribute, the shape an operand."""
    sizes = shape.integers()
    if sizes is None:
        return None
    if min(sizes, default=0) < 0 or math.prod(sizes) > LARGEST_COUNT // 8:
        raise GraphError(
            f"operator '{operator.name}' ({operator.op}): shape {sizes}; whole numbers >= 0 and at most 2^60 elements are expected"
        )
    dtype, value = operator.attribute("fill", ("fp32", 0.0))
    return Constant(sizes, dtype, None, value)


def _reshaped(operator: Operator, data: Constant, operands: Sequence[Constant | None]) -> Constant | None:
    wanted = _integers(operator, operands, 1, "shape")
    if wanted is None:
        return None
    sizes = [data.shape[i] if size == 0 and not operator.attribute("allowzero") else size for i, size in enumerate(wanted)]
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = data.elements // max(1, -math.prod(sizes))
    if math.prod(sizes) != data.elements or min(sizes, default=1) < 0:
        raise GraphError(f"operator '{operator.name}' (Reshape): {data.shape} to {wanted}; the same number of elements is expected")
    return _moved(data, tuple(sizes), None if data.array is None else data.array.reshape(sizes))


def _flattened(operator: Operator, data: Constant, operands: Sequence[Constant | None]) -> Constant:
    axis = operator.attribute("axis", 1)
    axis = axis + len(data.shape) if axis < 0 else axis
    shape = (math.prod(data.shape[:axis]), math.prod(data.shape[axis:]))
    return _moved(data, shape, None if data.array is None else data.array.reshape(shape))


def _squeezed(operator: Operator, data: Constant, operands: Sequence[Constant | None]) -> Constant | None:
    axes = _integers(operator, operands, 1, "axes")
    if axes is None and len(operands) > 1:
        return None
    rank = len(data.shape)
    gone = {axis % rank for axis in axes} if axes else {axis for axis, size in enumerate(data.shape) if size == 1}
    shape = tuple(size for axis, size in enumerate(data.shape) if axis not in gone)
    return _moved(data, shape, None if data.array is None else data.array.reshape(shape))


def _unsqueezed(operator: Operator, data: Constant, operands: Sequence[Constant | None]) -> Constant | None:
    axes = _integers(operator, operands, 1, "axes")
    if axes is None:
        return None
    rank = len(data.shape) + len(axes)
    new = {axis % rank for axis in axes}
    sizes = iter(data.shape)
    shape = tuple(1 if axis in new else next(sizes) for axis in range(rank))
    return _moved(data, shape, None if data.array is None else data.array.reshape(shape))


def _transposed(operator: Operator, data: Constant, operands: Sequence[Constant | None]) -> Constant:
    order = operator.attribute("perm") or _integers(operator, operands, 1, "perm") or tuple(reversed(range(len(data.shape))))
    shape = tuple(data.shape[axis] for axis in order)
    return _moved(data, shape, None if data.array is None else data.array.transpose(order))


def _expanded(operator: Operator, data: Constant, operands: Sequence[Constant | None]) -> Constant | None:
    wanted = _integers(operator, operands, 1, "shape")
    if wanted is None or (data.array is not None and data.elements != 1):
        return None
    shape = np.broadcast_shapes(data.shape, wanted)
    return Constant(shape, data.dtype, None, data.fill if data.array is None else data.array.item())


def _dequantized(operator: Operator, data: Constant, operands: Sequence[Constant | None]) -> Constant:
    """Constants stay as they are stored: the operator that reads them brings them to float as it goes."""
    scale, point = (operands[i] if len(operands) > i else None for i in (1, 2))
    data = replace(data, read_as=scale.dtype if scale is not None else "fp32")
    if point is None or point.array is None or not np.any(point.array):
        return data
    points = tuple(int(v) for v in point.array.ravel())
    return replace(data, zero=points[0] if len(points) == 1 else points)


def _quantized(operator: Operator, data: Constant, operands: Sequence[Constant | None]) -> Constant | None:
    """QuantizeLinear of a constant: stored quantised, ``round(x / scale) + zero point``."""
    point = operands[2] if len(operands) > 2 else None
    dtype = point.dtype if point is not None else operator.attribute("output_dtype") or "uint8"
    if not isinstance(dtype, str):
        return None
    scale = operands[1].array if len(operands) > 1 and operands[1] is not None else None
    if data.array is None or scale is None or scale.size != 1 or data.dtype != "fp32" or dtype not in ("int8", "uint8"):
        return Constant(data.shape, dtype)
    offset = 0 if point is None or point.array is None else int(point.array.item())
    limits = np.iinfo(dtype)
    return Constant(data.shape, dtype, np.clip(np.round(data.array / scale.item()) + offset, limits.min, limits.max).astype(dtype))


def _cast(operator: Operator, data: Constant, operands: Sequence[Constant | None]) -> Constant | None:
    """The values of a large constant are kept as they are: a change of type keeps zeros zero."""
    dtype = operator.attributes["to"]
    if not isinstance(dtype, str) or (data.array is not None and data.elements <= COMPUTED_ELEMENTS and dtype in NUMPY_TYPES):
        return None
    return replace(data, dtype=dtype)


#: Operators that only rearrange or retype a constant of any size.
MOVES: dict[str, Callable[[Operator, Constant, Sequence[Constant | None]], Constant | None]] = {
    "Cast": _cast,
    "ConstantOfShape": _filled,
    "DequantizeLinear": _dequantized,
    "Dropout": _same,
    "Expand": _expanded,
    "Flatten": _flattened,
    "Identity": _same,
    "QuantizeLinear": _quantized,
    "Reshape": _reshaped,
    "Squeeze": _squeezed,
    "Transpose": _transposed,
    "Unsqueeze": _unsqueezed,
}
