"""Strides followed through small networks, with the copies PyTorch makes on the same operators."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.gpu_kernels import FAMILIES, kernel_list
from dataflows.memory_order import MemoryOrder, channels_last, kept_order, row_major, viewed
from hwmodels.runtime import Runtime
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.tables import graph_tables


def places(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    """Where each element lies, in the order of rows."""
    return [sum(i * s for i, s in zip(index, strides, strict=True)) for index in itertools.product(*map(range, shape))]


@given(st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_views_agree_with_numpy(seed: int) -> None:
    """A view exists exactly where numpy can reshape without a copy, and then it means the same places."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 4], rng.integers(1, 5)))
    order = rng.permutation(len(shape))
    held = np.arange(np.prod(shape), dtype=np.int64).reshape(shape).transpose(order)
    if rng.random() < 0.3 and held.shape[0] > 1:
        held = held[:1]
    flat = [n for n in range(1, held.size + 1) if held.size % n == 0]
    first = int(rng.choice(flat))
    wanted = (first, held.size // first)
    strides = tuple(s // held.itemsize for s in held.strides)
    found = viewed(held.shape, strides, wanted)
    as_view = held.view()
    try:
        as_view.shape = wanted
    except AttributeError:
        assert found is None
        return
    assert found is not None
    assert places(wanted, found) == places(held.shape, strides)


def test_orders_by_hand() -> None:
    assert row_major((2, 3, 4)) == (12, 4, 1)
    assert channels_last((2, 8, 4, 4)) == (128, 1, 32, 8)
    assert kept_order((2, 3, 4), (1, 2, 6)) == (1, 2, 6)
    assert kept_order((2, 3, 4), (100, 4, 1)) == (12, 4, 1)


def window_partition() -> Graph:
    """(2, 64, 8) as windows: split into 2 runs of 32, swapped, brought together: torch copies at the last reshape alone."""
    net = GraphBuilder("windows")
    x = net.input((2, 64, 8))
    x = net.transpose(net.reshape(x, (2, 2, 32, 8), name="split"), (0, 2, 1, 3), name="swap")
    return net.finish(net.linear(net.reshape(x, (128, 8), name="merge"), 4))


def test_a_permutation_is_paid_where_it_is_merged() -> None:
    graph = window_partition()
    order = MemoryOrder(graph)
    assert {graph.operators[i].name: names for i, names in order.copied.items()} == {"merge": ("swap",)}
    kernels = kernel_list(
        graph, graph_tables(graph), Runtime("e", "", ("gpu",), lowering="eager"), np.ones(len(graph), bool)
    ).kernels
    rows = {o.name: (FAMILIES[f], int(c)) for o, f, c in zip(graph.operators, kernels.family, kernels.copied_bytes, strict=True)}
    assert rows["merge"] == ("memory", 2 * 1024 * 4) and rows["swap"] == ("none", 0)


def convnext_like() -> Graph:
    """conv -> channels last -> norm -> linear -> channels first -> conv."""
    net = GraphBuilder("block")
    x = net.conv(net.input((2, 3, 8, 8)), 8, 3, name="conv1")
    x = net.layer_norm(net.transpose(x, (0, 2, 3, 1), name="last"), name="norm")
    x = net.transpose(net.linear(x, 16, name="fc"), (0, 3, 1, 2), name="first")
    return net.finish(net.conv(x, 8, 3, name="conv2"))


@pytest.mark.parametrize(("last", "copied"), [(False, {"norm"}), (True, {"conv1"})])
def test_norms_over_channels_cost_a_copy_unless_images_lie_channels_last(last: bool, copied: set[str]) -> None:
    """Channels first: the norm copies, and the second convolution reads channels last as it comes. Channels last: nothing."""
    graph = convnext_like()
    image = graph.inputs[0].name
    order = MemoryOrder(graph, images_channels_last=last)
    found = {graph.operators[i].name for i in order.copied}
    assert found == (copied - {"conv1"} if last else copied)
    assert order.strides["conv2"] == channels_last(graph.tensors["conv2"].shape)
    assert order.strides[image] == (channels_last if last else row_major)((2, 3, 8, 8))


def test_fused_attention_leaves_the_heads_of_a_token_together() -> None:
    """(batch, heads, tokens, width) written as (batch, tokens, heads, width): swapping back and merging costs nothing."""
    net = GraphBuilder("attention")
    query, key, value = (net.input((2, 4, 6, 8), name) for name in ("query", "key", "value"))
    x = net.add("Attention", [query, key, value], name="attention")
    x = net.reshape(net.transpose(x, (0, 2, 1, 3), name="swap"), (2, 6, 32), name="merge")
    assert not MemoryOrder(net.finish(x)).copied


def test_groups_write_in_any_order() -> None:
    """Compiled, the copy between a norm and a product disappears; between two products it stays."""
    fused = Runtime("f", "", ("gpu",), lowering="fused")

    def copies(graph: Graph) -> int:
        return int(kernel_list(graph, graph_tables(graph), fused, np.ones(len(graph), bool)).kernels.copied_bytes.sum())

    net = GraphBuilder("normed")
    x = net.transpose(net.layer_norm(net.input((2, 6, 8))), (0, 2, 1))
    assert copies(net.finish(net.linear(net.reshape(x, (2, 48)), 4))) == 0
    net = GraphBuilder("products")
    x = net.transpose(net.linear(net.input((2, 6, 8)), 8), (0, 2, 1))
    assert copies(net.finish(net.linear(net.reshape(x, (2, 48)), 4))) == 2 * 96 * 4
