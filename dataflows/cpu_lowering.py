"""lower_cpu: what a CPU has to do for a network under its runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataflows.cpu_algorithms import ALGORITHMS
from dataflows.cpu_counts import cpu_algorithm, cpu_amounts
from dataflows.cpu_layer import NetworkFacts, layer_of, network_facts
from dataflows.cpu_terms import CPU_LEVELS, CPU_TERMS
from dataflows.fusion import fused_operators
from dataflows.unit_work import ABSORBED, Counted, UnitSettings, UnitWork, renamed
from hwmodels.costs.cpu import CpuParameters, cpu_parameters, cpu_peak_macs_per_s, cpu_prices
from hwmodels.costs.use import cycles_of, utilization
from hwmodels.device import CpuUnit, Device
from workloads.graph import Graph
from workloads.tables import GraphTables, NestTable, OperatorTable


def lower_cpu(
    graph: Graph, tables: GraphTables, device: Device, unit: CpuUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> UnitWork:
    """Amounts, traffic and prices of the operators a CPU runs.

    Parameters
    ----------
    graph, tables
        The network and its columns.
    device, unit
    settings : UnitSettings
        Threads and runtime are read.
    mine : bool array
        Operators this unit runs.
    """
    fused = fused_operators(graph, tables, settings.runtime, mine)
    parameters = cpu_parameters(running_cluster(device, unit, settings.threads), settings.runtime, settings.threads)
    network = network_facts(weights_once(fused.operators, graph), parameters, batch_of(graph))
    amounts = np.zeros((len(graph), len(CPU_TERMS)))
    traffic = np.zeros((len(graph), len(CPU_LEVELS), 2), dtype=np.int64)
    for i in np.flatnonzero(mine):
        cpu_amounts(fused.operators, tables.nests, int(i), parameters, network, amounts[i], traffic[i])
    prices = np.zeros(len(CPU_TERMS))
    cpu_prices(parameters, prices)
    home = unit.activations_in[0] if unit.activations_in else "dram"
    details = {i: {"fused_into": graph.operators[host].name} for i, host in fused.into.items()}
    for i in np.flatnonzero(fused.operators.kind != ABSORBED):
        seconds = float(amounts[i] @ prices)
        details[int(i)] = _details(fused.operators, tables.nests, int(i), parameters, network, seconds)
    return UnitWork(
        unit=unit.name, kind=unit.kind, join=unit.join, terms=renamed(CPU_TERMS, {"dram": home}), parameters=parameters,
        amounts=amounts, levels=(*CPU_LEVELS[:-1], home), traffic=traffic, prices=prices, energy_terms=(),
        energy_amounts=np.zeros((len(graph), 0)), energy_prices=np.zeros(0), details=details,
        counted=Counted(fused.operators, tables.nests, network),
    )  # fmt: skip


def running_cluster(device: Device, unit: CpuUnit, threads: int) -> CpuUnit:
    """The cluster whose cores set the pace: the fast one while the threads fit on it, else all cores at the pace of the slowest."""
    fast = device.units.get(unit.fast_cluster or "")
    return running_cluster(device, fast, threads) if isinstance(fast, CpuUnit) and threads <= fast.cores else unit


def weights_once(operators: OperatorTable, graph: Graph) -> OperatorTable:
    """The table with the weights of an operator that is computed in tiles at its first tile only."""
    wholes = [operator.attributes.get("tile_of") for operator in graph.operators]
    if not any(wholes):
        return operators
    firsts = {whole: i for i, whole in reversed(list(enumerate(wholes)))}
    once = np.array([whole is None or firsts[whole] == i for i, whole in enumerate(wholes)])
    return operators._replace(weight_elements=operators.weight_elements * once, vector_elements=operators.vector_elements * once)


def batch_of(graph: Graph) -> int:
    """Inferences in one run: what the network was built for, else the leading size of its first input."""
    if "batch" in graph.settings:
        return max(1, int(graph.settings["batch"]))
    shape = graph.inputs[0].shape if graph.inputs else ()
    return max(1, shape[0]) if len(shape) > 1 else 1


def _details(
    operators: OperatorTable, nests: NestTable, i: int, unit: CpuParameters, network: NetworkFacts, seconds: float
) -> dict[str, Any]:
    """Algorithm, cycles and use of the peak of one operator."""
    details: dict[str, Any] = {"cycles": cycles_of(seconds, unit.frequency_hz)}
    algorithm = cpu_algorithm(operators, nests, i, unit, layer_of(operators, i, unit, network))
    if algorithm >= 0:
        details["algorithm"] = ALGORITHMS[algorithm]
    if operators.macs[i]:
        peak = cpu_peak_macs_per_s(unit, max(operators.activation_bits[i], operators.weight_bits[i]))
        details["utilization"] = utilization(float(operators.macs[i]), peak, seconds)
    return details
