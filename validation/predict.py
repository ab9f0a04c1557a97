"""What the closed form answers for a measured row: the row's network on the row's device, under the row's settings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from hwmodels.device import Device
from hwmodels.reader import load_device
from sim.assignment import nearest_dtype
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.results import Estimate
from validation.measurement import Measurement
from workloads.dtypes import WEIGHT_FORMATS
from workloads.graph import Graph
from workloads.readers import load_network
from workloads.transforms import retype

#: Memory kinds that count as SRAM of a microcontroller.
SRAM = ("tcm", "sram", "scratchpad")


#: Units that a row can only mean if the device has them: a figure of an accelerator is never compared with the processor's.
UNIT_KINDS = ("gpu", "npu", "dsp", "cpu_big", "cpu_little")

#: Types as some sources write them; block formats of four bits and a scale are alike in size.
TYPES = {"f16": "fp16", "4-bit": "q4_0", "q4": "q4_0", "iq4_nl": "q4_0", "iq4_xs": "q4_0"}


class Added(NamedTuple):
    """Paths of device files and of layer tables that stand beside the catalogue."""

    devices: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


NOTHING_ADDED = Added()


@functools.lru_cache(maxsize=256)
def _device(name: str, paths: tuple[str, ...]) -> Device:
    return load_device(name, extra_paths=paths)


@functools.lru_cache(maxsize=256)
def _network(name: str, batch: int, phase: str | None, context: int | None, paths: tuple[str, ...]) -> Graph:
    return load_network(name, batch=batch if batch != 1 else None, phase=phase, context=context, catalogue_paths=paths)


def estimate_of(row: Measurement, added: Added = NOTHING_ADDED) -> Estimate:
    """Closed-form answer for the settings of a row; errors of the pieces pass through."""
    device = _device(row.device, added.devices)
    phase = row.phase if row.phase in ("prefill", "decode") else None
    graph = _network(row.model, row.batch, phase, row.context, added.networks)
    if row.unit in UNIT_KINDS and row.unit not in device.units:
        raise ValueError(f"unit: '{row.unit}' is not a unit of {device.name}; one of {', '.join(device.units)} is expected")
    unit = device.units.get(row.unit, device.default_unit)
    asked = TYPES.get(row.dtype, row.dtype)
    known = asked in (*unit.dtypes, *WEIGHT_FORMATS) and _is_float(graph)
    dtype = asked if asked and known else nearest_dtype(unit, graph)
    graph = retype(graph, dtype) if dtype else graph
    threads = row.threads if unit.kind == "cpu" else None
    return estimate(
        lower(graph, device, layerwise_plan(graph, device, unit=unit.name, threads=threads, runtime=row.runtime or None))
    )


def _is_float(graph: Graph) -> bool:
    """True where inputs are real numbers, or tokens."""
    return all(tensor.dtype.startswith(("fp", "bf", "int64")) for tensor in graph.inputs)


def _memory(found: Estimate, kinds: tuple[str, ...]) -> float:
    return float(sum(use.peak_bytes for use in found.memory.values() if use.kind in kinds))


#: Metric -> its value in an estimate.
VALUES: dict[str, Callable[[Estimate, Measurement], float | None]] = {
    "latency_s": lambda found, row: found.latency_s,
    "energy_j": lambda found, row: found.energy_j,
    "power_w": lambda found, row: None if found.energy_j is None else found.energy_j / found.latency_s,
    "fps": lambda found, row: row.batch / found.latency_s,
    "tokens_per_s": lambda found, row: row.batch * (1 if row.phase == "decode" else row.context or 1) / found.latency_s,
    "sram_bytes": lambda found, row: _memory(found, SRAM),
    "flash_bytes": lambda found, row: _memory(found, ("flash",)),
    "memory_bytes": lambda found, row: _memory(found, ("dram", "external_ram")),
    "cycles": lambda found, row: sum(float(operator.details.get("cycles") or 0) for operator in found.operators) or None,
}


def predicted(row: Measurement) -> float | None:
    """Prediction of one row in the unit of its metric; ``None`` where the device's file does not say enough."""
    return predicted_with_interval(row)[0]


def predicted_with_interval(row: Measurement, added: Added = NOTHING_ADDED) -> tuple[float | None, tuple[float, float] | None]:
    """Prediction of one row and, where one was learnt, its 80 % interval: of latencies, and of the rates that follow from them."""
    value = VALUES.get(row.metric)
    if value is None:
        return None, None
    found = estimate_of(row, added)
    if found.latency_interval_s is None or row.metric not in ("latency_s", "fps", "tokens_per_s"):
        return value(found, row), None
    ends = [value(replace(found, latency_s=end), row) for end in found.latency_interval_s]
    low, high = sorted(end for end in ends if end is not None)
    return value(found, row), (low, high)
