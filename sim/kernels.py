"""Compiled loops over tables: the longest path through a schedule, and batches of whole-network estimates."""

from __future__ import annotations

from hwmodels.jit import kernel
from sim.tables import Ints, Precedence, TaskTable


@kernel
def longest_path(tasks: TaskTable, precedence: Precedence, end_ps: Ints) -> int:
    """Fill the earliest end of each task, and return the latest: the closed form of a schedule's length [ps].

    Parameters
    ----------
    tasks : TaskTable
        In an order where every task comes after all it waits for.
    precedence : Precedence
    end_ps : int64 array
        Filled: end_i = duration_i + max(end_j of the tasks j it waits for), with nothing else in the way [ps].
    """
    longest = 0
    for i in range(len(end_ps)):
        start = 0
        for k in range(tasks.first_before[i], tasks.first_before[i] + tasks.count_before[i]):
            start = max(start, end_ps[precedence.before[k]])
        end_ps[i] = start + tasks.picoseconds[i]
        longest = max(longest, end_ps[i])
    return longest
