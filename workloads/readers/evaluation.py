"""Values of operators whose operands are constants: the small arithmetic on shapes that exporters leave in files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.graph import Operator
from workloads.readers.constants import COMPUTED_ELEMENTS, NUMPY_TYPES, OUR_TYPES, Constant, of_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
else:
    Array = Any

Arrays = list[Any]


class TooLarge(Exception):
    """The result has more elements than are computed with."""


def evaluate(operator: Operator, operands: Sequence[Constant | None]) -> list[Constant] | None:
    """Results of an operator on constants, ``None`` where the operator is not known here or the values are unknown or many.

    Parameters
    ----------
    operator : Operator
        With the attributes of its file (ONNX names).
    operands : sequence of Constant or None
        None for an absent optional operand.

    >>> [two, three] = [of_array(np.array([v])) for v in (2, 3)]
    >>> evaluate(Operator("n", "Add", ("a", "b"), ("c",)), [two, three])[0].integers()
    (5,)
    """
    function = FUNCTIONS.get(operator.op)
    if function is None:
        return None
    arrays: Arrays = []
    for constant in operands:
        values = None if constant is None or constant.read_as else constant.values()
        if constant is not None and (values is None or values.dtype not in OUR_TYPES):
            return None
        arrays.append(values)
    try:
        with np.errstate(all="ignore"):
            results = function(operator, arrays)
        return [of_array(np.asarray(result)) for result in results]
    except TooLarge:
        return None


def _checked(elements: int) -> None:
    if elements > COMPUTED_ELEMENTS:
        raise TooLarge


def _elementwise(function: Callable[..., Array]) -> Callable[[Operator, Arrays], Arrays]:
    def apply(operator: Operator, arrays: Arrays) -> Arrays:
        _checked(math.prod(np.broadcast_shapes(*(array.shape for array in arrays))))
        result = function(*arrays)
        return [np.asarray(result)]

    return apply


def _variadic(function: Callable[[Array, Array], Array]) -> Callable[[Operator, Arrays], Arrays]:
    def apply(operator: Operator, arrays: Arrays) -> Arrays:
        result = arrays[0]
        for array in arrays[1:]:
            _checked(math.prod(np.broadcast_shapes(result.shape, array.shape)))
            result = function(result, array)
        return [result]

    return apply


def _same_type(function: Callable[..., Array]) -> Callable[[Operator, Arrays], Arrays]:
    """Elementwise, the result in the type of the first operand."""
    return _elementwise(lambda first, *rest: np.asarray(function(first, *rest)).astype(first.dtype))


def _quotient(a: Array, b: Array) -> Array:
    """ONNX divides whole numbers toward zero."""
    if a.dtype.kind not in "iu":
        return a / b
    if not np.all(b):
        raise ValueError("division by zero")
    return np.trunc(a / b).astype(a.dtype) if a.dtype.kind == "i" and (np.any(a < 0) or np.any(b < 0)) else a // b


def parameter(operator: Operator, arrays: Arrays, position: int, name: str) -> tuple[int, ...] | None:
    """Whole numbers given by the operand at ``position`` (newer opsets) or the attribute ``name`` (older ones)."""
    if position < len(arrays) and arrays[position] is not None:
        return tuple(int(v) for v in np.asarray(arrays[position]).ravel())
    value = operator.attribute(name)
    if value is None:
        return None
    return (int(value),) if isinstance(value, (int, float)) else tuple(int(v) for v in value)


def _reduction(function: Callable[..., Array]) -> Callable[[Operator, Arrays], Arrays]:
    def apply(operator: Operator, arrays: Arrays) -> Arrays:
        axes = parameter(operator, arrays, 1, "axes")
        if not axes and operator.attribute("noop_with_empty_axes"):
            return [arrays[0]]
        keep = bool(operator.attribute("keepdims", 1))
        result = function(arrays[0], axis=axes or None, keepdims=keep)
        return [np.asarray(result).astype(arrays[0].dtype)]

    return apply


def _concat(operator: Operator, arrays: Arrays) -> Arrays:
    _checked(sum(array.size for array in arrays))
    return [np.concatenate(arrays, axis=int(operator.attribute("axis", 0)))]


def _gather(operator: Operator, arrays: Arrays) -> Arrays:
    data, indices = arrays[:2]
    axis = int(operator.attribute("axis", 0))
    _checked(data.size // max(1, data.shape[axis]) * indices.size)
    return [np.take(data, indices, axis=axis)]


def _slice(operator: Operator, arrays: Arrays) -> Arrays:
    data = arrays[0]
    starts, ends = parameter(operator, arrays, 1, "starts") or (), parameter(operator, arrays, 2, "ends") or ()
    axes = parameter(operator, arrays, 3, "axes") or tuple(range(len(starts)))
    steps = parameter(operator, arrays, 4, "steps") or (1,) * len(starts)
    index: list[Any] = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = data.shape[axis]
        stop: int | None = end + size if -size <= end < 0 else end
        if step < 0 and end < -size:
            stop = None
        index[axis] = slice(start, stop, step)
    return [np.squeeze(data[tuple(index)], axis=tuple(operator.attribute("squeezed", ())))]


def _split(operator: Operator, arrays: Arrays) -> Arrays:
    axis, parts = int(operator.attribute("axis", 0)), len(operator.outputs)
    sizes = parameter(operator, arrays, 1, "split")
    if sizes is None:
        even = -(-arrays[0].shape[axis] // parts)
        sizes = (even,) * (parts - 1) + (arrays[0].shape[axis] - even * (parts - 1),)
    return list(np.split(arrays[0], np.cumsum(sizes)[:-1], axis=axis))


def _expand(operator: Operator, arrays: Arrays) -> Arrays:
    shape = np.broadcast_shapes(arrays[0].shape, parameter(operator, arrays, 1, "shape") or ())
    _checked(math.prod(shape))
    return [np.array(np.broadcast_to(arrays[0], shape))]


def _tile(operator: Operator, arrays: Arrays) -> Arrays:
    repeats = parameter(operator, arrays, 1, "repeats") or ()
    _checked(arrays[0].size * math.prod(repeats))
    return [np.tile(arrays[0], repeats)]


def _range(operator: Operator, arrays: Arrays) -> Arrays:
    start, limit, delta = (array.item() for array in arrays)
    _checked(max(0, math.ceil((limit - start) / delta)))
    return [np.arange(start, limit, delta, dtype=arrays[0].dtype)]


def _cast(operator: Operator, arrays: Arrays) -> Arrays:
    return [arrays[0].astype(NUMPY_TYPES[operator.attributes["to"]])]


def _nonzero(operator: Operator, arrays: Arrays) -> Arrays:
    _checked(arrays[0].size * max(1, arrays[0].ndim))
    return [np.array(np.nonzero(arrays[0]), dtype=np.int64)]


def _stack(operator: Operator, arrays: Arrays) -> Arrays:
    _checked(sum(array.size for array in arrays))
    return [np.stack(arrays, axis=int(operator.attribute("axis", 0)))]


FUNCTIONS: dict[str, Callable[[Operator, Arrays], Arrays]] = {
    "Abs": _elementwise(np.abs),
    "Add": _elementwise(np.add),
    "And": _elementwise(np.logical_and),
    "Cast": _cast,
    "Ceil": _elementwise(np.ceil),
    "Concat": _concat,
    "Div": _elementwise(_quotient),
    "Equal": _elementwise(np.equal),
    "Exp": _elementwise(np.exp),
    "Expand": _expand,
    "Floor": _elementwise(np.floor),
    "Gather": _gather,
    "Greater": _elementwise(np.greater),
    "GreaterOrEqual": _elementwise(np.greater_equal),
    "Less": _elementwise(np.less),
    "LessOrEqual": _elementwise(np.less_equal),
    "Log": _elementwise(np.log),
    "Max": _variadic(np.maximum),
    "Min": _variadic(np.minimum),
    "Mod": _elementwise(np.mod),
    "Mul": _elementwise(np.multiply),
    "Neg": _elementwise(np.negative),
    "NonZero": _nonzero,
    "Not": _elementwise(np.logical_not),
    "Or": _elementwise(np.logical_or),
    "Pack": _stack,
    "Pow": _same_type(np.power),
    "Range": _range,
    "Reciprocal": _elementwise(np.reciprocal),
    "ReduceMax": _reduction(np.max),
    "ReduceMean": _reduction(np.mean),
    "ReduceMin": _reduction(np.min),
    "ReduceProd": _reduction(np.prod),
    "ReduceSum": _reduction(np.sum),
    "Round": _elementwise(np.round),
    "Sign": _elementwise(np.sign),
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _same_type(np.sqrt),
    "Sub": _elementwise(np.subtract),
    "Sum": _variadic(np.add),
    "Tile": _tile,
    "Where": _elementwise(np.where),
    "Xor": _elementwise(np.logical_xor),
}
