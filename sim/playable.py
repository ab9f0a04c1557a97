"""Whether a system can be played at all: every name known, every time within the clock, no ring of activities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hwmodels.costs.link import port_units_per_picosecond
from sim.arbitration import DISCIPLINES, DIVISIONS, UNITS_PER_BYTE
from sim.errors import ScheduleError
from sim.system import Activity, System
from sim.trace import LONGEST_PS, PICOSECONDS
from workloads.errors import nearest


def checked(system: System) -> System:
    """The system itself, if it can be played.

    Raises
    ------
    ScheduleError
        A resource, port or memory that does not exist or makes no sense, an activity with a time that is none or that the clock
        cannot hold, activities that wait for each other, a tensor that two activities bring into memory.

    Examples
    --------
    >>> from sim.system import Resource
    >>> checked(System("one", (Resource("core"),), activities=(Activity("a", "core", 5),))).name
    'one'
    """
    for found in (_bad_parts(system), _bad_activities(system), _bad_holdings(system), _too_long(system), _cycle(system.activities)):
        for sentence in found:
            raise ScheduleError(sentence)
    return system


def _bad_parts(system: System) -> Iterable[str]:
    for what, parts in (("resource", system.resources), ("port", system.ports), ("memory", system.stores)):
        names = [part.name for part in parts]
        for name in names:
            if names.count(name) > 1:
                yield f"{what} '{name}': stands {names.count(name)} times in {system.name}; once is expected; rename one"
    for resource in system.resources:
        if resource.capacity < 1:
            yield f"resource '{resource.name}': {resource.capacity} servers; at least 1 is expected; leave the resource out"
        if resource.discipline not in DISCIPLINES:
            yield (
                f"resource '{resource.name}': discipline '{resource.discipline}'; one of {', '.join(DISCIPLINES)} is expected; "
                f"{nearest(resource.discipline, DISCIPLINES)}"
            )
        if min(resource.burst_ps, resource.wake_ps, resource.sleep_after_ps or 0) < 0:
            yield f"resource '{resource.name}': a negative time; times from 0 ps are expected; leave it out for none"
    for port in system.ports:
        if not 0.0 < port_units_per_picosecond(port.bandwidth_bytes_per_s) < float("inf"):
            yield (
                f"link '{port.name}': bandwidth {port.bandwidth_bytes_per_s:g} B/s; a rate above 0 is expected; "
                "nothing would ever arrive"
            )
        if port.division not in DIVISIONS:
            yield (
                f"link '{port.name}': division '{port.division}'; one of {', '.join(DIVISIONS)} is expected; "
                f"{nearest(port.division, DIVISIONS)}"
            )


def _bad_activities(system: System) -> Iterable[str]:
    count = len(system.activities)
    for activity in system.activities:
        where = f"task '{activity.name}'"
        if activity.resource not in system.resource_codes:
            yield (
                f"{where}: resource '{activity.resource}' does not exist; one of {', '.join(system.resource_codes)} is expected; "
                f"{nearest(activity.resource, system.resource_codes)}"
            )
        if activity.port is not None and activity.port not in system.port_codes:
            yield (
                f"{where}: link '{activity.port}' does not exist; one of {', '.join(system.port_codes) or 'none'} is expected; "
                f"{nearest(activity.port, system.port_codes)}"
            )
        if not 0 <= activity.flow_ps <= activity.picoseconds <= LONGEST_PS:
            yield (
                f"{where}: {activity.picoseconds} ps, of which {activity.flow_ps} ps flow; a time from 0 to "
                f"{LONGEST_PS / PICOSECONDS:.3g} s is expected, what the clock holds; make the batch smaller or the rate larger"
            )
        if not 0 <= activity.bytes * UNITS_PER_BYTE <= LONGEST_PS:
            yield f"{where}: {activity.bytes} B in one flow; 0 to {LONGEST_PS // UNITS_PER_BYTE} B are expected; split it"
        if not 0 <= activity.release_ps <= LONGEST_PS:
            yield f"{where}: released at {activity.release_ps} ps; a moment from 0 to {LONGEST_PS} ps is expected"
        for before in activity.before:
            if not 0 <= before < count:
                yield f"{where}: waits for task {before}; one of the tasks 0 to {count - 1} is expected"


def _too_long(system: System) -> Iterable[str]:
    """Even one after the other, each as slow as its port alone, all activities must end before the clock does."""
    rates = {port.name: port_units_per_picosecond(port.bandwidth_bytes_per_s) for port in system.ports}
    wake_ps = {resource.name: resource.wake_ps for resource in system.resources}
    total = 0
    for activity in system.activities:
        slowest = int(activity.bytes * UNITS_PER_BYTE / rates[activity.port]) + 1 if activity.port is not None else 0
        total = max(total, activity.release_ps) + activity.picoseconds + slowest + wake_ps[activity.resource]
    if total > LONGEST_PS:
        yield (
            f"{system.name}: {total / PICOSECONDS:.3g} s of work; at most {LONGEST_PS / PICOSECONDS:.3g} s are expected, "
            "what the clock holds; use a smaller batch or a faster device"
        )


def _bad_holdings(system: System) -> Iterable[str]:
    for holding in system.holdings:
        if holding.store not in system.store_codes:
            yield (
                f"tensor '{holding.name}': memory '{holding.store}' does not exist; one of "
                f"{', '.join(system.store_codes) or 'none'} is expected; {nearest(holding.store, system.store_codes)}"
            )
        if holding.bytes < 0:
            yield f"tensor '{holding.name}': {holding.bytes} B; a size from 0 is expected"
    takers: dict[int, str] = {}
    for activity in system.activities:
        for number in (*activity.takes, *activity.drops):
            if not 0 <= number < len(system.holdings):
                yield f"task '{activity.name}': tensor {number}; one of 0 to {len(system.holdings) - 1} is expected"
        for number in activity.takes:
            if number in takers:
                yield (
                    f"tensor '{system.holdings[number].name}': taken by {takers[number]} and {activity.name}; "
                    "one task is expected to bring it into memory"
                )
            takers[number] = activity.name


def _cycle(activities: Sequence[Activity]) -> Iterable[str]:
    """The first ring of activities that wait for each other, by names."""
    left = [len(activity.before) for activity in activities]
    followers: list[list[int]] = [[] for _ in activities]
    for number, activity in enumerate(activities):
        for before in activity.before:
            followers[before].append(number)
    free = [number for number, count in enumerate(left) if not count]
    for number in free:
        for follower in followers[number]:
            left[follower] -= 1
            if not left[follower]:
                free.append(follower)
    stuck = {number for number, count in enumerate(left) if count}
    if stuck:
        ring = _ring(activities, stuck)
        names = ", which waits for ".join(f"'{activities[number].name}'" for number in (*ring[1:], ring[0]))
        yield (
            f"task '{activities[ring[0]].name}': waits for {names}; {len(stuck)} tasks wait for each other or for these; "
            "a schedule without a cycle is expected; take one of these dependences out"
        )


def _ring(activities: Sequence[Activity], stuck: set[int]) -> list[int]:
    """Walk from task to a task it waits for, among those that never become ready, until one comes again."""
    path: list[int] = []
    current = min(stuck)
    while current not in path:
        path.append(current)
        current = next(before for before in activities[current].before if before in stuck)
    ring = path[path.index(current) :]
    first = ring.index(min(ring))
    return [*ring[first:], *ring[:first]]
