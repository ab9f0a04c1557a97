"""Xception (Chollet 2017, "Xception: deep learning with depthwise separable convolutions")."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import classifier, image


def xception(*, batch: int = 1, resolution: int = 299, classes: int = 1000) -> Graph:
    """Entry flow of three halving blocks, middle flow of eight, exit flow (figure 5 of the paper)."""
    net = GraphBuilder("xception")
    x = net.conv_norm(image(net, batch, resolution), 32, 3, 2, 0, name="conv1")
    x = net.conv_norm(x, 64, 3, 1, 0, name="conv2")
    for i, channels in enumerate((128, 256, 728), start=1):
        x = _block(net, x, f"entry{i}", (channels, channels), halving=True, relu_first=i > 1)
    for i in range(1, 9):
        x = _block(net, x, f"middle{i}", (728, 728, 728))
    x = _block(net, x, "exit", (728, 1024), halving=True)
    for i, channels in enumerate((1536, 2048), start=3):
        x = net.activation(_separable(net, x, channels, f"conv{i}"), "relu", name=f"conv{i}.relu")
    return net.finish(classifier(net, x, classes))


def _block(net: GraphBuilder, x: str, name: str, channels: tuple[int, ...], halving: bool = False, relu_first: bool = True) -> str:
    """Separable convolutions around a shortcut, which is a strided 1x1 convolution where the block halves."""
    with net.scope(name):
        y = x
        for i, count in enumerate(channels, start=1):
            if i > 1 or relu_first:
                y = net.activation(y, "relu", name=f"relu{i}")
            y = _separable(net, y, count, f"conv{i}")
        if halving:
            y = net.max_pool(y, 3, 2, 1, name="pool")
            x = net.conv_norm(x, channels[-1], 1, 2, activation=None, name="shortcut")
        return net.plus(y, x, name="add")


def _separable(net: GraphBuilder, x: str, channels: int, name: str) -> str:
    """3x3 depthwise and 1x1 convolution with nothing between, then batch norm."""
    x = net.depthwise(x, 3, 1, 1, bias=False, name=f"{name}.depthwise")
    return net.conv_norm(x, channels, 1, activation=None, name=f"{name}.pointwise")
