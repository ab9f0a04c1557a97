"""Laws that every estimate obeys."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodels.catalog import device_names
from hwmodels.device import CpuUnit, Device, GpuUnit
from hwmodels.reader import load_device
from sim.assignment import nearest_dtype
from sim.batch import batch_estimates
from sim.estimate import estimate
from sim.export import trace_events
from sim.lower import layerwise_plan, lower
from sim.schedule import Schedule
from sim.simulation import simulate
from tests.cases import lowered, random_graph, toy_device, toy_unit
from workloads.graph import Graph
from workloads.networks import build
from workloads.transforms import retype

SEEDS = st.integers(0, 10**6)
DEVICES = st.sampled_from(device_names())
FEW = settings(deadline=None, max_examples=12)


def on(graph: Graph, device: Device) -> Schedule:
    dtype = nearest_dtype(device.default_unit, graph)
    typed = retype(graph, dtype) if dtype else graph
    return lower(typed, device, layerwise_plan(typed, device))


def drawn(seed: int, **options: object) -> Graph:
    return random_graph(np.random.default_rng(seed), 6, **options)  # type: ignore[arg-type]


@given(seed=SEEDS, name=DEVICES)
@FEW
def test_parts_sum_to_the_whole(seed: int, name: str) -> None:
    result = estimate(on(drawn(seed), load_device(name)))
    assert sum(row.latency_s for row in result.operators) - result.overlap_s == pytest.approx(result.latency_s, rel=1e-12)
    assert sum(row.macs for row in result.operators) == result.macs
    for use in result.memory.values():
        assert use.peak_bytes == use.weights_bytes + use.activations_bytes + use.overhead_bytes
    assert sum(use.weights_bytes for use in result.memory.values()) == result.weights_bytes
    for row in result.operators:
        assert row.energy_j is None or row.energy_j >= 0
        assert all(read >= 0 and written >= 0 for read, written in row.bytes.values())


@given(seed=SEEDS, name=DEVICES)
@FEW
def test_equal_input_gives_equal_bytes(seed: int, name: str) -> None:
    def text() -> str:
        schedule = on(drawn(seed), load_device(name))
        return repr(estimate(schedule)) + json.dumps(trace_events(schedule, simulate(schedule)))

    assert text() == text()


@given(seed=SEEDS, name=DEVICES)
@FEW
def test_names_change_nothing(seed: int, name: str) -> None:
    device = load_device(name)
    plain, renamed = (estimate(on(drawn(seed, prefix=prefix), device)) for prefix in ("", "other_"))
    assert plain.latency_s == renamed.latency_s
    assert plain.energy_j == renamed.energy_j
    assert plain.memory == renamed.memory
    assert [row.phases for row in plain.operators] == [row.phases for row in renamed.operators]


@given(seed=SEEDS)
@FEW
def test_twice_the_batch_is_twice_the_macs(seed: int) -> None:
    one, two = (lowered(drawn(seed, batch=batch), toy_device(), batch=batch) for batch in (1, 2))
    assert estimate(two).macs == 2 * estimate(one).macs
    assert two.placement.activations_peak_bytes == 2 * one.placement.activations_peak_bytes
    assert estimate(two).weights_bytes == estimate(one).weights_bytes


@pytest.mark.parametrize("name", device_names())
def test_a_larger_batch_is_never_faster(name: str) -> None:
    device = load_device(name)
    one, four = (estimate(on(build("mlperf_tiny_ic", batch=batch), device)) for batch in (1, 4))
    assert four.macs == 4 * one.macs
    assert one.latency_s <= four.latency_s <= 4.5 * one.latency_s


def faster(device: Device, **factors: float) -> Device:
    """The device with rates of its default unit multiplied."""
    unit = device.default_unit
    changed = replace(unit, **{field: getattr(unit, field) * factor for field, factor in factors.items()})
    return replace(device, units={**device.units, unit.name: changed})


@given(seed=SEEDS, name=DEVICES, factor=st.floats(1.0, 8.0))
@FEW
def test_a_higher_rate_or_a_larger_cache_is_never_slower(seed: int, name: str, factor: float) -> None:
    device = load_device(name)
    fields = ["frequency_hz"]
    if isinstance(device.default_unit, CpuUnit | GpuUnit):
        fields.append("dram_bandwidth_bytes_per_s")
    if isinstance(device.default_unit, CpuUnit):
        fields += ["l2_bytes", "last_level_bytes"]
    base = estimate(on(drawn(seed), device)).latency_s
    for field in fields:
        assert estimate(on(drawn(seed), faster(device, **{field: factor}))).latency_s <= base * (1 + 1e-9)


@given(seed=SEEDS, sram=st.integers(100, 20_000), more=st.integers(0, 20_000))
@FEW
def test_more_capacity_never_fits_worse(seed: int, sram: int, more: int) -> None:
    graph = drawn(seed)
    small, large = (lowered(graph, toy_device(sram=size)).placement for size in (sram, sram + more))
    assert not (small.shortfalls == () and large.shortfalls)
    if small.shortfalls and large.shortfalls:
        assert large.shortfalls[0].missing_bytes == small.shortfalls[0].missing_bytes - more


@given(seed=SEEDS)
@FEW
def test_sharing_never_costs_memory(seed: int) -> None:
    graph = drawn(seed)
    plain, fusing = (lowered(graph, toy_device(toy_unit(name))).placement for name in ("core", "fusing"))
    assert fusing.activations_peak_bytes <= plain.activations_peak_bytes
    assert graph.weights_bytes == plain.memory["flash"].weights_bytes


@given(seed=SEEDS, factors=st.lists(st.floats(1.0, 4.0), min_size=2, max_size=5))
@FEW
def test_batches_are_monotone_too(seed: int, factors: list[float]) -> None:
    device = load_device("raspberry_pi_4")
    found = batch_estimates(on(drawn(seed), device), {"frequency_hz": 1e9 * np.sort(factors)})
    assert np.all(np.diff(found.latency_ps) <= 0)
    assert np.all(found.energy_j > 0)
