"""Mappings of a tile engine as loop nests: tiles of weights one after the other, the output pixels of a layer past each of them.

As on a systolic array the loops are those of the matrix product: E are all output pixels (N*E*F), C the whole reduction (C*R*S). A
layer with a filter per channel lays channels on the columns and takes its taps one after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dataflows.array_nests import ArrayNests, array_nests
from dataflows.array_units import level
from dataflows.mapping import Loop, Mapping, MappingLevel
from dataflows.mapping_of_systolic import MEANING, product_form, product_of
from dataflows.mapping_of_unit import ELEMENT, Accesses, UnitMapping, summed
from dataflows.systolic import ceil_div
from dataflows.tables import TENSORS
from dataflows.unit_work import UnitWork
from hwmodels.device import ArrayUnit, Device
from workloads.graph import Graph
from workloads.tables import KIND_CODE, GraphTables

SPACE = "nothing is chosen: the engine takes whole tiles in one order, and tiles of its buffer are not modelled"


def tile_engine_mappings(
    graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, work: UnitWork, mine: NDArray[np.bool_]
) -> dict[int, UnitMapping]:
    """Row of the operator -> how it runs; ``work`` is what ``lower_tile_engine`` made of it: it tells the weights streamed."""
    nests = array_nests(graph, tables, mine)
    levels = (level(device, unit, 0).name, level(device, unit, -1).name)
    found = {}
    for operator in dict.fromkeys(nests.operator.tolist()):
        rows = np.flatnonzero(nests.operator == operator).tolist()
        main = max(rows, key=lambda i: product_form(nests, i).volume)
        accesses = summed([buffer_words(nests, i, unit, levels) for i in rows])
        streamed = 8 * int(work.details[operator]["streamed_weight_bytes"]) / int(nests.input_bits[main])
        accesses[levels[1]]["weights"] = (round(streamed), 0)
        found[operator] = _described(nests, main, tables, unit, levels, int(work.details[operator]["folds"]), len(rows), accesses)
    return found


def buffer_words(nests: ArrayNests, i: int, unit: ArrayUnit, levels: tuple[str, str]) -> Accesses:
    """Words of the buffer beside the engine: inputs once per tile of filters, outputs once; DRAM is filled in by operator."""
    pixels, filters, reduction = product_of(nests, i)
    groups = int(nests.G[i])
    written = round(pixels * groups * filters * int(nests.output_bits[i]) / int(nests.input_bits[i]))
    return {
        levels[1]: dict.fromkeys(TENSORS, (0, 0)),
        levels[0]: {
            "weights": (0, 0),
            "inputs": (pixels * reduction * groups * ceil_div(filters, unit.columns), 0),
            "outputs": (0, written),
        },
    }  # fmt: skip


def _described(
    nests: ArrayNests, i: int, tables: GraphTables, unit: ArrayUnit, levels: tuple[str, str], folds: int, number: int,
    accesses: Accesses,
) -> UnitMapping:  # fmt: skip
    pixels, filters, reduction = product_of(nests, i)
    groups, rows = int(nests.G[i]), unit.rows * unit.macs_per_element
    depthwise = int(tables.operators.kind[nests.operator[i]]) == KIND_CODE["depthwise"]
    spread = _channels_spread(groups, filters, unit) if depthwise else [
        Loop("C", min(rows, reduction), "rows"), Loop("M", min(unit.columns, filters), "columns"),
    ]  # fmt: skip
    taken = {loop.loop: loop.bound for loop in spread}
    extents = {"G": groups, "M": filters, "C": reduction}
    tiles = [Loop(name, ceil_div(bound, taken.get(name, 1))) for name, bound in extents.items()]
    mapping = Mapping.build(product_form(nests, i), [
        MappingLevel(levels[1], TENSORS, ()),
        MappingLevel(levels[0], ("inputs", "outputs"), (*tiles, Loop("E", pixels), *spread)),
        MappingLevel(ELEMENT, ("weights",), ()),
    ])  # fmt: skip
    inputs = int(nests.N[i] * nests.G[i] * nests.C[i] * nests.stored_rows[i] * nests.stored_columns[i])
    whole = {"weights": groups * filters * reduction, "inputs": inputs, "outputs": groups * filters * pixels}
    parameters = {"tiles": folds, "rows": rows, "filters": unit.columns}
    active = int(np.prod([loop.bound for loop in spread]))
    held = {levels[1]: whole, levels[0]: whole, ELEMENT: {"weights": 1}}
    return UnitMapping(
        mapping, "ws", parameters, held, MEANING, number, accesses, int(nests.input_bits[i]), active, None, SPACE
    )  # fmt: skip


def _channels_spread(groups: int, filters: int, unit: ArrayUnit) -> list[Loop]:
    """Channels of a layer with a filter per channel, along the columns."""
    side = min(unit.columns, groups)
    return [Loop("G", side, "columns"), Loop("M", max(1, min(filters, unit.columns // side)), "columns")]
