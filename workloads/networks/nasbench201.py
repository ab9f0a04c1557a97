"""Networks of NAS-Bench-201 (Dong and Yang, ICLR 2020): one cell of six operations, fifteen times over, for 32 x 32 images."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.errors import GraphError
from workloads.graph import Graph

#: Operations of an edge by their letter: none, skip, 1x1 convolution, 3x3 convolution, 3x3 average pooling.
OPERATIONS = "ns13p"
#: Node each edge of a code starts from and ends at, in the order of the code: 1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2.
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
CELLS, CHANNELS = 5, (16, 32, 64)


#: What becomes of edges that do not matter, by how much a runtime prunes.
EDGE_MODES = ("needed", "zeros", "every")


def nasbench201(
    *, batch: int = 1, resolution: int = 32, classes: int = 10, arch: str = "333333", edges: str = "needed"
) -> Graph:  # fmt: skip
    """A network of the search space.

    Parameters
    ----------
    arch : str
        Six letters, one per edge 1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2: ``n`` none, ``s`` skip, ``1`` and ``3`` convolutions (ReLU
        before, batch norm behind), ``p`` average pooling.
    edges : str
        ``needed``: only edges on a way from input to output, as pruning runtimes do. ``zeros``: edges from a node without inputs are
        computed too, on zeros. ``every``: all edges, ``n`` as a product with zero, as an eager framework does.

    Notes
    -----
    A 3x3 stem of 16 channels, then five cells at each of 16, 32 and 64 channels with a residual block of stride 2 between, batch
    norm and ReLU, global pooling, a classifier.
    """
    if len(arch) != len(EDGES) or set(arch) - set(OPERATIONS):
        raise GraphError(
            f"network 'nasbench201': arch '{arch}'; six letters of {', '.join(OPERATIONS)} are expected, one for each edge 1<-0, "
            "2<-0, 2<-1, 3<-0, 3<-1, 3<-2, as in nasbench201:33pn3p"
        )
    if edges not in EDGE_MODES:
        raise GraphError(f"network 'nasbench201': edges '{edges}'; one of {', '.join(EDGE_MODES)} is expected")
    net = GraphBuilder("nasbench201")
    x = net.conv_norm(net.input((batch, 3, resolution, resolution), name="image"), CHANNELS[0], 3, activation=None, name="stem")
    reached = edges == "every" or _is_reached(arch, edges)
    for stage, channels in enumerate(CHANNELS):
        if stage:
            with net.scope(f"reduction{stage}"):
                x = _reduction(net, x, channels)
        for i in range(CELLS if reached else 0):
            with net.scope(f"stage{stage}.{i}"):
                x = _every_edge(net, x, arch) if edges == "every" else _cell(net, x, arch, edges == "zeros")
    x = net.activation(net.batch_norm(x, name="last_norm"), "relu", name="last_relu")
    return net.finish(net.linear(net.flatten(net.global_average_pool(x)), classes, name="fc"))


def _is_reached(arch: str, edges: str) -> bool:
    """True where the output of a cell is computed from something."""
    nodes = {0, 1, 2} if edges == "zeros" else {0}
    for letter, (start, end) in zip(arch, EDGES, strict=True):
        if letter != "n" and start in nodes:
            nodes.add(end)
    return 3 in nodes


def _needed(arch: str) -> set[int]:
    """Nodes from which the output of a cell is reached."""
    nodes = {3}
    for letter, (start, end) in reversed(list(zip(arch, EDGES, strict=True))):
        if letter != "n" and end in nodes:
            nodes.add(start)
    return nodes


def _cell(net: GraphBuilder, x: str, arch: str, zeros: bool) -> str:
    """Node j is the sum over its edges; the last node is the output. A node without inputs is zero where ``zeros`` are computed."""
    nodes, needed = {0: x}, _needed(arch)
    for letter, (start, end) in zip(arch, EDGES, strict=True):
        if letter == "n" or end not in needed:
            continue
        if start not in nodes:
            if not zeros:
                continue
            nodes[start] = net.times(x, x, name=f"zero{start}")
        y = _operation(net, nodes[start], letter, f"edge{start}{end}")
        nodes[end] = net.plus(nodes[end], y, name=f"add{start}{end}") if end in nodes else y
    return nodes[3]


def _every_edge(net: GraphBuilder, x: str, arch: str) -> str:
    """The cell as written: all six edges, none left out."""
    nodes = {0: x}
    for letter, (start, end) in zip(arch, EDGES, strict=True):
        source = nodes[start]
        y = (
            net.times(source, source, name=f"zero{start}{end}")
            if letter == "n"
            else _operation(net, source, letter, f"edge{start}{end}")
        )
        nodes[end] = net.plus(nodes[end], y, name=f"add{start}{end}") if end in nodes else y
    return nodes[3]


def _operation(net: GraphBuilder, x: str, letter: str, name: str) -> str:
    if letter == "s":
        return x
    if letter == "p":
        return net.average_pool(x, 3, 1, 1, name=f"{name}.pool")
    y = net.activation(x, "relu", name=f"{name}.relu")
    return net.conv_norm(y, net.channels(x), int(letter), activation=None, name=f"{name}.conv")


def _reduction(net: GraphBuilder, x: str, channels: int) -> str:
    """Residual block of stride 2: two 3x3 convolutions beside average pooling and a 1x1 convolution."""
    y = net.conv_norm(net.activation(x, "relu", name="relu1"), channels, 3, 2, activation=None, name="conv1")
    y = net.conv_norm(net.activation(y, "relu", name="relu2"), channels, 3, activation=None, name="conv2")
    shortcut = net.conv(net.average_pool(x, 2, 2, name="pool"), channels, 1, bias=False, name="shortcut")
    return net.plus(y, shortcut, name="add")
