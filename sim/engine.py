"""The event simulation: a system played event by event. The one file that imports simpy.

This engine is the readable one, and the oracle of the compiled engine in ``sim/compiled.py``: both follow the rules of
``sim/system.py`` and give the same times, to the picosecond. Every activity is a process; it waits for what comes before it,
queues for its resource, and works. Within one moment the servers are given after all that ends has ended (SimPy runs events of the
same time by their priority), and the ports divide when nothing more starts or ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from hwmodels.costs.link import port_units_per_picosecond
from sim.arbitration import NEVER, UNITS_PER_BYTE, divide, next_boundary, picoseconds_left, units_moved
from sim.compiled import play_compiled
from sim.errors import ScheduleError
from sim.event_tables import own_rates
from sim.playable import checked
from sim.played import Played, out_of_memory, stuck
from sim.system import Activity, Resource, Store, System
from workloads.errors import nearest

#: Priorities of SimPy's events within one moment: its own are 0 and 1; then servers are given, then ports divide.
GIVE, DIVIDE = 2, 3

#: In place of the end of a flow that is not known.
FAR = 2**62

#: Activities from which on the compiled engine is taken, where the caller does not say which.
MANY = 20_000
ENGINES = ("auto", "events", "compiled")


def play(system: System, engine: str = "auto") -> Played:
    """Play a system to its end.

    Parameters
    ----------
    system : System
    engine : str
        ``events`` (SimPy), ``compiled``, or ``auto``: compiled for many activities. The answer is the same.

    Raises
    ------
    ScheduleError
        A system that cannot be played (see :func:`sim.playable.checked`); activities that wait for each other or for memory for
        ever, by name; memory that is short where nobody may wait for it, with the time and the holders.

    Examples
    --------
    Two loads of 1 kB on a bus of 1 GB/s: each gets half the bandwidth, and both end after 2 us.

    >>> dma, bus = Resource("dma", capacity=2), Port("bus", 1e9)
    >>> load = Activity("load", "dma", 10**6, port="bus", bytes=1000, flow_ps=10**6)
    >>> play(System("two loads", (dma,), (bus,), activities=(load, load))).end_ps.tolist()
    [2000000, 2000000]
    """
    if engine not in ENGINES:
        raise ScheduleError(f"engine: '{engine}'; one of {', '.join(ENGINES)} is expected; {nearest(engine, ENGINES)}")
    if engine == "compiled" or (engine == "auto" and len(system.activities) >= MANY):
        return play_compiled(system)
    return _Stage(checked(system)).play()


class _Life:
    """What becomes of one activity."""

    def __init__(self, number: int, activity: Activity) -> None:
        self.number, self.activity = number, activity
        self.ready_ps = self.entered_ps = self.from_ps = self.until_ps = 0
        self.woke_ps = self.end_ps = -1
        self.flow_ps = activity.flow_ps if activity.flows else 0
        self.alone_ps = activity.picoseconds - self.flow_ps
        self.units = self.remaining = activity.bytes * UNITS_PER_BYTE if activity.flows else 0
        self.rate, self.since_ps, self.version = -1.0, 0, 0
        self.stretches: list[tuple[int, int]] = []
        self.queued = self.begun = self.waking = self.flowing = False
        self.process: Any = None
        self.turn: Any = None  # event: a server is given to it
        self.flowed: Any = None  # event: its bytes have flowed

    @property
    def start_ps(self) -> int:
        """Start of its first stretch."""
        return self.stretches[0][0]

    def __lt__(self, other: _Life) -> bool:
        return self.number < other.number


class _Servers:
    """A resource: who waits for it, and whom it serves."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.waiting: list[tuple[tuple[int, int, int], _Life]] = []
        self.serving: list[_Life] = []
        self.idle_since_ps = 0
        self.stirred = self.short = self.leaving = False

    def place_of(self, life: _Life) -> tuple[int, int, int]:
        """Sort key of its line: rank, then the moment of entering, then the number."""
        rank = 0 if self.resource.discipline == "fifo" else life.activity.priority
        return -rank, life.entered_ps, life.number

    def wake_ps(self, now: int) -> int:
        """Time until it is awake, if it sleeps."""
        patience = self.resource.sleep_after_ps
        sleeps = not self.serving and patience is not None and now - self.idle_since_ps > patience
        return self.resource.wake_ps if sleeps else 0


class _Stage:
    """A system while it is played."""

    def __init__(self, system: System) -> None:
        import simpy

        self.interrupted = simpy.Interrupt
        self.system = system
        self.environment: Any = simpy.Environment(initial_time=0)
        self.lives = [_Life(number, activity) for number, activity in enumerate(system.activities)]
        self.over = [self.environment.event() for _ in self.lives]
        self.servers = {resource.name: _Servers(resource) for resource in system.resources}
        self.memory = _Memory(system)
        self.shares = _Shares(system, self.lives)
        self.planned: set[int] = set()

    def play(self) -> Played:
        """Play to the end."""
        for life in self.lives:
            life.process = self.environment.process(self.live(life))
        self.environment.run()
        if any(life.end_ps < 0 for life in self.lives):
            ended, queued = [life.end_ps >= 0 for life in self.lives], [life.queued for life in self.lives]
            raise stuck(self.system, ended, queued, sorted(self.memory.held))
        return _played(self.lives)

    def live(self, life: _Life) -> Generator[Any, Any, None]:
        """Wait, queue, work, end."""
        if life.activity.release_ps:
            yield self.environment.timeout(life.activity.release_ps)
        for before in life.activity.after:
            yield self.over[before]
        life.ready_ps = self.environment.now
        for before in life.activity.follows:
            yield self.over[before]
        life.entered_ps = self.environment.now
        self.queue(life)
        while True:
            yield life.turn
            try:
                yield from self.work(life)
                break
            except self.interrupted:
                continue  # put aside, and in its queue again
        self.finish(life)

    def queue(self, life: _Life) -> None:
        """Stand in line for the resource."""
        servers = self.servers[life.activity.resource]
        life.turn, life.queued = self.environment.event(), True
        heapq.heappush(servers.waiting, (servers.place_of(life), life))
        self.stir(servers)

    def work(self, life: _Life) -> Generator[Any, Any, None]:
        """Be woken for, spend the time alone, then flow."""
        if life.waking:
            yield self.environment.timeout(life.from_ps - self.environment.now)
            life.waking = False
            self.stir(self.servers[life.activity.resource])
        if life.alone_ps:
            yield self.environment.timeout(life.alone_ps)
        life.alone_ps = 0
        if life.remaining:
            life.flowed = self.environment.event()
            self.shares.join(life)
            self.plan(DIVIDE, self.divide)
            yield life.flowed

    def finish(self, life: _Life) -> None:
        """Give back the server and the memory, and tell those that wait."""
        life.end_ps = self.environment.now
        life.stretches.append((life.from_ps, life.end_ps))
        self.leave_server(life)
        if self.memory.drop(life.activity):
            for servers in self.servers.values():
                if servers.short:
                    self.stir(servers)
        self.over[life.number].succeed()

    def leave_server(self, life: _Life) -> None:
        """A server is free."""
        servers = self.servers[life.activity.resource]
        servers.serving.remove(life)
        if not servers.serving:
            servers.idle_since_ps = self.environment.now
        self.stir(servers)

    def stir(self, servers: _Servers) -> None:
        """Have the servers given when all that ends at this moment has ended."""
        servers.stirred = True
        self.plan(GIVE, self.give)

    def plan(self, priority: int, deed: Callable[[Any], None]) -> None:
        """Do something once later in this moment."""
        if priority not in self.planned:
            self.planned.add(priority)
            event = self.environment.event()
            event._ok, event._value = True, None
            event.callbacks.append(deed)
            self.environment.schedule(event, priority=priority)

    def give(self, _: Any) -> None:
        """Each resource, in order, gives its servers to those who wait."""
        self.planned.remove(GIVE)
        for servers in self.servers.values():
            if servers.stirred:
                servers.stirred = False
                self.serve(servers)

    def serve(self, servers: _Servers) -> None:
        """Serve the first in line while there is memory for it and a server."""
        while servers.waiting:
            life = servers.waiting[0][1]
            free = len(servers.serving) < servers.resource.capacity
            victim = None if free else self.last_in_line(servers, life)
            if not free and victim is None:
                return
            store = None if life.begun else self.memory.without_room(life)
            servers.short = store is not None
            if store is not None:
                if not store.waits:
                    raise out_of_memory(self.system, store.name, life.number, self.environment.now, sorted(self.memory.held))
                return
            if victim is not None and not self.gives_way(servers, victim):
                return
            heapq.heappop(servers.waiting)
            self.start(servers, life)

    def start(self, servers: _Servers, life: _Life) -> None:
        """A server works on it from now on, or from when it is awake."""
        wake = servers.wake_ps(self.environment.now)
        servers.serving.append(life)
        life.from_ps = self.environment.now + wake
        life.until_ps = life.from_ps + life.alone_ps if life.alone_ps or not life.remaining else FAR
        life.woke_ps = self.environment.now if wake else life.woke_ps
        life.waking, life.queued = wake > 0, False
        if not life.begun:
            life.begun = True
            self.memory.take(life.activity)
        life.turn.succeed()

    def last_in_line(self, servers: _Servers, head: _Life) -> _Life | None:
        """Of those that a resource serves the last by its order that may give way to the first that waits.

        Who ends at this moment, is still being woken for, or is of the same rank stays, and nobody goes while another one is going.
        """
        if servers.resource.discipline != "preemptive" or servers.leaving:
            return None
        now, priority = self.environment.now, head.activity.priority
        lower = [e for e in servers.serving if e.activity.priority < priority and e.until_ps > now and not e.waking]
        return max(lower, key=servers.place_of, default=None)

    def gives_way(self, servers: _Servers, victim: _Life) -> bool:
        """Whether a running activity gives way at once; one that may only between bursts is told to."""
        now = self.environment.now
        if not victim.flowing:
            boundary = next_boundary(now, victim.from_ps, servers.resource.burst_ps)
            if boundary >= victim.until_ps:
                return False
            if boundary > now:
                servers.leaving = True
                self.environment.timeout(boundary - now).callbacks.append(lambda _: self.burst_ends(servers, victim))
                return False
        self.put_aside(victim)
        return True

    def burst_ends(self, servers: _Servers, victim: _Life) -> None:
        """The burst is over."""
        servers.leaving = False
        self.put_aside(victim)

    def put_aside(self, life: _Life) -> None:
        """A running activity goes back into its queue, with the place it had."""
        now = self.environment.now
        if life.flowing:
            self.shares.leave(life, now)
            self.plan(DIVIDE, self.divide)
        else:
            life.alone_ps = life.until_ps - now
        if now > life.from_ps:
            life.stretches.append((life.from_ps, now))
        self.leave_server(life)
        self.queue(life)
        life.process.interrupt()

    def divide(self, _: Any) -> None:
        """The ports whose users changed are divided; a user whose share stays is left alone."""
        self.planned.remove(DIVIDE)
        for life, left in self.shares.divide(self.environment.now):
            life.version += 1
            if left != NEVER:
                flowed = partial(self.flow_ends, life, life.version)
                self.environment.timeout(left).callbacks.append(flowed)

    def flow_ends(self, life: _Life, version: int, _: Any) -> None:
        """The bytes of a user have flowed, unless its share has changed since."""
        if life.flowing and version == life.version:
            self.shares.leave(life, self.environment.now)
            self.plan(DIVIDE, self.divide)
            life.remaining = 0
            life.flowed.succeed()


class _Memory:
    """What is held where."""

    def __init__(self, system: System) -> None:
        self.system = system
        begun = {holding for activity in system.activities for holding in activity.takes}
        self.holders = [0] * len(system.holdings)
        for activity in system.activities:
            for number in activity.drops:
                self.holders[number] += 1
        self.lasting = {number for number, count in enumerate(self.holders) if not count}
        self.held = {number for number, holding in enumerate(system.holdings) if number not in begun and holding.bytes}

    def without_room(self, life: _Life) -> Store | None:
        """First memory that has no room for all that an activity takes there."""
        for number in life.activity.takes:
            store = self.system.stores[self.system.store_codes[self.system.holdings[number].store]]
            together = self.held | set(life.activity.takes)
            needed = sum(self.system.holdings[h].bytes for h in together if self.system.holdings[h].store == store.name)
            if store.capacity_bytes is not None and needed > store.capacity_bytes:
                return store
        return None

    def take(self, activity: Activity) -> None:
        """What begins with an activity; what everybody has let go already is not held at all."""
        self.held.update(number for number in activity.takes if self.holders[number] or number in self.lasting)

    def drop(self, activity: Activity) -> bool:
        """What an activity lets go; true where memory became free."""
        before = len(self.held)
        for number in activity.drops:
            self.holders[number] -= 1
            if self.holders[number] == 0:
                self.held.discard(number)
        return len(self.held) < before


class _Shares:
    """Who uses which port, and what each user gets."""

    def __init__(self, system: System, lives: Sequence[_Life]) -> None:
        self.ports = {port.name: port for port in system.ports}
        self.users: dict[str, list[_Life]] = {port.name: [] for port in system.ports}
        self.changed: set[str] = set()
        units, flow_ps = (np.array([getattr(life, name) for life in lives], np.int64) for name in ("units", "flow_ps"))
        self.limit: Any = own_rates(units, flow_ps).tolist()
        self.rank: Any = [self._rank(life) for life in lives]
        self.share: Any = [0.0] * len(lives)

    def _rank(self, life: _Life) -> int:
        port = self.ports[life.activity.port] if life.flow_ps else None  # type: ignore[index]
        return life.activity.priority if port is not None and port.division == "strict" else 0

    def join(self, life: _Life) -> None:
        """An activity begins to use its port; its share is told when the moment is over."""
        port = life.activity.port or ""
        self.users[port].append(life)
        self.users[port].sort(key=lambda user: (-self.rank[user.number], self.limit[user.number], user.number))
        self.changed.add(port)
        life.flowing, life.rate, life.until_ps = True, -1.0, FAR

    def leave(self, life: _Life, now: int) -> None:
        """An activity does not use its port any more."""
        self.count(life, now)
        port = life.activity.port or ""
        self.users[port].remove(life)
        self.changed.add(port)
        life.flowing = False

    def count(self, life: _Life, now: int) -> None:
        """Take what a user moved at its rate from what it has left."""
        if life.rate >= 0.0:
            life.remaining -= units_moved(now - life.since_ps, life.rate, life.remaining)
        life.since_ps = now

    def divide(self, now: int) -> Iterator[tuple[_Life, int]]:
        """Users whose share changes, with the time until they end [ps]."""
        for name, port in self.ports.items():
            if name in self.changed:
                users: Any = [life.number for life in self.users[name]]
                units_per_ps = port_units_per_picosecond(port.bandwidth_bytes_per_s)
                divide(units_per_ps, users, 0, len(users), self.limit, self.rank, self.share)
                for life in self.users[name]:
                    if self.share[life.number] != life.rate:
                        yield life, self.change(life, now)
        self.changed.clear()

    def change(self, life: _Life, now: int) -> int:
        """Give a user its new share; the time until it ends [ps]."""
        self.count(life, now)
        life.rate = self.share[life.number]
        untouched = life.rate == self.limit[life.number] and life.remaining == life.units
        left = life.flow_ps if untouched else picoseconds_left(life.remaining, life.rate)
        life.until_ps = FAR if left == NEVER else now + left
        return left


def _played(lives: Sequence[_Life]) -> Played:
    stretches = [(life.number, start, end) for life in lives for start, end in life.stretches]
    columns = np.array(stretches, np.int64).reshape(-1, 3).T
    times = [[getattr(life, name) for life in lives] for name in ("ready_ps", "start_ps", "end_ps", "woke_ps")]
    return Played(*(np.array(column, np.int64) for column in times), *columns)
