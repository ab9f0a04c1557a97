"""Seconds and joules of moving a block over a link, and of a unit that draws its active power."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: One number or a column of them.
Quantity = TypeVar("Quantity", float, "NDArray[np.float64]")


def transfer_seconds(size_bytes: float, bandwidth_bytes_per_s: float, latency_s: float) -> float:
    """Time to move a block over one link that nobody else uses.

    Parameters
    ----------
    size_bytes : float
        Bytes moved [B].
    bandwidth_bytes_per_s : float
        Sustained rate of the link [B/s].
    latency_s : float
        Time from request to first byte [s].

    Returns
    -------
    float
        latency + size / bandwidth [s].

    Notes
    -----
    One outstanding request; how users share a link is decided in ``sim/``.

    >>> transfer_seconds(1000, 1e9, 1e-6)
    2e-06
    """
    return latency_s + size_bytes / bandwidth_bytes_per_s


def link_prices(bandwidth_bytes_per_s: float, latency_s: float) -> tuple[float, float]:
    """Seconds of one request and of one byte on a link: its time is requests * latency + bytes / bandwidth.

    >>> link_prices(2e9, 1e-6)
    (1e-06, 5e-10)
    """
    return latency_s, 1.0 / bandwidth_bytes_per_s


def active_joules(power_w: Quantity, seconds: Quantity) -> Quantity:
    """Energy of a unit that draws a constant power while it works: power * time [J].

    >>> active_joules(5.0, 0.25)
    1.25
    """
    return power_w * seconds


def port_units_per_picosecond(bandwidth_bytes_per_s: float) -> float:
    """Rate of a port that several users share, in the units that shares are counted in: bandwidth * 2^20 / 10^12 [2^-20 B/ps].

    >>> port_units_per_picosecond(1e12) == 2**20
    True
    """
    return bandwidth_bytes_per_s * 2.0**20 / 1e12


def whole_bursts(size_bytes: int, burst_bytes: int) -> int:
    """Bytes that cross a link which moves whole bursts only: ceil(size / burst) * burst [B].

    >>> whole_bursts(100, 64), whole_bursts(128, 64), whole_bursts(5, 0)
    (128, 128, 5)
    """
    return -(-size_bytes // burst_bytes) * burst_bytes if burst_bytes > 0 else size_bytes


def move_energies(power_w: float | None, bandwidth_bytes_per_s: float, latency_s: float) -> tuple[float, float]:
    """Joules of one request and of one byte on a way that draws a constant power while it moves; NaN where that is not known.

    >>> move_energies(0.5, 1e6, 1e-3)
    (0.0005, 5e-07)
    """
    power = float("nan") if power_w is None else power_w
    return power * latency_s, power / bandwidth_bytes_per_s


def wear_per_run(written_bytes: float, write_amplification: float, capacity_bytes: float, endurance: float) -> float:
    """Part of the life of a storage that one run takes: bytes written inside over all that can ever be written.

    >>> wear_per_run(1e6, 2.0, 1e9, 1000)
    2e-06
    """
    return written_bytes * write_amplification / (capacity_bytes * endurance)


def faulting_rate(bandwidth_bytes_per_s: float, fault_bytes: float, fault_s: float) -> float:
    """Rate of moving a large block by page faults, one after the other: bytes per fault / (time of the fault + bytes / bandwidth).

    >>> faulting_rate(1e9, 1000.0, 1e-6)
    500000000.0
    """
    return fault_bytes / (fault_s + fault_bytes / bandwidth_bytes_per_s)


def break_even_macs_per_byte(macs: float, seconds: float, bandwidth_bytes_per_s: float) -> float:
    """MACs per byte moved above which an operator computes longer than its bytes take: (MACs / seconds) / bandwidth.

    >>> break_even_macs_per_byte(1e9, 10.0, 5e6)
    20.0
    """
    return macs / seconds / bandwidth_bytes_per_s if seconds > 0 else 0.0
