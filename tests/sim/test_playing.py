"""Systems played by both engines: logs worked by hand, one rule after the other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.check_events import broken_rules_of_play
from sim.compiled import play_compiled
from sim.engine import play
from sim.errors import ScheduleError
from sim.played import Played
from sim.system import Activity, Holding, Port, Resource, Store, System

#: Ways to play a system.
ENGINES: dict[str, Callable[[System], Played]] = {
    "events": lambda system: play(system, "events"),
    "compiled": play_compiled,
    "interpreted": lambda system: play_compiled(system, compiled=False),
}

CORE = Resource("core")
DMA = Resource("dma", 8)
BUS = Port("bus", 1e12)  # 1 byte per picosecond


def times(system: System) -> list[tuple[int, int]]:
    """Start and end of each activity, the same in every engine."""
    played = [engine(system) for engine in ENGINES.values()]
    assert played[0] == played[1] == played[2]
    assert broken_rules_of_play(system, played[0]) == []
    return list(zip(played[0].start_ps.tolist(), played[0].end_ps.tolist(), strict=True))


def flow(name: str, size: int, flow_ps: int, alone_ps: int = 0, **rest: object) -> Activity:
    return Activity(name, "dma", alone_ps + flow_ps, port="bus", bytes=size, flow_ps=flow_ps, **rest)  # type: ignore[arg-type]


def test_first_come_first_served() -> None:
    tasks = (Activity("a", "core", 10), Activity("b", "core", 5, release_ps=3), Activity("c", "core", 2, release_ps=1))
    assert times(System("fifo", (CORE,), activities=tasks)) == [(0, 10), (12, 17), (10, 12)]


def test_ties_go_by_number() -> None:
    tasks = (Activity("a", "core", 1), Activity("b", "core", 1), Activity("c", "core", 1))
    assert times(System("ties", (CORE,), activities=tasks)) == [(0, 1), (1, 2), (2, 3)]


def test_several_servers() -> None:
    tasks = tuple(Activity(name, "core", 10) for name in "abcde")
    assert times(System("two", (Resource("core", 2),), activities=tasks)) == [(0, 10), (0, 10), (10, 20), (10, 20), (20, 30)]


def test_results_and_order_of_execution() -> None:
    # c needs a; b comes after c in the order although it needs nothing of it.
    tasks = (Activity("a", "core", 4), Activity("b", "other", 1, follows=(2,)), Activity("c", "core", 3, after=(0,)))
    system = System("order", (CORE, Resource("other")), activities=tasks)
    assert times(system) == [(0, 4), (7, 8), (4, 7)]
    assert play(system).ready_ps.tolist() == [0, 0, 4]


def test_priority_without_preemption() -> None:
    tasks = (
        Activity("low", "core", 10),
        Activity("also low", "core", 10),
        Activity("high", "core", 5, priority=1, release_ps=1),
    )
    assert times(System("priority", (Resource("core", discipline="priority"),), activities=tasks)) == [(0, 10), (15, 25), (10, 15)]
    assert times(System("fifo", (CORE,), activities=tasks)) == [(0, 10), (10, 20), (20, 25)]


def test_preemption_puts_aside_and_goes_on() -> None:
    tasks = (
        Activity("low", "core", 10),
        Activity("high", "core", 5, priority=1, release_ps=4),
        Activity("higher", "core", 2, priority=2, release_ps=6),
        Activity("low too", "core", 1, release_ps=4),
    )
    system = System("preemptive", (Resource("core", discipline="preemptive"),), activities=tasks)
    assert times(system) == [(0, 17), (4, 11), (6, 8), (17, 18)]
    played = play(system)
    assert played.stretches_of(0) == [(0, 4), (11, 17)]
    assert played.stretches_of(1) == [(4, 6), (8, 11)]


def test_bursts_are_not_interrupted() -> None:
    tasks = (Activity("low", "core", 20), Activity("high", "core", 5, priority=1, release_ps=4))
    system = System("bursts", (Resource("core", discipline="preemptive", burst_ps=8),), activities=tasks)
    assert times(system) == [(0, 25), (8, 13)]
    # Asked for in the last burst, it waits for the end.
    late = System("late", system.resources, activities=(tasks[0], Activity("high", "core", 5, priority=1, release_ps=17)))
    assert times(late) == [(0, 20), (20, 25)]


def test_a_lone_flow_takes_its_time() -> None:
    assert times(System("alone", (DMA,), (BUS,), activities=(flow("a", 100, 700, 20),))) == [(0, 720)]


def test_two_flows_share_alike() -> None:
    # Each alone 100 ps. From 50 on both get half: a has 50 B left, 100 ps; then b has 50 B left at full rate.
    tasks = (flow("a", 100, 100), flow("b", 100, 100, release_ps=50))
    assert times(System("share", (DMA,), (BUS,), activities=tasks)) == [(0, 150), (50, 200)]


def test_a_slow_user_leaves_the_rest() -> None:
    # b can take a quarter of the bus and gets it; a takes the other three quarters: 75 B until 100, then 25 B alone.
    tasks = (flow("a", 100, 100), flow("b", 25, 100))
    assert times(System("limits", (DMA,), (BUS,), activities=tasks)) == [(0, 125), (0, 100)]
    # With c beside them a has half the bus until 100, then three quarters: 50 B in 66.7 ps.
    tasks = (flow("a", 100, 100), flow("b", 25, 100), flow("c", 50, 200))
    assert times(System("three", (DMA,), (BUS,), activities=tasks)) == [(0, 167), (0, 100), (0, 200)]


def test_strict_ports_serve_the_higher_priority_first() -> None:
    tasks = (flow("a", 100, 100), flow("b", 30, 30, priority=1, release_ps=20))
    strict = Port("bus", 1e12, "strict")
    assert times(System("strict", (DMA,), (strict,), activities=tasks)) == [(0, 130), (20, 50)]
    assert times(System("fair", (DMA,), (BUS,), activities=tasks)) == [(0, 130), (20, 80)]


def test_full_duplex_is_one_port_per_direction() -> None:
    down, up = flow("down", 100, 100), Activity("up", "dma", 100, port="back", bytes=100, flow_ps=100)
    assert times(System("full", (DMA,), (BUS, Port("back", 1e12)), activities=(down, up))) == [(0, 100), (0, 100)]
    half = System("half", (DMA,), (BUS,), activities=(down, flow("up", 100, 100)))
    assert times(half) == [(0, 200), (0, 200)]


def test_a_flow_put_aside_goes_on_where_it_was() -> None:
    tasks = (flow("low", 100, 100), Activity("high", "dma", 30, priority=1, release_ps=40))
    system = System("aside", (Resource("dma", discipline="preemptive"),), (BUS,), activities=tasks)
    assert times(system) == [(0, 130), (40, 70)]


def test_waking_up_takes_time() -> None:
    sleepy = Resource("core", sleep_after_ps=10, wake_ps=7)
    tasks = (Activity("a", "core", 5), Activity("b", "core", 5, release_ps=15), Activity("c", "core", 5, release_ps=31))
    system = System("sleep", (sleepy,), activities=tasks)
    # Idle from 5 to 15: not longer than 10, still awake. Idle from 20 to 31: asleep, awake at 38.
    assert times(system) == [(0, 5), (15, 20), (38, 43)]
    assert play(system).woke_ps.tolist() == [-1, -1, 31]


def test_memory_is_waited_for() -> None:
    store = Store("sram", 100)
    holdings = (Holding("x", "sram", 60), Holding("y", "sram", 60))
    tasks = (
        Activity("load x", "dma", 10, takes=(0,)),
        Activity("load y", "dma", 10, takes=(1,)),
        Activity("use x", "core", 50, after=(0,), drops=(0,)),
        Activity("use y", "core", 50, after=(1,), drops=(1,)),
    )
    system = System("memory", (DMA, CORE), (), (store,), holdings, tasks)
    assert times(system) == [(0, 10), (60, 70), (10, 60), (70, 120)]


def test_what_is_there_from_the_start_is_counted() -> None:
    system = System(
        "kept", (CORE,), (), (Store("sram", 100),), (Holding("weights", "sram", 80), Holding("x", "sram", 21)),
        (Activity("take", "core", 1, takes=(1,)), Activity("drop", "other", 9, drops=(0,))),
    )  # fmt: skip
    with pytest.raises(ScheduleError, match="resource 'other' does not exist"):
        play(system)
    whole = System(system.name, (CORE, Resource("other")), (), system.stores, system.holdings, system.activities)
    assert times(whole) == [(9, 10), (0, 9)]


def failure(system: System) -> str:
    """The one line that every engine refuses a system with."""
    said = set()
    for engine in ENGINES.values():
        with pytest.raises(ScheduleError) as error:
            engine(system)
        said.add(str(error.value))
    assert len(said) == 1
    return said.pop()


def test_out_of_memory_says_when_what_and_who_holds_it() -> None:
    holdings = (Holding("weights", "sram", 80), Holding("x", "sram", 30))
    tasks = (Activity("first", "core", 5_000_000), Activity("take", "core", 1, takes=(1,)))
    assert failure(System("oom", (CORE,), (), (Store("sram", 100, waits=False),), holdings, tasks)) == (
        "task 'take': out of memory at 5e-06 s; tensor 'x' needs 30 B in sram, 20 of 100 B are free; held by 'weights' 80 B; "
        "enlarge sram or let a holder go earlier"
    )


def test_deadlock_says_who_waits_for_whom() -> None:
    holdings = (Holding("x", "sram", 60), Holding("y", "sram", 60))
    tasks = (
        Activity("load x", "core", 1, takes=(0,)),
        Activity("load y", "core", 1, takes=(1,)),
        Activity("use both", "core", 1, after=(0, 1), drops=(0, 1)),
    )
    assert failure(System("deadlock", (CORE,), (), (Store("sram", 100),), holdings, tasks)) == (
        "task 'load y': waits for memory: tensor 'y' needs 60 B in sram, 40 of 100 B are free; "
        "held by 'x' 60 B until 'use both' ends; 2 of 3 tasks can never go on; enlarge sram or let a holder go earlier"
    )


def test_a_ring_is_named() -> None:
    tasks = (Activity("a", "core", 1, after=(2,)), Activity("b", "core", 1, after=(0,)), Activity("c", "core", 1, follows=(1,)))
    assert "task 'a': waits for 'c', which waits for 'b', which waits for 'a'; 3 tasks" in failure(
        System("ring", (CORE,), activities=tasks)
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"resource": "cor"}, "resource 'cor' does not exist; one of core, dma is expected; .*core"),
        ({"port": "buss", "bytes": 1, "flow_ps": 1}, "link 'buss' does not exist"),
        ({"picoseconds": 2**63}, "what the clock holds"),
        ({"picoseconds": -1}, "a time from 0"),
        ({"picoseconds": 1, "flow_ps": 2}, "of which 2 ps flow"),
        ({"bytes": 2**50}, "split it"),
        ({"release_ps": -5}, "released at -5"),
        ({"after": (7,)}, "waits for task 7"),
        ({"takes": (3,)}, "tensor 3"),
    ],
)
def test_broken_activities_are_refused(changes: dict[str, object], says: str) -> None:
    fields: dict[str, object] = {"name": "a", "resource": "core", "picoseconds": 5, **changes}
    with pytest.raises(ScheduleError, match=says):
        play(System("bad", (CORE, DMA), (BUS,), activities=(Activity(**fields),)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("system", "says"),
    [
        (System("zero", (CORE,), (Port("bus", 0.0),)), "link 'bus': bandwidth 0 B/s; a rate above 0 is expected"),
        (System("none", (Resource("core", 0),)), "0 servers"),
        (System("odd", (Resource("core", discipline="lifo"),)), "discipline 'lifo'"),
        (System("odd", (CORE,), (Port("bus", 1e9, "far"),)), "division 'far'"),
        (System("twice", (CORE, CORE)), "stands 2 times"),
        (System("sleep", (Resource("core", wake_ps=-1),)), "a negative time"),
        (System("lost", (CORE,), holdings=(Holding("x", "sram", 5),)), "memory 'sram' does not exist"),
        (System("long", (CORE,), activities=(Activity("a", "core", 2**62), Activity("b", "core", 2**62))), "use a smaller batch"),
        (
            System("two", (CORE,), (), (Store("m"),), (Holding("x", "m", 1),), (Activity("a", "core", 1, takes=(0,)),) * 2),
            "tensor 'x': taken by a and a",
        ),
    ],
)  # fmt: skip
def test_broken_systems_are_refused(system: System, says: str) -> None:
    with pytest.raises(ScheduleError, match=says):
        play(system)


def test_an_unknown_engine() -> None:
    with pytest.raises(ScheduleError, match=r"engine: 'event'; one of auto, events, compiled is expected; .*events"):
        play(System("one", (CORE,)), "event")


def test_nothing_to_play() -> None:
    assert times(System("empty", (CORE,))) == []
    assert play(System("empty", (CORE,))).makespan_ps == 0
