"""Unit mappings as loop nests: they cover their nest, spread over the active elements, and hold no more than there is room for."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.array_units import row_stationary_array, systolic_shape
from dataflows.mapping_of_row_stationary import network_words, row_stationary_mappings
from dataflows.mapping_of_systolic import systolic_mappings, tile_of
from dataflows.mapping_of_unit import ELEMENT, UnitMapping
from dataflows.row_stationary import RowStationaryArray, RowStationaryCounts, row_stationary_counts
from dataflows.row_stationary_search import map_nests
from dataflows.systolic import SYSTOLIC_DATAFLOWS, systolic_counts, tile_traffic
from dataflows.tables import OUTPUTS, WEIGHTS
from dataflows.unit_work import UnitSettings
from hwmodels.device import ArrayUnit, Device
from tests.dataflows.arrays.networks import ALEXNET, convolutions, nests_of, row_stationary_device, systolic_device
from workloads.loopnest import DIMENSIONS
from workloads.tables import graph_tables


def unit_of(device: Device) -> ArrayUnit:
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    return unit


def mappings(layers: Mapping[str, tuple[int, ...]], device: Device, batch: int = 1, **choices: str) -> list[UnitMapping]:
    unit = unit_of(device)
    graph = convolutions(dict(layers), batch, unit.dtypes[0])
    build = systolic_mappings if unit.kind == "systolic" else row_stationary_mappings
    mine = np.ones(len(graph.operators), dtype=np.bool_)
    return list(build(graph, graph_tables(graph), device, unit, UnitSettings(**choices), mine).values())  # type: ignore[arg-type]


def check_loops(found: UnitMapping) -> None:
    mapping = found.mapping
    for name in DIMENSIONS:
        assert math.prod(loop.bound for loop in mapping.loops if loop.loop == name) >= mapping.nest.extent(name)
    spread = math.prod(loop.bound for loop in mapping.loops if loop.spatial)
    assert spread <= found.active_pes
    assert (spread < found.active_pes) == any("smaller than a fold" in note for note in found.notes)


@st.composite
def layers(draw: st.DrawFn) -> dict[str, tuple[int, ...]]:
    side, stride = draw(st.integers(1, 5)), draw(st.integers(1, 2))
    groups = draw(st.integers(1, 3))
    padded = side + draw(st.integers(0, 12))
    channels, filters = groups * draw(st.integers(1, 9)), groups * draw(st.integers(1, 12))
    return {"layer": (channels, padded, filters, side, stride, 0, groups)}


@given(layer=layers(), batch=st.integers(1, 3), dataflow=st.sampled_from(sorted(SYSTOLIC_DATAFLOWS)))
@settings(deadline=None, max_examples=40)
def test_systolic_loops_cover_any_layer(layer: dict[str, tuple[int, ...]], batch: int, dataflow: str) -> None:
    (found,) = mappings(layer, systolic_device(), batch, dataflow=dataflow)
    check_loops(found)
    assert found.dataflow == dataflow and set(found.held[ELEMENT]) == {{"ws": "weights", "os": "outputs", "is": "inputs"}[dataflow]}


@given(layer=layers(), batch=st.integers(1, 3))
@settings(deadline=None, max_examples=25)
def test_row_stationary_loops_cover_any_layer(layer: dict[str, tuple[int, ...]], batch: int) -> None:
    device = row_stationary_device()
    (found,) = mappings(layer, device, batch)
    check_loops(found)
    array: RowStationaryArray = row_stationary_array(device, unit_of(device))
    room = {"weights": array.filter_words, "inputs": array.input_words, "outputs": array.psum_words}
    assert all(found.held[ELEMENT][tensor] <= room[tensor] for tensor in room)


def test_row_stationary_words_of_weights_and_sums_are_what_the_loops_give() -> None:
    """Where the loops divide the layer, the nest's generic counts are the closed form's: filters from DRAM, sums in the buffer."""
    for found in mappings(ALEXNET, row_stationary_device()):
        generic = found.mapping.accesses()
        buffer, dram = found.mapping.levels[1].name, found.mapping.levels[0].name
        assert generic.reads[0, WEIGHTS] == found.accesses[dram]["weights"][0]
        assert generic.updates[0, OUTPUTS] == found.accesses[dram]["outputs"][1]
        assert generic.updates[1, OUTPUTS] == found.accesses[buffer]["outputs"][1]


def test_strips_wider_than_the_array_are_told() -> None:
    """CONV2 of AlexNet: strips of 27 rows on 14 columns."""
    found = dict(zip(ALEXNET, mappings(ALEXNET, row_stationary_device()), strict=True))
    assert found["CONV2"].notes[0] == "27 columns are 2 segments below each other on an array of 14 columns"
    assert len(found["CONV3"].notes) == 1


def test_words_of_the_network_are_those_of_the_counts() -> None:
    device = row_stationary_device()
    array = row_stationary_array(device, unit_of(device))
    layers = map_nests(nests_of({"M": 24, "C": 10, "E": 9, "F": 9, "R": 3, "S": 3}), array, ["layer"], {})
    counts = RowStationaryCounts(*row_stationary_counts(layers[0].nest, array, layers[0].mapping))
    assert sum(network_words(layers[0], counts)) == counts.array_words


@pytest.mark.parametrize(("capacity", "room"), [(16, False), (1024, True), (65536, True)])
def test_the_tile_shown_is_the_tile_that_was_priced(capacity: int, room: bool) -> None:
    """Batch 4: images are halved before rows; the tile found again gives the bytes of the counts."""
    device = systolic_device()
    shape = systolic_shape(device, unit_of(device))._replace(scratchpad_bytes=capacity)
    nests = nests_of({"N": 4, "M": 64, "C": 32, "E": 14, "F": 14, "R": 3, "S": 3})
    counts = systolic_counts(nests, shape, 0)
    (images, rows, filters, channels), fits = tile_of(nests, 0, shape, counts)
    assert fits == room
    traffic = tile_traffic(nests, 0, shape, images, rows, filters, channels)[1:]
    assert traffic == (counts.dram_input_bytes[0], counts.dram_weight_bytes[0], counts.dram_output_bytes[0])
    assert (rows, filters, channels) == (counts.row_tile[0], counts.filter_tile[0], counts.channel_tile[0])
