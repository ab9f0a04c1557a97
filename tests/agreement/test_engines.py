"""Both engines play thousands of random systems to the same picosecond, by the rules, and between the bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.check_events import bounds_ps, broken_rules_of_play
from sim.compiled import play_compiled
from sim.engine import play
from sim.errors import ScheduleError
from sim.played import Played
from sim.system import Activity, Port, Resource, System
from tests.systems import random_system


def outcome(system: System, engine: str) -> Played | str:
    """What an engine says of a system: the times, or why it cannot be played to its end."""
    try:
        return play(system, engine)
    except ScheduleError as error:
        return str(error)


@pytest.mark.parametrize("chunk", range(10))
def test_equal_by_the_rules_and_between_the_bounds(chunk: int) -> None:
    ended = 0
    for seed in range(250 * chunk, 250 * (chunk + 1)):
        rng = np.random.default_rng(seed)
        system = random_system(rng, int(rng.integers(2, 16)), memory=seed % 2 == 0)
        read, compiled = outcome(system, "events"), outcome(system, "compiled")
        assert read == compiled, seed
        if isinstance(read, Played):
            ended += 1
            assert broken_rules_of_play(system, read) == [], seed
            least, most = bounds_ps(system)
            assert least <= read.makespan_ps, seed
            assert system.stores or read.makespan_ps <= most, seed
    assert ended > 200


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=15)
def test_interpreted_equals_compiled(seed: int) -> None:
    system = random_system(np.random.default_rng(seed), 12, memory=False)
    assert play_compiled(system, compiled=False) == play_compiled(system)


@given(seed=st.integers(0, 10**6), factor=st.sampled_from([2, 3, 10]))
@settings(deadline=None, max_examples=25)
def test_all_times_longer_is_all_the_longer(seed: int, factor: int) -> None:
    """Without ports and sleep, a system whose times are all k times as long takes k times as long."""
    rng = np.random.default_rng(seed)
    tasks = [
        Activity(
            f"task_{n}", f"unit_{int(rng.integers(2))}", int(rng.integers(0, 50)),
            tuple({int(b) for b in rng.integers(0, n, size=2)}) if n else (), priority=int(rng.integers(3)),
        )
        for n in range(12)
    ]  # fmt: skip
    resources = (Resource("unit_0", discipline="preemptive"), Resource("unit_1"))
    longer = [Activity(t.name, t.resource, t.picoseconds * factor, t.after, priority=t.priority) for t in tasks]
    first, second = (play(System("scaled", resources, activities=tuple(each))) for each in (tasks, longer))
    assert (first.end_ps * factor == second.end_ps).all()


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=25)
def test_equal_flows_end_together_however_many(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, size = int(rng.integers(1, 9)), int(rng.integers(1, 1000))
    task = Activity("load", "dma", size, port="bus", bytes=size, flow_ps=size)
    system = System("equal", (Resource("dma", count),), (Port("bus", 1e12),), activities=(task,) * count)
    played = play(system)
    assert len(set(played.end_ps.tolist())) == 1
    assert size * count <= played.makespan_ps <= size * count + 1


def test_a_log_that_is_too_short_is_made_longer() -> None:
    """One long activity that is put aside again and again has more stretches than there are activities."""
    tasks = (
        Activity("low", "core", 10_000),
        *(Activity(f"high_{n}", "core", 1, priority=1, release_ps=100 * n + 1) for n in range(80)),
    )
    system = System("many", (Resource("core", discipline="preemptive"),), activities=tasks)
    played = play(system, "compiled")
    assert played == play(system, "events")
    assert len(played.stretches_of(0)) == 81
