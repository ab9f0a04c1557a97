"""Slow, obvious versions of the functions of ``sim/arbitration.py``."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def max_min_rates(capacity: Fraction, limits: Sequence[Fraction], ranks: Sequence[int]) -> list[Fraction]:
    """Rates of the users of a port: fill all of the highest rank alike until each is full or nothing is left, then the next rank."""
    rates = [Fraction(0)] * len(limits)
    left = capacity
    for rank in sorted(set(ranks), reverse=True):
        thirsty = {user for user in range(len(limits)) if ranks[user] == rank}
        while thirsty and left > 0:
            step = min(left / len(thirsty), min(limits[user] - rates[user] for user in thirsty))
            for user in thirsty:
                rates[user] += step
            left -= step * len(thirsty)
            thirsty = {user for user in thirsty if rates[user] < limits[user]}
    return rates


def boundary(now: int, since: int, burst: int) -> int:
    """First end of a burst not before ``now``, counted burst by burst."""
    moment = since
    while burst > 0 and moment < now:
        moment += burst
    return moment if burst > 0 else now
