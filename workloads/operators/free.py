"""Operators that are really free: they rename, relabel or are settled before the network runs. No work, no bytes, and said so.

A runtime may still charge a dispatch for them; that is its own property and stands in its profile.
"""

from __future__ import annotations

import math
from typing import ClassVar

from workloads.graph import Operator
from workloads.operators.family import (
    FamilyRule,
    axis_in,
    dtype_attribute,
    fail,
    integers,
    like,
    operand,
    result_dtype,
    undetermined,
)  # fmt: skip
from workloads.operators.rule import Operands, TensorType
from workloads.work import Work


class FreeRule(FamilyRule):
    """Kind ``free``: zero work by rule.

    ``aliases`` is True where the first output is the first input under another shape, so no new bytes are held either.
    """

    family = "free"
    aliases: ClassVar[bool] = True

    def work(self, operator: Operator, inputs: Operands, outputs: Operands) -> Work:
        return Work()


class Identity(FreeRule):
    """Identity, and Dropout at inference (``y = x``; its mask, where asked for, is all ones and constant): free.

    A Dropout in training mode is refused: it is no inference operator.
    """

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        mask = TensorType(data.shape, "bool")
        return (like(operator, data), *(mask for _ in operator.outputs[1:]))


class CacheWrite(FreeRule):
    """TensorScatter: new tokens written into a cache, in place, as the operator is specified for (ONNX opset 24): free.

    Operands: cache, update, first position. What computes the update writes it where it belongs: those bytes are counted there,
    and the result is the cache under a new name.
    """

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        cache, update = operand(operator, inputs, 0, "cache"), operand(operator, inputs, 1, "update")
        axis = axis_in(operator, operator.attributes.get("axis", -2), len(cache.shape))
        apart = [shape[:axis] + shape[axis + 1 :] for shape in (cache.shape, update.shape)]
        if apart[0] != apart[1] or update.shape[axis] > cache.shape[axis]:
            raise fail(operator, f"update {update.shape} for a cache {cache.shape}; equal sizes but on axis {axis} are expected")
        return (like(operator, cache),)


class Reshape(FreeRule):
    """Reshape: the same elements in the same order under another shape: free.

    The shape is attribute ``shape`` or the kept values of input 1; 0 copies a size (not with ``allowzero``), one -1 takes the rest.
    """

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        wanted = integers(operator, inputs, 1, "shape")
        if wanted is None:
            if len(inputs) > 1:
                return (like(operator, data, ()),)
            raise fail(operator, "no shape; a constant second operand or an attribute 'shape' is expected")
        shape = list(wanted)
        for axis, size in enumerate(shape):
            if size == 0 and not operator.attributes.get("allowzero") and axis < len(data.shape):
                shape[axis] = data.shape[axis]
        if shape.count(-1) == 1:
            rest = math.prod(size for size in shape if size != -1)
            shape[shape.index(-1)] = data.elements // rest if rest else 0
        if min(shape, default=0) < 0 or math.prod(shape) != data.elements:
            raise fail(
                operator, f"shape {wanted} for {data.shape} ({data.elements} elements); an equal number of elements is expected"
            )
        return (like(operator, data, tuple(shape)),)


class Flatten(FreeRule):
    """Flatten: two axes, the first of them the sizes before ``axis`` (default 1): free."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        axis = int(operator.attributes.get("axis", 1))
        axis = axis + len(data.shape) if axis < 0 else axis
        if not 0 <= axis <= len(data.shape):
            raise fail(operator, f"axis {axis} of a tensor with {len(data.shape)} axes; 0 to {len(data.shape)} are expected")
        return (like(operator, data, (math.prod(data.shape[:axis]), math.prod(data.shape[axis:]))),)


class Squeeze(FreeRule):
    """Squeeze: axes of size 1 left out, all of them or those of ``axes``: free."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        given = integers(operator, inputs, 1, "axes")
        rank = len(data.shape)
        if given is None:
            axes = {axis for axis, size in enumerate(data.shape) if size == 1}
        else:
            axes = {axis_in(operator, axis, rank) for axis in given}
        if any(data.shape[axis] != 1 for axis in axes):
            raise fail(operator, f"axes {sorted(axes)} of shape {data.shape}; axes of size 1 are expected")
        return (like(operator, data, tuple(size for axis, size in enumerate(data.shape) if axis not in axes)),)


class Unsqueeze(FreeRule):
    """Unsqueeze: axes of size 1 put in, at the places they have in the result: free."""

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        given = integers(operator, inputs, 1, "axes") or ()
        rank = len(data.shape) + len(given)
        axes = {axis_in(operator, axis, rank) for axis in given}
        if len(axes) != len(given):
            raise fail(operator, f"axes {given}; each axis once is expected")
        sizes = iter(data.shape)
        return (like(operator, data, tuple(1 if axis in axes else next(sizes) for axis in range(rank))),)


class ShapeOf(FreeRule):
    """Shape (``start``, ``end``) and Size: known before the network runs, so free."""

    aliases = False

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        if operator.op == "Size":
            return (TensorType((), dtype_attribute(operator, "output_dtype") or "int64"),)
        kept = data.shape[slice(operator.attributes.get("start", 0), operator.attributes.get("end"))]
        return (TensorType((len(kept),), dtype_attribute(operator, "output_dtype") or "int64"),)


class Constant(FreeRule):
    """Constant: settled before the network runs, so free. Readers make it a weight; here it needs ``shape``, ``dtype``."""

    aliases = False

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        shape = operator.attributes.get("shape")
        if shape is None:
            raise undetermined(operator, "the constant's shape")
        return (TensorType(tuple(shape), result_dtype(operator, dtype_attribute(operator, "dtype") or "fp32")),)


class Window(FreeRule):
    """Window: the part of a tensor that another operator reads where it lies: free, no bytes of its own.

    ``starts`` and ``sizes`` on ``axes``. What reads it reads the tensor itself with the strides of the whole.
    """

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        starts, sizes, axes = (tuple(operator.attributes.get(name, ())) for name in ("starts", "sizes", "axes"))
        if not len(starts) == len(sizes) == len(axes) > 0:
            raise fail(operator, f"starts {starts}, sizes {sizes}, axes {axes}; equally many are expected")
        shape = list(data.shape)
        for start, size, axis in zip(starts, sizes, axes, strict=True):
            place = axis_in(operator, axis, len(shape))
            if start < 0 or size < 1 or start + size > shape[place]:
                raise fail(
                    operator, f"{size} positions from {start} of {shape[place]} on axis {axis}; a part of the tensor is expected"
                )
            shape[place] = size
        return (like(operator, data, tuple(shape)),)


class Assemble(FreeRule):
    """Assemble: tiles of a tensor, each written where it belongs by what computes it: free, and held as the one tensor they make.

    ``grid`` rows x columns of tiles in that order, side by side on the two ``axes``.
    """

    aliases = False

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        (rows, columns), axes = operator.attributes["grid"], operator.attributes["axes"]
        tiles = [operand(operator, inputs, place) for place in range(rows * columns)]
        shape = list(tiles[0].shape)
        shape[axes[0]] = sum(tiles[row * columns].shape[axes[0]] for row in range(rows))
        shape[axes[1]] = sum(tiles[column].shape[axes[1]] for column in range(columns))
        if sum(tile.elements for tile in tiles) != math.prod(shape):
            raise fail(
                operator, f"tiles {[tile.shape for tile in tiles]}; {rows} x {columns} that fill {tuple(shape)} are expected"
            )
        return (like(operator, tiles[0], tuple(shape)),)
