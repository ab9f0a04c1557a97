"""Strips with rows kept: the same numbers out, nothing computed twice, line buffers of k rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference.evaluation import evaluated
from tests.workloads.test_patches import drawn, numbers, published
from workloads.builder import GraphBuilder
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.operators import macs_of
from workloads.patches import Stage, stage_to, stages
from workloads.rolling import buffer_rows, edges_bytes, rolling, streamed_macs, strips_of
from workloads.transforms.depth_first import depth_first


def results(graph: Graph, last: str, held: dict[str, np.ndarray]) -> np.ndarray:
    """One tensor of a network whose last operator is left out."""
    gone = graph.operators[-1].outputs
    tensors = [replace(t, role="output") if t.name == last else t for t in graph.tensors.values() if t.name not in gone]
    return evaluated(Graph.build("head", graph.operators[:-1], tensors), held)[last]


@given(seed=st.integers(0, 10_000), height=st.integers(1, 4), columns=st.integers(1, 3), streamed=st.booleans())
@settings(max_examples=60, deadline=None)
def test_strips_give_the_same_numbers_and_compute_no_row_twice(seed: int, height: int, columns: int, streamed: bool) -> None:
    graph = drawn(seed)
    held, last = numbers(graph, seed), graph.operators[-1].inputs[0]
    want = results(graph, last, held)
    for stage in stages(graph):
        extent = stage.extent(stage.output)
        if height > extent[0] or columns > extent[1]:
            continue
        changed = depth_first(graph, stage, height, columns, streamed=streamed)
        assert np.array_equal(results(changed, last, held), want)
        inside = sum(macs_of(o, changed.tensors) for o in changed.operators if "tile_of" in o.attributes)
        windows = stage.windows.values()
        if all(k >= s for w in windows for k, s in zip(w.kernel, w.strides, strict=True)):
            patches = stage.macs(stage.tiles(-(-extent[0] // height), columns))
            assert stage.macs(stage.tiles(1, 1)) <= streamed_macs(stage, stage.tiles(1, columns)) <= patches
            assert inside <= streamed_macs(stage, stage.tiles(1, columns))
            if columns == 1:
                assert inside <= stage.plain_macs


def test_the_published_stage_costs_no_more_in_strips() -> None:
    """91,282,688 MACs, where 4 x 4 patches take 119,202,032; blocks of columns lie between."""
    stage = published()
    counts = [
        sum(macs_of(o, graph.tensors) for o in graph.operators if "tile_of" in o.attributes)
        for graph in (depth_first(stage.graph, stage, 7, columns) for columns in (1, 2, 4))
    ]
    assert counts[0] == stage.plain_macs == 91_282_688
    assert counts[0] < counts[1] < counts[2] < stage.macs(stage.tiles(4, 4)) == 119_202_032
    assert counts[2] == streamed_macs(stage, stage.tiles(1, 4))


@pytest.mark.parametrize(("kernel", "apart"), [(3, 1), (5, 1), (3, 2)])
def test_row_by_row_is_a_line_buffer(kernel: int, apart: int) -> None:
    """k_eff rows in front of each window, k_eff - s of them kept; strips of h rows take h - 1 more."""
    net = GraphBuilder("chain", dtype="int8")
    x = net.input((1, 4, 40, 40))
    for number in range(3):
        x = net.conv(x, 4, kernel, 1, apart * (kernel - 1) // 2, dilation=apart, activation=None, name=f"conv{number}")
    graph = net.finish(net.global_average_pool(x))
    stage = stage_to(graph, x)
    reach = (kernel - 1) * apart + 1
    for height in (1, 4):
        rolled = rolling(stage, strips_of(stage, height))
        steady = [name for name in rolled if name != x]
        assert len(steady) == 3
        for name in steady:
            middle = [strip for strip in rolled[name] if strip.held.first > 0 and strip.added.size == height]
            assert middle and {strip.held.size for strip in middle} == {reach + height - 1}
            assert {strip.added.first - strip.held.first for strip in middle} == {reach - 1}
        assert all(buffer_rows(rolled[name]) == reach + height - 1 for name in steady)


def tiled_macs(stage: Stage, height: int, width: int) -> int:
    """Multiply-accumulates of tiles whose overlaps are kept along both axes: of each operator the elements that tiles add."""
    down, across = (rolling(stage, strips_of(stage, size, axis), axis) for axis, size in enumerate((height, width)))
    total = 0
    for i in stage.operators:
        name = stage.graph.operators[i].outputs[0]
        if name in down:
            added = sum(strip.added.size for strip in down[name]) * sum(strip.added.size for strip in across[name])
            whole = stage.extent(name)
            total += macs_of(stage.graph.operators[i], stage.graph.tensors) * added // (whole[0] * whole[1])
    return total


@given(seed=st.integers(0, 10_000), height=st.integers(1, 4), width=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_overlaps_kept_along_both_axes_cost_no_macs(seed: int, height: int, width: int) -> None:
    graph = drawn(seed)
    for stage in stages(graph):
        extent = stage.extent(stage.output)
        windows = stage.windows.values()
        if (
            height <= extent[0]
            and width <= extent[1]
            and all(k >= s for w in windows for k, s in zip(w.kernel, w.strides, strict=True))
        ):
            assert tiled_macs(stage, height, width) == stage.macs(stage.tiles(1, 1))


def test_kept_edges_by_hand() -> None:
    """A tensor of 4 channels of 40 x 40, 3x3 at stride 1 in tiles of 4 x 8: 2 rows of 40 + 2, and 2 columns of the rows of a tile."""
    net = GraphBuilder("chain", dtype="int8")
    x = net.conv(net.input((1, 4, 40, 40)), 4, 1, activation=None, name="first")
    x = net.conv(x, 4, 3, 1, 1, activation=None, name="second")
    stage = stage_to(net.finish(net.global_average_pool(x)), x)
    assert edges_bytes(stage, 4, 8) == 4 * (2 * (40 + 2) + 2 * 4)
    assert edges_bytes(stage, 40, 40) == 0 and tiled_macs(stage, 4, 8) == stage.plain_macs


def test_what_cannot_be_cut_is_said() -> None:
    stage = published()
    with pytest.raises(GraphError, match="strips of 29 rows"):
        depth_first(stage.graph, stage, 29)
