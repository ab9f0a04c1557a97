"""TensorRT on Jetson boards beside measurements: one set of shares for all boards, whole families of networks left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwmodels.costs.gpu import TERM_NAMES
from hwmodels.costs.nominal import NARROW_SUMS, half_seconds, memory_seconds
from hwmodels.runtime import load_runtime
from validation.compare import Compared, Report
from validation.errors import DatasetError
from validation.gpu_features import term_amounts
from validation.gpu_fit import Fit, Form
from validation.gpu_folds import left_out
from validation.intervals import SHARE, weighted_quantile
from validation.mcu_rows import notes_of
from validation.measurement import Dataset, Measurement
from validation.timm_model import card
from workloads.networks import build
from workloads.transforms import fold_batch_norm, retype

Floats = NDArray[np.float64]
SPLIT = "leave-one-family-out"
RUNTIME = "tensorrt"

#: Parameter -> centre of its prior and standard deviation of its logarithm.
PRIORS: dict[str, tuple[float, float]] = {
    "matrix_share": (0.8, 0.5), "winograd_ratio": (1.5, 0.4), "fully_connected_ratio": (0.2, 0.7), "bandwidth_share": (0.8, 0.3),
    "memory_ratio": (0.8, 0.4), "weights_ratio": (1.0, 0.3), "launch": (15e-6, 1.0), "run": (0.4e-3, 1.0),
}  # fmt: skip
_P, _W = {"matrix_share": -1.0}, {"bandwidth_share": -1.0}
#: Term -> powers of the parameters in its price.
PRICES: dict[str, dict[str, float]] = {
    "matrix": _P,
    "winograd": {**_P, "winograd_ratio": -1.0},
    "fully_connected": {**_P, "fully_connected_ratio": -1.0},
    "stream": _W,
    "memory": {**_W, "memory_ratio": -1.0},
    "weights": {**_W, "weights_ratio": -1.0},
    "launch": {"launch": 1.0},
    "run": {"run": 1.0},
}
MATRIX, MEMORY = ("matrix", "winograd", "fully_connected"), ("stream", "memory", "weights")


@cache
def network_amounts(name: str, resolution: int) -> tuple[float, ...]:
    """Amounts of the terms of a network in 16 bit, in the order of PRICES."""
    graph = retype(fold_batch_norm(build(name, resolution=resolution)), "fp16")
    found = term_amounts(graph, load_runtime(RUNTIME))
    return tuple(float(found[TERM_NAMES.index(term)]) for term in PRICES)


def amounts_of(rows: Sequence[Measurement]) -> Floats:
    """Nominal seconds of arithmetic and traffic on the board of each row, kernels and runs."""
    found = np.array([network_amounts(row.model, int(row.input_shape.split("x")[-1])) for row in rows])
    for i, row in enumerate(rows):
        for j, term in enumerate(PRICES):
            if term in MATRIX:
                found[i, j] = half_seconds(found[i, j], card(row.device), NARROW_SUMS)
            elif term in MEMORY:
                found[i, j] = memory_seconds(found[i, j], card(row.device))
    return found


def form() -> Form:
    """The form all boards share."""
    exponents = np.array([[powers.get(name, 0.0) for name in PRIORS] for powers in PRICES.values()])
    means, deviations = np.array(list(PRIORS.values())).T
    return Form(tuple(PRIORS), exponents, np.log(means), deviations)


def usable(dataset: Dataset) -> list[Measurement]:
    """Rows that nothing speaks against."""
    return [row for row in dataset if "left_out" not in notes_of(row)]


def held_out(rows: Sequence[Measurement], *, boards: bool = False) -> tuple[Fit, Floats]:
    """The fit on all rows, and the seconds of each by a fit without its family, or without its board."""
    groups = [row.device if boards else row.family for row in rows]
    return left_out(form(), amounts_of(rows), np.array([row.value for row in rows]), groups)


def study(dataset: Dataset, split: str | None, progress: Callable[[str], None] | None) -> list[Report]:
    """Both boards at once, every family left out of the fit."""
    if split not in (None, SPLIT):
        raise DatasetError(f"split: '{split}' for {dataset.name}; its rows are split by family, '{SPLIT}' is expected")
    rows = usable(dataset)
    whole, seconds = held_out(rows)
    errors = np.log(np.array([row.value for row in rows]) / seconds)
    upper = _factors(np.abs(errors), [row.family for row in rows])
    compared = tuple(
        Compared(row, float(value), float(value / high), float(value * high))
        for row, value, high in zip(rows, seconds, upper, strict=True)
    )
    left: dict[str, int] = {}
    for row in dataset:
        reason = notes_of(row).get("left_out", "")
        left |= {reason: left.get(reason, 0) + 1} if reason else {}
    said = ", ".join(f"{name} {value:.3g}" for name, value in zip(whole.form.parameters, np.exp(whole.theta), strict=True))
    return [
        Report(dataset.name, SPLIT, compared, f"{len(PRIORS)} parameters for all boards", left, (f"shares of all rows: {said}",))
    ]


def _factors(errors: Floats, families: Sequence[str]) -> Floats:
    """Factor of each row's interval: what holds 80 % of the errors of the other families, every family counting once."""
    names = np.asarray(families)
    _, index, counts = np.unique(names, return_inverse=True, return_counts=True)
    found = np.empty(len(errors))
    for name in sorted(set(families)):
        others = names != name
        found[~others] = np.exp(weighted_quantile(errors[others], (1.0 / counts[index])[others], SHARE))
    return found
