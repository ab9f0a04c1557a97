"""Whole-network estimates per second: one loaded network, many candidate units, every term evaluated anew for each."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from hwmodels.reader import load_device
from sim.batch import batch_estimates
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.schedule import Schedule
from workloads.networks import build
from workloads.transforms import fold_batch_norm, retype

CANDIDATES = 2000

CASES = {
    "raspberry_pi_4": ("fp32", {"frequency_hz": (0.6e9, 2.4e9), "dram_bandwidth_bytes_per_s": (4e9, 30e9)}),
    "jetson_nano": ("fp16", {"matrix_flop_per_s": (1e11, 1e12), "stream_bytes_per_s": (10e9, 60e9)}),
    "stm32h743": ("int8", {"frequency_hz": (64e6, 480e6)}),
}


def schedule_of(device_name: str, dtype: str) -> Schedule:
    graph = fold_batch_norm(build("mobilenet_v2"))
    graph = graph if dtype == "fp32" else retype(graph, dtype)
    device = load_device(device_name)
    return lower(graph, device, layerwise_plan(graph, device))


@pytest.mark.parametrize("device_name", CASES)
def test_mobilenet_v2_estimates_per_second(benchmark: Any, device_name: str) -> None:
    dtype, ranges = CASES[device_name]
    schedule = schedule_of(device_name, dtype)
    draw = np.random.default_rng(1)
    fields = next(iter(schedule.work.values())).parameters._fields
    columns = {name: draw.uniform(low, high, CANDIDATES) for name, (low, high) in ranges.items() if name in fields}
    assert columns, fields
    started = time.perf_counter()
    found = batch_estimates(schedule, columns)
    first = time.perf_counter() - started
    sample = draw.choice(CANDIDATES, 5, replace=False)
    twin = batch_estimates(schedule, {name: column[sample] for name, column in columns.items()}, compiled=False)
    assert np.array_equal(found.latency_ps[sample], twin.latency_ps)
    assert np.array_equal(found.traffic[sample], twin.traffic)
    assert np.array_equal(found.activations_peak_bytes[sample], twin.activations_peak_bytes)
    np.testing.assert_array_equal(found.energy_j[sample], twin.energy_j)
    alone = batch_estimates(schedule, {})
    assert alone.latency_ps[0] == round(estimate(schedule).latency_s * 1e12)

    benchmark.pedantic(batch_estimates, args=(schedule, columns), rounds=5, warmup_rounds=1)
    per_second = CANDIDATES / benchmark.stats.stats.median
    benchmark.extra_info["estimates_per_second"] = round(per_second)
    print(
        f"\nMobileNetV2 on {device_name}: {per_second:,.0f} whole-network estimates/s on one core "
        f"({1e6 / per_second:.1f} us each; first call with compiling or loading {first:.1f} s)"
    )


def test_simulate_resnet50(benchmark: Any) -> None:
    from sim.simulation import simulate

    graph, device = fold_batch_norm(build("resnet50")), load_device("raspberry_pi_4")
    schedule = lower(graph, device, layerwise_plan(graph, device))
    trace = simulate(schedule)
    assert trace.makespan_ps == round(estimate(schedule).latency_s * 1e12)
    benchmark.pedantic(simulate, args=(schedule,), rounds=5, warmup_rounds=1)
    print(f"\nResNet-50 played by events ({len(trace.events)} tasks): {benchmark.stats.stats.median * 1e3:.0f} ms")
