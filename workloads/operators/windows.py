"""Windows that slide over spatial axes: what convolutions and pools share."""

from __future__ import annotations

from typing import NamedTuple

from workloads.graph import Operator, Tensor
from workloads.operators.family import channels_last, fail, per_axis


class Planes(NamedTuple):
    """Batch, channels and spatial extents of an activation, whatever its layout."""

    batch: int
    channels: int
    spatial: tuple[int, ...]


def planes(operator: Operator, tensor: Tensor) -> Planes:
    """Axes of an activation by meaning."""
    shape = tensor.shape
    if len(shape) < 3:
        raise fail(operator, f"input '{tensor.name}' has shape {shape}; batch, channels and one to three spatial axes are expected")
    if channels_last(operator):
        return Planes(shape[0], shape[-1], shape[1:-1])
    return Planes(shape[0], shape[1], shape[2:])


def arranged(operator: Operator, batch: int, channels: int, spatial: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of an activation in the operator's layout."""
    if channels_last(operator):
        return (batch, *spatial, channels)
    return (batch, channels, *spatial)


class Window(NamedTuple):
    """Kernel, step, spread and padding per spatial axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def reach(self) -> tuple[int, ...]:
        """Input positions a window spans: (kernel - 1) * dilation + 1."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))


def window_of(operator: Operator, spatial: tuple[int, ...], kernel: tuple[int, ...]) -> Window:
    """Window of an operator from its attributes; ``auto_pad`` is resolved for these spatial extents."""
    rank = len(kernel)
    if rank != len(spatial):
        raise fail(operator, f"kernel {kernel} on {len(spatial)} spatial axes; one number per axis is expected")
    strides, dilations = per_axis(operator, "strides", rank, 1), per_axis(operator, "dilations", rank, 1)
    if min((*kernel, *strides, *dilations), default=1) < 1:
        raise fail(operator, f"kernel {kernel}, strides {strides}, dilations {dilations}; numbers >= 1 are expected")
    automatic = operator.attributes.get("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        needed = [
            max(0, (-(-size // step) - 1) * step + (k - 1) * spread + 1 - size)
            for size, k, step, spread in zip(spatial, kernel, strides, dilations, strict=True)
        ]
        small, large = tuple(n // 2 for n in needed), tuple(n - n // 2 for n in needed)
        return Window(kernel, strides, dilations, *((small, large) if automatic == "SAME_UPPER" else (large, small)))
    pads = (0,) * (2 * rank) if automatic == "VALID" else per_axis(operator, "pads", 2 * rank, 0)
    return Window(kernel, strides, dilations, pads[:rank], pads[rank:])


def window_positions(operator: Operator, spatial: tuple[int, ...], window: Window, *, ceil: bool = False) -> tuple[int, ...]:
    """Windows that fit per axis: floor((size + pads - reach) / stride) + 1.

    With ``ceil`` the last window may hang over the end, but must start inside the input or its leading padding
    (ONNX operator specification, MaxPool, ``ceil_mode``).
    """
    counts = []
    for size, reach, step, begin, end in zip(spatial, window.reach, window.strides, window.begins, window.ends, strict=True):
        room = size + begin + end - reach
        if room < 0:
            raise fail(operator, f"window of {reach} on {size} positions padded by {begin} and {end}; it must fit at least once")
        count = -(-room // step) + 1 if ceil else room // step + 1
        if ceil and (count - 1) * step >= size + begin:
            count -= 1
        counts.append(count)
    return tuple(counts)
