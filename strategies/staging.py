"""Operators that run side by side on one device: stages, one after the other, found by dynamic programming over what has run.

Ding et al., IOS: Inter-Operator Scheduler for CNN Acceleration, MLSys 2021, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sharers:
    """Operators that share one device.

    Attributes
    ----------
    times : tuple of float
        Each by itself [s].
    fills : tuple of float
        Share of the device that each keeps busy by itself, 0 to 1.
    streams : tuple of float
        Time each keeps the memory busy [s].
    before : tuple of int
        By operator: set of those it waits for, as bits.
    """

    times: tuple[float, ...]
    fills: tuple[float, ...]
    streams: tuple[float, ...]
    before: tuple[int, ...]


@dataclass(frozen=True)
class Stages:
    """Stages, first to last, with the time of each, and whether no others are shorter.

    Attributes
    ----------
    members : tuple of tuple of int
    times : tuple of float
        [s].
    exact : bool
    """

    members: tuple[tuple[int, ...], ...]
    times: tuple[float, ...]
    exact: bool

    @property
    def total(self) -> float:
        """Time of all stages [s]."""
        return math.fsum(self.times)


def stage_seconds(sharers: Sharers, members: Sequence[int]) -> float:
    """Time of one stage: the longest chain in it, all work at a full device, all bytes: what of these is longest [s].

    A stage of one takes the time of that one.
    """
    ends: dict[int, float] = {}
    for i in sorted(members):
        ends[i] = sharers.times[i] + max((ends[b] for b in ends if sharers.before[i] >> b & 1), default=0.0)
    work = math.fsum(sharers.fills[i] * sharers.times[i] for i in members)
    return max(max(ends.values()), work, math.fsum(sharers.streams[i] for i in members))


def best_stages(sharers: Sharers, most_members: int = 8, most_states: int = 1_000) -> Stages:
    """The stages of least time: a dynamic programme over sets of operators that have run.

    Parameters
    ----------
    most_members : int
        Operators of a stage (pruning of the paper: groups and operators per group).
    most_states : int
        Sets that may be looked at; beyond them every operator that is ready runs at once where that pays.
    """
    count = len(sharers.times)
    whole = (1 << count) - 1
    best: dict[int, tuple[float, int, tuple[int, ...]]] = {0: (0.0, 0, ())}
    by_size: dict[int, list[int]] = {0: [0]}
    prices: dict[tuple[int, ...], float] = {}
    for size in range(count):
        for done in by_size.get(size, ()):
            base = best[done][0]
            for members in stages_from(sharers, done, most_members):
                price = prices.get(members)
                if price is None:
                    price = prices[members] = stage_seconds(sharers, members)
                after = done | sum(1 << i for i in members)
                known = best.get(after)
                if known is None:
                    by_size.setdefault(after.bit_count(), []).append(after)
                if known is None or base + price < known[0]:
                    best[after] = (base + price, done, members)
            if len(best) > most_states:
                return greedy_stages(sharers)
    chain = []
    at = whole
    while at:
        _, before, members = best[at]
        chain.append(members)
        at = before
    ordered = tuple(reversed(chain))
    return Stages(ordered, tuple(stage_seconds(sharers, members) for members in ordered), True)


def stages_from(sharers: Sharers, done: int, most: int) -> Iterator[tuple[int, ...]]:
    """Every set of operators that can run next: each waits for nothing but what has run and what is in the set."""
    count = len(sharers.times)
    seen: set[int] = set()
    stack: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    while stack:
        mask, members = stack.pop()
        if members:
            yield members
        if len(members) == most:
            continue
        for i in range(count):
            wider = mask | 1 << i
            if mask >> i & 1 or done >> i & 1 or sharers.before[i] & ~(done | mask) or wider in seen:
                continue
            seen.add(wider)
            stack.append((wider, tuple(sorted((*members, i)))))


def greedy_stages(sharers: Sharers) -> Stages:
    """All operators that are ready at once, where that takes no longer than one after the other."""
    count, done = len(sharers.times), 0
    members: list[tuple[int, ...]] = []
    while done != (1 << count) - 1:
        ready = tuple(i for i in range(count) if not done >> i & 1 and not sharers.before[i] & ~done)
        together = stage_seconds(sharers, ready) < math.fsum(sharers.times[i] for i in ready)
        members += [ready] if together else [(i,) for i in ready]
        done |= sum(1 << i for i in ready)
    return Stages(tuple(members), tuple(stage_seconds(sharers, m) for m in members), False)
