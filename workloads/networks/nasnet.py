"""NASNet-A (Zoph et al. 2018) and PNASNet-5 (Liu et al. 2018): networks of searched cells, each reading the two cells before it."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import classifier, image


def separable(net: GraphBuilder, x: str, channels: int, kernel: int, stride: int, name: str) -> str:
    """Twice ReLU, depthwise convolution, 1x1 convolution, batch norm; the first depthwise one has the stride."""
    for i, step in enumerate((stride, 1), start=1):
        x = net.activation(x, "relu", name=f"{name}.relu{i}")
        x = net.depthwise(x, kernel, step, "same", bias=False, name=f"{name}.depthwise{i}")
        x = net.conv_norm(x, channels, 1, activation=None, name=f"{name}.pointwise{i}")
    return x


def squeezed(net: GraphBuilder, x: str, channels: int, name: str, stride: int = 1) -> str:
    """ReLU, 1x1 convolution, batch norm."""
    x = net.activation(x, "relu", name=f"{name}.relu")
    return net.conv_norm(x, channels, 1, stride, 0, activation=None, name=name)


def halved(net: GraphBuilder, x: str, channels: int, name: str) -> str:
    """Every other position twice, once shifted by one; a 1x1 convolution to half of the channels each, batch norm."""
    x = net.activation(x, "relu", name=f"{name}.relu")
    shifted = net.add("Pad", x, name=f"{name}.shift", pads=(0, 0, -1, -1, 0, 0, 1, 1))
    parts = []
    for i, (source, count) in enumerate(((x, channels // 2), (shifted, channels - channels // 2)), start=1):
        picked = net.average_pool(source, 1, 2, name=f"{name}.pick{i}")
        parts.append(net.conv(picked, count, 1, bias=False, name=f"{name}.conv{i}"))
    return net.batch_norm(net.concat(parts, name=f"{name}.concat"), name=f"{name}.norm")


def previous(net: GraphBuilder, before: str, present: str, channels: int) -> str:
    """The output of the cell before last, brought to the extents of the last and to the cell's channels."""
    if net.shape(before)[2:] != net.shape(present)[2:]:
        return halved(net, before, channels, "previous")
    return squeezed(net, before, channels, "previous") if net.channels(before) != channels else before


def _normal(net: GraphBuilder, present: str, before: str, channels: int) -> str:
    """Normal cell A (figure 4 of the paper)."""
    old = previous(net, before, present, channels)
    new = squeezed(net, present, channels, "present")
    return net.concat([
        old,
        net.plus(separable(net, new, channels, 5, 1, "a.5x5"), separable(net, old, channels, 3, 1, "a.3x3"), name="a"),
        net.plus(separable(net, old, channels, 5, 1, "b.5x5"), separable(net, old, channels, 3, 1, "b.3x3"), name="b"),
        net.plus(net.average_pool(new, 3, 1, 1, name="c.pool"), old, name="c"),
        net.plus(net.average_pool(old, 3, 1, 1, name="d.pool1"), net.average_pool(old, 3, 1, 1, name="d.pool2"), name="d"),
        net.plus(separable(net, new, channels, 3, 1, "e.3x3"), new, name="e"),
    ], name="output")  # fmt: skip


def _reduction(net: GraphBuilder, present: str, before: str | None, channels: int) -> str:
    """Reduction cell A; the first stem cell has nothing before its input and reads that unchanged."""
    old = previous(net, before, present, channels) if before else present
    new = squeezed(net, present, channels, "present")
    a = net.plus(separable(net, new, channels, 5, 2, "a.5x5"), separable(net, old, channels, 7, 2, "a.7x7"), name="a")
    b = net.plus(net.max_pool(new, 3, 2, "same", name="b.pool"), separable(net, old, channels, 7, 2, "b.7x7"), name="b")
    c = net.plus(net.average_pool(new, 3, 2, "same", name="c.pool"), separable(net, old, channels, 5, 2, "c.5x5"), name="c")
    d = net.plus(net.average_pool(a, 3, 1, 1, name="d.pool"), b, name="d")
    e = net.plus(separable(net, a, channels, 3, 1, "e.3x3"), net.max_pool(new, 3, 2, "same", name="e.pool"), name="e")
    return net.concat([b, c, d, e], name="output")


def nasnet_large(*, batch: int = 1, resolution: int = 331, classes: int = 1000) -> Graph:
    """NASNet-A, 6 @ 4032; the cell after a reduction skips the cell before it."""
    return _nasnet("nasnet_large", 6, 168, 96, True, batch=batch, resolution=resolution, classes=classes)


def nasnet_mobile(*, batch: int = 1, resolution: int = 224, classes: int = 1000) -> Graph:
    """NASNet-A, 4 @ 1056."""
    return _nasnet("nasnet_mobile", 4, 44, 32, False, batch=batch, resolution=resolution, classes=classes)


def _nasnet(
    name: str, repeats: int, channels: int, stem: int, skip_reduction_input: bool, *, batch: int, resolution: int, classes: int
) -> Graph:
    """Two reduction cells as stem, then three times ``repeats`` normal cells with reduction cells between."""
    net = GraphBuilder(name)
    x = net.conv_norm(image(net, batch, resolution), stem, 3, 2, 0, activation=None, name="conv0")
    cells = [x]
    for i, share in enumerate((4, 2)):
        with net.scope(f"stem{i}"):
            cells.append(_reduction(net, cells[-1], cells[-2] if i else None, channels // share))
    number = 0
    for stage in range(3):
        before = cells[-2]
        if stage:
            with net.scope(f"reduction{stage}"):
                reduced = _reduction(net, cells[-1], cells[-2], channels * 2**stage)
            before = cells[-2] if skip_reduction_input else cells[-1]
            cells.append(reduced)
        for _ in range(repeats):
            with net.scope(f"cell{number}"):
                cells.append(_normal(net, cells[-1], before, channels * 2**stage))
            before = cells[-2]
            number += 1
    return net.finish(classifier(net, net.activation(cells[-1], "relu", name="relu"), classes))


def _progressive(net: GraphBuilder, present: str, before: str | None, channels: int, stride: int) -> str:
    """The one cell of PNASNet-5, for both strides (figure 1 of the paper)."""
    old = previous(net, before, present, channels) if before else present
    new = squeezed(net, present, channels, "present")

    def pooled(x: str, name: str) -> str:
        y = net.max_pool(x, 3, stride, "same", name=f"{name}.pool")
        return y if net.channels(y) == channels else net.conv_norm(y, channels, 1, activation=None, name=f"{name}.project")

    a = net.plus(separable(net, old, channels, 5, stride, "a.5x5"), pooled(old, "a"), name="a")
    b = net.plus(separable(net, new, channels, 7, stride, "b.7x7"), pooled(new, "b"), name="b")
    c = net.plus(separable(net, new, channels, 5, stride, "c.5x5"), separable(net, new, channels, 3, stride, "c.3x3"), name="c")
    d = net.plus(separable(net, c, channels, 3, 1, "d.3x3"), pooled(new, "d"), name="d")
    kept = squeezed(net, new, channels, "e.1x1", stride) if stride > 1 else new
    e = net.plus(separable(net, old, channels, 3, stride, "e.3x3"), kept, name="e")
    return net.concat([a, b, c, d, e], name="output")


def pnasnet_mobile(*, batch: int = 1, resolution: int = 224, classes: int = 1000) -> Graph:
    """PNASNet-5 of the mobile setting: two stem cells, nine cells of 54, 108, 216 channels, the first of each three halving."""
    net = GraphBuilder("pnasnet_mobile")
    cells = [net.conv_norm(image(net, batch, resolution), 32, 3, 2, 0, activation=None, name="conv0")]
    for i, channels in enumerate((13, 27)):
        with net.scope(f"stem{i}"):
            cells.append(_progressive(net, cells[-1], cells[-2] if i else None, channels, 2))
    for number in range(9):
        with net.scope(f"cell{number}"):
            stride = 2 if number in (3, 6) else 1
            cells.append(_progressive(net, cells[-1], cells[-2], 54 * 2 ** (number // 3), stride))
    return net.finish(classifier(net, net.activation(cells[-1], "relu", name="relu"), classes))
