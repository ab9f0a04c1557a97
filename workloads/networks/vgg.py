"""VGG (Simonyan and Zisserman 2015)."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import image

#: Convolutions per stage (table 1 of the paper, columns A, B, D and E).
VGG11 = (1, 1, 2, 2, 2)
VGG13 = (2, 2, 2, 2, 2)
VGG16 = (2, 2, 3, 3, 3)
VGG19 = (2, 2, 4, 4, 4)


def vgg(
    convolutions: tuple[int, ...], normed: bool = False, *, batch: int = 1, resolution: int = 224, classes: int = 1000
) -> Graph:
    """Stages of 3x3 convolutions, each halved by a pool, and three fully connected layers; ``normed`` adds batch norms."""
    net = GraphBuilder("vgg")
    x = image(net, batch, resolution)
    for stage, count in enumerate(convolutions, start=1):
        for i in range(1, count + 1):
            channels, name = min(64 * 2 ** (stage - 1), 512), f"conv{stage}_{i}"
            if normed:
                x = net.conv_norm(x, channels, 3, bias=True, name=name)
            else:
                x = net.conv(x, channels, 3, 1, 1, activation="relu", name=name)
        x = net.max_pool(x, 2, name=f"pool{stage}")
    x = net.linear(net.flatten(x), 4096, activation="relu", name="fc6")
    x = net.linear(x, 4096, activation="relu", name="fc7")
    return net.finish(net.softmax(net.linear(x, classes, name="fc8"), name="prob"))
