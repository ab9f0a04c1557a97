"""Watts: of a core at its clock, of a device that wakes up once per period; and how long a battery lasts."""

from __future__ import annotations


def power_at_clock(active_j_per_cycle: float, frequency_hz: float) -> float:
    """Power of a core that works, in proportion to its clock: joules per cycle * clock [W].

    >>> power_at_clock(0.25e-9, 160e6)
    0.04
    """
    return active_j_per_cycle * frequency_hz


def period_joules(work_j: float, wake_up_j: float, rest_w: float, rest_s: float) -> float:
    """Energy of one period: work, waking up, and resting for the remainder [J].

    >>> period_joules(2.0, 0.5, 0.25, 10.0)
    5.0
    """
    return work_j + wake_up_j + rest_w * rest_s


def average_watts(energy_j: float, period_s: float) -> float:
    """Energy of a period over its length [W].

    >>> average_watts(5.0, 10.0)
    0.5
    """
    return energy_j / period_s


def battery_joules(capacity_c: float, voltage_v: float) -> float:
    """Energy a battery gives at a constant voltage: charge * voltage [J].

    >>> battery_joules(3600.0, 3.0)
    10800.0
    """
    return capacity_c * voltage_v


def battery_days(energy_j: float, average_w: float) -> float:
    """Days until a battery is empty under a constant average power; self-discharge is not counted.

    >>> battery_days(86400.0, 0.5)
    2.0
    """
    return energy_j / average_w / 86400.0
