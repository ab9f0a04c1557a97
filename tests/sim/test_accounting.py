"""Accounting by profile: by hand on small networks, and the published peaks of MobileNetV2."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from hwmodels.memory_profile import MemoryProfile, load_memory_profile
from sim.accounting import Allocations, allocations_of
from sim.arena import Span
from sim.buffers import Sharing, load, spans_of
from sim.caching import reserved_bytes
from tests.cases import random_graph
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.operators.rule import KINDS
from workloads.readers import load_network
from workloads.tables import graph_tables

IDEAL = load_memory_profile("ideal")


def profile(sizes: dict[str, float] | None = None, **rules: str) -> MemoryProfile:
    """The ideal profile with some rules and sizes changed."""
    return replace(
        IDEAL, rules=MappingProxyType({**IDEAL.rules, **rules}), sizes=MappingProxyType({**IDEAL.sizes, **(sizes or {})})
    )


def counted(graph: Graph, by: MemoryProfile) -> Allocations:
    """Allocations of a network in which nothing is fused."""
    kinds = [KINDS[code] for code in graph_tables(graph).operators.kind]
    return allocations_of(graph, kinds, Sharing(), by)


def loads(graph: Graph, by: MemoryProfile) -> list[int]:
    """Bytes held at each step."""
    return load(counted(graph, by).buffers(), len(graph.operators))


def inverted_residual(stride: int = 1) -> Graph:
    """a (4 channels of 4 x 4 fp32: 256 B) -> expand 8 (512 B) -> depthwise -> project 4 -> plus a, where the stride is 1."""
    net = GraphBuilder("block")
    a = net.input((1, 4, 4, 4), name="a")
    e = net.conv(a, 8, 1, bias=False, name="e")
    d = net.conv(e, 8, 3, stride=stride, padding=1, groups=8, bias=False, name="d")
    p = net.conv(d, 4, 1, bias=False, name="p")
    if stride == 1:
        net.plus(a, p, name="s")
    return net.finish()


def test_apart_everything_has_bytes_of_its_own() -> None:
    # a e | a e d | a d p | a p s
    assert loads(inverted_residual(), IDEAL) == [768, 1280, 1024, 768]


def test_an_addition_in_place_takes_the_operand_that_goes() -> None:
    assert loads(inverted_residual(), profile(elementwise="in_place")) == [768, 1280, 1024, 512]


def test_a_depthwise_convolution_in_place() -> None:
    # The depthwise step holds a and one 512 B buffer, or one plane of 64 B besides.
    assert loads(inverted_residual(), profile(depthwise="larger")) == [768, 768, 1024, 768]
    assert loads(inverted_residual(), profile(depthwise="plane")) == [768, 256 + 512 + 64, 1024, 768]


def test_a_depthwise_convolution_that_shrinks_lies_where_its_input_lay() -> None:
    # e 512 B, d 128 B: at its step the larger of the two; then d alone, at the same address.
    found = counted(inverted_residual(stride=2), profile(depthwise="larger"))
    assert load(found.buffers(), 3) == [768, 512, 128 + 64]
    spans, of = spans_of(found.buffers(), 3)
    together = {spans[of[n]] for n, b in enumerate(found.buffers()) if b.tensor in ("e", "d")}
    assert together == {Span(0, 3, 512)}


def test_a_shortcut_that_is_not_counted_ends_with_its_other_reader() -> None:
    assert loads(inverted_residual(), profile(shortcut="not_counted")) == [768, 1024, 768, 512]


def test_only_inputs_and_outputs_of_blocks() -> None:
    # A block is one operator: a until p is written, then a p s.
    assert loads(inverted_residual(), profile(block_interiors="not_counted")) == [256, 256, 512, 768]


def test_a_streamed_input_is_not_held() -> None:
    assert loads(inverted_residual(stride=2), profile(input="streamed")) == [512, 640, 192]


def test_what_is_read_later_is_not_written_over() -> None:
    net = GraphBuilder("kept")
    a = net.input((1, 4, 4, 4), name="a")
    r = net.activation(a, "relu")
    net.plus(net.activation(r, "relu"), r)
    graph = net.finish()
    # r is read by the second relu and by the sum: the second relu needs a place, the sum writes over one of the two.
    assert loads(graph, profile(elementwise="in_place")) == [256, 512, 512]


def test_an_overlapping_convolution_needs_some_rows_more() -> None:
    # 512 B in, 512 B out, 4 rows of 128 B; two rows between the two. A third as large output: condition on the ratio.
    net = GraphBuilder("rows")
    net.conv(net.input((1, 8, 4, 4), name="a"), 8, 1, bias=False, name="b")
    by = profile({"overlap_ratio": 2.0, "overlap_rows": 2.0}, convolution="overlapping")
    assert loads(net.finish(), by) == [512 + 256]
    assert loads(net.finish(), replace(by, sizes={**by.sizes, "overlap_ratio": 0.5})) == [1024]


def test_workspace_by_taps_and_channels() -> None:
    # 3 x 3 x 2 taps at 4 B, 5 channels at 10 B, base 100 B; the pointwise one may have none.
    sizes = {"convolution_base": 100.0, "convolution_per_tap": 4.0, "convolution_per_output_channel": 10.0}
    net = GraphBuilder("work")
    a = net.conv(net.input((1, 2, 4, 4)), 5, 3, bias=False)
    net.conv(a, 1, 1, bias=False)
    graph = net.finish()
    assert counted(graph, profile(sizes)).workspace == (100 + 72 + 50, 100 + 20 + 10)
    assert counted(graph, profile(sizes, pointwise="no_workspace")).workspace == (222, 0)
    net = GraphBuilder("dense")
    net.linear(net.input((1, 640)), 128)
    assert counted(net.finish(), profile({"fully_connected_per_input": 2.0})).workspace == (1280,)


def test_sizes_are_rounded_up() -> None:
    net = GraphBuilder("odd")
    net.conv(net.input((1, 1, 3, 3), dtype="int8", name="a"), 1, 1, bias=False, name="b")
    assert loads(net.finish(), profile({"alignment": 16.0})) == [32]
    assert loads(net.finish(), profile({"activations_factor": 1.5})) == [14 + 14]


@pytest.mark.parametrize("seed", range(6))
def test_less_is_held_the_more_is_shared(seed: int) -> None:
    graph = random_graph(np.random.default_rng(seed), layers=12)
    apart = max(loads(graph, IDEAL))
    shared = max(loads(graph, profile(elementwise="in_place", depthwise="larger")))
    plane = max(loads(graph, profile(elementwise="in_place", depthwise="plane")))
    overlapping = profile(
        {"overlap_ratio": 2.0, "overlap_rows": 1.0}, elementwise="in_place", depthwise="larger", convolution="overlapping"
    )
    assert max(loads(graph, overlapping)) <= shared <= plane <= apart


@pytest.fixture(scope="module")
def mobilenet() -> Graph:
    return load_network("mobilenet_v2", dtype="int8")


def test_published_peaks_of_mobilenet_v2(mobilenet: Graph) -> None:
    # MCUNetV2 (NeurIPS 2021) prints 539 kB for the first convolution and 1,372 kB for the expansion of block 2, in 1,024-byte kB.
    by = load_memory_profile("mcunetv2_paper")
    held = loads(mobilenet, by)
    kilobyte = by.printed_unit_bytes
    assert held[0] == 3 * 224**2 + 32 * 112**2 == 539 * kilobyte
    assert max(held) == 112**2 * (16 + 96) == 1372 * kilobyte


def test_published_peak_behind_the_patches_of_mobilenet_v2(mobilenet: Graph) -> None:
    # 172 kB is the largest load after the patch stage (stem and four blocks, output 28 x 28 x 32): the 28 x 28 expansion.
    held = loads(mobilenet, load_memory_profile("mcunetv2_paper"))
    first = next(i for i, o in enumerate(mobilenet.operators) if mobilenet.tensors[o.outputs[0]].shape[1:] == (32, 28, 28))
    assert max(held[first + 1 :]) == 28**2 * (32 + 192)
    assert round(max(held[first + 1 :]) / 1024) == 172
    with_shortcut = replace(
        load_memory_profile("mcunetv2_paper"), rules={**load_memory_profile("mcunetv2_paper").rules, "shortcut": "counted"}
    )
    assert max(loads(mobilenet, with_shortcut)[first + 1 :]) == 28**2 * (192 + 32 + 32)


def test_published_fp32_peak_of_mobilenet_v2_counts_blocks_alone() -> None:
    held = loads(load_network("mobilenet_v2"), load_memory_profile("mcunetv2_paper_blocks"))
    assert max(held) == 112**2 * (32 + 16) * 4
    assert max(held) / 1024**2 == pytest.approx(2.297, abs=5e-4)


def test_a_pool_takes_whole_segments() -> None:
    by = load_memory_profile("caching_allocator")
    mebibyte = 2**20
    assert reserved_bytes([Span(0, 1, 1)], by) == 2 * mebibyte
    assert reserved_bytes([Span(0, 1, 2 * mebibyte)], by) == 20 * mebibyte
    assert reserved_bytes([Span(0, 1, 11 * mebibyte + 1)], by) == 12 * mebibyte
    # The second fits into what is left of the first segment, the third into what the first gave back.
    assert reserved_bytes([Span(0, 2, 8 * mebibyte), Span(1, 4, 8 * mebibyte), Span(3, 4, 8 * mebibyte)], by) == 20 * mebibyte
    # Neighbours are joined: 8 + 8 MiB free make room for 9 MiB.
    assert reserved_bytes([Span(0, 1, 8 * mebibyte), Span(0, 1, 8 * mebibyte), Span(2, 3, 9 * mebibyte)], by) == 20 * mebibyte
