"""Measured timm networks that the project's own catalogue builds as well: the same shapes, other code."""

from __future__ import annotations

from validation.gpu_networks import NetworkTable
from workloads.graph import Graph
from workloads.networks import NETWORKS, build

#: Name in timm -> name in the catalogue.
OWN = {
    **{f"resnet{depth}": f"resnet{depth}" for depth in (18, 34)},
    **{f"resnet{depth}": f"resnet{depth}_v1_5" for depth in (50, 101, 152)},
    **{name: name for name in ("resnext50_32x4d", "resnext101_32x8d", "wide_resnet50_2", "wide_resnet101_2")},
    **{f"vgg{depth}{norm}": f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")},
    **{f"densenet{depth}": f"densenet{depth}" for depth in (121, 161, 169, 201)},
    **{f"efficientnet_b{size}": f"efficientnet_b{size}" for size in range(8)},
    **{f"convnext_{size}": f"convnext_{size}" for size in ("tiny", "small", "base", "large")},
    **{f"vit_{size}_patch16_{side}": f"vit_{size}" for size in ("tiny", "small", "base", "large") for side in (224, 384)},
    **{f"vit_base_patch32_{side}": "vit_base_patch32" for side in (224, 384)},
    **{f"deit_{size}_patch16_224": f"deit_{size}" for size in ("tiny", "small", "base")},
    **{f"swin_{size}_patch4_window7_224": f"swin_{size}" for size in ("tiny", "small", "base", "large")},
    "mobilenetv2_100": "mobilenet_v2",
    "mobilenetv3_large_100": "mobilenet_v3_large",
    "mobilenetv3_small_100": "mobilenet_v3_small",
    "mnasnet_100": "mnasnet_b1",
    "ghostnet_100": "ghostnet",
    "fbnetc_100": "fbnet_c",
    "inception_v3": "inception_v3",
    "inception_v4": "inception_v4",
    "xception": "xception",
    "legacy_senet154": "senet154",
}

#: A network of the catalogue at an image size.
Own = tuple[str, int]


def own_networks(table: NetworkTable) -> dict[int, Own]:
    """Number of an exported network -> the same of the catalogue; all measured names of that network are meant."""
    found: dict[int, Own] = {}
    for entry in table.models:
        if entry.model in OWN:
            found.update(dict.fromkeys((entry.trained, entry.merged), (OWN[entry.model], entry.size)))
    return found


def own_graph(network: Own, images: int) -> Graph:
    """The catalogue's graph of one, batch norms as they are trained, attention of transformers as one operator."""
    name, size = network
    if name.startswith(("vit_", "deit_")):
        graph = NETWORKS[name].builder(batch=images, resolution=size, fused=True)
        return graph.replace(settings={**graph.settings, "batch": images})
    return build(name, batch=images, resolution=size)
