"""TaskTable: the tasks of a schedule as columns, the only form compiled loops see."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sim.durations import Durations
from sim.schedule import Schedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
else:
    Ints = Floats = Any


class TaskTable(NamedTuple):
    """One row per task, in schedule order: a task comes after all it waits for."""

    operator: Ints  # row in OperatorTable
    resource: Ints  # index into the names of ``resources_of``
    picoseconds: Ints  # duration [ps]
    joules: Floats  # energy [J]; NaN where it is not known
    first_before: Ints  # first entry of ``Precedence.before``
    count_before: Ints  # number of entries there


class Precedence(NamedTuple):
    """Tasks waited for, one list after the other."""

    before: Ints  # row in TaskTable


class LifeTable(NamedTuple):
    """One row per activation buffer: what it holds, and from which operator to which, both included."""

    bytes: Ints  # size [B]
    first: Ints  # first operator at which it is held
    last: Ints  # last operator at which it is held


def life_table(schedule: Schedule) -> LifeTable:
    """Columns of the activation buffers of a schedule; what lives before the first or after the last operator counts there."""
    buffers, final = schedule.placement.buffers, len(schedule.graph.operators) - 1
    return LifeTable(
        np.array([buffer.bytes for buffer in buffers], np.int64),
        np.array([min(max(buffer.first, 0), final) for buffer in buffers], np.int64),
        np.array([min(max(buffer.last, 0), final) for buffer in buffers], np.int64),
    )


def resources_of(schedule: Schedule) -> tuple[str, ...]:
    """Names of the resources, in order of first use."""
    return tuple(dict.fromkeys(task.resource for task in schedule.tasks))


def task_table(schedule: Schedule, spent: Durations) -> tuple[TaskTable, Precedence]:
    """Columns of a schedule with its durations."""
    codes = {name: code for code, name in enumerate(resources_of(schedule))}
    before = [(*task.after, *task.follows) for task in schedule.tasks]
    counts = np.array([len(entry) for entry in before], np.int64)
    return (
        TaskTable(
            operator=np.array([task.operator for task in schedule.tasks], np.int64),
            resource=np.array([codes[task.resource] for task in schedule.tasks], np.int64),
            picoseconds=spent.picoseconds,
            joules=spent.joules,
            first_before=np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64) if len(counts) else counts,
            count_before=counts,
        ),
        Precedence(np.fromiter(chain.from_iterable(before), np.int64)),
    )
