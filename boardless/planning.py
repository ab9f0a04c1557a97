"""The verb ``plan``: offsets for a bare list of buffers, with the height of the arena, its bound, and whether it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from boardless import formats
from boardless.buffer_lists import BufferList, list_text, read_buffers
from boardless.errors import UsageError
from boardless.text import WIDTH, facts, render
from hwmodels.units import to_si
from strategies.arena import PLANNERS, ArenaPlan, Budget, Span, plan_arena
from workloads.errors import nearest

#: Seconds for the exact planners where the user gives none.
TIME_LIMIT_S = 60.0


@dataclass(frozen=True)
class PlanResult:
    """An arena for a buffer list, and the answer to whether it fits.

    Attributes
    ----------
    buffers : BufferList
    plan : ArenaPlan
    capacity : int or None
        Bytes of the arena that were asked for [B].
    """

    buffers: BufferList
    plan: ArenaPlan
    capacity: int | None

    @property
    def fits(self) -> bool:
        """True where the arena is within the capacity, or none was given."""
        return self.capacity is None or self.plan.fits(self.capacity)

    @property
    def ruled_out(self) -> bool:
        """True where no plan can fit: proved."""
        return self.capacity is not None and self.plan.lower_bound > self.capacity

    def to_dict(self) -> dict[str, Any]:
        """The machine form."""
        plan = self.plan
        return {
            "height": plan.height,
            "lower_bound": plan.lower_bound,
            "capacity": self.capacity,
            "fits": self.fits,
            "planner": plan.planner,
            "optimal": plan.optimal,
            "seconds": plan.seconds,
        }

    def csv(self) -> str:
        """The buffer list with its offsets."""
        return list_text(self.buffers, self.plan.offsets)

    def text(self, *, width: int = WIDTH, colour: bool = False) -> str:
        """The answer as a few lines."""
        plan = self.plan
        over = "the lower bound, proved" if plan.optimal else f"{formats.share(plan.fragmentation)} above its lower bound"
        rows: list[tuple[str, Any]] = [
            ("buffers", f"{len(self.buffers.ids):,}"),
            ("arena", f"{plan.height:,} B by {plan.planner}: {over}"),
            ("lower bound", f"{plan.lower_bound:,} B"),
        ]
        if self.capacity is not None:
            rows.append(("capacity", f"{self.capacity:,} B: {self._verdict()}"))
        rows += [("", note) for note in plan.notes]
        return render([facts(rows)], width=width, colour=colour)

    def _verdict(self) -> str:
        assert self.capacity is not None
        if self.fits:
            return f"fits, {self.capacity - self.plan.height:,} B are left"
        large = [(n, s.size) for n, s in zip(self.buffers.ids, self.buffers.spans, strict=True) if s.size > self.capacity]
        if large:
            return f"does not fit: buffer '{large[0][0]}' alone has {large[0][1]:,} B"
        if self.ruled_out:
            return f"does not fit, and no plan does: {self.plan.lower_bound:,} B is proved to be needed"
        return (
            f"no plan was found that fits; {self.plan.height:,} B is the lowest found, {self.plan.lower_bound:,} B the proved bound"
        )


def plan(
    buffers: str | PathLike[str] | BufferList | Sequence[tuple[int, int, int]],
    capacity: int | str | None = None,
    *,
    planner: str = "exact",
    time_limit: float | str = TIME_LIMIT_S,
    alignment: int = 1,
    seed: int = 0,
) -> PlanResult:
    """Offsets for a bare list of buffers.

    Parameters
    ----------
    buffers : path, BufferList, or sequence of (lower, upper, size)
        A file ``id,lower,upper,size``, or the buffers themselves; upper is exclusive, sizes are in bytes.
    capacity : int or str, optional
        Bytes there are, e.g. 1048576 or ``"256 KiB"``.
    planner : str
        A name of :data:`strategies.arena.PLANNERS`.
    time_limit : float or str
        Of the planners that search [s], or ``"5 s"``.
    alignment : int
        Offsets are multiples of this [B].
    seed : int

    >>> answer = plan([(0, 3, 4), (3, 9, 4), (0, 9, 4), (9, 21, 4), (0, 21, 4)], capacity=12)
    >>> answer.fits, answer.plan.height, answer.plan.optimal
    (True, 12, True)
    """
    if planner not in PLANNERS:
        raise UsageError(f"--planner: '{planner}'; one of {', '.join(PLANNERS)} is expected; {nearest(planner, PLANNERS)}")
    room = None if capacity is None else _bytes(capacity)
    seconds = _seconds(time_limit)
    if alignment < 1:
        raise UsageError(f"--alignment: {alignment}; a whole number of at least 1 is expected")
    listed = _listed(buffers)
    found = plan_arena(listed.spans, planner, capacity=room, alignment=alignment, budget=Budget(seconds), seed=seed)
    return PlanResult(listed, found, room)


def _listed(buffers: Any) -> BufferList:
    if isinstance(buffers, BufferList):
        return buffers
    if isinstance(buffers, str | PathLike):
        return read_buffers(Path(buffers))
    spans = tuple(Span(*entry) for entry in buffers)
    return BufferList(tuple(str(index) for index in range(len(spans))), spans)


def _bytes(given: int | str) -> int:
    try:
        value = int(given)
    except ValueError:
        try:
            value = round(to_si(str(given), "capacity"))
        except ValueError as error:
            raise UsageError(f"--capacity: '{given}'; bytes are expected, e.g. 262144 or '256 KiB'; {error}") from None
    if not 0 <= value <= 2**60:
        raise UsageError(f"--capacity: {given}; 0 to 2^60 bytes are expected, e.g. 262144 or '256 KiB'")
    return value


def _seconds(given: float | str) -> float:
    try:
        value = float(given)
    except ValueError:
        try:
            value = to_si(str(given), "time")
        except ValueError as error:
            raise UsageError(f"--time-limit: '{given}'; seconds are expected, e.g. 5 or 500ms; {error}") from None
    if not 0.0 < value < 1e7:
        raise UsageError(f"--time-limit: {given}; more than 0 and less than 1e7 seconds are expected")
    return value
