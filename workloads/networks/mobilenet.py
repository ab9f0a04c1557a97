"""MobileNet versions 1 (Howard et al. 2017), 2 (Sandler et al. 2018) and 3 (Howard et al. 2019)."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import Inverted, classifier, divisible, image, inverted_residual

#: Version 1: output channels and stride of each depthwise separable block (table 1).
SEPARABLE = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2),
    (1024, 1),
)  # fmt: skip

#: Version 2: expansion, output channels, blocks, stride of the first (table 2).
INVERTED = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))

#: Version 3: kernel, expanded channels, output channels, squeeze and excitation, activation, stride (tables 1 and 2).
LARGE = (
    (3, 16, 16, False, "relu", 1), (3, 64, 24, False, "relu", 2), (3, 72, 24, False, "relu", 1), (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1), (5, 120, 40, True, "relu", 1), (3, 240, 80, False, "hard_swish", 2),
    (3, 200, 80, False, "hard_swish", 1), (3, 184, 80, False, "hard_swish", 1), (3, 184, 80, False, "hard_swish", 1),
    (3, 480, 112, True, "hard_swish", 1), (3, 672, 112, True, "hard_swish", 1), (5, 672, 160, True, "hard_swish", 2),
    (5, 960, 160, True, "hard_swish", 1), (5, 960, 160, True, "hard_swish", 1),
)  # fmt: skip
SMALL = (
    (3, 16, 16, True, "relu", 2), (3, 72, 24, False, "relu", 2), (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hard_swish", 2), (5, 240, 40, True, "hard_swish", 1), (5, 240, 40, True, "hard_swish", 1),
    (5, 120, 48, True, "hard_swish", 1), (5, 144, 48, True, "hard_swish", 1), (5, 288, 96, True, "hard_swish", 2),
    (5, 576, 96, True, "hard_swish", 1), (5, 576, 96, True, "hard_swish", 1),
)  # fmt: skip


def mobilenet_v1(*, batch: int = 1, resolution: int = 224, width: float = 1.0, classes: int = 1000) -> Graph:
    """MobileNet: a convolution and thirteen depthwise separable ones."""
    net = GraphBuilder("mobilenet_v1")
    x = net.conv_norm(image(net, batch, resolution), int(32 * width), 3, 2, name="conv1")
    for i, (channels, stride) in enumerate(SEPARABLE, start=1):
        x = net.depthwise_norm(x, 3, stride, name=f"conv{i + 1}.depthwise")
        x = net.conv_norm(x, int(channels * width), 1, name=f"conv{i + 1}.pointwise")
    return net.finish(net.softmax(classifier(net, x, classes, name="fc"), name="prob"))


def mobilenet_v2(
    *, batch: int = 1, resolution: int = 224, width: float = 1.0, classes: int = 1000, expand_first: bool = False
) -> Graph:
    """MobileNet of inverted residuals. ``expand_first`` keeps a 1x1 convolution in the first block, as ncnn's copy does."""
    net = GraphBuilder("mobilenet_v2")
    x = net.conv_norm(image(net, batch, resolution), divisible(32 * width), 3, 2, activation="relu6", name="conv1")
    number = 0
    for expansion, channels, count, first_stride in INVERTED:
        for i in range(count):
            stride = first_stride if i == 0 else 1
            block = Inverted(
                divisible(channels * width), 3, stride, net.channels(x) * expansion, expand_always=expand_first and number == 0
            )
            with net.scope(f"block{number}"):
                x = inverted_residual(net, x, block)
            number += 1
    x = net.conv_norm(x, divisible(1280 * max(1.0, width)), 1, activation="relu6", name="conv2")
    return net.finish(classifier(net, x, classes))


def mobilenet_v3(
    rows: tuple[tuple[int, int, int, bool, str, int], ...], last: int, *, batch: int = 1, resolution: int = 224, width: float = 1.0,
    classes: int = 1000,
) -> Graph:  # fmt: skip
    """MobileNet with hard swish and squeeze and excitation; the classifier has a hidden layer of ``last`` features."""
    net = GraphBuilder("mobilenet_v3")
    x = net.conv_norm(image(net, batch, resolution), divisible(16 * width), 3, 2, activation="hard_swish", name="conv1")
    for i, (kernel, expanded, channels, squeezed, activation, stride) in enumerate(rows):
        wide = divisible(expanded * width)
        block = Inverted(divisible(channels * width), kernel, stride, wide, divisible(wide / 4) if squeezed else 0, activation)
        with net.scope(f"block{i}"):
            x = inverted_residual(net, x, block, gate="hard_sigmoid")
    x = net.conv_norm(x, 6 * net.channels(x), 1, activation="hard_swish", name="conv2")
    x = net.flatten(net.global_average_pool(x, name="global_pool"))
    x = net.linear(x, divisible(last * width), activation="hard_swish", name="hidden")
    return net.finish(net.linear(x, classes, name="classifier"))
