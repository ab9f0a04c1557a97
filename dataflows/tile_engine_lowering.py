"""Work of a tile engine: amounts of every operator it runs, their prices, traffic and energy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataflows.array_nests import ArrayNests, array_nests
from dataflows.array_terms import tile_engine_energy_terms, tile_engine_terms
from dataflows.array_units import (
    chosen_dataflow,
    done_on_the_way_out,
    element_operations,
    joined_details,
    joined_operations,
    level,
    memory_joules,
    off_chip,
    sum_rows,
)
from dataflows.tile_engine import TileCounts, parameter, streamed_bytes, tile_counts, tile_engine_rates
from dataflows.unit_work import UnitSettings, UnitWork
from hwmodels.costs.array import late_weight_bytes, tile_engine_prices
from hwmodels.costs.use import cycles_of
from hwmodels.device import ArrayUnit, Device
from workloads.graph import Graph
from workloads.tables import KIND_CODE, GraphTables

Floats = NDArray[np.float64]


def lower_tile_engine(
    graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> UnitWork:
    """Terms, amounts and prices of the operators marked in ``mine``.

    Weights are streamed in the order of the operators; how much of that is late depends on how long the operators before computed.

    Raises
    ------
    MappingError
        A dataflow the unit does not do, a parameter it does not have, a unit without levels.
    """
    chosen_dataflow(unit, settings)
    nests, rates = array_nests(graph, tables, mine), tile_engine_rates(device, unit, settings.runtime)
    depthwise = tables.operators.kind[nests.operator] == KIND_CODE["depthwise"]
    counts = tile_counts(nests, depthwise, unit.rows * unit.macs_per_element, unit.columns, parameter(unit, "tile_load_cycles"))
    joined = done_on_the_way_out(graph, tables, unit, mine)
    prices = np.array(tile_engine_prices(rates))
    streamed = _streamed(tables, unit, counts, nests, mine)
    amounts = _amounts(tables, unit, counts, nests, mine)
    busy = (amounts[:, :3] @ prices[:3]).tolist()
    amounts[:, 4] = late_weight_bytes(streamed.tolist(), busy, rates, unit.join == "max")
    buffer, dram = level(device, unit, 0).name, level(device, unit, -1).name
    kept = energy_kept(device, unit)
    terms = tile_engine_energy_terms(dram)
    energy = energy_amounts(tables, unit, counts, nests, amounts, joined)
    energy[:, 3] = streamed
    return UnitWork(
        unit=unit.name, kind=unit.kind, join=unit.join, terms=tile_engine_terms(dram), parameters=rates, amounts=amounts,
        levels=(buffer, dram), traffic=_traffic(nests, counts, unit, streamed), prices=prices,
        energy_terms=tuple(terms[k] for k in kept), energy_amounts=energy[:, kept], energy_prices=energy_prices(device, unit)[kept],
        details={**_details(nests, counts, unit, streamed, busy), **joined_details(graph, joined)},
    )  # fmt: skip


def _amounts(tables: GraphTables, unit: ArrayUnit, counts: TileCounts, nests: ArrayNests, mine: NDArray[np.bool_]) -> Floats:
    """Amounts of the time terms, all but the late weights."""
    operators = len(tables.operators.kind)
    per_nest = np.zeros((len(nests.N), 5))
    per_nest[:, 0], per_nest[:, 1] = counts.cycles, counts.depthwise_cycles
    amounts = sum_rows(per_nest, nests.operator, operators)
    amounts[:, 2] = element_operations(tables, unit, mine)
    if len(nests.operator):
        amounts[nests.operator.min(), 3] = 1.0
    return amounts


def _streamed(tables: GraphTables, unit: ArrayUnit, counts: TileCounts, nests: ArrayNests, mine: NDArray[np.bool_]) -> Floats:
    """Weight bytes of each operator that come from outside in every run."""
    weights = np.where(mine, tables.operators.weight_bytes, 0).astype(np.float64)
    if parameter(unit, "whole_tiles"):
        whole = sum_rows(counts.tile_bytes[:, None], nests.operator, len(weights))[:, 0]
        weights = np.where(weights > 0, whole, 0.0)
    return streamed_bytes(weights, parameter(unit, "resident_weights"), parameter(unit, "weight_compression"))


def energy_kept(device: Device, unit: ArrayUnit) -> list[int]:
    """Energy terms that count: none where the file gives no energy of a MAC (then power goes by time), runs where it gives one,
    streaming where the device's scope is more than the chip."""
    if unit.mac_energy_j is None:
        return []
    return [*([0] if "run" in unit.energies_j else []), 1, 2, *([3] if off_chip(device) else [])]


def energy_amounts(
    tables: GraphTables, unit: ArrayUnit, counts: TileCounts, nests: ArrayNests, amounts: Floats, joined: Mapping[int, int]
) -> Floats:
    """Amounts of the energy terms but for the streamed bytes, in the order of ``tile_engine_energy_terms``."""
    energy = np.zeros((len(amounts), 4))
    energy[:, 0] = amounts[:, 3]
    energy[:, 1] = sum_rows(counts.macs[:, None], nests.operator, len(amounts))[:, 0]
    energy[:, 2] = amounts[:, 2] + joined_operations(tables, unit, joined)
    return energy


def energy_prices(device: Device, unit: ArrayUnit) -> Floats:
    """Joules per unit amount of the energy terms; NaN where the file does not say."""
    mac = math.nan if unit.mac_energy_j is None else unit.mac_energy_j
    run = unit.energies_j.get("run", math.nan)
    read, _ = memory_joules(level(device, unit, -1))
    return np.array([run, mac, unit.energies_j.get("vector", mac), read])


def _traffic(nests: ArrayNests, counts: TileCounts, unit: ArrayUnit, streamed: Floats) -> NDArray[np.int64]:
    """Bytes of the buffer beside the engine (inputs once per tile of filters, outputs once) and of the memory weights come from."""
    pixels, reduction = nests.N * nests.E * nests.F, nests.R * nests.S * nests.C
    read = pixels * reduction * nests.G * -(-nests.M // unit.columns) * nests.input_bits / 8.0
    written = pixels * nests.G * nests.M * nests.output_bits / 8.0
    sums = sum_rows(np.stack([read, written], axis=1), nests.operator, len(streamed))
    traffic = np.zeros((len(streamed), 2, 2), dtype=np.int64)
    traffic[:, 0, :] = sums
    traffic[:, 1, 0] = np.round(streamed)
    return traffic


def _details(
    nests: ArrayNests, counts: TileCounts, unit: ArrayUnit, streamed: Floats, busy: list[float]
) -> dict[int, Mapping[str, Any]]:
    """Per operator: cycles spent, utilization, tiles, and weight bytes streamed."""
    multipliers = unit.rows * unit.columns * unit.macs_per_element
    details: dict[int, Mapping[str, Any]] = {}
    for operator in dict.fromkeys(nests.operator.tolist()):
        rows = nests.operator == operator
        cycles = cycles_of(busy[operator], unit.frequency_hz)
        details[operator] = {
            "cycles": cycles,
            "utilization": float(counts.macs[rows].sum()) / (multipliers * cycles),
            "dataflow": "ws",
            "folds": int(counts.tiles[rows].sum()),
            "streamed_weight_bytes": round(float(streamed[operator])),
            "mapping": {"rows": unit.rows * unit.macs_per_element, "filters": unit.columns},
        }
    return details
