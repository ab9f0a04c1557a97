"""What an exploration has found: counts, reasons of failures, the points that no other beats; as text, JSON and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import RenderableType
from rich.text import Text

from boardless.exploring import Exploration
from boardless.objectives import SAID, of_block, of_row
from boardless.points import FAILED
from boardless.row_store import Block
from boardless.text import WIDTH, render, shortened, table

#: Points of the front that the text shows.
SHOWN = 12
#: Reasons of failures that are told.
TOLD = 5
#: Columns of a row that say what was asked, before the fields of devices.
ASKED = ("network", "device", "strategies", "batch", "dtype", "threads")


@dataclass(frozen=True)
class Summary:
    """Counts and the front of a run.

    Attributes
    ----------
    points, taken_up, failed, unfit : int
        Rows in all, those the store held before, those without an answer, those that do not fit.
    reasons : tuple of (str, int)
        Of the failures, the most frequent first.
    objectives : tuple of str
    front : tuple of Mapping
        Of each network the rows that fit and that no other row of that network beats, by the first objective.
    """

    points: int
    taken_up: int
    failed: int
    unfit: int
    reasons: tuple[tuple[str, int], ...]
    objectives: tuple[str, ...]
    front: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The machine form."""
        return {
            "format": 1,
            "points": self.points,
            "answered": self.points - self.failed,
            "failed": self.failed,
            "does_not_fit": self.unfit,
            "reasons": [{"reason": reason, "points": points} for reason, points in self.reasons],
            "objectives": list(self.objectives),
            "front": [dict(row) for row in self.front],
        }

    def text(self, width: int = WIDTH, colour: bool = False) -> str:
        """Counts, failures and the front as a table."""
        answered = self.points - self.failed
        parts: list[RenderableType] = [
            Text(
                f"{self.points:,} points: {answered:,} answered, {self.failed:,} failed, {self.unfit:,} do not fit; "
                f"{self.taken_up:,} taken up from the store"
            )
        ]
        parts += [Text(f"  failed {points:,}x: {reason}") for reason, points in self.reasons[:TOLD]]
        if self.front:
            parts += [
                Text(f"\nbest by {', '.join(self.objectives)}: {len(self.front)} points that no other of their network beats")
            ]
            parts += [self._front_table()]
        if len(self.front) > SHOWN:
            parts.append(Text(f"{len(self.front) - SHOWN} more; --json and -o give all"))
        parts += [Text(f"note: {note}") for note in self.notes]
        return render(parts, width=width, colour=colour)

    def _front_table(self) -> RenderableType:
        varied = [
            name for name in _asked(self.front) if name == "network" or len({str(row.get(name)) for row in self.front}) > 1
        ]  # fmt: skip
        made = table(*(_shown_name(name, varied) for name in varied), *(f"{name}>" for name in self.objectives))
        for row in self.front[:SHOWN]:
            asked = [shortened("" if row.get(name) is None else str(row[name])) for name in varied]
            made.add_row(*asked, *(SAID[name](of_row(row, name)) for name in self.objectives))
        return made


def _shown_name(column: str, varied: Sequence[str]) -> str:
    """A device's field by the end of its path, where that tells it from the others."""
    last = column.rsplit(".", 1)[-1]
    return last if sum(name.rsplit(".", 1)[-1] == last for name in varied) == 1 else column


def _asked(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns that say what was asked: those of every run, then the fields of devices."""
    fields = [name for row in rows for name in row if name.startswith(f"{row['device']}.")]
    return [*ASKED, *dict.fromkeys(fields)]


def summarised(found: Exploration, objectives: Sequence[str] = ("latency", "energy")) -> Summary:
    """Counts and the front, in one pass over the rows."""
    points = failed = unfit = 0
    reasons: Counter[str] = Counter()
    front = _Front(objectives)
    for block in found.blocks():
        states = np.array([state == FAILED for state in block.column("status")])
        fits = np.array([bool(value) for value in block.column("fits")])
        points, failed, unfit = points + len(states), failed + int(states.sum()), unfit + int((~states & ~fits).sum())
        if states.any():
            told = block.column("reason")
            reasons.update(str(told[place]) for place in np.flatnonzero(states).tolist())
        front.add(block, ~states & fits)
    return Summary(
        points, found.taken_up, failed, unfit, tuple(reasons.most_common()), tuple(objectives), front.rows(), tuple(found.notes)
    )


class _Front:
    """Rows that no other row of their network beats, kept up to date block by block."""

    def __init__(self, objectives: Sequence[str]) -> None:
        self.objectives = tuple(objectives)
        self._kept: dict[str, tuple[NDArray[np.float64], list[dict[str, Any]]]] = {}

    def add(self, block: Block, allowed: NDArray[np.bool_]) -> None:
        """Take the rows of a block, all of one network, into account."""
        values = np.stack([of_block(block, name) for name in self.objectives], axis=1)
        usable = np.flatnonzero(allowed & np.isfinite(values).all(axis=1))
        own = usable[undominated(values[usable])]
        network = str(block.constant.get("network"))
        before, rows = self._kept.get(network, (values[:0], []))
        joined = np.concatenate([before, values[own]])
        rows = [*rows, *(block.row(place) for place in own.tolist())]
        kept = undominated(joined)
        self._kept[network] = joined[kept], [rows[i] for i in kept.tolist()]

    def rows(self) -> tuple[Mapping[str, Any], ...]:
        """The fronts, network by network, each by its objectives in order."""
        found: list[Mapping[str, Any]] = []
        for values, rows in self._kept.values():
            found += [rows[i] for i in np.lexsort(values.T[::-1]).tolist()]
        return tuple(found)


def undominated(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of the rows that no other row beats: at most as large everywhere, and smaller somewhere; of equal rows the first.

    >>> undominated(np.array([[1.0, 3.0], [2.0, 2.0], [2.0, 3.0], [1.0, 3.0]])).tolist()
    [0, 1]
    """
    if not len(values):
        return np.zeros(0, np.int64)
    order = np.lexsort((np.arange(len(values)), *values.T[::-1]))
    if values.shape[1] == 2:  # in order of the first column, a row is kept where the second is below all before it
        second = values[order, 1]
        lower = np.concatenate([[True], second[1:] < np.minimum.accumulate(second)[:-1]])
        return np.sort(order[lower])
    kept: list[int] = []
    best = np.zeros((0, values.shape[1]))
    for i in order.tolist():
        if len(best) and bool((best <= values[i]).all(axis=1).any()):
            continue
        kept.append(i)
        best = np.concatenate([best, values[i : i + 1]])
    return np.array(sorted(kept), np.int64)
