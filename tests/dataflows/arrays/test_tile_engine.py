"""Tile engines: tiles and cycles by hand and against a walk through the tiles, streamed weights, fused activations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.array_lowering import lower_tile_engine
from dataflows.errors import MappingError
from dataflows.tile_engine import streamed_bytes, tile_counts
from dataflows.unit_work import UnitSettings, UnitWork
from hwmodels.costs.array import TileEngineRates, late_weight_bytes
from hwmodels.device import ArrayUnit, Device
from hwmodels.runtime import Runtime
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from tests.dataflows.arrays.networks import convolutions, nests_of, systolic_device
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.tables import graph_tables

SIZES = st.integers(1, 12)


def engine(join: str = "max", **parameters: float) -> Device:
    """A 4 x 4 engine at 1 GHz with 1 GB/s for weights."""
    device = systolic_device()
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    changed = replace(
        unit,
        kind="tile_engine",
        join=join,
        dataflows=("ws",),
        parameters=parameters,
        fuses=("activation",),
        energies_j={"run": 1e-9},
    )
    return replace(device, units={"array": changed})


def lowered(graph: Graph, device: Device, **choices: object) -> UnitWork:
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    chosen = UnitSettings(**choices)  # type: ignore[arg-type]
    return lower_tile_engine(graph, graph_tables(graph), device, unit, chosen, np.ones(len(graph), bool))


def walked(nest: dict[str, int], rows: int, columns: int, load: int) -> int:
    """Cycles by visiting every tile of every group."""
    cycles = 0
    for _ in range(nest["G"]):
        for _ in range(0, nest["R"] * nest["S"] * nest["C"], rows):
            for _ in range(0, nest["M"], columns):
                cycles += max(load, sum(1 for _ in range(nest["N"] * nest["E"] * nest["F"])))
    return cycles


@settings(deadline=None, max_examples=40)
@given(st.fixed_dictionaries(dict.fromkeys("NGMCEFRS", st.integers(1, 5))), SIZES, SIZES, st.integers(0, 40))
def test_cycles_are_those_of_a_walk_through_the_tiles(nest: dict[str, int], rows: int, columns: int, load: int) -> None:
    counts = tile_counts(nests_of(nest), np.array([False]), rows, columns, load)
    assert counts.cycles[0] == walked(nest, rows, columns, load)
    assert counts.depthwise_cycles[0] == 0
    assert counts.macs[0] <= rows * columns * counts.cycles[0]


def test_depthwise_by_hand() -> None:
    """10 channels of 3 x 3 over 4 x 4 pixels on 4 columns: 16 * 9 * 3 cycles."""
    counts = tile_counts(nests_of({"G": 10, "E": 4, "F": 4, "R": 3, "S": 3}), np.array([True]), 4, 4, 0)
    assert (counts.cycles[0], counts.depthwise_cycles[0], counts.tiles[0]) == (0, 432, 3)


def test_a_matrix_of_600_by_600_on_256_wide_tiles() -> None:
    """Nine tiles of 64 KiB at 34 GB/s: 17.3 us (Jouppi et al., ISCA 2017, section 7: 18 us); 512 wide four, 30.8 us (32 us)."""
    for side, tiles, microseconds in ((256, 9, 17.35), (512, 4, 30.84)):
        counts = tile_counts(nests_of({"C": 600, "M": 600}), np.array([False]), side, side, side)
        assert counts.tiles[0] == tiles
        assert counts.tile_bytes[0] / 34e9 * 1e6 == pytest.approx(microseconds, abs=0.01)


def test_amounts_and_energy_by_hand() -> None:
    """2 channels, 4 filters of 1 x 1 over 16 pixels: 16 cycles at twice the price, one run, 8 B of weights, 128 MACs."""
    runtime = Runtime("r", "", ("tile_engine",), costs={"host_time": 1e-6})
    work = lowered(convolutions({"conv": (2, 4, 4, 1, 1, 0, 1)}, dtype="int8"), engine(inverse_efficiency=2.0), runtime=runtime)
    assert work.amounts.tolist() == [[16, 0, 0, 1, 8]]
    assert (work.amounts[0] * work.prices).tolist() == pytest.approx([32e-9, 0, 0, 1e-6, 8e-9])
    joules = dict(zip([term.name for term in work.energy_terms], work.energy_amounts[0] * work.energy_prices, strict=True))
    assert joules == pytest.approx({"runs": 1e-9, "macs": 128e-12, "vector": 0, "weights": 8 * 40e-12})
    np.testing.assert_array_equal(work.traffic[0], [[32, 64], [8, 0]])
    assert work.details[0]["utilization"] == pytest.approx(128 / (16 * 32))


def test_resident_weights_are_those_of_the_first_operators() -> None:
    assert streamed_bytes(np.array([5.0, 5.0, 5.0]), 7.0, 1.0).tolist() == [0.0, 3.0, 5.0]
    assert streamed_bytes(np.array([5.0, 5.0]), 100.0, 1.0).tolist() == [0.0, 0.0]
    layers: dict[str, tuple[int, ...]] = {"a": (2, 4, 4, 1, 1, 0, 1), "b": (2, 4, 4, 1, 1, 0, 1)}
    work = lowered(convolutions(layers, dtype="int8"), engine("sum", resident_weights=10.0))
    assert work.amounts[:, 4].tolist() == [0, 6]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e3)), min_size=1, max_size=12))
def test_prefetch_brings_a_run_between_the_larger_and_the_sum(layers: list[tuple[float, float]]) -> None:
    """With room for everything the stream never stops until the last operator: max(...) <= time <= streaming + computing."""
    weights, busy = [w for w, _ in layers], [c for _, c in layers]
    rates = TileEngineRates(1e9, 1.0, 1.0, 1.0, 0.0, 10.0, 1.0, 1.0, 1e9)
    late = late_weight_bytes(weights, busy, rates, True)
    time = sum(max(c, missing / 10.0) for c, missing in zip(busy, late, strict=True))
    streaming, computing = sum(weights) / 10.0, sum(busy)
    assert max(streaming, computing) <= time * (1 + 1e-9) + 1e-6
    assert time <= streaming + computing + 1e-6
    nothing_ahead = late_weight_bytes(weights, busy, rates._replace(weights_ahead_bytes=0.0), True)
    assert nothing_ahead == weights


def small_network() -> Graph:
    net = GraphBuilder("small", "int8")
    x = net.conv(net.input((1, 4, 8, 8)), 8, 3, 1, 1, activation="relu", name="conv")
    x = net.average_pool(x, 2, name="pool")
    return net.finish(net.conv(x, 4, 1, activation="sigmoid", name="last"))


def kinds_on_the_array(fuses: tuple[str, ...]) -> list[str]:
    device = engine()
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    device = replace(device, units={"array": replace(unit, fuses=fuses)})
    graph = small_network()
    found = estimate(lower(graph, device, layerwise_plan(graph, device)))
    return [row.kind for row in found.operators if row.details.get("fused_into")]


def test_activations_join_where_the_file_says_so() -> None:
    graph = small_network()
    assert [o.op for o in graph.operators] == ["Conv", "Relu", "AveragePool", "Conv", "Sigmoid"]
    assert kinds_on_the_array(("activation",)) == ["activation", "activation"]
    assert kinds_on_the_array(("relu",)) == ["activation"]
    assert kinds_on_the_array(()) == []


def test_unknown_parameter_is_refused() -> None:
    with pytest.raises(MappingError, match="parameters: 'inverse_eficiency' is none of a tile engine; nearest: inverse_efficiency"):
        lowered(small_network(), engine(inverse_eficiency=2.0))
