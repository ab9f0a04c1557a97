"""lower_gpu: what a GPU has to do for a network under its runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataflows.gpu_counts import ENQUEUE_PHASE, GPU_TERMS, gpu_amounts
from dataflows.gpu_kernels import FAMILIES, NONE, kernel_list
from dataflows.unit_work import Counted, UnitSettings, UnitWork, renamed
from hwmodels.costs.gpu import gpu_parameters, gpu_peak_macs_per_s, gpu_prices
from hwmodels.costs.use import cycles_of, utilization
from hwmodels.device import Device, GpuUnit
from workloads.graph import Graph
from workloads.tables import GraphTables


def lower_gpu(
    graph: Graph, tables: GraphTables, device: Device, unit: GpuUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> UnitWork:
    """Amounts, traffic and prices of the kernels a GPU runs.

    Parameters
    ----------
    graph, tables
        The network and its columns.
    device, unit
    settings : UnitSettings
        The runtime is read.
    mine : bool array
        Operators this unit runs.
    """
    listed = kernel_list(graph, tables, settings.runtime, mine)
    parameters = gpu_parameters(unit, settings.runtime)
    amounts = np.zeros((len(graph), len(GPU_TERMS)))
    traffic = np.zeros((len(graph), 1, 2), dtype=np.int64)
    prices = np.zeros(len(GPU_TERMS))
    gpu_prices(parameters, prices)
    on_device = np.array([term.phase != ENQUEUE_PHASE for term in GPU_TERMS])
    details: dict[int, dict[str, Any]] = {i: {"fused_into": graph.operators[host].name} for i, host in listed.into.items()}
    for i in np.flatnonzero(listed.kernels.family != NONE):
        gpu_amounts(listed.operators, tables.nests, int(i), parameters, listed.kernels, amounts[i], traffic[i])
        seconds = float(amounts[i][on_device] @ prices[on_device])
        bits = float(tables.operators.activation_bits[i])
        details[int(i)] = {
            "algorithm": FAMILIES[listed.kernels.family[i]],
            "cycles": cycles_of(seconds, unit.frequency_hz),
            "utilization": utilization(float(tables.operators.macs[i]), gpu_peak_macs_per_s(unit, bits), seconds),
        }
    home = unit.activations_in[0] if unit.activations_in else "dram"
    return UnitWork(
        unit=unit.name, kind=unit.kind, join=unit.join, terms=renamed(GPU_TERMS, {"dram": home}), parameters=parameters,
        amounts=amounts, levels=(home,), traffic=traffic, prices=prices, energy_terms=(),
        energy_amounts=np.zeros((len(graph), 0)), energy_prices=np.zeros(0), details=details,
        enqueue_phase=ENQUEUE_PHASE if prices[~on_device].any() else None,
        counted=Counted(listed.operators, tables.nests, listed.kernels),
    )  # fmt: skip
