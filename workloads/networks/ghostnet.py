"""GhostNet (Han et al. 2020, "GhostNet: more features from cheap operations")."""

from __future__ import annotations

import math

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import divisible, image, squeeze_excite

#: Kernel, expanded channels, output channels, squeeze and excitation, stride (table 1 of the paper).
ROWS = (
    (3, 16, 16, False, 1), (3, 48, 24, False, 2), (3, 72, 24, False, 1), (5, 72, 40, True, 2), (5, 120, 40, True, 1),
    (3, 240, 80, False, 2), (3, 200, 80, False, 1), (3, 184, 80, False, 1), (3, 184, 80, False, 1), (3, 480, 112, True, 1),
    (3, 672, 112, True, 1), (5, 672, 160, True, 2), (5, 960, 160, False, 1), (5, 960, 160, True, 1), (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
)  # fmt: skip


def ghostnet(*, batch: int = 1, resolution: int = 224, width: float = 1.0, classes: int = 1000) -> Graph:
    """GhostNet: half of the channels of each convolution come from a depthwise one over the other half."""
    net = GraphBuilder("ghostnet")
    x = net.conv_norm(image(net, batch, resolution), divisible(16 * width, 4), 3, 2, name="stem")
    for i, (kernel, expanded, channels, squeezed, stride) in enumerate(ROWS):
        with net.scope(f"block{i}"):
            x = _bottleneck(net, x, kernel, divisible(expanded * width, 4), divisible(channels * width, 4), squeezed, stride)
    x = net.conv_norm(x, divisible(960 * width, 4), 1, name="last")
    x = net.global_average_pool(x, name="global_pool")
    x = net.conv(x, 1280, 1, activation="relu", name="head")
    return net.finish(net.linear(net.flatten(x), classes, name="classifier"))


def _ghost(net: GraphBuilder, x: str, channels: int, name: str, activation: str | None) -> str:
    """A 1x1 convolution to half of the channels and a 3x3 depthwise one that makes the other half of them."""
    half = math.ceil(channels / 2)
    primary = net.conv_norm(x, half, 1, activation=activation, name=f"{name}.primary")
    cheap = net.depthwise_norm(primary, 3, activation=activation, name=f"{name}.cheap")
    return net.concat([primary, cheap], name=f"{name}.concat")


def _bottleneck(net: GraphBuilder, x: str, kernel: int, expanded: int, channels: int, squeezed: bool, stride: int) -> str:
    y = _ghost(net, x, expanded, "expand", "relu")
    if stride > 1:
        y = net.depthwise_norm(y, kernel, stride, activation=None, name="depthwise")
    if squeezed:
        y = squeeze_excite(net, y, divisible(expanded / 4, 4), gate="hard_sigmoid")
    y = _ghost(net, y, channels, "project", None)
    if stride > 1 or net.channels(x) != channels:
        x = net.depthwise_norm(x, kernel, stride, activation=None, name="shortcut.depthwise")
        x = net.conv_norm(x, channels, 1, activation=None, name="shortcut.pointwise")
    return net.plus(y, x, name="add")
