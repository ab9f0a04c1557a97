"""Estimate: latency, energy, peak memory, each with its parts. Closed form, events and measured rows all turn into one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dataflows.footprint import Shortfall


@dataclass(frozen=True)
class OperatorEstimate:
    """One operator's row. Times in seconds, energy in joules, sizes in bytes.

    Attributes
    ----------
    phases : tuple of (str, float)
        Duration of each phase [s]; phases of no duration are left out.
    bound : str
        The largest phase.
    join : str
        ``sum`` or ``max``.
    bytes : Mapping
        Memory level -> (read, written).
    start_s, wait_s : float or None
        From the event simulation only.
    details : Mapping
        ``cycles``, ``utilization``, ``dataflow``, ``fused_into``, ``algorithm``, ``mapping`` where the unit has them.
    """

    name: str
    op: str
    kind: str
    unit: str
    macs: int
    latency_s: float
    energy_j: float | None
    bound: str
    join: str
    phases: tuple[tuple[str, float], ...]
    bytes: Mapping[str, tuple[int, int]]
    start_s: float | None = None
    wait_s: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MemoryUse:
    """What one addressable memory has to hold at its worst moment [B]."""

    kind: str
    peak_bytes: int
    weights_bytes: int
    activations_bytes: int
    overhead_bytes: int
    capacity_bytes: int | None

    @property
    def fits(self) -> bool:
        """True where the peak is within the capacity, or the capacity is not known."""
        return self.capacity_bytes is None or self.peak_bytes <= self.capacity_bytes


@dataclass(frozen=True)
class Coverage:
    """How much of the network the answer stands on."""

    operators: int
    modelled: int
    unmodelled: tuple[str, ...]
    macs_share: float


@dataclass(frozen=True)
class Missing:
    """A field that cannot be known, and why."""

    field: str
    reason: str


@dataclass(frozen=True)
class Estimate:
    """The answer: how long, how much energy, how much memory, and why.

    Attributes
    ----------
    settings : Mapping
        Choices of the run: batch, dtype, dtype_assumed, threads, unit, runtime, fold, set, strategies, ...
    method : str
        ``closed_form``, ``events`` or ``measured``.
    latency_s : float
        Equals the sum of the operators' latencies minus ``overlap_s`` plus ``waited_s``.
    waited_s : float
        Time in which none of its operators went on, because others had what it needed; only beside other networks and streams.
    energy_j : float or None
        Sum of the operators' energies; ``None`` with a reason in ``missing``.
    hypothetical : bool
        True when the network does not fit: the times are those of the same schedule with the short region enlarged.
    """

    network: str
    device: str
    settings: Mapping[str, Any]
    method: str
    coverage: Coverage
    macs: int
    weights_bytes: int
    latency_s: float
    energy_j: float | None
    energy_scope: str
    memory: Mapping[str, MemoryUse]
    activations_peak_bytes: int
    profile: str
    shortfalls: tuple[Shortfall, ...]
    operators: tuple[OperatorEstimate, ...]
    overlap_s: float = 0.0
    waited_s: float = 0.0
    latency_interval_s: tuple[float, float] | None = None
    interval: float = 0.8
    interval_basis: str | None = None
    missing: tuple[Missing, ...] = ()
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)  # decoder and duty-cycle figures

    @property
    def fits(self) -> bool:
        """True where every memory holds what it must."""
        return not self.shortfalls

    @property
    def hypothetical(self) -> bool:
        """True when times are given for a memory larger than the device has."""
        return not self.fits
