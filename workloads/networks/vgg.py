"""VGG (Simonyan and Zisserman 2015)."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import image

#: Convolutions per stage (table 1 of the paper, columns D and E).
VGG16 = (2, 2, 3, 3, 3)
VGG19 = (2, 2, 4, 4, 4)


def vgg(convolutions: tuple[int, ...], *, batch: int = 1, resolution: int = 224, classes: int = 1000) -> Graph:
    """Stages of 3x3 convolutions, each halved by a pool, and three fully connected layers."""
    net = GraphBuilder("vgg")
    x = image(net, batch, resolution)
    for stage, count in enumerate(convolutions, start=1):
        for i in range(1, count + 1):
            x = net.conv(x, min(64 * 2 ** (stage - 1), 512), 3, 1, 1, activation="relu", name=f"conv{stage}_{i}")
        x = net.max_pool(x, 2, name=f"pool{stage}")
    x = net.linear(net.flatten(x), 4096, activation="relu", name="fc6")
    x = net.linear(x, 4096, activation="relu", name="fc7")
    return net.finish(net.softmax(net.linear(x, classes, name="fc8"), name="prob"))
