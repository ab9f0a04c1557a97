"""Cost-directed rewriting: never worse than the start, and worth different things on different devices."""

from __future__ import annotations

import pytest

from hwmodels.reader import load_device
from sim.lower import layerwise_plan
from strategies.chosen import read_strategy
from strategies.problem import Problem
from strategies.rewritten import search_rewrites, signature
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.readers import load_network
from workloads.tables import graph_tables


def problem(graph: Graph, device: str) -> Problem:
    board = load_device(device)
    return Problem(graph, board, layerwise_plan(graph, board))


def two_kernels(side: int = 14) -> Graph:
    """3x3 and 5x5 convolutions of one tensor, joined again, as in an Inception module."""
    net = GraphBuilder("two_kernels", fused_activations=True)
    x = net.input((1, 32, side, side))
    parts = [net.conv(x, 32, kernel=k, padding=k // 2, activation="relu", name=f"k{k}") for k in (3, 5)]
    return net.finish(net.conv(net.add("Concat", parts, name="both", axis=1), 32, kernel=1, name="end"))


def macs_of(graph: Graph) -> int:
    return int(graph_tables(graph).operators.macs.sum())


def test_the_merge_of_two_kernels_pays_on_one_device_and_not_on_another() -> None:
    """The 3x3 filters get a rim of zeros: more multiply-accumulates, fewer starts. A GPU waits for starts, a small core for MACs."""
    gains = {}
    for device in ("rtx_3090", "raspberry_pi_4", "stm32h743"):
        start = problem(two_kernels(), device)
        done = read_strategy("rewrite:rules=merge_siblings+cancel_split").apply(start)
        gains[device] = start.estimate().latency_s / done.estimate().latency_s
        merged = macs_of(done.graph) > macs_of(start.graph)
        assert merged == (gains[device] > 1.0)
    assert gains["rtx_3090"] > 1.02
    assert gains["raspberry_pi_4"] == gains["stm32h743"] == 1.0


@pytest.mark.parametrize("device", ["raspberry_pi_4", "stm32h743"])
@pytest.mark.parametrize("network", ["squeezenet", "googlenet", "mlperf_tiny_ic"])
def test_never_worse_than_the_start(network: str, device: str) -> None:
    start = problem(load_network(network), device)
    costs = [start.estimate().latency_s]
    for most in (10, 40):
        done = read_strategy(f"rewrite:most={most}").apply(start)
        costs.append(done.estimate().latency_s)
    assert costs == sorted(costs, reverse=True)


def test_the_objective_decides() -> None:
    """Distributing a convolution over a concatenation lowers the peak (Ahn et al., MLSys 2020): parts need not wait for each other."""
    net = GraphBuilder("wide", fused_activations=True)
    x = net.input((1, 4, 16, 16))
    parts = [
        net.conv(net.conv(x, 4, kernel=1, name=f"a{k}"), 64, kernel=3, padding=1, activation="relu", name=f"b{k}") for k in range(3)
    ]
    graph = net.finish(net.conv(net.add("Concat", parts, name="both", axis=1), 8, kernel=1, name="end"))
    start = problem(graph, "stm32h743").replace(objective="peak")
    done = read_strategy("rewrite:rules=distribute_over_concat").apply(start)
    assert "distribute_over_concat" in done.steps[-1].changed
    ordered = read_strategy("reorder").apply(done)
    assert ordered.estimate().activations_peak_bytes < 0.6 * read_strategy("reorder").apply(start).estimate().activations_peak_bytes


def test_equal_networks_share_a_signature() -> None:
    graph = two_kernels()
    renamed = graph.replace(
        operators=[type(o)(f"x_{o.name}", o.op, o.inputs, o.outputs, o.attributes) for o in graph.operators]
    )  # fmt: skip
    assert signature(renamed) == signature(graph)
    assert signature(two_kernels(16)) != signature(graph)


def test_a_relaxed_search_goes_through_costlier_networks() -> None:
    """With the number of operators as cost, the merge (one more) must be gone through before the activations and the split cancel."""
    net = GraphBuilder("fire")
    x = net.input((1, 4, 6, 6))
    parts = [net.conv(x, 3, kernel=k, padding=k // 2, activation="relu", name=f"e{k}") for k in (1, 3)]
    graph = net.finish(net.add("Relu", net.add("Concat", parts, name="both", axis=1), name="end"))
    strict = search_rewrites(graph, lambda g: float(len(g)), relaxed=1.0)
    relaxed = search_rewrites(graph, lambda g: float(len(g)), relaxed=1.5)
    assert len(relaxed.graph) == 3
    assert relaxed.cost <= strict.cost
