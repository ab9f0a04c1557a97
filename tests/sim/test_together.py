"""Several networks and streams on one device: who gives way to whom, what is missed, what it costs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hwmodels.device import Device, PowerState
from sim.check import broken_rules_of_estimate
from sim.check_events import broken_rules_of_play
from sim.durations import durations
from sim.engine import play
from sim.errors import ScheduleError
from sim.estimate import estimate
from sim.export import trace_events
from sim.lower import layerwise_plan, lower
from sim.parties import Party, Stream, cast
from sim.schedule import Schedule
from sim.simulation import estimate_of_trace, simulate
from sim.together import Together, simulate_together
from tests.cases import chain_graph, random_graph, toy_device, toy_lowering, toy_unit

NS = 1000

LOWERINGS = {"mcu": toy_lowering, "gpu": toy_lowering}

#: A chain of the toy model: 324 ns per layer.
LAYER = 324 * NS


def schedule_of(layers: int = 2, device: Device | None = None, unit: str = "core", **changes: object) -> Schedule:
    """A chain on a unit that gives way at once, as a processor does."""
    device = device or toy_device(toy_unit(kind="mcu"), toy_unit("second", kind="mcu"), **changes)  # type: ignore[arg-type]
    graph = chain_graph(layers)
    return lower(graph, device, replace(layerwise_plan(graph, device), unit=unit), LOWERINGS)


def response(together: Together, party: str) -> list[int]:
    return [job.response_ps // NS for job in together.jobs_of(party)]


def test_alone_it_is_the_run_itself() -> None:
    schedule = schedule_of()
    together = simulate_together([Party("main", schedule)])
    alone = simulate(schedule)
    assert together.trace.makespan_ps == alone.makespan_ps == 2 * LAYER
    own = together.trace_of(together.parties[0])
    assert [(e.task, e.start_ps, e.end_ps, e.energy_j) for e in own.events] == [
        (e.task, e.start_ps, e.end_ps, e.energy_j) for e in alone.events
    ]
    assert together.trace.occupancy == alone.occupancy
    assert together.energy_j == pytest.approx(estimate(schedule).energy_j)


def test_the_higher_priority_goes_first() -> None:
    main, other = schedule_of(2), schedule_of(1)
    low = simulate_together([Party("main", main), Party("other", other, every_ps=500 * NS, priority=-1)])
    # Main takes 648 ns without a pause; the job of 0 begins then, the one released at 500 after it.
    assert response(low, "main") == [648]
    assert response(low, "other") == [972, 796]
    high = simulate_together([Party("main", main), Party("other", other, every_ps=500 * NS, priority=1)])
    # Main runs from 324 to 500, from 824 to 1000, from 1324 to 1500 and from 1824 on: 176 * 3 + 120 = 648.
    assert response(high, "other") == [324, 324, 324, 324]
    assert response(high, "main") == [1944]
    assert high.trace_of(high.parties[0]).events[0].start_ps == 324 * NS


def test_equal_priorities_take_turns_between_tasks() -> None:
    together = simulate_together([Party("main", schedule_of(1)), Party("other", schedule_of(1))])
    ends = {event.name: event.end_ps // NS for event in together.trace.events}
    # compute 64, flash 32, sram 128, overhead 100 of each in turn.
    assert ends["conv_0/compute"] == 64 and ends["other#0/conv_0/compute"] == 128
    assert (ends["conv_0/overhead"], ends["other#0/conv_0/overhead"]) == (548, 648)


def test_deadlines() -> None:
    main, other = schedule_of(4), schedule_of(1)
    for priority, missed in ((1, 0), (-1, 2)):
        together = simulate_together([
            Party("main", main), Party("other", other, every_ps=800 * NS, priority=priority, deadline_ps=400 * NS)
        ])  # fmt: skip
        assert together.missed("other") == missed, priority
    late = together.jobs_of("other")[0]
    assert late.missed and late.end_ps == 4 * LAYER + LAYER and late.deadline_ps == 400 * NS
    rows = trace_events(main, together.trace, together)["traceEvents"]
    marks = [row for row in rows if row["ph"] == "i"]
    assert [row["ts"] for row in marks] == [0.4, 1.2]
    assert marks[0]["args"]["late_us"] == pytest.approx(1.62 - 0.4)
    json.dumps(rows, allow_nan=False)


def test_interrupts_of_a_stream_and_a_network_it_releases() -> None:
    stream = Stream("sensor", 64, 200 * NS, "sram", "core", interrupt_ps=10 * NS)
    main = Party("main", schedule_of(2))
    together = simulate_together([main], [stream])
    # Blocks are complete at 200, 400, 600; each takes 10 ns of the core: 648 + 30.
    assert response(together, "main") == [678]
    assert response(together, "sensor")[:3] == [10, 10, 10]
    assert [e.party for e in together.trace.events if e.resource == "core" and e.phase == "interrupt"][:3] == ["sensor"] * 3
    # Two blocks of 64 B are there all the time, beside 32 B of input.
    assert together.trace.occupancy["sram"][0][1] == 2 * 64 + simulate(main.schedule).occupancy["sram"][0][1]
    on = simulate_together([main, Party("small", schedule_of(1), priority=1, on="sensor")], [replace(stream, every_ps=600 * NS)])
    job = on.jobs_of("small")[0]
    assert (job.release_ps, job.end_ps) == (610 * NS, 934 * NS)
    assert response(on, "main") == [648 + 10 + 324]


def test_a_slow_interrupt_misses_its_block() -> None:
    stream = Stream("sensor", 64, 100 * NS, "sram", "core", interrupt_ps=10 * NS, priority=-1)
    together = simulate_together([Party("main", schedule_of(2))], [stream])
    # Served only when main has ended, at 648 ns: the blocks of 100 to 500 were overwritten by then, that of 600 is served at 708.
    assert together.missed("sensor") == 6


def test_a_shared_memory_slows_both_units() -> None:
    plain = toy_device(toy_unit(kind="mcu"), toy_unit("second", kind="mcu"))
    # One unit reads and writes 256 B in 128 ns, 2 GB/s; the memory gives 3 GB/s, 1.5 to each of two.
    known = replace(plain.memories["sram"], read_bandwidth_bytes_per_s=3e9)
    device = replace(plain, memories={**plain.memories, "sram": known})
    parties = [Party("main", schedule_of(1, device)), Party("other", schedule_of(1, device, "second"))]
    together = simulate_together(parties)
    assert response(together, "main") == response(together, "other") == [int(324 - 128 + 128 * 4 / 3)]
    slowed = next(event for event in together.trace.events if event.name == "conv_0/sram")
    assert slowed.slowed_ps == pytest.approx(128 * NS / 3, abs=1)
    # It draws 0.5 W for as long as it takes.
    assert slowed.energy_j == pytest.approx(0.5 * 128e-9 * 4 / 3, rel=1e-4)
    free = simulate_together([parties[0]])
    assert response(free, "main") == [324]
    wide = replace(plain, memories={**plain.memories, "sram": replace(known, read_bandwidth_bytes_per_s=4e9)})
    both = simulate_together([Party("main", schedule_of(1, wide)), Party("other", schedule_of(1, wide, "second"))])
    assert response(both, "main") == [324]


def test_resting_and_sleeping() -> None:
    plain = toy_device(toy_unit(kind="mcu"))
    states = {"idle": PowerState("idle", 0.1), "sleep": PowerState("sleep", 0.01, 50e-9, 1e-9)}
    schedule = schedule_of(1, replace(plain, power=states))
    party = Party("main", schedule, every_ps=1000 * NS)
    awake = simulate_together([party], until_ps=2000 * NS)
    # 324 ns of work at 0.5 W, twice, and 676 ns idle between them.
    assert awake.energy_j == pytest.approx(2 * 324e-9 * 0.5 + 676e-9 * 0.1)
    asleep = simulate_together([party], until_ps=2000 * NS, sleep={"core": (100 * NS, 50 * NS)})
    assert asleep.wakes == 1 and response(asleep, "main") == [324, 374]
    # 100 ns idle, 576 ns asleep until the release, 50 ns waking up.
    assert asleep.energy_j == pytest.approx(2 * 324e-9 * 0.5 + 100e-9 * 0.1 + 576e-9 * 0.01 + 1e-9)
    assert simulate_together([Party("main", schedule_of(1), every_ps=1000 * NS)], until_ps=2000 * NS).energy_j is None


@pytest.mark.parametrize("seed", range(6))
def test_engines_agree_and_keep_the_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plain = toy_device(toy_unit(kind="mcu"), toy_unit("second", kind="gpu"))
    device = replace(plain, memories={**plain.memories, "sram": replace(plain.memories["sram"], read_bandwidth_bytes_per_s=2.5e9)})
    graphs = [random_graph(rng, 5, prefix=f"{n}_") for n in range(3)]
    schedules = [
        lower(g, device, replace(layerwise_plan(g, device), unit=("core", "second", "core")[n]), LOWERINGS)
        for n, g in enumerate(graphs)
    ]  # fmt: skip
    length = max(int(durations(schedule).picoseconds.sum()) for schedule in schedules)
    parties = [
        Party("main", schedules[0]),
        Party("beside", schedules[1], every_ps=2 * length, priority=1),
        Party("often", schedules[2], every_ps=3 * length, priority=int(rng.integers(-1, 2)), deadline_ps=length),
    ]
    streams = [Stream("sensor", 256, max(1, length // 7), "sram", "core", interrupt_ps=NS)]
    system = cast(parties, streams, length, {}).system
    played = play(system, "events")
    assert played == play(system, "compiled")
    assert broken_rules_of_play(system, played) == []
    found = [simulate_together(parties, streams, engine=engine) for engine in ("events", "compiled")]
    assert found[0].jobs == found[1].jobs and found[0].trace == found[1].trace
    main = parties[0]
    answer = estimate_of_trace(main.schedule, found[0].trace_of(main), {}, found[0].durations_of(main))
    assert broken_rules_of_estimate(answer) == []
    assert answer.latency_s >= estimate(main.schedule).latency_s
    # Energy is conserved: what every event spent is what all parties spent.
    spent = sum(event.energy_j or 0.0 for event in found[0].trace.events if event.party == "main")
    assert answer.energy_j == pytest.approx(spent)


@pytest.mark.parametrize(
    ("parties", "streams", "says"),
    [
        ([Party("a", schedule_of(1)), Party("a", schedule_of(1))], [], "'a': 2 networks or streams of this name"),
        ([Party("a", schedule_of(1), every_ps=0)], [], "network 'a': every 0 ps"),
        ([Party("a", schedule_of(1), on="mic")], [], "on 'mic', which is no stream"),
        ([Party("a", schedule_of(1))], [Stream("s", 0, 5, "sram", "core")], "stream 's': 0 B"),
        ([Party("a", schedule_of(1))], [Stream("s", 1, 5, "srm", "core")], "memory 'srm' is none of toy; .*sram"),
        ([Party("a", schedule_of(1))], [Stream("s", 1, 5, "sram", "cor")], "unit 'cor' is none of toy"),
        (
            [Party("a", schedule_of(1)), Party("b", schedule_of(1), every_ps=LAYER, priority=1)],
            [],
            "network 'a': never ends; core is taken by what goes before it: b 100 %",
        ),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused(parties: list[Party], streams: list[Stream], says: str) -> None:
    with pytest.raises(ScheduleError, match=says):
        simulate_together(parties, streams)


def test_a_run_of_too_many_tasks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.parties.MOST_ACTIVITIES", 100)
    with pytest.raises(ScheduleError, match="'s': more than 100 tasks in one run"):
        simulate_together([Party("a", schedule_of(1))], [Stream("s", 1, 1000, "sram", "core", 1)])
