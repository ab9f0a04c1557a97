"""The checker notices every kind of broken schedule, trace and estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from sim.check import broken_rules_of_estimate, broken_rules_of_schedule, broken_rules_of_trace
from sim.durations import durations
from sim.estimate import estimate
from sim.results import Estimate
from sim.schedule import Schedule, Task
from sim.simulation import simulate
from sim.trace import Event, Trace
from tests.cases import chain_graph, lowered, random_graph, toy_device, toy_unit


@pytest.mark.parametrize("join", ["sum", "max"])
@pytest.mark.parametrize("seed", range(4))
def test_good_ones_pass(seed: int, join: str) -> None:
    schedule = lowered(random_graph(np.random.default_rng(seed)), toy_device(toy_unit(join=join)))
    assert broken_rules_of_schedule(schedule) == []
    assert broken_rules_of_trace(schedule, simulate(schedule), durations(schedule).picoseconds.tolist()) == []
    assert broken_rules_of_estimate(estimate(schedule)) == []


def changed_task(schedule: Schedule, index: int, **changes: object) -> Schedule:
    tasks: list[Task] = list(schedule.tasks)
    tasks[index] = replace(tasks[index], **changes)  # type: ignore[arg-type]
    return replace(schedule, tasks=tuple(tasks))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda s: changed_task(s, 0, after=(1,)), "does not come before"),
        (lambda s: changed_task(s, 1, name="conv_0/compute"), "same name"),
        (lambda s: changed_task(s, 1, operator=9), "does not exist"),
        (lambda s: changed_task(s, 1, resource=""), "no resource"),
        (lambda s: changed_task(s, 1, amounts=()), "counted"),
        (lambda s: changed_task(s, 1, phase="other"), "another phase"),
        (lambda s: changed_task(s, 4, after=()), "does not wait for all its inputs"),
        (lambda s: replace(s, tasks=s.tasks[:-1]), "scheduled"),
        (lambda s: replace(s, unit_of=s.unit_of[:1]), "has a unit"),
        (lambda s: replace(s, placement=replace(s.placement, buffers=())), "without a memory"),
        (lambda s: replace(s, placement=replace(s.placement, loads={**s.placement.loads, "sram": (0, 0)})), "sum of its parts"),
    ],
)
def test_broken_schedules_are_noticed(broken: Callable[[Schedule], Schedule], says: str) -> None:
    schedule = broken(lowered(chain_graph(2), toy_device()))
    assert any(says in sentence for sentence in broken_rules_of_schedule(schedule)), broken_rules_of_schedule(schedule)


def changed_event(trace: Trace, index: int, **changes: object) -> Trace:
    events: list[Event] = list(trace.events)
    events[index] = replace(events[index], **changes)  # type: ignore[arg-type]
    return replace(trace, events=tuple(events))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda t: replace(t, events=t.events[:-1]), "played once"),
        (lambda t: replace(t, makespan_ps=1), "last task"),
        (lambda t: changed_event(t, 2, start_ps=90_000), "took"),
        (lambda t: changed_event(t, 2, start_ps=90_000), "before conv_0/flash ended"),
        (lambda t: changed_event(t, 2, start_ps=90_000), "still busy"),
        (lambda t: changed_event(t, 2, ready_ps=200_000_000), "ready"),
        (lambda t: changed_event(t, 2, ready_ps=5), "not when its inputs were"),
        (lambda t: replace(t, occupancy={"sram": ((0, -1),)}), "less than nothing"),
        (lambda t: replace(t, occupancy={"sram": ((0, 10**9),)}), "more than its peak"),
    ],
)
def test_broken_traces_are_noticed(broken: Callable[[Trace], Trace], says: str) -> None:
    schedule = lowered(chain_graph(2), toy_device())
    sentences = broken_rules_of_trace(schedule, broken(simulate(schedule)), durations(schedule).picoseconds.tolist())
    assert any(says in sentence for sentence in sentences), sentences


def changed_row(result: Estimate, **changes: object) -> Estimate:
    first, *rest = result.operators
    return replace(result, operators=(replace(first, **changes), *rest))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda r: changed_row(r, latency_s=1.0), "not the sum of its phases"),
        (lambda r: changed_row(r, latency_s=-1.0), "negative time"),
        (lambda r: changed_row(r, energy_j=-1.0), "negative energy"),
        (lambda r: changed_row(r, energy_j=None), "not known has a total"),
        (lambda r: changed_row(r, macs=1), "MACs do not sum"),
        (lambda r: replace(r, latency_s=1.0), "the total is"),
        (lambda r: replace(r, energy_j=1.0), "do not sum to the total"),
        (lambda r: replace(r, missing=()), "no reason is given"),
        (lambda r: replace(r, memory={**r.memory, "sram": replace(r.memory["sram"], capacity_bytes=1)}), "fits although"),
    ],
)
def test_broken_estimates_are_noticed(broken: Callable[[Estimate], Estimate], says: str) -> None:
    sentences = broken_rules_of_estimate(broken(estimate(lowered(chain_graph(2), toy_device()))))
    assert any(says in sentence for sentence in sentences), sentences
