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
