"""The closed form equals the events to the picosecond where nothing is shared, and lies within its bounds elsewhere."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodels.catalog import device_names
from hwmodels.device import Device, Link
from hwmodels.reader import load_device
from sim.assignment import nearest_dtype
from sim.check import broken_rules_of_estimate, broken_rules_of_schedule, broken_rules_of_trace
from sim.durations import durations
from sim.errors import ScheduleError
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.schedule import Schedule
from sim.simulation import estimate_of_trace, simulate
from tests.cases import contended, lowered, random_graph, split_placement, toy_device, toy_unit
from workloads.graph import Graph
from workloads.networks import NETWORKS as CATALOGUE
from workloads.networks import build
from workloads.transforms import fold_batch_norm, retype

#: Small and middling networks of every family of operators; one full-size one.
NETWORKS = ("lenet5", "mlperf_tiny_ad", "mlperf_tiny_kws", "mlperf_tiny_ic", "squeezenet", "mobilenet_v2", "resnet50")


@cache
def network(name: str, dtype: str | None) -> Graph:
    graph = fold_batch_norm(build(name))
    return retype(graph, dtype) if dtype else graph


def on_device(name: str, device: Device) -> Schedule:
    graph = network(name, nearest_dtype(device.default_unit, network(name, None)))
    return lower(graph, device, layerwise_plan(graph, device))


@pytest.mark.parametrize("device_name", device_names())
@pytest.mark.parametrize("name", NETWORKS)
def test_equal_on_every_device(name: str, device_name: str) -> None:
    schedule = on_device(name, load_device(device_name))
    spent = durations(schedule)
    trace = simulate(schedule, spent)
    written, played = estimate(schedule, spent=spent), estimate_of_trace(schedule, trace, spent=spent)
    assert round(written.latency_s * 10**12) == trace.makespan_ps
    assert written.latency_s == played.latency_s
    assert written.energy_j == played.energy_j
    assert [row.latency_s for row in written.operators] == [row.latency_s for row in played.operators]
    assert broken_rules_of_schedule(schedule) == []
    assert broken_rules_of_trace(schedule, trace, spent.picoseconds.tolist()) == []
    assert broken_rules_of_estimate(written) == broken_rules_of_estimate(played) == []
    assert all(row.wait_s is not None and row.start_s is not None for row in played.operators)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_equal_for_every_network(name: str) -> None:
    """On one device after the other, passing over those whose runtime lacks an operator of the network."""
    devices, first = device_names(), sorted(CATALOGUE).index(name)
    for place in range(first, first + len(devices)):
        try:
            schedule = on_device(name, load_device(devices[place % len(devices)]))
            break
        except ScheduleError as refused:
            assert "has no such operator" in str(refused)
    spent = durations(schedule)
    assert round(estimate(schedule, spent=spent).latency_s * 10**12) == simulate(schedule, spent).makespan_ps


@given(seed=st.integers(0, 10**6), join=st.sampled_from(["sum", "max"]))
@settings(deadline=None, max_examples=30)
def test_equal_on_one_unit(seed: int, join: str) -> None:
    schedule = lowered(random_graph(np.random.default_rng(seed)), toy_device(toy_unit(join=join)))
    result = estimate(schedule)
    assert simulate(schedule).makespan_ps == round(result.latency_s * 10**12)
    assert result.overlap_s == 0.0


@given(seed=st.integers(0, 10**6), one_at_a_time=st.booleans())
@settings(deadline=None, max_examples=30)
def test_between_the_bounds_where_things_are_shared(seed: int, one_at_a_time: bool) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    units = toy_unit(), toy_unit("enqueued"), toy_unit("far_one", activations_in=("far",)), toy_unit("wide", join="max")
    device = toy_device(*units, links=(Link("bus", "sram", "far", 2e9, 1e-8),))
    placed = split_placement(graph, rng, tuple(unit.name for unit in units))
    ordered = lowered(graph, device, placement=placed, one_at_a_time=one_at_a_time)
    for schedule in (ordered, contended(ordered)):
        spent = durations(schedule)
        trace = simulate(schedule, spent)
        critical_path = round(estimate(schedule, spent=spent).latency_s * 10**12)
        assert max(critical_path, *trace.busy_ps().values()) <= trace.makespan_ps <= int(spent.picoseconds.sum())
    # In a fixed order of execution nobody waits for a resource: the longest path is the whole answer.
    assert simulate(ordered).makespan_ps == round(estimate(ordered).latency_s * 10**12)
