"""Work of a systolic array: amounts of every operator it runs, their prices, traffic and energy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataflows.array_nests import ArrayNests, array_nests
from dataflows.array_terms import systolic_energy_terms, systolic_terms
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
    systolic_rates,
    systolic_shape,
)
from dataflows.systolic import SYSTOLIC_DATAFLOWS, SystolicCounts, SystolicShape, cycles_by_timing, systolic_counts
from dataflows.unit_work import UnitSettings, UnitWork
from hwmodels.costs.array import systolic_prices, word_joules
from hwmodels.device import ArrayUnit, Device
from workloads.graph import Graph
from workloads.tables import GraphTables

Floats = NDArray[np.float64]

#: Columns of the terms by phase: compute, scratchpad, DRAM. They overlap.
PHASES = ((0, 1, 2, 3), (4, 5), (6,))


def lower_systolic(
    graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> UnitWork:
    """Terms, amounts and prices of the operators marked in ``mine``.

    Under ``settings.timing == "reference"`` memory traffic is counted but takes no time, as in the simulator it is compared with.
    ``settings.dataflow == "best"`` takes, nest by nest, the dataflow whose slowest phase is the shortest.

    Raises
    ------
    MappingError
        A dataflow the unit does not do, or a unit without levels.
    """
    nests = array_nests(graph, tables, mine)
    shape, rates = systolic_shape(device, unit), systolic_rates(device, unit)
    prices = np.array(systolic_prices(rates))
    names, counts, per_nest = chosen_counts(nests, shape, prices, unit, settings)
    operators = len(tables.operators.kind)
    joined = done_on_the_way_out(graph, tables, unit, mine)
    amounts = sum_rows(per_nest, nests.operator, operators)
    amounts[:, 1] = element_operations(tables, unit, mine)
    energy = sum_rows(energy_amounts(nests, counts), nests.operator, operators)
    energy[:, 1] = amounts[:, 1] + joined_operations(tables, unit, joined)
    scratchpad, dram = level(device, unit, 0).name, level(device, unit, -1).name
    kept = energy_kept(device, unit)
    terms = systolic_energy_terms(scratchpad, dram)
    return UnitWork(
        unit=unit.name,
        kind=unit.kind,
        join=unit.join,
        terms=systolic_terms(scratchpad, dram, settings.timing),
        parameters=rates,
        amounts=amounts,
        levels=(scratchpad, dram),
        traffic=_traffic(energy),
        prices=prices,
        energy_terms=tuple(terms[k] for k in kept),
        energy_amounts=energy[:, kept],
        energy_prices=energy_prices(device, unit, shape)[kept],
        details={**_details(nests, counts, names, shape, settings.timing), **joined_details(graph, joined)},
    )


def chosen_counts(
    nests: ArrayNests, shape: SystolicShape, prices: Floats, unit: ArrayUnit, settings: UnitSettings
) -> tuple[list[str], SystolicCounts, Floats]:
    """Dataflow, counts and amounts of every nest."""
    reference = settings.timing == "reference"
    asked = chosen_dataflow(unit, settings)
    names = [name for name in SYSTOLIC_DATAFLOWS if name in (unit.dataflows or (name,))] if asked == "best" else [asked]
    options = [systolic_counts(nests, shape, SYSTOLIC_DATAFLOWS[name], reference) for name in names]
    amounts = np.stack([time_amounts(nests, counts, reference) for counts in options])
    seconds = amounts * prices
    slowest = np.max([seconds[:, :, list(columns)].sum(axis=2) for columns in PHASES], axis=0)
    choice = np.argmin(slowest, axis=0)
    each = np.arange(len(nests.N))
    counts = SystolicCounts(*(np.stack(columns)[choice, each] for columns in zip(*options, strict=True)))
    return [names[k] for k in choice], counts, amounts[choice, each]


def time_amounts(nests: ArrayNests, counts: SystolicCounts, reference: bool) -> Floats:
    """Amounts of the time terms, a row per nest, in the order of ``systolic_terms``."""
    amounts = np.zeros((len(nests.N), 7))
    amounts[:, 0] = counts.cycles
    if reference:
        return amounts
    amounts[:, 2] = counts.first_tile_bytes
    amounts[:, 3] = 1
    energy = energy_amounts(nests, counts)
    amounts[:, 4] = energy[:, 5] + energy[:, 6] + energy[:, 9]
    amounts[:, 5] = energy[:, 7] + energy[:, 8]
    amounts[:, 6] = energy[:, 10:13].sum(axis=1)
    return amounts


def energy_kept(device: Device, unit: ArrayUnit) -> list[int]:
    """Energy terms that count.

    None where the file gives a power and no energy of a MAC: then power goes by time. DRAM only where the device's scope is more
    than the chip; hops and registers only where the file gives them a figure (else ``mac_energy`` is taken to include them).
    """
    if unit.mac_energy_j is None and unit.active_power_w is not None:
        return []
    optional = {2: "hop", 3: "register"}
    last = 13 if off_chip(device) else 10
    return [k for k in range(last) if k not in optional or optional[k] in unit.energies_j]


def energy_amounts(nests: ArrayNests, counts: SystolicCounts) -> Floats:
    """Amounts of the energy terms, a row per nest, in the order of ``systolic_energy_terms``."""
    finished = nests.N * nests.G * nests.M * nests.E * nests.F
    outputs = finished * nests.output_bits / 8.0
    dram = (counts.dram_input_bytes, counts.dram_weight_bytes, counts.dram_output_bytes)
    return np.stack(
        [
            counts.macs,
            np.zeros(len(nests.N)),
            2 * counts.macs,
            3 * counts.macs,
            counts.output_writes - finished + counts.psum_reads,
            counts.input_reads * nests.input_bits / 8.0,
            counts.weight_reads * nests.weight_bits / 8.0,
            outputs,
            dram[0] + dram[1],
            dram[2],
            *dram,
        ],
        axis=1,
    ).astype(np.float64)


def energy_prices(device: Device, unit: ArrayUnit, shape: SystolicShape) -> Floats:
    """Joules per unit amount of the energy terms; NaN where the file does not say."""
    scratchpad, dram = level(device, unit, 0), level(device, unit, -1)
    read, written = memory_joules(scratchpad)
    mac = unit.mac_energy_j if unit.mac_energy_j is not None else math.nan
    vector = unit.energies_j.get("vector", mac)
    hop, register = (unit.energies_j.get(name, math.nan) for name in ("hop", "register"))
    accumulator = unit.energies_j.get("accumulator", word_joules(written, shape.accumulator_bits))
    far_read, far_written = memory_joules(dram)
    return np.array([mac, vector, hop, register, accumulator, read, read, written, written, read, far_read, far_read, far_written])


def _traffic(energy: Floats) -> NDArray[np.int64]:
    """Bytes read from and written to scratchpad and DRAM, from the energy amounts."""
    traffic = np.zeros((len(energy), 2, 2), dtype=np.int64)
    traffic[:, 0, 0] = energy[:, 5] + energy[:, 6] + energy[:, 9]
    traffic[:, 0, 1] = energy[:, 7] + energy[:, 8]
    traffic[:, 1, 0] = energy[:, 10] + energy[:, 11]
    traffic[:, 1, 1] = energy[:, 12]
    return traffic


def _details(
    nests: ArrayNests, counts: SystolicCounts, names: Sequence[str], shape: SystolicShape, timing: str
) -> dict[int, Mapping[str, Any]]:
    """Per operator: cycles, utilization, dataflow, and the folds and tile of its largest nest."""
    details: dict[int, Mapping[str, Any]] = {}
    elements = shape.rows * shape.columns * shape.macs
    for operator in dict.fromkeys(nests.operator.tolist()):
        rows = np.flatnonzero(nests.operator == operator)
        main = rows[np.argmax(counts.macs[rows])]
        cycles, macs = int(counts.cycles[rows].sum()), int(counts.macs[rows].sum())
        found = {
            "cycles": cycles,
            "utilization": macs / (elements * cycles),
            "dataflow": names[main],
            "timing": timing,
            "folds": int(counts.folds[rows].sum()),
            "input_reads": int(counts.input_reads[rows].sum()),
            "weight_reads": int(counts.weight_reads[rows].sum()),
            "output_writes": int(counts.output_writes[rows].sum()),
            "psum_reads": int(counts.psum_reads[rows].sum()),
            "mapping": {
                "rows": int(counts.row_tile[main]),
                "filters": int(counts.filter_tile[main]),
                "channels": int(counts.channel_tile[main]),
            },
        }
        if timing == "reference":
            found["cycles_reported_last_index"] = cycles - 1
        other = "default" if timing == "reference" else "reference"
        found[f"{other}_cycles"] = sum(
            cycles_by_timing(nests, i, shape, SYSTOLIC_DATAFLOWS[names[i]])[other] for i in rows.tolist()
        )
        details[operator] = found
    return details
