"""Mixed precision: which types follow, and where casts stand."""

from __future__ import annotations

import pytest

from workloads import GraphError
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.tables import graph_tables
from workloads.transforms import autocast, retype


def network() -> Graph:
    """conv -> batch norm -> relu; a linear layer, its norm, a sum with an fp32 constant, softmax."""
    net = GraphBuilder("mixed")
    x = net.conv_norm(net.input((1, 3, 4, 4)), 4, 3, activation="relu", name="conv")
    x = net.linear(net.reshape(x, (1, 16, 4)), 6, name="fc")
    x = net.layer_norm(x, name="norm")
    x = net.linear(x, 6, name="fc2")
    x = net.plus(x, net.weight("position", (1, 16, 6)), name="sum")
    return net.finish(net.softmax(x, name="softmax"))


def types(graph: Graph) -> dict[str, str]:
    return {o.name: graph.tensors[o.outputs[0]].dtype for o in graph.operators}


def test_types_by_hand() -> None:
    """Matrix operators and batch norm after them are half; norm and softmax are fp32; an fp32 constant widens what it joins."""
    found = types(autocast(network()))
    conv = {name: dtype for name, dtype in found.items() if name.startswith("conv") and "cast" not in name}
    assert set(conv.values()) == {"fp16"}
    assert (found["fc"], found["norm"], found["fc2"], found["sum"], found["softmax"]) == ("fp16", "fp32", "fp16", "fp32", "fp32")


def test_casts_stand_where_types_meet() -> None:
    """The image to half, the product to fp32 for its norm, the norm to half for the next product; the fp32 sum needs none."""
    casts = [o for o in autocast(network(), "bf16").operators if o.op == "Cast"]
    assert [(o.inputs[0].split(".")[0], o.attribute("to")) for o in casts] == [("input", "bf16"), ("fc", "fp32"), ("norm", "bf16")]


def test_each_reader_casts_anew_and_constants_stay() -> None:
    net = GraphBuilder("two")
    x = net.layer_norm(net.input((1, 4, 8)), name="norm")
    graph = autocast(net.finish(net.plus(net.linear(x, 4, name="a"), net.linear(x, 4, name="b"))))
    assert sum(o.op == "Cast" for o in graph.operators) == 2
    assert {t.dtype for t in graph.weights} == {"fp32"}


def test_work_stays() -> None:
    before, after = network(), autocast(network())
    assert graph_tables(before).operators.macs.sum() == graph_tables(after).operators.macs.sum()


def test_refusals() -> None:
    with pytest.raises(GraphError, match=r"autocast: 'fp8' is no half type; nearest: fp16"):
        autocast(network(), "fp8")
    with pytest.raises(GraphError, match="is fp16; fp32 is expected"):
        autocast(retype(network(), "fp16"))
