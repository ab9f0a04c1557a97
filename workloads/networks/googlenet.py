"""GoogLeNet, the first Inception network (Szegedy et al. 2015)."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import classifier, image

#: GoogLeNet modules: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection (table 1 of the paper).
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64), "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip


def googlenet(*, batch: int = 1, resolution: int = 224, classes: int = 1000, round_up: bool = True) -> Graph:
    """GoogLeNet as released for Caffe (bvlc_googlenet), without the auxiliary classifiers of training.

    ``round_up``: halving pools keep windows that stick out, as in Caffe. Copies without that have planes of 55, 27, 13 and 6 in
    place of 56, 28, 14 and 7: 1.43 G MACs, the figure often quoted, in place of 1.58 G.
    """
    net = GraphBuilder("googlenet")
    x = net.conv(image(net, batch, resolution), 64, 7, 2, 3, activation="relu", name="conv1")
    x = net.max_pool(x, 3, 2, ceil=round_up, name="pool1")
    x = net.add("LRN", x, name="norm1", size=5, alpha=1e-4, beta=0.75)
    x = net.conv(x, 64, 1, activation="relu", name="conv2.reduce")
    x = net.conv(x, 192, 3, 1, 1, activation="relu", name="conv2")
    x = net.add("LRN", x, name="norm2", size=5, alpha=1e-4, beta=0.75)
    x = net.max_pool(x, 3, 2, ceil=round_up, name="pool2")
    for name, sizes in MODULES.items():
        if name in ("4a", "5a"):
            x = net.max_pool(x, 3, 2, ceil=round_up, name=f"pool{int(name[0]) - 1}")
        with net.scope(f"inception_{name}"):
            x = _module(net, x, *sizes)
    return net.finish(net.softmax(classifier(net, x, classes), name="prob"))


def _module(net: GraphBuilder, x: str, narrow: int, reduce3: int, wide3: int, reduce5: int, wide5: int, pooled: int) -> str:
    one = net.conv(x, narrow, 1, activation="relu", name="1x1")
    three = net.conv(x, reduce3, 1, activation="relu", name="3x3_reduce")
    three = net.conv(three, wide3, 3, 1, 1, activation="relu", name="3x3")
    five = net.conv(x, reduce5, 1, activation="relu", name="5x5_reduce")
    five = net.conv(five, wide5, 5, 1, 2, activation="relu", name="5x5")
    pool = net.conv(net.max_pool(x, 3, 1, 1, name="pool"), pooled, 1, activation="relu", name="pool_proj")
    return net.concat([one, three, five, pool], name="output")
