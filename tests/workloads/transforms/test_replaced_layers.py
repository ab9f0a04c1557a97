"""Layers in factors and blocks: shapes stay, MACs are those of the formulas."""

from __future__ import annotations

import pytest

from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.operators import rule_of
from workloads.readers import load_network
from workloads.tables import graph_tables
from workloads.transforms import low_rank, replace_blocks
from workloads.transforms.block_replacement import BLOCKS
from workloads.transforms.factors import METHODS


def one_layer(stride: int = 1) -> Graph:
    """64 channels of 16 x 16, 3 x 3, to 128."""
    net = GraphBuilder("one", fused_activations=True)
    return net.finish(net.conv(net.input((1, 64, 16, 16)), 128, kernel=3, stride=stride, padding=1, name="c", activation="relu"))


def macs_of(graph: Graph) -> int:
    return int(graph_tables(graph).operators.macs.sum())


@pytest.mark.parametrize(
    ("method", "macs"),
    [
        ("svd", 256 * (32 * 64 * 9 + 128 * 32)),  # rank 128 / 4 = 32
        ("tucker", 256 * (16 * 64 + 32 * 16 * 9 + 128 * 32)),  # ranks 32 and 16
        ("cp", 256 * (16 * 64 + 16 * 3 + 16 * 3 + 128 * 16)),  # rank 64 / 4 = 16
    ],
)
def test_macs_of_factors(method: str, macs: int) -> None:
    assert macs_of(low_rank(one_layer(), 0.25, method)) == macs


def test_a_matrix_is_cut_in_two() -> None:
    net = GraphBuilder("one")
    graph = net.finish(net.linear(net.input((1, 512)), 256, name="f"))
    cut = low_rank(graph, 0.25)
    assert macs_of(cut) == 64 * (512 + 256)
    assert low_rank(graph, 1.0) == graph  # factors of full rank would cost more


@pytest.mark.parametrize(
    ("block", "macs"),
    [
        ("depthwise_separable", 256 * (64 * 9 + 128 * 64)),
        ("fire", 256 * (16 * 64 + 64 * 16 + 64 * 16 * 9)),
        ("ghost", 256 * (64 * 64 * 9 + 64 * 9)),
        ("shuffle", 256 * (32 * 16 + 32 * 9 + 128 * 8)),  # four groups
    ],
)
def test_macs_of_blocks(block: str, macs: int) -> None:
    assert macs_of(replace_blocks(one_layer(), block)) == macs


@pytest.mark.parametrize("network", ["alexnet", "resnet50", "mobilenet_v2", "squeezenet", "mlperf_tiny_ic", "mcunet_vww1"])
def test_results_keep_their_shapes_and_rules(network: str) -> None:
    graph = load_network(network)
    made = [low_rank(graph, 0.25, method) for method in METHODS] + [replace_blocks(graph, block) for block in BLOCKS]
    for other in made:
        assert [(t.name, t.shape, t.dtype) for t in other.outputs] == [(t.name, t.shape, t.dtype) for t in graph.outputs]
        assert 0 < macs_of(other) <= macs_of(graph)
        for operator in other.operators:
            derived = rule_of(operator).output_types(operator, other.tensors_of(operator.inputs))
            assert derived[0].shape == other.tensors[operator.outputs[0]].shape


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("block", BLOCKS)
def test_strides_are_kept(block: str, stride: int) -> None:
    graph = replace_blocks(one_layer(stride), block)
    assert graph.outputs[0].shape == one_layer(stride).outputs[0].shape
