"""RegNet X and Y (Radosavovic et al., CVPR 2020): widths that grow by a rule."""

from __future__ import annotations

import math
from typing import NamedTuple

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import classifier, image, squeeze_excite


class Rule(NamedTuple):
    """Numbers of the rule: initial width, slope, growth of the quantised widths, channels of a group, blocks; Y squeezes."""

    initial: int
    slope: float
    growth: float
    group: int
    blocks: int
    squeezed: bool = False


#: Configurations by millions of MACs (appendix of the paper; the authors' model zoo).
X = {
    200: Rule(24, 36.44, 2.49, 8, 13), 400: Rule(24, 24.48, 2.54, 16, 22), 600: Rule(48, 36.97, 2.24, 24, 16),
    800: Rule(56, 35.73, 2.28, 16, 16), 1600: Rule(80, 34.01, 2.25, 24, 18), 3200: Rule(88, 26.31, 2.25, 48, 25),
    4000: Rule(96, 38.65, 2.43, 40, 23), 6400: Rule(184, 60.83, 2.07, 56, 17), 8000: Rule(80, 49.56, 2.88, 120, 23),
    12000: Rule(168, 73.36, 2.37, 112, 19), 16000: Rule(216, 55.59, 2.1, 128, 22), 32000: Rule(320, 69.86, 2.0, 168, 23),
}  # fmt: skip
Y = {
    200: Rule(24, 36.44, 2.49, 8, 13, True), 400: Rule(48, 27.89, 2.09, 8, 16, True), 600: Rule(48, 32.54, 2.32, 16, 15, True),
    800: Rule(56, 38.84, 2.4, 16, 14, True), 1600: Rule(48, 20.71, 2.65, 24, 27, True), 3200: Rule(80, 42.63, 2.66, 24, 21, True),
    4000: Rule(96, 31.41, 2.24, 64, 22, True), 6400: Rule(112, 33.22, 2.27, 72, 25, True), 8000: Rule(192, 76.82, 2.19, 56, 17, True),
    12000: Rule(168, 73.36, 2.37, 112, 19, True), 16000: Rule(200, 106.23, 2.48, 112, 18, True),
    32000: Rule(232, 115.89, 2.53, 232, 20, True),
}  # fmt: skip


def stages(rule: Rule) -> list[tuple[int, int]]:
    """(channels, blocks) of each stage: w = initial + slope * block, rounded to powers of ``growth``, to 8, then to whole groups.

    >>> stages(X[200])
    [(24, 1), (56, 1), (152, 4), (368, 7)]
    """
    widths = []
    for block in range(rule.blocks):
        power = round(math.log((rule.initial + rule.slope * block) / rule.initial) / math.log(rule.growth))
        widths.append(int(round(rule.initial * rule.growth**power / 8)) * 8)
    found: dict[int, int] = {}
    for width in widths:
        found[width] = found.get(width, 0) + 1
    return [(max(1, round(width / min(rule.group, width))) * min(rule.group, width), count) for width, count in found.items()]


def regnet(rule: Rule, *, batch: int = 1, resolution: int = 224, classes: int = 1000) -> Graph:
    """A stem of 32 channels and four stages of bottlenecks 1x1, grouped 3x3, 1x1 of one width."""
    net = GraphBuilder("regnet")
    x = net.conv_norm(image(net, batch, resolution), 32, 3, 2, name="stem")
    for stage, (channels, count) in enumerate(stages(rule), start=1):
        for i in range(count):
            stride = 2 if i == 0 else 1
            before = net.channels(x)
            with net.scope(f"stage{stage}.{i}"):
                y = net.conv_norm(x, channels, 1, name="conv1")
                y = net.conv_norm(y, channels, 3, stride, groups=channels // min(rule.group, channels), name="conv2")
                if rule.squeezed:
                    y = squeeze_excite(net, y, round(before * 0.25))
                y = net.conv_norm(y, channels, 1, activation=None, name="conv3")
                if stride > 1 or before != channels:
                    x = net.conv_norm(x, channels, 1, stride, activation=None, name="shortcut")
                x = net.plus(y, x, activation="relu", name="add")
    return net.finish(classifier(net, x, classes, name="fc"))
