"""Activations join the operator before them."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from workloads import Graph, Operator, Tensor
from workloads.builder import ACTIVATION_OPERATORS, GraphBuilder
from workloads.readers.onnx_file import load_onnx
from workloads.tables import ACTIVATIONS, graph_tables
from workloads.transforms import fuse_activations

LIGHT = sorted((Path(onnx.__file__).parent / "backend" / "test" / "data" / "light").glob("light_*.onnx"))


@pytest.mark.parametrize("kind", sorted(ACTIVATION_OPERATORS))
def test_equals_the_network_built_fused(kind: str):
    def built(fused: bool) -> Graph:
        net = GraphBuilder("net", fused_activations=fused)
        x = net.conv(net.input((1, 3, 8, 8)), 4, 3, activation=kind)
        return net.finish(net.plus(x, net.conv(x, 4, 1), activation=kind))

    separate, fused = built(False), fuse_activations(built(False))
    assert [o.op for o in fused.operators] == ["Conv", "Conv", "Add"]
    assert [o.attribute("activation") for o in fused.operators] == [kind, None, kind]
    assert kind in ACTIVATIONS
    ours, theirs = graph_tables(fused).operators, graph_tables(built(True)).operators
    for name in ours._fields:
        assert getattr(ours, name).tolist() == getattr(theirs, name).tolist(), name
    apart = graph_tables(separate).operators
    assert ours.element_operations.sum() == apart.element_operations.sum()
    assert ours.special_operations.sum() == apart.special_operations.sum()


@pytest.mark.parametrize("file", LIGHT, ids=lambda file: file.stem)
def test_real_files_keep_their_counts_and_save_traffic(file: Path):
    graph = load_onnx(file)
    fused = fuse_activations(graph)
    before, after = graph_tables(graph).operators, graph_tables(fused).operators
    for name in ("macs", "element_operations", "special_operations", "weight_bytes"):
        assert getattr(after, name).sum() == getattr(before, name).sum(), name
    gone = set(graph.tensors) - set(fused.tensors)
    # Each tensor that vanished was written once and read once.
    saved = sum(graph.tensors[name].bytes for name in gone)
    assert before.output_bytes.sum() - after.output_bytes.sum() == saved
    assert before.input_bytes.sum() - after.input_bytes.sum() == saved
    assert len(graph) - len(fused) == len(gone)


def chain(*operators: Operator, roles: dict[str, str] | None = None) -> Graph:
    shape = (1, 4, 8, 8)
    names = dict.fromkeys(name for o in operators for name in (*o.inputs, *o.outputs) if name != "w")
    roles = {"x": "input", **(roles or {})}
    tensors = [Tensor(name, shape, role=roles.get(name, "activation")) for name in names]
    return Graph.build("chain", operators, [*tensors, Tensor("w", (4, 4, 1, 1), role="weight")])


CONV = Operator("conv", "Conv", ("x", "w"), ("h",))


def test_read_twice_stays():
    graph = chain(CONV, Operator("r", "Relu", ("h",), ("y",)), Operator("a", "Add", ("h", "y"), ("z",)), roles={"z": "output"})
    assert len(fuse_activations(graph)) == 3


def test_an_output_stays():
    assert len(fuse_activations(chain(CONV, Operator("r", "Relu", ("h",), ("y",)), roles={"h": "output", "y": "output"}))) == 2


def test_only_the_first_of_two_joins():
    graph = chain(CONV, Operator("r", "Relu", ("h",), ("y",)), Operator("s", "Sigmoid", ("y",), ("z",)), roles={"z": "output"})
    fused = fuse_activations(graph)
    assert [(o.op, o.attribute("activation")) for o in fused.operators] == [("Conv", "relu"), ("Sigmoid", None)]


@pytest.mark.parametrize("op", ["Exp", "Sqrt", "PRelu", "Softmax", "Neg"])
def test_other_functions_stay(op: str):
    inputs = ("h", "w") if op == "PRelu" else ("h",)
    graph = chain(CONV, Operator("f", op, inputs, ("y",)), roles={"y": "output"})
    assert len(fuse_activations(graph)) == 2


def test_pools_do_not_host():
    pool = Operator("pool", "MaxPool", ("x",), ("h",), {"kernel_shape": (1, 1)})
    graph = chain(pool, Operator("r", "Relu", ("h",), ("y",)), roles={"y": "output"})
    graph = graph.replace(tensors=[t for t in graph.tensors.values() if t.name != "w"])
    assert len(fuse_activations(graph)) == 2


def test_parameters_are_kept():
    clip = Operator("clip", "Clip", ("h",), ("y",), {"min": 0.0, "max": 6.0})
    (conv,) = fuse_activations(chain(CONV, clip, roles={"y": "output"})).operators
    assert conv.attribute("activation") == "relu6"
    assert conv.attribute("activation_attributes") == (("max", 6.0), ("min", 0.0))
    assert conv.name == "conv"
    assert conv.outputs == ("y",)
