"""Filters taken out with everything that follows them; zeros by pattern."""

from __future__ import annotations

import pytest

from workloads.builder import GraphBuilder
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.networks import build
from workloads.operators import rule_of
from workloads.readers import load_network
from workloads.tables import graph_tables
from workloads.transforms import code_weights, prune_filters, prune_weights


def shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Shape of what each operator writes."""
    return {operator.name: graph.tensors[operator.outputs[0]].shape for operator in graph.operators}


def macs_of(graph: Graph) -> int:
    return int(graph_tables(graph).operators.macs.sum())


def test_shapes_follow_through_additions_concatenations_and_flattening() -> None:
    net = GraphBuilder("ties")
    x = net.conv(net.input((1, 3, 8, 8)), 16, kernel=3, padding=1, name="stem")
    y = net.conv(x, 16, kernel=1, name="branch")
    x = net.add("Add", (x, y), name="sum")
    x = net.depthwise(x, kernel=3, padding=1, name="own") if hasattr(net, "depthwise") else x
    z = net.conv(x, 8, kernel=1, name="side")
    x = net.add("Concat", (x, z), name="both", axis=1)
    x = net.linear(net.flatten(x), 10, name="head")
    graph = net.finish(x)
    half = prune_filters(graph, 0.5)
    found = shapes(half)
    assert found["stem"] == found["branch"] == found["sum"] == (1, 8, 8, 8)
    assert found["side"] == (1, 4, 8, 8)
    assert found["both"] == (1, 12, 8, 8)
    # 12 channels of 64 pixels go into the head, whose outputs are the network's and stay.
    assert half.tensors[half.operator("head").inputs[1]].shape in ((10, 768), (768, 10))
    assert found["head"] == (1, 10)


@pytest.mark.parametrize("network", ["alexnet", "resnet50", "mobilenet_v2", "densenet121", "squeezenet", "mobilenet_v3_small",
                                     "shufflenet_v2", "mlperf_tiny_vww", "vit_tiny"])  # fmt: skip
def test_whole_networks_shrink_and_keep_their_rules(network: str) -> None:
    graph = load_network(network)
    before, bytes_before = macs_of(graph), graph.weights_bytes
    for share, multiple in ((0.0, 1), (0.3, 8), (0.75, 1)):
        smaller = prune_filters(graph, share, multiple)
        assert [t.shape for t in smaller.outputs] == [t.shape for t in graph.outputs]
        assert [t.shape for t in smaller.inputs] == [t.shape for t in graph.inputs]
        assert macs_of(smaller) <= before and smaller.weights_bytes <= bytes_before
        assert (macs_of(smaller) < before) == (share > 0)
        for operator in smaller.operators:
            derived = rule_of(operator).output_types(operator, smaller.tensors_of(operator.inputs))
            for name, kind in zip(operator.outputs, derived, strict=False):
                assert not name or smaller.tensors[name].shape == kind.shape


def test_channels_that_stay_are_a_multiple() -> None:
    smaller = prune_filters(build("resnet18"), 0.3, 8)
    assert all(shape[1] % 8 == 0 for name, shape in shapes(smaller).items() if smaller.operator(name).op == "Conv")


def test_one_layer_alone() -> None:
    graph = load_network("squeezenet")
    smaller = prune_filters(graph, 0.5, layers=("fire2.squeeze1x1",))
    changed = [name for name, shape in shapes(smaller).items() if shapes(graph)[name] != shape]
    assert changed and all(name.startswith("fire2.squeeze1x1") or "relu" in name.lower() for name in changed)
    with pytest.raises(GraphError, match="layers: 'fire2.squeeze' is no convolution"):
        prune_filters(graph, 0.5, layers=("fire2.squeeze",))


def test_zeros_change_neither_shapes_nor_bytes_until_they_are_coded() -> None:
    graph = load_network("resnet18")
    sparse = prune_weights(graph, 0.9)
    assert shapes(sparse) == shapes(graph) and macs_of(sparse) == macs_of(graph) and sparse.weights_bytes == graph.weights_bytes
    coded = code_weights(sparse)
    # 11.7 million weights, one in ten with 32 bits and about 4 bits to find it, biases of 4.8 thousand channels.
    assert coded.weights_bytes == pytest.approx(11_678_912 * 0.1 * 36 / 8 + 4 * 5800, rel=0.01)


def test_shared_values_reach_the_published_size() -> None:
    """Deep Compression, table 1: AlexNet 240 MB to 6.9 MB, 35 times; its fully connected layers keep 9 % with 5-bit indices."""
    graph = load_network("alexnet")
    sparse = prune_weights(graph, 0.89)
    coded = code_weights(sparse, "run_length", values=32)
    assert graph.weights_bytes / coded.weights_bytes == pytest.approx(35, rel=0.15)
