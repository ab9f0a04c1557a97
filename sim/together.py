"""Several networks and sensor streams on one device, played: jobs with their deadlines, the trace of all, what the device spent.

The first network is the one that was asked about; the others and the streams go on until its first job has ended, or until a given
moment. Who takes what from whom is decided by :mod:`sim.arbitration`; this file sets the stage and reads the answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hwmodels.costs.link import active_joules
from hwmodels.costs.rest import rest_joules
from sim.durations import Durations, durations, idle_power
from sim.engine import play
from sim.errors import ScheduleError
from sim.occupancy import add_buffers, add_held, running_sum, times_of
from sim.parties import Cast, Party, Stream, cast, check_parties
from sim.played import Played
from sim.trace import PICOSECONDS, Event, Trace

#: A run that goes on for this many times the length of its first network alone is refused.
PATIENCE = 1000


@dataclass(frozen=True)
class Job:
    """One run of a network, or one arrival of a stream.

    Attributes
    ----------
    party : str
    number : int
    release_ps : int
        It could have begun; of an arrival: its block was due [ps].
    start_ps, end_ps : int
        It began; it ended [ps].
    deadline_ps : int or None
        It should have ended by then [ps].
    """

    party: str
    number: int
    release_ps: int
    start_ps: int
    end_ps: int
    deadline_ps: int | None

    @property
    def missed(self) -> bool:
        """True where it ended after its deadline."""
        return self.deadline_ps is not None and self.end_ps > self.deadline_ps

    @property
    def response_ps(self) -> int:
        """From release to end [ps]."""
        return self.end_ps - self.release_ps


@dataclass(frozen=True)
class Together:
    """A run of several networks and streams.

    Attributes
    ----------
    parties : tuple of Party
    streams : tuple of Stream
    trace : Trace
        Of all.
    jobs : tuple of Job
        In order of release.
    energy_j : float or None
        Of the device from the start to the end: what works, resting in between, waking up; ``None`` where one of them is not known.
    wakes : int
        Times something woke up.
    capacities : Mapping of str to int
        Servers of each resource.
    """

    parties: tuple[Party, ...]
    streams: tuple[Stream, ...]
    trace: Trace
    jobs: tuple[Job, ...]
    energy_j: float | None
    wakes: int
    capacities: Mapping[str, int]

    def jobs_of(self, party: str) -> tuple[Job, ...]:
        """Jobs of one network or stream."""
        return tuple(job for job in self.jobs if job.party == party)

    def missed(self, party: str) -> int:
        """Deadlines that one network or stream missed."""
        return sum(job.missed for job in self.jobs_of(party))

    def trace_of(self, party: Party, job: int = 0) -> Trace:
        """Events of one job, with the numbers of its own schedule, from its release on."""
        own = [event for event in self.trace.events if (event.party, event.job) == (party.name, job)]
        begin = next(j.release_ps for j in self.jobs if (j.party, j.number) == (party.name, job))
        base = min((event.task for event in own), default=0)
        events = tuple(_earlier(replace(event, task=event.task - base), begin) for event in own)
        before = tuple((*task.after, *task.follows) for task in party.schedule.tasks)
        return Trace(events, max((event.end_ps for event in events), default=0), {}, before)

    def durations_of(self, party: Party, job: int = 0) -> Durations:
        """Durations of one job with the energy it really spent."""
        spent = durations(party.schedule)
        joules = np.full(len(party.schedule.tasks), math.nan)
        for event in self.trace_of(party, job).events:
            joules[event.task] = math.nan if event.energy_j is None else event.energy_j
        return replace(spent, joules=joules)


def simulate_together(
    parties: Sequence[Party],
    streams: Sequence[Stream] = (),
    until_ps: int | None = None,
    sleep: Mapping[str, tuple[int, int]] | None = None,
    engine: str = "auto",
) -> Together:
    """Play several networks and streams on one device.

    Parameters
    ----------
    parties : sequence of Party
        The first one is the network asked about.
    until_ps : int or None
        What is released before is played to its end; ``None``: until the first job of the first network has ended [ps].
    sleep : Mapping of str to (int, int)
        Resource -> (time without work after which it sleeps, time to wake up) [ps].
    engine : str
        See :func:`sim.engine.play`.

    Raises
    ------
    ScheduleError
        Names that come twice or do not exist, periods that are none; a first network that never ends beside the others.
    """
    check_parties(parties, streams)
    sleep = sleep or {}
    if until_ps is not None:
        scene = cast(parties, streams, until_ps, sleep)
        return _together(parties, streams, scene, play(scene.system, engine), None, sleep)
    _check_load(parties, streams)
    alone = max(1, int(durations(parties[0].schedule).picoseconds.sum()))
    horizon = alone
    while True:
        scene = cast(parties, streams, horizon, sleep)
        played = play(scene.system, engine)
        end = _end_of(scene, played, (parties[0].name, 0))
        if end <= horizon:
            return _together(parties, streams, scene, played, end, sleep)
        if horizon > PATIENCE * alone:
            raise ScheduleError(
                f"network '{parties[0].name}': {alone / PICOSECONDS:.3g} s alone, has not ended after "
                f"{horizon / PICOSECONDS:.3g} s beside the others; less for them to do is expected; give longer periods"
            )
        horizon = max(end, 2 * horizon)


def _end_of(scene: Cast, played: Played, key: tuple[str, int]) -> int:
    """End of the last activity of a job; of one without any its release."""
    return max((int(played.end_ps[number]) for number in scene.activities_of(key)), default=_release(scene, played, key))


def _release(scene: Cast, played: Played, key: tuple[str, int]) -> int:
    source = scene.released_by.get(key)
    return scene.released_at[key] if source is None else int(played.end_ps[source])


def _check_load(parties: Sequence[Party], streams: Sequence[Stream]) -> None:
    """Refuse a first network that can never end: those who go before it take all of one of its units."""
    main = parties[0]
    urgent = max(party.priority for party in parties) + 1
    for unit in dict.fromkeys(task.resource for task in main.schedule.tasks):
        loads = {p.name: _busy_ps(p, unit) / p.every_ps for p in parties[1:] if p.every_ps and p.priority > main.priority}
        loads |= {
            s.name: s.interrupt_ps / s.every_ps
            for s in streams
            if s.unit == unit and (urgent if s.priority is None else s.priority) > main.priority
        }
        if sum(loads.values()) >= 1.0:
            said = ", ".join(f"{name} {100 * load:.0f} %" for name, load in loads.items() if load)
            raise ScheduleError(
                f"network '{main.name}': never ends; {unit} is taken by what goes before it: {said}; less than 100 % in all is "
                "expected; give longer periods or lower priorities"
            )


def _busy_ps(party: Party, unit: str) -> int:
    """Time one job of a network takes of a resource [ps]."""
    times = durations(party.schedule).picoseconds.tolist()
    return sum(time for time, task in zip(times, party.schedule.tasks, strict=True) if task.resource == unit)


def _together(
    parties: Sequence[Party],
    streams: Sequence[Stream],
    scene: Cast,
    played: Played,
    end: int | None,
    sleep: Mapping[str, tuple[int, int]],
) -> Together:
    """The answer; what was released after ``end`` is left out: it cannot have changed anything before."""
    keys = [key for key in scene.first if end is None or _begin(scene, played, key) < end]
    kept = set(keys)
    events = tuple(event for event in _events(parties, scene, played) if (event.party, event.job) in kept)
    jobs = tuple(
        sorted((_job(parties, streams, scene, played, key) for key in keys), key=lambda j: (j.release_ps, j.party, j.number))
    )
    length = max((event.end_ps for event in events), default=0)
    before = tuple(activity.before for activity in scene.system.activities)
    wakes = [number for number, event in enumerate(played.woke_ps.tolist()) if event >= 0]
    wakes = [n for n in wakes if (scene.parts[n].party, scene.parts[n].job) in kept]
    trace = Trace(events, length, _occupancy(parties, streams, jobs, events, length), before)
    capacities = {resource.name: resource.capacity for resource in scene.system.resources}
    return Together(tuple(parties), tuple(streams), trace, jobs, _energy(parties[0], trace, sleep), len(wakes), capacities)


def _begin(scene: Cast, played: Played, key: tuple[str, int]) -> int:
    """When a job was released; of an arrival, when its first byte came."""
    activity = scene.first[key]
    if scene.parts[activity].task < 0:
        return scene.system.activities[activity].release_ps
    return _release(scene, played, key)


def _events(parties: Sequence[Party], scene: Cast, played: Played) -> list[Event]:
    """An event per activity, in order of start."""
    schedules = {party.name: party.schedule for party in parties}
    spent = {party.name: durations(party.schedule) for party in parties}
    ready, start, end = played.ready_ps.tolist(), played.start_ps.tolist(), played.end_ps.tolist()
    found = []
    for number, (activity, part) in enumerate(zip(scene.system.activities, scene.parts, strict=True)):
        stretches = tuple(played.stretches_of(number))
        slowed = sum(b - a for a, b in stretches) - activity.picoseconds
        operator, energy = -1, 0.0
        if part.task >= 0:
            operator = schedules[part.party].tasks[part.task].operator
            costs = spent[part.party]
            energy = float(costs.joules[part.task]) + active_joules(float(costs.watts[part.task]), slowed / PICOSECONDS)
        event = Event(
            number, activity.name, operator, part.phase, activity.resource, ready[number], start[number], end[number],
            None if math.isnan(energy) else energy, stretches if len(stretches) > 1 else (), slowed, part.party, part.job,
        )  # fmt: skip
        found.append(event)
    return sorted(found, key=lambda event: (event.start_ps, event.task))


def _job(parties: Sequence[Party], streams: Sequence[Stream], scene: Cast, played: Played, key: tuple[str, int]) -> Job:
    name, number = key
    release = _release(scene, played, key)
    everyone: tuple[Party | Stream, ...] = (*parties, *streams)
    entry = next(e for e in everyone if e.name == name)
    after = entry.deadline_ps if isinstance(entry, Party) or entry.deadline_ps is not None else entry.every_ps
    start = min((int(played.start_ps[n]) for n in scene.activities_of(key)), default=release)
    return Job(name, number, release, start, _end_of(scene, played, key), None if after is None else release + after)


def _occupancy(
    parties: Sequence[Party], streams: Sequence[Stream], jobs: Sequence[Job], events: Sequence[Event], length: int
) -> dict[str, tuple[tuple[int, int], ...]]:
    """Memory -> (time, bytes held from then on): constants and buffers of the streams always, activations while a job runs."""
    changes: dict[str, dict[int, int]] = {name: {0: 0} for name in parties[0].schedule.placement.memory}
    by_job: dict[tuple[str, int], list[Event]] = {}
    for event in events:
        by_job.setdefault((event.party, event.job), []).append(event)
    for stream in streams:
        changes[stream.memory][0] += 2 * stream.bytes
    for party in parties:
        for name, use in party.schedule.placement.memory.items():
            changes[name][0] += use.weights_bytes
        for job in jobs:
            own = by_job.get((job.party, job.number), [])
            if job.party == party.name and own:
                base = min(event.task for event in own)
                own = [replace(event, task=event.task - base) for event in own]
                add_buffers(changes, party.schedule, times_of(party.schedule, own), job.start_ps, job.end_ps)
                add_held(changes, party.schedule, own)
    return {name: running_sum(column) for name, column in changes.items()}


def _energy(main: Party, trace: Trace, sleep: Mapping[str, tuple[int, int]]) -> float | None:
    """What the device spends: its tasks, and rest while nothing runs, asleep where the main unit sleeps [J]."""
    energies = [event.energy_j for event in trace.events]
    rests = [time / PICOSECONDS for time in _rests_ps(trace)]
    idle, state = idle_power(main.schedule), main.schedule.device.power.get("sleep")
    patience = sleep[main.schedule.plan.unit][0] / PICOSECONDS if main.schedule.plan.unit in sleep else math.inf
    asleep = any(rest > patience for rest in rests)
    if None in energies or (rests and idle is None) or (asleep and (state is None or state.power_w is None)):
        return None
    down = (state.power_w or 0.0, state.wake_up_s, state.wake_up_j) if state is not None else (0.0, 0.0, 0.0)
    resting = [rest_joules(rest, idle or 0.0, patience, *down) for rest in rests]
    return math.fsum([*(energy for energy in energies if energy is not None), *resting])


def _rests_ps(trace: Trace) -> list[int]:
    """Lengths of the times in which no network and no interrupt runs [ps]."""
    spans = sorted(span for event in trace.events if event.operator >= 0 or event.phase == "interrupt" for span in event.ran)
    rests, until = [], 0
    for start, end in [*spans, (trace.makespan_ps, trace.makespan_ps)]:
        rests += [start - until] if start > until else []
        until = max(until, end)
    return rests


def _earlier(event: Event, by_ps: int) -> Event:
    """An event with the clock set back."""
    return replace(
        event,
        ready_ps=max(0, event.ready_ps - by_ps),
        start_ps=event.start_ps - by_ps,
        end_ps=event.end_ps - by_ps,
        stretches=tuple((start - by_ps, end - by_ps) for start, end in event.stretches),
    )
