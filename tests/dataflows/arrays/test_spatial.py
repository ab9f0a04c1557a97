"""Spatial arrays: counts, times and energies of the general rules, on the two published engines that are nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from dataflows.errors import MappingError
from dataflows.library import DATAFLOWS
from dataflows.mapping_of_unit import ELEMENT, UnitMapping
from dataflows.spatial_counts import NEIGHBOURS, buffered_hierarchy
from dataflows.spatial_lowering import spatial_mappings
from dataflows.unit_work import UnitSettings
from hwmodels.device import ArrayUnit, Device
from hwmodels.reader import load_device
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.results import OperatorEstimate
from workloads.builder import GraphBuilder
from workloads.graph import Graph, Operator, Tensor


def convolution(channels: int, filters: int, side: int, kernel: int) -> Graph:
    draft = GraphBuilder("layer", dtype="int16")
    source = draft.input((1, channels, side + kernel - 1, side + kernel - 1))
    return draft.finish(draft.conv(source, filters, kernel, bias=False, name="layer"))


def ran(graph: Graph, device: Device, **settings: object) -> OperatorEstimate:
    (row,) = estimate(lower(graph, device, layerwise_plan(graph, device, **settings))).operators  # type: ignore[arg-type]
    return row


def mapped(graph: Graph, device: Device, **settings: object) -> UnitMapping:
    schedule = lower(graph, device, layerwise_plan(graph, device))
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    mine = schedule.tables.operators.macs > 0
    return spatial_mappings(graph, schedule.tables, device, unit, UnitSettings(**settings), mine)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(("channels", "filters", "side", "kernel"), [(3, 20, 7, 5), (32, 48, 9, 3), (40, 16, 6, 1)])
def test_adder_trees_take_blocks_of_channels_and_filters(channels: int, filters: int, side: int, kernel: int) -> None:
    """Chen et al., ASPLOS 2014, section 3: 16 inputs of 16 outputs a cycle; nothing is kept, sums wait in the output buffer."""
    device = load_device("diannao")
    graph = convolution(channels, filters, side, kernel)
    row, shown = ran(graph, device), mapped(graph, device)
    positions = side * side * kernel * kernel
    assert row.details["cycles"] == math.ceil(channels / 16) * math.ceil(filters / 16) * positions
    macs = row.macs
    assert shown.accesses["synapse_buffer"]["weights"][0] == macs
    assert shown.accesses["input_buffer"]["inputs"][0] == positions * channels * math.ceil(filters / 16)
    visits = side * side * filters * kernel * kernel * math.ceil(channels / 16)
    read, written = shown.accesses["output_buffer"]["outputs"]
    assert (read, written) == (visits - side * side * filters, visits)
    assert shown.accesses["synapse_buffer"]["inputs"] == (0, 0) and shown.dataflow == "nlr"


def test_power_at_full_load_is_that_of_the_layout_and_is_told_by_level() -> None:
    """485 mW; the share of the multipliers is the largest, that of the synapses next."""
    device = load_device("diannao")
    graph = convolution(256, 256, 8, 3)
    row = ran(graph, device)
    assert row.energy_j is not None
    assert row.energy_j / row.latency_s == pytest.approx(0.485, rel=0.06)
    work = lower(graph, device, layerwise_plan(graph, device)).work["array"]
    joules: dict[str, float] = {}
    for term, amount, price in zip(work.energy_terms, work.energy_amounts[0], work.energy_prices, strict=True):
        joules[term.phase] = joules.get(term.phase, 0.0) + (amount * price if amount else 0.0)
    assert joules["array"] > joules["synapse_buffer"] > joules["input_buffer"]
    assert "dram" not in joules


def test_operands_that_are_left_out_keep_the_places_of_the_others() -> None:
    """A recurrent cell of 8 inputs and 4 units over 4 steps, of which only the last state is read."""
    device = load_device("diannao")
    tensors = [
        Tensor("x", (4, 1, 8), "int16", "input"),
        Tensor("w", (1, 16, 8), "int16", "weight"),
        Tensor("r", (1, 16, 4), "int16", "weight"),
        Tensor("state", (1, 1, 4), "int16", "output"),
    ]
    cell = Operator("cell", "LSTM", ("x", "w", "r"), ("", "state"), {"hidden_size": 4})
    row = ran(Graph.build("cell", [cell], tensors), device)
    assert row.macs == 4 * 16 * (8 + 4) and row.details["cycles"] >= row.macs / 256


def test_neighbours_hand_inputs_on_and_products_take_the_second_dataflow() -> None:
    """Du et al., ISCA 2015, section 5: an 8 x 8 block of outputs reads each input of its window once."""
    device = load_device("shidiannao")
    shown = mapped(convolution(2, 3, 8, 3), device)
    assert shown.dataflow == "os_a" and shown.accesses["sram"]["inputs"][0] == 3 * 2 * 10 * 10
    assert shown.accesses[NEIGHBOURS]["inputs"][0] == 3 * 2 * 9 * 64
    draft = GraphBuilder("classifier", dtype="int16")
    graph = draft.finish(draft.linear(draft.input((1, 100)), 64, bias=False))
    product = mapped(graph, device)
    assert product.dataflow == "os_c" and product.active_pes == 64
    assert ran(graph, device).details["cycles"] == 100
    assert mapped(graph, device, dataflow="os_a").active_pes == 1


def test_levels_of_a_spatial_array() -> None:
    device = load_device("shidiannao")
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    names = [level.name for level in buffered_hierarchy(device, unit, neighbours=True).levels]
    assert names == ["image_sensor", "sram", NEIGHBOURS, ELEMENT]
    assert [level.buffers for level in buffered_hierarchy(device, unit).levels] == [1, 2, 1]
    assert DATAFLOWS["os_a"].shifts == ("R", "S")


def test_what_a_spatial_array_cannot_do() -> None:
    device = load_device("diannao")
    with pytest.raises(MappingError, match="dataflow 'ws'; this spatial array does nlr; --hypothetical allows it"):
        ran(convolution(4, 4, 4, 1), device, dataflow="ws")
    with pytest.raises(MappingError, match="dataflow 'best'"):
        ran(convolution(4, 4, 4, 1), device, dataflow="best")


def test_a_bus_into_the_array_limits() -> None:
    """256 synapses a cycle over a bus of 64 take four cycles each; inputs go to 16 neurons at once, or each gets its copy."""
    device = load_device("diannao")
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    graph = convolution(64, 64, 9, 3)
    steps = ran(graph, device).details["cycles"]

    def cycles(buses: dict[str, float], multicast: float = 1.0) -> float:
        parameters = {**unit.parameters, "multicast": multicast}
        changed = replace(unit, bus_words_per_cycle=buses, parameters=parameters)
        phases = dict(ran(graph, replace(device, units={**device.units, "array": changed})).phases)
        return phases["network"] * unit.frequency_hz

    assert cycles({"weights": 64.0}) == pytest.approx(4 * steps, rel=1e-6)
    assert cycles({"inputs": 16.0}) == pytest.approx(steps, rel=1e-6)
    assert cycles({"inputs": 16.0}, multicast=0.0) == pytest.approx(16 * steps, rel=1e-6)
    assert "network" not in dict(ran(graph, device).phases)
