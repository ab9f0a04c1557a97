"""Resampling of planes, and the rearrangements between channels and planes."""

from __future__ import annotations

import math

from workloads.graph import Operator
from workloads.operators.family import (
    FamilyRule,
    Operations,
    channels_last,
    elements,
    fail,
    integers,
    like,
    numbers,
    operand,
    optional,
)
from workloads.operators.rule import Operands, TensorType
from workloads.operators.windows import arranged, planes


def interpolation_operations(mode: str, axes: int) -> int:
    """Operations per output of an interpolation over some axes: nearest 0, linear 2 taps, cubic 4 taps per axis; 2 * taps - 1.

    >>> interpolation_operations("linear", 2)
    7
    """
    if mode in ("nearest", "NEAREST"):
        return 0
    return 2 * (4 if "cubic" in mode else 2) ** axes - 1


class Resize(FamilyRule):
    """Resize, Upsample: output = floor(input * scale), or ``sizes``; ``mode`` nearest, linear or cubic.

    ``scales`` and ``sizes`` are attributes or operands: (data, roi, scales, sizes), or (data, scales) for Upsample and Resize of
    opset 10. Given for ``axes``, for all axes, or for the spatial ones. Linear interpolation over n axes reads 2^n taps:
    2^(n+1) - 1 operations per output; axes that keep their size cost nothing.
    """

    family = "resize"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        short = len(inputs) < 3
        sizes = integers(operator, inputs, None if short else 3, "sizes")
        scales = numbers(operator, inputs, 1 if short else 2, "scales") if sizes is None else None
        given = sizes if sizes is not None else scales
        if given is None:
            raise fail(operator, "neither scales nor sizes; constant operands or attributes are expected")
        axes = self.axes(operator, len(data.shape), len(given))
        shape = list(data.shape)
        policy = operator.attributes.get("keep_aspect_ratio_policy", "stretch")
        if sizes is not None and policy != "stretch":
            ratios = [size / shape[axis] for axis, size in zip(axes, sizes, strict=True)]
            ratio = min(ratios) if policy == "not_larger" else max(ratios)
            sizes = tuple(math.floor(ratio * shape[axis] + 0.5) for axis in axes)
        for place, axis in enumerate(axes):
            shape[axis] = sizes[place] if sizes is not None else math.floor(shape[axis] * scales[place])  # type: ignore[index]
        return (like(operator, data, tuple(shape)),)

    def axes(self, operator: Operator, rank: int, count: int) -> tuple[int, ...]:
        """Axes that the given numbers belong to."""
        axes = operator.attributes.get("axes")
        if axes is not None:
            return tuple(axis % rank for axis in axes)
        if count == rank:
            return tuple(range(rank))
        if count == rank - 2:
            return tuple(range(1, rank - 1)) if channels_last(operator) else tuple(range(2, rank))
        raise fail(operator, f"{count} scales or sizes for {rank} axes; one per axis or one per spatial axis is expected")

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        data, result = operand(operator, inputs, 0), outputs[0]
        assert result is not None
        changed = sum(before != after for before, after in zip(data.shape, result.shape, strict=True))
        return Operations(result.elements * interpolation_operations(operator.attributes.get("mode", "nearest"), changed))


class GridSample(FamilyRule):
    """GridSample: outputs read the input at coordinates of a grid (N, *spatial, axes); 2 operations per coordinate."""

    family = "resize"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data, grid = operand(operator, inputs, 0), operand(operator, inputs, 1, "grid")
        rank = len(data.shape) - 2
        if len(grid.shape) != rank + 2 or grid.shape[-1] != rank:
            raise fail(operator, f"input {data.shape}, grid {grid.shape}; (batch, {rank} sizes, {rank}) is expected")
        return (like(operator, data, (*data.shape[:2], *grid.shape[1:-1])),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        grid = operand(operator, inputs, 1)
        mode = operator.attributes.get("mode", "linear")
        return Operations(elements(outputs[:1]) * interpolation_operations(mode, grid.shape[-1]) + 2 * grid.elements)


class RoiAlign(FamilyRule):
    """RoiAlign: ``sampling_ratio``^2 bilinear samples per output (7 operations each), reduced by sum or maximum (1 each).

    A ratio of 0 adapts to each region's size; 2 is taken then, as regions differ (He et al., ICCV 2017, use 2).
    """

    family = "resize"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data, regions = operand(operator, inputs, 0), operand(operator, inputs, 1, "regions")
        size = operator.attributes.get("output_height", 1), operator.attributes.get("output_width", 1)
        return (like(operator, data, (regions.shape[0], data.shape[1], *map(int, size))),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        ratio = int(operator.attributes.get("sampling_ratio", 0)) or 2
        return Operations(elements(outputs[:1]) * ratio * ratio * 8)


class BlockRearrangement(FamilyRule):
    """DepthToSpace, SpaceToDepth: channels moved into blocks of pixels or back; nothing is computed."""

    family = "layout"

    def __init__(self, *, to_depth: bool) -> None:
        self.to_depth = to_depth

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        block = int(operator.attributes.get("blocksize", 1))
        source = planes(operator, data)
        area = block ** len(source.spatial)
        if self.to_depth:
            channels, spatial = source.channels * area, tuple(size // block for size in source.spatial)
        else:
            channels, spatial = source.channels // area, tuple(size * block for size in source.spatial)
        if channels * math.prod(spatial) != source.channels * math.prod(source.spatial):
            raise fail(operator, f"blocks of {block} in shape {data.shape}; sizes that are whole multiples are expected")
        return (like(operator, data, arranged(operator, source.batch, channels, spatial)),)


class ColumnsToImage(FamilyRule):
    """Col2Im: columns of blocks (N, C * block, positions) added up into an image; one addition per column element."""

    family = "layout"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data = operand(operator, inputs, 0)
        image, block = integers(operator, inputs, 1, "image_shape"), integers(operator, inputs, 2, "block_shape")
        if image is None or block is None or data.shape[1] % math.prod(block):
            raise fail(operator, f"input {data.shape}, image {image}, block {block}; channels times the block's area are expected")
        return (like(operator, data, (data.shape[0], data.shape[1] // math.prod(block), *image)),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        return Operations(elements((optional(inputs, 0),)))
