"""Where the time of each resource goes, and what the length of a run is made of."""

from __future__ import annotations

import numpy as np
import pytest

from sim.account import accounts, critical_path
from sim.simulation import simulate
from sim.trace import Event, Trace
from tests.cases import chain_graph, contended, lowered, random_graph, split_placement, toy_device, toy_unit

# load 0-30 on the DMA engine, work 30-100 on the core, then the next load 30-130, work 130-150, nothing until the next at 200.
EVENTS = (
    Event(0, "load_0", 0, "flash", "dma", 0, 0, 30),
    Event(1, "work_0", 0, "compute", "core", 30, 30, 100),
    Event(2, "load_1", 1, "flash", "dma", 0, 30, 130),
    Event(3, "work_1", 1, "compute", "core", 130, 130, 150),
    Event(4, "later", 2, "compute", "core", 200, 200, 260, slowed_ps=10),
)
BEFORE = ((), (0,), (), (2,), ())


def test_waiting_is_told_from_idle() -> None:
    dma, core = accounts(Trace(EVENTS, 260, predecessors=BEFORE))
    assert (dma.resource, dma.moving_ps, dma.computing_ps, dict(dma.waiting_ps), dma.idle_ps) == ("dma", 130, 0, {}, 130)
    # The core waits for the DMA engine until 30 and from 100 to 130; from 150 to 200 nothing has been asked of it.
    assert (core.computing_ps, core.slowed_ps, dict(core.waiting_ps), core.idle_ps) == (140, 10, {"dma": 60}, 50)


def test_critical_path_and_what_it_is_made_of() -> None:
    trace = Trace(EVENTS, 260, predecessors=BEFORE)
    path = critical_path(trace)
    assert [event.name for event in path.events] == ["later"]
    assert (path.computing_ps, path.moving_ps, path.waiting_ps) == (50, 0, 210)
    path = critical_path(trace, EVENTS[3])
    assert [event.name for event in path.events] == ["load_0", "load_1", "work_1"]
    assert (path.computing_ps, path.moving_ps, path.waiting_ps) == (20, 130, 0)


def test_cut_off_at_a_moment() -> None:
    cut = Trace(EVENTS, 260, {"sram": ((0, 5), (140, 7))}, BEFORE).until(120)
    assert [(event.name, event.end_ps) for event in cut.events] == [("load_0", 30), ("work_0", 100), ("load_1", 120)]
    assert (cut.makespan_ps, cut.occupancy["sram"]) == (120, ((0, 5),))


def test_a_chain_is_busy_all_the_time() -> None:
    trace = simulate(lowered(chain_graph(2), toy_device()))
    (core,) = accounts(trace)
    # Two operators of 64 ns arithmetic, 100 ns overhead, 32 ns flash and 128 ns SRAM.
    assert (core.computing_ps, core.moving_ps, core.idle_ps, dict(core.waiting_ps)) == (328_000, 320_000, 0, {})
    path = critical_path(trace)
    assert (len(path.events), path.computing_ps, path.moving_ps, path.waiting_ps) == (8, 328_000, 320_000, 0)


@pytest.mark.parametrize("seed", range(8))
def test_parts_sum_to_the_run(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng)
    device = toy_device(toy_unit(), toy_unit("enqueued"), toy_unit("wide", join="max"))
    schedule = lowered(graph, device, placement=split_placement(graph, rng, ("core", "enqueued", "wide")), one_at_a_time=False)
    for case in (schedule, contended(schedule)):
        trace = simulate(case)
        for account in accounts(trace):
            parts = (account.computing_ps, account.moving_ps, account.slowed_ps, account.idle_ps, *account.waiting_ps.values())
            assert min(parts) >= 0 and sum(parts) == trace.makespan_ps, account
            assert account.resource not in account.waiting_ps
        path = critical_path(trace)
        assert path.computing_ps + path.moving_ps == trace.makespan_ps and path.waiting_ps == 0
