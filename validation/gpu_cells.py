"""Cells of NAS-Bench-201 on GPUs: fitted on 100 networks, tested on the others.

Small networks of one image are sums of overheads: nine parameters per device. What a runtime really executes differs: eager runtimes
run every edge, engines drop what no input reaches or what reaches no output; and joining the edges of a node is charged per sum, or
per edge that leaves a computed node and has to wait for it. Both are chosen per device by the cost of the fit on the 100.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from validation.compare import Compared, Report
from validation.errors import DatasetError
from validation.gpu_fit import Fit, Form, fit
from validation.gpu_folds import QUANTILES
from validation.measurement import Dataset, Measurement
from workloads.networks.nasbench201 import CELLS, CHANNELS, EDGES

Floats = NDArray[np.float64]

#: Networks fitted on, networks tested on, and the seed of the choice.
FITTED, TESTED, SEED = 100, 1000, 0
SPLIT = f"fit:{FITTED}"
PRIOR_WEIGHT = 0.1

#: What a runtime executes: every edge; all but "none"; what lies on a way from input to output; what reaches the output.
EXECUTES = ("all", "nonone", "dce", "bw")
#: What joining is charged by: a sum of two tensors, or an edge that leaves a computed node.
JOINS = ("sums", "waits")

PARAMETERS = ("rate_3x3", "rate_1x1", "bandwidth", "convolution", "pool", "join", "none", "run", "half_channels")

#: Prior of each parameter: overheads relative to the median time of a network, rates in flop/s and B/s.
RATES = {"rate_3x3": 2e11, "rate_1x1": 1e11, "bandwidth": 2e10, "half_channels": 8.0}
OVERHEADS = {"convolution": 1 / 200, "pool": 1 / 200, "join": 1 / 400, "none": 1 / 400, "run": 1 / 5}
DEVIATION = 1.5

#: Terms: operations of 3x3 and 1x1 convolutions, the same over their channels (half-saturation), bytes, then counts.
TERMS = (
    {"rate_3x3": -1}, {"rate_3x3": -1, "half_channels": 1}, {"rate_1x1": -1}, {"rate_1x1": -1, "half_channels": 1},
    {"bandwidth": -1}, {"convolution": 1}, {"pool": 1}, {"join": 1}, {"none": 1}, {"run": 1},
)  # fmt: skip

Edge = tuple[str, int, int]


def executed(code: str, mode: str) -> list[Edge]:
    """Edges a runtime executes: operation, node it leaves, node it enters.

    >>> executed("33n3ns", "dce")
    [('3', 0, 2), ('3', 0, 3), ('s', 2, 3)]
    >>> len(executed("33n3ns", "all")), len(executed("n3n3nn", "bw"))
    (6, 1)
    """
    edges = [(letter, start, end) for letter, (start, end) in zip(code, EDGES, strict=True)]
    reached, needed = {0}, {3}
    for letter, start, end in edges:
        reached |= {end} if letter != "n" and start in reached else set()
    for letter, start, end in reversed(edges):
        needed |= {start} if letter != "n" and end in needed else set()

    def kept(letter: str, start: int, end: int) -> bool:
        if mode == "all" or letter == "n":
            return mode == "all"
        return mode == "nonone" or (end in needed and (mode == "bw" or start in reached))

    return [edge for edge in edges if kept(*edge)]


@cache
def amounts(code: str, mode: str, join: str, bytes_per_element: int) -> tuple[float, ...]:
    """Amounts of TERMS of the whole network: fifteen cells, the stem and two reductions."""
    edges = executed(code, mode)
    count = {letter: sum(edge[0] == letter for edge in edges) for letter in "ns13p"}
    into = [sum(edge[2] == node for edge in edges) for node in (1, 2, 3)]
    sums = sum(max(0, n - 1) for n in into)
    found = np.zeros(len(TERMS))
    convolutions = count["3"] + count["1"]
    for channels, size in zip(CHANNELS, (32, 16, 8), strict=True):
        elements = channels * size * size
        found[0] += CELLS * count["3"] * 18.0 * channels * elements
        found[1] += CELLS * count["3"] * 18.0 * elements
        found[2] += CELLS * count["1"] * 2.0 * channels * elements
        found[3] += CELLS * count["1"] * 2.0 * elements
        found[4] += CELLS * bytes_per_element * elements * (2.0 * (convolutions + count["p"] + count["n"]) + 3.0 * sums)
    for channels, size in zip(CHANNELS[1:], (16, 8), strict=True):
        elements = channels * size * size
        found[0] += 27.0 * channels * elements  # 3x3 from half the channels, 3x3 from all
        found[1] += 27.0 * elements
        found[2] += channels * elements
        found[4] += 8.0 * bytes_per_element * elements
    found[0] += 18.0 * 3 * CHANNELS[0] * 32 * 32
    stages = CELLS * len(CHANNELS)
    joined = sums if join == "sums" else sum(edge[1] != 0 for edge in edges)
    found[5:] = stages * convolutions, stages * count["p"], stages * joined, stages * count["n"], 1.0
    return tuple(found)


def form(typical_s: float) -> Form:
    """The form of one device; overheads are expected in proportion to its median time."""
    prior = {**RATES, **{name: share * typical_s for name, share in OVERHEADS.items()}}
    exponents = np.array([[float(powers.get(name, 0)) for name in PARAMETERS] for powers in TERMS])
    deviations = np.where(np.array(PARAMETERS) == "half_channels", 1.0, DEVIATION)
    return Form(PARAMETERS, exponents, np.log([prior[name] for name in PARAMETERS]), deviations)


def chosen(rows: Sequence[Measurement]) -> tuple[Fit, str, str]:
    """The fit on some rows of a device, with what it executes and how it joins: the cheapest of all."""
    measured = np.array([row.value for row in rows])
    shape = form(float(np.median(measured)))
    tried = []
    for mode, join in product(EXECUTES, JOINS):
        tried.append((fit(shape, _matrix(rows, mode, join), measured, prior_weight=PRIOR_WEIGHT, steps=200), mode, join))
    return min(tried, key=lambda entry: entry[0].cost)


def _matrix(rows: Sequence[Measurement], mode: str, join: str) -> Floats:
    batch = np.array([row.batch for row in rows], dtype=float)[:, None]
    scaled = np.array([not set(powers) & set(OVERHEADS) for powers in TERMS])
    found = np.array([amounts(row.model.partition(":")[2], mode, join, 2 if row.dtype == "fp16" else 4) for row in rows])
    return np.where(scaled, found * batch, found)


def study(dataset: Dataset, split: str | None, progress: Callable[[str], None] | None) -> list[Report]:
    """Every device, batch and type on its own."""
    if split not in (None, SPLIT):
        raise DatasetError(f"split: '{split}' for {dataset.name}; '{SPLIT}' is expected")
    groups: dict[tuple[object, ...], list[Measurement]] = {}
    for row in dataset:
        groups.setdefault((row.device, row.batch, row.dtype), []).append(row)
    compared: list[Compared] = []
    notes = []
    for (device, batch, dtype), rows in groups.items():
        order = np.random.default_rng(SEED).permutation(len(rows))
        known, test = [rows[i] for i in order[:FITTED]], [rows[i] for i in order[FITTED : FITTED + TESTED]]
        found, mode, join = chosen(known)
        compared.extend(_compared(found, mode, join, known, test))
        notes.append(f"{device} batch {batch} {dtype}: executes {mode}, joins by {join}")
    return [Report(dataset.name, SPLIT, tuple(compared), f"{len(PARAMETERS)} parameters per device", notes=tuple(notes))]


def _compared(found: Fit, mode: str, join: str, known: Sequence[Measurement], test: Sequence[Measurement]) -> list[Compared]:
    """Tested networks with intervals from ten folds of the fitted ones, and the line a + b MACs as baseline."""
    seconds = found.seconds(_matrix(test, mode, join))
    measured = np.array([row.value for row in known])
    folds, errors = np.arange(len(known)) % 10, np.zeros(len(known))
    matrix = _matrix(known, mode, join)
    for k in range(10):
        cold = fit(found.form, matrix[folds != k], measured[folds != k], start=found.theta, prior_weight=PRIOR_WEIGHT)
        errors[folds == k] = np.log(measured[folds == k] / cold.seconds(matrix[folds == k]))
    low, high = np.exp(np.quantile(errors, QUANTILES, method="weibull"))
    line = np.linalg.lstsq(_macs(known) / measured[:, None], np.ones(len(known)), rcond=None)[0]
    simple = _macs(test) @ line
    return [
        Compared(row, float(value), float(value * low), float(value * high), {"macs_line": float(max(plain, 1e-9))})
        for row, value, plain in zip(test, seconds, simple, strict=True)
    ]


def _macs(rows: Sequence[Measurement]) -> Floats:
    """1 and MACs of what lies on a way from input to output."""
    flop = np.array([amounts(row.model.partition(":")[2], "dce", "sums", 4) for row in rows])
    return np.stack([np.ones(len(rows)), (flop[:, 0] + flop[:, 2]) / 2e6], axis=1)
