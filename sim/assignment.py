"""Which unit runs which operator, and in which element type."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dataflows.array_units import ARRAY_KINDS, done_on_the_way_out, fusible
from hwmodels.device import ArrayUnit, ComputeUnit, Device, GpuUnit, McuUnit, VectorUnit
from hwmodels.runtime import Runtime
from sim.errors import ScheduleError
from sim.plan import Plan
from workloads.dtypes import BITS, bits, is_float
from workloads.errors import nearest
from workloads.graph import Graph, Operator
from workloads.operators.rule import KINDS
from workloads.tables import GraphTables

#: Name of the unit assumed where a device file names no host.
IDEAL_VECTOR = "ideal_vector"


#: Lanes of the assumed unit beside a unit that is not an array.
IDEAL_LANES = 16


def unit_named(device: Device, name: str) -> ComputeUnit:
    """One unit of a device; :class:`ScheduleError` with the nearest names otherwise."""
    if name not in device.units:
        raise ScheduleError(
            f"unit: '{name}' is not a unit of {device.name}; one of its units is expected; {nearest(name, device.units)}"
        )
    return device.units[name]


def ideal_vector(unit: ComputeUnit) -> VectorUnit:
    """The vector unit assumed beside ``unit`` where the device file names no host.

    It runs at the clock of the unit, with one lane per column of an array (16 beside others), reads and writes where the unit does,
    and spends on a simple operation what the unit spends on a multiply-accumulate. All of it is assumed.
    """
    return VectorUnit(
        name=IDEAL_VECTOR,
        kind="vector",
        frequency_hz=unit.frequency_hz,
        dtypes=tuple(BITS),
        join=unit.join,
        runtime=None,
        weights_in=unit.weights_in,
        activations_in=unit.activations_in,
        active_power_w=unit.active_power_w,
        lanes=unit.columns if isinstance(unit, ArrayUnit) else IDEAL_LANES,
        operation_energy_j=unit.mac_energy_j if isinstance(unit, ArrayUnit) else None,
    )


def host_of(device: Device, plan: Plan) -> ComputeUnit:
    """The unit that runs what the chosen one cannot: the plan's, else the device's, else an assumed one."""
    name = plan.host or device.host
    if name == IDEAL_VECTOR or name is None:
        return ideal_vector(unit_named(device, plan.unit))
    return unit_named(device, name)


def assign(
    graph: Graph, tables: GraphTables, device: Device, plan: Plan, runtime: Runtime | None
) -> tuple[tuple[str, ...], dict[str, ComputeUnit]]:
    """Unit of each operator by name, and the units that have work.

    An operator runs where the plan places it, else on the plan's unit if that can run it, else on the host. One that is free stays
    where its first input was made. Beside a microcontroller or a graphics card no host is assumed: what its runtime
    lacks is refused.
    """
    unit, host = unit_named(device, plan.unit), host_of(device, plan)
    able = supported(graph, tables, unit, runtime)
    known = {unit.name: unit, host.name: host, **{name: unit_named(device, name) for name in plan.placement.values()}}
    chosen: list[str] = []
    for i, operator in enumerate(graph.operators):
        placed = plan.placement.get(operator.name)
        if placed is None and KINDS[tables.operators.kind[i]] == "free":
            made_by = [graph.producer[name] for name in operator.inputs if name in graph.producer]
            placed = chosen[made_by[0]] if made_by else unit.name
        if placed is None and not able[i] and host.name == IDEAL_VECTOR and isinstance(unit, McuUnit | GpuUnit):
            raise _not_imported(operator, device, unit, runtime)
        chosen.append(placed or (unit.name if able[i] else host.name))
    used = set(chosen) | {unit.name}
    return tuple(chosen), {name: known[name] for name in known if name in used}


def _not_imported(operator: Operator, device: Device, unit: McuUnit | GpuUnit, runtime: Runtime | None) -> ScheduleError:
    """An operator that a microcontroller, a graphics card or its runtime does not have."""
    lacks = runtime is not None and bool(runtime.operators) and operator.op not in runtime.operators
    engine = f"runtime {runtime.name}" if runtime is not None and lacks else f"unit '{unit.name}'"
    known = runtime.operators if runtime is not None and lacks else unit.operators
    return ScheduleError(
        f"operator '{operator.name}': {operator.op} on {device.name}; {engine} has no such operator: "
        f"a network without it or another --runtime is expected; {nearest(operator.op, known)}"
    )


def supported(graph: Graph, tables: GraphTables, unit: ComputeUnit, runtime: Runtime | None) -> list[bool]:
    """Whether the unit, under the runtime, can run each operator; an array also what it does to results on their way out.

    Operators nobody has modelled are taken as known to the runtime: they were let in on request.
    """
    array = isinstance(unit, ArrayUnit)
    able = []
    for i, operator in enumerate(graph.operators):
        kind = KINDS[tables.operators.kind[i]]
        able.append(
            (not unit.operators or kind in unit.operators or operator.op in unit.operators)
            and (runtime is None or not runtime.operators or kind == "unmodelled" or operator.op in runtime.operators)
            and (not array or kind in ARRAY_KINDS)
        )
    if isinstance(unit, ArrayUnit):
        for i in done_on_the_way_out(graph, tables, unit, np.array(able, dtype=np.bool_) | fusible(tables)):
            able[i] = True
    return able


def computes(unit: ComputeUnit, dtype: str) -> bool:
    """True where the unit computes the type itself, or, for integers, one at least as wide."""
    if dtype in unit.dtypes:
        return True
    return not is_float(dtype) and (bits(dtype) >= 32 or any(bits(other) >= bits(dtype) for other in unit.dtypes))


def nearest_dtype(unit: ComputeUnit, graph: Graph) -> str | None:
    """Type to retype the float tensors of a network to, so that the unit can compute it; ``None`` where it can already.

    The nearest is a narrower float if the unit has one, else its native type.
    """
    foreign = [t.dtype for t in graph.tensors.values() if is_float(t.dtype) and not computes(unit, t.dtype)]
    if not foreign:
        return None
    floats = [dtype for dtype in unit.dtypes if is_float(dtype)]
    return floats[0] if floats else unit.dtypes[0]


def check_dtypes(graph: Graph, units: Mapping[str, ComputeUnit], unit_of: tuple[str, ...]) -> None:
    """Refuse an operator on a unit that cannot compute its element type, naming unit and types."""
    for operator, name in zip(graph.operators, unit_of, strict=True):
        for tensor in graph.tensors_of((*operator.inputs, *operator.outputs)):
            if tensor is not None and not computes(units[name], tensor.dtype):
                raise ScheduleError(
                    f"operator '{operator.name}': tensor '{tensor.name}' is {tensor.dtype}; unit '{name}' computes "
                    f"{', '.join(units[name].dtypes)}; give --dtype {units[name].dtypes[0]}"
                )
