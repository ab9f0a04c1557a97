"""Microcontrollers beside their measurements: latency, energy, flash; whole architectures or chips left out of everything fitted.

Latencies are predicted by the joint fit made anew for every fold (:mod:`validation.mcu_fit`), so that nothing of a held-out
architecture or chip is in it: no runtime cost, no core factor, no prior. Energies are predicted power times predicted latency; the
power of a configuration (board, submission, runtime) is the median over its other networks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwmodels.costs.link import active_joules
from hwmodels.intervals import LearntInterval
from hwmodels.measured_rows import FEW, MANY
from validation.compare import Compared, Report
from validation.errors import DatasetError
from validation.intervals import SHARE
from validation.mcu_fit import Rows
from validation.mcu_flash import flash_reports
from validation.mcu_intervals import Intervals, class_of
from validation.mcu_rows import DATASETS, clock_hz, fit_rows, left_out, measured, notes_of
from validation.mcu_structures import left_out as predict_left_out
from validation.measurement import Dataset, Measurement

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

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
    """A report with some of its rows."""
    return replace(report, dataset=name, rows=tuple(row for row in report.rows if row.measurement in keep))


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
    seconds = {name: predict_left_out(columns, groups, name, test) / clock for name in ("all", "macs_only", "linear")}
    factor = np.exp(intervals().half_widths(groups))
    compared = []
    for i in np.flatnonzero(test):
        value, simpler = float(seconds["all"][i]), {name: float(seconds[name][i]) for name in ("macs_only", "linear")}
        compared.append(Compared(rows[i], value, float(value / factor[i]), float(value * factor[i]), simpler))
    return Report(NAME, split, tuple(compared), REFITTED, left_out("latency_s"), _notes(split))


def groups_of(split: str) -> NDArray[np.str_]:
    """What leaves together under a split: architecture or physical chip of every row."""
    rows, _ = latency_rows()
    return np.array([row.family if split == FAMILY else row.chip for row in rows])


def counted(split: str) -> Flags:
    """Rows that count: their runtime has enough architectures; or runtime and core occur on another chip too."""
    rows, columns = latency_rows()
    if split == FAMILY:
        known: dict[str, set[str]] = {}
        for row in rows:
            known.setdefault(row.runtime, set()).add(row.family)
        return np.array([len(known[row.runtime]) >= ARCHITECTURES for row in rows])
    chips = np.array([row.chip for row in rows])
    return np.array([
        bool(((chips != chip) & (columns.runtime == runtime)).any() and ((chips != chip) & (columns.core == core)).any())
        for chip, runtime, core in zip(chips, columns.runtime, columns.core, strict=True)
    ])  # fmt: skip


@cache
def intervals() -> Intervals:
    """Intervals learnt from architectures left out."""
    _, columns = latency_rows()
    test = counted(FAMILY)
    predicted = predict_left_out(columns, groups_of(FAMILY), "all", test)
    return Intervals(np.log(columns.cycles / predicted), test, class_of(columns))


def learnt() -> list[LearntInterval]:
    """The intervals of plain estimates: both classes, from architectures left out."""
    found = intervals()
    return [
        LearntInterval(FEW if few else MANY, "int8", found.half_width(few), int((found.test & (found.few == few)).sum()), FAMILY)
        for few in (False, True)
    ]


@cache
def energy_report() -> Report:
    """Energies of MLPerf Tiny: latency predicted without the architecture, power of the configuration's other networks."""
    latencies = {_key(row.measurement): row.predicted for row in latency_report(FAMILY).rows}
    powers = {_key(row): row.value for row in measured("power_w", ("mlperf_tiny",))}
    rows = [row for row in measured("energy_j", ("mlperf_tiny",)) if "supply" in notes_of(row) and _key(row) in latencies]
    predicted = [active_joules(_configuration_power(row, rows, powers), latencies[_key(row)]) for row in rows]
    errors = np.log([row.value / value for row, value in zip(rows, predicted, strict=True)])
    families = np.array([row.family for row in rows])
    compared = []
    for row, value in zip(rows, predicted, strict=True):
        factor = float(np.exp(np.quantile(np.abs(errors[families != row.family]), SHARE)))
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


def _notes(split: str) -> tuple[str, ...]:
    counted = (
        f"runtimes with fewer than {ARCHITECTURES} architectures are fitted on but not counted"
        if split == FAMILY
        else "rows whose runtime or core is on no other chip are fitted on but not counted"
    )
    return (counted, f"rows of {', '.join(DATASETS)} together")
