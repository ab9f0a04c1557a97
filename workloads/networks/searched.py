"""Mobile networks found by search: MnasNet (Tan et al. 2019), ProxylessNAS (Cai et al. 2019), FBNet-C (Wu et al. 2019) and
EfficientNet-B0 (Tan and Le 2019).

All are chains of inverted residual blocks; only the rows differ.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import Inverted, classifier, divisible, image, inverted_residual


class Row(NamedTuple):
    """Blocks that repeat: the first has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int
    squeeze: float = 0.0  # squeezed channels as a share of the block's input channels


class Cells(NamedTuple):
    """A searched network: stem, first block without expansion, rows, last convolution."""

    stem: int
    rows: tuple[Row, ...]
    last: int
    activation: str = "relu"
    first_skip: bool = False  # the first block keeps its shortcut
    expand_always: bool = False  # blocks of expansion 1 keep their first 1x1 convolution


#: MnasNet-B1 (without squeeze and excitation), A1 and small (paper, figure 7 and appendix; code of TensorFlow's TPU models).
MNASNET_B1 = Cells(32, (
    Row(1, 3, 1, 1, 16), Row(3, 3, 2, 3, 24), Row(3, 5, 2, 3, 40), Row(3, 5, 2, 6, 80), Row(2, 3, 1, 6, 96), Row(4, 5, 2, 6, 192),
    Row(1, 3, 1, 6, 320),
), 1280)  # fmt: skip
MNASNET_A1 = Cells(32, (
    Row(1, 3, 1, 1, 16), Row(2, 3, 2, 6, 24), Row(3, 5, 2, 3, 40, 0.25), Row(4, 3, 2, 6, 80), Row(2, 3, 1, 6, 112, 0.25),
    Row(3, 5, 2, 6, 160, 0.25), Row(1, 3, 1, 6, 320),
), 1280)  # fmt: skip
MNASNET_SMALL = Cells(8, (
    Row(1, 3, 1, 1, 8), Row(1, 3, 2, 3, 16), Row(2, 3, 2, 6, 16), Row(4, 5, 2, 6, 32, 0.25), Row(3, 3, 1, 6, 32, 0.25),
    Row(3, 5, 2, 6, 88, 0.25), Row(1, 3, 1, 6, 144),
), 1280, first_skip=True)  # fmt: skip

#: ProxylessNAS for phones (figure 4 of the paper; proxyless_mobile of its authors' code).
PROXYLESS_MOBILE = Cells(32, (
    Row(1, 3, 1, 1, 16), Row(1, 5, 2, 3, 32), Row(1, 3, 1, 3, 32), Row(1, 7, 2, 3, 40), Row(1, 3, 1, 3, 40), Row(2, 5, 1, 3, 40),
    Row(1, 7, 2, 6, 80), Row(3, 5, 1, 3, 80), Row(1, 5, 1, 6, 96), Row(3, 5, 1, 3, 96), Row(1, 7, 2, 6, 192), Row(1, 7, 1, 6, 192),
    Row(2, 7, 1, 3, 192), Row(1, 7, 1, 6, 320),
), 1280, "relu6")  # fmt: skip

#: FBNet-C (figure 5 of the paper; the skipped first block and 1,984 last channels as in the common reimplementations).
FBNET_C = Cells(16, (
    Row(1, 3, 1, 1, 16), Row(1, 3, 2, 6, 24), Row(2, 3, 1, 1, 24), Row(1, 5, 2, 6, 32), Row(1, 5, 1, 3, 32), Row(1, 5, 1, 6, 32),
    Row(1, 3, 1, 6, 32), Row(1, 5, 2, 6, 64), Row(1, 5, 1, 3, 64), Row(2, 5, 1, 6, 64), Row(3, 5, 1, 6, 112), Row(1, 5, 1, 3, 112),
    Row(4, 5, 2, 6, 184), Row(1, 3, 1, 6, 352),
), 1984, first_skip=True, expand_always=True)  # fmt: skip

#: EfficientNet-B0 (Tan and Le 2019, table 1).
EFFICIENTNET_B0 = Cells(32, (
    Row(1, 3, 1, 1, 16, 0.25), Row(2, 3, 2, 6, 24, 0.25), Row(2, 5, 2, 6, 40, 0.25), Row(3, 3, 2, 6, 80, 0.25),
    Row(3, 5, 1, 6, 112, 0.25), Row(4, 5, 2, 6, 192, 0.25), Row(1, 3, 1, 6, 320, 0.25),
), 1280, "silu")  # fmt: skip


def scaled(cells: Cells, width: float, depth: float) -> Cells:
    """Cells of another width and depth: channels to multiples of 8, repeats rounded up (Tan and Le 2019, section 3.3).

    The first block of every row keeps its stride; the stem and the last convolution are widened too.
    """
    rows = tuple(
        row._replace(channels=divisible(row.channels * width), repeats=math.ceil(row.repeats * depth)) for row in cells.rows
    )
    return cells._replace(stem=divisible(cells.stem * width), rows=rows, last=divisible(cells.last * max(1.0, width)))


def searched(cells: Cells, *, batch: int = 1, resolution: int = 224, width: float = 1.0, classes: int = 1000) -> Graph:
    """A stem, the rows of inverted residual blocks, a 1x1 convolution, the classifier."""
    net = GraphBuilder("searched")
    x = net.conv_norm(image(net, batch, resolution), divisible(cells.stem * width), 3, 2, activation=cells.activation, name="stem")
    number = 0
    for row in cells.rows:
        for i in range(row.repeats):
            before = net.channels(x)
            block = Inverted(
                divisible(row.channels * width), row.kernel, row.stride if i == 0 else 1, row.expansion * before,
                int(before * row.squeeze), cells.activation, cells.expand_always,
            )  # fmt: skip
            with net.scope(f"block{number}"):
                x = inverted_residual(net, x, block, skip=number > 0 or cells.first_skip, inner=cells.activation)
            number += 1
    x = net.conv_norm(x, divisible(cells.last * max(1.0, width)), 1, activation=cells.activation, name="last")
    return net.finish(classifier(net, x, classes))
