"""Networks kept as layer tables: those of the ncnn benchmark, exactly as that runtime runs them.

Shapes, MACs and fused activations are those of ``benchmark/models/*.param`` of github.com/Tencent/ncnn at a4d2ea1d4422 (BSD-3),
read by shape inference of our own; which row reads which is inferred from the shapes. Names ending in ``_int8`` hold the layers
that runtime's quantised copies compute in 8 bit.
"""

from __future__ import annotations

from pathlib import Path

TABLES = Path(__file__).with_name("tables")

#: Stem of a file -> (family, what it is).
TABLED: dict[str, tuple[str, str]] = {
    "ncnn_alexnet": ("alexnet", "AlexNet in two groups, 227 x 227"),
    "ncnn_blazeface": ("blazeface", "BlazeFace detector, 128 x 128"),
    "ncnn_efficientnet_b0": ("efficientnet", "EfficientNet-B0"),
    "ncnn_fastestdet": ("fastestdet", "FastestDet detector on ShuffleNet v2, 352 x 352"),
    "ncnn_mnasnet": ("mnasnet", "MnasNet-B1"),
    "ncnn_mobilenet": ("mobilenet_v1", "MobileNet v1"),
    "ncnn_mobilenet_int8": ("mobilenet_v1", "MobileNet v1, int8 convolutions"),
    "ncnn_mobilenet_ssd": ("mobilenet_v1", "MobileNet v1 SSD detector, 300 x 300"),
    "ncnn_mobilenet_ssd_int8": ("mobilenet_v1", "MobileNet v1 SSD detector, 300 x 300, int8 convolutions"),
    "ncnn_mobilenet_v2": ("mobilenet_v2", "MobileNet v2 (Caffe copy)"),
    "ncnn_mobilenet_v3": ("mobilenet_v3", "MobileNet v3 large"),
    "ncnn_mobilenet_yolo": ("mobilenet_v1", "MobileNet v1 YOLO v2 detector, 416 x 416"),
    "ncnn_mobilenetv2_yolov3": ("mobilenet_v2", "MobileNet v2 YOLO v3 detector, 352 x 352"),
    "ncnn_proxylessnasnet": ("proxyless", "ProxylessNAS for phones"),
    "ncnn_resnet18": ("resnet", "ResNet-18, first block projected"),
    "ncnn_resnet18_int8": ("resnet", "ResNet-18, first block projected, int8 convolutions"),
    "ncnn_resnet50": ("resnet", "ResNet-50 v1"),
    "ncnn_resnet50_int8": ("resnet", "ResNet-50 v1, int8 convolutions"),
    "ncnn_squeezenet": ("squeezenet", "SqueezeNet 1.1, 227 x 227"),
    "ncnn_squeezenet_int8": ("squeezenet", "SqueezeNet 1.1, 227 x 227, int8 convolutions"),
    "ncnn_squeezenet_ssd": ("squeezenet", "SqueezeNet SSD detector, 300 x 300"),
    "ncnn_squeezenet_ssd_int8": ("squeezenet", "SqueezeNet SSD detector, 300 x 300, int8 convolutions"),
    "ncnn_vgg16": ("vgg", "VGG-16"),
    "ncnn_vgg16_int8": ("vgg", "VGG-16, int8 convolutions"),
    "ncnn_vision_transformer": ("vit", "Vision transformer base, 384 x 384, patches of 32, 12 heads"),
    "ncnn_yolo_fastest_1_1": ("yolo-fastest", "YOLO-Fastest 1.1 detector, 320 x 320"),
    "ncnn_yolo_fastestv2": ("yolo-fastest", "YOLO-FastestV2 detector on ShuffleNet v2, 352 x 352"),
    "ncnn_yolov4_tiny": ("yolov4", "YOLO v4 tiny detector, 416 x 416"),
}


def table_of(name: str) -> Path | None:
    """The layer table of a network, None for names that have none.

    >>> table_of("ncnn_squeezenet").name
    'ncnn_squeezenet.csv'
    """
    return TABLES / f"{name}.csv" if name in TABLED else None
