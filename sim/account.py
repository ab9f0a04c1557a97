"""What each resource did with its time: computing, moving, waiting and for whom, idle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sim.trace import Event, Trace

#: Phases in which something is computed; the others move bytes.
COMPUTING = ("compute", "packing", "overhead", "interrupt")


@dataclass(frozen=True)
class Account:
    """Time of one resource; the parts sum to the length of the run [ps].

    Attributes
    ----------
    computing_ps, moving_ps : int
        It served a task that computes, that moves bytes.
    slowed_ps : int
        It served a task that took longer than alone, because others used the same memory port or link.
    waiting_ps : Mapping of str to int
        It had work to come, but not yet what the work needs: resource that was busy with that -> time.
    idle_ps : int
        There was nothing for it to do, or a server had nothing to do beside the others.
    """

    resource: str
    computing_ps: int
    moving_ps: int
    slowed_ps: int
    waiting_ps: Mapping[str, int] = field(default_factory=dict)
    idle_ps: int = 0


def accounts(trace: Trace, capacities: Mapping[str, int] | None = None) -> tuple[Account, ...]:
    """The account of every resource, in order of first use.

    Parameters
    ----------
    capacities : Mapping of str to int or None
        Servers of a resource, where there is more than one; its account is divided by them.

    Examples
    --------
    >>> events = (Event(0, "load", 0, "dma", "dma", 0, 0, 30), Event(1, "work", 1, "compute", "core", 30, 30, 100))
    >>> for account in accounts(Trace(events, 100, predecessors=((), (0,)))):
    ...     print(account.resource, account.moving_ps, account.computing_ps, account.waiting_ps, account.idle_ps)
    dma 30 0 {} 70
    core 0 70 {'dma': 30} 0
    """
    by_resource: dict[str, list[Event]] = {}
    for event in trace.events:
        by_resource.setdefault(event.resource, []).append(event)
    return tuple(_account(trace, name, events, (capacities or {}).get(name, 1)) for name, events in by_resource.items())


def _account(trace: Trace, name: str, events: list[Event], capacity: int) -> Account:
    slowed = sum(event.slowed_ps for event in events)
    spent = {True: 0, False: 0}
    for event in events:
        spent[event.phase in COMPUTING] += event.busy_ps - event.slowed_ps
    waiting: dict[str, int] = {}
    for start, end, event in _gaps(events):
        for resource, time in _waits(trace, event, start, end):
            waiting[resource] = waiting.get(resource, 0) + time
    computing, moving, slowed = spent[True] // capacity, spent[False] // capacity, slowed // capacity
    ordered = dict(sorted(waiting.items(), key=lambda item: (-item[1], item[0])))
    idle = trace.makespan_ps - computing - moving - slowed - sum(waiting.values())
    return Account(name, computing, moving, slowed, ordered, idle)


def _gaps(events: list[Event]) -> Iterator[tuple[int, int, Event]]:
    """From when to when a resource served nobody, and the event that came then."""
    busy_until = 0
    stretches = [(start, end, event) for event in events for start, end in event.ran]
    for start, end, served in sorted(stretches, key=lambda stretch: (stretch[0], stretch[2].task)):
        if start > busy_until:
            yield busy_until, start, served
        busy_until = max(busy_until, end)


def _waits(trace: Trace, event: Event, start: int, end: int) -> Iterator[tuple[str, int]]:
    """Whom a resource waited for in a gap: the resources along the chain of causes, back to the start of the gap or a release."""
    seen = {event.task}
    while end > start:
        cause = trace.cause(event)
        if cause is None or cause.task in seen:
            return
        seen.add(cause.task)
        if cause.start_ps < end:
            yield cause.resource, end - max(start, cause.start_ps)
            end = cause.start_ps
        event = cause


@dataclass(frozen=True)
class CriticalPath:
    """The chain of tasks that the length of a run is the sum of.

    Attributes
    ----------
    events : tuple of Event
        In order; each began when the one before ended.
    computing_ps, moving_ps, waiting_ps : int
        What the chain is made of: tasks that compute, that move bytes, and time its tasks were slowed, put aside, or not released.
    """

    events: tuple[Event, ...]
    computing_ps: int
    moving_ps: int
    waiting_ps: int


def critical_path(trace: Trace, last: Event | None = None) -> CriticalPath:
    """The critical path of a trace, or the chain that leads to one of its events, with what it is made of."""
    events = tuple(trace.by_task[task] for task in trace.critical_path(last))
    spent = {True: 0, False: 0}
    for event in events:
        spent[event.phase in COMPUTING] += event.busy_ps - event.slowed_ps
    end = events[-1].end_ps if events else 0
    return CriticalPath(events, spent[True], spent[False], end - sum(spent.values()))
