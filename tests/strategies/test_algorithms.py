"""Convolution algorithms by time and workspace: exact counts, and choices that keep what they promise."""

from __future__ import annotations

import pytest

from dataflows.cpu_choice import choices_of, multiplications, with_algorithms
from hwmodels.reader import load_device
from sim.check import broken_rules_of_schedule
from sim.lower import layerwise_plan
from strategies.chosen import read_strategy
from strategies.errors import StrategyError
from strategies.problem import Problem
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.readers import load_network


def problem(graph: Graph, device: str = "raspberry_pi_4") -> Problem:
    board = load_device(device)
    return Problem(graph, board, layerwise_plan(graph, board))


def one_layer(kernel: int = 3, stride: int = 1) -> Graph:
    net = GraphBuilder("one")
    return net.finish(net.conv(net.input((1, 32, 24, 24)), 64, kernel=kernel, stride=stride, padding=kernel // 2, name="c"))


@pytest.mark.parametrize(("algorithm", "saves"), [("winograd_f2", 2.25), ("winograd_f4", 4.0), ("winograd_f6", 36 * 9 / 64)])
def test_winograd_saves_multiplications_exactly(algorithm: str, saves: float) -> None:
    """Lavin and Gray, CVPR 2016: 36 / 16 = 2.25 for F(2x2, 3x3), 144 / 36 = 4 for F(4x4, 3x3)."""
    direct, few = (multiplications(name, 8, 16, 12, 12, 3) for name in ("direct", algorithm))
    assert direct / few == saves


def test_workspaces_by_hand() -> None:
    schedule = problem(one_layer()).schedule()
    found = {c.algorithm: c for c in choices_of(schedule.work["cpu"], 0)}
    # The core has no fp16: 4 bytes. Panels 32 x 9 x 576; 6 x 6 tiles of 6 x 6 values and 4 x 4 tiles of 8 x 8, 96 channels.
    assert found["im2col_gemm"].workspace_bytes == 32 * 9 * 576 * 4
    assert found["winograd_f4"].workspace_bytes == 96 * 36 * 36 * 4
    assert found["winograd_f6"].workspace_bytes == 96 * 16 * 64 * 4
    assert found["direct"].workspace_bytes == 0
    # Tiles of 16 give 14 x 14 outputs: 2 x 2 of them, 144 complex values each.
    assert found["fft"].workspace_bytes == 96 * 4 * 144 * 8


@pytest.mark.parametrize(("kernel", "stride", "names"), [
    (1, 1, {"gemm_1x1"}), (3, 2, {"im2col_gemm", "direct"}), (5, 1, {"im2col_gemm", "direct", "fft"}),
])  # fmt: skip
def test_only_what_can_compute_a_layer_is_offered(kernel: int, stride: int, names: set[str]) -> None:
    work = problem(one_layer(kernel, stride)).schedule().work["cpu"]
    assert {c.algorithm for c in choices_of(work, 0)} == names


@pytest.mark.parametrize("network", ["resnet18", "vgg16", "googlenet"])
def test_the_runtimes_own_choice_is_priced_as_the_runtime_prices_it(network: str) -> None:
    schedule = problem(load_network(network)).schedule()
    work = schedule.work["cpu"]
    own = {schedule.graph.operators[i].name: detail["algorithm"] for i, detail in work.details.items() if "algorithm" in detail}
    again = with_algorithms(work, schedule.graph, own)
    assert again.amounts == pytest.approx(work.amounts) and (again.traffic == work.traffic).all()


@pytest.mark.parametrize("dtype", ["fp32", "int8"])
@pytest.mark.parametrize("network", ["resnet18", "googlenet"])
def test_never_slower_by_time_and_within_the_workspace(network: str, dtype: str) -> None:
    start = problem(load_network(network, dtype=dtype))
    fast = read_strategy("algorithms").apply(start)
    assert fast.estimate().latency_s <= start.estimate().latency_s
    assert fast.estimate().macs == start.estimate().macs
    assert not broken_rules_of_schedule(fast.schedule())
    small = read_strategy("algorithms:workspace=512KiB").apply(start)
    for row in small.estimate().operators:
        within = row.details.get("workspace_bytes", 0) <= 512 * 1024
        assert within or row.details["algorithm"] == "gemm_1x1" or dtype == "int8"
    assert dtype == "fp32" or "no algorithm that takes so little" in small.steps[-1].changed
    assert small.estimate().latency_s >= fast.estimate().latency_s
    least = read_strategy("algorithms:least=workspace").apply(start)
    assert least.estimate().latency_s >= fast.estimate().latency_s


def test_other_units_have_one_kernel_each() -> None:
    with pytest.raises(StrategyError, match="strategy 'algorithms': unit 'cpu' is a mcu, whose runtime has one kernel each"):
        read_strategy("algorithms").apply(problem(load_network("lenet5"), "stm32h743"))
