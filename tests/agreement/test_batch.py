"""Batched estimates: compiled equals interpreted equals the slow twin, and each candidate equals a whole estimate of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodels.device import Device
from hwmodels.reader import load_device
from sim.assignment import nearest_dtype
from sim.batch import batch_estimates
from sim.durations import durations
from sim.errors import ScheduleError
from sim.estimate import estimate
from sim.kernels import longest_path
from sim.lower import layerwise_plan, lower
from sim.schedule import Schedule
from sim.tables import task_table
from tests.cases import contended, lowered, random_graph, toy_device, toy_unit
from tests.reference import estimate as reference
from workloads.networks import build
from workloads.transforms import retype

#: Device -> field of the unit, field of its parameters, and the values tried.
SWEEPS = {
    "raspberry_pi_4": [
        ("frequency_hz", "frequency_hz", (6e8, 1.5e9, 2.4e9)),
        ("dram_bandwidth_bytes_per_s", "dram_bandwidth_bytes_per_s", (4e9, 12.8e9)),
        ("last_level_bytes", "last_level_bytes", (2.0**19, 2.0**22)),
        ("l2_bytes", "l2_bytes", (2.0**17, 2.0**18)),
    ],
    "stm32h743": [
        ("frequency_hz", "frequency_hz", (64e6, 480e6)),
        ("flash_cycles_per_byte", "flash_cycles_per_byte", (0.0, 1.0)),
        ("cycle_factor", "cycle_factor", (0.58, 1.0)),
    ],
}  # fmt: skip


def schedule_of(name: str, device: Device, unit: str | None = None, **plan: object) -> Schedule:
    chosen = device.units[unit] if unit else device.default_unit
    graph = build(name)
    dtype = nearest_dtype(chosen, graph)
    graph = retype(graph, dtype) if dtype else graph
    return lower(graph, device, layerwise_plan(graph, device, unit=chosen.name, **plan))  # type: ignore[arg-type]


@pytest.mark.parametrize("device_name", SWEEPS)
@pytest.mark.parametrize("name", ["lenet5", "mlperf_tiny_kws"])
def test_each_candidate_equals_an_estimate_of_its_own(name: str, device_name: str) -> None:
    device = load_device(device_name)
    schedule = schedule_of(name, device)
    unit = device.default_unit
    for field, parameter, values in SWEEPS[device_name]:
        found = batch_estimates(schedule, {parameter: values})
        for row, value in enumerate(values):
            changed = replace(device, units={**device.units, unit.name: replace(unit, **{field: value})})
            alone = estimate(schedule_of(name, changed))
            assert found.latency_ps[row] == round(alone.latency_s * 10**12), (field, value)
            assert found.energy_j[row] == pytest.approx(alone.energy_j, rel=1e-12)
            assert found.activations_peak_bytes[row] == alone.activations_peak_bytes
            phases = {p: sum(t for row in alone.operators for q, t in row.phases if p == q) for p in found.phases}
            assert found.phase_ps[row] / 1e12 == pytest.approx([phases[p] for p in found.phases], rel=1e-9, abs=1e-15)
            total = np.array([sum(r + w for r, w in op.bytes.values()) for op in alone.operators]).sum()
            assert found.traffic[row].sum() == total


def test_threads_of_a_cpu() -> None:
    device = load_device("raspberry_pi_4")
    found = batch_estimates(schedule_of("mobilenet_v2", device), {"threads": [1, 2, 3, 4]})
    for threads in (1, 2, 3, 4):
        alone = estimate(schedule_of("mobilenet_v2", device, threads=threads))
        assert found.latency_ps[threads - 1] == round(alone.latency_s * 10**12)


def test_gpu_with_and_without_a_host_that_enqueues() -> None:
    schedule = schedule_of("mobilenet_v2", load_device("jetson_nano"), "gpu")
    found = batch_estimates(schedule, {"enqueue_matrix_s": [0.0, 2e-4], "enqueue_other_s": [0.0, 2e-5]})
    work = schedule.work["gpu"]
    if work.enqueue_phase is None:
        assert found.latency_ps[0] == round(estimate(schedule).latency_s * 10**12)
    for row, (matrix, other) in enumerate(((0.0, 0.0), (2e-4, 2e-5))):
        parameters = work.parameters._replace(enqueue_matrix_s=matrix, enqueue_other_s=other)
        assert found.latency_ps[row] == reference.network_estimate(work, parameters)[0]
    assert found.overlap_ps[1] > 0


@pytest.mark.parametrize(("device_name", "unit"), [("raspberry_pi_4", "cpu"), ("stm32h743", "cpu"), ("jetson_nano", "gpu")])
@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=6)
def test_compiled_interpreted_and_slow_twin_agree(device_name: str, unit: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    device = load_device(device_name)
    graph = random_graph(rng, 6, dtype=str(rng.choice(["fp32", "int8"])))
    schedule = lower(graph, device, layerwise_plan(graph, device, unit=unit))
    work = schedule.work[unit]
    drawn = [f for f, v in zip(work.parameters._fields, work.parameters, strict=True) if isinstance(v, float) and v > 0]
    overrides = {name: getattr(work.parameters, name) * rng.uniform(0.5, 2.0, 3) for name in rng.choice(drawn, 3, replace=False)}
    compiled = batch_estimates(schedule, overrides)
    interpreted = batch_estimates(schedule, overrides, compiled=False)
    for row in range(3):
        parameters = work.parameters._replace(**{name: float(column[row]) for name, column in overrides.items()})
        latency, busy, phases, traffic = reference.network_estimate(work, parameters)
        for found in (compiled, interpreted):
            assert found.latency_ps[row] == latency
            assert found.overlap_ps[row] == busy - latency
            assert found.phase_ps[row].tolist() == [phases[p] for p in found.phases]
            assert np.array_equal(found.traffic[row], traffic)


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=15)
def test_longest_path_agrees_with_its_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    schedule = lowered(random_graph(rng, 3), toy_device(toy_unit("fusing", join=str(rng.choice(["sum", "max"])))))
    for case in (schedule, contended(schedule)):
        spent = durations(case)
        table, precedence = task_table(case, spent)
        ends = np.zeros(len(case.tasks), np.int64), np.zeros(len(case.tasks), np.int64)
        expected = reference.longest_path(spent.picoseconds.tolist(), [(*t.after, *t.follows) for t in case.tasks])
        assert longest_path(table, precedence, ends[0]) == longest_path.compiled(table, precedence, ends[1]) == expected
        assert np.array_equal(*ends)


def test_bad_batches_are_refused() -> None:
    schedule = schedule_of("lenet5", load_device("raspberry_pi_4"))
    for overrides, says in (
        ({"frequenzy_hz": 1e9}, "'frequenzy_hz' is not a parameter of a cpu; nearest: frequency_hz"),
        ({"frequency_hz": [1e9, -1.0]}, "no finite numbers"),
        ({"frequency_hz": "fast"}, "no finite numbers"),
        ({"frequency_hz": [1e9, 2e9], "l2_bytes": [1e5] * 3}, "equally long"),
        ({"frequency_hz": [1.5e9, 1e-9]}, "candidate 1: a duration"),
    ):
        with pytest.raises(ScheduleError, match=says):
            batch_estimates(schedule, overrides)
    with pytest.raises(ScheduleError, match="is a toy; one of cpu, gpu, mcu is expected"):
        batch_estimates(lowered(random_graph(np.random.default_rng(0)), toy_device()), {})


def test_power_is_a_column_too() -> None:
    schedule = schedule_of("lenet5", load_device("raspberry_pi_4"))
    found = batch_estimates(schedule, {"active_power_w": [1.0, 2.0]})
    assert found.energy_j == pytest.approx(found.latency_s * [1.0, 2.0])
