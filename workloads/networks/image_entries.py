"""Image networks of the catalogue that are sizes of one family: ResNeXt, VGG, DenseNet, EfficientNet, RegNet, ConvNeXt, ViT, Swin."""

from __future__ import annotations

from functools import partial

from workloads.networks.convnext import convnext
from workloads.networks.densenet import densenet
from workloads.networks.network import Network
from workloads.networks.regnet import X, Y, regnet
from workloads.networks.resnet import bottleneck_resnet
from workloads.networks.searched import EFFICIENTNET_B0, scaled, searched
from workloads.networks.swin import swin
from workloads.networks.vgg import VGG11, VGG13, VGG16, VGG19, vgg
from workloads.networks.vit import vit

HE = "He et al., CVPR 2016; torchvision"
XIE = "Xie et al., CVPR 2017; torchvision"
ZAGORUYKO = "Zagoruyko and Komodakis, BMVC 2016; torchvision"
SIMONYAN = "Simonyan and Zisserman, ICLR 2015; torchvision"
HUANG = "Huang et al., CVPR 2017; torchvision"
TAN = "Tan and Le, ICML 2019; timm"
RADOSAVOVIC = "Radosavovic et al., CVPR 2020; timm"
LIU = "Liu et al., CVPR 2022; timm"
DOSOVITSKIY = "Dosovitskiy et al., ICLR 2021; timm"
TOUVRON = "Touvron et al., ICML 2021; timm, without distillation"
LIU_SWIN = "Liu et al., ICCV 2021; timm"

#: Width, depth and resolution of EfficientNet-B1 to B7.
EFFICIENTNET = {
    1: (1.0, 1.1, 240), 2: (1.1, 1.2, 260), 3: (1.2, 1.4, 300), 4: (1.4, 1.8, 380), 5: (1.6, 2.2, 456), 6: (1.8, 2.6, 528),
    7: (2.0, 3.1, 600),
}  # fmt: skip
SMALL = (3, 3, 27, 3)
VITS = {"vit_small": (384, 6, 12, 16), "vit_large": (1024, 16, 24, 16), "vit_base_patch32": (768, 12, 12, 32)}
DEITS = {"deit_tiny": (192, 3), "deit_small": (384, 6), "deit_base": (768, 12)}
SWINS = {
    "swin_tiny": ((2, 2, 6, 2), 96, 3), "swin_small": ((2, 2, 18, 2), 96, 3), "swin_base": ((2, 2, 18, 2), 128, 4),
    "swin_large": ((2, 2, 18, 2), 192, 6),
}  # fmt: skip
CONVNEXTS = {
    "convnext_tiny": ((3, 3, 9, 3), (96, 192, 384, 768)), "convnext_small": (SMALL, (96, 192, 384, 768)),
    "convnext_base": (SMALL, (128, 256, 512, 1024)), "convnext_large": (SMALL, (192, 384, 768, 1536)),
}  # fmt: skip


def _resnets() -> dict[str, Network]:
    found = {
        f"resnet{depth}_v1_5": Network(partial(bottleneck_resnet, depth, False), f"ResNet-{depth} v1.5, stride in the 3x3", HE)
        for depth in (101, 152)
    }
    for depth, width in ((50, 4), (101, 8)):
        name = f"resnext{depth}_32x{width}d"
        found[name] = Network(partial(bottleneck_resnet, depth, False, 32, width), f"ResNeXt-{depth}, 32 groups of {width}", XIE)
    for depth in (50, 101):
        name = f"wide_resnet{depth}_2"
        found[name] = Network(
            partial(bottleneck_resnet, depth, False, 1, 128), f"ResNet-{depth} with twice the inner width", ZAGORUYKO
        )
    return found


def _plain() -> dict[str, Network]:
    sizes = {11: VGG11, 13: VGG13, 16: VGG16, 19: VGG19}
    found = {f"vgg{n}": Network(partial(vgg, sizes[n]), f"VGG-{n}", SIMONYAN) for n in (11, 13)}
    found |= {f"vgg{n}_bn": Network(partial(vgg, size, True), f"VGG-{n} with batch norms", SIMONYAN) for n, size in sizes.items()}
    found["densenet169"] = Network(partial(densenet, (6, 12, 32, 32), 32, 64), "DenseNet-169, growth 32", HUANG)
    found["densenet201"] = Network(partial(densenet, (6, 12, 48, 32), 32, 64), "DenseNet-201, growth 32", HUANG)
    return found


def _efficientnets() -> dict[str, Network]:
    return {
        f"efficientnet_b{n}": Network(
            partial(searched, scaled(EFFICIENTNET_B0, width, depth), resolution=size), f"EfficientNet-B{n}, {size} x {size}", TAN
        )
        for n, (width, depth, size) in EFFICIENTNET.items()
    }


def _regnets() -> dict[str, Network]:
    found = {}
    for letter, rules in (("X", X), ("Y", Y)):
        for size, rule in rules.items():
            name, summary = f"regnet{letter.lower()}_{size // 100:03d}", f"RegNet{letter} of {size / 1000:g} G MACs"
            found[name] = Network(partial(regnet, rule), summary, RADOSAVOVIC)
    return found


def _transformers() -> dict[str, Network]:
    found = {}
    for name, (width, heads, layers, patch) in VITS.items():
        summary = f"Vision transformer, {width} features, patches of {patch}"
        found[name] = Network(partial(vit, width, heads, layers=layers, patch=patch), summary, DOSOVITSKIY)
    for name, size in DEITS.items():
        found[name] = Network(partial(vit, *size), f"DeiT, {size[0]} features", TOUVRON)
    for name, (counts, features, heads) in SWINS.items():
        found[name] = Network(
            partial(swin, counts, features, heads), f"Swin transformer, {features} features, windows of 7", LIU_SWIN
        )
    for name, (counts, channels) in CONVNEXTS.items():
        found[name] = Network(partial(convnext, counts, channels), f"ConvNeXt, {channels[0]} channels first", LIU)
    return found


#: Name -> entry.
IMAGE_NETWORKS: dict[str, Network] = {**_resnets(), **_plain(), **_efficientnets(), **_regnets(), **_transformers()}
