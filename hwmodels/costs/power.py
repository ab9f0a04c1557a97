"""Watts: of a core at its clock, of a device that wakes up once per period; and how long a battery lasts."""

from __future__ import annotations


def power_at_clock(active_j_per_cycle: float, frequency_hz: float) -> float:
    """Power of a core that works, in proportion to its clock: joules per cycle * clock [W].

    >>> power_at_clock(0.25e-9, 160e6)
    0.04
    """
    return active_j_per_cycle * frequency_hz


def scaled_watts(active_w: float, idle_w: float, ratio: float, exponent: float, static_share: float) -> float:
    """Power of a working device at another clock [W].

    What it draws idle stays; of what working adds, one share is there at every clock (what is switched on, leakage), the rest goes
    with a power of the clock.

    1 at a fixed voltage; 3 where the voltage falls with the clock, as power goes with clock * voltage^2 (Weste and Harris, CMOS VLSI
    Design, section 5.2).

    >>> scaled_watts(5.0, 1.0, 0.5, 3.0, 0.0), scaled_watts(5.0, 1.0, 0.5, 1.0, 0.5)
    (1.5, 4.0)
    """
    return idle_w + (active_w - idle_w) * (static_share + (1.0 - static_share) * ratio**exponent)


def clock_ratio(frequency_hz: float, nominal_hz: float) -> float:
    """A clock over another.

    >>> clock_ratio(1e9, 2e9)
    0.5
    """
    return frequency_hz / nominal_hz


def scaled_clock(frequency_hz: float, ratio: float) -> float:
    """A clock times a number [Hz].

    >>> scaled_clock(2e9, 0.5)
    1000000000.0
    """
    return frequency_hz * ratio


def megahertz(frequency_hz: float) -> float:
    """A clock in MHz, for words.

    >>> megahertz(1.5e9)
    1500.0
    """
    return frequency_hz / 1e6


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
