"""A user's own measurements of a board -> fitted multipliers as an overlay, with residuals and what is explained worst.

At most a dozen named parameters per unit are free: eight multipliers and four factors that many multipliers share. They are found in
log space, deaf to spikes, pulled to the class of the core as far as chips of a class differ from each other; few rows move them
little. Every multiplier is kept within 20 times its class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataflows.cpu_counts import cpu_amounts
from dataflows.cpu_layer import network_facts
from hwmodels.costs.cpu import TERM_NAMES, cpu_prices
from hwmodels.device import CpuUnit
from hwmodels.reader import load_device
from validation.cpu_rows import CpuRows, Entity, board, cpu_rows, network_tables, parameters_of, unit_of
from validation.cpu_tree import FOLLOWS, PARAMETERS, VARIANCES, fitted, multipliers, predicted_seconds
from validation.errors import FitError
from validation.measurement import Dataset
from validation.overlay import NAMED, Overlay, UnitFit
from validation.reader import load_aliases, load_dataset
from workloads.operators.rule import KINDS
from workloads.readers import network_list

Floats = NDArray[np.float64]

#: A multiplier stays within this factor of its class.
FARTHEST = 20.0
#: Variance of a board's parameters around the class of its core.
DEVIATION = VARIANCES["chip"] + VARIANCES["entity"]
#: From this many networks on a board counts as calibrated.
MANY_NETWORKS = 8


@dataclass(frozen=True)
class Residual:
    """One measured row and what the fit says of it; held out: fitted without its network."""

    model: str
    unit: str
    threads: int | None
    dtype: str
    measured_s: float
    fitted_s: float
    held_out_s: float | None


@dataclass(frozen=True)
class Calibration:
    """A fit of a board to measurements.

    Attributes
    ----------
    overlay : Overlay
    residuals : tuple of Residual
    notes : tuple of str
        What had to be said: few rows, rows left out, bounds that were reached.
    """

    overlay: Overlay
    residuals: tuple[Residual, ...]
    notes: tuple[str, ...]


def calibrate(on: str, measured: str | Path, *, aliases: Sequence[str] = (), date: str | None = None) -> Calibration:
    """Fit the CPU units of a device to the rows of a table.

    Parameters
    ----------
    on : str
        Name or path of the device.
    measured : str or Path
        Table in the long or a wide form; rows of other devices are left out, a missing device column means this one.
    aliases : sequence of str
        Alias files beside the project's.
    date : str or None
        Written into the overlay as given.

    Raises
    ------
    FitError
        No row that can be fitted: none of this device, none of a CPU, no network of the catalogue.
    """
    device = load_device(on)
    names = load_aliases(map(Path, aliases))
    known = {entry.name for entry in network_list(())}
    read = load_dataset(
        measured, names, lambda kind, name: kind != "model" or _is_network(name, known), {"device": on, "unit": "cpu"}
    )
    rows, notes = _own_rows(read, on, device.name)
    table = cpu_rows(rows)
    if not len(table):
        raise FitError(_nothing(read, Path(measured).name, on, list(device.units)))
    notes += [f"{count} rows left out: {reason}" for reason, count in table.left_out.items()]
    units: dict[str, UnitFit] = {}
    residuals: list[Residual] = []
    for i, entity in enumerate(table.entities):
        mine = np.flatnonzero(table.entity == i)
        fit, said = _unit_fit(table, mine, entity)
        units[entity.unit] = fit
        notes += said
        residuals += _residuals(table, mine, fit)
    overlay = _overlay(on, device.name, Path(measured).name, date, units, residuals)
    return Calibration(overlay, tuple(residuals), tuple(notes))


def _is_network(name: str, known: set[str]) -> bool:
    return name in known or ":" in name or Path(name).suffix in (".onnx", ".tflite", ".csv")


def _own_rows(read: Dataset, on: str, name: str) -> tuple[Dataset, list[str]]:
    """Rows of this device, with its name as the catalogue loads it, and what was left out."""
    notes = [f"{count} rows left out: {what} is in neither the catalogue nor the aliases" for what, count in read.unmatched.items()]
    others = sum(row.device not in (on, name) for row in read)
    if others:
        notes.append(f"{others} rows left out: of other devices than {name}")
    if read.duplicates:
        word = "row repeats" if read.duplicates == 1 else "rows repeat"
        notes.append(f"{read.duplicates} {word} the settings of another one; all are used")
    own = read.where(lambda row: row.device in (on, name))
    return replace(own, rows=tuple(replace(row, device=on) for row in own.rows)), notes


def _nothing(read: Dataset, file: str, on: str, units: Sequence[str]) -> str:
    strangers = ", ".join(read.unmatched) or "none"
    devices = ", ".join(sorted({row.device for row in read})[:5]) or "none"
    return (
        f"{file}: no row to fit {on} to; its rows are of {devices}, unknown names: {strangers}; latencies of networks of the catalogue "
        f"on a CPU unit ({', '.join(units)}) are expected; --aliases FILE tells what a name means"
    )


def class_theta(unit: CpuUnit) -> Floats:
    """The multipliers of a unit's core as parameters of the tree: the shared factors at 1."""
    theta = np.zeros(len(PARAMETERS))
    for i, name in enumerate(TERM_NAMES):
        theta[i] = np.log(unit.multipliers.get(name, 1.0))
    for term, (leader, _) in FOLLOWS.items():
        theta[PARAMETERS.index(term)] -= theta[PARAMETERS.index(leader)]
    return theta


def _unit_fit(table: CpuRows, mine: NDArray[np.int64], entity: Entity) -> tuple[UnitFit, list[str]]:
    unit = board(entity.device).units[entity.unit]
    assert isinstance(unit, CpuUnit)
    prior = class_theta(_uncalibrated(entity, unit))
    theta, _ = fitted(table, mine, entity, prior, DEVIATION, _shifted(table, mine, entity, prior), bounded=False)
    notes = []
    if len(mine) < len(NAMED):
        notes.append(f"unit {entity.unit}: {len(mine)} rows for {len(NAMED)} parameters; they are kept near the class of the core")
    reach = np.log(FARTHEST)
    change = np.log(multipliers(entity, theta)) - np.log(multipliers(entity, prior))
    if np.abs(change).max() > reach:
        notes.append(
            f"unit {entity.unit}: a multiplier reached {FARTHEST:g} times its class; look at the clock and the units of the times"
        )
        theta = prior + (theta - prior) * reach / np.abs(change).max()
    return UnitFit(entity, theta, prior, _worst(table, mine, entity, theta)), notes


def _shifted(table: CpuRows, mine: NDArray[np.int64], entity: Entity, prior: Floats) -> Floats:
    """The class, made slower or faster as a whole as the median row says: where the search begins."""
    ratio = float(np.median(np.log(table.measured[mine]) - np.log(predicted_seconds(table.seconds[mine], entity, prior))))
    theta = prior.copy()
    theta[PARAMETERS.index("all")] += ratio
    return theta


def _uncalibrated(entity: Entity, unit: CpuUnit) -> CpuUnit:
    """The unit with the multipliers of its core, without those of an overlay."""
    if not unit.calibrated:
        return unit
    plain = load_device(entity.device, {f"units.{entity.unit}.core": unit.core}).units[entity.unit]
    assert isinstance(plain, CpuUnit)
    return plain


def _worst(table: CpuRows, mine: NDArray[np.int64], entity: Entity, theta: Floats, most: int = 3) -> tuple[tuple[str, float], ...]:
    """Kinds of operators that carry most of the unexplained time: their share of |measured - fitted|, by the time they take."""
    carried: dict[str, float] = defaultdict(float)
    factors = multipliers(entity, theta)
    for i in mine:
        error = abs(float(table.seconds[i] @ factors) - table.measured[i]) / table.measured[i]
        for kind, share in _shares(table, int(i), factors).items():
            carried[kind] += error * share
    total = sum(carried.values()) or 1.0
    ordered = sorted(((value / total, kind) for kind, value in carried.items()), reverse=True)
    return tuple((kind, share) for share, kind in ordered[:most])


def _shares(table: CpuRows, i: int, factors: Floats) -> Mapping[str, float]:
    """Share of each kind of operator in the predicted time of a row."""
    row = table.rows[i]
    parameters = parameters_of(row, unit_of(row))
    half = row.dtype.startswith("fp16") or (row.dtype == "int8" and bool(parameters.fp16))
    operators, nests = network_tables(row.model, "int8" if row.dtype == "int8" else "float", half)
    network = network_facts(operators, parameters, 1)
    prices, amounts, traffic = np.zeros(len(TERM_NAMES)), np.zeros(len(TERM_NAMES)), np.zeros((3, 2), np.int64)
    cpu_prices(parameters, prices)
    spent: dict[str, float] = defaultdict(float)
    for j, kind in enumerate(operators.kind):
        if kind >= 0:
            cpu_amounts(operators, nests, j, parameters, network, amounts, traffic)
            spent[KINDS[kind]] += float((amounts * prices) @ factors)
    total = sum(spent.values())
    return {kind: value / total for kind, value in spent.items()}


def _residuals(table: CpuRows, mine: NDArray[np.int64], fit: UnitFit) -> list[Residual]:
    """Each row beside the fit, and beside a fit without its network."""
    models = np.array([table.rows[i].model for i in mine])
    seen = predicted_seconds(table.seconds[mine], fit.entity, fit.theta)
    held = np.full(len(mine), np.nan)
    for model in sorted(set(models)):
        without = mine[models != model]
        begin = _shifted(table, without, fit.entity, fit.prior) if len(without) else fit.prior
        theta, _ = fitted(table, without, fit.entity, fit.prior, DEVIATION, begin, bounded=False)
        held[models == model] = predicted_seconds(table.seconds[mine[models == model]], fit.entity, theta)
    return [
        Residual(row.model, fit.entity.unit, row.threads, row.dtype, row.value, float(seen[k]), float(held[k]))
        for k, row in enumerate(table.rows[i] for i in mine)
    ]


def _overlay(
    on: str, name: str, file: str, date: str | None, units: Mapping[str, UnitFit], residuals: Sequence[Residual]
) -> Overlay:  # fmt: skip
    networks = len({entry.model for entry in residuals})
    held = np.array([abs((entry.held_out_s or np.nan) / entry.measured_s - 1) for entry in residuals])
    seen = np.array([abs(entry.fitted_s / entry.measured_s - 1) for entry in residuals])
    figures = {
        "rows": len(residuals),
        "mape": float(held.mean()),
        "median_ape": float(np.median(held)),
        "mape_of_fit": float(seen.mean()),
    }
    basis = "board calibrated" if networks >= MANY_NETWORKS else "few measurements"
    data = f"{file}: {len(residuals)} rows, {networks} networks"
    return Overlay(
        name if Path(on).suffix == "" else on, "ncnn", basis, data, "leave-one-network-out", figures, dict(sorted(units.items())), date
    )  # fmt: skip
