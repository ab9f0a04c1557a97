"""Free arrays: whole networks under any mapping, beside the array's own model; what does not fit says so."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import dataflows
from dataflows.array_units import off_chip
from dataflows.errors import MappingError
from dataflows.hierarchy import hierarchy_of
from dataflows.library import DATAFLOWS
from dataflows.spatial_counts import buffered_hierarchy, busy_cycles
from dataflows.tables import TENSORS
from hwmodels.device import ArrayUnit, Device
from hwmodels.reader import load_device
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.results import Estimate
from strategies.free_mapping import FREE, FreeLowering
from strategies.mapping_search import OBJECTIVES, rate_mapping
from workloads.networks import build
from workloads.transforms import fold_batch_norm, retype


def array_of(device: Device) -> ArrayUnit:
    unit = device.default_unit
    assert isinstance(unit, ArrayUnit)
    return unit


def run(network: str, device: Device, dtype: str, **choice: Any) -> tuple[Estimate, FreeLowering]:
    graph, lowering = retype(fold_batch_norm(build(network)), dtype), FreeLowering(**choice)
    table: dict[str, Any] = {**dataflows.LOWERINGS, array_of(device).kind: lowering}
    return estimate(lower(graph, device, layerwise_plan(graph, device), table)), lowering


@pytest.mark.parametrize(
    ("device_name", "dtype"), [("eyeriss_v1", "int16"), ("gemmini_default", "int8"), ("nvdla_small", "int8"), ("tpu_v1", "int8")]
)
def test_latency_is_that_of_the_mappings(device_name: str, dtype: str) -> None:
    """Every operator takes as long as its mapping is rated: steps or the busiest port; every MAC is in some mapping."""
    device = load_device(device_name)
    unit, hierarchy = array_of(device), buffered_hierarchy(device, array_of(device))
    answer, lowering = run("lenet5", device, dtype)
    assert sum(entry.mapping.nest.volume for entry in lowering.mapped.values()) == answer.macs
    for i, found in lowering.mapped.items():
        row = answer.operators[i]
        assert (found.dataflow, found.gap, found.nests) == (FREE, 0.0, 1)
        rated = rate_mapping(found.mapping, hierarchy)
        assert rated.excess == 0.0
        assert row.latency_s * unit.frequency_hz == pytest.approx(rated.cycles, rel=1e-5, abs=1e-3)
        counts = found.mapping.accesses()
        assert rated.cycles == max(float(counts.cycles[0]), busy_cycles(counts, hierarchy).max())
        assert row.details["cycles"] == counts.cycles[0] >= row.macs / (hierarchy.rows * hierarchy.columns)
        words = found.accesses[hierarchy.levels[0].name]
        assert sum(map(sum, words.values())) == rated.dram_words


def test_energy_is_that_of_the_mappings_and_each_objective_wins_its_own() -> None:
    device = load_device("eyeriss_v1")
    hierarchy, unit = buffered_hierarchy(device, array_of(device)), array_of(device)
    assert not off_chip(device)
    found = {name: run("lenet5", device, "int16", objective=name) for name in OBJECTIVES}
    for answer, lowering in found.values():
        for i, entry in lowering.mapped.items():
            counts, dram = entry.mapping.accesses(), hierarchy.levels[0]
            outside = float(counts.reads[0].sum()) * dram.read_energy_j + float(counts.updates[0].sum()) * dram.write_energy_j
            on_chip = rate_mapping(entry.mapping, hierarchy).energy - outside
            spent = answer.operators[i].energy_j
            assert spent is not None and spent > on_chip
            # What is left are activations done on the way out, and static power over the operator's time.
            assert spent - on_chip <= 1e-9 + (unit.static_power_w or 0.0) * answer.operators[i].latency_s * 1.001
    values = {
        name: [(rate_mapping(e.mapping, hierarchy)) for e in lowering.mapped.values()] for name, (_, lowering) in found.items()
    }
    for name, of in (("latency", "cycles"), ("energy", "energy"), ("dram_bytes", "dram_words")):
        best = sum(getattr(rating, of) for rating in values[name])
        assert all(best <= sum(getattr(rating, of) for rating in other) * (1 + 1e-12) for other in values.values()), name


@pytest.mark.parametrize("dataflow", ["nlr", "ws", "os"])
def test_rules_of_dataflows_the_array_does_not_list(dataflow: str) -> None:
    device = load_device("eyeriss_v1")
    best, _ = run("lenet5", device, "int16")
    answer, lowering = run("lenet5", device, "int16", dataflow=dataflow)
    assert answer.latency_s >= best.latency_s
    hierarchy = buffered_hierarchy(device, array_of(device))
    for entry in lowering.mapped.values():
        assert (entry.dataflow, entry.gap) == (dataflow, None)
        assert rate_mapping(entry.mapping, hierarchy).excess == 0.0
    if dataflow == "nlr":
        assert DATAFLOWS["nlr"].keeps == ()
        assert all(entry.accesses["element"][tensor] == (0, 0) for entry in lowering.mapped.values() for tensor in TENSORS)


def test_repeats_and_good_enough() -> None:
    device = load_device("nvdla_small")
    first, _ = run("mlperf_tiny_kws", device, "int8")
    again, _ = run("mlperf_tiny_kws", device, "int8")
    quick, lowering = run("mlperf_tiny_kws", device, "int8", gap=0.05)
    assert first == again
    assert first.latency_s <= quick.latency_s
    assert all(entry.gap is not None and entry.gap <= 0.05 for entry in lowering.mapped.values())


def test_what_does_not_fit_names_the_operator_the_level_and_the_words() -> None:
    small = load_device("nvdla_small", {"memories.convolution_buffer.capacity": "4 B"})
    with pytest.raises(MappingError, match=r"^c1: mapping search: level 'convolution_buffer' is 2 words short"):
        run("lenet5", small, "int8")
    with pytest.raises(MappingError, match=r"^c1: dataflow 'nlr': level 'convolution_buffer' is \d+ words too small"):
        run("lenet5", small, "int8", dataflow="nlr")
    with pytest.raises(MappingError, match=r"^c1: mapping search: an energy of the array or its memories is not known"):
        run("lenet5", load_device("gemmini_default"), "int8", objective="energy")


def test_buffers_hold_two_tiles_and_dram_is_as_fast_as_its_link() -> None:
    device = load_device("gemmini_default", {"links.dram_to_scratchpad.bandwidth": "1 GB/s"})
    unit = array_of(device)
    free, own = buffered_hierarchy(device, unit), hierarchy_of(device, unit)
    assert [level.buffers for level in free.levels] == [1, 2, 1]
    assert (free.levels[0].read_words, own.levels[0].read_words) == (1.0, 16.0)
    assert math.isnan(free.mac_energy_j) and np.isfinite(free.levels[1].capacity_words)
