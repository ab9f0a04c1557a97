"""HOW a network is laid on hardware. Counts; prices nothing.

A unit of a device has a *lowering*, found in :data:`LOWERINGS` by the unit's kind. It turns the operators the unit runs into
amounts of work: operations after tile remainders, bytes through caches and to memory, parallel regions, kernel launches, folds of
an array. ``hwmodels.costs`` says what one of each costs, ``sim`` multiplies the two. So one network is counted for every kind of
hardware by the same steps: what the runtime fuses away (``fusion``), which algorithm or mapping it takes (``cpu_algorithms``,
``gpu_kernels``, ``mapping``), and how much work of each kind that makes (``*_counts``).

``cpu_*``     twenty kinds of work of ncnn-style CPU runtimes: GEMM, Winograd, packing, cache levels, DRAM, threads
``gpu_*``     the kernels a runtime starts, eager, fused or as an engine, with arithmetic, traffic and launch gaps
``mcu_*``     multiply-accumulates and outputs of microcontroller kernels, flash streaming, external memory
``vector_*``  lanes for whatever an array cannot run
``array_*``, ``systolic*``, ``row_stationary*``, ``tile_engine*``, ``spatial*``  dataflows and mappings on arrays of processing elements
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from dataflows.unit_work import UnitSettings, UnitWork

#: (graph, tables, device, unit, settings, mine) -> UnitWork.
Lowering = Callable[..., UnitWork]


def _lowering(module: str, name: str) -> Lowering:
    """A lowering that loads its module when it is first used."""

    def lower(*arguments: Any, **named: Any) -> UnitWork:
        return getattr(import_module(module), name)(*arguments, **named)

    lower.__name__ = lower.__qualname__ = name
    lower.__doc__ = f"See {module}.{name}."
    return lower


#: Unit kind -> its lowering.
LOWERINGS: Mapping[str, Lowering] = {
    "cpu": _lowering("dataflows.cpu_lowering", "lower_cpu"),
    "gpu": _lowering("dataflows.gpu_lowering", "lower_gpu"),
    "mcu": _lowering("dataflows.mcu_lowering", "lower_mcu"),
    "row_stationary": _lowering("dataflows.array_lowering", "lower_row_stationary"),
    "spatial": _lowering("dataflows.array_lowering", "lower_spatial"),
    "systolic": _lowering("dataflows.array_lowering", "lower_systolic"),
    "tile_engine": _lowering("dataflows.array_lowering", "lower_tile_engine"),
    "vector": _lowering("dataflows.vector_lowering", "lower_vector"),
}

__all__ = ["LOWERINGS", "UnitSettings", "UnitWork"]
