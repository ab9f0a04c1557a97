"""The event loop over columns: the compiled twin of ``sim/engine.py``, by the rules of ``sim/system.py``.

Every activity has at most one thing to come (its release, the end of what it does, the end of its burst); all of these stand in one
binary heap, ordered by time, then by number of the activity, which knows its place there. Every resource has a queue, a binary heap
too, ordered by rank, then by the moment of entering, then by number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwmodels.jit import kernel
from sim.arbitration import NEVER, PREEMPTIVE, divide, goes_before, next_boundary, picoseconds_left, units_moved
from sim.event_tables import Queue, State, Tables

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
else:
    Ints = Any

#: How a run ended: every activity did; some wait for ever; one had no memory; the log was too short.
ENDED, STUCK, OUT_OF_MEMORY, LOG_FULL = range(4)

#: What an activity does.
WAITING, QUEUED, WAKING, ALONE, FLOWING, GIVING_WAY, OVER = range(7)

#: In place of the end of a flow that gets nothing.
FAR = 2**62


@kernel
def play_events(t: Tables, s: State) -> int:
    """Play a system: fill the logs, and return how the run ended.

    Parameters
    ----------
    t : Tables
        The system.
    s : Work
        With its first values.
    log : Log
        Filled.

    Returns
    -------
    int
        ``ENDED``, ``STUCK``, ``OUT_OF_MEMORY`` (which memory, which activity and when stand in ``s.counters``) or ``LOG_FULL``.
    """
    begin(t, s)
    now = 0
    while True:
        found = give_servers(t, s, now)
        s.counters.now_ps[0] = now
        if found != ENDED:
            return found
        if s.counters.heaped[0] == 0 or s.heap.time_ps[0] > now:
            divide_ports(t, s, now)
            if s.counters.heaped[0] == 0:
                break
            now = s.heap.time_ps[0]
        while s.counters.heaped[0] > 0 and s.heap.time_ps[0] == now:
            happen(t, s, now)
    if s.counters.logged[0] > len(s.stretches.activity):
        return LOG_FULL
    return ENDED if s.counters.finished[0] == len(s.activities.mode) else STUCK


@kernel(makes_arrays=False)
def begin(t: Tables, s: State) -> None:
    """Put what waits for nothing into its queue, and what is released later into the heap."""
    for i in range(len(s.activities.mode)):
        if t.activities.release_ps[i] > 0:
            s.activities.waits_for[i] += 1
            heap_set(s, i, t.activities.release_ps[i])
        elif s.activities.waits_for[i] == 0:
            s.activities.entered_ps[i] = 0
            queue_push(t, s, i)


@kernel(makes_arrays=False, inline=True)
def happen(t: Tables, s: State, now: int) -> None:
    """Let the first entry of the heap happen."""
    i = s.heap.activity[0]
    heap_remove(s, i)
    mode = s.activities.mode[i]
    if mode == WAITING:
        s.log.ready_ps[i] = max(s.log.ready_ps[i], now)
        arrive(t, s, i, now)
    elif mode == WAKING:
        s.servers.stirred[t.activities.resource[i]] = 1
        go(t, s, i, now)
    elif mode == GIVING_WAY:
        s.servers.leaving[t.activities.resource[i]] = 0
        s.activities.alone_ps[i] = s.activities.until_ps[i] - now
        put_aside(t, s, i, now)
    elif mode == ALONE and s.activities.remaining[i] > 0:
        s.activities.alone_ps[i] = 0
        join_port(t, s, i, now)
    else:
        if mode == FLOWING:
            leave_port(t, s, i)
        finish(t, s, i, now)


@kernel(makes_arrays=False, inline=True)
def arrive(t: Tables, s: State, i: int, now: int) -> None:
    """One of the things an activity waits for has come; with the last it enters the queue of its resource."""
    s.activities.waits_for[i] -= 1
    if s.activities.waits_for[i] == 0:
        s.activities.entered_ps[i] = now
        queue_push(t, s, i)


@kernel(makes_arrays=False, inline=True)
def finish(t: Tables, s: State, i: int, now: int) -> None:
    """An activity ends: its server, its memory and those that wait for it are told."""
    log_stretch(s, i, now)
    s.log.end_ps[i] = now
    s.activities.mode[i] = OVER
    s.counters.finished[0] += 1
    stop_serving(t, s, i, now)
    let_go(t, s, i)
    first = t.activities.first_next[i]
    for k in range(first, first + t.activities.count_next[i]):
        j = t.next.activity[k]
        if t.next.needs[k] == 1:
            s.log.ready_ps[j] = max(s.log.ready_ps[j], now)
        arrive(t, s, j, now)


@kernel(makes_arrays=False, inline=True)
def log_stretch(s: State, i: int, now: int) -> None:
    """Write down the stretch that ends now; what the log has no room for is only counted."""
    if s.log.start_ps[i] < 0:
        s.log.start_ps[i] = s.activities.from_ps[i]
    place = s.counters.logged[0]
    if place < len(s.stretches.activity):
        s.stretches.activity[place] = i
        s.stretches.from_ps[place] = s.activities.from_ps[i]
        s.stretches.to_ps[place] = now
    s.counters.logged[0] = place + 1


@kernel(makes_arrays=False, inline=True)
def stop_serving(t: Tables, s: State, i: int, now: int) -> None:
    """A server is free."""
    r = t.activities.resource[i]
    if t.servers.discipline[r] == PREEMPTIVE:
        k = t.servers.first[r]
        while s.places.serving[k] != i:
            k += 1
        s.places.serving[k] = s.places.serving[t.servers.first[r] + s.servers.busy[r] - 1]
    s.servers.busy[r] -= 1
    s.servers.stirred[r] = 1
    if s.servers.busy[r] == 0:
        s.servers.idle_since_ps[r] = now


@kernel(makes_arrays=False, inline=True)
def let_go(t: Tables, s: State, i: int) -> None:
    """Drop what an activity held; where memory becomes free, those that wait for some are asked again."""
    freed = False
    first = t.activities.first_drop[i]
    for k in range(first, first + t.activities.count_drop[i]):
        h = t.drop.holding[k]
        s.holdings.holders[h] -= 1
        if s.holdings.holders[h] == 0 and s.holdings.there[h] == 1:
            s.holdings.there[h] = 0
            s.stores.held[t.holdings.store[h]] -= t.holdings.bytes[h]
            freed = True
    if freed:
        for r in range(len(s.servers.short)):
            if s.servers.short[r] == 1:
                s.servers.stirred[r] = 1


@kernel(makes_arrays=False)
def give_servers(t: Tables, s: State, now: int) -> int:
    """Each resource gives its servers to those who wait; returns ``ENDED`` or ``OUT_OF_MEMORY``."""
    for r in range(len(s.servers.stirred)):
        if s.servers.stirred[r] == 1:
            s.servers.stirred[r] = 0
            while s.servers.queued[r] > 0:
                head = s.queue.activity[t.servers.first[r]]
                free = s.servers.busy[r] < t.servers.capacity[r]
                if not free and last_in_line(t, s, r, head, now) < 0:
                    break
                store = store_without_room(t, s, head)
                s.servers.short[r] = 1 if store >= 0 else 0
                if store >= 0 and t.stores.waits[store] == 0:
                    s.counters.short_store[0] = store
                    s.counters.short_activity[0] = head
                    return OUT_OF_MEMORY
                if store >= 0 or not (free or take_server(t, s, r, head, now)):
                    break
                queue_pop(t, s, r)
                start(t, s, head, now)
    return ENDED


@kernel(makes_arrays=False, inline=True)
def store_without_room(t: Tables, s: State, i: int) -> int:
    """First memory that has no room for all that an activity takes there; -1 where there is room, or it has it already."""
    first = t.activities.first_take[i]
    last = first + t.activities.count_take[i]
    if s.activities.begun[i] == 0:
        for k in range(first, last):
            store = t.holdings.store[t.take.holding[k]]
            needed = s.stores.held[store]
            for other in range(first, last):
                h = t.take.holding[other]
                if t.holdings.store[h] == store:
                    needed += t.holdings.bytes[h]
            if needed > t.stores.capacity[store]:
                return store
    return -1


@kernel(makes_arrays=False)
def take_server(t: Tables, s: State, r: int, head: int, now: int) -> bool:
    """Whether a running activity gives way at once to the first in line; one that may only between bursts is told to."""
    victim = last_in_line(t, s, r, head, now)
    if s.activities.mode[victim] == ALONE:
        boundary = next_boundary(now, s.activities.from_ps[victim], t.servers.burst_ps[r])
        if boundary >= s.activities.until_ps[victim]:
            return False
        if boundary > now:
            s.activities.mode[victim] = GIVING_WAY
            s.servers.leaving[r] = 1
            heap_set(s, victim, boundary)
            return False
        s.activities.alone_ps[victim] = s.activities.until_ps[victim] - now
    else:
        if s.activities.rate[victim] >= 0.0:
            s.activities.remaining[victim] -= units_moved(
                now - s.activities.since_ps[victim], s.activities.rate[victim], s.activities.remaining[victim]
            )
        leave_port(t, s, victim)
    heap_remove(s, victim)
    put_aside(t, s, victim, now)
    return True


@kernel(makes_arrays=False)
def last_in_line(t: Tables, s: State, r: int, head: int, now: int) -> int:
    """Of those that a resource serves the last by its order that may give way to ``head``; -1 without one.

    Who ends at this moment, is still being woken for, or is of the same rank stays, and nobody goes while another one is going.
    """
    victim = -1
    if t.servers.discipline[r] != PREEMPTIVE or s.servers.leaving[r] == 1:
        return victim
    for k in range(t.servers.first[r], t.servers.first[r] + s.servers.busy[r]):
        i = s.places.serving[k]
        lower = t.activities.rank[i] < t.activities.rank[head]
        free_to_go = s.activities.until_ps[i] > now and s.activities.mode[i] != WAKING
        if lower and free_to_go and (victim < 0 or stands_before(t, s, victim, i)):
            victim = i
    return victim


@kernel(makes_arrays=False)
def stands_before(t: Tables, s: State, one: int, other: int) -> bool:
    """Whether one activity stands before another in the line of their resource."""
    ranks, entered = t.activities.rank, s.activities.entered_ps
    return comes_first(ranks[one], entered[one], one, ranks[other], entered[other], other)


@kernel(makes_arrays=False)
def put_aside(t: Tables, s: State, i: int, now: int) -> None:
    """A running activity goes back into its queue, with the place it had."""
    if now > s.activities.from_ps[i]:
        log_stretch(s, i, now)
    stop_serving(t, s, i, now)
    queue_push(t, s, i)


@kernel(makes_arrays=False, inline=True)
def start(t: Tables, s: State, i: int, now: int) -> None:
    """A server works on an activity from now on, or from when it is awake."""
    r = t.activities.resource[i]
    asleep = s.servers.busy[r] == 0 and 0 <= t.servers.sleep_after_ps[r] < now - s.servers.idle_since_ps[r]
    wake = t.servers.wake_ps[r] if asleep else 0
    if t.servers.discipline[r] == PREEMPTIVE:
        s.places.serving[t.servers.first[r] + s.servers.busy[r]] = i
    s.servers.busy[r] += 1
    s.activities.from_ps[i] = now + wake
    if s.activities.begun[i] == 0:
        s.activities.begun[i] = 1
        take_hold(t, s, i)
    if wake > 0:
        s.log.woke_ps[i] = now
        s.activities.mode[i] = WAKING
        heap_set(s, i, now + wake)
    else:
        go(t, s, i, now)


@kernel(makes_arrays=False, inline=True)
def go(t: Tables, s: State, i: int, now: int) -> None:
    """An activity spends its time alone, or flows at once where it has none."""
    if s.activities.alone_ps[i] == 0 and s.activities.remaining[i] > 0:
        join_port(t, s, i, now)
    else:
        s.activities.mode[i] = ALONE
        s.activities.until_ps[i] = now + s.activities.alone_ps[i]
        heap_set(s, i, s.activities.until_ps[i])


@kernel(makes_arrays=False, inline=True)
def take_hold(t: Tables, s: State, i: int) -> None:
    """The holdings that begin with an activity; one that everybody has let go already is not held at all."""
    first = t.activities.first_take[i]
    for k in range(first, first + t.activities.count_take[i]):
        h = t.take.holding[k]
        if s.holdings.holders[h] > 0 or t.holdings.droppers[h] == 0:
            s.holdings.there[h] = 1
            s.stores.held[t.holdings.store[h]] += t.holdings.bytes[h]


@kernel(makes_arrays=False)
def join_port(t: Tables, s: State, i: int, now: int) -> None:
    """An activity begins to use its port, in the place of its rank and limit; its share is told when the moment is over."""
    p = t.activities.port[i]
    k = t.ports.first[p] + s.ports.sharing[p]
    while k > t.ports.first[p] and goes_before(i, s.places.users[k - 1], t.activities.limit, t.activities.share_rank):
        s.places.users[k] = s.places.users[k - 1]
        k -= 1
    s.places.users[k] = i
    s.ports.sharing[p] += 1
    s.ports.changed[p] = 1
    s.activities.mode[i] = FLOWING
    s.activities.rate[i] = -1.0
    s.activities.until_ps[i] = FAR


@kernel(makes_arrays=False)
def leave_port(t: Tables, s: State, i: int) -> None:
    """An activity does not use its port any more."""
    p = t.activities.port[i]
    k = t.ports.first[p]
    while s.places.users[k] != i:
        k += 1
    s.ports.sharing[p] -= 1
    while k < t.ports.first[p] + s.ports.sharing[p]:
        s.places.users[k] = s.places.users[k + 1]
        k += 1
    s.ports.changed[p] = 1


@kernel(makes_arrays=False)
def divide_ports(t: Tables, s: State, now: int) -> None:
    """Divide the ports whose users changed; a user whose share stays is left alone."""
    for p in range(len(s.ports.changed)):
        if s.ports.changed[p] == 1:
            s.ports.changed[p] = 0
            first = t.ports.first[p]
            limit, rank = t.activities.limit, t.activities.share_rank
            divide(t.ports.units_per_ps[p], s.places.users, first, s.ports.sharing[p], limit, rank, s.activities.share)
            for k in range(first, first + s.ports.sharing[p]):
                if s.activities.share[s.places.users[k]] != s.activities.rate[s.places.users[k]]:
                    change_share(t, s, s.places.users[k], now)


@kernel(makes_arrays=False)
def change_share(t: Tables, s: State, i: int, now: int) -> None:
    """Count what a user moved at its former rate, and find its end at the new one."""
    if s.activities.rate[i] >= 0.0:
        s.activities.remaining[i] -= units_moved(now - s.activities.since_ps[i], s.activities.rate[i], s.activities.remaining[i])
    s.activities.since_ps[i] = now
    s.activities.rate[i] = s.activities.share[i]
    if s.activities.rate[i] == t.activities.limit[i] and s.activities.remaining[i] == t.activities.units[i]:
        left = t.activities.flow_ps[i]
    else:
        left = picoseconds_left(s.activities.remaining[i], s.activities.rate[i])
    if left == NEVER:
        s.activities.until_ps[i] = FAR
        heap_remove(s, i)
    else:
        s.activities.until_ps[i] = now + left
        heap_set(s, i, now + left)


@kernel(makes_arrays=False, inline=True)
def comes_first(rank: int, entered_ps: int, i: int, other_rank: int, other_entered_ps: int, other: int) -> bool:
    """Whether one activity stands before another in the line of their resource."""
    if rank != other_rank:
        return rank > other_rank
    if entered_ps != other_entered_ps:
        return entered_ps < other_entered_ps
    return i < other


@kernel(makes_arrays=False, inline=True)
def queue_push(t: Tables, s: State, i: int) -> None:
    """Put an activity into the queue of its resource."""
    r = t.activities.resource[i]
    first = t.servers.first[r]
    rank = t.activities.rank[i]
    entered = s.activities.entered_ps[i]
    s.activities.mode[i] = QUEUED
    s.servers.stirred[r] = 1
    k = s.servers.queued[r]
    s.servers.queued[r] = k + 1
    while k > 0:
        parent = (k - 1) // 2
        if not queue_before(s.queue, rank, entered, i, first + parent):
            break
        queue_move(s.queue, first + parent, first + k)
        k = parent
    queue_put(s.queue, first + k, rank, entered, i)


@kernel(makes_arrays=False, inline=True)
def queue_pop(t: Tables, s: State, r: int) -> None:
    """Take the first out of a queue."""
    first = t.servers.first[r]
    count = s.servers.queued[r] - 1
    s.servers.queued[r] = count
    rank, entered, last = s.queue.rank[first + count], s.queue.entered_ps[first + count], s.queue.activity[first + count]
    k = 0
    while 2 * k + 1 < count:
        child = 2 * k + 1
        if child + 1 < count:
            right = first + child + 1
            if queue_before(s.queue, s.queue.rank[right], s.queue.entered_ps[right], s.queue.activity[right], right - 1):
                child += 1
        if queue_before(s.queue, rank, entered, last, first + child):
            break
        queue_move(s.queue, first + child, first + k)
        k = child
    queue_put(s.queue, first + k, rank, entered, last)


@kernel(makes_arrays=False, inline=True)
def queue_before(queue: Queue, rank: int, entered_ps: int, i: int, place: int) -> bool:
    """Whether an activity stands before the one at a place of a queue."""
    return comes_first(rank, entered_ps, i, queue.rank[place], queue.entered_ps[place], queue.activity[place])


@kernel(makes_arrays=False, inline=True)
def queue_move(queue: Queue, source: int, target: int) -> None:
    """Move an entry of a queue."""
    queue_put(queue, target, queue.rank[source], queue.entered_ps[source], queue.activity[source])


@kernel(makes_arrays=False, inline=True)
def queue_put(queue: Queue, place: int, rank: int, entered_ps: int, i: int) -> None:
    """Write an entry of a queue."""
    queue.rank[place] = rank
    queue.entered_ps[place] = entered_ps
    queue.activity[place] = i


@kernel(makes_arrays=False, inline=True)
def heap_set(s: State, i: int, time: int) -> None:
    """Give an activity a moment in the heap, in place of the one it had."""
    k = s.activities.place[i]
    if k < 0:
        k = s.counters.heaped[0]
        s.counters.heaped[0] += 1
    k = heap_rise(s, k, i, time)
    heap_sink(s, k, i, time)


@kernel(makes_arrays=False, inline=True)
def heap_remove(s: State, i: int) -> None:
    """Take an activity out of the heap, if it is there."""
    k = s.activities.place[i]
    if k >= 0:
        s.activities.place[i] = -1
        s.counters.heaped[0] -= 1
        last = s.counters.heaped[0]
        if k != last:
            moved = s.heap.activity[last]
            time = s.heap.time_ps[last]
            k = heap_rise(s, k, moved, time)
            heap_sink(s, k, moved, time)


@kernel(makes_arrays=False, inline=True)
def heap_rise(s: State, k: int, i: int, time: int) -> int:
    """Move what stands above place ``k`` down until an entry fits; the place left for it."""
    while k > 0:
        parent = (k - 1) // 2
        other = s.heap.time_ps[parent]
        if other < time or (other == time and s.heap.activity[parent] < i):
            break
        s.heap.time_ps[k] = other
        s.heap.activity[k] = s.heap.activity[parent]
        s.activities.place[s.heap.activity[k]] = k
        k = parent
    return k


@kernel(makes_arrays=False, inline=True)
def heap_sink(s: State, k: int, i: int, time: int) -> None:
    """Move what stands below place ``k`` up until an entry fits, and put it there."""
    count = s.counters.heaped[0]
    while 2 * k + 1 < count:
        child = 2 * k + 1
        if child + 1 < count and (
            s.heap.time_ps[child + 1] < s.heap.time_ps[child]
            or (s.heap.time_ps[child + 1] == s.heap.time_ps[child] and s.heap.activity[child + 1] < s.heap.activity[child])
        ):
            child += 1
        other = s.heap.time_ps[child]
        if time < other or (time == other and i < s.heap.activity[child]):
            break
        s.heap.time_ps[k] = other
        s.heap.activity[k] = s.heap.activity[child]
        s.activities.place[s.heap.activity[k]] = k
        k = child
    s.heap.time_ps[k] = time
    s.heap.activity[k] = i
    s.activities.place[i] = k
