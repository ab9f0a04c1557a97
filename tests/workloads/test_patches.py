"""Patches: the published counts, the same numbers out, and the laws of halos."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference.evaluation import evaluated
from workloads.builder import GraphBuilder
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.operators import macs_of
from workloads.patches import Range, Stage, area_of, stage_to, stages
from workloads.readers import load_network
from workloads.transforms.patched import patched


def published() -> Stage:
    """MobileNetV2 at 224 x 224: the stem and four blocks, to 28 x 28 x 32."""
    graph = load_network("mobilenet_v2")
    (stage,) = (s for s in stages(graph) if s.output == "block3.project.norm")
    assert graph.tensors[stage.output].shape == (1, 32, 28, 28)
    return stage


def test_the_published_counts() -> None:
    """Lin et al. 2021: patches of 75 x 75, +42 % of the stage without clipping; clipped +9.3 % of the network."""
    stage = published()
    tiles = stage.tiles(4, 4)
    assert stage.plain_macs == 91_282_688
    assert stage.macs(tiles, clip=False) == 129_517_568
    assert stage.macs(tiles) == 119_202_032
    assert stage.macs(stage.tiles(1, 1), clip=False) == 100_084_592
    (image,) = stage.graph.inputs
    assert [r.size for r in stage.needed(tiles[5])[image.name]] == [75, 75]


def test_the_patched_network_counts_what_the_stage_says() -> None:
    stage = published()
    graph = patched(stage.graph, stage, 4, 4)
    total = sum(macs_of(operator, graph.tensors) for operator in graph.operators)
    assert total == 300_774_272 + 119_202_032 - 91_282_688
    assert graph.weights_bytes == stage.graph.weights_bytes
    assert graph.outputs == stage.graph.outputs


def drawn(seed: int) -> Graph:
    """A small head: convolutions of many shapes, pools, a shortcut, branches side by side; then something that needs all of it."""
    draw = np.random.default_rng(seed)
    net = GraphBuilder("head", dtype="int32")
    x = net.input((1, 2, int(draw.integers(7, 15)), int(draw.integers(7, 15))))
    for number in range(int(draw.integers(2, 5))):
        kernel, step, apart = int(draw.integers(1, 4)), int(draw.integers(1, 3)), int(draw.integers(1, 3))
        padding = int(draw.integers(0, kernel))
        size = min(net.shape(x)[2:])
        if size + 2 * padding < (kernel - 1) * apart + 1:
            continue
        kind = draw.choice(["conv", "pool", "average", "shortcut", "branches", "depthwise"])
        if kind == "conv":
            x = net.conv(x, 2, kernel, step, padding, dilation=apart, activation=None, name=f"conv{number}")
        elif kind == "depthwise":
            x = net.activation(net.depthwise(x, kernel, step, padding, dilation=apart, name=f"depthwise{number}"), "relu")
        elif kind == "pool" and size >= 3:
            x = net.max_pool(x, 3, step, 1, name=f"pool{number}")
        elif kind == "average" and size >= 2:
            x = net.average_pool(x, 2, step, name=f"average{number}")
        elif kind == "shortcut":
            x = net.plus(x, net.conv(x, net.channels(x), 3, 1, 1, name=f"inner{number}"), activation="relu")
        else:
            x = net.concat([net.conv(x, 1, 1, name=f"left{number}"), net.conv(x, 1, 3, 1, 1, name=f"right{number}")])
    x = net.conv(x, 2, 1, name="last")
    return net.finish(net.global_average_pool(x))


def numbers(graph: Graph, seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    given = [tensor for tensor in graph.tensors.values() if tensor.role in ("input", "weight")]
    return {tensor.name: draw.integers(-4, 5, tensor.shape) for tensor in given}


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 4), columns=st.integers(1, 4), streamed=st.booleans())
@settings(max_examples=60, deadline=None)
def test_patches_give_the_same_numbers(seed: int, rows: int, columns: int, streamed: bool) -> None:
    graph = drawn(seed)
    head = Graph.build(
        graph.name, graph.operators[:-1], [t for t in graph.tensors.values() if t.name not in graph.operators[-1].outputs]
    )
    held = numbers(graph, seed)
    for stage in stages(graph):
        extent = stage.extent(stage.output)
        if rows > extent[0] or columns > extent[1]:
            continue
        changed = patched(graph, stage, rows, columns, streamed=streamed)
        body = Graph.build(
            "body", changed.operators[:-1], [t for t in changed.tensors.values() if t.name not in graph.operators[-1].outputs]
        )
        last = graph.operators[-1].inputs[0]
        want = evaluated(_showing(head, last), held)[last]
        assert np.array_equal(evaluated(_showing(body, last), held)[last], want)
        inside = sum(macs_of(o, changed.tensors) for o in changed.operators if "tile_of" in o.attributes)
        assert inside == stage.macs(stage.tiles(rows, columns))


def _showing(graph: Graph, name: str) -> Graph:
    """The graph with one tensor as its result."""
    from dataclasses import replace

    return graph.replace(tensors={**graph.tensors, name: replace(graph.tensors[name], role="output")})


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 5), columns=st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_laws_of_halos(seed: int, rows: int, columns: int) -> None:
    graph = drawn(seed)
    for stage in stages(graph):
        extent = stage.extent(stage.output)
        tiles = stage.tiles(min(rows, extent[0]), min(columns, extent[1]))
        assert sum(map(area_of, tiles)) == extent[0] * extent[1]
        assert stage.macs(tiles) <= stage.macs(tiles, clip=False)
        windows = stage.windows.values()
        if all(k >= s for w in windows for k, s in zip(w.kernel, w.strides, strict=True)):
            skipped = stage.macs(stage.tiles(1, 1))
            assert skipped <= stage.plain_macs  # rows that the stride leaves unused at the far border are skipped
            assert stage.macs(tiles) >= skipped


def test_ranges() -> None:
    assert Range(2, 1).size == 0 and Range(2, 1).hull(Range(4, 6)) == Range(4, 6)
    assert Range(0, 3).hull(Range(2, 7)) == Range(0, 7) and Range(-2, 9).clipped(5) == Range(0, 4)


def test_what_cannot_be_patched_is_named() -> None:
    graph = load_network("mobilenet_v3_small")
    gated = next(o for o in graph.operators if o.op == "Mul" and "se" in o.name)
    with pytest.raises(GraphError, match="not computed from a part"):
        stage_to(graph, gated.outputs[0])
    with pytest.raises(GraphError, match="read by the rest"):
        residual = load_network("resnet18")
        stage_to(residual, next(o for o in residual.operators if o.name.startswith("layer1.0.conv1")).outputs[0])
    stage = published()
    with pytest.raises(GraphError, match="29 x 1"):
        patched(stage.graph, stage, 29, 1)
