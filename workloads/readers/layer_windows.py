"""Rows with a sliding window: convolutions, transposed convolutions, pools."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from workloads.graph import Tensor
from workloads.readers.layer import Layer, Shape, first, fused, shape_text, weights_checked, weights_with_bias
from workloads.readers.layer_rows import Row, spatial
from workloads.readers.onnx_attributes import same_pads, shared_pads


def _pads(row: Row, sizes: Shape, kernel: Shape, strides: Shape, dilations: Shape, out: Shape) -> Shape:
    """Pads as ONNX writes them: as given, as ``same``, or the least that give ``out_shape``."""
    rank = len(kernel)
    if row.pad == "same":
        return same_pads(sizes, kernel, strides, dilations)
    if not row.pad:
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
        return shared_pads([(o - 1) * s + r - n for o, s, r, n in zip(out, strides, reach, sizes, strict=True)], upper=True)
    try:
        numbers = [int(part) for part in row.pad.replace(",", " ").replace("x", " ").split()]
    except ValueError:
        raise row.error(f"pad '{row.pad}'; P, HxW, top,bottom,left,right or same is expected") from None
    if len(numbers) == 1:
        return tuple(numbers) * (2 * rank)
    if len(numbers) == rank:
        return (*numbers, *numbers)
    if len(numbers) == 2 * rank:
        return (*numbers[::2], *numbers[1::2])
    raise row.error(f"pad '{row.pad}' on {rank} spatial axes; P, HxW, top,bottom,left,right or same is expected")


def _window(row: Row, sizes: Shape, out: Shape) -> dict[str, Any]:
    """Kernel, strides, dilations and pads over the spatial axes."""
    rank = len(sizes)
    if row.kernel is None:
        raise row.error("no kernel; HxW is expected")
    kernel = spatial(row.kernel, rank, 1, row, "kernel")
    strides, dilations = spatial(row.stride, rank, 1, row, "stride"), spatial(row.dilation, rank, 1, row, "dilation")
    pads = _pads(row, sizes, kernel, strides, dilations, out)
    return {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "pads": pads}


def convolution_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    data, out = first(row, inputs), row.out_shape
    channels, sizes = data.shape[1], data.shape[2:]
    if not sizes or len(out) != len(sizes) + 1:
        raise row.error(
            f"in_shape {shape_text(row.in_shape)}, out_shape {shape_text(out)}; channels and spatial sizes are expected in both"
        )
    depthwise = "depthwise" in row.op.lower().replace("_", "")
    group = row.groups or (channels if depthwise and op == "Conv" else out[0] if depthwise else 1)
    if channels % group or out[0] % group:
        raise row.error(f"{channels} to {out[0]} channels in {group} groups; a common divisor is expected")
    if op == "ConvTranspose":
        return _transposed(row, data, group)
    window = _window(row, sizes, out[1:])
    weights = weights_with_bias(row, [(out[0], channels // group, *window["kernel_shape"])], (out[0],))
    return Layer(op, {**window, "group": group, **fused(row)}, weights)


def _transposed(row: Row, data: Tensor, group: int) -> Layer:
    channels, sizes, out = data.shape[1], data.shape[2:], row.out_shape
    if row.kernel is None:
        raise row.error("no kernel; HxW is expected")
    rank = len(sizes)
    kernel, strides = spatial(row.kernel, rank, 1, row, "kernel"), spatial(row.stride, rank, 1, row, "stride")
    dilations = spatial(row.dilation, rank, 1, row, "dilation")
    full = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(sizes, strides, kernel, dilations, strict=True)]
    pads = shared_pads([f - o for f, o in zip(full, out[1:], strict=True)], upper=True)
    more = tuple(max(0, o - f) for f, o in zip(full, out[1:], strict=True))
    attributes = {
        "kernel_shape": kernel,
        "strides": strides,
        "dilations": dilations,
        "pads": pads,
        "output_padding": more,
        "group": group,
    }
    weights = weights_with_bias(row, [(channels, out[0] // group, *kernel)], (out[0],))
    return Layer("ConvTranspose", {**attributes, **fused(row)}, weights)


def pooling_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Pooling by its ``act`` (max, avg), and MaxPool, AveragePool: global without a kernel or with one number per channel."""
    names = {"max": "Max", "avg": "Average", "average": "Average", "mean": "Average"}
    if op == "Pooling" and row.act not in names:
        raise row.error(f"act '{row.act}'; max or avg is expected")
    kind = names[row.act] if op == "Pooling" else op.removesuffix("Pool").removeprefix("Global")
    data, out = first(row, inputs), row.out_shape
    sizes = data.shape[2:]
    weights_checked(row, ())
    flat = len(out) == 1
    if flat or row.kernel is None or op.startswith("Global"):
        if out != (data.shape[1],) and math.prod(out[1:]) != 1:
            raise row.error(f"out_shape {shape_text(out)} without a kernel; {data.shape[1]} numbers, one per channel, are expected")
        return Layer(f"Global{kind}Pool", {"keepdims": 0} if flat else {})
    window = _window(row, sizes, out[1:])
    return Layer(
        f"{kind}Pool", {**window, "ceil_mode": int(_hangs_over(window, sizes, out[1:])), **({} if op == "Pooling" else fused(row))}
    )


def _hangs_over(window: dict[str, Any], sizes: Shape, out: Shape) -> bool:
    """True where only rounding up gives the output size."""
    rank = len(sizes)
    rows = zip(sizes, window["kernel_shape"], window["strides"], window["pads"][:rank], window["pads"][rank:], out, strict=True)
    return any((n + begin + end - k) // s + 1 < o for n, k, s, begin, end, o in rows)
