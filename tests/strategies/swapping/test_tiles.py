"""How operators are cut: traffic of both loop orders by their formulas, parts that make up the whole."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodels.device import McuUnit
from hwmodels.reader import load_device
from sim.lower import layerwise_plan, lower
from strategies.errors import StrategyError
from strategies.swapping.layers import Layer, Rows, layers_of, near_memory
from strategies.swapping.plans import cuts_of
from strategies.swapping.program import Way
from strategies.swapping.tiles import Sizes, Tile, best_tile, cut, share, tiles_of
from workloads.builder import GraphBuilder
from workloads.networks import build
from workloads.transforms import fold_batch_norm, retype

WAY = Way("far", 0.0, 0.0, 1e12, 1e12)


def convolution(channels: int = 8, rows: int = 16, kernel: int = 1) -> tuple[Layer, Sizes]:
    """A convolution whose input and output are streamed: 400 B of weights, 1600 B in, 800 B out."""
    reach = Rows(rows, 1.0, float(kernel))
    layer = Layer(0, "conv", 1000, 400, ("w",), channels, rows, ((0, reach),), (1,))
    needed = (0, *(reach.needed(k) for k in range(1, rows)), rows)
    return layer, Sizes(400, ((1600, needed),), (800,))


def moved(layer: Layer, tile: Tile, sizes: Sizes) -> tuple[int, int, int]:
    """Bytes of weights and inputs loaded, and of outputs stored."""
    _, blocks = cut(layer, tile, sizes, ("w", ["x"], ["y"]), 0, 0, [-1])
    return tuple(sum(b.bytes for b in blocks if b.name == name) for name in ("w", "x", "y"))  # type: ignore[return-value]


@pytest.mark.parametrize(("slices", "bands"), [(1, 1), (4, 1), (1, 4), (4, 8), (8, 16)])
def test_traffic_of_both_orders(slices: int, bands: int) -> None:
    layer, sizes = convolution()
    for tile in tiles_of(layer, sizes, WAY):
        if (tile.slices, tile.bands) == (slices, bands):
            if tile.order == "weights":  # W + A_in * slices + A_out; an input in one piece stays for all slices
                assert moved(layer, tile, sizes) == (400, 1600 * (slices if bands > 1 else 1), 800)
            else:  # W * bands + A_in + A_out
                assert moved(layer, tile, sizes) == (400 * bands, 1600, 800)


def test_bands_of_a_wide_kernel_overlap() -> None:
    layer, sizes = convolution(kernel=3)
    tile = next(t for t in tiles_of(layer, sizes, WAY) if (t.slices, t.bands) == (1, 4))
    # Four bands of four rows of the output need six rows of the input each: 24 of 16.
    assert moved(layer, tile, sizes)[1] == 4 * math.ceil(1600 * 6 / 16)


@given(slices=st.integers(1, 8), bands=st.integers(1, 16), order=st.sampled_from(["weights", "rows"]))
@settings(deadline=None, max_examples=60)
def test_parts_make_up_the_whole(slices: int, bands: int, order: str) -> None:
    layer, sizes = convolution()
    tile = Tile(order, slices, bands, 0, 0, 0, 0)
    pieces, blocks = cut(layer, tile, sizes, ("w", ["x"], ["y"]), 7, 100, [3])
    assert len(pieces) == slices * bands
    assert sum(piece.share for piece in pieces) == pytest.approx(1.0)
    assert abs(sum(piece.picoseconds for piece in pieces) - 1000) <= len(pieces)
    assert {piece.held_bytes for piece in pieces} == {7}
    assert sum(b.bytes for b in blocks if b.name == "y") == 800
    assert all(100 <= b.first <= b.last < 100 + len(pieces) for b in blocks)
    assert all(b.needs == 3 for b in blocks if b.name == "x")
    # What one part needs at once never exceeds what the choice of the cut counted on.
    counted = next((t.bytes for t in tiles_of(layer, sizes, WAY) if (t.order, t.slices, t.bands) == (order, slices, bands)), None)
    if counted is not None:
        for n in range(len(pieces)):
            assert sum(b.bytes for b in blocks if b.first <= 100 + n <= b.last) <= counted


def test_shares_differ_by_one_at_most() -> None:
    assert [share(k, 4, 10) for k in range(4)] == [3, 3, 2, 2]
    assert sum(share(k, 7, 100) for k in range(7)) == 100


def test_the_best_cut_fits_or_is_refused() -> None:
    layer, sizes = convolution()
    whole = best_tile(layer, sizes, WAY, 10_000, "on_demand")
    assert (whole.pieces, whole.bytes) == (1, 2800)
    small = best_tile(layer, sizes, WAY, 1000, "greedy")
    assert 2 * small.bytes <= 1000
    with pytest.raises(StrategyError, match=r"operator 'conv' needs .* B at once even in its smallest parts; 10 B are left"):
        best_tile(layer, sizes, WAY, 10, "greedy")


def test_layers_of_a_network_on_a_microcontroller() -> None:
    net = GraphBuilder("net", "int8")
    value = net.conv(net.input((1, 3, 16, 16)), 8, 3, padding=1, stride=2, name="conv")
    value = net.depthwise(value, 3, padding=1, name="depthwise")
    graph = net.finish(net.linear(net.flatten(net.global_average_pool(value, name="pool")), 10, name="linear"))
    device = load_device("stm32h743")
    assert isinstance(device.default_unit, McuUnit)
    schedule = lower(graph, device, layerwise_plan(graph, device))
    layers = {layer.name: layer for layer in layers_of(schedule)}
    conv = layers["conv"]
    assert (conv.channels, conv.rows, conv.inputs[0][1]) == (8, 8, Rows(16, 2.0, 3.0))
    assert conv.inputs[0][1].needed(1) == 3 and conv.inputs[0][1].needed(8) == 16
    assert layers["depthwise"].channels == 1 and layers["linear"].channels == 10 and layers["linear"].rows == 1
    assert sum(layer.weights_bytes for layer in layers.values()) == graph.weights_bytes
    assert near_memory(schedule) == "axi_sram" and near_memory(schedule, "dtcm") == "dtcm"


def test_compulsory_bytes_are_moved_at_least() -> None:
    device = load_device("stm32h743")
    graph = retype(fold_batch_norm(build("mobilenet_v2")), "int8")
    schedule = lower(graph, device, replace(layerwise_plan(graph, device), profile="ideal"))
    for policy in ("on_demand", "greedy"):
        for found in cuts_of(schedule, 512 * 1024, WAY, policy):
            streamed = [schedule.placement.buffers[n] for n in found.streamed]
            assert found.program.loaded_bytes >= graph.weights_bytes
            assert found.program.stored_bytes == sum(b.bytes for b in streamed if b.first >= 0)


def test_every_part_is_started_anew() -> None:
    """Of 1000 ps 40 are a launch and 60 the start of the run: parts of 1/4 take 225 + 40, the first 60 more."""
    layer, sizes = convolution()
    layer = replace(layer, anew_ps=40, once_ps=60, handed_ps=500)
    pieces, _ = cut(layer, Tile("weights", 4, 1, 0, 0, 0, 0), sizes, ("w", ["x"], ["y"]), 0, 0, [-1])
    assert [piece.picoseconds for piece in pieces] == [325, 265, 265, 265]
    assert [layer.parts_ps(parts) for parts in (1, 2, 4)] == [1000, 1040, 2000]  # from the third part on the host takes longer
