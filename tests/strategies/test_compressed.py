"""What compression is worth, and where it is worth nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwmodels.device import Device
from hwmodels.reader import load_device
from sim.lower import layerwise_plan
from strategies.chosen import read_strategy
from strategies.errors import StrategyError
from strategies.problem import Problem
from strategies.strategy import apply_all
from workloads.graph import Graph
from workloads.readers import load_network


def problem(graph: Graph, device: Device) -> Problem:
    return Problem(graph, device, layerwise_plan(graph, device))


def after(start: Problem, *specs: str) -> Problem:
    return apply_all(start, [read_strategy(spec) for spec in specs])


def skipping(device: Device, *patterns: str) -> Device:
    """The device, its default unit leaving out products with zeros in these patterns."""
    unit = replace(device.default_unit, skips=patterns)
    return replace(device, units={**device.units, unit.name: unit})


@pytest.mark.parametrize("name", ["raspberry_pi_4", "stm32h743", "a100", "eyeriss_v1", "systolic_32x32"])
def test_unstructured_zeros_gain_no_time_without_hardware_for_them(name: str) -> None:
    start = problem(load_network("squeezenet"), load_device(name))
    sparse = after(start, "prune:pattern=unstructured,share=90%")
    assert sparse.estimate().latency_s == start.estimate().latency_s
    assert sparse.estimate().energy_j == start.estimate().energy_j
    filters = after(start, "prune:pattern=filter,share=50%")
    # The host of a large GPU hands kernels over no faster for being smaller.
    assert filters.estimate().latency_s < start.estimate().latency_s or name == "a100"


@pytest.mark.parametrize("name", ["a100", "eyeriss_v1", "systolic_32x32"])
def test_units_gain_where_they_skip_the_pattern(name: str) -> None:
    device = load_device(name)
    graph = load_network("vgg16")
    sparse = after(problem(graph, skipping(device, "2:4")), "prune:pattern=2:4")
    assert sparse.estimate().latency_s < problem(graph, device).estimate().latency_s
    other = after(problem(graph, skipping(device, "2:4")), "prune:pattern=unstructured,share=50%")
    assert other.estimate().latency_s == problem(graph, device).estimate().latency_s
    any_zero = after(problem(graph, skipping(device, "unstructured")), "prune:pattern=unstructured,share=90%")
    assert any_zero.estimate().latency_s <= sparse.estimate().latency_s


def test_coding_comes_last_and_shrinks_flash() -> None:
    start = problem(load_network("mlperf_tiny_kws"), load_device("stm32h743"))
    coded = after(start, "prune:pattern=unstructured,share=80%", "code")
    assert coded.estimate().weights_bytes < 0.4 * start.estimate().weights_bytes
    with pytest.raises(StrategyError, match="strategy 'prune': 'code' speaks of the network"):
        after(start, "code", "prune")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("prune:pattern=4:2", "strategy 'prune': pattern=4:2; filter, unstructured, block, or n:m"),
        ("prune:layers=nothing", "strategy 'prune': layers: 'nothing' is no convolution"),
        ("low_rank:layers=nothing", "strategy 'low_rank': layers: 'nothing'"),
        ("substitute:layers=nothing", "strategy 'substitute': layers: 'nothing'"),
        ("code:mean_bits=2", "strategy 'code': mean_bits is the length of an index; values=N must be given"),
        ("quantize:layers=nothing", "strategy 'quantize': layers: 'nothing'"),
    ],
)
def test_what_cannot_be_applied_says_why(spec: str, said: str) -> None:
    with pytest.raises(StrategyError) as refused:
        after(problem(load_network("lenet5"), load_device("raspberry_pi_4")), spec)
    assert str(refused.value).startswith(said)


def test_narrow_groups_suit_a_cpu_and_not_a_gpu() -> None:
    """Depthwise separable layers do a fraction of the MACs; a GPU turns little of that into time."""
    graph = load_network("resnet18")
    gains = {}
    for name in ("raspberry_pi_4", "a100"):
        start = problem(graph, load_device(name))
        gains[name] = start.estimate().latency_s / after(start, "substitute").estimate().latency_s
    assert gains["raspberry_pi_4"] > 2 * gains["a100"]


def test_a_quantised_network_can_only_become_narrower() -> None:
    start = problem(load_network("mlperf_tiny_ic"), load_device("stm32h743"))
    with pytest.raises(StrategyError, match="it is quantised already, narrower types are expected"):
        after(start, "quantize:dtype=int16")
    same = after(start, "quantize:dtype=int8")
    assert same.graph is start.graph and "nothing is changed" in same.steps[-1].changed
    narrow = after(start, "quantize:weights=int4")
    assert len(narrow.graph) == len(start.graph)
    assert narrow.graph.weights_bytes < 0.6 * start.graph.weights_bytes
    assert narrow.estimate().activations_peak_bytes == start.estimate().activations_peak_bytes
