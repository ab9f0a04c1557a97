"""What the time of a network on a GPU is a sum of: amounts per kind of kernel, per image and per run.

The kernel list and the counts are those of ``dataflows/gpu_kernels.py`` and ``dataflows/gpu_counts.py``; here they are only summed,
so that a fit needs no loop over kernels. Amounts that depend on an input grow with the batch; constants (weights, and what is made
of weights alone) are read once per run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataflows.gpu_counts import gpu_amounts, saturation, winograd_applies
from dataflows.gpu_kernels import (
    ATTENTION_KERNEL,
    DEPTHWISE_KERNEL,
    FULLY_CONNECTED_KERNEL,
    GROUPED_KERNEL,
    HEAD,
    MATRIX_FAMILIES,
    MATRIX_KERNEL,
    MEMORY_KERNEL,
    NONE,
    PRODUCT_KERNEL,
    STREAM_KERNEL,
    input_dependent,
    kernel_list,
)
from hwmodels.costs.gpu import TERM_NAMES, gpu_parameters
from hwmodels.device import GpuUnit
from hwmodels.runtime import Runtime
from workloads.graph import Graph
from workloads.tables import GraphTables, graph_tables

Floats = NDArray[np.float64]

#: Totals of a network besides its matrix kernels, per image unless ``run`` is said.
TOTALS = (
    "attention_flop", "depthwise_flop", "stream_bytes", "depthwise_bytes", "memory_bytes", "copied_bytes", "constant_bytes_per_run",
    "launches_per_run", "matrix_launches_per_run", "heads_per_run", "macs", "activations",
)  # fmt: skip

#: Kinds of matrix kernels that are kept apart, in the order of their codes.
MATRIX_KINDS = ("matrix", "winograd", "grouped", "product", "fully_connected")


@dataclass(frozen=True)
class Features:
    """Amounts of one network under one runtime.

    Attributes
    ----------
    totals : float array
        In the order of :data:`TOTALS`.
    kinds, channels, reductions : float arrays
        Per distinct matrix kernel: index into :data:`MATRIX_KINDS`, output channels and reduction length of one group.
    flop : float array
        Operations of the kernels of that shape per image.
    rows : float array
        Output rows (pixels or tokens) of one kernel per image; what a wave of tiles is cut from.
    counts : float array
        Kernels of that shape.
    """

    totals: Floats
    kinds: Floats
    channels: Floats
    reductions: Floats
    flop: Floats
    rows: Floats
    counts: Floats


def features(graph: Graph, runtime: Runtime, tables: GraphTables | None = None) -> Features:
    """Amounts of a graph whose leading size is ``settings["batch"]`` images."""
    tables = tables if tables is not None else graph_tables(graph)
    images = int(graph.settings.get("batch") or 1)
    everything = np.ones(len(graph), dtype=bool)
    listed = kernel_list(graph, tables, runtime, everything)
    kernels, operators = listed.kernels, tables.operators
    moved = (kernels.read_bytes + kernels.written_bytes) / images
    family = kernels.family
    attention = [2.0 * _macs(tables, i, 0) for i in map(int, np.flatnonzero(family == ATTENTION_KERNEL))]
    convolutions = np.isin(family, [kind for kind in MATRIX_FAMILIES if kind != ATTENTION_KERNEL])
    streams = [kind for kind in MATRIX_FAMILIES if kind != DEPTHWISE_KERNEL]

    def total(column: NDArray[Any], *families: int) -> float:
        return float(column[np.isin(family, families)].sum())

    totals = np.array([
        sum(attention) / images,
        2.0 * total(operators.macs, DEPTHWISE_KERNEL) / images,
        total(moved, STREAM_KERNEL, *streams),
        total(moved, DEPTHWISE_KERNEL),
        total(moved, MEMORY_KERNEL, HEAD),
        float(kernels.copied_bytes.sum()) / images,
        float(kernels.weight_bytes.sum()),
        float(kernels.launches.sum()),
        float(np.isin(family, MATRIX_FAMILIES).sum()),
        float((family == HEAD).sum()),
        float(operators.macs.sum()) / images,
        float(operators.output_elements[convolutions].sum()) / images,
    ])  # fmt: skip
    return Features(totals, *_matrix_kernels(graph, tables, family, images))


#: Family of a kernel -> index into :data:`MATRIX_KINDS`; Winograd is told by shape.
_MATRIX_KIND = {MATRIX_KERNEL: 0, GROUPED_KERNEL: 2, PRODUCT_KERNEL: 3, FULLY_CONNECTED_KERNEL: 4}


def _macs(tables: GraphTables, i: int, constant: int) -> float:
    """MACs of the nests of an operator with or without a constant operand."""
    nests, first = tables.nests, tables.operators.first_nest[i]
    return float(sum(
        nests.N[j] * nests.G[j] * nests.M[j] * nests.E[j] * nests.F[j] * nests.C[j] * nests.R[j] * nests.S[j]
        for j in range(first, first + tables.operators.nests[i]) if nests.constant_weights[j] == constant
    ))  # fmt: skip


def _matrix_kernels(graph: Graph, tables: GraphTables, family: NDArray[np.int64], images: int) -> tuple[Floats, ...]:
    """Distinct shapes of matrix kernels and their operations."""
    nests, operators = tables.nests, tables.operators
    dependent = input_dependent(graph)
    shapes: dict[tuple[int, int, int, int], list[float]] = {}
    for i in map(int, np.flatnonzero(np.isin(family, (*_MATRIX_KIND, ATTENTION_KERNEL)))):
        kind = _MATRIX_KIND.get(int(family[i]), MATRIX_KINDS.index("product"))
        kind = 1 if kind == 0 and winograd_applies(operators, nests, i) else kind
        if graph.operators[i].outputs[0] not in dependent:
            continue
        for j in range(operators.first_nest[i], operators.first_nest[i] + operators.nests[i]):
            if family[i] == ATTENTION_KERNEL and not nests.constant_weights[j]:
                continue
            reduction = int(nests.C[j] * nests.R[j] * nests.S[j])
            rows = int(nests.N[j] * nests.E[j] * nests.F[j])
            entry = shapes.setdefault((kind, int(nests.M[j]), reduction, rows), [0.0, 0.0])
            entry[0] += 2.0 * rows * float(nests.G[j] * nests.M[j]) * reduction / images
            entry[1] += 1.0
    if not shapes:
        return tuple(np.zeros(0) for _ in range(6))
    keys, values = np.array(list(shapes), dtype=float), np.array(list(shapes.values()))
    return keys[:, 0], keys[:, 1], keys[:, 2], values[:, 0], keys[:, 3] / images, values[:, 1]


def term_amounts(graph: Graph, runtime: Runtime) -> Floats:
    """Amounts of all terms of a graph, in the order of ``hwmodels.costs.gpu.TERM_NAMES``, on a GPU that is as fast for all types."""
    tables = graph_tables(graph)
    listed = kernel_list(graph, tables, runtime, np.ones(len(graph), dtype=bool))
    unit = GpuUnit("gpu", "gpu", 1.0, ("fp16",), "sum", None, ("dram",), ("dram",), vector_flop_per_s=1.0)
    parameters = gpu_parameters(unit, runtime)
    total, amounts = np.zeros(len(TERM_NAMES)), np.zeros(len(TERM_NAMES))
    traffic = np.zeros((1, 2), dtype=np.int64)
    for i in map(int, np.flatnonzero(listed.kernels.family != NONE)):
        gpu_amounts(listed.operators, tables.nests, i, parameters, listed.kernels, amounts, traffic)
        total += amounts
    return total


@dataclass(frozen=True)
class _Saturating:
    """The two numbers that :func:`dataflows.gpu_counts.saturation` reads."""

    half_channels: float
    half_reduction: float


COLUMNS = ("kinds", "channels", "reductions", "flop", "rows", "counts")


@dataclass(frozen=True)
class Stack:
    """Amounts of many networks as columns.

    Attributes
    ----------
    totals : float array, networks x totals
    owner : int array
        Network of each matrix kernel.
    kinds, channels, reductions, flop, rows, counts : float arrays
        Of all matrix kernels behind each other.
    """

    totals: Floats
    owner: NDArray[np.int64]
    kinds: Floats
    channels: Floats
    reductions: Floats
    flop: Floats
    rows: Floats
    counts: Floats
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, parts: Sequence[Features], names: Sequence[str] = ()) -> Stack:
        """Networks behind each other."""
        owner = np.repeat(np.arange(len(parts)), [len(part.flop) for part in parts])
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
        return cls(np.array([part.totals for part in parts]), owner, **columns, names=tuple(names))

    def total(self, name: str) -> Floats:
        """One column of totals."""
        return self.totals[:, TOTALS.index(name)]

    def matrix_flop(self, kind: str, half_channels: float, half_reduction: float) -> Floats:
        """Operations of the kernels of one kind, each divided by its saturation, per image and network."""
        chosen = self.kinds == MATRIX_KINDS.index(kind)
        u = saturation(self.channels[chosen], self.reductions[chosen], _Saturating(half_channels, half_reduction))  # type: ignore[arg-type]
        return np.bincount(self.owner[chosen], weights=self.flop[chosen] / u, minlength=len(self.totals)).astype(np.float64)
