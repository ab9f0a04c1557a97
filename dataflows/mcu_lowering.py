"""lower_mcu: what a microcontroller has to do for a network under its runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dataflows.fusion import Fused, fused_operators
from dataflows.mcu_counts import FULLY_CONNECTED_KIND, MCU_TERMS, McuFacts, mcu_amounts
from dataflows.unit_work import ABSORBED, Counted, UnitSettings, UnitWork, renamed
from hwmodels.costs.mcu import mcu_parameters, mcu_prices
from hwmodels.costs.use import cycles_of
from hwmodels.device import Device, McuUnit
from workloads.graph import Graph
from workloads.tables import GraphTables


def lower_mcu(
    graph: Graph, tables: GraphTables, device: Device, unit: McuUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> UnitWork:
    """Amounts, traffic and prices of the operators a microcontroller runs.

    Parameters
    ----------
    graph, tables
        The network and its columns.
    device, unit
    settings : UnitSettings
        Runtime and regions are read; a tensor without a region lives in the unit's first memory for its role.
    mine : bool array
        Operators this unit runs.
    """
    fused = fused_operators(graph, tables, settings.runtime, mine)
    parameters = mcu_parameters(unit, settings.runtime)
    where = _Places(graph, device, unit, settings.regions)
    network = where.facts(fused)
    amounts = np.zeros((len(graph), len(MCU_TERMS)))
    columns = np.zeros((3, 2), dtype=np.int64)
    traffic = np.zeros((len(graph), len(where.levels), 2), dtype=np.int64)
    prices = np.zeros(len(MCU_TERMS))
    mcu_prices(parameters, prices)
    details: dict[int, dict[str, object]] = {i: {"fused_into": graph.operators[host].name} for i, host in fused.into.items()}
    for i in np.flatnonzero(fused.operators.kind != ABSORBED):
        mcu_amounts(fused.operators, tables.nests, int(i), parameters, network, amounts[i], columns)
        if columns.any():  # a free operator moves nothing
            where.add_traffic(int(i), traffic[i])
        details[int(i)] = {"cycles": cycles_of(float(amounts[i] @ prices), unit.frequency_hz)}
    return UnitWork(
        unit=unit.name, kind=unit.kind, join=unit.join, terms=renamed(MCU_TERMS, where.names), parameters=parameters,
        amounts=amounts, levels=where.levels, traffic=traffic, prices=prices, energy_terms=(),
        energy_amounts=np.zeros((len(graph), 0)), energy_prices=np.zeros(0), details=details,
        counted=Counted(fused.operators, tables.nests, network),
    )  # fmt: skip


class _Places:
    """Which memory holds which tensor, and what that makes of an operator's bytes."""

    def __init__(self, graph: Graph, device: Device, unit: McuUnit, regions: Mapping[str, str]) -> None:
        self.graph, self.device, self.regions = graph, device, regions
        self.home = {"weight": unit.weights_in[0], "activation": unit.activations_in[0]}
        named = [*unit.activations_in, *unit.weights_in, *regions.values()]
        self.levels = tuple(dict.fromkeys(named))
        kinds = {name: device.memories[name].kind for name in self.levels if name in device.memories}
        self.flash = {name for name, kind in kinds.items() if kind == "flash"}
        self.external = {name for name, kind in kinds.items() if kind == "external_ram"}
        self.names = {"flash": next(iter(sorted(self.flash)), "flash")}
        self.names["external_ram"] = next(iter(sorted(self.external)), "external_ram")

    def region(self, name: str) -> str:
        """Memory of one tensor."""
        role = "weight" if self.graph.tensors[name].role == "weight" else "activation"
        return self.regions.get(name, self.home[role])

    def facts(self, fused: Fused) -> McuFacts:
        """Bytes of each operator that are streamed from flash, and that lie in external RAM."""
        streamed, external, outside = (np.zeros(len(self.graph), dtype=np.int64) for _ in range(3))
        for i, operator in enumerate(self.graph.operators):
            names = [name for name in (*dict.fromkeys(operator.inputs), *operator.outputs) if name]
            tensors = [self.graph.tensors[name] for name in names]
            if fused.operators.kind[i] == FULLY_CONNECTED_KIND:
                wide = [t for t in tensors if t.role == "weight" and sum(size > 1 for size in t.shape) > 1]
                streamed[i] = sum(t.bytes for t in wide if self.region(t.name) in self.flash)
                outside[i] = sum(t.bytes for t in wide if self.region(t.name) in self.external)
            external[i] = sum(t.bytes for t in tensors if t.role != "weight" and self.region(t.name) in self.external)
        return McuFacts(streamed, external, outside)

    def add_traffic(self, i: int, row: NDArray[np.int64]) -> None:
        """Bytes operator ``i`` reads from and writes to each memory; of a table it looks up, as many as it writes."""
        operator = self.graph.operators[i]
        written = sum(self.graph.tensors[name].bytes for name in filter(None, operator.outputs))
        for name in filter(None, dict.fromkeys(operator.inputs)):
            size = self.graph.tensors[name].bytes
            looked_up = self.graph.tensors[name].role == "weight" and operator.op == "Gather"
            row[self.levels.index(self.region(name)), 0] += min(size, written) if looked_up else size
        for name in filter(None, operator.outputs):
            row[self.levels.index(self.region(name)), 1] += self.graph.tensors[name].bytes
