"""Small fp32 networks of fully connected layers under TFLM, as built for Arduino boards: interpreter and reference kernels.

    cycles = base + per operator * operators + per MAC * MACs     for each board

Two ways to predict. The three numbers are fitted board by board without the network that is tested (layer list and data set). The cold
way knows nothing of the board but its clock: costs of the catalogue's reference kernels, their level brought to the other boards.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwmodels.intervals import LearntInterval
from hwmodels.measured_rows import FLOAT
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from validation.compare import Compared, Report
from validation.errors import DatasetError
from validation.mcu_intervals import held
from validation.mcu_rows import clock_hz, load_device_once
from validation.measurement import Dataset, Measurement
from validation.reader import load_dataset
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.tables import graph_tables

Floats = NDArray[np.float64]
Progress = Callable[[str], None]

NAME = "tinyml_fc"
NETWORK, DEVICE = "leave-one-network-out", "leave-one-device-out"
#: Runtime of the catalogue whose float kernels these are.
RUNTIME = "tflm_reference_v05"
#: Data set -> classes.
CLASSES = {
    "AReM": 6, "Anuran Calls": 4, "Breast cancer": 2, "Digits": 10, "Human Activity": 6, "Iris": 3, "Pen based digits": 10,
    "Sensorless drive diagnosis": 11, "Statlog vehicle silhouettes": 4, "Texture": 11, "Vowel": 11, "Wine": 3,
}  # fmt: skip


def study(dataset: Dataset, split: str | None = None, progress: Progress | None = None) -> list[Report]:
    """Reports of both ways, or of the one asked for."""
    made = {NETWORK: by_board, DEVICE: cold}
    if split not in (None, *made):
        raise DatasetError(f"split: '{split}' for {NAME}; one of {', '.join(made)} is expected")
    left_out = {"no network of fully connected layers": len(_latencies(dataset.rows)) - len(rows())}
    reports = []
    for name, make in made.items():
        if split in (None, name):
            if progress is not None:
                progress(f"{NAME}: {name}")
            reports.append(Report(NAME, name, make(), _refitted(name), left_out))
    return reports


def _refitted(split: str) -> str:
    return "three numbers of each board" if split == NETWORK else "level of the reference kernels' float costs"


def _latencies(measured: Sequence[Measurement]) -> list[Measurement]:
    return [row for row in measured if row.metric == "latency_s"]


@cache
def rows() -> tuple[Measurement, ...]:
    """Latencies of networks whose layers the name tells."""
    return tuple(row for row in _latencies(load_dataset(NAME).rows) if hidden_layers(row.model) is not None)


def hidden_layers(model: str) -> tuple[int, ...] | None:
    """Widths of the hidden layers; ``None`` where the name does not tell.

    >>> hidden_layers("FC 10 x 10 on Iris"), hidden_layers("FC 10+50 on Iris"), hidden_layers("sine")
    ((10, 10, 10, 10, 10, 10, 10, 10, 10, 10), (10, 50), None)
    """
    found = re.fullmatch(r"FC (?:(\d+) x (\d+)|(\d+)\+(\d+)) on (.*)", model)
    if found is None or found[5] not in CLASSES:
        return None
    return (int(found[2]),) * int(found[1]) if found[1] else (int(found[3]), int(found[4]))


@cache
def network(model: str, inputs: int) -> Graph:
    """The network of a row: hidden layers with ReLU, a layer of classes, softmax."""
    net = GraphBuilder("fully_connected", "fp32", fused_activations=True)
    x = net.input((1, inputs))
    for width in hidden_layers(model) or ():
        x = net.linear(x, width, activation="relu")
    return net.finish(net.softmax(net.linear(x, CLASSES[model.partition(" on ")[2]])))


def by_board() -> tuple[Compared, ...]:
    """Each network predicted from the others of its board: least squares of relative errors."""
    found = []
    for device in sorted({row.device for row in rows()}):
        own = [row for row in rows() if row.device == device]
        columns = np.array([[1.0, *_work(row)] for row in own])
        cycles = np.array([row.value * clock_hz(row) for row in own])
        models = np.array([row.model for row in own])
        for i, row in enumerate(own):
            others = models != row.model
            if others.sum() >= 3:
                fitted = _relative_fit(columns[others], cycles[others])
                found.append(Compared(row, float(columns[i] @ fitted) / clock_hz(row)))
    return tuple(found)


def _relative_fit(columns: Floats, cycles: Floats) -> Floats:
    from scipy.optimize import nnls

    solution: Floats = nnls(columns / cycles[:, None], np.ones(len(cycles)))[0]
    return solution


def _work(row: Measurement) -> tuple[int, int]:
    """Fully connected layers and their MACs."""
    operators = graph_tables(network(row.model, int(row.input_shape))).operators
    return int((operators.macs > 0).sum()), int(operators.macs.sum())


def cold() -> tuple[Compared, ...]:
    """Each board from the catalogue's costs times what the other boards say of their level; intervals from the other boards too."""
    raw = np.array([_catalogue_seconds(row) for row in rows()])
    ratio = np.log(np.array([row.value for row in rows()]) / raw)
    chips = np.array([row.chip for row in rows()])
    level = {chip: float(np.median(ratio[chips != chip])) for chip in sorted(set(chips))}
    miss = {chip: abs(float(np.median(ratio[chips == chip])) - level[chip]) for chip in level}
    found = []
    for row, seconds, chip in zip(rows(), raw, chips, strict=True):
        value = float(seconds) * math.exp(level[chip])
        factor = math.exp(held(np.array([other for name, other in miss.items() if name != chip])))
        found.append(Compared(row, value, value / factor, value * factor))
    return tuple(found)


def _catalogue_seconds(row: Measurement) -> float:
    """Closed form of a row at the clock it was measured at."""
    graph, device = network(row.model, int(row.input_shape)), load_device_once(row.device)
    seconds = estimate(lower(graph, device, layerwise_plan(graph, device, runtime=RUNTIME))).latency_s
    return seconds * float(device.default_unit.frequency_hz) / clock_hz(row)


def learnt_float() -> LearntInterval:
    """Interval of fp32 networks under TFLM: how far whole chips lie from what the others say."""
    misses: dict[str, list[float]] = {}
    for row in cold():
        misses.setdefault(row.measurement.chip, []).append(math.log(row.measurement.value / row.predicted))
    return LearntInterval(FLOAT, "float", held(np.array([abs(float(np.median(m))) for m in misses.values()])), len(misses), DEVICE)
