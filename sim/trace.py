"""Event, Trace: what ran where, from when to when, and the questions one asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PICOSECONDS = 10**12

#: The clock is a 64-bit count of picoseconds: 106 days.
LONGEST_PS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Event:
    """One task as it was played. Times are whole picoseconds."""

    task: int
    name: str
    operator: int
    phase: str
    resource: str
    ready_ps: int  # all predecessors had ended
    start_ps: int  # the resource was free
    end_ps: int
    energy_j: float | None = None

    @property
    def wait_ps(self) -> int:
        """Time between being ready and starting."""
        return self.start_ps - self.ready_ps


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
        """Time each resource was busy."""
        busy: dict[str, int] = {}
        for event in self.events:
            busy[event.resource] = busy.get(event.resource, 0) + event.end_ps - event.start_ps
        return dict(sorted(busy.items()))

    def busy_share(self) -> dict[str, float]:
        """Share of the makespan each resource was busy."""
        return {name: time / self.makespan_ps if self.makespan_ps else 0.0 for name, time in self.busy_ps().items()}

    def critical_path(self) -> tuple[int, ...]:
        """Tasks of one chain without a gap from start to end: each began when its predecessor on the chain ended."""
        by_task = {event.task: event for event in self.events}
        current = max(self.events, key=lambda e: (e.end_ps, -e.task), default=None)
        chain: list[int] = []
        while current is not None:
            chain.append(current.task)
            start = current.start_ps
            sources = (
                [by_task[t] for t in self.predecessors[current.task] if by_task[t].end_ps == start] if self.predecessors else []
            )
            if not sources and start > 0:
                resource = current.resource
                sources = [e for e in self.events if e.resource == resource and e.end_ps == start and e.task not in chain]
            current = min(sources, key=lambda e: e.task, default=None) if start > 0 else None
        return tuple(reversed(chain))
