"""Inception v3 (Szegedy et al. 2016) and v4 (Szegedy et al. 2017)."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import classifier, image

#: One convolution of a branch: output channels, kernel, stride, padding; padding -1 keeps the extents.
Layer = tuple[int, int | tuple[int, int], int, int]

FLAT, TALL = (1, 7), (7, 1)


def branch(net: GraphBuilder, x: str, name: str, *layers: Layer) -> str:
    """Convolutions with batch norm and ReLU, one after the other."""
    with net.scope(name):
        for i, (channels, kernel, stride, padding) in enumerate(layers, start=1):
            x = net.conv_norm(x, channels, kernel, stride, None if padding < 0 else padding, name=f"conv{i}")
    return x


def pooled(net: GraphBuilder, x: str, channels: int) -> str:
    """3x3 mean, then a 1x1 convolution."""
    return branch(net, net.average_pool(x, 3, 1, 1, name="average"), "pool", (channels, 1, 1, 0))


def forked(net: GraphBuilder, x: str, name: str, channels: int) -> list[str]:
    """A 1x3 and a 3x1 convolution side by side."""
    kernels = {"a": (1, 3), "b": (3, 1)}
    return [branch(net, x, f"{name}{part}", (channels, kernel, 1, -1)) for part, kernel in kernels.items()]


def grid(net: GraphBuilder, x: str, narrow: int, five: tuple[int, int, int], double: int, pool: int) -> str:
    """Module on the finest grid: 1x1; a wider window (channels before and after, kernel); twice 3x3; pool."""
    before, after, kernel = five
    return net.concat([
        branch(net, x, "1x1", (narrow, 1, 1, 0)),
        branch(net, x, "wide", (before, 1, 1, 0), (after, kernel, 1, -1)),
        branch(net, x, "double", (64, 1, 1, 0), (double, 3, 1, 1), (double, 3, 1, 1)),
        pooled(net, x, pool),
    ])  # fmt: skip


def factored(net: GraphBuilder, x: str, narrow: int, seven: tuple[int, ...], double: tuple[int, ...], pool: int) -> str:
    """Module on the middle grid: 7x7 windows as 1x7 and 7x1 in turn; channels of each convolution are given."""
    steps = ((seven[1], FLAT, 1, -1), (seven[2], TALL, 1, -1))
    turns = tuple((channels, kernel, 1, -1) for channels, kernel in zip(double[1:], (TALL, FLAT, TALL, FLAT), strict=True))
    return net.concat([
        branch(net, x, "1x1", (narrow, 1, 1, 0)),
        branch(net, x, "7x7", (seven[0], 1, 1, 0), *steps),
        branch(net, x, "double", (double[0], 1, 1, 0), *turns),
        pooled(net, x, pool),
    ])  # fmt: skip


def reduced(net: GraphBuilder, x: str, first: tuple[Layer, ...], second: tuple[Layer, ...]) -> str:
    """Module that halves the grid: two branches and a maximum."""
    return net.concat([
        branch(net, x, "3x3", *first), branch(net, x, "double", *second), net.max_pool(x, 3, 2, name="pool"),
    ])  # fmt: skip


def widened(net: GraphBuilder, x: str, narrow: int, first: tuple[int, int], layers: tuple[Layer, ...], last: int, pool: int) -> str:
    """Module on the coarsest grid: branches that end in a 1x3 and a 3x1 convolution side by side."""
    three = branch(net, x, "3x3", (first[0], 1, 1, 0))
    double = branch(net, x, "double", *layers)
    return net.concat([
        branch(net, x, "1x1", (narrow, 1, 1, 0)), *forked(net, three, "3x3", first[1]), *forked(net, double, "double", last),
        pooled(net, x, pool),
    ])  # fmt: skip


def inception_v3(*, batch: int = 1, resolution: int = 299, classes: int = 1000) -> Graph:
    """Inception v3 without the auxiliary classifier of training."""
    net = GraphBuilder("inception_v3")
    x = branch(net, image(net, batch, resolution), "stem1", (32, 3, 2, 0), (32, 3, 1, 0), (64, 3, 1, 1))
    x = branch(net, net.max_pool(x, 3, 2, name="pool1"), "stem2", (80, 1, 1, 0), (192, 3, 1, 0))
    x = net.max_pool(x, 3, 2, name="pool2")
    for name, pool in (("5b", 32), ("5c", 64), ("5d", 64)):
        with net.scope(name):
            x = grid(net, x, 64, (48, 64, 5), 96, pool)
    with net.scope("6a"):
        x = reduced(net, x, ((384, 3, 2, 0),), ((64, 1, 1, 0), (96, 3, 1, 1), (96, 3, 2, 0)))
    for name, inner in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        with net.scope(name):
            x = factored(net, x, 192, (inner, inner, 192), (inner, inner, inner, inner, 192), 192)
    with net.scope("7a"):
        seven = ((192, 1, 1, 0), (192, FLAT, 1, -1), (192, TALL, 1, -1), (192, 3, 2, 0))
        x = reduced(net, x, ((192, 1, 1, 0), (320, 3, 2, 0)), seven)
    for name in ("7b", "7c"):
        with net.scope(name):
            x = widened(net, x, 320, (384, 384), ((448, 1, 1, 0), (384, 3, 1, 1)), 384, 192)
    return net.finish(classifier(net, x, classes))


def inception_v4(*, batch: int = 1, resolution: int = 299, classes: int = 1000) -> Graph:
    """Inception v4: a forked stem, four, seven and three modules on three grids."""
    net = GraphBuilder("inception_v4")
    x = _stem_v4(net, image(net, batch, resolution))
    for i in range(4):
        with net.scope(f"a{i}"):
            x = grid(net, x, 96, (64, 96, 3), 96, 96)
    with net.scope("reduction_a"):
        x = reduced(net, x, ((384, 3, 2, 0),), ((192, 1, 1, 0), (224, 3, 1, 1), (256, 3, 2, 0)))
    for i in range(7):
        with net.scope(f"b{i}"):
            x = factored(net, x, 384, (192, 224, 256), (192, 192, 224, 224, 256), 128)
    with net.scope("reduction_b"):
        seven = ((256, 1, 1, 0), (256, FLAT, 1, -1), (320, TALL, 1, -1), (320, 3, 2, 0))
        x = reduced(net, x, ((192, 1, 1, 0), (192, 3, 2, 0)), seven)
    for i in range(3):
        with net.scope(f"c{i}"):
            x = widened(net, x, 256, (384, 256), ((384, 1, 1, 0), (448, (3, 1), 1, -1), (512, (1, 3), 1, -1)), 256, 256)
    return net.finish(classifier(net, x, classes))


def _stem_v4(net: GraphBuilder, x: str) -> str:
    """Three forks bring 299 x 299 x 3 to 35 x 35 x 384."""
    x = branch(net, x, "stem1", (32, 3, 2, 0), (32, 3, 1, 0), (64, 3, 1, 1))
    x = net.concat([net.max_pool(x, 3, 2, name="stem.pool1"), branch(net, x, "stem2", (96, 3, 2, 0))])
    x = net.concat([
        branch(net, x, "stem3", (64, 1, 1, 0), (96, 3, 1, 0)),
        branch(net, x, "stem4", (64, 1, 1, 0), (64, FLAT, 1, -1), (64, TALL, 1, -1), (96, 3, 1, 0)),
    ])  # fmt: skip
    return net.concat([branch(net, x, "stem5", (192, 3, 2, 0)), net.max_pool(x, 3, 2, name="stem.pool2")])
