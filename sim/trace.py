"""Event, Trace: what ran where, from when to when, and the questions one asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

PICOSECONDS = 10**12

#: The clock is a 64-bit count of picoseconds: 106 days.
LONGEST_PS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Event:
    """One task as it was played. Times are whole picoseconds.

    Attributes
    ----------
    task : int
        Its number in the run.
    operator : int
        Row in its network; -1 for what belongs to no network.
    ready_ps : int
        What it needs had ended.
    start_ps, end_ps : int
        It began to run; it ended.
    energy_j : float or None
        ``None`` where it is not known.
    stretches : tuple of (int, int)
        From when to when it ran, where it was put aside in between; empty for one stretch from start to end.
    slowed_ps : int
        How much longer it ran than alone, because others used the same port.
    party : str
        Network or stream it belongs to, in a run of several.
    job : int
        Which run of that network, or arrival of that stream, from 0.
    """

    task: int
    name: str
    operator: int
    phase: str
    resource: str
    ready_ps: int
    start_ps: int
    end_ps: int
    energy_j: float | None = None
    stretches: tuple[tuple[int, int], ...] = ()
    slowed_ps: int = 0
    party: str = ""
    job: int = 0

    @property
    def wait_ps(self) -> int:
        """Time between being ready and starting."""
        return self.start_ps - self.ready_ps

    @property
    def lost_ps(self) -> int:
        """Time between being ready and the end that it did not need: waiting, being put aside, being slowed."""
        return self.end_ps - self.ready_ps - self.busy_ps + self.slowed_ps

    @property
    def ran(self) -> tuple[tuple[int, int], ...]:
        """From when to when it ran, one entry per stretch."""
        return self.stretches or ((self.start_ps, self.end_ps),)

    @property
    def busy_ps(self) -> int:
        """Time it ran, being slowed included."""
        return sum(end - start for start, end in self.ran)


@dataclass(frozen=True)
class Trace:
    """Every event of a run, in order of start.

    Attributes
    ----------
    events : tuple of Event
    makespan_ps : int
    occupancy : Mapping of str to tuple of (int, int)
        Memory name -> (time [ps], bytes held from then on).
    predecessors : tuple of tuple of int
        Tasks each task waited for, for flow arrows and the critical path.
    """

    events: tuple[Event, ...]
    makespan_ps: int
    occupancy: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    predecessors: tuple[tuple[int, ...], ...] = ()

    def busy_ps(self) -> dict[str, int]:
        """Time each resource was busy; the sum over its servers where it has several."""
        busy: dict[str, int] = {}
        for event in self.events:
            busy[event.resource] = busy.get(event.resource, 0) + event.busy_ps
        return dict(sorted(busy.items()))

    def busy_share(self) -> dict[str, float]:
        """Share of the makespan each resource was busy."""
        return {name: time / self.makespan_ps if self.makespan_ps else 0.0 for name, time in self.busy_ps().items()}

    def until(self, moment_ps: int) -> Trace:
        """What had happened at a moment; what ran then is cut off."""
        kept = [_cut(event, moment_ps) for event in self.events if event.start_ps < moment_ps or event.end_ps <= moment_ps]
        held = {name: tuple(row for row in column if row[0] <= moment_ps) for name, column in self.occupancy.items()}
        return Trace(tuple(kept), min(moment_ps, self.makespan_ps), held, self.predecessors)

    def critical_path(self, last: Event | None = None) -> tuple[int, ...]:
        """Tasks of one chain without a gap: each began when the one before ended; the first at 0 or at its release.

        Parameters
        ----------
        last : Event or None
            The chain leads to the end of this one; by default to the end of the run.
        """
        current = last or max(self.events, key=lambda e: (e.end_ps, -e.task), default=None)
        chain: list[int] = []
        while current is not None:
            chain.append(current.task)
            current = self.cause(current)
            if current is not None and current.task in chain:
                break
        return tuple(reversed(chain))

    def cause(self, event: Event) -> Event | None:
        """What an event had waited for when it started: one of its predecessors, else who left its resource, else any that ended.

        ``None`` for one that started as soon as it was released.
        """
        ending = self._by_end.get(event.start_ps, ()) if event.start_ps > 0 else ()
        before = self.predecessors[event.task] if self.predecessors else ()
        earlier = [e for e in ending if e.task != event.task and (e.start_ps, e.task) < (event.start_ps, event.task)]
        chosen = [e for e in earlier if e.task in before]
        if not chosen and event.wait_ps > 0:
            chosen = [e for e in earlier if e.resource == event.resource] or earlier
        return min(chosen, key=lambda e: e.task, default=None)

    @cached_property
    def by_task(self) -> dict[int, Event]:
        """Task -> its event."""
        return {event.task: event for event in self.events}

    @cached_property
    def _by_end(self) -> dict[int, list[Event]]:
        """Moment -> events of which a stretch ended then."""
        found: dict[int, list[Event]] = {}
        for event in self.events:
            for _, end in event.ran:
                found.setdefault(end, []).append(event)
        return found


def _cut(event: Event, moment_ps: int) -> Event:
    """An event that ends at a moment if it would end later."""
    if event.end_ps <= moment_ps:
        return event
    stretches = tuple((start, min(end, moment_ps)) for start, end in event.stretches if start < moment_ps)
    ran = sum(end - start for start, end in stretches or ((event.start_ps, moment_ps),))
    slowed = min(event.slowed_ps, ran)
    return replace(event, end_ps=moment_ps, stretches=stretches, slowed_ps=slowed, energy_j=None)
