"""Attention written out: same work, score matrices as tensors."""

from __future__ import annotations

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.operators import rule_of
from workloads.tables import graph_tables
from workloads.transforms import unfuse_attention


def network(masked: bool) -> Graph:
    net = GraphBuilder("attention")
    query, key, value = (net.input(shape, name) for name, shape in (("q", (2, 4, 6, 8)), ("k", (2, 4, 9, 8)), ("v", (2, 4, 9, 5))))
    mask = [net.input((6, 9), "mask")] if masked else []
    return net.finish(net.add("Attention", [query, key, value, *mask], name="attention"))


def test_five_operators_of_the_same_work() -> None:
    """2*4 heads of 6x9 scores: 8 MAC each for the keys, 5 for the values: 8 * 54 * 13 = 5,616."""
    for masked in (False, True):
        fused, plain = network(masked), unfuse_attention(network(masked))
        ops = ["Mul", "Transpose", "MatMul", *(["Add"] if masked else []), "Softmax", "MatMul"]
        assert [o.op for o in plain.operators] == ops
        assert plain.tensors["attention/scores"].shape == (2, 4, 6, 9)
        assert graph_tables(fused).operators.macs.sum() == graph_tables(plain).operators.macs.sum() == 5616
        assert plain.outputs[0] == fused.outputs[0]
        for o in plain.operators:
            derived = rule_of(o).output_types(o, plain.tensors_of(o.inputs))
            assert derived[0].shape == plain.tensors[o.outputs[0]].shape


def test_shared_key_heads_stay_fused() -> None:
    net = GraphBuilder("grouped")
    query = net.input((1, 4, 6, 8), "q")
    key, value = net.input((1, 2, 6, 8), "k"), net.input((1, 2, 6, 8), "v")
    graph = net.finish(net.add("Attention", [query, key, value], name="attention"))
    assert [o.op for o in unfuse_attention(graph).operators] == ["Attention"]
