"""Exits and blocks left out: mean, tail and worst case against runs that are drawn, and against networks that are cut."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from hwmodels.reader import load_device
from sim.durations import PICOSECONDS
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.paths import latencies, paths_of, quantile, with_paths
from sim.results import Estimate
from sim.simulation import estimate_of_trace, simulate
from strategies.chosen import read_strategy
from strategies.errors import StrategyError
from strategies.problem import Problem
from strategies.strategy import apply_all
from workloads.graph import Graph
from workloads.networks import build
from workloads.readers import load_network
from workloads.transforms.early_exits import add_exit, residual_blocks, skip_blocks


def played(graph: Graph, device: str = "raspberry_pi_4") -> Estimate:
    """The estimate of the event simulation."""
    board = load_device(device)
    schedule = lower(graph, board, layerwise_plan(graph, board))
    return estimate_of_trace(schedule, simulate(schedule))


def drawn(answer: Estimate, settings: dict[str, tuple[tuple[object, float], ...]], runs: int) -> list[float]:
    """Lengths of inferences that are drawn one by one."""
    random = np.random.default_rng(3)
    place = {row.name: i for i, row in enumerate(answer.operators)}
    lengths = []
    for _ in range(runs):
        left_out = {name for names, p in settings.get("skips", ()) if random.random() < p for name in names}  # type: ignore[attr-defined]
        stop = len(answer.operators) - 1
        for name, p in settings.get("exits", ()):
            if random.random() < p:
                stop = place[name]  # type: ignore[index]
                break
        lengths.append(math.fsum(row.latency_s for row in answer.operators[: stop + 1] if row.name not in left_out))
    return lengths


def test_a_run_to_an_exit_takes_as_long_as_the_network_cut_there() -> None:
    graph = add_exit(build("squeezenet"), "fire4.concat", 0.4)
    last = graph.settings["exits"][0][0]
    place = [operator.name for operator in graph.operators].index(last)
    kept = graph.operators[: place + 1]
    used = {name for operator in kept for name in (*operator.inputs, *operator.outputs)}
    cut = graph.replace(operators=kept, tensors=[t for t in graph.tensors.values() if t.name in used], settings={})
    answer = played(graph)
    assert paths_of(answer, graph.settings)[0].latency_s == pytest.approx(played(cut).latency_s, rel=0.02)


def test_mean_tail_and_worst_case_are_those_of_drawn_inferences() -> None:
    graph = skip_blocks(add_exit(build("resnet18"), "layer2.0.add.relu", 0.3), 0.25)
    answer = with_paths(played(graph), graph)
    lengths = drawn(answer, dict(graph.settings), 20_000)
    assert answer.extra["latency_mean_s"] == pytest.approx(np.mean(lengths), rel=0.01)
    assert answer.extra["latency_p95_s"] == pytest.approx(np.quantile(lengths, 0.95), rel=0.02)
    assert answer.extra["latency_worst_s"] == pytest.approx(answer.latency_s)
    assert answer.extra["latency_mean_s"] < answer.extra["latency_p95_s"] <= answer.extra["latency_worst_s"]
    assert answer.extra["energy_mean_j"] < answer.energy_j
    assert math.fsum(p["probability"] for p in answer.extra["paths"]) == pytest.approx(1.0)


def test_all_subsets_of_blocks_are_counted() -> None:
    graph = skip_blocks(build("resnet18"), 0.25)
    answer = played(graph)
    time = {row.name: round(row.latency_s * PICOSECONDS) for row in answer.operators}
    saved = [sum(time[name] for name in names) for names, _ in graph.settings["skips"]]
    total = sum(time.values())
    expected: dict[int, float] = {}
    for subset in itertools.product((0, 1), repeat=len(saved)):
        length = total - sum(s for s, gone in zip(saved, subset, strict=True) if gone)
        expected[length] = expected.get(length, 0.0) + math.prod(0.25 if gone else 0.75 for gone in subset)
    found = latencies(answer, graph.settings)
    assert found == pytest.approx(expected)
    assert quantile(found, 0.5) == quantile(expected, 0.5)


def test_residual_blocks_have_plain_shortcuts() -> None:
    assert len(residual_blocks(load_network("mobilenet_v2"))) == 10
    assert len(residual_blocks(load_network("resnet50"))) == 12
    assert residual_blocks(load_network("vgg16")) == {}


def test_probabilities_of_none_and_all() -> None:
    graph = build("squeezenet")
    never = add_exit(graph, "fire4.concat", 0.0)
    always = add_exit(graph, "fire4.concat", 1.0)
    assert with_paths(played(never), never).extra["latency_mean_s"] == pytest.approx(played(never).latency_s)
    answer = with_paths(played(always), always)
    assert answer.extra["latency_mean_s"] == answer.extra["latency_worst_s"] == pytest.approx(answer.extra["paths"][0]["latency_s"])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("exit:after=fire4,probability=0.3", "strategy 'exit': after: 'fire4' is not an operator of network 'squeezenet'"),
        ("exit:after=fire4.concat", "strategy 'exit': probability is missing"),
        ("skip:probability=0.3", "strategy 'skip': blocks: network 'squeezenet' has no residual block"),
    ],
)
def test_what_cannot_be_says_why(spec: str, said: str) -> None:
    board = load_device("raspberry_pi_4")
    graph = build("squeezenet")
    with pytest.raises(StrategyError) as refused:
        apply_all(Problem(graph, board, layerwise_plan(graph, board)), [read_strategy(spec)])
    assert str(refused.value).startswith(said)


def test_closed_form_and_events_agree() -> None:
    graph = add_exit(build("squeezenet"), "fire4.concat", 0.4)
    board = load_device("raspberry_pi_4")
    closed = with_paths(estimate(lower(graph, board, layerwise_plan(graph, board))), graph)
    assert closed.extra["latency_mean_s"] == pytest.approx(with_paths(played(graph), graph).extra["latency_mean_s"])
