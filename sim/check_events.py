"""Every rule that a played system obeys. Shares no code with the engines: it says which rule broke, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hwmodels.costs.link import port_units_per_picosecond
from sim.played import Played
from sim.system import Activity, System

#: Units of shared work in one byte.
UNITS = 2**20


def broken_rules_of_play(system: System, played: Played) -> list[str]:
    """Sentences, one per broken rule; empty for a run that obeys them all."""
    return [
        *_times(system, played),
        *_lengths(system, played),
        *_servers(system, played),
        *_line(system, played),
        *_memory(system, played),
        *_ports(system, played),
    ]


def bounds_ps(system: System) -> tuple[int, int]:
    """Between which lengths every run lies [ps].

    At least the longest chain, the busiest resource, and the busiest port; at most all activities one after the other, each as slow
    as its port alone, after the last release. Sleep and rounding at a port can add to the upper bound: a wake and a picosecond per
    activity for each activity.
    """
    alone = [_alone_ps(system, activity) for activity in system.activities]
    chain: dict[int, int] = {}

    def ending(number: int) -> int:
        if number not in chain:
            activity = system.activities[number]
            ready = max((ending(before) for before in activity.before), default=0)
            chain[number] = max(ready, activity.release_ps) + alone[number]
        return chain[number]

    longest = max((ending(number) for number in range(len(alone))), default=0)
    busiest = [
        sum(time for time, a in zip(alone, system.activities, strict=True) if a.resource == r.name) // r.capacity
        for r in system.resources
    ]
    ports = [
        int(sum(a.bytes for a in system.activities if a.flows and a.port == p.name) * UNITS / _rate(p.bandwidth_bytes_per_s))
        for p in system.ports
    ]
    most = max((a.release_ps for a in system.activities), default=0) + sum(alone)
    wakes = sum(r.wake_ps for r in system.resources for a in system.activities if a.resource == r.name)
    flows = sum(a.flows for a in system.activities)
    return max(longest, *busiest, *ports, 0), most + wakes + flows * flows


def _rate(bandwidth_bytes_per_s: float) -> float:
    return port_units_per_picosecond(bandwidth_bytes_per_s)


def _alone_ps(system: System, activity: Activity) -> int:
    """Time of an activity that has everything to itself [ps]."""
    if not activity.flows:
        return activity.picoseconds
    port = next(p for p in system.ports if p.name == activity.port)
    slowest = int(activity.bytes * UNITS / _rate(port.bandwidth_bytes_per_s) * (1 - 1e-12))
    return activity.picoseconds - activity.flow_ps + max(activity.flow_ps, slowest)


def _times(system: System, played: Played) -> Iterator[str]:
    for number, activity in enumerate(system.activities):
        ready, start, end = (int(column[number]) for column in (played.ready_ps, played.start_ps, played.end_ps))
        needed = max((int(played.end_ps[before]) for before in activity.after), default=0)
        if ready != max(needed, activity.release_ps):
            yield f"{activity.name}: ready at {ready}, what it needs was there at {needed}, released at {activity.release_ps}"
        given = start if played.woke_ps[number] < 0 else int(played.woke_ps[number])
        late = [before for before in activity.before if played.end_ps[before] > given]
        if late or not ready <= start <= end:
            yield f"{activity.name}: ready {ready}, start {start}, end {end}, too early for {late}"


def _lengths(system: System, played: Played) -> Iterator[str]:
    for number, activity in enumerate(system.activities):
        stretches = played.stretches_of(number)
        ran = sum(end - start for start, end in stretches)
        times = [time for stretch in stretches for time in stretch]
        if times != sorted(times) or (times[0], times[-1]) != (played.start_ps[number], played.end_ps[number]):
            yield f"{activity.name}: stretches {stretches} are not its time"
        # A flow whose share changes is rounded up each time.
        if ran < activity.picoseconds or (not activity.flows and ran != activity.picoseconds):
            yield f"{activity.name}: ran {ran} ps instead of {activity.picoseconds}"


def _wakes(system: System, played: Played, number: int) -> list[tuple[int, int]]:
    """From when to when the resource of an activity woke up for it."""
    woke = int(played.woke_ps[number])
    resource = next(r for r in system.resources if r.name == system.activities[number].resource)
    return [(woke, woke + resource.wake_ps)] if woke >= 0 else []


def _sweep(changes: Iterable[tuple[int, int]]) -> int:
    """Largest running sum of (time, change); at one time what falls comes first."""
    level = most = 0
    for _, change in sorted(changes):
        level += change
        most = max(most, level)
    return most


def _servers(system: System, played: Played) -> Iterator[str]:
    for resource in system.resources:
        users = [n for n, a in enumerate(system.activities) if a.resource == resource.name]
        spans = [span for n in users for span in (*_wakes(system, played, n), *played.stretches_of(n)) if span[1] > span[0]]
        most = _sweep(change for start, end in spans for change in ((start, 1), (end, -1)))
        if most > resource.capacity:
            yield f"{resource.name}: serves {most} at once, it has {resource.capacity} servers"


def _line(system: System, played: Played) -> Iterator[str]:
    """Nobody of higher rank, or of equal rank and earlier, is left waiting by one that starts; nobody gives way to a lower rank."""
    for resource in system.resources:
        users = [n for n, a in enumerate(system.activities) if a.resource == resource.name]
        rank = {n: 0 if resource.discipline == "fifo" else system.activities[n].priority for n in users}
        entered = {n: max((int(played.end_ps[b]) for b in system.activities[n].before), default=0) for n in users}
        entered = {n: max(entered[n], int(played.ready_ps[n])) for n in users}
        begins = {n: min([int(played.start_ps[n]), *(start for start, _ in _wakes(system, played, n))]) for n in users}
        for n in users:
            for other in users:
                waits = entered[other] < begins[n] < begins[other]
                if waits and (-rank[other], entered[other]) < (-rank[n], entered[n]):
                    yield f"{resource.name}: {system.activities[n].name} starts before {system.activities[other].name}"
            for _, end in played.stretches_of(n)[:-1]:
                taken = (int(played.from_ps[k]) == end and rank[int(played.stretch[k])] >= rank[n] for k in _rows(played, users))
                if not any(taken):
                    yield f"{resource.name}: {system.activities[n].name} is put aside at {end} for nobody"


def _rows(played: Played, users: list[int]) -> list[int]:
    return [k for k, number in enumerate(played.stretch.tolist()) if number in users]


def _memory(system: System, played: Played) -> Iterator[str]:
    begins = {
        h: int(played.start_ps[n]) if played.woke_ps[n] < 0 else int(played.woke_ps[n])
        for n, a in enumerate(system.activities)
        for h in a.takes
    }
    droppers: dict[int, list[int]] = {}
    for n, activity in enumerate(system.activities):
        for h in activity.drops:
            droppers.setdefault(h, []).append(int(played.end_ps[n]))
    for store in system.stores:
        mine = [(h, entry) for h, entry in enumerate(system.holdings) if entry.store == store.name]
        changes = []
        for h, entry in mine:
            start, end = begins.get(h, 0), max(droppers[h]) if h in droppers else played.makespan_ps + 1
            changes += [(start, entry.bytes), (end, -entry.bytes)] if end > start else []
        if store.capacity_bytes is not None and _sweep(changes) > store.capacity_bytes:
            yield f"{store.name}: holds {_sweep(changes)} B, it has {store.capacity_bytes}"


def _flow(activity: Activity, stretches: list[tuple[int, int]]) -> tuple[int, int]:
    """From when to when an activity flows, put aside or not."""
    alone = activity.picoseconds - activity.flow_ps
    for start, end in stretches:
        if alone < end - start or (alone == end - start and (start, end) == stretches[-1]):
            return start + alone, stretches[-1][1]
        alone -= end - start
    return stretches[-1][1], stretches[-1][1]


def _ports(system: System, played: Played) -> Iterator[str]:
    """While a port is busy, no more flows than its bandwidth allows; nobody's flow is shorter than alone."""
    for port in system.ports:
        rate = _rate(port.bandwidth_bytes_per_s)
        flows = [(n, a) for n, a in enumerate(system.activities) if a.flows and a.port == port.name]
        spans = [(*_flow(activity, played.stretches_of(n)), activity) for n, activity in flows]
        for start, end, activity in spans:
            if end - start < activity.flow_ps:
                yield f"{activity.name}: flows {end - start} ps, {activity.flow_ps} at least are expected"
        moved, begin, until = 0, 0, -1
        for start, end, units in sorted((start, end, activity.bytes * UNITS) for start, end, activity in spans):
            if start > until:
                moved, begin = 0, start
            moved, until = moved + units, max(until, end)
            if start <= until and moved > rate * (max(until, end) - begin) * (1 + 1e-9) + rate and end == until:
                yield f"{port.name}: {moved / UNITS} B between {begin} and {until} ps"
