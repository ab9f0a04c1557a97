"""Traffic of a network's head depth first: what lies between operators stays near; inputs, weights and outputs always come and go."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from dataflows.carried import held_elements
from hwmodels.reader import load_device
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.schedule import Schedule
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.patches import Stage, stage_to
from workloads.transforms.depth_first import depth_first


@cache
def stage_of(dtype: str) -> Stage:
    """Four convolutions of 64 channels, 96 x 96 to 48 x 48; what follows reads little."""
    net = GraphBuilder("head", dtype=dtype)
    x = net.input((1, 3, 96, 96))
    for number, step in enumerate((1, 1, 1, 2)):
        x = net.conv(x, 64, 3, step, 1, activation="relu", name=f"conv{number}")
    return stage_to(net.finish(net.global_average_pool(x)), x)


def run(device: str, graph: Graph) -> Schedule:
    found = load_device(device)
    return lower(graph, found, layerwise_plan(graph, found))


def moved(schedule: Schedule) -> np.ndarray:
    """DRAM bytes read and written by the stage."""
    work = schedule.work[schedule.plan.unit]
    inside = [i for i, o in enumerate(schedule.graph.operators) if o.name.startswith("conv")]
    return np.asarray(work.traffic[inside, -1].sum(axis=0))


def in_strips(dtype: str, rows: int) -> Graph:
    return depth_first(stage_of(dtype).graph, stage_of(dtype), rows)


def test_a_scratchpad_that_holds_the_strips_reads_inputs_and_weights_once() -> None:
    """Exactly the compulsory bytes in strips of 2 rows; weights once per strip where they find no room; never below."""
    graph = stage_of("int8").graph
    plain = moved(run("gemmini_default", graph))
    inputs, weights = sum(t.bytes for t in graph.inputs), graph.weights_bytes
    output = graph.tensors[stage_of("int8").output].bytes
    found = {rows: moved(run("gemmini_default", in_strips("int8", rows))) for rows in (24, 4, 2)}
    assert found[2].tolist() == [inputs + weights, output]
    assert found[4][1] == output and inputs + weights < found[4][0] < plain[0]
    assert held_elements(in_strips("int8", 4)) <= 256 * 1024 < held_elements(in_strips("int8", 4)) + weights
    assert held_elements(in_strips("int8", 24)) > 256 * 1024 and found[24][1] == plain[1]
    assert (plain > found[2]).all()


@pytest.mark.parametrize("columns", [1, 3])
def test_a_cache_that_holds_the_strips_moves_what_the_caches_lose(columns: int) -> None:
    """Inputs, weights, output in fp32, by the share that the caches lose between two inferences; columns in blocks are read twice."""
    stage = stage_of("fp32")
    schedule = run("raspberry_pi_4", depth_first(stage.graph, stage, 2, columns))
    read, written = moved(schedule)
    work = schedule.work["cpu"]
    network = work.parameters.last_level_bytes
    assert 4 * held_elements(schedule.graph) + stage.graph.weights_bytes <= network
    plain = moved(run("raspberry_pi_4", stage.graph))
    least = sum(t.bytes for t in stage.graph.inputs) + stage.graph.weights_bytes, stage.graph.tensors[stage.output].bytes
    wider = 1.0 if columns == 1 else 1.3
    assert 0.7 * least[0] < read <= least[0] * wider and 0.7 * least[1] < written <= least[1] + 24
    assert read < plain[0] / 20 and written < plain[1] / 20


def test_time_and_energy_follow_the_bytes() -> None:
    graph = in_strips("fp32", 2)
    with_cache, without = run("raspberry_pi_4", graph), run("raspberry_pi_4", replace(graph, settings={}))
    assert moved(with_cache).sum() < moved(without).sum()
    columns = [t for t, term in enumerate(with_cache.work["cpu"].terms) if term.phase == "dram"]
    assert (with_cache.work["cpu"].amounts[:, columns].sum(axis=0) < without.work["cpu"].amounts[:, columns].sum(axis=0)).all()
    assert estimate(with_cache).latency_s < estimate(without).latency_s


def test_other_networks_are_not_touched() -> None:
    graph = stage_of("int8").graph
    changed = run("gemmini_default", graph.replace(settings={**graph.settings, "depth_first": "none"}))
    assert moved(changed).tolist() == moved(run("gemmini_default", graph)).tolist()
