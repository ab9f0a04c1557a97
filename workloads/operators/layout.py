"""Operators that only move elements: concatenate, split, slice, transpose, pad, expand, tile. They compute nothing."""

from __future__ import annotations

from workloads.dtypes import stored_bytes
from workloads.graph import Operator, Tensor
from workloads.operators.family import (
    FamilyRule,
    Operations,
    axis_in,
    broadcast,
    channel_axis,
    dtype_attribute,
    elements,
    fail,
    integers,
    known_values,
    like,
    moved,
    numbers,
    operand,
    optional,
    result_dtype,
    undetermined,
)  # fmt: skip
from workloads.operators.rule import Operands, TensorType
from workloads.work import Work


class LayoutRule(FamilyRule):
    """Kind ``layout``: moves its operands."""

    family = "layout"


class Concat(LayoutRule):
    """Concat: operands one after the other along ``axis``."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        present = [tensor for tensor in inputs if tensor is not None]
        first = operand(operator, inputs, 0)
        axis = axis_in(operator, operator.attributes.get("axis", 1), len(first.shape))
        shape = list(first.shape)
        for tensor in present[1:]:
            others = (*tensor.shape[:axis], *tensor.shape[axis + 1 :])
            if len(tensor.shape) != len(shape) or others != (*first.shape[:axis], *first.shape[axis + 1 :]):
                raise fail(operator, f"shapes {first.shape} and {tensor.shape}; equal sizes on all axes but {axis} are expected")
            shape[axis] += tensor.shape[axis]
        return (like(operator, first, tuple(shape)),)


class QuantizedConcat(Concat):
    """QLinearConcat: scale and zero point of the result, then triples of operand, scale and zero point."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        return super().output_types(operator, inputs[2::3])

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        """Every element is rescaled: a product and a sum."""
        return Operations(2 * elements(outputs[:1]))


class Stack(LayoutRule):
    """Pack (TFLite): operands of one shape along a new ``axis``."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        first = operand(operator, inputs, 0)
        if any(tensor is not None and tensor.shape != first.shape for tensor in inputs):
            raise fail(operator, f"shapes {[t.shape for t in inputs if t]}; equal shapes are expected")
        axis = axis_in(operator, operator.attributes.get("axis", 0), len(first.shape) + 1)
        return (like(operator, first, (*first.shape[:axis], len(inputs), *first.shape[axis:])),)


class Unstack(LayoutRule):
    """Unpack (TFLite): one output per place along ``axis``, the axis left out."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        axis = axis_in(operator, operator.attributes.get("axis", 0), len(data.shape))
        kind = like(operator, data, (*data.shape[:axis], *data.shape[axis + 1 :]))
        return (kind,) * data.shape[axis]


class Split(LayoutRule):
    """Split: parts of ``axis``, of the sizes in attribute or operand ``split``, else equal ones (the last smaller)."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        axis = axis_in(operator, operator.attributes.get("axis", 0), len(data.shape))
        size, count = data.shape[axis], len(operator.outputs)
        parts = integers(operator, inputs, 1, "split")
        if parts is None:
            chunk = -(-size // count)
            parts = (*(chunk,) * (count - 1), size - chunk * (count - 1))
        elif parts.count(-1) == 1:
            rest = size - sum(part for part in parts if part != -1)
            parts = tuple(rest if part == -1 else part for part in parts)
        if sum(parts) != size or len(parts) != count or min(parts) < 0:
            raise fail(operator, f"parts {parts} of {size} for {count} outputs; parts that add up to {size} are expected")
        return tuple(like(operator, data, (*data.shape[:axis], part, *data.shape[axis + 1 :])) for part in parts)


class Slice(LayoutRule):
    """Slice, Crop: every ``steps``-th element between ``starts`` and ``ends`` on some axes. Reads only what it keeps."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        starts, ends = integers(operator, inputs, 1, "starts"), integers(operator, inputs, 2, "ends")
        if starts is None or ends is None:
            raise fail(operator, "no starts or ends; constant operands or attributes are expected")
        axes = integers(operator, inputs, 3, "axes", "axis") or tuple(range(len(starts)))
        steps = integers(operator, inputs, 4, "steps") or (1,) * len(starts)
        if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
            raise fail(
                operator, f"starts {starts}, ends {ends}, axes {axes}, steps {steps}; equally many, steps not 0, are expected"
            )
        shape = list(data.shape)
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            place = axis_in(operator, axis, len(shape))
            shape[place] = kept_places(start, end, step, shape[place])
        squeezed = {axis_in(operator, axis, len(shape)) for axis in operator.attributes.get("squeezed", ())}
        return (like(operator, data, tuple(size for axis, size in enumerate(shape) if axis not in squeezed)),)

    def work(self, operator: Operator, inputs: Operands, outputs: Operands) -> Work:
        return partly_read(operator, inputs, outputs, operand(operator, inputs, 0))


class Transpose(LayoutRule):
    """Transpose: axes in the order of ``perm`` (default: reversed)."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        rank = len(data.shape)
        perm = integers(operator, inputs, 1, "perm") or tuple(reversed(range(rank)))
        if sorted(perm) != list(range(rank)):
            raise fail(operator, f"perm {perm} of a tensor with {rank} axes; each axis once is expected")
        return (like(operator, data, tuple(data.shape[axis] for axis in perm)),)


class Pad(LayoutRule):
    """Pad: ``pads`` elements put before and behind (all begins, then all ends), on all axes or on ``axes``; negative ones crop."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        pads = integers(operator, inputs, 1, "pads")
        if pads is None:
            raise fail(operator, "no pads; a constant operand or an attribute is expected")
        axes = integers(operator, inputs, 3, "axes") or tuple(range(len(data.shape)))
        if len(pads) != 2 * len(axes):
            raise fail(operator, f"pads {pads} for {len(axes)} axes; {2 * len(axes)} numbers are expected")
        shape = list(data.shape)
        for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
            shape[axis_in(operator, axis, len(shape))] += begin + end
        if min(shape, default=0) < 0:
            raise fail(operator, f"pads {pads} of shape {data.shape}; they crop more than there is")
        return (like(operator, data, tuple(shape)),)


class Expand(LayoutRule):
    """Expand: stretched to ``shape`` by broadcasting."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        wanted = integers(operator, inputs, 1, "shape")
        if wanted is None:
            raise undetermined(operator, "the shape")
        return (like(operator, data, broadcast(operator, (data.shape, wanted))),)


class Tile(LayoutRule):
    """Tile: repeated ``repeats`` times along each axis."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        repeats = integers(operator, inputs, 1, "repeats")
        if repeats is None or len(repeats) != len(data.shape):
            raise fail(operator, f"repeats {repeats} for shape {data.shape}; one number per axis is expected")
        return (like(operator, data, tuple(size * times for size, times in zip(data.shape, repeats, strict=True))),)


class Rearrange(LayoutRule):
    """Rearrange: elements picked by a fixed pattern (unfolding, folding, repeating, constant indices), of ``shape``."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data, wanted = operand(operator, inputs, 0), integers(operator, inputs, 1, "shape")
        if wanted is None:
            raise undetermined(operator, "the shape")
        return (like(operator, data, wanted),)


class CenterCropPad(LayoutRule):
    """CenterCropPad: cropped or padded around the centre to ``shape``, on all axes or on ``axes``."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        wanted = integers(operator, inputs, 1, "shape")
        axes = operator.attributes.get("axes") or tuple(range(len(data.shape)))
        if wanted is None or len(wanted) != len(axes):
            raise fail(operator, f"shape {wanted} for axes {axes}; one number per axis is expected")
        shape = list(data.shape)
        for axis, size in zip(axes, wanted, strict=True):
            shape[axis_in(operator, axis, len(shape))] = size
        return (like(operator, data, tuple(shape)),)


class ShuffleChannel(LayoutRule):
    """ShuffleChannel: channels of ``group`` groups interleaved; a transpose of (group, channels / group)."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        channels, group = data.shape[channel_axis(operator, len(data.shape))], int(operator.attributes.get("group", 1))
        if group < 1 or channels % group:
            raise fail(operator, f"{channels} channels in {group} groups; a divisor of the channels is expected")
        return (like(operator, data),)


class ReverseSequence(LayoutRule):
    """ReverseSequence, Reverse: the same shape, elements in another order."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        return (like(operator, operand(operator, inputs, 0)),)


class Filled(LayoutRule):
    """ConstantOfShape: a tensor of one value, written at run time. Readers fold it where its shape is constant."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        shape = integers(operator, inputs, 0, "shape")
        if shape is None:
            source = optional(inputs, 0)
            if source is None:
                raise fail(operator, "no shape; a constant operand is expected")
            shape = ()
        return (TensorType(shape, result_dtype(operator, dtype_attribute(operator, "dtype") or "fp32")),)


class Range(LayoutRule):
    """Range: ceil((limit - start) / delta) numbers, one addition each."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        limits = [operand(operator, inputs, position) for position in range(3)]
        values = [known_values(tensor) for tensor in limits]
        if any(value is None for value in values):
            raise undetermined(operator, "a limit")
        start, limit, delta = (value[0] for value in values if value is not None)
        if delta == 0:
            raise fail(operator, "a step of 0; another number is expected")
        return (like(operator, limits[0], (max(0, -int(-(limit - start) // delta)),)),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(elements(outputs))


class Variable(LayoutRule):
    """ReadVariable, AssignVariable (TFLite): state that stays between runs is copied out or in."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        if operator.op == "AssignVariable":
            return tuple(like(operator, operand(operator, inputs, 1)) for _ in operator.outputs)
        shape = operator.attributes.get("shape")
        if shape is None:
            return (like(operator, operand(operator, inputs, 0)),)
        return (TensorType(tuple(shape), result_dtype(operator, dtype_attribute(operator, "dtype") or "fp32")),)


def kept_places(start: int, end: int, step: int, size: int) -> int:
    """Places of an axis that a slice keeps, its limits clamped to the axis as the ONNX specification of Slice says.

    >>> kept_places(-3, 9, 2, 5), kept_places(9, -9, -1, 5)
    (2, 5)
    """
    first, last = start + size * (start < 0), end + size * (end < 0)
    if step > 0:
        return len(range(min(max(first, 0), size), min(max(last, 0), size), step))
    return len(range(min(max(first, 0), size - 1), min(max(last, -1), size - 1), step))


def partly_read(operator: Operator, inputs: Operands, outputs: Operands, data: Tensor, element: int = 0) -> Work:
    """Work of an operator that reads as many elements of ``data`` as it puts out, and the other operands in full."""
    read = stored_bytes(min(elements(outputs[:1]), data.elements), data.dtype)
    full = moved(operator, inputs, outputs, element=element)
    saved = data.bytes - read
    if data.role == "weight":
        return Work(0, element, 0, full.activation_bytes_read, full.weight_bytes_read - saved, full.bytes_written)
    return Work(0, element, 0, full.activation_bytes_read - saved, full.weight_bytes_read, full.bytes_written)


def parameter(operator: Operator, inputs: Operands, position: int, name: str) -> tuple[float, ...]:
    """A required shape-like parameter."""
    values = numbers(operator, inputs, position, name)
    if values is None:
        raise fail(operator, f"no {name}; a constant operand or an attribute is expected")
    return values
