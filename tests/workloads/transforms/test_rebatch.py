"""More examples at once."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from workloads import Graph, GraphError, Operator, Tensor, WeightFacts
from workloads.builder import GraphBuilder
from workloads.networks import build
from workloads.readers.onnx_file import load_onnx
from workloads.tables import graph_tables
from workloads.transforms import rebatch
from workloads.transforms.rebatch import grown_axis

LIGHT = sorted((Path(onnx.__file__).parent / "backend" / "test" / "data" / "light").glob("light_*.onnx"))


def attention(batch: int) -> Graph:
    """Heads split by reshapes and transposes, as exporters write it."""
    net = GraphBuilder("attention")
    x = net.input((batch, 5, 8), name="x")
    parts = [net.transpose(net.reshape(net.linear(x, 8), (batch, 5, 2, 4)), (0, 2, 1, 3)) for _ in range(2)]
    scores = net.softmax(net.matmul(parts[0], net.transpose(parts[1], (0, 1, 3, 2))))
    return net.finish(net.reshape(scores, (batch * 2, 5, 5)))


def shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.shape for tensor in graph.tensors.values()}


def test_equals_the_network_built_for_that_batch():
    assert shapes(rebatch(attention(1), 4)) == shapes(attention(4))


def test_between_batches_that_are_not_one():
    four = attention(4)
    four = four.replace(settings={**four.settings, "batch": 4})
    assert shapes(rebatch(four, 6)) == shapes(attention(6))


@pytest.mark.parametrize("file", LIGHT, ids=lambda file: file.stem)
def test_real_files_scale(file: Path):
    graph = load_onnx(file)
    before, after = graph_tables(graph), graph_tables(rebatch(graph, 3))
    assert after.operators.macs.tolist() == [3 * macs for macs in before.operators.macs]
    assert after.operators.output_bytes.tolist() == [3 * size for size in before.operators.output_bytes]
    assert after.operators.weight_bytes.tolist() == before.operators.weight_bytes.tolist()


def test_shape_operands_of_any_form_follow():
    tensors = [
        Tensor("x", (1, 6, 2), role="input"), Tensor("shape", (2,), "int64", "weight", WeightFacts(values=(1.0, -1.0))),
        Tensor("y", (1, 12), role="output"),
    ]  # fmt: skip
    graph = Graph.build("flat", [Operator("r", "Reshape", ("x", "shape"), ("y",))], tensors)
    assert rebatch(graph, 5).tensors["y"].shape == (5, 12)


def test_nothing_changes_for_the_same_batch():
    graph = attention(1)
    assert rebatch(graph, 1) is graph


def test_what_does_not_follow_is_refused_by_name():
    net = GraphBuilder("merged")
    x = net.transpose(net.input((1, 4, 8), name="x"), (1, 0, 2))
    graph = net.finish(net.reshape(x, (8, 4), name="merge"))
    # The batch stands behind 4 elements, and no axis of 8x4 does.
    with pytest.raises(GraphError, match="batch: operator 'merge' .*no axis"):
        rebatch(graph, 3)


def test_constants_along_the_batch_are_refused_by_name():
    tensors = [Tensor("x", (1, 3), role="input"), Tensor("token", (1, 3), role="weight"), Tensor("y", (2, 3), role="output")]
    graph = Graph.build("token", [Operator("join", "Concat", ("x", "token"), ("y",), {"axis": 0})], tensors)
    with pytest.raises(GraphError, match="'join' \\(Concat\\)"):
        rebatch(graph, 4)


def test_a_class_token_is_stretched_to_all_examples():
    tensors = [
        Tensor("x", (1, 5, 3), role="input"),
        Tensor("token", (1, 1, 3), role="weight"),
        Tensor("y", (1, 6, 3), role="output"),
    ]
    graph = Graph.build("token", [Operator("join", "Concat", ("token", "x"), ("y",), {"axis": 1})], tensors)
    more = rebatch(graph, 4)
    assert [(o.op, o.inputs) for o in more.operators] == [("Expand", ("token",)), ("Concat", ("join.token.stretched", "x"))]
    assert more.tensors["join.token.stretched"].shape == (4, 1, 3)
    assert more.tensors["token"].shape == (1, 1, 3)
    assert more.tensors["y"].shape == (4, 6, 3)


def test_detectors_keep_their_boxes_for_each_example():
    tensors = [
        Tensor("x", (1, 32), role="input"), Tensor("p", (1, 2, 8), role="activation"), Tensor("f", (1, 4, 2, 2), role="input"),
        Tensor("y", (10, 6), role="output"),
    ]  # fmt: skip
    operators = [Operator("prior", "PriorBox", ("f",), ("p",)), Operator("boxes", "DetectionOutput", ("x", "x", "p"), ("y",))]
    more = rebatch(Graph.build("detector", operators, tensors), 3)
    assert shapes(more) == {"x": (3, 32), "p": (1, 2, 8), "f": (3, 4, 2, 2), "y": (30, 6)}


def test_further_outputs_may_stay():
    tensors = [
        Tensor("x", (1, 5), role="input"), Tensor("y", (1, 5), "uint8", "output"),
        Tensor("s", (), role="output"), Tensor("z", (), "uint8", "output"),
    ]  # fmt: skip
    graph = Graph.build("dynamic", [Operator("q", "DynamicQuantizeLinear", ("x",), ("y", "s", "z"))], tensors)
    assert shapes(rebatch(graph, 3)) == {"x": (3, 5), "y": (3, 5), "s": (), "z": ()}


def test_a_mean_over_the_batch_is_refused_by_name():
    tensors = [Tensor("x", (1, 5), role="input"), Tensor("y", (1, 1), role="output")]
    graph = Graph.build("mean", [Operator("all", "ReduceMean", ("x",), ("y",))], tensors)
    with pytest.raises(GraphError, match="'all' \\(ReduceMean\\).*one axis must grow"):
        rebatch(graph, 3)


@pytest.mark.parametrize(("name", "batch"), [("vit_tiny", 2), ("mobilenet_v2", 3), ("bert_base", 2), ("shufflenet_v2", 2)])
def test_equals_the_catalogue_network_of_that_batch(name: str, batch: int):
    ours, theirs = graph_tables(rebatch(build(name), batch)), graph_tables(build(name, batch=batch))
    assert ours.operators.macs.tolist() == theirs.operators.macs.tolist()
    assert ours.operators.output_bytes.tolist() == theirs.operators.output_bytes.tolist()
    assert ours.operators.weight_bytes.tolist() == theirs.operators.weight_bytes.tolist()


@pytest.mark.parametrize("batch", [0, -1, True, 2.5])
def test_absurd_batches(batch):
    with pytest.raises(GraphError, match="whole number >= 1"):
        rebatch(attention(1), batch)


def test_networks_without_a_batch():
    graph = Graph.build(
        "line", [Operator("r", "Relu", ("x",), ("y",))], [Tensor("x", (7,), role="input"), Tensor("y", (7,), role="output")]
    )
    with pytest.raises(GraphError, match="no input.*leading size of 1"):
        rebatch(graph, 2)


def test_grown_axis():
    assert grown_axis((1, 5), (4, 5), 4, 1) == 0
    assert grown_axis((5, 1), (5, 4), 4, 1) == 1
    assert grown_axis((5, 2), (5, 2), 4, 1) is None
    assert grown_axis((1, 5), (4, 20), 4, 1) == -1
    assert grown_axis((1, 5), (3, 5), 4, 1) == -1
