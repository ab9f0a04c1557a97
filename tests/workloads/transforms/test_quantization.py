"""Networks in narrower types, layer by layer."""

from __future__ import annotations

import pytest

from workloads.builder import GraphBuilder
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.networks import build
from workloads.operators import rule_of
from workloads.tables import graph_tables
from workloads.transforms import quantize, retype


def three_layers() -> Graph:
    """3x3 convolutions 4 -> 8 -> 8 on 6 x 6, then 288 -> 10."""
    net = GraphBuilder("three", fused_activations=True)
    x = net.input((1, 4, 6, 6))
    x = net.conv(x, 8, kernel=3, padding=1, name="a", activation="relu")
    x = net.conv(x, 8, kernel=3, padding=1, name="b", activation="relu")
    return net.finish(net.linear(net.flatten(x), 10, name="c"))


def types_of(graph: Graph, name: str) -> tuple[str, str, str]:
    """Types of input, weights and result of an operator."""
    operator = graph.operator(name)
    return tuple(graph.tensors[n].dtype for n in (operator.inputs[0], operator.inputs[1], operator.outputs[0]))  # type: ignore[return-value]


def macs_of(graph: Graph) -> int:
    return int(graph_tables(graph).operators.macs.sum())


def test_the_whole_network_in_one_type_is_retyping() -> None:
    graph = three_layers()
    assert quantize(graph).tensors == retype(graph, "int8").tensors


def test_weights_alone_leave_the_activations() -> None:
    graph = quantize(three_layers(), "int4", "keep")
    assert types_of(graph, "a") == ("fp32", "int4", "fp32")
    assert len(graph) == len(three_layers())
    # 288 + 576 + 2880 weights of half a byte; biases 8 + 8 + 10 stay fp32.
    assert graph.weights_bytes == (288 + 576 + 2880) // 2 + 4 * 26


def test_mixed_types_meet_in_conversions() -> None:
    graph = quantize(three_layers(), keep=("first", "last"))
    assert types_of(graph, "a") == ("fp32", "fp32", "int8")
    assert types_of(graph, "b") == ("int8", "int8", "int8")
    assert types_of(graph, "c") == ("fp32", "fp32", "fp32")
    assert [o.op for o in graph.operators if o.op.endswith("Linear")] == ["DequantizeLinear"]


def test_layers_by_name_alone_are_narrowed() -> None:
    graph = quantize(three_layers(), "binary", "binary", layers=("b",))
    assert types_of(graph, "a") == ("fp32", "fp32", "fp32")
    assert types_of(graph, "b") == ("binary", "binary", "fp32")
    narrower = quantize(quantize(three_layers()), "int4", "int8", layers=("b",))
    assert types_of(narrower, "b") == ("int8", "int4", "int8")


def test_inserted_conversions_stand_around_every_layer() -> None:
    graph = quantize(three_layers(), conversions="inserted")
    assert [o.op for o in graph.operators].count("QuantizeLinear") == [o.op for o in graph.operators].count("DequantizeLinear") == 3
    assert types_of(graph, "b") == ("int8", "int8", "int8")
    assert graph.outputs[0].dtype == "fp32"


@pytest.mark.parametrize(("weights", "activations"), [("int8", "int8"), ("int4", "int8"), ("ternary", "int8"), ("binary", "keep")])
@pytest.mark.parametrize("options", [{}, {"keep": ("first", "last")}, {"conversions": "inserted"}, {"layers": ("last",)}])
def test_macs_stay_and_rules_agree_with_the_types(weights: str, activations: str, options: dict[str, object]) -> None:
    for start in (three_layers(), build("squeezenet"), build("mobilenet_v2")):
        graph = quantize(start, weights, activations, **options)  # type: ignore[arg-type]
        assert macs_of(graph) == macs_of(start)
        assert 0 < graph.weights_bytes < start.weights_bytes
        for operator in graph.operators:
            derived = rule_of(operator).output_types(operator, graph.tensors_of(operator.inputs))
            for name, kind in zip(operator.outputs, derived, strict=False):
                assert (graph.tensors[name].shape, graph.tensors[name].dtype) == (kind.shape, kind.dtype), operator.name


def test_binary_weights_reach_the_published_size() -> None:
    """32 times smaller than in fp32 (Rastegari et al., XNOR-Net, ECCV 2016, abstract); biases stay."""
    graph = build("alexnet")
    assert graph.weights_bytes / quantize(graph, "binary", "keep").weights_bytes == pytest.approx(32, rel=0.02)


def test_what_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(GraphError, match="layers: 'd' is no convolution or matrix product of network 'three'; known: a, b, c"):
        quantize(three_layers(), layers=("d",))
    with pytest.raises(GraphError, match="operator 'b': its weights are int8; at most as many bits are expected, not fp16"):
        quantize(quantize(three_layers()), "fp16", "int8", layers=("b",))
