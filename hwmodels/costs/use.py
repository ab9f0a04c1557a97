"""How well time was used: cycles of a clock, share of a peak."""

from __future__ import annotations


def cycles_of(seconds: float, frequency_hz: float) -> int:
    """Whole clock cycles in a time: round(seconds * frequency).

    >>> cycles_of(1e-6, 480e6)
    480
    """
    return round(seconds * frequency_hz)


def utilization(macs: float, peak_macs_per_s: float, seconds: float) -> float:
    """Multiply-accumulates done over those the peak allows in the same time; 0 where there are none.

    >>> utilization(1e6, 1e9, 2e-3)
    0.5
    """
    return macs / (peak_macs_per_s * seconds) if macs and seconds > 0.0 else 0.0
