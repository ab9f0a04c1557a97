"""Bytes held at each level; a Shortfall when they do not fit.

"Does not fit" is an answer, not an exception.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lever:
    """One change that would lower the need, tried and counted.

    Attributes
    ----------
    strategy : str
        As the command line writes it.
    needed_bytes : int
        What the memory must then hold.
    latency_s : float or None
        Length of the run with it; ``None`` where it was counted alone.
    """

    strategy: str
    needed_bytes: int
    latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A level that is too small.

    Attributes
    ----------
    level : str
    needed_bytes, capacity_bytes : int
    operator : str or None
        Operator at which the need is greatest.
    largest : tuple of (str, int)
        The largest holders there: tensor name and bytes.
    levers : tuple of Lever
        What would make it fit, or come closer.
    """

    level: str
    needed_bytes: int
    capacity_bytes: int
    operator: str | None = None
    largest: tuple[tuple[str, int], ...] = ()
    levers: tuple[Lever, ...] = ()

    @property
    def missing_bytes(self) -> int:
        """Bytes by which the level is too small."""
        return self.needed_bytes - self.capacity_bytes

    def __str__(self) -> str:
        holders = ", ".join(f"{name} {size:,} B" for name, size in self.largest[:3])
        levers = "; ".join(f"{lever.strategy}: {lever.needed_bytes:,} B" for lever in self.levers)
        return (
            f"{self.level}: {self.needed_bytes:,} B needed > {self.capacity_bytes:,} B there (short by {self.missing_bytes:,} B"
            + (f" at {self.operator}" if self.operator else "")
            + ")"
            + (f"; held by {holders}" if holders else "")
            + (f"; levers: {levers}" if levers else "")
        )
