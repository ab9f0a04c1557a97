"""The compiled engine: a System as columns, played by one loop of ``sim/kernels_events.py``."""

from __future__ import annotations

import numpy as np

from sim.batch import as_records
from sim.event_tables import State, Tables, state_of, tables_of
from sim.kernels_events import ENDED, LOG_FULL, OUT_OF_MEMORY, OVER, QUEUED, play_events
from sim.playable import checked
from sim.played import Played, out_of_memory, stuck
from sim.system import System


def play_compiled(system: System, compiled: bool = True) -> Played:
    """Play a system in the compiled engine.

    Parameters
    ----------
    system : System
    compiled : bool
        False runs the same loop interpreted.

    Raises
    ------
    ScheduleError
        A system that cannot be played, or not to its end: see :mod:`sim.engine`.

    Examples
    --------
    >>> from sim.system import Activity, Port, Resource
    >>> dma, bus = Resource("dma", 2), Port("bus", 1e9)
    >>> load = Activity("load", "dma", 1000, port="bus", bytes=1, flow_ps=1000)
    >>> play_compiled(System("one", (dma,), (bus,), activities=(load,)), compiled=False).makespan_ps
    1000
    >>> play_compiled(System("two", (dma,), (bus,), activities=(load, load)), compiled=False).makespan_ps
    2000
    """
    tables = tables_of(checked(system))
    found, state = run_tables(tables, compiled=compiled)
    held = np.flatnonzero(state.holdings.there).tolist()
    at = state.counters
    if found == OUT_OF_MEMORY:
        store = system.stores[int(at.short_store[0])].name
        raise out_of_memory(system, store, int(at.short_activity[0]), int(at.now_ps[0]), held)
    if found != ENDED:
        mode = state.activities.mode
        raise stuck(system, (mode == OVER).tolist(), (mode == QUEUED).tolist(), held)
    return played_of(state)


def run_tables(tables: Tables, stretches: int = 0, compiled: bool = True) -> tuple[int, State]:
    """Play columns: how the run ended, and the state it ended in with its logs.

    Parameters
    ----------
    stretches : int
        Length of the log; by default one per activity and some, and as many as it takes where that is not enough.
    """
    count = len(tables.activities.resource)
    length = stretches or count + count // 8 + 16
    while True:
        state = state_of(tables, length)
        if compiled and play_events.dispatcher is not play_events.py_func:
            state = State(*map(as_records, state))
            found = int(play_events.compiled(Tables(*map(as_records, tables)), state))
        else:
            found = int(play_events(tables, state))
        if found != LOG_FULL:
            return found, state
        length = int(state.counters.logged[0])


def played_of(state: State) -> Played:
    """The logs of a run as a Played, its stretches in order."""
    count = int(state.counters.logged[0])
    stretch, start, end = (
        np.array(column[:count]) for column in (state.stretches.activity, state.stretches.from_ps, state.stretches.to_ps)
    )
    order = np.lexsort((start, stretch))
    ready, began, ended, woke = (np.array(getattr(state.log, name)) for name in ("ready_ps", "start_ps", "end_ps", "woke_ps"))
    return Played(ready, began, ended, woke, stretch[order], start[order], end[order])
