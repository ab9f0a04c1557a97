"""Networks of the STM32 model zoo as deployed: int8, batch norms folded, activations fused, paddings inside the convolutions.

Structure and shapes are those of the quantised TFLite files of STMicroelectronics/stm32ai-modelzoo (commits 2d9c459 and 81bdd9a of
its forks), the axes in NCHW order; image classifiers have the five classes of the flowers data. Shape arithmetic of the exporter is
constant when deployed and left out; the prior boxes of detectors are an output of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

from workloads.builder import GraphBuilder
from workloads.dtypes import is_float
from workloads.graph import Graph
from workloads.networks.blocks import divisible, image
from workloads.networks.mobilenet import INVERTED, SEPARABLE

#: Output channels and stride of the depthwise separable blocks of FdMobileNet at a quarter of its width, and of ST's variant.
FAST_BLOCKS = (
    (16, 2), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (128, 1), (128, 1), (128, 1), (256, 1),
)  # fmt: skip
ST_FAST_BLOCKS = (
    (48, 2), (80, 2), (64, 1), (96, 2), (64, 1), (128, 2), (128, 1), (128, 1), (128, 1), (128, 1), (256, 1),
)  # fmt: skip

#: SSD on MobileNet v1: resolution -> extents of the pyramid's maps, finest first. Maps of 224 are padded to powers of two.
PYRAMID = {192: (24, 12, 6, 3, 1), 224: (32, 16, 8, 4, 2, 1), 256: (32, 16, 8, 4, 2, 1)}
#: Anchors at each place of a map, and classes (background and person).
ANCHORS, PERSON_CLASSES = 5, 2


def fast_mobilenet(
    blocks: Sequence[tuple[int, int]], stem: int, *, batch: int = 1, resolution: int = 224, classes: int = 5, dtype: str = "int8"
) -> Graph:
    """MobileNet that shrinks its maps fast: stem, depthwise separable blocks, mean, 1x1 convolution as classifier."""
    net = GraphBuilder("fdmobilenet", dtype, fused_activations=True)
    x = net.conv(image(net, batch, resolution), stem, 3, 2, "same", activation="relu", name="conv1")
    for i, (channels, stride) in enumerate(blocks, start=1):
        x = _separable(net, x, channels, stride, i)
    x = net.conv(net.global_average_pool(x, name="pool"), classes, 1, name="classifier")
    return net.finish(net.reshape(net.softmax(x, axis=1, name="softmax"), (batch, classes), name="flat"))


def mobilenet_v1(
    width: float, *, batch: int = 1, resolution: int = 224, channels: int = 3, classes: int = 5, dtype: str = "int8"
) -> Graph:
    """MobileNet v1; ``channels`` of the image are 3, or 1 for grey."""
    net = GraphBuilder("mobilenet_v1", dtype, fused_activations=True)
    x = _separable_body(net, image(net, batch, resolution, channels), width, len(SEPARABLE))
    return net.finish(_classifier(net, x, classes))


def mobilenet_v2(width: float, *, batch: int = 1, resolution: int = 224, classes: int = 5, dtype: str = "int8") -> Graph:
    """MobileNet v2 of Keras: the last convolution keeps its 1,280 channels at any width below one."""
    net = GraphBuilder("mobilenet_v2", dtype, fused_activations=True)
    x, _ = _inverted_body(net, image(net, batch, resolution), width)
    return net.finish(_classifier(net, x, classes))


def resnet(stacks: int, *, batch: int = 1, resolution: int = 32, classes: int = 100, dtype: str = "int8") -> Graph:
    """ResNet v1 for small images (He et al. 2016, section 4.2): three stages of ``stacks`` blocks, 16 to 64 channels."""
    net = GraphBuilder("resnet", dtype, fused_activations=True)
    x = net.conv(image(net, batch, resolution), 16, 3, 1, 1, activation="relu", name="conv1")
    for stage, channels in enumerate((16, 32, 64), start=1):
        for block in range(1, stacks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            with net.scope(f"stage{stage}.block{block}"):
                y = net.conv(x, channels, 3, stride, "same", activation="relu", name="conv1")
                y = net.conv(y, channels, 3, 1, "same", name="conv2")
                shortcut = net.conv(x, channels, 1, stride, "same", name="shortcut") if stride > 1 else x
                x = net.plus(shortcut, y, activation="relu", name="add")
    return net.finish(_classifier(net, x, classes))


def st_mnist(*, batch: int = 1, classes: int = 36, dtype: str = "int8") -> Graph:
    """Small network for handwritten characters, 28 x 28 grey."""
    net = GraphBuilder("st_mnist", dtype, fused_activations=True)
    x = net.conv(image(net, batch, 28, 1), 16, 3, 2, "same", activation="relu", name="conv1")
    x = net.depthwise(x, 3, 1, "same", activation="relu", name="depthwise1")
    x = net.conv(x, 32, 3, 1, "same", activation="relu", name="conv2")
    x = net.depthwise(x, 3, 2, "same", activation="relu", name="depthwise2")
    return net.finish(_classifier(net, net.conv(x, 64, 1, activation="relu", name="conv3"), classes))


def motion_gmp(*, batch: int = 1, window: int = 24, classes: int = 4, dtype: str = "int8") -> Graph:
    """Activity from ``window`` samples of three axes: two convolutions along time, maximum over the window (GMP)."""
    net = GraphBuilder("gmp", dtype, fused_activations=True)
    x = net.conv(image(net, batch, (window, 3), 1), 16, (5, 1), activation="relu", name="conv1")
    x = net.conv(x, 16, (5, 1), activation="relu", name="conv2")
    x = net.flatten(net.add("GlobalMaxPool", x, name="pool"), name="flat")
    return net.finish(net.softmax(net.linear(x, classes, name="classifier"), name="softmax"))


def motion_ign(*, batch: int = 1, window: int = 24, classes: int = 4, dtype: str = "int8") -> Graph:
    """Activity from ``window`` samples of three axes: one long convolution, pool, two fully connected layers (IGN)."""
    net = GraphBuilder("ign", dtype, fused_activations=True)
    x = net.conv(image(net, batch, (window, 3), 1), 24, (16, 1), activation="relu", name="conv1")
    x = net.flatten(net.max_pool(x, (3, 1), (3, 1), name="pool"), name="flat")
    x = net.linear(x, 12, activation="relu", name="hidden")
    return net.finish(net.softmax(net.linear(x, classes, name="classifier"), name="softmax"))


def ssd_mobilenet_v1(resolution: int, *, batch: int = 1, dtype: str = "int8") -> Graph:
    """Detector of persons: MobileNet v1 0.25, a pyramid of 32 channels added from coarse to fine, a head at every map."""
    net = GraphBuilder("ssd_mobilenet_v1", dtype, fused_activations=True)
    extents = PYRAMID[resolution]
    priors = _priors(net, extents)
    x = net.conv(image(net, batch, resolution), 8, 3, 2, "same", activation="relu", name="conv1")
    tapped = []
    for i, (channels, stride) in enumerate(SEPARABLE, start=1):
        if i in (6, 12):
            tapped.append(x)
        x = _separable(net, x, channels // 4, stride, i)
    x = _padded(net, x, extents[2], "pad_coarse")
    tapped.append(x)
    for level in range(3, len(extents) - 1):
        x = _separable(net, x, 256, 2, 2 * level + 8)
        x = _separable(net, x, 256, 1, 2 * level + 9)
        tapped.append(x)
    tapped.append(net.global_average_pool(x, name="pool"))
    laterals = [
        net.conv(_padded(net, tap, extent, f"pad{i}"), 32, 1, activation="relu", name=f"lateral{i}")
        for i, (tap, extent) in enumerate(zip(tapped, extents, strict=True))
    ]
    maps = [laterals[-1]]
    for i in range(len(extents) - 2, -1, -1):
        maps.insert(0, net.plus(_upsampled(net, maps[0], extents[i], f"up{i}"), laterals[i], name=f"merge{i}"))
    kernels = [3 if extent > 1 or resolution == 192 else 1 for extent in extents]
    return _detector(net, maps, maps, kernels, priors)


def ssd_mobilenet_v2_fpnlite(resolution: int, *, batch: int = 1, dtype: str = "int8") -> Graph:
    """Detector of persons: MobileNet v2 0.35, a pyramid of 128 channels, four separable convolutions before each head."""
    net = GraphBuilder("ssd_mobilenet_v2_fpnlite", dtype, fused_activations=True)
    priors = _priors(net, [-(-resolution // step) for step in (8, 16, 32, 64, 128)])
    x, taps = _inverted_body(net, image(net, batch, resolution), 0.35)
    coarse = net.conv(x, 128, 1, name="lateral2")
    middle = _merged(net, taps[-1], coarse, 1)
    maps = [_merged(net, taps[-2], middle, 0), middle, coarse]
    for level in (3, 4):
        maps.append(_wide_separable(net, maps[-1], 2, f"level{level}"))
    towers = [_tower(net, x, f"tower{i}") for i, x in enumerate(maps)]
    scores = [net.depthwise(x, 3, 1, "same", name=f"tower{i}.class_depthwise") for i, x in enumerate(towers)]
    boxes = [net.depthwise(x, 3, 1, "same", name=f"tower{i}.box_depthwise") for i, x in enumerate(towers)]
    return _detector(net, scores, boxes, [1] * len(maps), priors)


def _separable(net: GraphBuilder, x: str, channels: int, stride: int, number: int) -> str:
    x = net.depthwise(x, 3, stride, "same", activation="relu", name=f"depthwise{number}")
    return net.conv(x, channels, 1, activation="relu", name=f"pointwise{number}")


def _separable_body(net: GraphBuilder, x: str, width: float, blocks: int) -> str:
    x = net.conv(x, int(32 * width), 3, 2, "same", activation="relu", name="conv1")
    for i, (channels, stride) in enumerate(SEPARABLE[:blocks], start=1):
        x = _separable(net, x, int(channels * width), stride, i)
    return x


def _inverted_body(net: GraphBuilder, x: str, width: float) -> tuple[str, list[str]]:
    """The convolutions of MobileNet v2 and the results of its stages, from those at an eighth of the extents on."""
    x = net.conv(x, divisible(32 * width), 3, 2, "same", activation="relu6", name="conv1")
    number, taps = 0, []
    for expansion, wide, count, first_stride in INVERTED:
        for i in range(count):
            x = _inverted(net, x, divisible(wide * width), expansion, first_stride if i == 0 else 1, number)
            number += 1
        if wide in (32, 96):
            taps.append(x)
    return net.conv(x, 1280, 1, activation="relu6", name="last"), taps


def _inverted(net: GraphBuilder, x: str, channels: int, expansion: int, stride: int, number: int) -> str:
    with net.scope(f"block{number}"):
        wide = net.channels(x) * expansion
        y = net.conv(x, wide, 1, activation="relu6", name="expand") if expansion > 1 else x
        y = net.depthwise(y, 3, stride, "same", activation="relu6", name="depthwise")
        y = net.conv(y, channels, 1, name="project")
        return net.plus(x, y, name="add") if stride == 1 and net.channels(x) == channels else y


def _classifier(net: GraphBuilder, x: str, classes: int) -> str:
    x = net.flatten(net.global_average_pool(x, name="pool"), name="flat")
    return net.softmax(net.linear(x, classes, name="classifier"), name="softmax")


def _padded(net: GraphBuilder, x: str, extent: int, name: str) -> str:
    """A square map with zeros around it; itself where it has the extent."""
    lacking = extent - net.shape(x)[2]
    if lacking <= 0:
        return x
    before, after = lacking // 2, lacking - lacking // 2
    return net.add("Pad", x, name=name, pads=(0, 0, before, before, 0, 0, after, after))


def _upsampled(net: GraphBuilder, x: str, extent: int, name: str) -> str:
    """A map at twice its extent, padded where that is still too small."""
    batch, channels, height, width = net.shape(x)
    x = net.add("Resize", x, name=name, sizes=(batch, channels, 2 * height, 2 * width), mode="linear")
    return _padded(net, x, extent, f"{name}.pad")


def _merged(net: GraphBuilder, tap: str, coarser: str, level: int) -> str:
    """A finer map of the pyramid: the coarser one upsampled, the tap added, smoothed."""
    lateral = net.conv(tap, 128, 1, name=f"lateral{level}")
    merged = net.plus(_upsampled(net, coarser, net.shape(lateral)[2], f"up{level}"), lateral, name=f"merge{level}")
    return _wide_separable(net, merged, 1, f"smooth{level}")


def _wide_separable(net: GraphBuilder, x: str, stride: int, scope: str) -> str:
    with net.scope(scope):
        x = net.depthwise(x, 3, stride, "same", activation="relu6", name="depthwise")
        return net.conv(x, 128, 1, activation="relu6", name="pointwise")


def _tower(net: GraphBuilder, x: str, scope: str) -> str:
    for i in range(4):
        x = _wide_separable(net, x, 1, f"{scope}.{i}")
    return x


def _priors(net: GraphBuilder, extents: Sequence[int]) -> str:
    """Boxes that offsets count from, all maps: a constant that the network gives out in fp32, there before anything is computed."""
    constant = net.weight("priors", (1, ANCHORS * sum(extent * extent for extent in extents), 4))
    return net.add("Identity" if is_float(net.dtype) else "DequantizeLinear", constant, name="priors_out")


def _detector(net: GraphBuilder, scores: Sequence[str], boxes: Sequence[str], kernels: Sequence[int], priors: str) -> Graph:
    """Class scores and box offsets of all maps, one after the other, and the boxes they count from."""
    found = {}
    for what, maps, columns in (("class", scores, PERSON_CLASSES), ("box", boxes, 4)):
        parts = []
        for i, (x, kernel) in enumerate(zip(maps, kernels, strict=True)):
            y = net.conv(x, ANCHORS * columns, kernel, 1, "same", name=f"{what}{i}")
            batch, _, height, width = net.shape(y)
            parts.append(net.reshape(y, (batch, ANCHORS * height * width, columns), name=f"{what}{i}.flat"))
        found[what] = net.concat(parts, axis=1, name=f"{what}_all")
    return net.finish(net.softmax(found["class"], name="softmax"), found["box"], priors)
