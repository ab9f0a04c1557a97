"""Entries of the catalogue for the networks of the STM32 model zoo, one for each size that was measured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from workloads.graph import Graph
from workloads.networks.network import Network
from workloads.networks.stm32_zoo import (
    FAST_BLOCKS,
    ST_FAST_BLOCKS,
    fast_mobilenet,
    mobilenet_v1,
    mobilenet_v2,
    motion_gmp,
    motion_ign,
    resnet,
    ssd_mobilenet_v1,
    ssd_mobilenet_v2_fpnlite,
    st_mnist,
)

SOURCE = "STMicroelectronics/stm32ai-modelzoo, pretrained models"


def _zoo(summary: str, builder: Callable[..., Graph], *given: Any, **options: Any) -> Network:
    return Network(partial(builder, *given, **options), f"STM32 model zoo: {summary}, deployed int8", SOURCE, "int8")


def _sized(name: str, summary: str, sizes: tuple[int, ...], builder: Callable[..., Graph], *given: Any) -> dict[str, Network]:
    return {f"{name}_{size}": _zoo(f"{summary}, {size} x {size}", builder, *given, resolution=size) for size in sizes}


#: Name -> entry.
STM32_ZOO: dict[str, Network] = {
    **_sized("fdmobilenet_0_25", "FdMobileNet 0.25", (128, 224), fast_mobilenet, FAST_BLOCKS, 8),
    **_sized("mobilenet_v1_0_25", "MobileNet v1 0.25", (96, 224), mobilenet_v1, 0.25),
    "mobilenet_v1_0_25_96_grey": _zoo("MobileNet v1 0.25, 96 x 96 grey", mobilenet_v1, 0.25, resolution=96, channels=1),
    **_sized("mobilenet_v1_0_5", "MobileNet v1 0.5", (224,), mobilenet_v1, 0.5),
    **_sized("mobilenet_v2_0_35", "MobileNet v2 0.35", (128, 224), mobilenet_v2, 0.35),
    "person_detection": Network(
        partial(mobilenet_v1, 0.25, resolution=96, channels=1, classes=2),
        "person detection of TensorFlow Lite Micro: MobileNet v1 0.25, 96 x 96 grey, deployed int8",
        "tensorflow/tflite-micro, examples/person_detection",
        "int8",
    ),
    "resnet_v1_32": _zoo("ResNet-32 v1, 32 x 32, 100 classes", resnet, 5),
    **{
        f"ssd_mobilenet_v1_0_25_{size}": _zoo(f"SSD MobileNet v1 0.25, persons, {size} x {size}", ssd_mobilenet_v1, size)
        for size in (192, 224, 256)
    },
    **{
        f"ssd_mobilenet_v2_fpnlite_0_35_{size}": _zoo(
            f"SSD MobileNet v2 0.35 FPN-lite, persons, {size} x {size}", ssd_mobilenet_v2_fpnlite, size
        )
        for size in (192, 224, 256, 416)
    },
    **_sized("st_fdmobilenet_v1", "ST FdMobileNet v1", (128, 224), fast_mobilenet, ST_FAST_BLOCKS, 16),
    **{f"st_gmp_{size}": _zoo(f"activity recognition GMP, window {size}", motion_gmp, window=size) for size in (24, 48)},
    **{f"st_ign_{size}": _zoo(f"activity recognition IGN, window {size}", motion_ign, window=size) for size in (24, 48)},
    "st_mnist": _zoo("ST MNIST, 28 x 28 grey, 36 characters", st_mnist),
}
