"""LeNet-5 (LeCun et al. 1998, "Gradient-based learning applied to document recognition")."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import image


def lenet5(*, batch: int = 1, resolution: int = 32, classes: int = 10) -> Graph:
    """LeNet-5 as it is built today: every map of the third layer reads all six maps before it, pools have no weights.

    The original connects them sparsely and gives pools a weight and a bias: 60,000 parameters, 340,908 connections.
    """
    net = GraphBuilder("lenet5")
    x = image(net, batch, resolution, channels=1)
    x = net.conv(x, 6, 5, activation="tanh", name="c1")
    x = net.average_pool(x, 2, name="s2")
    x = net.conv(x, 16, 5, activation="tanh", name="c3")
    x = net.average_pool(x, 2, name="s4")
    x = net.flatten(x)
    x = net.linear(x, 120, activation="tanh", name="c5")
    x = net.linear(x, 84, activation="tanh", name="f6")
    return net.finish(net.linear(x, classes, name="output"))
