"""SqueezeNext (Gholami et al. 2018, "SqueezeNext: hardware-aware neural network design"), as its authors released it for Caffe."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import image

#: Blocks per stage of version 5 (figure 4 of the paper), and the channels of each stage at width 1.
BLOCKS = (2, 4, 14, 1)
CHANNELS = (32, 64, 128, 256)


def squeezenext(*, batch: int = 1, resolution: int = 227, classes: int = 1000, width: float = 2.0) -> Graph:
    """SqNxt-23v5: two 1x1 squeezes, a 3x1 and a 1x3 convolution in turn, one 1x1 expansion per block."""
    net = GraphBuilder("squeezenext")
    x = net.conv_norm(image(net, batch, resolution), 64, 5, 2, 0, name="conv1")
    x = net.max_pool(x, 3, 2, ceil=True, name="pool1")
    number = 0
    for stage, (count, channels) in enumerate(zip(BLOCKS, CHANNELS, strict=True), start=1):
        for i in range(count):
            with net.scope(f"stage{stage}.{i}"):
                if i == 0:
                    x = net.conv_norm(x, int(channels * width), 1, 1 if stage == 1 else 2, name="resize")
                x = _block(net, x, tall_first=number % 2 == 0)
            number += 1
    x = net.conv_norm(x, 128, 1, name="conv2")
    x = net.flatten(net.global_average_pool(x, name="pool5"))
    return net.finish(net.linear(x, classes, bias=False, name="fc1000"))


def _block(net: GraphBuilder, x: str, tall_first: bool) -> str:
    """A bottleneck of a half and a quarter of the channels, added to its input."""
    channels = net.channels(x)
    y = net.conv_norm(x, channels // 2, 1, name="squeeze1")
    y = net.conv_norm(y, channels // 4, 1, name="squeeze2")
    for i, kernel in enumerate(((3, 1), (1, 3)) if tall_first else ((1, 3), (3, 1)), start=1):
        y = net.conv_norm(y, channels // 2, kernel, name=f"separable{i}")
    y = net.conv_norm(y, channels, 1, name="expand")
    return net.plus(x, y, activation="relu", name="add")
