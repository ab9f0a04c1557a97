"""Peak rates of array parts: what geometry and clock give, beside what is published; clashes are told by name."""

from __future__ import annotations

import re

from dataflows.array_units import KIND_DATAFLOWS
from hwmodels import catalog
from hwmodels.costs.array import peak_ops_per_s
from hwmodels.device import ArrayUnit
from hwmodels.reader import load_device
from validation.compare import Compared, Report
from validation.errors import DatasetError
from validation.measurement import Dataset, Measurement

#: Relative difference above which a published peak is a clash; figures are published with two or three digits.
TOLERANCE = 0.025

_ARRAY = re.compile(rf"^\s+kind:\s*({'|'.join(KIND_DATAFLOWS)})\s*$", re.MULTILINE)


def peak_tops(unit: ArrayUnit) -> float:
    """Peak of an array, two operations per multiply-accumulate [Top/s].

    >>> round(peak_tops(load_device("tpu_v1").default_unit), 2)
    91.75
    """
    return peak_ops_per_s(unit.rows * unit.columns * unit.macs_per_element, unit.frequency_hz) / 1e12


def array_devices() -> tuple[str, ...]:
    """Devices of the catalogue with an array of processing elements, sorted.

    >>> "eyeriss_v1" in array_devices(), "raspberry_pi_4" in array_devices()
    (True, False)
    """
    return tuple(entry.name for entry in catalog.devices() if _ARRAY.search(entry.path.read_text(encoding="utf-8")))


def peaks(dataset: Dataset) -> list[Report]:
    """Every published peak beside ours; a note for each clash, and for each device without a published figure."""
    rows = tuple(Compared(row, peak_tops(_unit(row))) for row in dataset.rows)
    clashes = tuple(
        f"clash: {row.measurement.device}{_said(row.measurement)}: {row.predicted:.4g} Top/s from geometry and clock, "
        f"{row.measurement.value:.4g} published: {row.measurement.notes}"
        for row in rows
        if abs(row.error) > TOLERANCE
    )
    return [Report(dataset.name, "none", rows, notes=(*clashes, *_unpublished(dataset), *dataset.caveats))]


def _unit(row: Measurement) -> ArrayUnit:
    """The array of a row's device, at the clock the figure was published for."""
    overrides = {} if row.clock_mhz is None else {f"units.{row.unit}.frequency": f"{row.clock_mhz} MHz"}
    unit = load_device(row.device, overrides).units.get(row.unit)
    if not isinstance(unit, ArrayUnit) or row.metric != "tops":
        raise DatasetError(
            f"row {row.row}: {row.metric} of unit '{row.unit}' of {row.device}; the tops of an array of elements are expected"
        )
    return unit


def _said(row: Measurement) -> str:
    return f" ({row.layer})" if row.layer else ""


def _unpublished(dataset: Dataset) -> tuple[str, ...]:
    published = {row.device for row in dataset.rows}
    found = []
    for name in array_devices():
        unit = load_device(name).default_unit
        if name not in published and isinstance(unit, ArrayUnit):
            multipliers = f"{unit.rows} x {unit.columns * unit.macs_per_element}"
            found.append(f"no peak is published for {name}: {peak_tops(unit):.4g} Top/s from {multipliers} multipliers")
    return tuple(found)
