"""ncnn on GPUs through Vulkan: some twenty networks per GPU, fitted with the population of all GPUs as prior.

The amounts are those of the lowering under the runtime ``ncnn_vulkan``; rates are relative to the data-sheet bandwidth of the memory,
which tells a phone from a graphics card before anything is measured.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwmodels.costs.gpu import TERM_NAMES
from hwmodels.runtime import load_runtime
from validation.compare import Compared, Report
from validation.errors import DatasetError
from validation.gpu_features import term_amounts
from validation.gpu_fit import Form
from validation.gpu_folds import interval_factors
from validation.gpu_population import left_out_of_population
from validation.mcu_rows import notes_of
from validation.measurement import Dataset, Measurement
from validation.reader import FOLDER
from workloads.graph import Graph
from workloads.readers import load_network
from workloads.transforms import retype

Floats = NDArray[np.float64]
SPLIT = "leave-one-family-out"
PRIOR_WEIGHT = 0.2

#: Parameter -> centre of its prior and standard deviation of the logarithm. ``bandwidth_share`` is relative to the data sheet,
#: ``intensity`` is the matrix rate over the bandwidth reached [flop/B]; gaps in seconds.
PRIORS: dict[str, tuple[float, float]] = {
    "intensity": (24.0, 0.5), "bandwidth_share": (0.35, 1.0), "winograd_ratio": (2.2, 0.5), "depthwise_stream_ratio": (0.72, 0.3),
    "weights_ratio": (1.1, 0.3), "product_ratio": (0.16, 0.7), "grouped_ratio": (0.6, 1.0), "attention_ratio": (0.3, 0.5),
    "depthwise_ratio": (0.3, 1.0), "memory_ratio": (0.75, 0.8), "launch": (20e-6, 1.5), "run": (0.8e-3, 0.7), "detection": (4e-3, 1.5),
}  # fmt: skip

#: Term of the lowering -> powers of the parameters in its price; memory terms and arithmetic are per byte/s of the data sheet.
_P = {"intensity": -1.0, "bandwidth_share": -1.0}
PRICES: dict[str, dict[str, float]] = {
    "matrix": _P,
    "winograd": {**_P, "winograd_ratio": -1.0},
    "grouped": {**_P, "grouped_ratio": -1.0},
    "product": {**_P, "product_ratio": -1.0},
    "fully_connected": {**_P, "product_ratio": -1.0},
    "attention": {**_P, "attention_ratio": -1.0},
    "depthwise": {**_P, "depthwise_ratio": -1.0},
    "stream": {"bandwidth_share": -1.0},
    "depthwise_stream": {"bandwidth_share": -1.0, "depthwise_stream_ratio": -1.0},
    "memory": {"bandwidth_share": -1.0, "memory_ratio": -1.0},
    "weights": {"bandwidth_share": -1.0, "weights_ratio": -1.0},
    "launch": {"launch": 1.0},
    "run": {"run": 1.0},
    "detection": {"detection": 1.0},
}

#: Terms whose price falls with the bandwidth of the data sheet.
SCALED = tuple(name for name, powers in PRICES.items() if "bandwidth_share" in powers)


@cache
def gpus() -> dict[str, tuple[float, str]]:
    """GPU as written -> bytes per second of its memory by the data sheet, and its kind."""
    with open(FOLDER / "ncnn_vulkan" / "gpus.csv", newline="", encoding="utf-8") as file:
        return {row["chip"]: (float(row["bandwidth_gb_per_s"]) * 1e9, row["kind"]) for row in csv.DictReader(file)}


@cache
def network(name: str) -> Graph:
    """A network of the benchmark in fp16."""
    return retype(load_network(name), "fp16")


@cache
def network_amounts(name: str) -> tuple[float, ...]:
    """Amounts of the terms of a network, in the order of PRICES."""
    found = term_amounts(network(name), load_runtime("ncnn_vulkan"))
    return tuple(float(found[TERM_NAMES.index(term)]) for term in PRICES)


def form() -> Form:
    """The form all runs share."""
    exponents = np.array([[powers.get(name, 0.0) for name in PRIORS] for powers in PRICES.values()])
    means, deviations = np.array(list(PRIORS.values())).T
    return Form(tuple(PRIORS), exponents, np.log(means), deviations)


def amounts_of(rows: Sequence[Measurement]) -> Floats:
    """Amounts of each row, those of memory and arithmetic over the bandwidth of its GPU."""
    scaled = np.array([term in SCALED for term in PRICES])
    found = np.array([network_amounts(row.model) for row in rows])
    rate = np.array([gpus()[row.chip][0] for row in rows])
    return np.where(scaled, found / rate[:, None], found)


def run_of(row: Measurement) -> str:
    """One GPU under one date and setting."""
    return f"{row.device} {row.chip} {row.runtime_version}"


def usable(dataset: Dataset) -> list[Measurement]:
    """Rows that nothing speaks against."""
    return [row for row in dataset if "left_out" not in notes_of(row)]


def study(dataset: Dataset, split: str | None, progress: Callable[[str], None] | None) -> list[Report]:
    """All runs, every family left out of every fit and of the population."""
    if split not in (None, SPLIT):
        raise DatasetError(f"split: '{split}' for {dataset.name}; its rows are split by family, '{SPLIT}' is expected")
    rows = usable(dataset)
    runs = [run_of(row) for row in rows]
    classes = {run: gpus()[row.chip][1] for run, row in zip(runs, rows, strict=True)}
    measured, amounts = np.array([row.value for row in rows]), amounts_of(rows)
    predicted = left_out_of_population(
        form(), amounts, measured, runs, [row.family for row in rows], classes, prior_weight=PRIOR_WEIGHT
    )
    scale = _scatter(np.log(measured / predicted), runs)
    lower, upper = interval_factors(np.log(measured / predicted), [row.chip for row in rows], scale)
    compared = tuple(
        Compared(row, float(value), float(value * low), float(value * high))
        for row, value, low, high in zip(rows, predicted, lower, upper, strict=True)
    )
    left: dict[str, int] = {}
    for row in dataset:
        reason = notes_of(row).get("left_out", "")
        if reason:
            left[reason] = left.get(reason, 0) + 1
    return [Report(dataset.name, SPLIT, compared, f"{len(PRIORS)} parameters per run, populations of two kinds of GPUs", left)]


def _scatter(errors: Floats, runs: Sequence[str]) -> Floats:
    """How uncertain the rows of a run are: mean absolute error of its other families, drawn to that of all runs."""
    names = np.asarray(runs)
    typical = float(np.mean(np.abs(errors)))
    found = np.empty(len(errors))
    for i, name in enumerate(names):
        others = (names == name) & (np.arange(len(errors)) != i)
        found[i] = (np.abs(errors[others]).sum() + 4.0 * typical) / (others.sum() + 4.0)
    return found
