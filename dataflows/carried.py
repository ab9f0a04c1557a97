"""Memory traffic of operators that are run depth first: what lies between them stays in the cache or the scratchpad where it fits.

Held between the strips are the rows that are kept, the tensors of the strip at hand and, if there is room, the weights of the stage.
From the memory behind come then the rows of the stage's input that no strip has read, its weights (once, or once per strip), and what
other units wrote; its output goes there. On a CPU these bytes count by the share its caches lose between two inferences, as its other
bytes do. Where the rows do not fit, the traffic is that of the single operators, and never less than these bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dataflows.array_units import level
from dataflows.cpu_layer import layer_of
from dataflows.grouping import absorbed, written_by
from dataflows.unit_work import UnitWork
from hwmodels.costs.cpu import TERM_NAMES, CpuParameters
from hwmodels.device import ArrayUnit, ComputeUnit, Device
from workloads.graph import Graph

#: Kinds of units whose last level is a memory behind a cache or scratchpad, read for activations and weights.
CACHED_KINDS = ("cpu", "systolic", "row_stationary", "spatial")
READ, WRITTEN = range(2)


@dataclass(frozen=True)
class Passing:
    """Bytes that one operator of a strip must move to and from the memory behind [B]."""

    read: float
    written: float
    weights: float
    first: bool  # the first strip that needs these weights


def carried(work: UnitWork, graph: Graph, device: Device, unit: ComputeUnit, mine: NDArray[np.bool_]) -> UnitWork:
    """The work of a unit whose operators are run depth first; as it is for other networks and units without a cache."""
    if "depth_first" not in graph.settings or work.kind not in CACHED_KINDS or not _has_dram(device, unit):
        return work
    sizes = _Sizes(work, graph)
    passing = _passing(graph, work, sizes, mine)
    if not passing:
        return work
    capacity = capacity_of(work, device, unit)
    held = sizes.largest * held_elements(graph)
    weights = sum(p.weights for p in passing.values() if p.first)
    fits, all_fits = held <= capacity, held + weights <= capacity
    amounts, traffic, energy = work.amounts.copy(), work.traffic.copy(), work.energy_amounts.copy()
    for i, own in passing.items():
        least = own.read + (own.weights if own.first or (fits and not all_fits) else 0.0), own.written
        counted = work.traffic[i, -1].astype(float)
        changed = np.array(least) if fits else np.maximum(counted, least)
        _put(work, i, counted, changed, amounts[i], energy[i])
        traffic[i, -1] = np.round(changed)
    return replace(work, amounts=amounts, traffic=traffic, energy_amounts=energy, counted=None)


def _has_dram(device: Device, unit: ComputeUnit) -> bool:
    return not isinstance(unit, ArrayUnit) or level(device, unit, -1).kind == "dram"


def capacity_of(work: UnitWork, device: Device, unit: ComputeUnit) -> float:
    """Bytes of the last-level cache of a CPU, or of the memory beside an array [B]."""
    if isinstance(work.parameters, CpuParameters):
        return work.parameters.last_level_bytes
    held = level(device, unit, 0).capacity_bytes if isinstance(unit, ArrayUnit) else 0
    return float("inf") if held is None else float(held)


def joined_storages(graph: Graph) -> dict[str, str]:
    """Tensor -> the tensor whose place it shares: windows of what the stage computes, and parts of what is put together."""
    root = {name: name for name in graph.tensors}

    def find(name: str) -> str:
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    for operator in graph.operators:
        if operator.op == "Assemble" or operator.op == "Window" and operator.inputs[0] in graph.producer:
            for name in operator.inputs:
                root[find(name)] = find(operator.outputs[0])
    return {name: find(name) for name in graph.tensors}


def held_elements(graph: Graph) -> int:
    """Elements of the stage that are held at once: buffers of rows and tensors of a strip, without its input and its output."""
    storages = joined_storages(graph)
    outside = {storages[t.name] for t in graph.tensors.values() if t.role != "activation"} | _ends(graph, storages)
    spans: dict[str, list[int]] = {}
    for i, operator in enumerate(graph.operators):
        if not in_stage(graph, i):
            continue
        for name in (*operator.inputs, *operator.outputs):
            if name and graph.tensors[name].role == "activation" and storages[name] not in outside:
                span = spans.setdefault(storages[name], [i, i, 0])
                span[1], span[2] = i, max(span[2], graph.tensors[name].elements)
    change = np.zeros(len(graph.operators) + 1, dtype=np.int64)
    for first, last, size in spans.values():
        change[first] += size
        change[last + 1] -= size
    return int(np.cumsum(change).max(initial=0))


def in_stage(graph: Graph, i: int) -> bool:
    """True for a tile of an operator, and for what puts tiles together or takes a window of what is held."""
    operator = graph.operators[i]
    return "tile_of" in operator.attributes or operator.op in ("Window", "Assemble")


def _ends(graph: Graph, storages: dict[str, str]) -> set[str]:
    """Storages that operators outside the stage read, or that are results."""
    return {
        storages[name] for i, operator in enumerate(graph.operators) if not in_stage(graph, i) for name in operator.inputs if name
    }


class _Sizes:
    """Bytes per element and what the caches lose, as the unit's own counts have them."""

    def __init__(self, work: UnitWork, graph: Graph) -> None:
        self.work, self.graph = work, graph
        self.cpu = isinstance(work.parameters, CpuParameters) and work.counted is not None
        activations = [t for t in graph.tensors.values() if t.role == "activation"]
        self.largest = 4.0 if self.cpu else max((t.bytes / t.elements for t in activations), default=1.0)

    def of(self, i: int) -> tuple[float | None, float, float]:
        """Bytes per activation element (None: the tensor's own), weight bytes, and the share that is not there any more."""
        counted = self.work.counted
        if self.cpu and counted is not None:
            layer = layer_of(counted.operators, i, self.work.parameters, counted.network)
            return layer.element_bytes, layer.weight_bytes, layer.missing
        names = dict.fromkeys(self.graph.operators[i].inputs)
        return None, sum(self.graph.tensors[n].bytes for n in names if n and self.graph.tensors[n].role == "weight"), 1.0


def _passing(graph: Graph, work: UnitWork, sizes: _Sizes, mine: NDArray[np.bool_]) -> dict[int, Passing]:
    """What every operator of the stage that the unit runs must move."""
    storages, into = joined_storages(graph), absorbed(work, graph)
    ends = _ends(graph, storages) | {storages[t.name] for t in graph.outputs}
    runs = [i for i in range(len(graph.operators)) if "tile_of" in graph.operators[i].attributes]
    away = {storages[n] for i in runs if not mine[i] for n in (*graph.operators[i].inputs, *graph.operators[i].outputs) if n}
    known: set[object] = set()
    found: dict[int, Passing] = {}
    coming = 0
    reached: dict[object, int] = {}
    for i, operator in enumerate(graph.operators):
        if operator.op == "Window" and operator.inputs[0] not in graph.producer:
            coming += _new_elements(graph, i, reached)
        if "tile_of" not in operator.attributes or not mine[i] or i in into:
            continue
        element, weights, lost = sizes.of(i)
        direct = [n for n in dict.fromkeys(operator.inputs) if n and graph.tensors[n].role != "weight"]
        whole = [n for n in direct if storages[n] in away or n not in graph.producer]
        read = coming + sum(graph.tensors[n].elements for n in whole)
        coming = 0
        written = [written_by(graph, i, n, into) for n in operator.outputs]
        out = sum(graph.tensors[n].elements for n in written if storages[n] in ends | away)
        size = element if element is not None else graph.tensors[written[0]].bytes / graph.tensors[written[0]].elements
        first = operator.attributes["tile_of"] not in known
        known.add(operator.attributes["tile_of"])
        found[i] = Passing(read * size * lost, out * size * lost, weights * lost, first)
    return found


def _new_elements(graph: Graph, i: int, reached: dict[object, int]) -> int:
    """Elements of a window of the stage's input that no strip of the same columns has read."""
    operator = graph.operators[i]
    (row, column), (rows, columns) = operator.attributes["starts"], operator.attributes["sizes"]
    key = operator.inputs[0], column, columns
    fresh = max(0, row + rows - max(row, reached.get(key, 0)))
    reached[key] = max(row + rows, reached.get(key, 0))
    return graph.tensors[operator.outputs[0]].elements * fresh // rows


def _put(
    work: UnitWork, i: int, counted: NDArray[np.float64], changed: NDArray[np.float64], amounts: NDArray[np.float64],
    energy: NDArray[np.float64],
) -> None:  # fmt: skip
    """Time and energy of the bytes that are moved in place of those that were counted."""
    before, after = float(counted.sum()), float(changed.sum())
    for t, term in enumerate(work.terms):
        if term.phase == work.levels[-1] and term.amount_unit == "B":
            if isinstance(work.parameters, CpuParameters):
                amounts[t] = after / (work.parameters.threads if TERM_NAMES[t] == "dram_core" else 1)
            else:
                amounts[t] = amounts[t] * after / before if before else after
    for t, term in enumerate(work.energy_terms):
        if term.phase == work.levels[-1] and term.amount_unit == "B":
            side = WRITTEN if term.name == "outputs" else READ
            energy[t] = energy[t] * changed[side] / counted[side] if counted[side] else 0.0
