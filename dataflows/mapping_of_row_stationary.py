"""Mappings n m e p q r t of a row-stationary array as loop nests.

Strips, groups of filters and of channels run between DRAM and the buffer; a pass runs its images and columns between the buffer and
the array, over which filter rows, output rows and sets are spread; an element interleaves p filters, q channels and S columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dataflows.array_nests import ArrayNests, array_nests
from dataflows.array_units import level, row_stationary_array
from dataflows.mapping import Loop, Mapping, MappingLevel
from dataflows.mapping_of_unit import ELEMENT, NETWORK, Accesses, UnitMapping, summed
from dataflows.row_stationary import (
    RowStationaryArray,
    RowStationaryCounts,
    mapping_objective,
    row_stationary_counts,
    strip_height,
)
from dataflows.row_stationary_lowering import energy_amounts
from dataflows.row_stationary_search import LayerMapping, map_nests, searched
from dataflows.systolic import ceil_div
from dataflows.tables import TENSORS
from dataflows.unit_work import UnitSettings
from hwmodels.device import ArrayUnit, Device
from workloads.graph import Graph
from workloads.loopnest import LoopNest, convolution_nest
from workloads.tables import GraphTables

SPACE = "(200 DRAM + 6 buffer + 2 array words)^2 * cycles, over every divisor mapping with balanced strips"
BEYOND = "the given mapping is better by the array's rule than every divisor mapping with balanced strips"


def row_stationary_mappings(
    graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> dict[int, UnitMapping]:
    """Row of the operator -> how it runs; arguments as of ``lower_row_stationary``, whose counts these are."""
    array, nests = row_stationary_array(device, unit), array_nests(graph, tables, mine)
    names = [graph.operators[i].name for i in nests.operator]
    layers = map_nests(nests, array, names, settings.mappings)
    levels = (level(device, unit, 0).name, level(device, unit, -1).name)
    found = {}
    for operator in dict.fromkeys(nests.operator.tolist()):
        rows = np.flatnonzero(nests.operator == operator).tolist()
        zeros = float(settings.mappings.get(graph.operators[operator].name, {}).get("input_zero_share", 0.0))
        main = max(rows, key=lambda i: int(layers[i].nest.macs))
        accesses = summed([accesses_of(layers[i], array, zeros, levels) for i in rows])
        found[operator] = _described(nests, main, layers[main], array, levels, len(rows), accesses, unit.word_bits)
    return found


def _described(
    nests: ArrayNests, i: int, layer: LayerMapping, array: RowStationaryArray, levels: tuple[str, str], number: int,
    accesses: Accesses, word_bits: int,
) -> UnitMapping:  # fmt: skip
    gap, space = gap_of(layer, array)
    cut = int(nests.C[i]) < layer.nest.C
    return UnitMapping(
        mapping=loops_of(nests, i, layer, array, levels),
        dataflow="rs",
        parameters={name: int(value) for name, value in layer.mapping._asdict().items()},
        held=_held(nests, i, layer, levels),
        meaning={"C": "channels times filter pieces"} if cut else {},
        nests=number,
        accesses=accesses,
        word_bits=word_bits,
        active_pes=int(_counts(layer, array).active),
        gap=gap,
        space=space,
        notes=_notes(layer, array, levels),
    )


def _notes(layer: LayerMapping, array: RowStationaryArray, levels: tuple[str, str]) -> tuple[str, ...]:
    filled = f"words that arrive in {levels[0]} from {levels[1]} are no accesses of {levels[0]}, as the chip's authors count"
    e = layer.mapping.e
    if e <= array.columns:
        return (filled,)
    segments = ceil_div(e, array.columns)
    return (f"{e} columns are {segments} segments below each other on an array of {array.columns} columns", filled)


def _counts(layer: LayerMapping, array: RowStationaryArray) -> RowStationaryCounts:
    return RowStationaryCounts(*row_stationary_counts(layer.nest, array, layer.mapping))


def gap_of(layer: LayerMapping, array: RowStationaryArray) -> tuple[float | None, str]:
    """1 - best objective / objective: 0 for a searched mapping, as all were rated; for a given one the whole space is rated too."""
    if layer.searched:
        return 0.0, SPACE
    objective = float(mapping_objective(layer.nest, array, _counts(layer, array)))
    best = searched(layer.nest, array)[1]
    if best < 0.0 or best > objective:
        return None, BEYOND
    return 1.0 - best / objective, SPACE


def array_form(nests: ArrayNests, i: int, layer: LayerMapping) -> LoopNest:
    """Nest ``i`` as the array sees it: pieces of filters too large for it count as channels."""
    nest = layer.nest
    return convolution_nest(
        n=nest.N, g=nest.G, m=nest.M, c=nest.C, output=(nest.E, int(nests.F[i])), kernel=(nest.R, nest.S),
        stride=(nest.stride, int(nests.stride_w[i])), dilation=(int(nests.dilation_h[i]), int(nests.dilation_w[i])),
        tensors=("inputs", "weights", "outputs"),
    )  # fmt: skip


def loops_of(
    nests: ArrayNests, i: int, layer: LayerMapping, array: RowStationaryArray, levels: tuple[str, str]
) -> Mapping:  # fmt: skip
    """The loop nest of one mapping."""
    nest, (n, m, e, p, q, r, t) = layer.nest, layer.mapping
    outer = {
        "F": nest.column_pieces, "G": nest.G, "N": ceil_div(nest.N, n), "E": ceil_div(nest.E, e),
        "M": ceil_div(nest.M, m), "C": ceil_div(nest.C, q * r),
    }  # fmt: skip
    passes = (Loop("M", ceil_div(m, p * t)), Loop("N", n), Loop("F", nest.F))
    return Mapping.build(array_form(nests, i, layer), [
        MappingLevel(levels[1], TENSORS, tuple(Loop(name, bound) for name, bound in outer.items())),
        MappingLevel(levels[0], ("inputs", "outputs"), (*passes, *_spread(nest.R, layer, array))),
        MappingLevel(ELEMENT, TENSORS, (Loop("M", p), Loop("C", q), Loop("S", nest.S))),
    ])  # fmt: skip


def _spread(filter_rows: int, layer: LayerMapping, array: RowStationaryArray) -> tuple[Loop, ...]:
    """Sets of R x e elements on the array: those of other channels rather above each other, those of other filters beside.

    A strip wider than the array is cut into segments that lie below each other; its loop is still written along the columns.
    """
    e, r, t = layer.mapping.e, layer.mapping.r, layer.mapping.t
    above, beside = array.rows // filter_rows, max(1, array.columns // e)
    rows_r, rows_t = next(
        ((a, b) for a, b in _factors(r, t) if a * b <= above and (r // a) * (t // b) <= beside),
        (r, t),  # sets that fill the array without being a rectangle of sets
    )
    return (
        Loop("C", rows_r, "rows"), Loop("M", rows_t, "rows"), Loop("R", filter_rows, "rows"),
        Loop("C", r // rows_r, "columns"), Loop("M", t // rows_t, "columns"), Loop("E", e, "columns"),
    )  # fmt: skip


def _factors(r: int, t: int) -> Iterator[tuple[int, int]]:
    """Divisors of r and of t, those with large ones first.

    >>> list(_factors(2, 2))
    [(2, 2), (2, 1), (1, 2), (1, 1)]
    """
    for a in range(r, 0, -1):
        for b in range(t, 0, -1):
            if r % a == 0 and t % b == 0:
                yield a, b


def _held(nests: ArrayNests, i: int, layer: LayerMapping, levels: tuple[str, str]) -> dict[str, dict[str, int]]:
    """Words held: whole operands; inputs and sums of a pass, whose filters pass the buffer by; the scratchpads of an element."""
    nest, (n, m, e, p, q, r, _) = layer.nest, layer.mapping
    return {
        levels[1]: {
            "weights": nest.filter_size * nest.G,
            "inputs": nest.N * nest.G * int(nests.C[i]) * nest.stored_rows * nest.stored_columns,
            "outputs": nest.N * nest.G * nest.M * nest.E * int(nests.F[i]),
        },
        levels[0]: {"inputs": n * q * r * int(strip_height(nest, e)) * nest.width, "outputs": n * m * e * nest.F},
        ELEMENT: {"weights": p * q * nest.S, "inputs": q * nest.S, "outputs": p},
    }


def accesses_of(layer: LayerMapping, array: RowStationaryArray, zeros: float, levels: tuple[str, str]) -> Accesses:
    """Words one nest reads and writes, as ``row_stationary_lowering.energy_amounts`` counts them.

    The counts hold no fills of the buffer: words that arrive from DRAM are counted there, as the chip's authors do. Of the sums in
    an element the model counts two accesses of each MAC that is not gated, one of them a read, and one more of every MAC.
    """
    counts = _counts(layer, array)
    amounts = energy_amounts(layer, counts, array, zeros)
    busy, macs, sums = round(amounts[2]), round(amounts[3]), round(amounts[4])
    weights, inputs, hops = (round(part) for part in network_words(layer, counts))
    psums = round(counts.buffer_psums)
    return {
        levels[1]: {
            "weights": (round(counts.dram_weights), 0), "inputs": (round(counts.dram_inputs), 0),
            "outputs": (0, round(counts.dram_outputs)),
        },
        levels[0]: {"weights": (0, 0), "inputs": (round(counts.buffer_inputs), 0), "outputs": (psums, psums)},
        NETWORK: {"weights": (weights, 0), "inputs": (inputs, 0), "outputs": (hops, 0)},
        ELEMENT: {"weights": (busy, 0), "inputs": (macs, 0), "outputs": (busy, sums - busy)},
    }  # fmt: skip


def network_words(layer: LayerMapping, counts: RowStationaryCounts) -> tuple[float, float, float]:
    """Filter words and input words delivered to elements, and hops of partial sums; together ``array_words`` of the counts."""
    nest, (n, _, e, p, q, r, t) = layer.nest, layer.mapping
    weights = p * q * nest.S * nest.R * r * t * e
    inputs = nest.R * e * r * t * n * q * nest.width
    hops = n * p * t * e * nest.F * (nest.R * r - 1)
    return counts.passes * float(weights), counts.passes * float(inputs), counts.passes * float(hops)
