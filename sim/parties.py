"""Several networks and sensor streams on one device, as one system: which activity belongs to which run of which party.

A network is a chain of jobs, each all tasks of its schedule; a job starts when it is released and the one before has ended. A
stream is a chain of arrivals: its bytes flow into a memory by DMA over one period, and when they are there an interrupt is served.

Units of a processor (kind cpu or mcu) give way to a higher priority at once, GPUs and arrays between two tasks. Memories of known
bandwidth are ports: while several units or streams use one, each gets its share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.durations import durations
from sim.errors import ScheduleError
from sim.schedule import Schedule
from sim.system import Activity, Port, Resource, System
from sim.trace import PICOSECONDS
from workloads.errors import nearest

#: Kinds of units that give way in the middle of a task.
PREEMPTIVE_KINDS = ("cpu", "mcu")

#: Longer runs are refused.
MOST_ACTIVITIES = 2_000_000


@dataclass(frozen=True)
class Party:
    """A network in a run of several.

    Attributes
    ----------
    name : str
    schedule : Schedule
        Lowered onto the device of all.
    every_ps : int or None
        A job is released at 0 and then every so often; ``None`` is one job [ps].
    priority : int
        Larger goes first.
    deadline_ps : int or None
        After its release [ps].
    on : str or None
        Stream whose arrivals release the jobs, in place of the clock.
    """

    name: str
    schedule: Schedule
    every_ps: int | None = None
    priority: int = 0
    deadline_ps: int | None = None
    on: str | None = None


@dataclass(frozen=True)
class Stream:
    """A sensor that delivers a block of bytes every so often.

    Attributes
    ----------
    name : str
    bytes : int
        Of one block [B].
    every_ps : int
        A block is complete every so often, the first after one period [ps].
    memory : str
        It is written there, into one of two buffers of its size.
    unit : str
        Serves the interrupt when a block is complete.
    interrupt_ps : int
        Time that takes [ps].
    priority : int or None
        Of the interrupt; ``None`` is above all networks.
    deadline_ps : int or None
        A block must be served so long after it is complete; ``None`` is one period, when the next block is complete [ps].
    """

    name: str
    bytes: int
    every_ps: int
    memory: str
    unit: str
    interrupt_ps: int = 0
    priority: int | None = None
    deadline_ps: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Whose activity it is: a job of a network with its task, or an arrival of a stream with ``dma`` or ``interrupt``."""

    party: str
    job: int
    task: int  # in the schedule of the network; -1 of a stream
    phase: str


@dataclass(frozen=True)
class Cast:
    """A system, whose each of its activities is, and what releases each job.

    Attributes
    ----------
    system : System
    parts : tuple of Part
        By activity.
    first, count : Mapping of (str, int) to int
        (Party, job) -> number of its first activity, how many follow each other.
    released_at : Mapping of (str, int) to int
        (Party, job) -> moment it is released at, by the clock; of an arrival the moment its block is due [ps].
    released_by : Mapping of (str, int) to int
        (Party, job) -> activity whose end releases it, in place of the clock.
    """

    system: System
    parts: tuple[Part, ...]
    first: Mapping[tuple[str, int], int]
    count: Mapping[tuple[str, int], int]
    released_at: Mapping[tuple[str, int], int]
    released_by: Mapping[tuple[str, int], int]

    def activities_of(self, key: tuple[str, int]) -> range:
        """Numbers of the activities of a job."""
        return range(self.first[key], self.first[key] + self.count[key])


def check_parties(parties: Sequence[Party], streams: Sequence[Stream]) -> None:
    """Refuse names that come twice, periods that are none, streams and memories that do not exist."""
    entries: list[Party | Stream] = [*parties, *streams]
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise ScheduleError(
                f"'{name}': {names.count(name)} networks or streams of this name; one is expected; name one otherwise"
            )
    for entry in entries:
        kind = "network" if isinstance(entry, Party) else "stream"
        for what, value in (("every", entry.every_ps), ("deadline", entry.deadline_ps)):
            if value is not None and value <= 0:
                raise ScheduleError(f"{kind} '{entry.name}': {what} {value} ps; a time above 0 is expected")
    for party in parties:
        known = [stream.name for stream in streams]
        if party.on is not None and party.on not in known:
            raise ScheduleError(
                f"network '{party.name}': on '{party.on}', which is no stream; one of {', '.join(known) or 'none'} is expected; "
                f"{nearest(party.on, known)}"
            )
    device = parties[0].schedule.device
    for stream in streams:
        if stream.bytes < 1:
            raise ScheduleError(f"stream '{stream.name}': {stream.bytes} B; at least 1 B is expected")
        for what, name, there in (("memory", stream.memory, device.memories), ("unit", stream.unit, device.units)):
            if name not in there:
                raise ScheduleError(
                    f"stream '{stream.name}': {what} '{name}' is none of {device.name}; one of {', '.join(there)} is expected; "
                    f"{nearest(name, there)}"
                )


def cast(parties: Sequence[Party], streams: Sequence[Stream], until_ps: int, sleep: Mapping[str, tuple[int, int]]) -> Cast:
    """Everything that is released before a moment, as one system.

    Parameters
    ----------
    until_ps : int
        The first job of each network is always there [ps].
    sleep : Mapping of str to (int, int)
        Resource -> (time without work after which it sleeps, time to wake up) [ps].
    """
    builder = _Builder(parties, streams)
    for stream in streams:
        for number in range(-(-until_ps // stream.every_ps)):
            builder.add_arrival(stream, number)
    for party in parties:
        for number in builder.jobs_of(party, until_ps):
            builder.add_job(party, number)
    resources = tuple(_resource(builder, name, sleep.get(name)) for name in builder.resources)
    system = System(" + ".join(party.name for party in parties), resources, builder.ports(), activities=tuple(builder.activities))
    starts = [*builder.first.values(), len(builder.activities)]
    count = {key: starts[place + 1] - starts[place] for place, key in enumerate(builder.first)}
    return Cast(system, tuple(builder.parts), builder.first, count, builder.released_at, builder.released_by)


class _Builder:
    """Activities while they are put together."""

    def __init__(self, parties: Sequence[Party], streams: Sequence[Stream]) -> None:
        self.parties, self.streams = parties, streams
        self.device = parties[0].schedule.device
        self.spent = {party.name: durations(party.schedule) for party in parties}
        self.flows = {party.name: flows_of(party.schedule) for party in parties}
        self.activities: list[Activity] = []
        self.parts: list[Part] = []
        self.resources: dict[str, None] = {}
        self.first: dict[tuple[str, int], int] = {}
        self.released_by: dict[tuple[str, int], int] = {}
        self.released_at: dict[tuple[str, int], int] = {}
        self.ends: dict[str, tuple[int, ...]] = {}  # by network: tasks that end its last job
        self.urgent = max(party.priority for party in parties) + 1

    def jobs_of(self, party: Party, until_ps: int) -> range:
        """Numbers of the jobs released before a moment."""
        if party.on is not None:
            return range(sum(name == party.on for name, _ in self.released_at))
        return range(1 if party.every_ps is None else max(1, -(-until_ps // party.every_ps)))

    def add_arrival(self, stream: Stream, number: int) -> None:
        """A block flows in during one period, then its interrupt is served."""
        key = (stream.name, number)
        self._check_size(stream.name, 2)
        self.first[key], self.released_at[key] = len(self.activities), (number + 1) * stream.every_ps
        known = self.device.memories[stream.memory].read_bandwidth_bytes_per_s is not None
        port = stream.memory if known else None
        channel, begin, period = f"dma {stream.name}", number * stream.every_ps, stream.every_ps
        self._add(
            Activity(f"{stream.name}#{number}/dma", channel, period, (), (), 0, begin, port, stream.bytes, period),
            Part(stream.name, number, -1, "dma"),
        )
        rank = self.urgent if stream.priority is None else stream.priority
        after = (len(self.activities) - 1,)
        self._add(
            Activity(f"{stream.name}#{number}/interrupt", stream.unit, stream.interrupt_ps, after, priority=rank),
            Part(stream.name, number, -1, "interrupt"),
        )

    def add_job(self, party: Party, number: int) -> None:
        """All tasks of a schedule, after the job before."""
        key, base = (party.name, number), len(self.activities)
        self._check_size(party.name, len(party.schedule.tasks))
        self.first[key] = base
        release = (party.every_ps or 0) * number
        released_by: tuple[int, ...] = ()
        if party.on is None:
            self.released_at[key] = release
        else:
            self.released_by[key] = self.first[(party.on, number)] + 1
            release, released_by = 0, (self.released_by[key],)
        picoseconds, flows = self.spent[party.name].picoseconds.tolist(), self.flows[party.name]
        followed: set[int] = set()
        for index, task in enumerate(party.schedule.tasks):
            after, follows = tuple(base + t for t in task.after), tuple(base + t for t in task.follows)
            followed.update((*after, *follows))
            enters = not after and not follows
            port, size, flow = flows.get(index, (None, 0, 0))
            name = task.name if self._alone(party) else f"{party.name}#{number}/{task.name}"
            self._add(
                Activity(
                    name, self._resource_of(party, task.resource), picoseconds[index], after + (released_by if enters else ()),
                    follows + (self.ends.get(party.name, ()) if enters else ()), party.priority, release if enters else 0,
                    port, size, flow if size else 0,
                ),
                Part(party.name, number, index, task.phase),
            )  # fmt: skip
        self.ends[party.name] = tuple(n for n in range(base, len(self.activities)) if n not in followed)

    def ports(self) -> tuple[Port, ...]:
        """The memories that something flows through; none is slower than what one user takes alone."""
        fastest: dict[str, float] = {}
        for activity in self.activities:
            if activity.port is not None:
                known = self.device.memories[activity.port].read_bandwidth_bytes_per_s or 0.0
                alone = activity.bytes * PICOSECONDS / activity.flow_ps
                fastest[activity.port] = max(fastest.get(activity.port, known), alone)
        return tuple(Port(name, bandwidth) for name, bandwidth in fastest.items())

    def _alone(self, party: Party) -> bool:
        return party.every_ps is None and party is self.parties[0]

    def _resource_of(self, party: Party, name: str) -> str:
        """Every network has its own thread that hands operators to a unit."""
        unit, _, phase = name.partition("/")
        work = party.schedule.work.get(unit)
        return (
            f"{name} {party.name}" if len(self.parties) > 1 and work is not None and phase and phase == work.enqueue_phase else name
        )

    def _add(self, activity: Activity, part: Part) -> None:
        self.activities.append(activity)
        self.parts.append(part)
        self.resources.setdefault(activity.resource)

    def _check_size(self, name: str, more: int) -> None:
        if len(self.activities) + more > MOST_ACTIVITIES:
            raise ScheduleError(
                f"'{name}': more than {MOST_ACTIVITIES:,} tasks in one run; fewer are expected; give longer periods"
            )


def flows_of(schedule: Schedule) -> dict[int, tuple[str, int, int]]:
    """Task -> (memory, bytes, time) of tasks that do nothing but move bytes to and from a memory of known bandwidth."""
    picoseconds = durations(schedule).picoseconds.tolist()
    found: dict[int, tuple[str, int, int]] = {}
    for index, task in enumerate(schedule.tasks):
        work, memory = schedule.work[task.work], schedule.device.memories.get(task.phase)
        known = memory is not None and memory.addressable and memory.read_bandwidth_bytes_per_s is not None
        if known and not work.moves and task.phase in work.levels and picoseconds[index]:
            size = int(work.traffic[task.operator, work.levels.index(task.phase)].sum())
            if size:
                found[index] = (task.phase, size, picoseconds[index])
    return found


def _resource(builder: _Builder, name: str, sleep: tuple[int, int] | None) -> Resource:
    unit = builder.device.units.get(name)
    preemptive = unit is not None and unit.kind in PREEMPTIVE_KINDS
    patience, wake = sleep if sleep is not None else (None, 0)
    return Resource(name, 1, "preemptive" if preemptive else "priority", 0, patience, wake)
