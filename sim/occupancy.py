"""What each memory holds over time, from when operators ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sim.schedule import Schedule


class Times(NamedTuple):
    """When one operator started and ended, and how long it waited in between and before [ps]."""

    start_ps: int
    end_ps: int
    wait_ps: int


def occupancy_of(schedule: Schedule, times: Sequence[Times], makespan_ps: int) -> dict[str, tuple[tuple[int, int], ...]]:
    """Memory -> (time [ps], bytes held from then on); constants are there from the start.

    A buffer is held from the start of the operator that writes it to the end of the last one that reads it.
    """
    changes: dict[str, dict[int, int]] = {name: {0: use.weights_bytes} for name, use in schedule.placement.memory.items()}
    for buffer in schedule.placement.buffers:
        start = 0 if buffer.first < 0 else times[buffer.first].start_ps
        end = makespan_ps if buffer.last >= len(times) else times[max(buffer.last, 0)].end_ps
        if end > start:
            column = changes[buffer.region]
            column[start] = column.get(start, 0) + buffer.bytes
            column[end] = column.get(end, 0) - buffer.bytes
    return {name: _running_sum(column) for name, column in changes.items()}


def _running_sum(changes: dict[int, int]) -> tuple[tuple[int, int], ...]:
    held, column = 0, []
    for time in sorted(changes):
        held += changes[time]
        column.append((time, held))
    return tuple(column)
