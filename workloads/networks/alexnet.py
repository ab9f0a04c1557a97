"""AlexNet (Krizhevsky et al. 2012), in the grouped form of the Caffe model zoo (bvlc_alexnet)."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import image


def alexnet(*, batch: int = 1, resolution: int = 227, classes: int = 1000) -> Graph:
    """AlexNet: convolutions 2, 4 and 5 in two groups, local response normalisation after the first two."""
    net = GraphBuilder("alexnet")
    x = image(net, batch, resolution)
    x = net.conv(x, 96, 11, 4, activation="relu", name="conv1")
    x = net.add("LRN", x, name="norm1", size=5, alpha=1e-4, beta=0.75)
    x = net.max_pool(x, 3, 2, ceil=True, name="pool1")
    x = net.conv(x, 256, 5, 1, 2, groups=2, activation="relu", name="conv2")
    x = net.add("LRN", x, name="norm2", size=5, alpha=1e-4, beta=0.75)
    x = net.max_pool(x, 3, 2, ceil=True, name="pool2")
    x = net.conv(x, 384, 3, 1, 1, activation="relu", name="conv3")
    x = net.conv(x, 384, 3, 1, 1, groups=2, activation="relu", name="conv4")
    x = net.conv(x, 256, 3, 1, 1, groups=2, activation="relu", name="conv5")
    x = net.max_pool(x, 3, 2, ceil=True, name="pool5")
    x = net.linear(net.flatten(x), 4096, activation="relu", name="fc6")
    x = net.linear(x, 4096, activation="relu", name="fc7")
    return net.finish(net.softmax(net.linear(x, classes, name="fc8"), name="prob"))
