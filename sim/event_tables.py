"""A System as columns, the only form the compiled engine sees; the columns it works in, and those it fills."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hwmodels.costs.link import port_units_per_picosecond
from sim.arbitration import DISCIPLINES, FIFO, STRICT, UNITS_PER_BYTE
from sim.system import System

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
else:
    Ints = Floats = Any

#: In place of the capacity of a memory that holds anything.
BOUNDLESS = 2**62


class ActivityTable(NamedTuple):
    """One row per activity. Lists stand one after the other in tables of their own: their first entry and their number here."""

    resource: Ints  # row in ServerTable
    alone_ps: Ints  # time before its flow [ps]
    flow_ps: Ints  # time of its flow when nobody shares the port; 0 without one [ps]
    port: Ints  # row in PortTable; -1 without a flow
    units: Ints  # that flow [2^-20 B]
    limit: Floats  # most it can take of the port: units / flow_ps [2^-20 B/ps]
    rank: Ints  # priority at its resource; 0 where that serves in order of time
    share_rank: Ints  # priority at its port; 0 where that divides among all alike
    release_ps: Ints  # not ready before [ps]
    waits_for: Ints  # number of activities it waits for
    first_next: Ints  # those that wait for it, in NextTable
    count_next: Ints
    first_take: Ints  # holdings that begin with it, in Tables.take
    count_take: Ints
    first_drop: Ints  # holdings it lets go, in Tables.drop
    count_drop: Ints


class NextTable(NamedTuple):
    """Those that wait for an activity, one list after the other."""

    activity: Ints  # row in ActivityTable
    needs: Ints  # 1 where that one needs the result, 0 where it only comes later in the order


class ItemTable(NamedTuple):
    """Holdings that activities take, or drop, one list after the other."""

    holding: Ints  # row in HoldingTable


class ServerTable(NamedTuple):
    """One row per resource."""

    capacity: Ints  # activities served at once
    discipline: Ints  # place in sim.arbitration.DISCIPLINES
    burst_ps: Ints  # a running activity gives way at multiples of this [ps]
    sleep_after_ps: Ints  # it sleeps when idle for longer; -1 is never [ps]
    wake_ps: Ints  # time to wake up [ps]
    first: Ints  # first place of its queue in Queue, and of those it serves in Places


class PortTable(NamedTuple):
    """One row per port."""

    units_per_ps: Floats  # bandwidth [2^-20 B/ps]
    first: Ints  # first place of its users in Places


class StoreTable(NamedTuple):
    """One row per memory."""

    capacity: Ints  # BOUNDLESS where it is not known [B]
    waits: Ints  # 1 where an activity without room waits, 0 where the run ends


class HoldingTable(NamedTuple):
    """One row per holding."""

    store: Ints  # row in StoreTable
    bytes: Ints  # size [B]
    droppers: Ints  # activities that let it go; with the last it is gone
    taken: Ints  # 1 where an activity begins it, 0 where it is there from the start


class Tables(NamedTuple):
    """A System as columns."""

    activities: ActivityTable
    next: NextTable
    take: ItemTable
    drop: ItemTable
    servers: ServerTable
    ports: PortTable
    stores: StoreTable
    holdings: HoldingTable


class Log(NamedTuple):
    """What the engine fills: one row per activity."""

    ready_ps: Ints  # what it needs has ended [ps]
    start_ps: Ints  # it began to run; -1 where it never did [ps]
    end_ps: Ints  # -1 where it never ended [ps]
    woke_ps: Ints  # its resource began to wake up for it; -1 where it was awake [ps]


class StretchLog(NamedTuple):
    """What the engine fills: one row per stretch of time an activity ran without being put aside."""

    activity: Ints  # row in ActivityTable
    from_ps: Ints  # start [ps]
    to_ps: Ints  # end [ps]


class ActivityState(NamedTuple):
    """Where each activity stands: one row each."""

    mode: Ints  # see sim.kernels_events
    waits_for: Ints  # what it still waits for
    place: Ints  # its place in the heap; -1 when not in it
    entered_ps: Ints  # moment it entered the queue of its resource [ps]
    begun: Ints  # 1 once it has started and taken its memory
    from_ps: Ints  # start of its present stretch [ps]
    until_ps: Ints  # moment it ends what it does, as things stand [ps]
    alone_ps: Ints  # time before its flow that is left [ps]
    remaining: Ints  # units of its flow that are left [2^-20 B]
    since_ps: Ints  # moment ``remaining`` is counted from [ps]
    rate: Floats  # present share; -1 before the first [2^-20 B/ps]
    share: Floats  # share after the next division [2^-20 B/ps]


class Heap(NamedTuple):
    """Activities with something to come: a binary heap by time, then number."""

    time_ps: Ints  # moment of what is to come [ps]
    activity: Ints  # row in ActivityTable


class Queue(NamedTuple):
    """Those that wait for a server: a binary heap for each resource, one after the other."""

    rank: Ints  # priority, higher first
    entered_ps: Ints  # moment it entered [ps]
    activity: Ints  # row in ActivityTable


class Places(NamedTuple):
    """Room for lists of activities."""

    serving: Ints  # served now, one preemptive resource after the other
    users: Ints  # users of the ports, one port after the other


class ServerState(NamedTuple):
    """Where each resource stands: one row each."""

    queued: Ints  # length of its queue
    busy: Ints  # activities served now
    leaving: Ints  # 1 where one of them gives way at the end of its burst
    idle_since_ps: Ints  # moment the last one ended, where none is served [ps]
    stirred: Ints  # 1 where servers may have to be given
    short: Ints  # 1 where the first in line waits for memory


class PortState(NamedTuple):
    """Where each port stands: one row each."""

    sharing: Ints  # number of users
    changed: Ints  # 1 where users came or went


class StoreState(NamedTuple):
    """Where each memory stands: one row each."""

    held: Ints  # bytes held now [B]


class HoldingState(NamedTuple):
    """Where each holding stands: one row each."""

    holders: Ints  # activities that have not let it go yet
    there: Ints  # 1 while it is held


class Counters(NamedTuple):
    """Numbers of the whole run; one row."""

    heaped: Ints  # entries of the heap
    logged: Ints  # stretches ended
    finished: Ints  # activities ended
    short_store: Ints  # memory that had no room
    short_activity: Ints  # activity that had none
    now_ps: Ints  # moment of the last thing that happened [ps]


class State(NamedTuple):
    """What the engine works in, at the first moment when it begins; and what it fills."""

    activities: ActivityState
    heap: Heap
    queue: Queue
    places: Places
    servers: ServerState
    ports: PortState
    stores: StoreState
    holdings: HoldingState
    counters: Counters
    log: Log
    stretches: StretchLog


def tables_of(system: System) -> Tables:
    """Columns of a system that was checked."""
    activities = system.activities
    resource = _column(system.resource_codes[a.resource] for a in activities)
    port = _column(system.port_codes[a.port] if a.flows else -1 for a in activities)  # type: ignore[index]
    flow_ps = _column(a.flow_ps if a.flows else 0 for a in activities)
    units = _column(a.bytes * UNITS_PER_BYTE if a.flows else 0 for a in activities)
    priority = _column(a.priority for a in activities)
    discipline = _column(DISCIPLINES.index(r.discipline) for r in system.resources)
    strict = _column(p.division == "strict" for p in system.ports)
    following, needs = _followers(system)
    take = [a.takes for a in activities]
    drop = [a.drops for a in activities]
    droppers = np.zeros(len(system.holdings), np.int64)
    taken = np.zeros(len(system.holdings), np.int64)
    np.add.at(droppers, _column(chain.from_iterable(drop)), 1)
    taken[_column(chain.from_iterable(take))] = 1
    table = ActivityTable(
        resource=resource,
        alone_ps=_column(a.picoseconds for a in activities) - flow_ps,
        flow_ps=flow_ps,
        port=port,
        units=units,
        limit=own_rates(units, flow_ps),
        rank=np.where(discipline[resource] == FIFO, 0, priority) if len(resource) else priority,
        share_rank=np.where((port >= 0) & (strict[port] == STRICT), priority, 0) if len(strict) else np.zeros_like(priority),
        release_ps=_column(a.release_ps for a in activities),
        waits_for=_column(len(a.before) for a in activities),
        **_spans("next", following),
        **_spans("take", take),
        **_spans("drop", drop),
    )
    follow, need, taking, dropping = (_column(chain.from_iterable(entry)) for entry in (following, needs, take, drop))
    store, size = _column(system.store_codes[h.store] for h in system.holdings), _column(h.bytes for h in system.holdings)
    return Tables(
        table, NextTable(follow, need), ItemTable(taking), ItemTable(dropping), _servers(system, resource), _ports(system, port),
        _stores(system), HoldingTable(store, size, droppers, taken),
    )  # fmt: skip


def own_rates(units: Ints, flow_ps: Ints) -> Floats:
    """Most each user can take of its port: what it takes alone; 0 without a flow [2^-20 B/ps]."""
    return units.astype(np.float64) / np.maximum(flow_ps, 1).astype(np.float64)


def state_of(tables: Tables, stretches: int) -> State:
    """What the engine works in, at the first moment.

    Parameters
    ----------
    stretches : int
        Length of the log of stretches.
    """
    a, holdings = tables.activities, tables.holdings
    count = len(a.resource)
    held = np.zeros(len(tables.stores.capacity), np.int64)
    there = (holdings.taken == 0) & (holdings.bytes > 0)
    np.add.at(held, holdings.store[there], holdings.bytes[there])
    activities = ActivityState(**{
        **{name: np.zeros(count, np.int64) for name in ActivityState._fields},
        "waits_for": a.waits_for.copy(), "alone_ps": a.alone_ps.copy(), "remaining": a.units.copy(), "place": np.full(count, -1),
        "rate": np.full(count, -1.0), "share": np.zeros(count),
    })  # fmt: skip
    return State(
        activities,
        Heap(*_zeros(count, 2)),
        Queue(*_zeros(count, 3)),
        Places(*_zeros(count, 2)),
        ServerState(*_zeros(len(tables.servers.capacity), 6)),
        PortState(*_zeros(len(tables.ports.first), 2)),
        StoreState(held),
        HoldingState(holdings.droppers.copy(), there.astype(np.int64)),
        Counters(*_zeros(1, 6)),
        Log(np.zeros(count, np.int64), np.full(count, -1), np.full(count, -1), np.full(count, -1)),
        StretchLog(*_zeros(stretches, 3)),
    )


def _column(values: Iterable[int]) -> Ints:
    return np.fromiter(values, np.int64)


def _zeros(length: int, count: int) -> list[Ints]:
    return [np.zeros(length, np.int64) for _ in range(count)]


def _spans(name: str, lists: Sequence[Sequence[int]]) -> dict[str, Ints]:
    """Columns ``first_name`` and ``count_name`` of lists that stand one after the other."""
    counts = _column(map(len, lists))
    return {f"first_{name}": np.cumsum(counts) - counts, f"count_{name}": counts}


def _followers(system: System) -> tuple[list[list[int]], list[list[int]]]:
    """By activity: those that wait for it, and whether they need its result."""
    following: list[list[int]] = [[] for _ in system.activities]
    needs: list[list[int]] = [[] for _ in system.activities]
    for number, activity in enumerate(system.activities):
        for before in activity.after:
            following[before].append(number)
            needs[before].append(1)
        for before in activity.follows:
            following[before].append(number)
            needs[before].append(0)
    return following, needs


def _servers(system: System, resource: Ints) -> ServerTable:
    users = np.bincount(resource, minlength=len(system.resources)).astype(np.int64)
    parts = system.resources
    return ServerTable(
        np.minimum(_column(r.capacity for r in parts), np.maximum(users, 1)),
        _column(DISCIPLINES.index(r.discipline) for r in parts),
        _column(r.burst_ps for r in parts),
        _column(-1 if r.sleep_after_ps is None else r.sleep_after_ps for r in parts),
        _column(r.wake_ps for r in parts),
        np.cumsum(users) - users,
    )


def _ports(system: System, port: Ints) -> PortTable:
    users = np.bincount(port[port >= 0], minlength=len(system.ports)).astype(np.int64)
    rates = np.array([port_units_per_picosecond(p.bandwidth_bytes_per_s) for p in system.ports], np.float64)
    return PortTable(rates, np.cumsum(users) - users)


def _stores(system: System) -> StoreTable:
    capacities = _column(BOUNDLESS if s.capacity_bytes is None else s.capacity_bytes for s in system.stores)
    return StoreTable(capacities, _column(s.waits for s in system.stores))
