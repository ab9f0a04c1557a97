"""What each memory holds over time, from when operators ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sim.schedule import Schedule
from sim.trace import Event


class Times(NamedTuple):
    """When one operator started and ended, and how long it waited in between and before [ps]."""

    start_ps: int
    end_ps: int
    wait_ps: int


def times_of(schedule: Schedule, events: Sequence[Event]) -> list[Times]:
    """When each operator was ready, started, ended, and how long it waited; one without tasks takes the end of what it reads."""
    by_task = {event.task: event for event in events}
    found: list[Times] = []
    for operator, tasks in zip(schedule.graph.operators, schedule.tasks_of(), strict=True):
        if tasks:
            working = [t for t in tasks if not schedule.is_ahead(schedule.tasks[t])] or tasks
            start, end = min(by_task[t].start_ps for t in working), max(by_task[t].end_ps for t in working)
            found.append(Times(start, end, _wait(schedule, tasks, by_task)))
        else:
            producers = (schedule.graph.producer[name] for name in operator.inputs if name in schedule.graph.producer)
            end = max((found[p].end_ps for p in producers), default=0)
            found.append(Times(end, end, 0))
    return found


def occupancy_of(
    schedule: Schedule, times: Sequence[Times], makespan_ps: int, events: Sequence[Event]
) -> dict[str, tuple[tuple[int, int], ...]]:
    """Memory -> (time [ps], bytes held from then on); constants are there from the start.

    A buffer is held from the start of the operator that writes it to the end of the last one that reads it, a block from the start of
    its first task to the end of its last.
    """
    changes: dict[str, dict[int, int]] = {name: {0: use.weights_bytes} for name, use in schedule.placement.memory.items()}
    add_buffers(changes, schedule, times, 0, makespan_ps)
    add_held(changes, schedule, events)
    return {name: running_sum(column) for name, column in changes.items()}


def add_buffers(
    changes: Mapping[str, dict[int, int]], schedule: Schedule, times: Sequence[Times], begin_ps: int, end_ps: int
) -> None:
    """Add what one run of a network, from ``begin_ps`` to ``end_ps``, takes and lets go: memory -> time [ps] -> change [B]."""
    for buffer in schedule.placement.buffers:
        start = begin_ps if buffer.first < 0 else times[buffer.first].start_ps
        end = end_ps if buffer.last >= len(times) else times[max(buffer.last, 0)].end_ps
        _add(changes[buffer.region], start, end, buffer.bytes)


def add_held(changes: Mapping[str, dict[int, int]], schedule: Schedule, events: Sequence[Event]) -> None:
    """Add the blocks that come and go with tasks in one run of a network: memory -> time [ps] -> change [B]."""
    by_task = {event.task: event for event in events}
    for block in schedule.held:
        if block.first in by_task and block.last in by_task:
            _add(changes[block.memory], by_task[block.first].start_ps, by_task[block.last].end_ps, block.bytes)


def _add(column: dict[int, int], start_ps: int, end_ps: int, size: int) -> None:
    if end_ps > start_ps:
        column[start_ps] = column.get(start_ps, 0) + size
        column[end_ps] = column.get(end_ps, 0) - size


def running_sum(changes: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Changes by time as levels from then on, in order of time."""
    held, column = 0, []
    for time in sorted(changes):
        held += changes[time]
        column.append((time, held))
    return tuple(column)


def _wait(schedule: Schedule, tasks: tuple[int, ...], by_task: Mapping[int, Event]) -> int:
    """Waiting along the longest chain of one operator's own tasks [ps]."""
    waits: dict[int, int] = {}
    for t in tasks:
        inside = (waits[before] for before in schedule.tasks[t].after if before in waits)
        waits[t] = by_task[t].lost_ps + max(inside, default=0)
    return max(waits.values(), default=0)
