"""Convolutions in parts: the same function, the same MACs, channels that add up."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference.evaluation import evaluated
from workloads.builder import GraphBuilder
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.readers import load_network
from workloads.tables import graph_tables
from workloads.transforms.splitting import split_channels


def two_layers() -> Graph:
    net = GraphBuilder("two", fused_activations=True)
    x = net.conv(net.input((1, 3, 7, 7)), 5, kernel=3, stride=2, padding=1, name="a", activation="relu")
    return net.finish(net.conv(x, 4, kernel=1, name="b"))


@pytest.mark.parametrize(("parts", "share"), [(2, None), (3, None), (2, 0.7)])
def test_the_function_stays(parts: int, share: float | None) -> None:
    graph = two_layers()
    random = np.random.default_rng(2)
    held = {t.name: random.integers(-4, 5, t.shape) for t in graph.tensors.values() if t.role in ("input", "weight")}
    cut = split_channels(graph, parts, share=share)
    for operator in graph.operators:
        start = 0
        for k in range(parts):
            size = cut.tensors[f"{operator.name}.part{k}.weight"].shape[0]
            held[f"{operator.name}.part{k}.weight"] = held[operator.inputs[1]][start : start + size]
            held[f"{operator.name}.part{k}.bias"] = held[operator.inputs[2]][start : start + size]
            start += size
    name = graph.outputs[0].name
    assert np.array_equal(evaluated(cut, held)[name], evaluated(graph, held)[name])


@pytest.mark.parametrize("network", ["squeezenet", "mobilenet_v2", "mlperf_tiny_ic"])
def test_macs_and_weights_stay(network: str) -> None:
    graph = load_network(network)
    cut = split_channels(graph, 2)
    assert graph_tables(cut).operators.macs.sum() == graph_tables(graph).operators.macs.sum()
    assert cut.weights_bytes == graph.weights_bytes


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(GraphError, match="parts: 1; at least 2 are expected"):
        split_channels(two_layers(), 1)
    with pytest.raises(GraphError, match="layers: 'b' cannot be cut in 9"):
        split_channels(two_layers(), 9, ("b",))
