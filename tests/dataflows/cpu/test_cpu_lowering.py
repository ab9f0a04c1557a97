"""lower_cpu on a small network: fusions, details, levels, and the sum of one operator by hand."""

from __future__ import annotations

import numpy as np
import pytest

import dataflows
from dataflows.unit_work import UnitSettings
from hwmodels.costs.cpu import TERM_NAMES
from hwmodels.device import CpuUnit, Device
from hwmodels.runtime import load_runtime
from workloads.graph import Graph, Operator, Tensor
from workloads.tables import graph_tables

UNIT = CpuUnit(
    "cpu", "cpu", 1e9, ("fp32",), "sum", "ncnn", ("lpddr",), ("lpddr",), cores=4, l2_bytes=262144.0, last_level_bytes=1048576.0,
    dram_bandwidth_bytes_per_s=10e9, multipliers=dict.fromkeys(TERM_NAMES, 2.0),
)  # fmt: skip
DEVICE = Device("board", "", {"cpu": UNIT}, {}, {}, {}, "board")


def network(batch: int = 1) -> Graph:
    """3x3 convolution 16 -> 16 on 12x12, ReLU, sum with the input, global pooling."""
    shape = (batch, 16, 12, 12)
    tensors = [Tensor("x", shape, "fp32", "input"), Tensor("w", (16, 16, 3, 3), "fp32", "weight")]
    tensors += [Tensor(n, shape) for n in "abc"] + [Tensor("y", (batch, 16, 1, 1), "fp32", "output")]
    operators = [
        Operator("conv", "Conv", ("x", "w"), ("a",), {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1)}),
        Operator("relu", "Relu", ("a",), ("b",)),
        Operator("sum", "Add", ("b", "x"), ("c",)),
        Operator("pool", "GlobalAveragePool", ("c",), ("y",)),
    ]
    return Graph.build("small", operators, tensors)


def lowered(threads: int, graph: Graph | None = None):
    graph = graph or network()
    settings = UnitSettings(threads=threads, runtime=load_runtime("ncnn"))
    return dataflows.LOWERINGS["cpu"](graph, graph_tables(graph), DEVICE, UNIT, settings, np.ones(len(graph), bool))


def test_sum_by_hand() -> None:
    """Add on one thread: 3 * 2,304 elements = 27,648 B through the core at 16 B/ns * 2, and one dispatch of 2 us * 2.

    27,648 / 16e9 * 2 = 3.456 us; 27,648 B against 1 MiB: 1/(1 + 37.926^3) = 1.8330e-5 of them from DRAM, 0.50680 B, twice
    0.10136 ns (shared and per core); against 256 KiB 1/(1 + 9.4815^3) = 1.17181e-3, 32.399 B at 20 GB/s * 2 = 3.2399 ns.
    """
    work = lowered(1)
    seconds = work.amounts[2] @ work.prices
    assert seconds == pytest.approx(3.456e-6 + 4e-6 + 2 * 0.10136e-9 + 3.2399e-9, rel=1e-6)


def test_convolution_takes_winograd_with_its_activation() -> None:
    work = lowered(4)
    assert work.details[0]["algorithm"] == "winograd_f6"
    assert work.details[1] == {"fused_into": "conv"} and not work.amounts[1].any() and not work.traffic[1].any()
    assert work.details[0]["utilization"] > 0 and work.details[0]["cycles"] > 0
    assert work.levels == ("l2", "llc", "lpddr") and {t.phase for t in work.terms} >= {"compute", "lpddr", "overhead"}


def test_threads_share_the_arithmetic_and_pay_for_regions() -> None:
    """16 channels are two row tiles of 8: on four threads the busiest does half. Three regions of Winograd, one of the sum."""
    one, four = lowered(1), lowered(4)
    winograd, fork = TERM_NAMES.index("winograd"), TERM_NAMES.index("fork")
    assert four.amounts[0, winograd] == one.amounts[0, winograd] / 2
    assert one.amounts[:, fork].tolist() == [0, 0, 0, 0]
    assert four.amounts[:, fork].tolist() == [3, 0, 1, 1]


def test_a_batch_is_done_one_by_one() -> None:
    one, three = lowered(2), lowered(2, network(3))
    assert three.amounts @ three.prices == pytest.approx(3 * (one.amounts @ one.prices), rel=1e-12)


def test_operators_of_other_units_cost_nothing() -> None:
    graph = network()
    settings = UnitSettings(threads=1, runtime=load_runtime("ncnn"))
    mine = np.array([True, True, False, False])
    work = dataflows.LOWERINGS["cpu"](graph, graph_tables(graph), DEVICE, UNIT, settings, mine)
    assert work.amounts[:1].any() and not work.amounts[2:].any() and set(work.details) == {0, 1}
