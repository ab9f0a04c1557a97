"""The four reference networks of MLPerf Tiny (Banbury et al. 2021) as deployed: batch norms folded, activations fused, int8.

Structure and shapes are those of the TFLite files of mlcommons/tiny (benchmark/training/*/trained_models), the axes in NCHW order.
"""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph, WeightFacts
from workloads.networks.blocks import image

#: MobileNet v1 at a quarter of its width: output channels and stride of the depthwise separable blocks.
VWW_BLOCKS = (
    (16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (128, 1), (128, 1), (128, 1), (128, 1), (256, 2), (256, 1),
)  # fmt: skip

#: Pointwise convolutions of vww_96_int8.tflite that have output channels of zeros only: block -> (zero elements, bit mask of the
#: channels, bit k for channel k). Engines that drop such channels run about 4.65 of the 7.49 million MACs.
VWW_ZEROS = {
    5: (288, 0x800000003008),
    6: (1836, 0x4186408041180A203000428A0000),
    7: (10440, 0x65EFF54C8FFABFA2CB9A95103DD67421),
    8: (14755, 0x3F73CFCBFA34BF77EFF8FFFB77FEBF7F),
    9: (15850, 0xBB7FFFBBF7AFEDBFFF5DFFFBFF7EEFFB),
    10: (16043, 0xFFBDEBFFEA7DBF9F2FDFFFFFFFFFBF9F),
    11: (15980, 0x75BE5BDDE77FCFDFD7EDF7E7FFFFF9BD),
    12: (32005, 0xFF7DEFFF7FFEFF7D7FFEFFFFFFEFFFBDDFFFFF733FFB7E739FFFE9FFEFFFFFBD),
    13: (64869, 0xDDFF7FFFBFBF7CFFDFFDFFFFFFDF7FFFFFFFFFF77F7FFDFFFEFBF7DBFFFFDFFF),
}

#: Input channels whose weights are all zero besides those that are zeros themselves in the block before: block -> channels.
VWW_UNREAD = {7: (20,), 11: (63, 88), 13: (247,)}


def anomaly_detection(*, batch: int = 1, dtype: str = "int8") -> Graph:
    """Autoencoder of fully connected layers over five frames of 128 mel bands (ad01)."""
    net = GraphBuilder("mlperf_tiny_ad", dtype, fused_activations=True)
    x = net.input((batch, 640))
    for i, features in enumerate((128, 128, 128, 128, 8, 128, 128, 128, 128), start=1):
        x = net.linear(x, features, activation="relu", name=f"fc{i}")
    return net.finish(net.linear(x, 640, name="fc10"))


def image_classification(*, batch: int = 1, dtype: str = "int8") -> Graph:
    """ResNet-8 on 32 x 32 images of ten classes (pretrainedResnet)."""
    net = GraphBuilder("mlperf_tiny_ic", dtype, fused_activations=True)
    x = net.conv(image(net, batch, 32), 16, 3, 1, 1, activation="relu", name="conv1")
    for stage, channels in enumerate((16, 32, 64), start=1):
        stride = 1 if stage == 1 else 2
        with net.scope(f"stack{stage}"):
            y = net.conv(x, channels, 3, stride, "same", activation="relu", name="conv1")
            y = net.conv(y, channels, 3, 1, "same", name="conv2")
            if stride > 1:
                x = net.conv(x, channels, 1, stride, "same", name="shortcut")
            x = net.plus(x, y, activation="relu", name="add")
    return net.finish(_head(net, x, 10))


def keyword_spotting(*, batch: int = 1, dtype: str = "int8") -> Graph:
    """DS-CNN over 49 frames of ten cepstral coefficients, twelve words (kws_ref_model)."""
    net = GraphBuilder("mlperf_tiny_kws", dtype, fused_activations=True)
    x = net.conv(image(net, batch, (49, 10), 1), 64, (10, 4), 2, "same", activation="relu", name="conv1")
    for i in range(1, 5):
        x = net.depthwise(x, 3, 1, "same", activation="relu", name=f"depthwise{i}")
        x = net.conv(x, 64, 1, activation="relu", name=f"pointwise{i}")
    return net.finish(_head(net, x, 12))


def visual_wake_words(*, batch: int = 1, dtype: str = "int8") -> Graph:
    """MobileNet v1, width 0.25, on 96 x 96 images: a person or not (vww_96). The int8 form knows its channels of zeros."""
    net = GraphBuilder("mlperf_tiny_vww", dtype, fused_activations=True)
    x = net.conv(image(net, batch, 96), 8, 3, 2, "same", activation="relu", name="conv1")
    for i, (channels, stride) in enumerate(VWW_BLOCKS, start=1):
        x = net.depthwise(x, 3, stride, "same", activation="relu", name=f"depthwise{i}")
        facts = _zeros(i, channels * net.channels(x)) if dtype == "int8" and i in VWW_ZEROS else None
        x = net.conv(x, channels, 1, activation="relu", name=f"pointwise{i}", facts=facts)
    return net.finish(_head(net, x, 2))


def _zeros(block: int, elements: int) -> WeightFacts:
    unread = (*_channels(block - 1), *VWW_UNREAD.get(block, ()))
    return WeightFacts(VWW_ZEROS[block][0] / elements, _channels(block), zero_input_channels=tuple(sorted(unread)))


def _channels(block: int) -> tuple[int, ...]:
    """Output channels of zeros of one block."""
    mask = VWW_ZEROS.get(block, (0, 0))[1]
    return tuple(channel for channel in range(mask.bit_length()) if mask >> channel & 1)


def _head(net: GraphBuilder, x: str, classes: int) -> str:
    """Mean over the whole plane, fully connected layer, softmax."""
    batch, channels, height, width = net.shape(x)
    x = net.average_pool(x, (height, width), name="pool")
    x = net.linear(net.reshape(x, (batch, channels), name="flat"), classes, name="classifier")
    return net.softmax(x, name="softmax")
