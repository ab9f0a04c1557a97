"""ShuffleNet version 1 (Zhang et al. 2018) and 2 (Ma et al. 2018)."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.networks.blocks import channel_shuffle, classifier, image

#: Version 1: output channels of the second stage by number of groups (table 1); later stages double them.
STAGE2_CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
#: Version 2: channels of stages 2 to 4 and of the last convolution by width (table 5).
CHANNELS_V2 = {0.5: (48, 96, 192, 1024), 1.0: (116, 232, 464, 1024), 1.5: (176, 352, 704, 1024), 2.0: (244, 488, 976, 2048)}
#: Units per stage, the halving one included.
UNITS = (4, 8, 4)


def shufflenet_v1(*, batch: int = 1, resolution: int = 224, width: float = 1.0, classes: int = 1000, groups: int = 3) -> Graph:
    """ShuffleNet: grouped 1x1 convolutions with a channel shuffle between. The stem keeps its 24 channels at widths 1 to 1.5."""
    if groups not in STAGE2_CHANNELS:
        raise GraphError(f"network 'shufflenet_v1': {groups} groups; the paper has {', '.join(map(str, STAGE2_CHANNELS))}")
    net = GraphBuilder("shufflenet_v1")
    x = net.conv_norm(image(net, batch, resolution), 24 if 1.0 <= width <= 1.5 else int(24 * width), 3, 2, name="conv1")
    x = net.max_pool(x, 3, 2, 1, name="pool1")
    for stage, count in enumerate(UNITS, start=2):
        channels = int(STAGE2_CHANNELS[groups] * width) * 2 ** (stage - 2)
        for i in range(count):
            with net.scope(f"stage{stage}.{i}"):
                x = _unit_v1(net, x, channels, groups, halving=i == 0, first_groups=1 if stage == 2 and i == 0 else groups)
    return net.finish(classifier(net, x, classes, name="fc"))


def _unit_v1(net: GraphBuilder, x: str, channels: int, groups: int, halving: bool, first_groups: int) -> str:
    """Bottleneck of a quarter of the channels; a halving unit puts a pooled copy of its input beside the result."""
    added = channels - net.channels(x) if halving else channels
    y = net.conv_norm(x, channels // 4, 1, groups=first_groups, name="compress")
    y = channel_shuffle(net, y, groups)
    y = net.depthwise_norm(y, 3, 2 if halving else 1, activation=None, name="depthwise")
    y = net.conv_norm(y, added, 1, groups=groups, activation=None, name="expand")
    y = net.concat([y, net.average_pool(x, 3, 2, 1, name="pool")], name="concat") if halving else net.plus(x, y, name="add")
    return net.activation(y, "relu", name="relu")


def shufflenet_v2(*, batch: int = 1, resolution: int = 224, width: float = 1.0, classes: int = 1000) -> Graph:
    """ShuffleNet of split channels: half passes by, half is convolved, then both are shuffled."""
    if width not in CHANNELS_V2:
        raise GraphError(f"network 'shufflenet_v2': width {width}; the paper has {', '.join(map(str, CHANNELS_V2))}")
    net = GraphBuilder("shufflenet_v2")
    *stages, last = CHANNELS_V2[width]
    x = net.conv_norm(image(net, batch, resolution), 24, 3, 2, name="conv1")
    x = net.max_pool(x, 3, 2, 1, name="pool1")
    for stage, (channels, count) in enumerate(zip(stages, UNITS, strict=True), start=2):
        for i in range(count):
            with net.scope(f"stage{stage}.{i}"):
                x = _halving_v2(net, x, channels) if i == 0 else _unit_v2(net, x)
    x = net.conv_norm(x, last, 1, name="conv5")
    return net.finish(classifier(net, x, classes, name="fc"))


def _branch_v2(net: GraphBuilder, x: str, channels: int, stride: int) -> str:
    y = net.conv_norm(x, channels, 1, name="compress")
    y = net.depthwise_norm(y, 3, stride, activation=None, name="depthwise")
    return net.conv_norm(y, channels, 1, name="expand")


def _unit_v2(net: GraphBuilder, x: str) -> str:
    half = net.channels(x) // 2
    kept, changed = net.split(x, (half, half), name="split")
    return channel_shuffle(net, net.concat([kept, _branch_v2(net, changed, half, 1)], name="concat"), 2)


def _halving_v2(net: GraphBuilder, x: str, channels: int) -> str:
    kept = net.depthwise_norm(x, 3, 2, activation=None, name="shortcut.depthwise")
    kept = net.conv_norm(kept, channels // 2, 1, name="shortcut.pointwise")
    return channel_shuffle(net, net.concat([kept, _branch_v2(net, x, channels // 2, 2)], name="concat"), 2)
