"""Task events per second of both engines, beside plain SimPy. A task event is the start and end of one task, with arbitration."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from sim.batch import as_records
from sim.compiled import play_compiled, run_tables
from sim.engine import play
from sim.event_tables import State, Tables, state_of, tables_of
from sim.kernels_events import ENDED, play_events
from sim.system import Activity, Port, Resource, System

COUNT = 10_000


def network_like(count: int = COUNT, *, shared: bool = False, preemptive: bool = False) -> System:
    """Tasks on three units and a DMA engine with four channels; each needs up to two of the twenty before it.

    ``shared``: what the DMA engine moves shares one bus. ``preemptive``: the units give way to tasks of higher priority.
    """
    rng = np.random.default_rng(1)
    units = tuple(Resource(f"unit_{k}", discipline="preemptive" if preemptive else "fifo") for k in range(3))
    tasks = []
    for n in range(count):
        before = tuple({int(b) for b in rng.integers(max(0, n - 20), n, size=2)}) if n else ()
        length, resource = int(rng.integers(1, 10**6)), int(rng.integers(4))
        flow = length if shared and resource == 3 else 0
        name = "dma" if resource == 3 else f"unit_{resource}"
        tasks.append(
            Activity(
                f"task_{n}",
                name,
                length,
                before,
                priority=int(rng.integers(3)),
                port="bus" if flow else None,
                bytes=flow,
                flow_ps=flow,
            )
        )
    return System("benchmark", (*units, Resource("dma", 4)), (Port("bus", 1e12),), activities=tuple(tasks))


def plain_simpy(system: System) -> list[int]:
    """End of each task, by a SimPy program as its guide shows them: a process per task, a Resource per resource."""
    import simpy

    environment = simpy.Environment()
    resources = {r.name: simpy.Resource(environment, r.capacity) for r in system.resources}
    ends = [0] * len(system.activities)
    over: list[Any] = []

    def run(number: int, task: Activity) -> Any:
        yield environment.all_of([over[before] for before in task.after])
        with resources[task.resource].request() as turn:
            yield turn
            yield environment.timeout(task.picoseconds)
        ends[number] = int(environment.now)

    over.extend(environment.process(run(number, task)) for number, task in enumerate(system.activities))
    environment.run()
    return ends


def seconds_of(call: Any, rounds: int = 5) -> float:
    """Least processor time of a call over some rounds [s]."""
    least = float("inf")
    for _ in range(rounds):
        started = time.thread_time()
        call()
        least = min(least, time.thread_time() - started)
    return least


CASES = {
    "in order of time": {},
    "one bus shared by four channels": {"shared": True},
    "preemptive units": {"preemptive": True},
}


@pytest.mark.parametrize("case", CASES)
def test_task_events_per_second(benchmark: Any, case: str) -> None:
    system = network_like(**CASES[case])
    started = time.perf_counter()
    compiled = play_compiled(system)
    first = time.perf_counter() - started
    assert compiled == play(system, "events")

    tables = tables_of(system)
    records = Tables(*map(as_records, tables))
    states = [State(*map(as_records, state_of(tables, 4 * COUNT))) for _ in range(8)]

    def loop() -> None:
        assert play_events.compiled(records, states.pop()) == ENDED

    benchmark.pedantic(loop, rounds=5, warmup_rounds=1)
    per_second = COUNT / benchmark.stats.stats.min
    whole = seconds_of(lambda: run_tables(tables))
    readable = seconds_of(lambda: play(system, "events"), rounds=1)
    benchmark.extra_info["task_events_per_second"] = round(per_second)
    print(
        f"\n{COUNT:,} tasks, {case}: compiled {1e3 * COUNT / per_second:.2f} ms ({per_second / 1e6:.1f} M task events/s; "
        f"{1e3 * whole:.1f} ms with fresh columns; first call with compiling or loading {first:.1f} s), "
        f"readable engine {1e3 * readable:.0f} ms ({COUNT / readable / 1e3:.0f} k/s)"
    )


def test_beside_plain_simpy(benchmark: Any) -> None:
    system = network_like()
    assert plain_simpy(system) == play_compiled(system).end_ps.tolist() == play(system, "events").end_ps.tolist()
    tables = tables_of(system)
    plain, readable = seconds_of(lambda: plain_simpy(system), 2), seconds_of(lambda: play(system, "events"), 2)
    benchmark.pedantic(run_tables, args=(tables,), rounds=5, warmup_rounds=1)
    compiled = benchmark.stats.stats.min
    print(
        f"\n{COUNT:,} tasks: plain SimPy {1e3 * plain:.0f} ms; readable engine {1e3 * readable:.0f} ms; "
        f"compiled engine {1e3 * compiled:.1f} ms ({plain / compiled:.0f} times as fast as plain SimPy)"
    )
