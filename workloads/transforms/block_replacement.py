"""Convolutions replaced by the blocks of small networks: depthwise separable, fire, ghost, shuffle."""

from __future__ import annotations

import math
from collections.abc import Iterable

from workloads.graph import Graph, Operator
from workloads.operators.family import channel_axis
from workloads.transforms.layers import Layers, Shape, convolution_shape
from workloads.transforms.rewriting import named_operators

#: Name of a block -> what stands where a k x k convolution C -> M stood.
BLOCKS = {
    "depthwise_separable": "k x k of each channel, 1x1 C -> M (Howard et al., MobileNets, 2017, section 3.1)",
    "fire": "1x1 C -> M/8, then 1x1 and k x k to M/2 each, side by side (Iandola et al., SqueezeNet, 2016, section 3.2)",
    "ghost": "k x k C -> M/2, 3x3 of each channel for the other half, side by side (Han et al., GhostNet, CVPR 2020, section 3.1)",
    "shuffle": "grouped 1x1 C -> M/4, shuffle, k x k of each channel, grouped 1x1 -> M (Zhang et al., ShuffleNet, CVPR 2018)",
}

#: Convolutions of fewer input channels stay: stems.
LEAST_CHANNELS = 8


def replace_blocks(graph: Graph, block: str = "depthwise_separable", layers: Iterable[str] = (), groups: int = 4) -> Graph:
    """The network with its k x k convolutions (k > 1, one group, at least 8 input channels) replaced by a block.

    Promise: inputs and outputs of each layer keep their shapes and types; another function, which has to be trained.

    Parameters
    ----------
    block : str
        A name of BLOCKS.
    layers : iterable of str
        Only these; empty: all that can be.
    groups : int
        Of ``shuffle``: the largest divisor of its channels up to this.
    """
    chosen = named_operators(graph, layers)
    work = _Replacing(graph, block, groups)
    for operator in graph.operators:
        shape = convolution_shape(graph, operator)
        if shape is not None and (not chosen or operator.name in chosen) and work.takes(operator, shape):
            work.put_block(operator, shape)
        else:
            work.keep(operator)
    return work.result()


class _Replacing(Layers):
    """One pass in graph order."""

    def __init__(self, graph: Graph, block: str, groups: int) -> None:
        super().__init__(graph)
        self.block, self.groups = block, groups

    def takes(self, operator: Operator, shape: Shape) -> bool:
        """True for a convolution with a window over enough channels, whose stride alone decides the size of its result."""
        if math.prod(shape.kernel) == 1 or shape.inputs < LEAST_CHANNELS or shape.outputs < LEAST_CHANNELS or shape.outputs % 8:
            return False
        place = channel_axis(operator, 4)
        before, after = (self.graph.tensors[name].shape for name in (operator.inputs[0], operator.outputs[0]))
        steps = self.steps(operator)["strides"]
        axes = (2, 3) if place == 1 else (1, 2)
        return all(after[axis] == -(-before[axis] // step) for axis, step in zip(axes, steps, strict=True))

    def put_block(self, operator: Operator, shape: Shape) -> None:
        """The block in place of a convolution."""
        getattr(self, self.block)(operator, shape)

    def depthwise_separable(self, operator: Operator, shape: Shape) -> None:
        """One filter per channel, then one per pixel."""
        outputs, inputs, kernel = shape
        steps = self.steps(operator)
        middle = self.convolution(
            operator, "depthwise", operator.inputs[0], inputs, 1, kernel, group=inputs, steps=steps, ending=True
        )
        self.last(operator, middle, outputs, inputs)

    def fire(self, operator: Operator, shape: Shape) -> None:
        """Few channels, then two kinds of filters side by side."""
        outputs, inputs, kernel = shape
        squeezed = self.convolution(operator, "squeeze", operator.inputs[0], outputs // 8, inputs, ending=True)
        narrow = self.convolution(
            operator, "expand_narrow", squeezed, outputs // 2, outputs // 8, steps=self.strides(operator), ending=True
        )
        wide = self.convolution(
            operator, "expand_wide", squeezed, outputs // 2, outputs // 8, kernel, steps=self.steps(operator), ending=True
        )
        self.joined(operator, (narrow, wide))

    def ghost(self, operator: Operator, shape: Shape) -> None:
        """Half of the channels, the others made of them one by one."""
        outputs, inputs, kernel = shape
        half = outputs // 2
        primary = self.convolution(
            operator, "primary", operator.inputs[0], half, inputs, kernel, steps=self.steps(operator), ending=True
        )
        same = {"strides": (1, 1), "pads": (1, 1, 1, 1)}
        cheap = self.convolution(operator, "cheap", primary, half, 1, (3, 3), group=half, steps=same, ending=True)
        self.joined(operator, (primary, cheap))

    def shuffle(self, operator: Operator, shape: Shape) -> None:
        """Grouped 1x1 convolutions around one filter per channel; the channels of the groups are mixed."""
        outputs, inputs, kernel = shape
        middle = outputs // 4
        group = next(g for g in range(self.groups, 0, -1) if inputs % g == outputs % g == middle % g == 0)
        squeezed = self.convolution(operator, "squeeze", operator.inputs[0], middle, inputs // group, group=group, ending=True)
        if group > 1:
            attributes = {"group": group, **{k: v for k, v in operator.attributes.items() if k == "layout"}}
            squeezed = self.put("ShuffleChannel", (squeezed,), f"{operator.name}.shuffle", attributes)
        filtered = self.convolution(operator, "depthwise", squeezed, middle, 1, kernel, group=middle, steps=self.steps(operator))
        self.last(operator, filtered, outputs, middle // group, group)
