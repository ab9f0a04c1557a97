"""lower_vector: what a vector unit has to do; an NPU's own, or the one assumed beside an array that names no host."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dataflows.fusion import fused_operators
from dataflows.unit_work import ABSORBED, Counted, UnitSettings, UnitWork, renamed
from dataflows.vector_counts import (
    FREE,
    VECTOR_ENERGY_TERMS,
    VECTOR_TERMS,
    VectorFacts,
    vector_amounts,
    vector_operations,
)
from hwmodels.costs.use import cycles_of
from hwmodels.costs.vector import vector_energy_prices, vector_parameters, vector_prices
from hwmodels.device import Device, VectorUnit
from workloads.graph import Graph
from workloads.tables import GraphTables


def lower_vector(
    graph: Graph, tables: GraphTables, device: Device, unit: VectorUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> UnitWork:
    """Amounts, traffic and prices of the operators a vector unit runs.

    Parameters
    ----------
    graph, tables
    device, unit
        The unit works in the first memory of its activations.
    settings : UnitSettings
        Not read.
    mine : bool array
        Operators this unit runs.

    Notes
    -----
    Without an energy per operation the unit has no energy terms, and its energy is its active power times its time.
    """
    operators = fused_operators(graph, tables, None, mine).operators
    home = unit.activations_in[0] if unit.activations_in else "dram"
    parameters = vector_parameters(unit, device.memories.get(home))
    amounts = np.zeros((len(graph), len(VECTOR_TERMS)))
    traffic = np.zeros((len(graph), 1, 2), dtype=np.int64)
    prices = np.zeros(len(VECTOR_TERMS))
    vector_prices(parameters, prices)
    energy = VECTOR_ENERGY_TERMS if unit.operation_energy_j is not None else ()
    energy_amounts = np.zeros((len(graph), len(energy)))
    details: dict[int, dict[str, object]] = {}
    for i in np.flatnonzero(operators.kind != ABSORBED):
        vector_amounts(operators, tables.nests, int(i), parameters, VectorFacts(1), amounts[i], traffic[i])
        if energy and operators.kind[i] != FREE:
            special = operators.special_operations[i] * unit.special_cycles
            energy_amounts[i] = (vector_operations(operators, int(i)) + special, traffic[i, 0, 0], traffic[i, 0, 1])
        details[int(i)] = {"cycles": cycles_of(float(amounts[i] @ prices), unit.frequency_hz)}
    return UnitWork(
        unit=unit.name, kind=unit.kind, join=unit.join, terms=renamed(VECTOR_TERMS, {"dram": home}), parameters=parameters,
        amounts=amounts, levels=(home,), traffic=traffic, prices=prices, energy_terms=renamed(energy, {"dram": home}),
        energy_amounts=energy_amounts, energy_prices=np.array(vector_energy_prices(parameters)[: len(energy)]), details=details,
        counted=Counted(operators, tables.nests, VectorFacts(1)),
    )  # fmt: skip
