"""Played: when each activity of a system was ready, started and ended; and why a run could not go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import ScheduleError
from sim.system import System
from sim.trace import PICOSECONDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
else:
    Ints = Any

#: Holders named where memory is short.
NAMED_HOLDERS = 5


@dataclass(frozen=True, eq=False)
class Played:
    """What happened in a run.

    Attributes
    ----------
    ready_ps, start_ps, end_ps : int64 array
        Per activity: what it needs had ended; it began to run; it ended [ps].
    woke_ps : int64 array
        Per activity: its resource began to wake up for it; -1 where it was awake [ps].
    stretch, from_ps, to_ps : int64 array
        One row per stretch of time an activity ran without being put aside, in order of activity and time: which, from, to [ps].
    """

    ready_ps: Ints
    start_ps: Ints
    end_ps: Ints
    woke_ps: Ints
    stretch: Ints
    from_ps: Ints
    to_ps: Ints

    @property
    def makespan_ps(self) -> int:
        """End of the last activity [ps]."""
        return int(self.end_ps.max(initial=0))

    def __eq__(self, other: object) -> bool:
        """Equal to the picosecond, in every column."""
        return isinstance(other, Played) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__
        )

    def stretches_of(self, activity: int) -> list[tuple[int, int]]:
        """From when to when one activity ran [ps]."""
        first, last = np.searchsorted(self.stretch, (activity, activity + 1))
        return [(int(start), int(end)) for start, end in zip(self.from_ps[first:last], self.to_ps[first:last], strict=True)]


def out_of_memory(system: System, store: str, activity: int, now_ps: int, held: Sequence[int]) -> ScheduleError:
    """The error of an activity that finds no room.

    Parameters
    ----------
    held : sequence of int
        Holdings that are in memory.
    """
    name = system.activities[activity].name
    when = now_ps / PICOSECONDS
    return ScheduleError(
        f"task '{name}': out of memory at {when:.9g} s; {_shortage(system, store, activity, held)}; {_lever(store)}"
    )


def stuck(system: System, ended: Sequence[bool], queued: Sequence[bool], held: Sequence[int]) -> ScheduleError:
    """The error of a run in which the rest waits for ever: who waits for whom.

    Parameters
    ----------
    ended, queued : sequence of bool
        Per activity: it is over; it waits in the queue of its resource.
    held : sequence of int
        Holdings that are in memory.
    """
    left = [number for number, over in enumerate(ended) if not over]
    current, said = left[0], ""
    while not queued[current]:
        current = next(before for before in system.activities[current].before if not ended[before])
        said += f"waits for '{system.activities[current].name}', which "
    mates = [
        number for number in left if queued[number] and system.activities[number].resource == system.activities[current].resource
    ]
    head = next(number for number in (current, *mates) if _short_stores(system, number, held))
    if head != current:
        said += f"stands in line for {system.activities[current].resource} behind '{system.activities[head].name}', which "
    store = _short_stores(system, head, held)[0]
    return ScheduleError(
        f"task '{system.activities[left[0]].name}': {said}waits for memory: {_shortage(system, store, head, held, ended)}; "
        f"{len(left)} of {len(ended)} tasks can never go on; {_lever(store)}"
    )


def _lever(store: str) -> str:
    return f"enlarge {store} or let a holder go earlier"


def _needed(system: System, activity: int, store: str) -> int:
    return sum(system.holdings[h].bytes for h in system.activities[activity].takes if system.holdings[h].store == store)


def _short_stores(system: System, activity: int, held: Sequence[int]) -> list[str]:
    """Memories without room for what an activity takes."""
    short = []
    for store in system.stores:
        needed = _needed(system, activity, store.name)
        if needed and store.capacity_bytes is not None and needed + _bytes_in(system, store.name, held) > store.capacity_bytes:
            short.append(store.name)
    return short


def _bytes_in(system: System, store: str, held: Sequence[int]) -> int:
    return sum(system.holdings[h].bytes for h in held if system.holdings[h].store == store)


def _shortage(system: System, store: str, activity: int, held: Sequence[int], ended: Sequence[bool] = ()) -> str:
    """What is needed, what is there, and who holds the rest; in a run that cannot go on also until when."""
    wanted = [system.holdings[h].name for h in system.activities[activity].takes if system.holdings[h].store == store]
    capacity = system.stores[system.store_codes[store]].capacity_bytes or 0
    there = sorted((h for h in held if system.holdings[h].store == store), key=lambda h: (-system.holdings[h].bytes, h))
    names = [f"'{system.holdings[h].name}' {system.holdings[h].bytes:,} B{_until(system, h, ended)}" for h in there[:NAMED_HOLDERS]]
    more = f" and {len(there) - NAMED_HOLDERS} more" if len(there) > NAMED_HOLDERS else ""
    return (
        f"tensor {' and '.join(map(repr, wanted))} needs {_needed(system, activity, store):,} B in {store}, "
        f"{capacity - _bytes_in(system, store, held):,} of {capacity:,} B are free; held by {', '.join(names) or 'nobody'}{more}"
    )


def _until(system: System, holding: int, ended: Sequence[bool]) -> str:
    if not ended:
        return ""
    droppers = [f"'{a.name}'" for a, over in zip(system.activities, ended, strict=True) if holding in a.drops and not over]
    return f" until {' and '.join(droppers)} ends" if droppers else " to the end"
