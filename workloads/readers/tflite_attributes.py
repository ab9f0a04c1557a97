"""Attributes of TFLite operators in ONNX terms: padding as numbers, masks as starts and ends, fused activations by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from workloads.errors import GraphError
from workloads.readers.onnx_attributes import same_pads
from workloads.readers.tflite_model import Call

Attributes = dict[str, Any]

#: Fused activation in the schema -> name in workloads.tables.ACTIVATIONS.
ACTIVATION_NAMES = {0: None, 1: "relu", 2: "clip", 3: "relu6", 4: "tanh", 5: "clip"}
VALID = 1


def plain(call: Call) -> Attributes:
    """No attributes."""
    return {}


def fused(call: Call) -> Attributes:
    """The fused activation of an operator that can have one."""
    name = ACTIVATION_NAMES.get(call.options.FusedActivationFunction()) if call.options is not None else None
    return {"activation": name} if name else {}


def constant(**values: Any) -> Any:
    """Attributes that are always the same."""
    return lambda call: dict(values)


def _required(call: Call) -> Any:
    if call.options is None:
        raise GraphError(f"operator {call.builtin}: has no options; strides, padding and the like are expected")
    return call.options


def _window(call: Call, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> Attributes:
    """Window over the spatial axes of the NHWC operand; SAME padding resolved, the odd one at the end."""
    sizes = call.inputs[0].shape[1:-1] if call.inputs and call.inputs[0] is not None else ()
    valid = _required(call).Padding() == VALID
    pads = (0,) * (2 * len(kernel)) if valid else same_pads(sizes, kernel, strides, dilations)
    return {"kernel_shape": tuple(kernel), "strides": tuple(strides), "dilations": tuple(dilations), "pads": pads, **fused(call)}


def convolution(call: Call) -> Attributes:
    """CONV_2D: weights OHWI; groups where the weights have fewer input channels than the operand."""
    options, weights, data = _required(call), call.input(1), call.input(0)
    strides, dilations = (options.StrideH(), options.StrideW()), (options.DilationHFactor(), options.DilationWFactor())
    group = data.shape[-1] // max(1, weights.shape[-1])
    window = _window(call, weights.shape[1:-1], strides, dilations)
    return {**window, "group": group, "weight_layout": "OHWI", **_per_channel(call)}


def depthwise(call: Call) -> Attributes:
    """DEPTHWISE_CONV_2D: weights 1HWO, a group per input channel."""
    options, weights = _required(call), call.input(1)
    strides, dilations = (options.StrideH(), options.StrideW()), (options.DilationHFactor(), options.DilationWFactor())
    window = _window(call, weights.shape[1:-1], strides, dilations)
    return {**window, "group": call.input(0).shape[-1], "weight_layout": "1HWO", **_per_channel(call)}


def convolution_3d(call: Call) -> Attributes:
    """CONV_3D: weights DHWIO."""
    options, weights = _required(call), call.input(1)
    strides = (options.StrideD(), options.StrideH(), options.StrideW())
    dilations = (options.DilationDFactor(), options.DilationHFactor(), options.DilationWFactor())
    return {**_window(call, weights.shape[:-2], strides, dilations), "group": 1, "weight_layout": "HWIO"}


def transposed_convolution(call: Call) -> Attributes:
    """TRANSPOSE_CONV: operands (output shape, weights OHWI, data); the output size is the declared one."""
    options, weights = _required(call), call.input(1)
    kernel, strides = weights.shape[1:-1], (options.StrideH(), options.StrideW())
    sizes, spatial = call.input(2).shape[1:-1], call.outputs[0].shape[1:-1]
    totals = [max(0, (n - 1) * s + k - o) for n, s, k, o in zip(sizes, strides, kernel, spatial, strict=True)]
    pads = (*(t // 2 for t in totals), *(t - t // 2 for t in totals))
    return {
        "kernel_shape": kernel, "strides": strides, "dilations": (1, 1), "pads": pads, "output_shape": spatial, "group": 1,
        "weight_layout": "OHWI", **fused(call), **_per_channel(call),
    }  # fmt: skip


def pool(call: Call) -> Attributes:
    """AVERAGE_POOL_2D, MAX_POOL_2D, L2_POOL_2D."""
    options = _required(call)
    kernel, strides = (options.FilterHeight(), options.FilterWidth()), (options.StrideH(), options.StrideW())
    return _window(call, kernel, strides, (1, 1))


def product(call: Call) -> Attributes:
    """FULLY_CONNECTED: weights (outputs, inputs)."""
    keep = bool(call.options.KeepNumDims()) if call.options is not None else False
    return {"transA": 0, "transB": 1, "keep_num_dims": int(keep), **fused(call), **_per_channel(call)}


def batched_product(call: Call) -> Attributes:
    """BATCH_MATMUL: either operand may be transposed."""
    options = _required(call)
    return {"transA": int(options.AdjX()), "transB": int(options.AdjY())}


def _per_channel(call: Call) -> Attributes:
    weights = call.inputs[1] if len(call.inputs) > 1 else None
    return {"per_channel": True} if weights is not None and weights.per_channel else {}


def reduction(call: Call) -> Attributes:
    """MEAN, SUM, REDUCE_*: axes are a constant operand."""
    keep = bool(call.options.KeepDims()) if call.options is not None else False
    axes = call.numbers(1)
    return {"keepdims": int(keep), **({} if axes is None else {"axes": axes})}


def argument(call: Call) -> Attributes:
    """ARG_MAX, ARG_MIN: the axis is operand 1, the axis vanishes."""
    return {"axis": (call.numbers(1) or (-1,))[0], "keepdims": 0}


def axis_option(call: Call) -> Attributes:
    """An axis, and a fused activation where the operator has one."""
    options = _required(call)
    return {"axis": options.Axis(), **(fused(call) if hasattr(options, "FusedActivationFunction") else {})}


def gather(call: Call) -> Attributes:
    """GATHER: axis and shared leading axes."""
    options = call.options
    return {"axis": options.Axis(), "batch_dims": options.BatchDims()} if options is not None else {"axis": 0, "batch_dims": 0}


def one_hot(call: Call) -> Attributes:
    """ONE_HOT: operands (indices, depth, on, off)."""
    return {"axis": _required(call).Axis(), "depth": (call.numbers(1) or (call.outputs[0].shape[-1],))[0]}


def cumulative(call: Call) -> Attributes:
    """CUMSUM: the axis is operand 1."""
    return {"axis": (call.numbers(1) or (0,))[0]}


def shape_of_output(call: Call) -> Attributes:
    """RESHAPE and the like: the declared shape, unless a constant operand says it."""
    return {} if call.numbers(1) is not None else {"shape": call.outputs[0].shape}


def squeeze(call: Call) -> Attributes:
    """SQUEEZE: all axes of size 1 unless some are named."""
    options = call.options
    axes = tuple(int(options.SqueezeDims(i)) for i in range(min(8, options.SqueezeDimsLength()))) if options is not None else ()
    return {"axes": axes} if axes else {}


def unsqueeze(call: Call) -> Attributes:
    """EXPAND_DIMS: the new axis is operand 1, counted in the result."""
    return {"axes": call.numbers(1) or (0,)}


def transpose(call: Call) -> Attributes:
    """TRANSPOSE: the order is operand 1."""
    order = call.numbers(1)
    return {} if order is None else {"perm": order}


def padding(call: Call) -> Attributes:
    """PAD, PADV2, MIRROR_PAD: pairs per axis become all begins, then all ends."""
    pairs = call.numbers(1)
    if pairs is None:
        before, after = call.input(0).shape, call.outputs[0].shape
        return {"pads": (*(0,) * len(before), *(b - a for a, b in zip(before, after, strict=True))), "mode": "constant"}
    return {"pads": (*pairs[::2], *pairs[1::2]), "mode": "reflect" if call.builtin == "MIRROR_PAD" else "constant"}


def resize(call: Call) -> Attributes:
    """RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR: spatial sizes of the declared output."""
    return {"mode": "linear" if call.builtin == "RESIZE_BILINEAR" else "nearest", "sizes": call.outputs[0].shape[1:-1]}


def block(call: Call) -> Attributes:
    """SPACE_TO_DEPTH, DEPTH_TO_SPACE."""
    return {"blocksize": _required(call).BlockSize()}


def slice_of(call: Call) -> Attributes:
    """SLICE: begin and size per axis; a begin that is computed is taken as 0."""
    sizes = call.outputs[0].shape
    starts = call.numbers(1) or (0,) * len(sizes)
    return {
        "starts": starts, "ends": tuple(start + size for start, size in zip(starts, sizes, strict=True)),
        "axes": tuple(range(len(sizes))), "steps": (1,) * len(sizes),
    }  # fmt: skip


class Section(NamedTuple):
    """What a strided slice keeps, per axis of the operand, and where axes vanish or appear."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    steps: tuple[int, ...]
    squeezed: tuple[int, ...]
    new_axes: tuple[int, ...]


def section(call: Call) -> Section:
    """STRIDED_SLICE: begin, end and strides with their masks (bits: ellipsis, new axis, shrink, open begin, open end).

    An ellipsis stands for as many axes as are missing; a shrunk axis keeps one element and vanishes.
    """
    options, shape = _required(call), call.input(0).shape
    begins, ends, steps = call.numbers(1), call.numbers(2), call.numbers(3)
    if begins is None or ends is None or steps is None or not len(begins) == len(ends) == len(steps):
        return _declared_section(call)
    new, ellipsis, shrink = options.NewAxisMask(), options.EllipsisMask(), options.ShrinkAxisMask()
    named = sum(1 for i in range(len(begins)) if not (new | ellipsis) >> i & 1)
    kept: list[tuple[int, int, int]] = []
    squeezed: list[int] = []
    added: list[int] = []
    for i, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        axis = len(kept)
        if ellipsis >> i & 1:
            kept += [(0, size, 1) for size in shape[axis : axis + len(shape) - named]]
        elif new >> i & 1:
            added.append(axis - len(squeezed) + len(added))
        elif shrink >> i & 1:
            squeezed.append(axis)
            kept.append((begin, begin + 1 if begin != -1 else shape[axis], 1))
        else:
            first, last = (0, shape[axis]) if step > 0 else (shape[axis] - 1, -shape[axis] - 1)
            kept.append((first if options.BeginMask() >> i & 1 else begin, last if options.EndMask() >> i & 1 else end, step))
    starts, stops, strides = zip(*kept, strict=True) if kept else ((), (), ())
    return Section(starts, stops, strides, tuple(squeezed), tuple(added))


def _declared_section(call: Call) -> Section:
    """Limits that are computed: as many elements as the declared output has, from the start."""
    before, after = call.input(0).shape, call.outputs[0].shape
    if len(before) != len(after):
        raise GraphError(
            f"operator {call.builtin}: limits are computed while axes vanish; constant begin, end and strides are expected"
        )
    return Section((0,) * len(after), after, (1,) * len(after), (), ())


def strided_slice(call: Call) -> Attributes:
    """The Slice of a STRIDED_SLICE without new axes."""
    part = section(call)
    attributes = {"starts": part.starts, "ends": part.ends, "axes": tuple(range(len(part.starts))), "steps": part.steps}
    return {**attributes, **({"squeezed": part.squeezed} if part.squeezed else {})}
