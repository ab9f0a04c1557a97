"""How simultaneous users share a link or a memory port, and who of those that wait goes first.

Two ways of sharing. *One after the other*: a resource has servers, each serves one task at a time, and a discipline says who is
next. *All at once*: a port divides its bandwidth among all that use it, anew on every arrival and departure.

The division is max-min fair with limits: nobody gets more than it can take alone, and what it leaves is divided among the others
(Bertsekas and Gallager, Data Networks, 2nd edition, section 6.5.2). Under ``strict`` the users of a higher priority are served
first and the others divide the rest, which can be nothing.

Work is counted in 2^-20 bytes (int64), time in whole picoseconds (int64). A share's end is rounded up. A user whose share does
not change is left alone, so one that always gets all it can take ends exactly when its duration says. Both engines call these
functions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hwmodels.jit import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
else:
    Ints = Floats = Any

#: Units of shared work in one byte.
UNITS_PER_BYTE = 2**20

#: Who of those that wait gets a free server: the first in time; the highest priority, then the first; the same, and it takes the
#: server from a task of lower priority.
DISCIPLINES = ("fifo", "priority", "preemptive")
FIFO, PRIORITY, PREEMPTIVE = range(3)

#: How a port divides its bandwidth: among all alike; among those of the highest priority first.
DIVISIONS = ("fair", "strict")
FAIR, STRICT = range(2)

#: In place of a time until the end, where it does not come while the shares stay as they are.
NEVER = -1


@kernel(makes_arrays=False, inline=True)
def divide(capacity: float, users: Ints, first: int, count: int, limit: Floats, rank: Ints, rate: Floats) -> None:
    """Fill the rate of each user of a port.

    Parameters
    ----------
    capacity : float
        Of the port [2^-20 B/ps].
    users : int64 array
        Users of all ports, one port after the other; this one's are ``users[first:first + count]``, those of higher rank first,
        among equals those of lower limit first, then in task order (see :func:`goes_before`).
    limit : float64 array
        Most each user can take, by user [2^-20 B/ps].
    rank : int64 array
        Priority each user is served with, by user; equal everywhere where the division is fair.
    rate : float64 array
        Filled, by user [2^-20 B/ps].
    """
    left = capacity
    start = first
    end = first + count
    while start < end:
        stop = start
        while stop < end and rank[users[stop]] == rank[users[start]]:
            stop += 1
        left = divide_among_equals(left, users, start, stop, limit, rate)
        start = stop


@kernel(makes_arrays=False, inline=True)
def divide_among_equals(left: float, users: Ints, start: int, stop: int, limit: Floats, rate: Floats) -> float:
    """Fill the rates of users of one rank, and return what they leave [2^-20 B/ps].

    Those that can take less than an even part get all they can take; the others divide the rest evenly.
    """
    for place in range(start, stop):
        even = left / (stop - place)
        user = users[place]
        if limit[user] > even:
            for other in range(place, stop):
                rate[users[other]] = even
            return 0.0
        rate[user] = limit[user]
        left = max(0.0, left - limit[user])
    return left


@kernel(makes_arrays=False, inline=True)
def goes_before(one: int, other: int, limit: Floats, rank: Ints) -> bool:
    """Whether a user of a port stands before another: higher rank, then lower limit, then task order."""
    if rank[one] != rank[other]:
        return bool(rank[one] > rank[other])
    if limit[one] != limit[other]:
        return bool(limit[one] < limit[other])
    return one < other


@kernel(makes_arrays=False, inline=True)
def units_moved(elapsed_ps: int, rate: float, remaining: int) -> int:
    """Whole units that a user has moved after some time at one rate: floor(time * rate), at most what it had left [2^-20 B]."""
    moved = elapsed_ps * rate
    return remaining if moved >= float(remaining) else min(remaining, int(math.floor(moved)))


@kernel(makes_arrays=False, inline=True)
def picoseconds_left(remaining: int, rate: float) -> int:
    """Time until a user has moved what is left, at one rate: ceil(remaining / rate) [ps].

    ``NEVER`` where the rate is nothing, or so small that the clock cannot hold the time.
    """
    if rate <= 0.0:
        return NEVER
    left = remaining / rate
    return int(math.ceil(left)) if left < 4.0e18 else NEVER


@kernel(makes_arrays=False, inline=True)
def next_boundary(now_ps: int, since_ps: int, burst_ps: int) -> int:
    """First moment not before ``now`` at which a task that runs since ``since`` is between two bursts [ps].

    >>> next_boundary(25, 10, 10), next_boundary(30, 10, 10), next_boundary(25, 10, 0)
    (30, 30, 25)
    """
    if burst_ps <= 0:
        return now_ps
    return since_ps + -(-(now_ps - since_ps) // burst_ps) * burst_ps
