"""Every rewrite keeps the function: both networks on the same random integers, many shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.reference.evaluation import evaluated
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks import build
from workloads.operators import rule_of
from workloads.transforms.substitution import RULES, rewrites


def numbers(graph: Graph, seed: int) -> dict[str, NDArray[Any]]:
    """Small integers for all inputs and constants."""
    random = np.random.default_rng(seed)
    given = [t for t in graph.tensors.values() if t.role in ("input", "weight")]
    return {t.name: random.integers(-4, 5, t.shape).astype(np.int64) for t in given}


def branches(seed: int) -> Graph:
    """A cell with siblings of several kernels, a concatenation, chains of 1x1 convolutions, transposes that cancel."""
    random = np.random.default_rng(seed)
    channels, side, fused = int(random.integers(1, 5)), int(random.integers(5, 9)), bool(random.integers(2))
    net = GraphBuilder("cell", fused_activations=fused)
    x = net.input((int(random.integers(1, 3)), channels, side, side))
    stride, ending = int(random.integers(1, 3)), ("relu" if random.integers(2) else None)
    bias = bool(random.integers(2))
    made = [
        net.conv(
            x, int(random.integers(1, 5)), kernel=k, stride=stride, padding=k // 2, bias=bias, activation=ending, name=f"k{k}{n}"
        )
        for n, k in enumerate((1, 3, 5, 3))
    ]
    y = net.add("Concat", made, name="joined", axis=1)
    y = net.conv(y, 3, kernel=3, padding=1, name="after", activation="relu" if random.integers(2) else None)
    y = net.conv(net.conv(y, 4, kernel=1, name="inner", bias=bias), 2, kernel=1, name="outer", stride=1)
    y = net.add("Transpose", net.add("Transpose", y, name="t1", perm=(0, 2, 3, 1)), name="t2", perm=(0, 3, 1, 2))
    return net.finish(net.add("Relu", y, name="end"))


@pytest.mark.parametrize("seed", range(30))
def test_every_rewrite_of_random_cells_keeps_the_function(seed: int) -> None:
    graph = branches(seed)
    given = numbers(graph, seed)
    before = evaluated(graph, given)
    frontier, rules = [(graph, given)], set()
    for _ in range(2):
        following = []
        for at, held in frontier[:6]:
            for rewrite in rewrites(at):
                values = {**held, **{name: recipe(held) for name, recipe in rewrite.recipes.items()}}
                after = evaluated(rewrite.graph, values)
                assert before.keys() == after.keys(), rewrite.rule
                for name, expected in before.items():
                    assert np.array_equal(after[name], expected), (rewrite.rule, rewrite.where)
                for tensor in rewrite.graph.tensors.values():
                    if tensor.role == "weight":
                        assert values[tensor.name].shape == tensor.shape
                rules.add(rewrite.rule)
                following.append((rewrite.graph, values))
        frontier = following[::5]
    assert {"merge_siblings", "distribute_over_concat", "compose_pointwise", "cancel_transposes"} <= rules


def test_chains_of_rewrites_keep_the_function() -> None:
    """Merge, activate before the split, cancel the split: a fire module becomes one convolution."""
    net = GraphBuilder("fire")
    x = net.input((1, 4, 6, 6))
    parts = [net.conv(x, 3, kernel=k, padding=k // 2, activation="relu", name=f"e{k}") for k in (1, 3)]
    graph = net.finish(net.add("Relu", net.add("Concat", parts, name="both", axis=1), name="end"))
    held = numbers(graph, 1)
    before = evaluated(graph, held)
    for rule in ("merge_siblings", "activate_before_split", "cancel_split"):
        rewrite = next(r for r in rewrites(graph) if r.rule == rule)
        held = {**held, **{name: recipe(held) for name, recipe in rewrite.recipes.items()}}
        graph = rewrite.graph
        assert np.array_equal(evaluated(graph, held)[graph.outputs[0].name], before[graph.outputs[0].name])
    assert [operator.op for operator in graph.operators] == ["Conv", "Relu", "Relu"]


@pytest.mark.parametrize("network", ["squeezenet", "googlenet", "resnet18"])
def test_rewrites_of_networks_keep_inputs_outputs_and_rules(network: str) -> None:
    graph = build(network)
    for rewrite in list(rewrites(graph))[:40]:
        assert [(t.name, t.shape, t.dtype) for t in rewrite.graph.outputs] == [(t.name, t.shape, t.dtype) for t in graph.outputs]
        assert [(t.name, t.shape, t.dtype) for t in rewrite.graph.inputs] == [(t.name, t.shape, t.dtype) for t in graph.inputs]
        for operator in rewrite.graph.operators:
            derived = rule_of(operator).output_types(operator, rewrite.graph.tensors_of(operator.inputs))
            assert tuple(kind.shape for kind in derived) == tuple(rewrite.graph.tensors[name].shape for name in operator.outputs)


def test_every_rule_is_met_by_some_network() -> None:
    met = {rewrite.rule for seed in range(6) for rewrite in rewrites(branches(seed))}
    assert met | {"cancel_split", "activate_before_split"} == set(RULES)
