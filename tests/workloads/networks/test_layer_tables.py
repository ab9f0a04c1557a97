"""The catalogue against layer tables of the networks as others run them; where the folder of reference data is there."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.workloads.networks.counts import deployed, macs, macs_of
from workloads import Graph, Operator
from workloads.networks import build

#: Table of ncnn -> the same network of the catalogue, with the options that make it that copy.
NCNN: dict[str, tuple[str, dict[str, Any]]] = {
    "alexnet": ("alexnet", {}),
    "efficientnet_b0": ("efficientnet_b0", {}),
    "mnasnet": ("mnasnet_b1", {}),
    "mobilenet": ("mobilenet_v1", {}),
    "mobilenet_v2": ("mobilenet_v2", {"expand_first": True}),
    "resnet18": ("resnet18", {"project_first": True}),
    "resnet50": ("resnet50", {}),
    "squeezenet": ("squeezenet", {"classifier_padding": 1}),
    "vgg16": ("vgg16", {}),
}
TINY = {
    "mlperf_tiny_ad01_int8": "mlperf_tiny_ad",
    "mlperf_tiny_ic_resnet8_int8": "mlperf_tiny_ic",
    "mlperf_tiny_kws_dscnn_int8": "mlperf_tiny_kws",
    "mlperf_tiny_vww_mbv1_025_96_int8": "mlperf_tiny_vww",
}
ZOO = {
    "mcunet_vww1_tinyengine": "mcunet_vww1",
    "mcunet_in4_512kb_2mb_int8": "mcunet_in4",
    **{f"mcunet_in{i}": f"mcunet_in{i}" for i in range(4)},
    "mcunet_in4_cfg": "mcunet_in4",
    "mbv2_w0.3_r80": "mbv2_w0_3_r80",
    "mbv2_w0.35_r144": "mbv2_w0_35_r144",
    "proxyless_w0.25_r112": "proxyless_w0_25_r112",
    "proxyless_w0.3_r176": "proxyless_w0_3_r176",
    **{f"stzoo_fdmobilenet_0.25_{size}_tfs_flowers": f"fdmobilenet_0_25_{size}" for size in (128, 224)},
    **{f"stzoo_st_fdmobilenet_v1_{size}_tfs_flowers": f"st_fdmobilenet_v1_{size}" for size in (128, 224)},
    **{f"stzoo_mobilenet_v1_0.25_{size}_fft_flowers": f"mobilenet_v1_0_25_{size}" for size in (96, 224)},
    "stzoo_mobilenet_v1_0.25_96_grayscale_tfs_flowers": "mobilenet_v1_0_25_96_grey",
    "stzoo_mobilenet_v1_0.5_224_fft_flowers": "mobilenet_v1_0_5_224",
    **{f"stzoo_mobilenet_v2_0.35_{size}_fft_flowers": f"mobilenet_v2_0_35_{size}" for size in (128, 224)},
    "stzoo_resnet_v1_32_32_tfs_cifar100": "resnet_v1_32",
    "stzoo_resnet_v1_8_32_tfs_cifar10": "mlperf_tiny_ic",
    "stzoo_st_mnist_v1_28_tfs_emnist_byclass": "st_mnist",
    **{f"stzoo_gmp_wl_{size}_mobility_v1": f"st_gmp_{size}" for size in (24, 48)},
    **{f"stzoo_ign_wl_{size}_mobility_v1": f"st_ign_{size}" for size in (24, 48)},
    **{f"stzoo_st_ssd_mobilenet_v1_025_{size}_coco_2017_person": f"ssd_mobilenet_v1_0_25_{size}" for size in (192, 224, 256)},
    **{
        f"stzoo_ssd_mobilenet_v2_fpnlite_035_{size}_coco_2017_person": f"ssd_mobilenet_v2_fpnlite_0_35_{size}"
        for size in (192, 224, 256, 416)
    },
}
MULTIPLY = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def tiny_layers(shared_folder: Path) -> list[dict[str, str]]:
    return records(shared_folder / "models" / "model_layers_mcu.csv")


def multiplying(graph: Graph) -> list[Operator]:
    return [operator for operator in graph.operators if operator.op in ("Conv", "Gemm")]


@pytest.mark.parametrize("table", NCNN)
def test_layers_of_ncnn(table: str, shared_folder: Path) -> None:
    rows = records(shared_folder / "measured" / "networks" / f"ncnn_{table}.csv")
    name, options = NCNN[table]
    graph = build(name, **options)
    theirs = sorted(int(row["macs"]) for row in rows if int(row["macs"]))
    assert sorted(macs_of(graph, operator) for operator in multiplying(graph)) == theirs
    assert deployed(graph) == sum(int(row["params"]) for row in rows)


def test_vision_transformer_of_ncnn(shared_folder: Path) -> None:
    rows = records(shared_folder / "measured" / "networks" / "ncnn_vision_transformer.csv")
    graph = build("vit_base", resolution=384, patch=32)
    assert macs(graph) == sum(int(row["macs"]) for row in rows)
    assert deployed(graph) == sum(int(row["params"]) for row in rows)


def test_decoder_of_ncnn(shared_folder: Path) -> None:
    """The table lists the matrices of the layers and of the head; what is left are the products with the cache."""
    folder = shared_folder / "measured" / "networks"
    per_token = sum(
        int(row["macs_per_token"] or 0)
        for part in ("decoder", "proj_out")
        for row in records(folder / f"ncnn_llm_llama3.2_1b_{part}.csv")
    )
    graph = build("llama3_2_1b")
    assert sum(macs_of(graph, operator) for operator in multiplying(graph)) == per_token


@pytest.mark.parametrize("table", [*TINY, *ZOO])
def test_layers_of_tiny_networks(table: str, tiny_layers: list[dict[str, str]]) -> None:
    """Layer after layer: MACs, and bytes of weights and biases; paddings and conversions of the file have neither."""
    rows = [row for row in tiny_layers if row["model_id"] == table and row["op"] in MULTIPLY]
    graph = build({**TINY, **ZOO}[table])
    operators = multiplying(graph)
    assert sorted(int(row["macs"]) for row in rows) == sorted(macs_of(graph, operator) for operator in operators)
    ours = sorted(sum(graph.tensors[name].bytes for name in operator.inputs[1:]) for operator in operators)
    assert sorted(int(row["const_bytes"]) for row in rows) == ours


@pytest.mark.parametrize("table", TINY)
def test_operators_of_deployed_files(table: str, tiny_layers: list[dict[str, str]]) -> None:
    """Operator after operator, with output sizes: the graph is the file."""
    names = {
        "CONV_2D": "Conv", "DEPTHWISE_CONV_2D": "Conv", "FULLY_CONNECTED": "Gemm", "ADD": "Add", "AVERAGE_POOL_2D": "AveragePool",
        "RESHAPE": "Reshape", "SOFTMAX": "Softmax",
    }  # fmt: skip
    rows = [row for row in tiny_layers if row["model_id"] == table]
    graph = build(TINY[table])
    ours = sorted((o.op, macs_of(graph, o), graph.tensors[o.outputs[0]].bytes) for o in graph.operators)
    assert sorted((names[row["op"]], int(row["macs"]), int(row["out_bytes"])) for row in rows) == ours


def test_dead_channels_of_the_deployed_file(shared_folder: Path) -> None:
    tflite, numpy = pytest.importorskip("tflite"), pytest.importorskip("numpy")
    content = (shared_folder / "models" / "tflite" / "mlperf_tiny_vww_mbv1_025_96_int8.tflite").read_bytes()
    model = tflite.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    found = []
    for i in range(graph.TensorsLength()):
        tensor = graph.Tensors(i)
        shape = tuple(int(n) for n in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()
        if len(shape) == 4 and shape[1:3] == (1, 1) and tensor.Type() == tflite.TensorType.INT8:
            data = model.Buffers(tensor.Buffer()).DataAsNumpy()
            if not isinstance(data, int) and len(data):
                zero = data.view(numpy.int8).reshape(shape) == 0
                dead = tuple(int(c) for c in numpy.flatnonzero(zero.all(axis=(1, 2, 3))))
                unread = tuple(int(c) for c in numpy.flatnonzero(zero.all(axis=(0, 1, 2))))
                found += [(dead, float(zero.mean()), unread)] if dead else []
    ours = [t.facts for t in build("mlperf_tiny_vww").weights if t.facts is not None]
    assert sorted((facts.zero_output_channels, facts.zero_share, facts.zero_input_channels) for facts in ours) == sorted(found)
