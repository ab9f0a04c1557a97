"""Rows that move or reduce elements: what they do follows from the shapes on both sides."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from workloads.graph import Tensor
from workloads.readers.layer import Layer, first, fused, shape_text, weights_checked
from workloads.readers.layer_rows import Row
from workloads.readers.onnx_attributes import shared_pads

#: Which axes a row moves or reduces is tried out; tensors of networks have no more than these.
MOST_AXES = 6


def concat_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    out = row.out_shape
    shapes = [tensor.shape[1:] for tensor in inputs]
    for axis in range(len(out)):
        fits = all(
            len(shape) == len(out) and (*shape[:axis], *shape[axis + 1 :]) == (*out[:axis], *out[axis + 1 :]) for shape in shapes
        )
        if fits and sum(shape[axis] for shape in shapes) == out[axis]:
            return Layer(op, {"axis": axis + 1, **fused(row)}, weights_checked(row, ()))
    parts = " and ".join(map(shape_text, shapes))
    raise row.error(f"in_shape {parts} to out_shape {shape_text(out)}; parts that add up on one axis are expected")


def split_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    whole = first(row, inputs).shape[1:]
    parts = row.out_shapes
    for axis in range(len(whole)):
        fits = all(
            len(part) == len(whole) and (*part[:axis], *part[axis + 1 :]) == (*whole[:axis], *whole[axis + 1 :]) for part in parts
        )
        if fits and sum(part[axis] for part in parts) == whole[axis]:
            return Layer("Split", {"axis": axis + 1, "split": tuple(part[axis] for part in parts)}, weights_checked(row, ()))
    wanted = " and ".join(map(shape_text, parts))
    raise row.error(f"in_shape {shape_text(whole)} to out_shape {wanted}; parts that add up on one axis are expected")


def slice_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    whole, out = first(row, inputs).shape[1:], row.out_shape
    if len(whole) != len(out) or any(o > w for o, w in zip(out, whole, strict=True)):
        raise row.error(f"in_shape {shape_text(whole)} to out_shape {shape_text(out)}; a part of the input is expected")
    axes = tuple(range(1, len(out) + 1))
    return Layer(
        "Slice", {"starts": (0,) * len(out), "ends": out, "axes": axes, "steps": (1,) * len(out)}, weights_checked(row, ())
    )


def pad_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    before, out = first(row, inputs).shape[1:], row.out_shape
    if len(before) != len(out) or any(o < b for o, b in zip(out, before, strict=True)):
        raise row.error(f"in_shape {shape_text(before)} to out_shape {shape_text(out)}; sizes at least as large are expected")
    pads = shared_pads([o - b for o, b in zip(out, before, strict=True)], upper=True)
    rank = len(out)
    return Layer("Pad", {"pads": (0, *pads[:rank], 0, *pads[rank:]), "mode": "constant"}, weights_checked(row, ()))


def reshape_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    first(row, inputs)
    if math.prod(row.in_shape) != math.prod(row.out_shape):
        raise row.error(
            f"in_shape {shape_text(row.in_shape)} to out_shape {shape_text(row.out_shape)}; as many elements are expected"
        )
    return Layer("Reshape", {"shape": (inputs[0].shape[0], *row.out_shape)}, weights_checked(row, ()))


def transpose_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """The order of axes that gives the output shape: channels last or first where several do, never the written order."""
    before, out = first(row, inputs).shape[1:], row.out_shape
    written = tuple(range(len(before)))
    orders = itertools.permutations(written) if len(before) <= MOST_AXES else ()
    for order in sorted(orders, key=lambda order: (order == written, order != (*written[1:], 0))):
        if tuple(before[axis] for axis in order) == out:
            return Layer("Transpose", {"perm": (0, *(axis + 1 for axis in order))}, weights_checked(row, ()))
    raise row.error(f"in_shape {shape_text(before)} to out_shape {shape_text(out)}; the same sizes in another order are expected")


def reduce_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    before, out = first(row, inputs).shape[1:], row.out_shape
    rank = len(before)
    for count in range(rank + 1) if rank <= MOST_AXES else ():
        for axes in itertools.combinations(range(rank), count):
            kept = tuple(size for axis, size in enumerate(before) if axis not in axes)
            ones = tuple(1 if axis in axes else size for axis, size in enumerate(before))
            if out in (kept, ones):
                attributes = {"axes": tuple(axis + 1 for axis in axes), "keepdims": int(out == ones), "noop_with_empty_axes": 1}
                return Layer(op, attributes, weights_checked(row, ()))
    raise row.error(
        f"in_shape {shape_text(before)} to out_shape {shape_text(out)}; some axes reduced to 1 or left out are expected"
    )


def resize_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    modes = {"": "nearest", "nearest": "nearest", "bilinear": "linear", "linear": "linear", "bicubic": "cubic", "cubic": "cubic"}
    if row.act not in modes:
        raise row.error(f"act '{row.act}'; nearest, bilinear or bicubic is expected")
    mode = "linear" if row.op.upper() == "RESIZE_BILINEAR" else modes[row.act]
    return Layer("Resize", {"mode": mode, "sizes": row.out_shape[1:]}, weights_checked(row, ()))


def blocks_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    before, out = first(row, inputs).shape[2:], row.out_shape[1:]
    small, large = (before, out) if op == "DepthToSpace" else (out, before)
    if not small or not large or large[0] % small[0]:
        raise row.error(f"in_shape {shape_text(row.in_shape)} to out_shape {shape_text(row.out_shape)}; whole blocks are expected")
    return Layer(op, {"blocksize": large[0] // small[0]}, weights_checked(row, ()))


def shuffle_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    return Layer(op, {"group": row.groups or 1}, weights_checked(row, ()))


def expand_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Expand: to the output's shape."""
    return Layer(op, {"shape": (first(row, inputs).shape[0], *row.out_shape)}, weights_checked(row, ()))


def tile_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Tile: as often as the output is larger."""
    before, out = first(row, inputs).shape[1:], row.out_shape
    if len(before) != len(out) or any(o % b for o, b in zip(out, before, strict=True)):
        raise row.error(f"in_shape {shape_text(before)} to out_shape {shape_text(out)}; whole multiples are expected")
    return Layer(op, {"repeats": (1, *(o // b for o, b in zip(out, before, strict=True)))}, weights_checked(row, ()))


def top_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """TopK: along the axis that shrinks, the last where none does."""
    before, out = first(row, inputs).shape[1:], row.out_shapes[0] if row.out_shapes else ()
    if len(before) != len(out):
        raise row.error(f"in_shape {shape_text(before)} to out_shape {shape_text(out)}; as many axes are expected")
    axis = next((axis for axis in range(len(out)) if before[axis] != out[axis]), len(out) - 1)
    return Layer(op, {"axis": axis + 1, "k": out[axis]}, weights_checked(row, ()))


def cast_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Cast: to the row's element type."""
    return Layer(op, {"to": row.dtype or first(row, inputs).dtype}, weights_checked(row, ()))


def assign_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """AssignVariable: the value is the second operand; the state written needs no name here."""
    return Layer(op, {}, weights_checked(row, ()), absent=(0,) if len(inputs) == 1 else ())


def cache_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """TensorScatter: new tokens go to the axis on which they are shorter than the cache."""
    cache, update = first(row, inputs).shape, inputs[1].shape if len(inputs) > 1 else ()
    axes = [axis for axis, sizes in enumerate(zip(cache, update, strict=False)) if sizes[0] != sizes[1]]
    if len(cache) != len(update) or len(axes) > 1:
        raise row.error(f"update {shape_text(update)} of a cache {shape_text(cache)}; equal sizes but on one axis are expected")
    return Layer(op, {"axis": axes[0] if axes else -2}, weights_checked(row, ()))
