"""NAS-Bench-201 on CPUs: a hundred random networks fitted, a thousand others predicted, for each device and runtime on its own.

The runtimes are not the one the multipliers of the catalogue were learnt from, so the multipliers of the terms that occur (a dozen)
start from values that have seen no data and may move far.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dataflows.fusion import fused_operators
from hwmodels.costs.cpu import TERM_NAMES
from hwmodels.runtime import load_runtime
from validation.baselines import macs_only
from validation.compare import Compared, Report
from validation.cpu_rows import Progress, count, parameters_of, unit_of
from validation.cpu_tree import ROUNDS, START, information, limited
from validation.errors import DatasetError
from validation.intervals import SHARE, weighted_quantile
from validation.measurement import Dataset, Measurement
from validation.resume import counted
from validation.split import folds
from workloads.networks import build
from workloads.tables import NestTable, OperatorTable, graph_tables
from workloads.transforms import fold_batch_norm

Floats = NDArray[np.float64]

SPLIT = "fit:100"
#: Standard deviation of ln of a multiplier around its start.
DEVIATION = 2.0
#: Multipliers before anything is measured. Cells of one kind of layer do not tell arithmetic, packing and DRAM apart: each alone may lie
#: above the speed of the data sheet, only their sum is known.
BEGIN = {
    **START, "gemm": 0.4, "winograd": 0.4, "direct": 0.7, "dram_core": 0.7, "dram_shared": 0.3, "fork": 2.0, "packing_far": 15.0,
}  # fmt: skip
#: Runtimes that run every operator on its own.
EAGER = ("torch_eager", "torch_mobile")
FUSES = ("activation", "pointwise", "normalization")


def study(dataset: Dataset, split: str | None = None, progress: Progress | None = None) -> list[Report]:
    """A report of all devices and runtimes under ``fit:N``."""
    if split is not None and not split.startswith("fit:"):
        raise DatasetError(f"split: '{split}' for {dataset.name}; fit:N is expected, N random networks fitted and the rest tested")
    members: dict[tuple[object, ...], list[Measurement]] = defaultdict(list)
    for row in dataset.rows:
        members[row.group()].append(row)
    compared: list[Compared] = []
    for number, rows in enumerate(members.values(), start=1):
        if progress is not None:
            progress(f"{rows[0].device} {rows[0].runtime} {rows[0].dtype}, {number} of {len(members)}")
        compared += _column(rows, split or SPLIT)
    return [Report(dataset.name, split or SPLIT, tuple(compared), "multipliers of each device and runtime", notes=dataset.caveats)]


def _column(rows: Sequence[Measurement], split: str) -> list[Compared]:
    """Tested rows of one device and runtime; intervals from the errors of half of the fitted rows, predicted by the other half."""
    (fold,) = folds(rows, split)
    seen, test = np.array(fold.fit), np.array(fold.test)
    seconds, measured = nominal(rows), np.array([row.value for row in rows])
    predicted = seconds[test] @ np.exp(fit_terms(seconds[seen], measured[seen]))
    half = _half_width(seconds[seen], measured[seen])
    macs = counted("macs", [row.model for row in rows], _macs)[:, 0]
    simple = macs_only(macs[seen], measured[seen], macs[test])
    return [
        Compared(rows[i], float(value), float(value * np.exp(-half)), float(value * np.exp(half)), {"macs_only": float(base)})
        for i, value, base in zip(test.tolist(), predicted, simple, strict=True)
    ]


def _half_width(seconds: Floats, measured: Floats, parts: int = 4) -> float:
    """Quantile of |ln error| of fitted rows, each quarter predicted from the other three."""
    part = np.arange(len(measured)) % parts
    errors = np.empty(len(measured))
    for number in range(parts):
        theta = fit_terms(seconds[part != number], measured[part != number])
        errors[part == number] = np.log(seconds[part == number] @ np.exp(theta)) - np.log(measured[part == number])
    return weighted_quantile(np.abs(errors), np.ones(len(errors)), SHARE * (1 + 1 / len(errors)))


def fit_terms(seconds: Floats, measured: Floats) -> Floats:
    """ln of the multipliers of single terms that explain some rows."""
    begin = np.log([BEGIN[name] for name in TERM_NAMES])
    theta, matrix, precision = begin.copy(), np.eye(len(begin)), np.eye(len(begin)) / DEVIATION**2
    for _ in range(4 * ROUNDS):
        told = information(seconds, np.log(measured), matrix, theta, bounded=False)
        best = np.linalg.solve(told.precision + precision, told.weighted + precision @ begin)
        step = np.asarray(best, np.float64) - theta
        theta = theta + limited(step)
        if np.abs(step).max() < 1e-3:
            break
    return theta


def nominal(rows: Sequence[Measurement]) -> Floats:
    """Nominal seconds by term of the networks of one device and runtime.

    Quantised networks are counted as float ones: what their type changes is in the fitted multipliers, one for 1x1 and one for 3x3
    convolutions.
    """
    first = replace(rows[0], runtime="", runtime_version="")
    parameters = parameters_of(first, unit_of(first))._replace(fp16=0)
    edges, fuses = first.notes.removeprefix("edges ").partition(";")[0], () if rows[0].runtime in EAGER else FUSES
    key = f"{tuple(parameters)} {edges} {fuses}"
    return counted(key, [row.model for row in rows], lambda model: count(*tables(model, edges, fuses), [parameters])[0])


@functools.lru_cache(maxsize=8192)
def tables(model: str, edges: str, fuses: tuple[str, ...]) -> tuple[OperatorTable, NestTable]:
    """A network of the search space as a runtime runs it."""
    graph = build("nasbench201", arch=model.partition(":")[2], edges=edges)
    if fuses:
        graph = fold_batch_norm(graph)
    found = graph_tables(graph)
    runtime = replace(load_runtime("ncnn"), fuses=fuses)
    return fused_operators(graph, found, runtime, np.ones(len(graph.operators), np.bool_)).operators, found.nests


def _macs(model: str) -> Floats:
    return np.array([tables(model, "needed", FUSES)[0].macs.sum()], np.float64)
