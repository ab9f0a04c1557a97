"""ResNet (He et al. 2016) and SENet-154 (Hu et al. 2018)."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import classifier, image, squeeze_excite

#: Residual blocks per stage (table 1 of He et al.).
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
CHANNELS = (64, 128, 256, 512)


def basic_resnet(depth: int, *, batch: int = 1, resolution: int = 224, classes: int = 1000, project_first: bool = False) -> Graph:
    """ResNet of blocks of two 3x3 convolutions; shortcuts are projected (1x1) where the shape changes.

    ``project_first`` puts a projection on the first block too, which the copy of ncnn has and the paper has not.
    """
    net = GraphBuilder(f"resnet{depth}")
    x = _stem(net, batch, resolution)
    for stage, (count, channels) in enumerate(zip(BLOCKS[depth], CHANNELS, strict=True), start=1):
        for i in range(count):
            stride = 2 if i == 0 and stage > 1 else 1
            with net.scope(f"layer{stage}.{i}"):
                y = net.conv_norm(x, channels, 3, stride, name="conv1")
                y = net.conv_norm(y, channels, 3, activation=None, name="conv2")
                if stride > 1 or net.channels(x) != channels or (project_first and i == 0):
                    x = net.conv_norm(x, channels, 1, stride, activation=None, name="shortcut")
                x = net.plus(y, x, activation="relu", name="add")
    return net.finish(classifier(net, x, classes, name="fc"))


def bottleneck_resnet(
    depth: int, stride_in_first: bool, groups: int = 1, group_width: int = 64, *, batch: int = 1, resolution: int = 224,
    classes: int = 1000,
) -> Graph:  # fmt: skip
    """ResNet of 1x1, 3x3, 1x1 bottlenecks; the paper halves in the first 1x1, version 1.5 in the 3x3 convolution.

    ResNeXt (Xie et al. 2017) has 32 ``groups``, wide ResNets (Zagoruyko and Komodakis 2016) a ``group_width`` of 128.
    """
    net = GraphBuilder(f"resnet{depth}")
    x = _stem(net, batch, resolution)
    for stage, (count, channels) in enumerate(zip(BLOCKS[depth], CHANNELS, strict=True), start=1):
        for i in range(count):
            stride = 2 if i == 0 and stage > 1 else 1
            first, second = (stride, 1) if stride_in_first else (1, stride)
            with net.scope(f"layer{stage}.{i}"):
                inner = channels * group_width // 64 * groups
                y = net.conv_norm(x, inner, 1, first, name="conv1")
                y = net.conv_norm(y, inner, 3, second, groups=groups, name="conv2")
                y = net.conv_norm(y, 4 * channels, 1, activation=None, name="conv3")
                if i == 0:
                    x = net.conv_norm(x, 4 * channels, 1, stride, activation=None, name="shortcut")
                x = net.plus(y, x, activation="relu", name="add")
    return net.finish(classifier(net, x, classes, name="fc"))


def _stem(net: GraphBuilder, batch: int, resolution: int) -> str:
    x = net.conv_norm(image(net, batch, resolution), 64, 7, 2, name="conv1")
    return net.max_pool(x, 3, 2, 1, name="pool1")


def senet154(*, batch: int = 1, resolution: int = 224, classes: int = 1000) -> Graph:
    """SENet-154: ResNet-152 with 64 groups, halved 1x1 convolutions, a stem of three 3x3 and squeeze and excitation (1/16)."""
    net = GraphBuilder("senet154")
    x = image(net, batch, resolution)
    for i, channels in enumerate((64, 64, 128), start=1):
        x = net.conv_norm(x, channels, 3, 2 if i == 1 else 1, name=f"stem{i}")
    x = net.max_pool(x, 3, 2, ceil=True, name="pool1")
    for stage, (count, channels) in enumerate(zip(BLOCKS[152], CHANNELS, strict=True), start=1):
        for i in range(count):
            stride = 2 if i == 0 and stage > 1 else 1
            with net.scope(f"layer{stage}.{i}"):
                y = net.conv_norm(x, 2 * channels, 1, name="conv1")
                y = net.conv_norm(y, 4 * channels, 3, stride, groups=64, name="conv2")
                y = net.conv_norm(y, 4 * channels, 1, activation=None, name="conv3")
                y = squeeze_excite(net, y, channels // 4)
                if i == 0:
                    x = net.conv_norm(x, 4 * channels, 1 if stage == 1 else 3, stride, activation=None, name="shortcut")
                x = net.plus(y, x, activation="relu", name="add")
    return net.finish(classifier(net, x, classes, name="fc"))
