"""Operators over the units of one chip: never slower, valid, overlapping; and what stays where it is."""

from __future__ import annotations

import math

import pytest

from hwmodels.reader import load_device
from sim.check import broken_rules_of_schedule
from sim.lower import layerwise_plan
from sim.simulation import simulate
from strategies.chosen import read_strategy
from strategies.errors import StrategyError
from strategies.placed import HEAVY, PLACE, seconds_on
from strategies.problem import Problem
from workloads.readers import load_network


def problem(network: str, device: str) -> Problem:
    board = load_device(device)
    graph = load_network(network)
    return Problem(graph, board, layerwise_plan(graph, board))


@pytest.mark.parametrize(
    ("network", "device"), [("googlenet", "eyeriss_v1"), ("squeezenet", "ethos_u85_256"), ("squeezenet", "jetson_nano")]
)
def test_never_slower_and_valid(network: str, device: str) -> None:
    start = problem(network, device)
    done = PLACE.apply(start)
    schedule = done.schedule()
    assert done.estimate().latency_s <= start.estimate().latency_s
    assert done.estimate().macs == start.estimate().macs
    assert not broken_rules_of_schedule(schedule)
    assert done.plan == PLACE.apply(start).plan


def test_branches_overlap_on_an_array_and_its_helper() -> None:
    """Pools and activations of GoogLeNet run on the vector unit while the array goes on with another branch."""
    done = PLACE.apply(problem("googlenet", "eyeriss_v1"))
    answer = done.estimate()
    assert answer.overlap_s > 0
    assert {row.unit for row in answer.operators} == {"array", "vector"}
    assert all(row.unit == "array" for row in answer.operators if row.kind in HEAVY)


def test_the_simulation_agrees_that_units_overlap() -> None:
    start = problem("squeezenet", "ethos_u85_256")
    schedule = PLACE.apply(start).schedule()
    trace = simulate(schedule)
    assert trace.makespan_ps <= simulate(start.schedule()).makespan_ps


def test_what_a_unit_cannot_run_takes_forever() -> None:
    start = problem("squeezenet", "eyeriss_v1")
    on_array = seconds_on(start, start.runnable, "array")
    pools = [i for i, o in enumerate(start.runnable.operators) if o.op in ("GlobalAveragePool", "Softmax", "Concat")]
    assert pools and all(math.isinf(on_array[i]) for i in pools)


@pytest.mark.parametrize(
    ("device", "spec", "said"),
    [
        ("raspberry_pi_4", "place", "strategy 'place': raspberry_pi_4 has the unit 'cpu' alone"),
        ("eyeriss_v1", "place:units=array+gpu", "strategy 'place': unit 'gpu' is not one of eyeriss_v1"),
    ],
)
def test_what_cannot_be_placed_says_why(device: str, spec: str, said: str) -> None:
    with pytest.raises(StrategyError) as refused:
        read_strategy(spec).apply(problem("lenet5", device))
    assert str(refused.value).startswith(said)
