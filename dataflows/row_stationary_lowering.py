"""Work of a row-stationary array: amounts of every operator it runs, their prices, traffic and energy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataflows.array_nests import array_nests
from dataflows.array_terms import row_stationary_energy_terms, row_stationary_terms
from dataflows.array_units import (
    chosen_dataflow,
    done_on_the_way_out,
    element_operations,
    joined_details,
    joined_operations,
    level,
    memory_joules,
    off_chip,
    row_stationary_array,
    row_stationary_rates,
    sum_rows,
)
from dataflows.row_stationary import RowStationaryArray, RowStationaryCounts, row_stationary_counts
from dataflows.row_stationary_search import LayerMapping, map_nests
from dataflows.unit_work import UnitSettings, UnitWork
from hwmodels.costs.array import RowStationaryRates, exposed_bytes, row_stationary_prices
from hwmodels.device import ArrayUnit, Device
from workloads.graph import Graph
from workloads.tables import GraphTables

Floats = NDArray[np.float64]


def lower_row_stationary(
    graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> UnitWork:
    """Terms, amounts and prices of the operators marked in ``mine``.

    Mappings in ``settings.mappings`` are honoured, with ``input_zero_share`` (0 to 1) beside n ... t where the zeros of the input
    are known: they save energy, not time. Other nests are searched and taken as dense.

    Raises
    ------
    MappingError
        A given mapping that breaks a limit, a nest no mapping fits, a dataflow the unit does not do.
    """
    chosen_dataflow(unit, settings)
    array, rates = row_stationary_array(device, unit), row_stationary_rates(device, unit)
    nests = array_nests(graph, tables, mine)
    names = [graph.operators[i].name for i in nests.operator]
    layers = map_nests(nests, array, names, settings.mappings)
    counts = [row_stationary_counts(layer.nest, array, layer.mapping) for layer in layers]
    zeros = [float(settings.mappings.get(name, {}).get("input_zero_share", 0.0)) for name in names]
    operators = len(tables.operators.kind)
    joined = done_on_the_way_out(graph, tables, unit, mine)
    amounts = sum_rows(_rows([time_amounts(c, array, rates) for c in counts], 6), nests.operator, operators)
    amounts[:, 3] = element_operations(tables, unit, mine)
    rows = [energy_amounts(layer, c, array, zero) for layer, c, zero in zip(layers, counts, zeros, strict=True)]
    energy = sum_rows(_rows(rows, 11), nests.operator, operators)
    energy[:, 1] = amounts[:, 3] + joined_operations(tables, unit, joined)
    buffer, dram = level(device, unit, 0).name, level(device, unit, -1).name
    terms = row_stationary_energy_terms(buffer, dram)[: 11 if off_chip(device) else 8]
    return UnitWork(
        unit=unit.name,
        kind=unit.kind,
        join=unit.join,
        terms=row_stationary_terms(dram),
        parameters=rates,
        amounts=amounts,
        levels=(buffer, dram),
        traffic=_traffic(energy),
        prices=np.array(row_stationary_prices(rates)),
        energy_terms=terms,
        energy_amounts=energy[:, : len(terms)],
        energy_prices=energy_prices(device, unit)[: len(terms)],
        details={**_details(nests.operator.tolist(), layers, counts, array), **joined_details(graph, joined)},
    )


def _rows(rows: list[tuple[float, ...]], width: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)


def time_amounts(counts: RowStationaryCounts, array: RowStationaryArray, rates: RowStationaryRates) -> tuple[float, ...]:
    """Amounts of the time terms of one nest, in the order of ``row_stationary_terms``."""
    incoming = (counts.dram_weights + counts.dram_inputs) * array.word_bytes
    late = exposed_bytes(incoming, counts.cycles, rates.frequency_hz, rates.link_bandwidth_bytes_per_s)
    return (
        counts.passes * counts.body,
        counts.filter_words,
        counts.window_words,
        0.0,
        late,
        counts.dram_outputs * array.word_bytes,
    )


def energy_amounts(layer: LayerMapping, counts: RowStationaryCounts, array: RowStationaryArray, zeros: float) -> tuple[float, ...]:
    """Amounts of the energy terms of one nest, in the order of ``row_stationary_energy_terms``."""
    macs = float(layer.nest.macs)
    busy = (1.0 - zeros) * macs
    return (
        busy,
        0.0,
        busy,
        macs,
        2.0 * busy + macs,
        counts.array_words,
        counts.buffer_inputs * array.word_bytes,
        2.0 * counts.buffer_psums * array.word_bytes,
        counts.dram_inputs * array.word_bytes,
        counts.dram_weights * array.word_bytes,
        counts.dram_outputs * array.word_bytes,
    )


def energy_prices(device: Device, unit: ArrayUnit) -> Floats:
    """Joules per unit amount of the energy terms; NaN where the file does not say. ``dynamic_factor`` scales those of the chip."""
    mac = unit.mac_energy_j if unit.mac_energy_j is not None else math.nan
    named = (unit.energies_j.get(name, math.nan) for name in ("weights_spad", "inputs_spad", "outputs_spad", "hop"))
    buffer, _ = memory_joules(level(device, unit, 0))
    on_chip = (mac, unit.energies_j.get("vector", mac), *named, buffer, buffer)
    read, written = memory_joules(level(device, unit, -1))
    factor = float(unit.parameters.get("dynamic_factor", 1.0))
    return np.array([*(factor * price for price in on_chip), read, read, written])


def _traffic(energy: Floats) -> NDArray[np.int64]:
    """Bytes read from and written to global buffer and DRAM; half of the partial-sum traffic is written."""
    traffic = np.zeros((len(energy), 2, 2), dtype=np.int64)
    psums = energy[:, 7] / 2
    traffic[:, 0, 0] = energy[:, 6] + psums
    traffic[:, 0, 1] = psums
    traffic[:, 1, 0] = energy[:, 8] + energy[:, 9]
    traffic[:, 1, 1] = energy[:, 10]
    return traffic


def _details(
    operators: list[int], layers: list[LayerMapping], counts: list[RowStationaryCounts], array: RowStationaryArray
) -> dict[int, Mapping[str, Any]]:
    """Per operator: cycles, utilization, mapping of its largest nest, passes, active PEs, whether the mapping was searched."""
    details: dict[int, Mapping[str, Any]] = {}
    elements = array.rows * array.columns
    for operator in dict.fromkeys(operators):
        rows = [i for i, of in enumerate(operators) if of == operator]
        main = max(rows, key=lambda i: layers[i].nest.macs)
        cycles = round(sum(counts[i].cycles for i in rows))
        macs = sum(layers[i].nest.macs for i in rows)
        details[operator] = {
            "cycles": cycles,
            "utilization": macs / (elements * cycles),
            "dataflow": "rs",
            "mapping": dict(layers[main].mapping._asdict()),
            "mapping_searched": layers[main].searched,
            "passes": int(sum(counts[i].passes for i in rows)),
            "active_pes": int(counts[main].active),
        }
    return details
