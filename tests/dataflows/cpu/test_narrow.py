"""Products of few bits: bytes alone on a core that has no kernels for them, time as well by XNOR and population count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dataflows.cpu_lowering import lower_cpu
from dataflows.unit_work import UnitSettings
from hwmodels.costs.cpu import narrow_share
from hwmodels.device import CpuUnit
from hwmodels.reader import load_device
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.tables import graph_tables
from workloads.transforms import quantize


def layer_of_xnor_net() -> Graph:
    """The layer of figure 4 of XNOR-Net: 256 channels, 14 x 14, 3 x 3."""
    net = GraphBuilder("one")
    return net.finish(net.conv(net.input((1, 256, 14, 14)), 256, kernel=3, padding=1, bias=False))


def seconds(graph: Graph, binary_rate: float = 0.0) -> float:
    """Time on a core of one scalar multiply-accumulate per cycle, at data-sheet speed."""
    device = load_device("raspberry_pi_4")
    core = device.units["cpu"]
    assert isinstance(core, CpuUnit)
    scalar = replace(core, isa="scalar", fp32_flop_per_cycle=2.0, vector_bytes=4, l2_bytes=1e6, last_level_bytes=1e6, int8_rate=1.0,
                     multipliers={}, binary_rate=binary_rate)  # fmt: skip
    work = lower_cpu(graph, graph_tables(graph), device, scalar, UnitSettings(threads=1), np.ones(1, np.bool_))
    return float((work.amounts @ work.prices)[0])


def test_binary_layers_reach_the_published_ratio_only_with_population_counts() -> None:
    """62.27 by their formula 64 c n / (c n + 64), 58 measured (Rastegari et al., ECCV 2016, section 4.1), 64 products a cycle."""
    graph = layer_of_xnor_net()
    binary = quantize(graph, "binary", "binary")
    assert seconds(graph) / seconds(binary) < 1.05
    ratio = seconds(graph) / seconds(binary, binary_rate=64.0)
    assert ratio == pytest.approx(58.0, rel=0.10)
    assert ratio < 64.0


def test_bit_planes_cost_one_pass_per_pair() -> None:
    # Two-bit activations on one-bit weights: two passes of 32-fold speed, 1/16 of the int8 time.
    assert narrow_share(1.0, 32.0, 2.0, 1.0) == 1 / 16
    # Eight bits each: 64 passes are slower than int8, which is then taken.
    assert narrow_share(1.0, 32.0, 8.0, 8.0) == 1.0
    # No kernels: as int8, whatever the bits.
    assert narrow_share(4.0, 0.0, 1.0, 1.0) == 1.0


def test_narrow_is_never_slower_than_int8() -> None:
    graph = layer_of_xnor_net()
    for dtype in ("int4", "ternary", "binary"):
        for rate in (0.0, 1.0, 16.0, 64.0):
            assert seconds(quantize(graph, dtype, dtype), binary_rate=rate) <= seconds(quantize(graph), binary_rate=rate) * 1.0001
