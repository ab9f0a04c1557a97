"""SqueezeNet 1.0 and 1.1 (Iandola et al. 2016) and SqueezeNext (Gholami et al. 2018), as their authors released them for Caffe."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import image

#: Channels of the squeeze convolution in each fire module; the expand convolutions have four times as many each.
FIRES = {"fire2": 16, "fire3": 16, "fire4": 32, "fire5": 32, "fire6": 48, "fire7": 48, "fire8": 64, "fire9": 64}


def fire(net: GraphBuilder, x: str, squeezed: int) -> str:
    """1x1 squeeze, then 1x1 and 3x3 expansions side by side."""
    x = net.conv(x, squeezed, 1, activation="relu", name="squeeze1x1")
    narrow = net.conv(x, 4 * squeezed, 1, activation="relu", name="expand1x1")
    wide = net.conv(x, 4 * squeezed, 3, 1, 1, activation="relu", name="expand3x3")
    return net.concat([narrow, wide], name="concat")


def squeezenet(
    channels: int, kernel: int, pooled: tuple[str, ...], *, batch: int = 1, resolution: int = 227, classes: int = 1000,
    classifier_padding: int = 0,
) -> Graph:  # fmt: skip
    """Fire modules with pools after the named ones; the classifier is a 1x1 convolution and a mean.

    ``classifier_padding`` is a border of zeros around the classifier's input: 1 in release 1.0 and in ncnn's copy of 1.1, 0 in
    the release of 1.1.
    """
    net = GraphBuilder("squeezenet")
    x = net.conv(image(net, batch, resolution), channels, kernel, 2, activation="relu", name="conv1")
    x = net.max_pool(x, 3, 2, ceil=True, name="pool1")
    for name, squeezed in FIRES.items():
        with net.scope(name):
            x = fire(net, x, squeezed)
        if name in pooled:
            x = net.max_pool(x, 3, 2, ceil=True, name=f"pool{name[-1]}")
    x = net.conv(x, classes, 1, 1, classifier_padding, activation="relu", name="conv10")
    x = net.global_average_pool(x, name="pool10")
    return net.finish(net.softmax(net.flatten(x), name="prob"))


def squeezenet1_0(*, batch: int = 1, resolution: int = 227, classes: int = 1000, classifier_padding: int = 1) -> Graph:
    """Release 1.0: 96 filters of 7x7 first, pools after fire4 and fire8."""
    return squeezenet(
        96, 7, ("fire4", "fire8"), batch=batch, resolution=resolution, classes=classes, classifier_padding=classifier_padding
    )


def squeezenet1_1(*, batch: int = 1, resolution: int = 227, classes: int = 1000, classifier_padding: int = 0) -> Graph:
    """Release 1.1: 64 filters of 3x3 first, pools after fire3 and fire5; 2.4 times fewer operations than 1.0."""
    return squeezenet(
        64, 3, ("fire3", "fire5"), batch=batch, resolution=resolution, classes=classes, classifier_padding=classifier_padding
    )
