"""The same schedule, played event by event: durations -> Trace. The one file that imports simpy.

Every resource serves one task at a time, first come first served. A task is ready when what it needs has ended; it then waits for
those before it in the order of execution, and for its resource. Time is whole picoseconds.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from typing import Any

from sim.durations import LONGEST_PS, Durations, durations
from sim.errors import ScheduleError
from sim.estimate import assembled
from sim.occupancy import Times, occupancy_of
from sim.results import Estimate
from sim.schedule import Schedule
from sim.trace import Event, Trace


def simulate(schedule: Schedule, spent: Durations | None = None) -> Trace:
    """Play a schedule and return what ran where, from when to when.

    Raises
    ------
    ScheduleError
        Tasks that wait for each other: named, with whom they wait for.

    Examples
    --------
    >>> from hwmodels.reader import load_device
    >>> from sim.estimate import estimate
    >>> from sim.lower import layerwise_plan, lower
    >>> from workloads.networks import build
    >>> graph, device = build("lenet5"), load_device("raspberry_pi_4")
    >>> schedule = lower(graph, device, layerwise_plan(graph, device))
    >>> simulate(schedule).makespan_ps == round(estimate(schedule).latency_s * 10**12)
    True
    """
    import simpy

    spent = spent or durations(schedule)
    picoseconds, joules = spent.picoseconds.tolist(), spent.joules.tolist()
    environment = simpy.Environment(initial_time=0)
    resources = {task.resource: simpy.Resource(environment) for task in schedule.tasks}
    events: list[Event] = []
    running: list[Any] = []

    def play(index: int) -> Generator[Any, Any, None]:
        task = schedule.tasks[index]
        for before in task.after:
            yield running[before]
        ready = environment.now
        for before in task.follows:
            yield running[before]
        with resources[task.resource].request() as turn:
            yield turn
            start = environment.now
            yield environment.timeout(picoseconds[index])
        energy = None if math.isnan(joules[index]) else joules[index]
        events.append(
            Event(index, task.name, task.operator, task.phase, task.resource, ready, start, environment.now, energy)  # type: ignore[arg-type]
        )

    running.extend(environment.process(play(index)) for index in range(len(schedule.tasks)))
    environment.run()
    _refuse_deadlock(schedule, {event.task for event in events})
    events.sort(key=lambda e: (e.start_ps, e.task))
    makespan = max((event.end_ps for event in events), default=0)
    if makespan > LONGEST_PS:
        raise ScheduleError(f"{schedule.graph.name}: {makespan} ps; at most {LONGEST_PS} ps are expected, what the clock holds")
    before = tuple((*task.after, *task.follows) for task in schedule.tasks)
    return Trace(tuple(events), makespan, occupancy_of(schedule, times_of(schedule, tuple(events)), makespan), before)


def times_of(schedule: Schedule, events: tuple[Event, ...]) -> list[Times]:
    """When each operator was ready, started, ended, and how long it waited; one without tasks takes the end of what it reads."""
    by_task = {event.task: event for event in events}
    found: list[Times] = []
    for operator, tasks in zip(schedule.graph.operators, schedule.tasks_of(), strict=True):
        if tasks:
            played = [by_task[t] for t in tasks]
            enqueued = schedule.work[schedule.tasks[tasks[0]].work].enqueue_phase
            working = [e for e in played if e.phase != enqueued] or played
            found.append(Times(min(e.start_ps for e in working), max(e.end_ps for e in played), _wait(schedule, tasks, by_task)))
        else:
            producers = (schedule.graph.producer[name] for name in operator.inputs if name in schedule.graph.producer)
            end = max((found[p].end_ps for p in producers), default=0)
            found.append(Times(end, end, 0))
    return found


def estimate_of_trace(
    schedule: Schedule, trace: Trace, settings: Mapping[str, Any] | None = None, spent: Durations | None = None
) -> Estimate:
    """What a trace says, in the form of the closed form: latency, energy, memory, with start and waiting of each operator."""
    spent = spent or durations(schedule)
    times = [(t.start_ps, t.wait_ps) for t in times_of(schedule, trace.events)]
    return assembled(schedule, spent, trace.makespan_ps, "events", settings, times)


def _wait(schedule: Schedule, tasks: tuple[int, ...], by_task: Mapping[int, Event]) -> int:
    """Waiting along the longest chain of one operator's own tasks [ps]."""
    waits: dict[int, int] = {}
    for t in tasks:
        inside = (waits[before] for before in schedule.tasks[t].after if before in waits)
        waits[t] = by_task[t].wait_ps + max(inside, default=0)
    return max(waits.values(), default=0)


def _refuse_deadlock(schedule: Schedule, played: set[int]) -> None:
    stuck = [index for index in range(len(schedule.tasks)) if index not in played]
    if stuck:
        task = schedule.tasks[stuck[0]]
        others = [schedule.tasks[t].name for t in (*task.after, *task.follows) if t not in played]
        raise ScheduleError(
            f"task '{task.name}': waits for {', '.join(others)}, and {len(stuck)} tasks wait for each other; "
            "a schedule without a cycle is expected"
        )
