"""Writing layer tables: any network comes back with the same operators, counts and shapes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.files import small_convolution_model, small_tflite_file, write_onnx
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.operators import rule_of
from workloads.readers import load_layer_table, load_network
from workloads.readers.layer_table_writer import write_layer_table
from workloads.readers.rules import against_rules

NETWORKS = (
    "lenet5", "alexnet", "squeezenet", "resnet18", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2", "vit_tiny",
    "mlperf_tiny_kws",
)  # fmt: skip


def macs(graph: Graph) -> list[int]:
    """Multiply-accumulates per operator."""
    return [rule_of(o).work(o, graph.tensors_of(o.inputs), graph.tensors_of(o.outputs)).macs for o in graph.operators]


def sizes(graph: Graph) -> list[int]:
    """Output elements per operator, whatever the layout."""
    return [math.prod(graph.tensors[o.outputs[0]].shape) for o in graph.operators]


def matrices(graph: Graph) -> list[int]:
    """Weights and biases of every product and convolution; shared ones are counted with each reader, as rows do."""
    products = [o for o in graph.operators if o.op in ("Conv", "Gemm", "MatMul", "ConvTranspose")]
    operands = [[graph.tensors[name] for name in o.inputs[1:] if name] for o in products]
    return [sum(tensor.elements for tensor in tensors if tensor.role == "weight") for tensors in operands]


def round_trip(graph: Graph, folder: Path) -> Graph:
    """The graph written and read again, held against the rules."""
    write_layer_table(graph, folder / "written.csv")
    return against_rules(load_layer_table(folder / "written.csv"))


def same(before: Graph, after: Graph) -> None:
    assert len(before) == len(after)
    assert macs(before) == macs(after)
    assert sizes(before) == sizes(after)
    assert matrices(before) == matrices(after)
    assert [t.dtype for t in before.inputs] == [t.dtype for t in after.inputs]


@pytest.mark.parametrize("name", NETWORKS)
def test_catalogue_networks(tmp_path: Path, name: str) -> None:
    graph = load_network(name)
    same(graph, round_trip(graph, tmp_path))


def test_files(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(small_tflite_file())
    for path in (tmp_path / "m.tflite", write_onnx(tmp_path / "m.onnx", small_convolution_model())):
        graph = load_network(path)
        same(graph, round_trip(graph, tmp_path))


def test_tables_of_reference_models(tmp_path: Path, shared_folder: Path) -> None:
    for path in sorted((shared_folder / "models/tflite").glob("*.tflite")):
        graph = load_network(path)
        same(graph, round_trip(graph, tmp_path))


def test_nothing_is_left_beside_the_table(tmp_path: Path) -> None:
    write_layer_table(load_network("lenet5"), tmp_path / "lenet5.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["lenet5.csv"]


LAYER = st.tuples(st.integers(1, 12), st.sampled_from([1, 3, 5]), st.sampled_from([1, 2]), st.booleans())


@settings(max_examples=25, deadline=None)
@given(layers=st.lists(LAYER, min_size=1, max_size=5), size=st.integers(8, 20))
def test_random_chains(tmp_path_factory: pytest.TempPathFactory, layers: list[tuple[int, int, int, bool]], size: int) -> None:
    net = GraphBuilder("chain")
    x = net.input((1, 3, size, size))
    for channels, kernel, stride, bias in layers:
        x = net.conv(x, channels, kernel=kernel, stride=stride, padding=kernel // 2, bias=bias, activation="relu")
    graph = net.finish(net.linear(net.flatten(net.global_average_pool(x)), 10))
    same(graph, round_trip(graph, tmp_path_factory.getbasetemp()))
