"""Schedule -> Trace, by events: the tasks of one network, each on its resource, first come first served."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sim.durations import Durations, durations
from sim.engine import play
from sim.estimate import assembled
from sim.occupancy import occupancy_of, times_of
from sim.played import Played
from sim.results import Estimate
from sim.schedule import Schedule
from sim.system import Activity, Resource, System
from sim.tables import resources_of
from sim.trace import Event, Trace


def simulate(schedule: Schedule, spent: Durations | None = None, engine: str = "auto") -> Trace:
    """Play a schedule and return what ran where, from when to when.

    Parameters
    ----------
    schedule : Schedule
    spent : Durations or None
        Durations of its tasks, if they are at hand.
    engine : str
        ``events``, ``compiled`` or ``auto``: see :func:`sim.engine.play`.

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
    spent = spent or durations(schedule)
    played = play(system_of(schedule, spent), engine)
    events = events_of(schedule, spent, played)
    before = tuple((*task.after, *task.follows) for task in schedule.tasks)
    held = occupancy_of(schedule, times_of(schedule, events), played.makespan_ps, events)
    return Trace(events, played.makespan_ps, held, before)


def system_of(schedule: Schedule, spent: Durations) -> System:
    """The tasks of a schedule as activities; every resource serves one at a time, in order of arrival."""
    picoseconds = spent.picoseconds.tolist()
    return System(
        schedule.graph.name,
        tuple(Resource(name) for name in resources_of(schedule)),
        activities=tuple(
            Activity(task.name, task.resource, picoseconds[index], task.after, task.follows)
            for index, task in enumerate(schedule.tasks)
        ),
    )


def events_of(schedule: Schedule, spent: Durations, played: Played) -> tuple[Event, ...]:
    """An event per task, in order of start."""
    ready, start, end = played.ready_ps.tolist(), played.start_ps.tolist(), played.end_ps.tolist()
    joules = [None if math.isnan(energy) else energy for energy in spent.joules.tolist()]
    events = [
        Event(index, task.name, task.operator, task.phase, task.resource, ready[index], start[index], end[index], joules[index])
        for index, task in enumerate(schedule.tasks)
    ]
    return tuple(sorted(events, key=lambda event: (event.start_ps, event.task)))


def estimate_of_trace(
    schedule: Schedule, trace: Trace, settings: Mapping[str, Any] | None = None, spent: Durations | None = None
) -> Estimate:
    """What a trace says, in the form of the closed form: latency, energy, memory, with start and waiting of each operator."""
    spent = spent or durations(schedule)
    times = [(t.start_ps, t.wait_ps) for t in times_of(schedule, trace.events)]
    return assembled(schedule, spent, trace.makespan_ps, "events", settings, times)
