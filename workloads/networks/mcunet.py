"""MCUNet (Lin et al. 2020) and the scaled baselines its authors compare with: searched for microcontrollers, int8 as deployed.

Batch norms are folded and activations fused. Paddings stand inside the convolutions, as the authors' engine runs them; their TFLite
files have Pad operators instead.
"""

from __future__ import annotations

from typing import NamedTuple

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks.blocks import image

#: Expanded channels, kernel of the depthwise convolution, stride, output channels; a fifth number: no shortcut although shapes fit.
Block = tuple[int, ...]


class Cells(NamedTuple):
    """One network: input extents, stem channels, blocks, classes, channels of a last 1x1 convolution (0 for none)."""

    resolution: int
    stem: int
    blocks: tuple[Block, ...]
    classes: int = 1000
    last: int = 0


#: ImageNet networks: configuration files of mit-han-lab/tinyml (mcunet/assets/configs), by their names in the model zoo.
IN0 = Cells(48, 24, (
    (24, 3, 1, 16), (64, 5, 2, 16), (48, 3, 1, 16), (64, 3, 1, 16), (80, 7, 2, 24), (96, 5, 1, 24), (120, 5, 1, 24),
    (120, 7, 2, 48), (192, 5, 1, 48), (240, 3, 1, 56), (224, 5, 1, 56), (280, 3, 1, 56), (336, 3, 2, 112), (448, 5, 1, 112),
    (672, 3, 1, 192),
))  # fmt: skip
IN1 = Cells(96, 16, (
    (16, 3, 1, 8), (32, 3, 2, 16), (48, 3, 1, 16), (48, 7, 2, 24), (120, 3, 1, 24), (120, 3, 2, 40), (160, 7, 1, 40),
    (160, 5, 1, 48), (144, 3, 1, 48), (192, 3, 1, 48), (240, 7, 2, 96), (384, 5, 1, 96), (384, 5, 1, 96), (576, 3, 1, 160),
))  # fmt: skip
IN2 = Cells(160, 16, (
    (16, 3, 1, 8), (24, 5, 2, 16), (96, 7, 1, 16), (80, 3, 1, 16), (80, 5, 1, 16), (80, 3, 2, 24), (144, 7, 1, 24),
    (144, 5, 1, 24), (96, 7, 2, 40), (200, 5, 1, 40), (200, 3, 1, 48), (240, 5, 1, 48), (192, 3, 1, 48), (288, 5, 2, 96),
    (384, 5, 1, 96), (288, 5, 1, 96), (384, 3, 1, 96), (480, 5, 1, 160),
))  # fmt: skip
IN3 = Cells(176, 16, (
    (16, 3, 1, 8), (24, 7, 2, 16), (80, 3, 1, 16), (80, 7, 1, 16), (64, 5, 1, 16), (80, 5, 2, 24), (120, 5, 1, 24),
    (120, 5, 1, 24), (120, 3, 2, 40), (240, 7, 1, 40), (160, 5, 1, 40), (200, 5, 1, 48), (240, 7, 1, 48), (240, 3, 1, 48),
    (288, 3, 2, 96), (480, 7, 1, 96), (384, 3, 1, 96), (480, 7, 1, 160),
))  # fmt: skip
IN4 = Cells(160, 32, (
    (32, 3, 1, 16), (48, 7, 2, 24), (120, 3, 1, 24), (96, 5, 1, 24), (120, 7, 2, 40), (160, 3, 1, 40), (160, 7, 1, 40),
    (120, 7, 2, 80), (240, 3, 1, 80), (240, 7, 1, 80), (320, 3, 1, 96), (288, 5, 1, 96), (288, 5, 1, 96), (384, 7, 2, 192),
    (576, 7, 1, 192), (576, 5, 1, 192), (768, 5, 1, 320),
))  # fmt: skip

#: Visual wake words: VWW1 from its TFLite file; VWW0 and VWW2 from the Keras descriptions of the Wake Vision experiments
#: (harvard-edge/Wake_Vision), whose description of VWW1 equals the file.
VWW0 = Cells(64, 16, (
    (16, 3, 1, 8), (48, 5, 2, 16), (64, 3, 1, 16), (80, 3, 2, 24), (96, 3, 1, 24), (96, 3, 1, 24), (120, 3, 2, 40),
    (160, 3, 1, 40), (120, 7, 1, 40), (120, 3, 1, 48), (192, 3, 1, 48), (240, 7, 2, 96), (480, 5, 1, 96), (384, 7, 1, 160),
), 2)  # fmt: skip
VWW1 = Cells(80, 16, (
    (16, 3, 1, 8), (48, 3, 2, 16), (48, 3, 1, 16), (48, 3, 1, 16), (48, 7, 2, 24), (144, 3, 1, 24), (120, 5, 1, 24),
    (144, 7, 2, 40), (240, 7, 1, 40), (240, 3, 1, 48), (192, 3, 1, 48), (240, 5, 2, 96), (480, 3, 1, 96), (384, 3, 1, 96),
    (288, 7, 1, 160),
), 2)  # fmt: skip
VWW2 = Cells(144, 16, (
    (16, 3, 1, 8), (24, 3, 2, 16), (80, 3, 1, 16), (96, 5, 1, 16), (48, 3, 1, 16), (80, 7, 2, 24), (96, 5, 1, 24),
    (96, 3, 1, 24), (144, 7, 1, 24), (144, 3, 2, 40), (240, 7, 1, 40), (160, 5, 1, 40), (200, 3, 1, 40), (200, 5, 1, 48),
    (144, 5, 1, 48), (192, 3, 1, 48), (144, 5, 1, 48), (192, 3, 2, 96), (480, 5, 1, 96), (384, 5, 1, 96), (384, 3, 1, 96),
    (480, 3, 1, 160),
), 2)  # fmt: skip

#: Baselines: MobileNet v2 and ProxylessNAS scaled to fit.
MBV2_W0_3_R80 = Cells(80, 16, (
    (16, 3, 1, 8), (48, 3, 2, 8), (48, 3, 1, 8), (48, 3, 2, 16), (96, 3, 1, 16), (96, 3, 1, 16), (96, 3, 2, 24),
    (144, 3, 1, 24), (144, 3, 1, 24), (144, 3, 1, 24), (144, 3, 1, 32), (192, 3, 1, 32), (192, 3, 1, 32), (192, 3, 2, 48),
    (288, 3, 1, 48), (288, 3, 1, 48), (288, 3, 1, 96),
), last=384)  # fmt: skip
MBV2_W0_35_R144 = Cells(144, 16, (
    (16, 3, 1, 8), (48, 3, 2, 8), (48, 3, 1, 8), (48, 3, 2, 16), (96, 3, 1, 16), (96, 3, 1, 16), (96, 3, 2, 24),
    (144, 3, 1, 24), (144, 3, 1, 24), (144, 3, 1, 24), (144, 3, 1, 32), (192, 3, 1, 32), (192, 3, 1, 32), (192, 3, 2, 56),
    (336, 3, 1, 56), (336, 3, 1, 56), (336, 3, 1, 112),
), last=448)  # fmt: skip
PROXYLESS_W0_25_R112 = Cells(112, 8, (
    (8, 3, 1, 8), (24, 5, 2, 8), (24, 3, 1, 8), (24, 7, 2, 16), (48, 3, 1, 16), (48, 5, 1, 16), (48, 5, 1, 16),
    (96, 7, 2, 24), (72, 5, 1, 24), (72, 5, 1, 24), (72, 5, 1, 24), (144, 5, 1, 24, -1), (72, 5, 1, 24), (72, 5, 1, 24),
    (72, 5, 1, 24), (144, 7, 2, 48), (288, 7, 1, 48), (144, 7, 1, 48), (144, 7, 1, 48), (288, 7, 1, 80),
), last=320)  # fmt: skip
PROXYLESS_W0_3_R176 = Cells(176, 16, (
    (16, 3, 1, 8), (24, 5, 2, 16), (48, 3, 1, 16), (48, 7, 2, 16), (48, 3, 1, 16), (48, 5, 1, 16), (48, 5, 1, 16),
    (96, 7, 2, 24), (72, 5, 1, 24), (72, 5, 1, 24), (72, 5, 1, 24), (144, 5, 1, 32), (96, 5, 1, 32), (96, 5, 1, 32),
    (96, 5, 1, 32), (192, 7, 2, 64), (384, 7, 1, 64), (192, 7, 1, 64), (192, 7, 1, 64), (384, 7, 1, 96),
), last=384)  # fmt: skip


def mcunet(cells: Cells, *, batch: int = 1, resolution: int | None = None, dtype: str = "int8") -> Graph:
    """Stem, inverted residual blocks, mean, classifier; ``resolution`` is the network's own unless given."""
    net = GraphBuilder("mcunet", dtype, fused_activations=True)
    x = net.conv(image(net, batch, resolution or cells.resolution), cells.stem, 3, 2, 1, activation="relu6", name="stem")
    for i, (expanded, kernel, stride, channels, *exception) in enumerate(cells.blocks):
        with net.scope(f"block{i}"):
            y = net.conv(x, expanded, 1, activation="relu6", name="expand") if i else x
            y = net.depthwise(y, kernel, stride, kernel // 2, activation="relu6", name="depthwise")
            y = net.conv(y, channels, 1, name="project")
            shortcut = i > 0 and stride == 1 and net.channels(x) == channels and not exception
            x = net.plus(x, y, name="add") if shortcut else y
    if cells.last:
        x = net.conv(x, cells.last, 1, activation="relu6", name="last")
    x = net.flatten(net.global_average_pool(x, name="global_pool"))
    return net.finish(net.linear(x, cells.classes, name="classifier"))
