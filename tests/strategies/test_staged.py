"""Branches side by side: never slower, gains on branching networks, nothing where the host or a single core holds things up."""

from __future__ import annotations

import pytest

from hwmodels.reader import load_device
from sim.check import broken_rules_of_schedule
from sim.lower import layerwise_plan
from sim.simulation import simulate
from strategies.chosen import read_strategy
from strategies.errors import StrategyError
from strategies.problem import Problem
from strategies.staged import STAGES, blocks_of
from workloads.readers import load_network


def problem(network: str, device: str, threads: int | None = None) -> Problem:
    board = load_device(device)
    graph = load_network(network)
    return Problem(graph, board, layerwise_plan(graph, board, threads=threads))


@pytest.mark.parametrize("device", ["raspberry_pi_4", "jetson_nano"])
def test_branching_networks_gain_and_macs_stay(device: str) -> None:
    """Ding et al., MLSys 2021: 1.1 to 1.5 times on branching networks."""
    start = problem("googlenet", device)
    done = STAGES.apply(start)
    assert 1.05 < start.estimate().latency_s / done.estimate().latency_s < 1.5
    assert done.estimate().macs == start.estimate().macs
    schedule = done.schedule()
    assert not broken_rules_of_schedule(schedule)
    assert simulate(schedule).makespan_ps == round(done.estimate().latency_s * 1e12)
    assert done.estimate().latency_interval_s is None
    assert all(0 < share <= 1 for share in done.plan.side_by_side.values())


@pytest.mark.parametrize("network", ["mobilenet_v1", "vgg16"])
def test_chains_gain_nothing(network: str) -> None:
    start = problem(network, "raspberry_pi_4")
    assert STAGES.apply(start).estimate().latency_s == start.estimate().latency_s


def test_a_large_gpu_waits_for_its_host() -> None:
    start = problem("squeezenet", "rtx_3090")
    assert STAGES.apply(start).estimate().latency_s == start.estimate().latency_s


def test_blocks_are_cut_where_one_tensor_lives_on() -> None:
    graph = load_network("squeezenet")
    blocks = blocks_of(graph)
    assert [i for block in blocks for i in block] == list(range(len(graph)))
    assert max(len(block) for block in blocks) == 5  # two expansions, their activations, the concatenation


def test_one_core_runs_one_operator_at_a_time() -> None:
    for device, threads in (("stm32h743", None), ("raspberry_pi_4", 1), ("eyeriss_v1", None)):
        with pytest.raises(StrategyError, match="strategy 'stages': unit '.*' runs one operator at a time"):
            read_strategy("stages").apply(problem("squeezenet", device, threads))
