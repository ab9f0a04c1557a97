"""The catalogue: reference networks built in code, one file per family.

``build("resnet50", batch=8)`` gives a :class:`~workloads.graph.Graph`. Batch norms and activations are operators of their own where
the original has them, as in a file; the networks for microcontrollers are the deployed int8 graphs. 224 x 224 inputs and 1,000
classes where nothing else is usual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from workloads.errors import GraphError, nearest
from workloads.graph import Graph
from workloads.networks import mcunet
from workloads.networks.alexnet import alexnet
from workloads.networks.bert import bert_base
from workloads.networks.darts import darts
from workloads.networks.decoder_entries import DECODERS
from workloads.networks.densenet import condensenet, densenet
from workloads.networks.ghostnet import ghostnet
from workloads.networks.googlenet import googlenet
from workloads.networks.image_entries import IMAGE_NETWORKS
from workloads.networks.inception import inception_v3, inception_v4
from workloads.networks.lenet import lenet5
from workloads.networks.mlperf_tiny import anomaly_detection, image_classification, keyword_spotting, visual_wake_words
from workloads.networks.mobilenet import LARGE, SMALL, mobilenet_v1, mobilenet_v2, mobilenet_v3
from workloads.networks.nasbench201 import nasbench201
from workloads.networks.nasnet import nasnet_large, nasnet_mobile, pnasnet_mobile
from workloads.networks.network import Network
from workloads.networks.resnet import basic_resnet, bottleneck_resnet, senet154
from workloads.networks.searched import EFFICIENTNET_B0, FBNET_C, MNASNET_A1, MNASNET_B1, MNASNET_SMALL, PROXYLESS_MOBILE, searched
from workloads.networks.shufflenet import shufflenet_v1, shufflenet_v2
from workloads.networks.squeezenet import squeezenet1_0, squeezenet1_1
from workloads.networks.squeezenext import squeezenext
from workloads.networks.stm32_entries import STM32_ZOO
from workloads.networks.tpu_apps import cnn0, lstm0, mlp0
from workloads.networks.vgg import VGG16, VGG19, vgg
from workloads.networks.vit import vit
from workloads.networks.xception import xception

__all__ = ["NETWORKS", "Network", "build", "network"]

MCUNET_ZOO = "Lin et al., NeurIPS 2020; model zoo of mit-han-lab/mcunet"
TPU_PAPER = "Jouppi et al., ISCA 2017, table 1; shapes assumed"
MLPERF_TINY = "Banbury et al., NeurIPS Datasets and Benchmarks 2021; mlcommons/tiny, trained_models"


def _mcunet(cells: mcunet.Cells, summary: str) -> Network:
    summary = f"{summary}, {cells.resolution} x {cells.resolution}, deployed int8"
    return Network(partial(mcunet.mcunet, cells), summary, MCUNET_ZOO, "int8")


def _tiny(builder: Callable[..., Graph], summary: str) -> Network:
    return Network(builder, f"{summary}, deployed int8", MLPERF_TINY, "int8")


#: Name -> entry, in the order of names.
NETWORKS: dict[str, Network] = dict(sorted({
    "alexnet": Network(alexnet, "AlexNet in two groups, 227 x 227", "Krizhevsky et al., NIPS 2012; Caffe bvlc_alexnet"),
    "bert_base": Network(
        bert_base, "BERT-base uncased, encoder and pooler, 128 tokens",
        "Devlin et al., NAACL 2019; Hugging Face BertModel",
    ),
    "condensenet": Network(
        condensenet, "CondenseNet-74, groups of 8, as deployed",
        "Huang et al., CVPR 2018; pytorchcv condensenet74_c8_g8",
    ),
    "darts": Network(
        darts, "DARTS for ImageNet, cells of the second-order search; darts:NORMAL-REDUCTION names others",
        "Liu, Simonyan and Yang, ICLR 2019; search space",
    ),
    "densenet121": Network(
        partial(densenet, (6, 12, 24, 16), 32, 64), "DenseNet-121, growth 32",
        "Huang et al., CVPR 2017; torchvision",
    ),
    "densenet161": Network(
        partial(densenet, (6, 12, 36, 24), 48, 96), "DenseNet-161, growth 48",
        "Huang et al., CVPR 2017; torchvision",
    ),
    "efficientnet_b0": Network(partial(searched, EFFICIENTNET_B0), "EfficientNet-B0", "Tan and Le, ICML 2019; torchvision"),
    "fbnet_c": Network(partial(searched, FBNET_C), "FBNet-C", "Wu et al., CVPR 2019; pytorchcv fbnet_cb"),
    "ghostnet": Network(ghostnet, "GhostNet, width 1", "Han et al., CVPR 2020, table 1; timm ghostnet_100"),
    "googlenet": Network(
        googlenet, "GoogLeNet (Inception v1) without auxiliary classifiers",
        "Szegedy et al., CVPR 2015; Caffe bvlc_googlenet",
    ),
    "inception_v3": Network(
        inception_v3, "Inception v3 without auxiliary classifier, 299 x 299",
        "Szegedy et al., CVPR 2016; torchvision",
    ),
    "inception_v4": Network(inception_v4, "Inception v4, 299 x 299", "Szegedy et al., AAAI 2017; timm"),
    "lenet5": Network(
        lenet5, "LeNet-5 with all maps connected, 32 x 32 grey, 10 classes",
        "LeCun et al., Proceedings of the IEEE 1998, figure 2",
    ),
    "mbv2_w0_35_r144": _mcunet(mcunet.MBV2_W0_35_R144, "MobileNet v2, width 0.35"),
    "mbv2_w0_35_r64": _mcunet(mcunet.MBV2_W0_35_R144._replace(resolution=64), "MobileNet v2, width 0.35"),
    "mbv2_w0_3_r80": _mcunet(mcunet.MBV2_W0_3_R80, "MobileNet v2, width 0.3"),
    "mcunet_in0": _mcunet(mcunet.IN0, "MCUNet for ImageNet, 10 frames/s on an STM32F746"),
    "mcunet_in1": _mcunet(mcunet.IN1, "MCUNet for ImageNet, 5 frames/s on an STM32F746"),
    "mcunet_in2": _mcunet(mcunet.IN2, "MCUNet for ImageNet, 256 kB SRAM and 1 MB flash"),
    "mcunet_in3": _mcunet(mcunet.IN3, "MCUNet for ImageNet, 320 kB SRAM and 1 MB flash"),
    "mcunet_in4": _mcunet(mcunet.IN4, "MCUNet for ImageNet, 512 kB SRAM and 2 MB flash"),
    "mcunet_vww0": _mcunet(mcunet.VWW0, "MCUNet for visual wake words, 10 frames/s on an STM32F746"),
    "mcunet_vww1": _mcunet(mcunet.VWW1, "MCUNet for visual wake words, 5 frames/s on an STM32F746"),
    "mcunet_vww2": _mcunet(mcunet.VWW2, "MCUNet for visual wake words, 320 kB SRAM and 1 MB flash"),
    "mlperf_tiny_ad": _tiny(anomaly_detection, "MLPerf Tiny anomaly detection: autoencoder"),
    "mlperf_tiny_ic": _tiny(image_classification, "MLPerf Tiny image classification: ResNet-8, 32 x 32"),
    "mlperf_tiny_kws": _tiny(keyword_spotting, "MLPerf Tiny keyword spotting: DS-CNN, 49 x 10"),
    "mlperf_tiny_vww": _tiny(visual_wake_words, "MLPerf Tiny visual wake words: MobileNet v1 0.25, 96 x 96"),
    "mnasnet_a1": Network(
        partial(searched, MNASNET_A1), "MnasNet-A1 (with squeeze and excitation)",
        "Tan et al., CVPR 2019; pytorchcv",
    ),
    "mnasnet_b1": Network(
        partial(searched, MNASNET_B1), "MnasNet-B1, the common MnasNet 1.0",
        "Tan et al., CVPR 2019; torchvision mnasnet1_0",
    ),
    "mnasnet_small": Network(partial(searched, MNASNET_SMALL), "MnasNet-small", "Tan et al., CVPR 2019; pytorchcv"),
    "mobilenet_v1": Network(mobilenet_v1, "MobileNet v1, width 1", "Howard et al., 2017; pytorchcv mobilenet_w1"),
    "mobilenet_v2": Network(mobilenet_v2, "MobileNet v2, width 1", "Sandler et al., CVPR 2018; torchvision"),
    "mobilenet_v3_large": Network(
        partial(mobilenet_v3, LARGE, 1280), "MobileNet v3 large",
        "Howard et al., ICCV 2019; torchvision",
    ),
    "mobilenet_v3_small": Network(
        partial(mobilenet_v3, SMALL, 1024), "MobileNet v3 small",
        "Howard et al., ICCV 2019; torchvision",
    ),
    "nasbench201": Network(
        nasbench201, "NAS-Bench-201 network, 3x3 convolutions on all edges; nasbench201:33pn3p names another",
        "Dong and Yang, ICLR 2020; search space for CIFAR-10",
    ),
    "nasnet_large": Network(
        nasnet_large, "NASNet-A large (6 @ 4032), 331 x 331",
        "Zoph et al., CVPR 2018; pytorchcv nasnet_6a4032",
    ),
    "nasnet_mobile": Network(nasnet_mobile, "NASNet-A mobile (4 @ 1056)", "Zoph et al., CVPR 2018; pytorchcv nasnet_4a1056"),
    "pnasnet_mobile": Network(pnasnet_mobile, "PNASNet-5 mobile", "Liu et al., ECCV 2018; TensorFlow slim pnasnet_mobile"),
    "proxyless_w0_25_r112": _mcunet(mcunet.PROXYLESS_W0_25_R112, "ProxylessNAS mobile, width 0.25"),
    "proxyless_w0_3_r176": _mcunet(mcunet.PROXYLESS_W0_3_R176, "ProxylessNAS mobile, width 0.3"),
    "proxyless_w0_3_r64": _mcunet(mcunet.PROXYLESS_W0_3_R176._replace(resolution=64), "ProxylessNAS mobile, width 0.3"),
    "proxylessnas_mobile": Network(
        partial(searched, PROXYLESS_MOBILE), "ProxylessNAS for phones",
        "Cai et al., ICLR 2019; pytorchcv",
    ),
    "resnet101": Network(
        partial(bottleneck_resnet, 101, True), "ResNet-101 v1, stride in the first 1x1",
        "He et al., CVPR 2016; Caffe release",
    ),
    "resnet152": Network(
        partial(bottleneck_resnet, 152, True), "ResNet-152 v1, stride in the first 1x1",
        "He et al., CVPR 2016; Caffe release",
    ),
    "resnet18": Network(partial(basic_resnet, 18), "ResNet-18", "He et al., CVPR 2016; torchvision"),
    "resnet34": Network(partial(basic_resnet, 34), "ResNet-34", "He et al., CVPR 2016; torchvision"),
    "resnet50": Network(
        partial(bottleneck_resnet, 50, True), "ResNet-50 v1, stride in the first 1x1",
        "He et al., CVPR 2016; Caffe release",
    ),
    "resnet50_v1_5": Network(
        partial(bottleneck_resnet, 50, False), "ResNet-50 v1.5, stride in the 3x3",
        "He et al., CVPR 2016; torchvision",
    ),
    "senet154": Network(senet154, "SENet-154", "Hu et al., CVPR 2018; pytorchcv"),
    "shufflenet_v1": Network(
        shufflenet_v1, "ShuffleNet v1, 3 groups, width 1",
        "Zhang et al., CVPR 2018; pytorchcv shufflenet_g3_w1",
    ),
    "shufflenet_v2": Network(shufflenet_v2, "ShuffleNet v2, width 1", "Ma et al., ECCV 2018; torchvision shufflenet_v2_x1_0"),
    "squeezenet": Network(squeezenet1_1, "SqueezeNet 1.1, 227 x 227", "Iandola et al., 2016; release 1.1 of its authors"),
    "squeezenet1_0": Network(squeezenet1_0, "SqueezeNet 1.0, 227 x 227", "Iandola et al., 2016; release 1.0 of its authors"),
    "squeezenext": Network(
        squeezenext, "SqueezeNext 2.0-SqNxt-23v5, 227 x 227",
        "Gholami et al., CVPR workshops 2018; release of its authors",
    ),
    "tpu_cnn0": Network(cnn0, "CNN0 of the TPU paper, layers assumed equal, int8; published at batch 8", TPU_PAPER, "int8"),
    "tpu_lstm0": Network(lstm0, "LSTM0 of the TPU paper, layers assumed equal, int8; published at batch 64", TPU_PAPER, "int8"),
    "tpu_mlp0": Network(mlp0, "MLP0 of the TPU paper, layers assumed equal, int8; published at batch 200", TPU_PAPER, "int8"),
    "vgg16": Network(partial(vgg, VGG16), "VGG-16 (configuration D)", "Simonyan and Zisserman, ICLR 2015; torchvision"),
    "vgg19": Network(partial(vgg, VGG19), "VGG-19 (configuration E)", "Simonyan and Zisserman, ICLR 2015; torchvision"),
    "vit_base": Network(
        partial(vit, 768, 12), "Vision transformer base, patches of 16",
        "Dosovitskiy et al., ICLR 2021; timm vit_base_patch16_224",
    ),
    "vit_tiny": Network(
        partial(vit, 192, 3), "Vision transformer tiny, patches of 16",
        "Touvron et al., ICML 2021; timm vit_tiny_patch16_224",
    ),
    "xception": Network(xception, "Xception, 299 x 299", "Chollet, CVPR 2017; pytorchcv"),
    **DECODERS,
    **IMAGE_NETWORKS,
    **STM32_ZOO,
}.items()))  # fmt: skip


def network(name: str) -> Network:
    """Entry of the catalogue; :class:`GraphError` with the nearest names otherwise."""
    if name not in NETWORKS:
        raise GraphError(f"network: '{name}' is not in the catalogue; {nearest(name, NETWORKS)}")
    return NETWORKS[name]


def build(name: str, batch: int = 1, **options: Any) -> Graph:
    """Build a reference network.

    Parameters
    ----------
    name : str
        One of :data:`NETWORKS`.
    batch : int
        Inputs processed together.
    **options
        Those of the network, e.g. ``resolution``, ``width``, ``sequence``, ``context``, ``phase``; see ``network(name).options``.
        A decoder is built for one decode step after 512 tokens unless asked otherwise.

    >>> build("lenet5", batch=2).outputs[0].shape
    (2, 10)
    """
    entry = network(name)
    _check_number(name, "batch", batch, 1)
    for option, value in options.items():
        if option not in entry.options:
            raise GraphError(f"network '{name}': it has no option '{option}'; {nearest(option, entry.options)}")
        if option in WHOLE:
            _check_number(name, option, value, WHOLE[option])
        elif option == "width" and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 100):
            raise GraphError(f"network '{name}': width = {value!r}; a number between 0 and 100 is expected")
    graph = entry.builder(batch=batch, **options)
    settings = {"batch": batch, **entry.options, **options, **graph.settings}
    return replace(graph, name=name, settings=MappingProxyType({k: v for k, v in settings.items() if v is not None}))


def _check_number(name: str, option: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise GraphError(f"network '{name}': {option} = {value!r}; a whole number >= {least} is expected")


#: Options that are whole numbers, and the least each can be.
WHOLE = {
    "classes": 1, "classifier_padding": 0, "context": 0, "groups": 1, "layers": 1, "patch": 1, "resolution": 1, "sequence": 1,
}  # fmt: skip
