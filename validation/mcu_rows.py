"""Measured rows of microcontrollers as columns of the joint fit: amounts of work from our own graphs, as the runtime runs them.

A row counts where its network can be built and nothing speaks against it (``left_out`` in its notes says what does). What a row
says of memories is kept: weights that lie in RAM are not streamed, those in external RAM are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dataflows.mcu_lowering import lower_mcu
from dataflows.unit_work import UnitSettings
from hwmodels.costs.mcu import TERM_NAMES
from hwmodels.device import Device, McuUnit
from hwmodels.reader import load_device
from hwmodels.runtime import load_runtime
from sim.lower import as_compiled
from validation.mcu_fit import PRIORS, Rows, names_of
from validation.measurement import Measurement
from validation.reader import load_dataset
from workloads.graph import Graph
from workloads.networks import NETWORKS, build
from workloads.tables import graph_tables

Floats = NDArray[np.float64]

#: Datasets of whole networks on microcontrollers.
DATASETS = ("esp_nn", "mlperf_tiny", "stm32_modelzoo", "tinyengine_mcunet")


def notes_of(row: Measurement) -> dict[str, str]:
    """The pairs ``key=value`` of a row's notes.

    >>> from types import SimpleNamespace
    >>> notes_of(SimpleNamespace(notes="weights=ram; supply=1.8 V"))
    {'weights': 'ram', 'supply': '1.8 V'}
    """
    pairs = (part.partition("=") for part in row.notes.split(";"))
    return {key.strip(): value.strip() for key, _, value in pairs if value}


def measured(metric: str, datasets: Iterable[str] = DATASETS) -> list[Measurement]:
    """Rows of a metric that can be predicted and that nothing speaks against."""
    rows = [row for name in datasets for row in load_dataset(name) if row.metric == metric]
    return [row for row in rows if row.model in NETWORKS and "left_out" not in notes_of(row)]


def left_out(metric: str, datasets: Iterable[str] = DATASETS) -> dict[str, int]:
    """Why rows of a metric are not used -> how many."""
    found: dict[str, int] = {}
    for name in datasets:
        for row in load_dataset(name):
            if row.metric == metric:
                known = "network is not built" if row.model not in NETWORKS else ""
                reason = notes_of(row).get("left_out", known)
                if reason:
                    found[reason] = found.get(reason, 0) + 1
    return dict(sorted(found.items()))


def fit_rows(rows: Sequence[Measurement], terms: Sequence[str] = tuple(PRIORS)) -> Rows:
    """Columns of the joint fit for latencies."""
    runtimes, runtime = names_of([row.runtime for row in rows])
    cores, core = names_of([_unit(load_device_once(row.device)).core for row in rows])
    clock = np.array([clock_hz(row) for row in rows])
    found = [
        _amounts(row.model, row.runtime, row.device, notes_of(row).get("weights", ""), hz)
        for row, hz in zip(rows, clock, strict=True)
    ]
    columns = [TERM_NAMES.index(term) for term in terms]
    amounts = np.array([work[columns] for work, _ in found])
    if "dispatch" in terms:  # of the runtime and not fitted: the amount is the Cortex-M4 cycles it takes
        amounts[:, list(terms).index("dispatch")] *= [load_runtime(row.runtime).costs["dispatch_cycles"] for row in rows]
    fixed = np.array([cycles for _, cycles in found])
    return Rows(amounts, fixed, np.array([row.value for row in rows]) * clock, runtime, core, runtimes, cores)


def clock_hz(row: Measurement) -> float:
    """Clock of a row; the device's where it states none."""
    return row.clock_mhz * 1e6 if row.clock_mhz else _unit(load_device_once(row.device)).frequency_hz


@cache
def load_device_once(name: str) -> Device:
    """A device of the catalogue, read once."""
    return load_device(name)


@cache
def network(name: str) -> Graph:
    """A network of the catalogue, built once."""
    return build(name)


def _unit(device: Device) -> McuUnit:
    unit = device.default_unit
    assert isinstance(unit, McuUnit)
    return unit


@cache
def _amounts(model: str, runtime: str, device_name: str, weights: str, clock: float) -> tuple[Floats, float]:
    """Amounts of all terms summed over a network; cycles of what no cost of a runtime touches: streaming, bytes outside."""
    device, engine = load_device_once(device_name), load_runtime(runtime)
    unit = replace(_unit(device), frequency_hz=clock)
    graph = as_compiled(network(model), engine)
    regions = _regions(graph, unit, device, weights)
    work = lower_mcu(
        graph, graph_tables(graph), device, unit, UnitSettings(runtime=engine, regions=regions), np.ones(len(graph), bool)
    )
    total = work.amounts.sum(axis=0)
    apart = [TERM_NAMES.index("flash"), TERM_NAMES.index("external")]
    return total, float(total[apart] @ work.prices[apart]) * clock


def _regions(graph: Graph, unit: McuUnit, device: Device, weights: str) -> Mapping[str, str]:
    """Tensors that lie elsewhere than at home: weights a submitter put into RAM."""
    if weights != "ram":
        return {}
    internal = next(name for name in unit.activations_in if device.memories[name].kind in ("sram", "tcm"))
    return {tensor.name: internal for tensor in graph.weights}
