"""What would make a network fit: strategies tried and priced, least need first."""

from __future__ import annotations

from hwmodels.reader import load_device
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from strategies.chosen import read_strategy
from strategies.levers import candidates_for, untried, with_levers
from strategies.problem import Problem
from strategies.strategy import apply_all
from tests.strategies.test_memory_plan import branches
from workloads.readers import load_network


def test_another_order_is_a_lever() -> None:
    # 1600 B in the order of the file, 704 B one branch after the other (test_memory_plan); the chip has 1 KiB.
    device = load_device("nrf52840", {"memories.sram.capacity": "1 KiB"})
    graph = branches()
    found = lower(graph, device, layerwise_plan(graph, device, profile="ideal"))
    (short,) = with_levers(found, found.placement.shortfalls, ["reorder", "no_such_strategy", "reorder:speed=9"])
    lever = next(lever for lever in short.levers if lever.strategy == "reorder")
    assert (short.needed_bytes, lever.needed_bytes) == (1600, 704)
    assert lever.latency_s is not None and lever.latency_s > 0
    assert all(lever.strategy in ("reorder", "in_place:element_wise", "in_place:depthwise") for lever in short.levers)


def test_levers_say_what_a_run_with_them_takes() -> None:
    device = load_device("stm32h743")
    graph = load_network("squeezenet")
    found = lower(graph, device, layerwise_plan(graph, device))
    shorts = with_levers(found, found.placement.shortfalls, ["quantize:dtype=int8", "patch"])
    assert {short.level for short in shorts} >= {"flash"}
    for short in shorts:
        needs = [lever.needed_bytes for lever in short.levers]
        assert needs == sorted(needs) and all(need < short.needed_bytes for need in needs)
        for lever in short.levers:
            if lever.strategy == "quantize:dtype=int8":
                problem = Problem(graph, device, found.plan)
                priced = estimate(apply_all(problem, [read_strategy(lever.strategy)]).schedule())
                assert lever.latency_s == priced.latency_s
                assert lever.needed_bytes == priced.memory[short.level].peak_bytes
                break
        else:
            raise AssertionError("quantising an fp32 network is a lever")


def test_moves_of_large_networks_are_not_searched() -> None:
    device, graph = load_device("stm32h743"), load_network("resnet50")
    found = lower(graph, device, layerwise_plan(graph, device))
    assert not any(recipe.startswith("swap") for recipe in candidates_for(found))
    (said,) = untried(found, found.placement.shortfalls)
    assert "swap:to=sd" in said and "not tried" in said
    assert untried(found, ()) == ()
