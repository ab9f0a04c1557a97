"""The event simulation: logs of (name, start) worked by hand, waiting apart from computing, deadlock by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.check import broken_rules_of_estimate, broken_rules_of_trace
from sim.durations import durations
from sim.errors import ScheduleError
from sim.estimate import estimate
from sim.simulation import estimate_of_trace, simulate
from tests.cases import chain_graph, contended, lowered, random_graph, split_placement, toy_device, toy_unit
from workloads.builder import GraphBuilder


def test_log_of_a_chain() -> None:
    trace = simulate(lowered(chain_graph(2), toy_device()))
    assert [(e.name, e.start_ps, e.end_ps) for e in trace.events] == [
        ("conv_0/compute", 0, 64_000),
        ("conv_0/flash", 64_000, 96_000),
        ("conv_0/sram", 96_000, 224_000),
        ("conv_0/overhead", 224_000, 324_000),
        ("conv_1/compute", 324_000, 388_000),
        ("conv_1/flash", 388_000, 420_000),
        ("conv_1/sram", 420_000, 548_000),
        ("conv_1/overhead", 548_000, 648_000),
    ]
    assert trace.makespan_ps == 648_000
    assert trace.busy_share() == {"core": 1.0}
    assert len(trace.critical_path()) == 8


def test_phases_that_overlap_start_together() -> None:
    trace = simulate(lowered(chain_graph(2), toy_device(toy_unit(join="max"))))
    starts = {e.name: e.start_ps for e in trace.events}
    assert {starts[f"conv_0/{p}"] for p in ("compute", "flash", "sram", "overhead")} == {0}
    assert {starts[f"conv_1/{p}"] for p in ("compute", "flash", "sram", "overhead")} == {128_000}
    assert trace.busy_share()["core/sram"] == 1.0
    assert trace.busy_share()["core/compute"] == 0.5


def fork() -> GraphBuilder:
    """Two convolutions that read the same input, and their sum."""
    net = GraphBuilder("fork")
    source = net.input((1, 2, 4, 4), name="source")
    left = net.conv(source, 2, 1, bias=False, name="left")
    net.plus(left, net.conv(source, 2, 1, bias=False, name="right"), name="sum")
    return net


def test_waiting_for_the_unit_is_told_apart() -> None:
    schedule = lowered(fork().finish(), toy_device())
    result = estimate_of_trace(schedule, simulate(schedule))
    rows = {row.name: row for row in result.operators}
    # right could start at once: its input is there; the unit is busy with left for 324 ns.
    assert (rows["left"].start_s, rows["left"].wait_s) == (0.0, 0.0)
    assert (rows["right"].start_s, rows["right"].wait_s) == (324e-9, 324e-9)
    assert (rows["sum"].start_s, rows["sum"].wait_s) == (648e-9, 0.0)
    assert rows["right"].latency_s == estimate(schedule).operators[1].latency_s
    assert result.method == "events"
    assert broken_rules_of_estimate(result) == []


def test_memory_over_time() -> None:
    schedule = lowered(fork().finish(), toy_device())
    trace = simulate(schedule)
    # source and left until 324 ns, then right beside them; source dies with right; sum: 32 MACs no, 32 additions.
    assert trace.occupancy["sram"][:3] == ((0, 256), (324_000, 384), (648_000, 384))
    assert trace.occupancy["sram"][-1] == (trace.makespan_ps, 0)
    assert trace.occupancy["flash"] == ((0, 32),)


@pytest.mark.parametrize("seed", range(6))
def test_every_trace_keeps_the_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, 8)
    device = toy_device(toy_unit(), toy_unit("enqueued"), toy_unit("wide", join="max"))
    placed = split_placement(graph, rng, ("core", "enqueued", "wide"))
    for one_at_a_time in (True, False):
        schedule = lowered(graph, device, placement=placed, one_at_a_time=one_at_a_time)
        for case in (schedule, contended(schedule)):
            assert broken_rules_of_trace(case, simulate(case), durations(case).picoseconds.tolist()) == []


def test_tasks_that_wait_for_each_other_are_named() -> None:
    schedule = lowered(chain_graph(1), toy_device())
    tasks = list(schedule.tasks)
    tasks[0] = replace(tasks[0], after=(3,))
    said = r"task 'conv_0/compute': waits for 'conv_0/overhead', which .* 4 tasks wait for each other"
    with pytest.raises(ScheduleError, match=said):
        simulate(replace(schedule, tasks=tuple(tasks)))


def test_a_network_that_costs_nothing() -> None:
    net = GraphBuilder("free")
    net.flatten(net.input((1, 2, 4, 4)))
    schedule = lowered(net.finish(), toy_device())
    trace = simulate(schedule)
    assert (trace.events, trace.makespan_ps) == ((), 0)
    assert estimate_of_trace(schedule, trace).latency_s == 0.0
