"""Networks of the DARTS search space (Liu, Simonyan and Yang, ICLR 2019) for ImageNet: two cells, fourteen deep."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.errors import GraphError
from workloads.graph import Graph

#: Operations of an edge by their letter: separable and dilated convolutions of 3 x 3 and 5 x 5, pooling, skip.
OPERATIONS = {
    "s": ("separable", 3), "S": ("separable", 5), "d": ("dilated", 3), "D": ("dilated", 5), "m": ("max", 3), "a": ("average", 3),
    "i": ("skip", 1),
}  # fmt: skip
NODES, EDGES = 4, 2
#: Layers and first channels of the paper's ImageNet networks (section 3.3); the cells at a third and two thirds halve the image.
CELLS, CHANNELS = 14, 48
#: The cells that the paper found with second order (figures 4 and 5): normal, then reduction.
SECOND_ORDER = "s0s1s0s1s1i0i0d2-m0m1i2m1m0i2i2m1"


def darts(
    *, batch: int = 1, resolution: int = 224, classes: int = 1000, arch: str = SECOND_ORDER
) -> Graph:  # fmt: skip
    """A network of the search space.

    Parameters
    ----------
    arch : str
        Normal cell and reduction cell, joined by ``-``: eight edges each, two into every one of four nodes in order, an edge as the
        letter of its operation (``s``, ``S`` separable 3 x 3 and 5 x 5, ``d``, ``D`` dilated, ``m`` max and ``a`` average pooling,
        ``i`` skip) and the number of the node it comes from (0 and 1 are the two cells before, 2 to 4 nodes).

    Raises
    ------
    GraphError
        Another code.
    """
    normal, reduction = _cells(arch)
    net = GraphBuilder("darts")
    x = net.input((batch, 3, resolution, resolution), name="image")
    x = net.conv_norm(x, CHANNELS // 2, 3, 2, name="stem0a")
    before = net.conv_norm(x, CHANNELS, 3, 2, activation=None, name="stem0b")
    x = _relu_conv(net, before, CHANNELS, 3, 2, "stem1")
    channels, halved = CHANNELS, True
    for i in range(CELLS):
        halves = i in (CELLS // 3, 2 * CELLS // 3)
        channels *= 2 if halves else 1
        with net.scope(f"cell{i}"):
            after = _cell(net, before, x, reduction if halves else normal, channels, halves, halved)
        before, x, halved = x, after, halves
    return net.finish(net.linear(net.flatten(net.global_average_pool(x)), classes, name="fc"))


Cell = list[tuple[str, int]]


def _cells(arch: str) -> tuple[Cell, Cell]:
    """The edges of both cells of a code."""
    found = [_edges(part) for part in arch.split("-")]
    if len(found) != 2 or None in found:
        raise GraphError(
            f"network 'darts': arch '{arch}'; two codes of {NODES * EDGES} edges joined by '-' are expected, an edge as one of "
            f"{', '.join(OPERATIONS)} and the node it comes from, as in darts:{SECOND_ORDER}"
        )
    normal, reduction = found
    assert normal is not None and reduction is not None
    return normal, reduction


def _edges(code: str) -> Cell | None:
    pairs = [(code[i], code[i + 1 : i + 2]) for i in range(0, len(code), 2)]
    if len(pairs) != NODES * EDGES or len(code) % 2:
        return None
    for place, (letter, source) in enumerate(pairs):
        if letter not in OPERATIONS or source not in "01234"[: 2 + place // EDGES] or not source:
            return None
    return [(letter, int(source)) for letter, source in pairs]


def _cell(net: GraphBuilder, before: str, x: str, edges: Cell, channels: int, halves: bool, halved: bool) -> str:
    """Four nodes, each the sum of two edges; the output is all of them side by side."""
    first = _factorized(net, before, channels, "pre0") if halved else _relu_conv(net, before, channels, 1, 1, "pre0")
    nodes = [first, _relu_conv(net, x, channels, 1, 1, "pre1")]
    for node in range(NODES):
        ends = []
        for k, (letter, source) in enumerate(edges[EDGES * node : EDGES * node + EDGES]):
            stride = 2 if halves and source < 2 else 1
            ends.append(_operation(net, nodes[source], letter, stride, channels, f"node{node}.edge{k}"))
        nodes.append(net.plus(ends[0], ends[1], name=f"node{node}.add"))
    return net.concat(nodes[2:], name="concat")


def _operation(net: GraphBuilder, x: str, letter: str, stride: int, channels: int, name: str) -> str:
    kind, kernel = OPERATIONS[letter]
    if kind == "skip":
        return x if stride == 1 else _factorized(net, x, channels, name)
    if kind == "max":
        return net.max_pool(x, kernel, stride, 1, name=f"{name}.pool")
    if kind == "average":
        return net.average_pool(x, kernel, stride, 1, name=f"{name}.pool")
    if kind == "dilated":
        return _depthwise_conv(net, x, kernel, stride, 2, name)
    return _depthwise_conv(net, _depthwise_conv(net, x, kernel, stride, 1, f"{name}.a"), kernel, 1, 1, f"{name}.b")


def _depthwise_conv(net: GraphBuilder, x: str, kernel: int, stride: int, dilation: int, name: str) -> str:
    """ReLU, depthwise convolution, 1x1 convolution, batch norm."""
    y = net.activation(x, "relu", name=f"{name}.relu")
    y = net.depthwise(y, kernel, stride, dilation * (kernel // 2), dilation=dilation, bias=False, name=f"{name}.depthwise")
    return net.conv_norm(y, net.channels(y), 1, activation=None, name=f"{name}.point")


def _relu_conv(net: GraphBuilder, x: str, channels: int, kernel: int, stride: int, name: str) -> str:
    y = net.activation(x, "relu", name=f"{name}.relu")
    return net.conv_norm(y, channels, kernel, stride, activation=None, name=f"{name}.conv")


def _factorized(net: GraphBuilder, x: str, channels: int, name: str) -> str:
    """Halving by two 1x1 convolutions of stride 2, the second one pixel further on, side by side, then batch norm."""
    y = net.activation(x, "relu", name=f"{name}.relu")
    shifted = net.add("Slice", y, name=f"{name}.shift", starts=(1, 1), ends=net.shape(y)[2:], axes=(2, 3), steps=(1, 1))
    halves = [
        net.conv(y, channels // 2, 1, 2, bias=False, name=f"{name}.even"),
        net.conv(shifted, channels - channels // 2, 1, 2, bias=False, name=f"{name}.odd"),
    ]
    return net.batch_norm(net.concat(halves, name=f"{name}.concat"), name=f"{name}.norm")
