"""Questions asked of a trace."""

from __future__ import annotations

import numpy as np
import pytest

from sim.simulation import simulate
from sim.trace import Event, Trace
from tests.cases import contended, lowered, random_graph, split_placement, toy_device, toy_unit


def test_busy_time_and_share() -> None:
    events = (
        Event(0, "a", 0, "compute", "left", 0, 0, 60),
        Event(1, "b", 1, "compute", "right", 0, 10, 40),
        Event(2, "c", 2, "compute", "left", 40, 60, 100),
    )
    trace = Trace(events, 100, predecessors=((), (), (1,)))
    assert trace.busy_ps() == {"left": 100, "right": 30}
    assert trace.busy_share() == {"left": 1.0, "right": 0.3}
    assert events[2].wait_ps == 20
    assert trace.critical_path() == (0, 2)  # c waited for the unit that a held, not for b


def test_an_empty_trace() -> None:
    assert Trace((), 0).critical_path() == ()
    assert Trace((), 0).busy_share() == {}


@pytest.mark.parametrize("seed", range(8))
def test_the_critical_path_has_no_gap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    device = toy_device(toy_unit(), toy_unit("wide", join="max"))
    schedule = lowered(graph, device, placement=split_placement(graph, rng, ("core", "wide")), one_at_a_time=False)
    for case in (schedule, contended(schedule)):
        trace = simulate(case)
        by_task = {event.task: event for event in trace.events}
        path = [by_task[task] for task in trace.critical_path()]
        assert path[0].start_ps == 0
        assert path[-1].end_ps == trace.makespan_ps
        assert all(a.end_ps == b.start_ps for a, b in zip(path, path[1:], strict=False))
