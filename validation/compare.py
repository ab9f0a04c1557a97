"""Predictions beside measurements, row by row, and their errors by group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from validation.measurement import GROUP, Measurement
from validation.metrics import ErrorMetrics, error_metrics


@dataclass(frozen=True)
class Compared:
    """One measurement and what was predicted for it, in the unit of its metric.

    Attributes
    ----------
    measurement : Measurement
    predicted : float
    lower, upper : float or None
        Prediction interval, where one was learnt.
    baselines : Mapping of str to float
        What simpler models predict: ``macs_only``, ``linear``.
    parts : Mapping of str to float
        Share of the prediction by kind of work, where the study knows it.
    """

    measurement: Measurement
    predicted: float
    lower: float | None = None
    upper: float | None = None
    baselines: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """predicted / measured - 1."""
        return self.predicted / self.measurement.value - 1.0


@dataclass(frozen=True)
class Group:
    """Errors of the rows that share metric, phase, chip, unit, cores, threads, type and runtime."""

    key: Mapping[str, object]
    errors: ErrorMetrics
    baselines: Mapping[str, ErrorMetrics]


@dataclass(frozen=True)
class Report:
    """One dataset under one split.

    Attributes
    ----------
    dataset, split : str
    rows : tuple of Compared
    refitted : str
        What was fitted anew for each fold, in a few words.
    left_out : Mapping of str to int
        Reason -> rows that could not be predicted.
    notes : tuple of str
        Caveats of the data.
    """

    dataset: str
    split: str
    rows: tuple[Compared, ...]
    refitted: str = "nothing"
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def groups(self) -> list[Group]:
        """Errors by group, in order of first appearance."""
        members: dict[tuple[object, ...], list[Compared]] = {}
        for row in self.rows:
            members.setdefault(row.measurement.group(), []).append(row)
        return [Group(dict(zip(GROUP, key, strict=True)), errors_of(rows), baselines_of(rows)) for key, rows in members.items()]

    def total(self) -> ErrorMetrics | None:
        """Errors of all rows together; ``None`` without rows."""
        return errors_of(self.rows) if self.rows else None

    def by(self, key: Callable[[Measurement], str]) -> dict[str, ErrorMetrics]:
        """Errors by any other key, sorted by it."""
        members: dict[str, list[Compared]] = {}
        for row in self.rows:
            members.setdefault(key(row.measurement), []).append(row)
        return {name: errors_of(members[name]) for name in sorted(members)}


def errors_of(rows: Iterable[Compared]) -> ErrorMetrics:
    """Error figures of some rows; intervals count where every row has one."""
    rows = list(rows)
    low, high = [row.lower for row in rows], [row.upper for row in rows]
    known = None not in low and None not in high
    return error_metrics(
        [row.predicted for row in rows], [row.measurement.value for row in rows],
        [x for x in low if x is not None] if known else None, [x for x in high if x is not None] if known else None,
    )  # fmt: skip


def baselines_of(rows: Iterable[Compared]) -> dict[str, ErrorMetrics]:
    """Error figures of each baseline that every row has."""
    rows = list(rows)
    names = set.intersection(*(set(row.baselines) for row in rows)) if rows else set()
    measured = [row.measurement.value for row in rows]
    return {name: error_metrics([row.baselines[name] for row in rows], measured) for name in sorted(names)}
