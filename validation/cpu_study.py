"""Cold refits of the CPU model for every split, with intervals learnt from other chips.

Nothing is fitted on what is tested. ``leave-one-network-out`` keeps the class means of all rows and refits the board without the
network; the other splits refit the whole tree without the family or the chip.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwmodels.costs.cpu import TERM_NAMES
from validation import baselines
from validation.compare import Compared, Report
from validation.cpu_rows import CpuRows, Progress, cpu_rows
from validation.cpu_tree import CpuTree, fitted, grow, inverse, log_variance, multipliers, predicted_seconds
from validation.errors import DatasetError
from validation.intervals import half_widths
from validation.measurement import Dataset, Measurement
from validation.resume import Folds

Floats = NDArray[np.float64]

#: A group of one board, unit, thread count and type needs so many networks to be counted.
LEAST_NETWORKS = 12
#: Networks given back in few-shot splits: one full of Winograd layers, one of depthwise ones, a residual one, one of tiny layers.
SHOTS = ("ncnn_squeezenet", "ncnn_mobilenet", "ncnn_resnet18", "ncnn_yolo_fastest_1_1")
SPLITS = ("leave-one-network-out", "leave-one-family-out", "few-shot:4", "leave-one-device-out")
REFITTED = {
    "leave-one-network-out": "twelve parameters of the board without the network; class means have seen it",
    "leave-one-family-out": "everything, class and family means included, without the family",
    "leave-one-device-out": "everything without the chip: data sheet and class means alone",
    "few-shot": "everything without the chip, then its twelve parameters on the networks given back",
    "none": "nothing is held out: errors of the fit",
}


@dataclass
class Predictions:
    """Predicted seconds of each row and the standard deviation of their logarithm; NaN where a row is not tested."""

    seconds: Floats
    deviation: Floats
    shares: Floats  # of the terms in each prediction

    @classmethod
    def of(cls, count: int) -> Predictions:
        """Nothing predicted yet."""
        return cls(np.full(count, np.nan), np.full(count, np.nan), np.zeros((count, len(TERM_NAMES))))


def study(dataset: Dataset, split: str | None = None, progress: Progress | None = None) -> list[Report]:
    """Reports of the CPU rows of a dataset, float and int8 apart, for one split or for all of SPLITS."""
    table = cpu_rows(dataset.rows, progress)
    if not len(table):
        raise DatasetError(f"{dataset.name}: no latency of a CPU; rows with metric latency_s and a unit cpu are expected")
    found = []
    for name in SPLITS if split is None else (split,):
        predictions = predict(table, name, progress)
        found += reports(dataset, table, name, predictions)
    return found


def predict(table: CpuRows, split: str, progress: Progress | None = None) -> Predictions:
    """Held-out predictions of every row."""
    tell = progress or (lambda line: None)
    kind, _, count = split.partition(":")
    if kind == "leave-one-network-out":
        return _networks_out(table, grow(table, np.ones(len(table), np.bool_)), tell)
    if kind == "leave-one-family-out":
        return _families_out(table, tell)
    if kind in ("leave-one-device-out", "few-shot"):
        shots = SHOTS[: int(count)] if kind == "few-shot" else ()
        return _chips_out(table, shots, tell)
    if kind == "none":
        return _seen(table)
    raise DatasetError(f"split: '{split}' for CPUs; one of none, {', '.join(SPLITS)} is expected")


#: Tables of fewer rows are fitted anew each time.
KEPT_ROWS = 1000


def _folds(table: CpuRows, split: str, found: Predictions) -> Folds:
    """Folds of a split that an earlier run has left."""
    seen = hashlib.sha256(table.seconds.tobytes() + table.measured.tobytes()).hexdigest()
    return Folds(f"{split} {seen}", (found.seconds, found.deviation, found.shares), len(table) >= KEPT_ROWS)


def _seen(table: CpuRows) -> Predictions:
    tree, found = grow(table, np.ones(len(table), np.bool_)), Predictions.of(len(table))
    for i, entity in enumerate(table.entities):
        rows = np.flatnonzero(table.entity == i)
        mean, variance = tree.prior(entity, above_chip=True)
        theta, precision = fitted(table, rows, entity, mean, variance, tree.leaves[entity])
        _fill(table, found, rows, i, theta, inverse(precision))
    return found


def _networks_out(table: CpuRows, tree: CpuTree, tell: Progress) -> Predictions:
    found = Predictions.of(len(table))
    models = np.array([row.model for row in table.rows])
    folds = _folds(table, "leave-one-network-out", found)
    for i, entity in enumerate(table.entities):
        if str(entity) in folds:
            continue
        tell(f"leave-one-network-out: {entity.device}, {i + 1} of {len(table.entities)}")
        rows = np.flatnonzero(table.entity == i)
        mean, variance = tree.prior(entity, above_chip=True)
        for model in sorted(set(models[rows])):
            seen, held = rows[models[rows] != model], rows[models[rows] == model]
            theta, precision = fitted(table, seen, entity, mean, variance, tree.leaves[entity])
            _fill(table, found, held, i, theta, inverse(precision))
        folds.add(str(entity), rows)
    folds.write()
    return found


def _families_out(table: CpuRows, tell: Progress) -> Predictions:
    found = Predictions.of(len(table))
    families = np.array([row.family or row.model for row in table.rows])
    names, folds = sorted(set(families)), _folds(table, "leave-one-family-out", found)
    for number, family in enumerate(names, start=1):
        if family in folds:
            continue
        tell(f"leave-one-family-out: {family}, {number} of {len(names)}")
        tree = grow(table, families != family)
        for i, entity in enumerate(table.entities):
            rows = np.flatnonzero((table.entity == i) & (families == family))
            if not len(rows):
                continue
            seen = np.flatnonzero((table.entity == i) & (families != family))
            mean, variance = tree.prior(entity)
            theta, precision = tree.parameters(entity), np.diag(1.0 / variance)
            if len(seen):
                theta, precision = fitted(table, seen, entity, mean, variance, theta)
            _fill(table, found, rows, i, theta, inverse(precision))
        folds.add(family, np.flatnonzero(families == family))
    folds.write()
    return found


def _chips_out(table: CpuRows, shots: Sequence[str], tell: Progress) -> Predictions:
    found = Predictions.of(len(table))
    chips = np.array([table.entities[i].chip for i in table.entity])
    given = np.array([row.model in shots for row in table.rows])
    names, folds = sorted(set(chips)), _folds(table, f"leave-one-device-out {shots}", found)
    for number, chip in enumerate(names, start=1):
        if chip in folds:
            continue
        tell(f"{'few-shot' if shots else 'leave-one-device-out'}: {chip}, {number} of {len(names)}")
        tree = grow(table, chips != chip)
        for i in np.unique(table.entity[chips == chip]):
            entity = table.entities[i]
            rows = np.flatnonzero(table.entity == i)
            theta, variance = tree.prior(entity)
            covariance = np.diag(variance)
            if shots and given[rows].any():
                theta, precision = fitted(table, rows[given[rows]], entity, theta, variance)
                covariance = inverse(precision)
            elif shots:
                continue
            _fill(table, found, rows[~given[rows]], int(i), theta, covariance)
        folds.add(chip, np.flatnonzero(chips == chip))
    folds.write()
    return found


def _fill(table: CpuRows, found: Predictions, rows: NDArray[np.int64], index: int, theta: Floats, covariance: Floats) -> None:
    entity = table.entities[index]
    found.seconds[rows] = predicted_seconds(table.seconds[rows], entity, theta)
    found.shares[rows] = table.seconds[rows] * multipliers(entity, theta) / found.seconds[rows, None]
    found.deviation[rows] = np.sqrt(log_variance(table.seconds[rows], entity, theta, covariance))


def setting(row: Measurement) -> tuple[object, ...]:
    """What errors are averaged by: a board's unit, thread count and type."""
    return (row.device, row.unit, row.cores, row.threads, row.dtype)


def counted(table: CpuRows, integer: bool) -> NDArray[np.bool_]:
    """Rows of float settings with at least LEAST_NETWORKS networks, or all rows of int8."""
    networks: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for row in table.rows:
        networks[setting(row)].add(row.model)
    return np.array(
        [(row.dtype == "int8") == integer and (integer or len(networks[setting(row)]) >= LEAST_NETWORKS) for row in table.rows]
    )


def reports(dataset: Dataset, table: CpuRows, split: str, found: Predictions) -> list[Report]:
    """One report of the float settings with enough networks, one of the int8 rows."""
    chips = [table.entities[i].chip for i in table.entity]
    errors = np.log(found.seconds / table.measured)
    simple: dict[str, Floats] = {}
    if split.startswith("leave-one-network") or split.startswith("leave-one-family"):
        key: Callable[[Measurement], str] = (lambda r: r.model) if "network" in split else (lambda r: r.family or r.model)
        simple = baselines.held_out(table.rows, [setting(row) for row in table.rows], [key(row) for row in table.rows])
    made = []
    for integer in (False, True):
        tested = counted(table, integer) & np.isfinite(found.seconds)
        half = half_widths(np.where(tested, errors, np.nan), found.deviation, chips)
        chosen = np.flatnonzero(tested)
        rows = tuple(
            Compared(
                table.rows[i],
                float(found.seconds[i]),
                float(found.seconds[i] * np.exp(-half[i])),
                float(found.seconds[i] * np.exp(half[i])),
                {name: float(values[i]) for name, values in simple.items() if np.isfinite(values[i])},
                dict(zip(TERM_NAMES, found.shares[i].tolist(), strict=True)),
            )
            for i in chosen
        )
        name = f"{dataset.name} CPU, " + ("int8" if integer else f"float, settings with {LEAST_NETWORKS} or more networks")
        if rows:
            said = REFITTED[split.partition(":")[0]]
            report = Report(name, split, rows, said, dict(table.left_out), dataset.caveats)
            made.append(replace(report, notes=(summary(report), *report.notes)))
    return made


def summary(report: Report) -> str:
    """The figures a split is judged by, in one line: every setting and every chip counted once."""
    mean, settings = mean_setting_error(report)
    total, by_chip = report.total(), list(report.by(lambda row: row.chip or row.device).values())
    assert total is not None
    ranks = [group.errors.spearman for group in report.groups() if group.errors.spearman is not None]
    held = np.array([errors.interval_coverage for errors in by_chip], float)
    return (
        f"n = {total.n}, {settings} settings of {len(by_chip)} chips: mean of settings {mean:.1%}, median {total.median_ape:.1%}, "
        f"mean Spearman {np.mean(ranks):.3f}; 80 % intervals hold {total.interval_coverage:.0%} of all rows, {held.mean():.0%} of a chip "
        f"on average, {np.quantile(held, 0.1):.0%} of the worst tenth of chips; upper/lower {total.interval_width:.2f}"
    )


def mean_setting_error(report: Report) -> tuple[float, int]:
    """Mean over settings of each setting's mean error, and the number of settings."""
    members: dict[tuple[object, ...], list[float]] = defaultdict(list)
    for row in report.rows:
        members[setting(row.measurement)].append(abs(row.error))
    return float(np.mean([np.mean(errors) for errors in members.values()])), len(members)
