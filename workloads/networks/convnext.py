"""ConvNeXt (Liu et al., CVPR 2022): depthwise 7x7, layer norm and two linear layers on channels-last tensors."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import image

FIRST, LAST = (0, 2, 3, 1), (0, 3, 1, 2)


def convnext(
    blocks: tuple[int, ...], channels: tuple[int, ...], *, batch: int = 1, resolution: int = 224, classes: int = 1000
) -> Graph:
    """Patches of 4, four stages with a norm and a 2x2 convolution between, mean, norm, classifier; each block scaled by channel."""
    net = GraphBuilder("convnext")
    x = net.conv(image(net, batch, resolution), channels[0], 4, 4, name="stem")
    x = _norm(net, x, "stem.norm")
    for stage, (count, width) in enumerate(zip(blocks, channels, strict=True)):
        if stage:
            with net.scope(f"stage{stage}.down"):
                x = net.conv(_norm(net, x, "norm"), width, 2, 2, name="conv")
        for i in range(count):
            with net.scope(f"stage{stage}.{i}"):
                x = _block(net, x, width)
    x = _norm(net, net.global_average_pool(x, name="mean"), "norm")
    return net.finish(net.linear(net.flatten(x), classes, name="head"))


def _norm(net: GraphBuilder, x: str, name: str) -> str:
    """Layer norm over the channels of an image: permuted there and back."""
    x = net.layer_norm(net.transpose(x, FIRST, name=f"{name}.last"), name=name)
    return net.transpose(x, LAST, name=f"{name}.first")


def _block(net: GraphBuilder, x: str, width: int) -> str:
    y = net.depthwise(x, 7, 1, 3, name="depthwise")
    y = net.layer_norm(net.transpose(y, FIRST, name="last"), name="norm")
    y = net.linear(y, 4 * width, activation="gelu", name="fc1")
    y = net.transpose(net.linear(y, width, name="fc2"), LAST, name="first")
    y = net.times(y, net.weight("gamma", (1, width, 1, 1)), name="scale")
    return net.plus(y, x, name="add")
