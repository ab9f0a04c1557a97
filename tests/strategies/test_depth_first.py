"""Depth-first execution as a strategy: no more MACs, peaks that fall with the strips, limits, refusals by name."""

from __future__ import annotations

import pytest

import boardless as bl
from hwmodels.reader import load_device
from sim.lower import layerwise_plan, lower
from sim.results import Estimate
from strategies.errors import StrategyError
from strategies.memory_plan import in_best_order
from strategies.ordering import least_peak_order
from strategies.ordering.of_graph import order_problem
from workloads.builder import GraphBuilder
from workloads.patches import stage_to
from workloads.transforms.depth_first import depth_first


def on_mcu(*strategy: str) -> Estimate:
    return bl.estimate("mobilenet_v2", "stm32h743", dtype="int8", profile="ideal", strategy=list(strategy))


def test_smaller_strips_hold_less_and_compute_no_more() -> None:
    """Until what is not in the stage dominates: 28 x 28 x (32 + 6 * 32) and the image that comes in strip by strip."""
    plain = on_mcu()
    found = [on_mcu(f"depth_first:rows={rows},blocks=1,until=block3.project,input=streamed") for rows in (28, 14, 7, 4, 2, 1)]
    assert {answer.macs for answer in found} == {plain.macs}
    peaks = [answer.activations_peak_bytes for answer in found[1:]]
    assert peaks == sorted(peaks, reverse=True) and peaks[-1] < peaks[0] / 2
    assert peaks[-1] < plain.activations_peak_bytes / 4
    assert found[-1].latency_s > plain.latency_s  # more starts of operators


def test_between_the_patched_and_the_plain_network() -> None:
    plain, patches = on_mcu(), on_mcu("patch:grid=4x4,until=block3.project")
    blocks = [on_mcu(f"depth_first:rows=7,blocks={count},until=block3.project") for count in (1, 2, 4)]
    macs = [plain.macs, *(answer.macs for answer in blocks[1:]), patches.macs]
    assert blocks[0].macs == plain.macs and macs == sorted(set(macs))
    assert blocks[0].weights_bytes == plain.weights_bytes


def test_no_strip_overtakes_another() -> None:
    """New rows are written over old ones: another order may move what is outside the stage, not the strips."""
    graph = GraphBuilder("head", dtype="int8")
    x = graph.input((1, 3, 24, 24))
    for number in range(3):
        x = graph.conv(x, 4, 3, 1, 1, name=f"conv{number}")
    stage = stage_to(graph.finish(graph.global_average_pool(x)), x)
    changed = depth_first(stage.graph, stage, 2)
    inside = [i for i, o in enumerate(changed.operators) if "tile_of" in o.attributes]
    before = order_problem(changed).before
    order = list(least_peak_order(order_problem(changed)).order)
    assert [i for i in order if i in set(inside)] == inside
    assert all(any(earlier < later for earlier in before[later]) for later in inside[1:])
    device = load_device("stm32h743")
    schedule = lower(changed, device, layerwise_plan(changed, device, profile="ideal"))
    assert in_best_order(schedule)[0].placement.activations_peak_bytes == schedule.placement.activations_peak_bytes


def test_a_limit_is_kept() -> None:
    answer = on_mcu("depth_first:limit=500KiB,until=block3.project")
    assert answer.activations_peak_bytes <= 500 * 1024


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("depth_first:until=blok3.project", "block3.project"),
        ("depth_first:until=global_pool", "not computed from a part"),
        ("depth_first:rows=0", "rows"),
    ],
)
def test_what_cannot_be_done_is_said(spec: str, said: str) -> None:
    with pytest.raises(StrategyError, match="depth_first") as refused:
        on_mcu(spec)
    assert said in str(refused.value)
