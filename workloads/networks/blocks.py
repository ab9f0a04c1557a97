"""Blocks that several families share: squeeze and excitation, inverted residuals, channel shuffle, the classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from workloads.builder import GraphBuilder


def divisible(channels: float, divisor: int = 8) -> int:
    """Channels rounded to a multiple of ``divisor``, never down by more than a tenth (Howard et al. 2019, reference code).

    >>> divisible(32 * 1.4), divisible(24 * 0.35)
    (48, 8)
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def squeeze_excite(net: GraphBuilder, x: str, squeezed: int, inner: str = "relu", gate: str = "sigmoid") -> str:
    """Channels weighted by a gate computed from their means (Hu et al. 2018): pool, two 1x1 convolutions, product."""
    with net.scope("se"):
        weights = net.global_average_pool(x, name="pool")
        weights = net.conv(weights, squeezed, 1, activation=inner, name="reduce")
        weights = net.conv(weights, net.channels(x), 1, activation=gate, name="expand")
        return net.times(x, weights, name="scale")


class Inverted(NamedTuple):
    """One inverted residual block: 1x1 expansion, depthwise convolution, 1x1 projection (Sandler et al. 2018)."""

    channels: int
    kernel: int
    stride: int
    expanded: int
    squeezed: int = 0  # channels inside squeeze and excitation; 0 for none
    activation: str = "relu6"
    expand_always: bool = False  # keep the expansion even where it does not widen


def inverted_residual(
    net: GraphBuilder, x: str, block: Inverted, *, skip: bool = True, gate: str = "sigmoid", inner: str = "relu"
) -> str:
    """Inverted residual with squeeze and excitation after the depthwise activation; added to its input where shapes allow."""
    channels = net.channels(x)
    y = x
    if block.expanded != channels or block.expand_always:
        y = net.conv_norm(y, block.expanded, 1, activation=block.activation, name="expand")
    y = net.depthwise_norm(y, block.kernel, block.stride, activation=block.activation, name="depthwise")
    if block.squeezed:
        y = squeeze_excite(net, y, block.squeezed, inner, gate)
    y = net.conv_norm(y, block.channels, 1, activation=None, name="project")
    if skip and block.stride == 1 and block.channels == channels:
        y = net.plus(x, y, name="add")
    return y


def channel_shuffle(net: GraphBuilder, x: str, groups: int) -> str:
    """Channels of all groups interleaved (Zhang et al. 2018): reshape, transpose, reshape."""
    batch, channels, height, width = net.shape(x)
    with net.scope("shuffle"):
        x = net.reshape(x, (batch, groups, channels // groups, height, width), name="split")
        x = net.transpose(x, (0, 2, 1, 3, 4), name="transpose")
        return net.reshape(x, (batch, channels, height, width), name="merge")


def classifier(net: GraphBuilder, x: str, classes: int, *, name: str = "classifier") -> str:
    """Mean over space and a fully connected layer."""
    return net.linear(net.flatten(net.global_average_pool(x, name="global_pool")), classes, name=name)


def image(net: GraphBuilder, batch: int, resolution: int | Sequence[int], channels: int = 3) -> str:
    """The input: a batch of images."""
    height, width = (resolution, resolution) if isinstance(resolution, int) else resolution
    return net.input((batch, channels, height, width))
