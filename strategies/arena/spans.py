"""ArenaPlan: offsets of buffers in an arena, and what is known about them; what a list of buffers must keep to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sim.arena import Span
from strategies.errors import ArenaError

#: Largest sum of sizes: beyond it the integer columns of the compiled search would not hold offsets.
LARGEST_SUM_BYTES = 2**60


@dataclass(frozen=True)
class ArenaPlan:
    """Offsets of a list of buffers, and what is known about them.

    Attributes
    ----------
    planner : str
        Name of the planner that made it.
    offsets : tuple of int
        Offset of each buffer, in the order given [B].
    height : int
        Bytes the arena needs: the highest end of any buffer [B].
    lower_bound : int
        No plan is lower [B]: the peak load, or more where more was proved.
    seconds : float
        Time the planner took [s].
    notes : tuple of str
        What was tried, and what ran out.
    """

    planner: str
    offsets: tuple[int, ...]
    height: int
    lower_bound: int
    seconds: float = field(default=0.0, compare=False)
    notes: tuple[str, ...] = ()

    @property
    def optimal(self) -> bool:
        """True where no lower arena exists: proved."""
        return self.height == self.lower_bound

    @property
    def fragmentation(self) -> float:
        """Share by which the height is above the bound; 0 where there is none."""
        return self.height / self.lower_bound - 1.0 if self.lower_bound else 0.0

    def fits(self, capacity: int) -> bool:
        """True where the arena is within ``capacity`` bytes."""
        return self.height <= capacity


def aligned(spans: Sequence[Span], alignment: int) -> list[Span]:
    """The buffers with sizes rounded up to a multiple of ``alignment`` bytes: their offsets are multiples too.

    >>> aligned([Span(0, 2, 5)], 4)
    [Span(lower=0, upper=2, size=8)]
    """
    if alignment < 1:
        raise ArenaError(f"alignment: {alignment}; a whole number of at least 1 is expected")
    return [Span(lower, upper, -(-size // alignment) * alignment) for lower, upper, size in spans]


def unit_of(spans: Iterable[Span]) -> int:
    """Greatest common divisor of all sizes [B]; 1 where there are none. Some optimal plan has offsets that are multiples of it.

    >>> unit_of([Span(0, 2, 48), Span(1, 3, 32)])
    16
    """
    return math.gcd(*(span.size for span in spans)) or 1


def checked(spans: Sequence[Span]) -> list[Span]:
    """The buffers, each looked at; :class:`ArenaError` says which one is impossible."""
    for index, (lower, upper, size) in enumerate(spans):
        if upper <= lower:
            raise ArenaError(
                f"buffer {index}: upper {upper} <= lower {lower}; a life of at least one step, upper > lower, is expected"
            )
        if size < 0:
            raise ArenaError(f"buffer {index}: size {size}; a whole number of bytes >= 0 is expected")
    total = sum(span.size for span in spans)
    if total > LARGEST_SUM_BYTES:
        raise ArenaError(f"buffers: {total} B in all; at most 2^60 are expected; give sizes in larger units")
    return [Span(*span) for span in spans]
