"""Microcontrollers beside their measurements: latency, energy, flash; whole architectures or chips left out of everything fitted.

Latencies are predicted by the joint fit made anew for every fold (:mod:`validation.mcu_fit`), so that nothing of a held-out
architecture or chip is in it: no runtime cost, no core factor, no prior. Energies are predicted power times predicted latency; the
power of a configuration (board, submission, runtime) is the median over its other networks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwmodels.costs.link import active_joules
from hwmodels.intervals import LearntInterval
from hwmodels.measured_rows import BASES, NEW_CORE
from validation.compare import Compared, Report
from validation.errors import DatasetError
from validation.intervals import SHARE
from validation.mcu_fit import ANCHOR, Rows, errors, fit
from validation.mcu_flash import flash_reports
from validation.mcu_intervals import Flags, Intervals, Names, bases_of, held
from validation.mcu_rows import DATASETS, clock_hz, fit_rows, left_out, measured, notes_of
from validation.mcu_structures import left_out as predict_left_out
from validation.measurement import Dataset, Measurement

Floats = NDArray[np.float64]

NAME = "microcontrollers"
Progress = Callable[[str], None]

FAMILY, DEVICE = "leave-one-family-out", "leave-one-device-out"
SPLITS = (FAMILY, DEVICE)
REFITTED = "costs of all runtimes, factors of all cores, their shared centres"
#: A runtime counts where it was measured with at least this many architectures: with one left out there is something to know it by.
ARCHITECTURES = 3


def joint_study(split: str | None = None, progress: Progress | None = None) -> list[Report]:
    """Reports over all datasets together: latency under both splits, energy, flash; or those of the one split asked for."""
    if split not in (None, "none", *SPLITS):
        raise DatasetError(f"split: '{split}' for {NAME}; one of none, {', '.join(SPLITS)} is expected")
    tell = progress or (lambda line: None)
    reports = []
    for name in SPLITS:
        if split in (None, name):
            tell(f"{NAME}: latency, {name}")
            reports.append(latency_report(name))
    if split in (None, FAMILY):
        reports.append(energy_report())
    if split in (None, "none"):
        reports += flash_reports()
    return reports


def study(dataset: Dataset, split: str | None = None, progress: Progress | None = None) -> list[Report]:
    """The rows of one dataset in the joint reports."""
    own = set(dataset.rows)
    found = [only(report, dataset.name, own) for report in joint_study(split, progress)]
    return [report for report in found if report.rows]


def only(report: Report, name: str, keep: Collection[Measurement]) -> Report:
    """A report with some of its rows, and what is left out of the same dataset."""
    rows = tuple(row for row in report.rows if row.measurement in keep)
    metric = next((row.measurement.metric for row in rows), "")
    away = left_out(metric, (name,)) if report.left_out else {}
    return replace(report, dataset=name, rows=rows, left_out=away)


@cache
def latency_rows() -> tuple[tuple[Measurement, ...], Rows]:
    """Rows of the fit and their columns."""
    rows = measured("latency_s")
    return tuple(rows), fit_rows(rows)


@cache
def latency_report(split: str) -> Report:
    """Latencies with whole architectures, or whole chips, left out of everything that is fitted."""
    rows, columns = latency_rows()
    test = counted(split)
    clock = np.array([clock_hz(row) for row in rows])
    groups = groups_of(split)
    cycles = {name: predict_left_out(columns, groups, name, test) for name in ("macs_only", "linear")}
    seconds = {name: found / clock for name, found in (("all", cold_cycles(split)), *cycles.items())}
    factor = np.exp(intervals(split).half_widths(groups))
    compared = []
    for i in np.flatnonzero(test):
        value, simpler = float(seconds["all"][i]), {name: float(seconds[name][i]) for name in ("macs_only", "linear")}
        compared.append(Compared(rows[i], value, float(value / factor[i]), float(value * factor[i]), simpler))
    return Report(NAME, split, tuple(compared), REFITTED, left_out("latency_s"), _notes(split, compared))


def groups_of(split: str) -> Names:
    """What leaves together under a split: architecture or physical chip of every row."""
    rows, _ = latency_rows()
    return np.array([row.family if split == FAMILY else row.chip for row in rows])


def counted(split: str) -> Flags:
    """Rows that count: their runtime has enough architectures; or runtime and core occur on another chip too."""
    rows, _ = latency_rows()
    if split == FAMILY:
        known: dict[str, set[str]] = {}
        for row in rows:
            known.setdefault(row.runtime, set()).add(row.family)
        return np.array([len(known[row.runtime]) >= ARCHITECTURES for row in rows])
    return elsewhere_too(groups_of(DEVICE))


def elsewhere_too(chips: Names) -> Flags:
    """Rows whose runtime and core both occur on another chip."""
    _, columns = latency_rows()
    return np.array([
        bool(((chips != chip) & (columns.runtime == runtime)).any() and ((chips != chip) & (columns.core == core)).any())
        for chip, runtime, core in zip(chips, columns.runtime, columns.core, strict=True)
    ])  # fmt: skip


@cache
def cold_cycles(split: str) -> Floats:
    """Predicted cycles of every row whose group was left out of the fit; NaN where nothing of the group counts."""
    return predict_left_out(latency_rows()[1], groups_of(split), "all", counted(split))


@cache
def intervals(split: str = FAMILY) -> Intervals:
    """Intervals learnt from architectures, or chips, left out."""
    _, columns = latency_rows()
    return Intervals(np.log(columns.cycles / cold_cycles(split)), counted(split), bases_of(columns))


def learnt() -> list[LearntInterval]:
    """The intervals of plain estimates: every class, from architectures left out; cores never measured, from cores left out."""
    found = intervals()
    known = [LearntInterval(basis, "int8", found.half_width(basis), found.rows(basis), FAMILY) for basis in BASES[:-1]]
    misses = core_misses()
    return [*known, LearntInterval(NEW_CORE, "int8", held(misses), len(misses), "leave-one-core-out")]


def core_misses() -> Floats:
    """Median |ln(measured / predicted)| of every core but the anchor, left out and taken for the anchor: a Cortex-M4."""
    _, columns = latency_rows()
    found = []
    for i, core in enumerate(columns.cores):
        away = columns.core == i
        if core != ANCHOR:
            as_anchor = replace(columns.take(away), core=np.full(away.sum(), columns.cores.index(ANCHOR)))
            found.append(float(np.median(np.log(as_anchor.cycles / fit(columns.take(~away)).cycles(as_anchor)))))
    return np.abs(np.array(found))


@cache
def energy_report() -> Report:
    """Energies of MLPerf Tiny: latency predicted without the architecture, power of the configuration's other networks."""
    latencies = {_key(row.measurement): row.predicted for row in latency_report(FAMILY).rows}
    powers = {_key(row): row.value for row in measured("power_w", ("mlperf_tiny",))}
    rows = [row for row in measured("energy_j", ("mlperf_tiny",)) if "supply" in notes_of(row) and _key(row) in latencies]
    predicted = [active_joules(_configuration_power(row, rows, powers), latencies[_key(row)]) for row in rows]
    misses = np.log([row.value / value for row, value in zip(rows, predicted, strict=True)])
    families = np.array([row.family for row in rows])
    compared = []
    for row, value in zip(rows, predicted, strict=True):
        factor = float(np.exp(np.quantile(np.abs(misses[families != row.family]), SHARE)))
        compared.append(Compared(row, value, value / factor, value * factor))
    return Report(NAME, FAMILY, tuple(compared), f"{REFITTED}; power of each configuration", left_out("energy_j"))


def _configuration_power(row: Measurement, rows: Iterable[Measurement], powers: dict[tuple[object, ...], float]) -> float:
    """Median power of the other networks of a configuration [W]: robust against one odd firmware."""
    same = [powers[_key(other)] for other in rows if _configuration(other) == _configuration(row) and other.model != row.model]
    return float(np.median(same))


def _configuration(row: Measurement) -> tuple[object, ...]:
    return (row.source_id, row.device, row.runtime, row.runtime_version)


def _key(row: Measurement) -> tuple[object, ...]:
    return (*_configuration(row), row.model, row.clock_mhz, notes_of(row).get("weights"))


def boards_apart() -> tuple[int, float, float]:
    """Rows, mean and median error with chips left out where the two boards of the ESP32, measured by two sources, are two chips."""
    rows, columns = latency_rows()
    boards = np.array([row.device if row.chip == "ESP32" else row.chip for row in rows])
    test = elsewhere_too(boards)
    missed = np.abs(errors(predict_left_out(columns, boards, "all", test), columns.cycles))[test]
    return int(test.sum()), float(missed.mean()), float(np.median(missed))


def _notes(split: str, compared: Sequence[Compared]) -> tuple[str, ...]:
    test, (rows, _) = counted(split), latency_rows()
    away = Counter(f"{row.runtime} on {row.device}" for row, counts in zip(rows, test, strict=True) if not counts)
    why = f"fewer than {ARCHITECTURES} architectures" if split == FAMILY else "runtime or core on no other chip"
    named = ", ".join(f"{name} {count}" for name, count in sorted(away.items()))
    notes = [f"rows of {', '.join(DATASETS)} together", f"fitted on but not counted, {why}: {named}"]
    if split == DEVICE:
        count, mean, median = boards_apart()
        notes.append(f"the two boards of the ESP32 taken for two chips: n = {count}, mean {mean:.1%}, median {median:.1%}")
    return (*notes, f"80 % intervals hold, by runtime: {held_by_runtime(compared)}")


def held_by_runtime(compared: Sequence[Compared]) -> str:
    """Share of rows within their intervals, and their number, for each runtime."""
    inside: dict[str, list[bool]] = {}
    for row in compared:
        known, lower, upper = row.measurement, row.lower or 0.0, row.upper or np.inf
        inside.setdefault(known.runtime, []).append(lower <= known.value <= upper)
    return ", ".join(f"{name} {np.mean(flags):.0%} of {len(flags)}" for name, flags in sorted(inside.items()))
