"""Mappings of a systolic array as loop nests: scratchpad tiles in DRAM order, folds and the streamed loop beside the array.

The array sees a nest as the matrix product of its im2col form, and so does the loop nest: E are all output pixels (N*E*F), C is the
whole reduction (C*R*S). Folds cut these flattened loops where they are full, across channels and filter rows.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dataflows.array_nests import ArrayNests, array_nests
from dataflows.array_units import level, systolic_rates, systolic_shape
from dataflows.mapping import Loop, Mapping, MappingLevel
from dataflows.mapping_of_unit import ACCUMULATORS, ELEMENT, NETWORK, Accesses, UnitMapping, summed
from dataflows.systolic import (
    SYSTOLIC_DATAFLOWS,
    Folds,
    SystolicCounts,
    SystolicShape,
    ceil_div,
    cycles_by_timing,
    systolic_folds,
    tile_traffic,
)
from dataflows.systolic_lowering import chosen_counts
from dataflows.tables import TENSORS
from dataflows.unit_work import UnitSettings
from hwmodels.costs.array import systolic_prices
from hwmodels.device import ArrayUnit, Device
from workloads.graph import Graph
from workloads.loopnest import LoopNest, product_nest
from workloads.tables import GraphTables

#: Operand that rests in the elements, and those that move between them.
STAYS = {"ws": "weights", "os": "outputs", "is": "inputs"}

#: What the flattened loops step through.
MEANING = {"E": "output pixels (N*E*F)", "C": "reduction (C*R*S)"}

#: Loop laid on the rows, loop laid on the columns, loop streamed past.
LAID_OUT = {"ws": ("C", "M", "E"), "os": ("E", "M", "C"), "is": ("C", "E", "M")}

#: Tile of the scratchpad: images, output rows, output channels, input channels.
Tile = tuple[int, int, int, int]


def systolic_mappings(
    graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> dict[int, UnitMapping]:
    """Row of the operator -> how it runs; arguments as of ``lower_systolic``, whose counts these are."""
    nests, shape = array_nests(graph, tables, mine), systolic_shape(device, unit)
    names, counts, _ = chosen_counts(nests, shape, np.array(systolic_prices(systolic_rates(device, unit))), unit, settings)
    levels = (level(device, unit, 0).name, level(device, unit, -1).name)
    found = {}
    for operator in dict.fromkeys(nests.operator.tolist()):
        rows = np.flatnonzero(nests.operator == operator).tolist()
        main = max(rows, key=lambda i: int(counts.macs[i]))
        accesses = summed([accesses_of(nests, i, counts, names[i], levels) for i in rows])
        found[operator] = _described(nests, main, shape, counts, names[main], levels, len(rows), accesses, settings)
    return found


def _described(
    nests: ArrayNests, i: int, shape: SystolicShape, counts: SystolicCounts, dataflow: str, levels: tuple[str, str],
    number: int, accesses: Accesses, settings: UnitSettings,
) -> UnitMapping:  # fmt: skip
    tile, fits = tile_of(nests, i, shape, counts)
    folds = systolic_folds(SYSTOLIC_DATAFLOWS[dataflow], *product_of(nests, i), shape.rows, shape.columns, shape.macs)
    active = int(min(folds.row_extent, shape.rows) * min(folds.column_extent, shape.columns))
    mapping = loops_of(nests, i, shape, counts, dataflow, tile, levels)
    space = "DRAM traffic, over halvings of images, rows, filters and channels in the scratchpad tile"
    if settings.dataflow == "best":
        space += "; time, over the unit's dataflows"
    if not fits:
        space = "no tile fits into the scratchpad; the smallest was taken"
    return UnitMapping(
        mapping=mapping,
        dataflow=dataflow,
        parameters={
            "row_folds": int(folds.row_folds), "column_folds": int(folds.column_folds), "streamed": int(folds.streamed),
            "images": tile[0], "rows": tile[1], "filters": tile[2], "channels": tile[3],
        },
        held=_held(nests, i, shape, dataflow, tile, levels),
        meaning=MEANING,
        nests=number,
        accesses=accesses,
        word_bits=int(nests.input_bits[i]),
        active_pes=active,
        gap=0.0 if fits else None,
        space=space,
        notes=(
            *_notes(shape, mapping, active, bool(accesses[ACCUMULATORS]["outputs"][1])),
            *_timing_notes(nests, i, shape, dataflow, folds, settings.timing),
        ),
    )  # fmt: skip


def _notes(shape: SystolicShape, mapping: Mapping, active: int, partial: bool) -> tuple[str, ...]:
    notes = []
    spread = math.prod(loop.bound for loop in mapping.loops if loop.spatial)
    if spread < active * min(shape.macs, mapping.nest.extent("C")):
        notes.append(f"the tile is smaller than a fold; cycles and folds are counted of the whole product, on {active} elements")
    if partial:
        notes.append(f"{ACCUMULATORS} hold words of {shape.accumulator_bits} bit: sums that are not finished")
    return tuple(notes)


def _timing_notes(
    nests: ArrayNests, i: int, shape: SystolicShape, dataflow: str, folds: Folds, timing: str
) -> tuple[str, ...]:  # fmt: skip
    """Where the count of cycles differs from the common simulator's, and why; what an edge fold costs."""
    cycles = cycles_by_timing(nests, i, shape, SYSTOLIC_DATAFLOWS[dataflow])
    if timing == "reference":
        said = f"{cycles['reference']:,} cycles as the common simulator counts: every fold waits for the one before"
        notes = [f"{said}; {cycles['default']:,} where the next resident tile is shifted in while the present one streams"]
    else:
        said = f"{cycles['default']:,} cycles: the next resident tile is shifted in while the present one streams"
        notes = [f"{said}; {cycles['reference']:,} where every fold waits for the one before (--timing reference)"]
    sides = ((folds.row_extent, shape.rows, "rows"), (folds.column_extent, shape.columns, "columns"))
    edges = [f"{int(extent) % whole} of {whole} {axis}" for extent, whole, axis in sides if int(extent) % whole]
    if edges:
        notes.append(f"edge folds take a whole fold, in both counts, with {' and '.join(edges)} in use")
    return tuple(notes)


def product_of(nests: ArrayNests, i: int) -> tuple[int, int, int]:
    """Pixels, filters and reduction of the product that nest ``i`` is, of one group."""
    return (
        int(nests.N[i] * nests.E[i] * nests.F[i]),
        int(nests.M[i]),
        int(nests.C[i] * nests.R[i] * nests.S[i]),
    )


def product_form(nests: ArrayNests, i: int) -> LoopNest:
    """Nest ``i`` as the array sees it."""
    pixels, filters, reduction = product_of(nests, i)
    return product_nest(
        rows=pixels, columns=filters, reduction=reduction, tensors=("inputs", "weights", "outputs"), g=int(nests.G[i])
    )


def tile_of(nests: ArrayNests, i: int, shape: SystolicShape, counts: SystolicCounts) -> tuple[Tile, bool]:
    """The scratchpad tile that was priced, and whether it fits; images are halved before rows, the first of its traffic is it."""
    rows, filters, channels = int(counts.row_tile[i]), int(counts.filter_tile[i]), int(counts.channel_tile[i])
    groups = nests.G[i]
    priced = tuple(int(column[i]) for column in (counts.dram_input_bytes, counts.dram_weight_bytes, counts.dram_output_bytes))
    images = int(nests.N[i]) if rows == nests.E[i] else 1
    while True:
        held, *traffic = tile_traffic(nests, i, shape, images, rows, filters, channels)
        fits = bool(held <= shape.scratchpad_bytes)
        if images == 1 or (fits and tuple(int(groups * part) for part in traffic) == priced):
            return (images, rows, filters, channels), fits
        images = ceil_div(images, 2)


def loops_of(
    nests: ArrayNests, i: int, shape: SystolicShape, counts: SystolicCounts, dataflow: str, tile: Tile, levels: tuple[str, str]
) -> Mapping:  # fmt: skip
    """The loop nest of one product: tiles, folds, the streamed loop, what is spread."""
    images, rows, filters, channels = tile
    tile_sizes = {
        "E": int(images * rows * nests.F[i]), "M": filters, "C": int(channels * nests.R[i] * nests.S[i]),
    }  # fmt: skip
    steps = {
        "E": ceil_div(int(nests.N[i]), images) * ceil_div(int(nests.E[i]), rows),
        "M": ceil_div(int(nests.M[i]), filters),
        "C": ceil_div(int(nests.C[i]), channels),
    }
    once = int(nests.G[i] * nests.M[i] * nests.C[i] * nests.R[i] * nests.S[i] * nests.weight_bits[i])
    order = "MEC" if 8 * int(counts.dram_weight_bytes[i]) <= once + 8 * int(nests.G[i]) else "EMC"
    outer = (Loop("G", int(nests.G[i])), *(Loop(name, steps[name]) for name in order))
    return Mapping.build(product_form(nests, i), [
        MappingLevel(levels[1], TENSORS, outer),
        MappingLevel(levels[0], TENSORS, _fold_loops(shape, dataflow, tile_sizes)),
        MappingLevel(ELEMENT, (STAYS[dataflow],), ()),
    ])  # fmt: skip


def _fold_loops(shape: SystolicShape, dataflow: str, size: dict[str, int]) -> tuple[Loop, ...]:
    """Folds over columns and rows, the streamed loop, and what is laid on the array (table in ``systolic.py``)."""
    on_rows, on_columns, streamed = LAID_OUT[dataflow]
    depth = Loop("C", min(shape.macs, size["C"]), "rows")
    words = {name: ceil_div(bound, shape.macs) if name == "C" else bound for name, bound in size.items()}
    spread = [
        Loop(on_rows, min(shape.rows, words[on_rows]), "rows"),
        Loop(on_columns, min(shape.columns, words[on_columns]), "columns"),
    ]
    folds = [Loop(on_columns, ceil_div(words[on_columns], shape.columns)), Loop(on_rows, ceil_div(words[on_rows], shape.rows))]
    return (*folds, Loop(streamed, words[streamed]), *spread, depth)


def _held(
    nests: ArrayNests, i: int, shape: SystolicShape, dataflow: str, tile: Tile, levels: tuple[str, str]
) -> dict[str, dict[str, int]]:  # fmt: skip
    """Words held: the whole operands, one scratchpad tile (there is room for two), one word in an element."""
    images, rows, filters, channels = tile
    span = (nests.R[i] - 1) * nests.dilation_h[i] + 1
    tile_rows = min(nests.stored_rows[i], (rows - 1) * nests.stride_h[i] + span)
    outputs = int(nests.G[i] * nests.N[i] * nests.M[i] * nests.E[i] * nests.F[i])
    resident = shape.macs if dataflow != "os" else 1
    return {
        levels[1]: {
            "weights": int(nests.G[i] * nests.M[i] * nests.C[i] * nests.R[i] * nests.S[i]),
            "inputs": int(nests.G[i] * nests.N[i] * nests.C[i] * nests.stored_rows[i] * nests.stored_columns[i]),
            "outputs": outputs,
        },
        levels[0]: {
            "weights": int(filters * channels * nests.R[i] * nests.S[i]),
            "inputs": int(images * channels * tile_rows * nests.stored_columns[i]),
            "outputs": int(images * filters * rows * nests.F[i]),
        },
        ELEMENT: {STAYS[dataflow]: resident},
    }


def accesses_of(nests: ArrayNests, i: int, counts: SystolicCounts, dataflow: str, levels: tuple[str, str]) -> Accesses:
    """Words of ``input_bits`` that one product reads and writes, as ``systolic_lowering.energy_amounts`` counts them."""
    bits = int(nests.input_bits[i])

    def words(amount: float, width: float) -> int:
        return round(float(amount) * float(width) / bits)

    inputs, weights, outputs = (
        words(column[i], 8) for column in (counts.dram_input_bytes, counts.dram_weight_bytes, counts.dram_output_bytes)
    )
    finished = int(nests.N[i] * nests.G[i] * nests.M[i] * nests.E[i] * nests.F[i])
    macs = int(counts.macs[i])
    moving = [tensor for tensor in TENSORS if tensor != STAYS[dataflow]]
    return {
        levels[1]: {"weights": (weights, 0), "inputs": (inputs, 0), "outputs": (0, outputs)},
        levels[0]: {
            "weights": (words(counts.weight_reads[i], nests.weight_bits[i]), weights),
            "inputs": (words(counts.input_reads[i], bits), inputs),
            "outputs": (outputs, words(finished, nests.output_bits[i])),
        },
        ACCUMULATORS: {
            "weights": (0, 0), "inputs": (0, 0), "outputs": (int(counts.psum_reads[i]), int(counts.output_writes[i]) - finished),
        },
        NETWORK: {tensor: (macs if tensor in moving else 0, 0) for tensor in TENSORS},
        ELEMENT: {"weights": (macs, 0), "inputs": (macs, 0), "outputs": (0, macs)},
    }  # fmt: skip
