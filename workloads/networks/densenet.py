"""DenseNet (Huang et al. 2017) and CondenseNet (Huang et al. 2018)."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import channel_shuffle, classifier, image


def densenet(
    layers: tuple[int, ...], growth: int, first: int, *, batch: int = 1, resolution: int = 224, classes: int = 1000
) -> Graph:
    """DenseNet-BC: each layer adds ``growth`` channels to all before it; transitions halve channels and extents."""
    net = GraphBuilder("densenet")
    x = net.conv_norm(image(net, batch, resolution), first, 7, 2, name="conv0")
    x = net.max_pool(x, 3, 2, 1, name="pool0")
    for block, count in enumerate(layers, start=1):
        for i in range(1, count + 1):
            with net.scope(f"block{block}.{i}"):
                y = _norm_relu_conv(net, x, 4 * growth, 1, "1")
                y = _norm_relu_conv(net, y, growth, 3, "2")
                x = net.concat([x, y], name="concat")
        if block < len(layers):
            with net.scope(f"transition{block}"):
                x = _norm_relu_conv(net, x, net.channels(x) // 2, 1, "1")
                x = net.average_pool(x, 2, name="pool")
    x = net.activation(net.batch_norm(x, name="norm5"), "relu", name="relu5")
    return net.finish(classifier(net, x, classes))


def _norm_relu_conv(net: GraphBuilder, x: str, channels: int, kernel: int, number: str, groups: int = 1) -> str:
    x = net.activation(net.batch_norm(x, name=f"norm{number}"), "relu", name=f"relu{number}")
    return net.conv(x, channels, kernel, 1, kernel // 2, groups=groups, bias=False, name=f"conv{number}")


#: CondenseNet-74: layers and growth per block (table 1 of the paper).
CONDENSE_LAYERS = (4, 6, 8, 10, 8)
CONDENSE_GROWTH = (8, 16, 32, 64, 128)


def condensenet(*, batch: int = 1, resolution: int = 224, classes: int = 1000, groups: int = 8) -> Graph:
    """CondenseNet-74 as deployed: learned groups have become an index, a grouped convolution and a shuffle.

    Half of the classifier's inputs are dropped by an index too.
    """
    net = GraphBuilder("condensenet")
    x = net.conv(image(net, batch, resolution), 16, 3, 2, 1, bias=False, name="conv0")
    for block, (count, growth) in enumerate(zip(CONDENSE_LAYERS, CONDENSE_GROWTH, strict=True), start=1):
        if block > 1:
            x = net.average_pool(x, 2, name=f"transition{block - 1}")
        for i in range(1, count + 1):
            with net.scope(f"block{block}.{i}"):
                y = _chosen(net, x, net.channels(x))
                y = channel_shuffle(net, _norm_relu_conv(net, y, 4 * growth, 1, "1", groups), groups)
                y = _norm_relu_conv(net, y, growth, 3, "2", groups)
                x = net.concat([x, y], name="concat")
    x = net.activation(net.batch_norm(x, name="norm5"), "relu", name="relu5")
    x = net.flatten(net.global_average_pool(x, name="pool5"))
    return net.finish(net.linear(_chosen(net, x, net.channels(x) // 2), classes, name="classifier"))


def _chosen(net: GraphBuilder, x: str, channels: int) -> str:
    """Channels picked by a learned index."""
    return net.add("Gather", [x, net.weight("index", (channels,), "int64")], name="choose", axis=1)
