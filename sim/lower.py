"""Graph + Device + Plan -> Schedule: who computes what, where tensors live, and the tasks with their order. No seconds here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

import dataflows
from dataflows.carried import carried
from dataflows.code_size import code_bytes
from dataflows.cpu_choice import with_algorithms
from dataflows.grouping import grouped, hidden_behind, indices
from dataflows.side_by_side import side_by_side
from dataflows.unit_work import UnitSettings, UnitWork
from dataflows.zero_skipping import without_zeros
from hwmodels.device import ArrayUnit, ComputeUnit, CpuUnit, Device
from hwmodels.memory_profile import load_memory_profile
from hwmodels.runtime import Runtime, load_runtime, runtimes
from sim.assignment import IDEAL_VECTOR, assign, check_dtypes, unit_named
from sim.buffers import Sharing
from sim.errors import ScheduleError
from sim.memory import Placement, place
from sim.plan import Plan
from sim.regions import Tenants
from sim.schedule import Schedule
from sim.swap import swapped
from sim.tasks import TaskList
from sim.transfers import Transfer, link_work, transfers_of
from workloads.dtypes import WEIGHT_FORMATS, bits, is_float
from workloads.errors import nearest
from workloads.graph import Graph, Operator
from workloads.operators import rule_of
from workloads.operators.free import Assemble, FreeRule
from workloads.operators.rule import KINDS
from workloads.tables import GraphTables, graph_tables
from workloads.transforms import remove_dead_channels

#: Lowering of one unit kind: (graph, tables, device, unit, settings, mine) -> UnitWork.
Lowering = Callable[..., UnitWork]


def layerwise_plan(
    graph: Graph,
    device: Device,
    *,
    unit: str | None = None,
    threads: int | None = None,
    runtime: str | None = None,
    profile: str | None = None,
    dataflow: str | None = None,
    mappings: Mapping[str, Mapping[str, float]] | None = None,
    timing: str = "default",
    batch: int | None = None,
    hypothetical: bool = False,
    seed: int = 0,
) -> Plan:
    """The baseline plan: in order, nothing overlapped, each operator on the chosen unit or the host.

    Parameters
    ----------
    graph, device
    unit : str or None
        Default: the unit marked so in the device file, else ``cpu``, else the first.
    threads : int or None
        Default: all cores of the unit.
    runtime : str or None
        Default: the unit's.
    profile : str or None
        Memory accounting; default: the runtime's, else ``ideal``.
    dataflow, mappings, timing, hypothetical
        Of array units.
    batch : int or None
        Default: the graph's.

    Raises
    ------
    ScheduleError
        An unknown unit or profile, more threads than cores, a runtime for another kind of unit, a dataflow without an array.

    Examples
    --------
    >>> from hwmodels.reader import load_device
    >>> from workloads.networks import build
    >>> plan = layerwise_plan(build("lenet5"), load_device("raspberry_pi_4"))
    >>> plan.unit, plan.threads, plan.profile
    ('cpu', 4, 'ideal')
    """
    chosen = unit_named(device, unit or device.default_unit.name)
    cores = chosen.cores if isinstance(chosen, CpuUnit) else 1
    if threads is not None and not 1 <= threads <= cores:
        raise ScheduleError(f"threads: {threads}; 1 to {cores} are expected (cores of unit '{chosen.name}' of {device.name})")
    engine = _runtime_of(chosen, runtime, graph)
    if dataflow is not None and not isinstance(chosen, ArrayUnit):
        raise ScheduleError(
            f"dataflow: '{dataflow}' for unit '{chosen.name}' of {device.name}, a {chosen.kind}; an array unit is expected"
        )
    return Plan(
        unit=chosen.name,
        host=device.host,
        threads=threads or cores,
        runtime=engine.name if engine else None,
        profile=_profile(profile, engine),
        dataflow=dataflow,
        mappings=dict(mappings or {}),
        timing=timing,
        batch=batch or int(graph.settings.get("batch", 1)),
        hypothetical=hypothetical,
        seed=seed,
    )


@cache
def runtime_named(name: str | None) -> Runtime | None:
    """Runtime profile by name; ``None`` stays ``None``."""
    return None if name is None else load_runtime(name)


def _runtime_of(unit: ComputeUnit, asked: str | None, graph: Graph) -> Runtime | None:
    """The runtime asked for, which must run on this kind of unit, else the unit's own; on a GPU one that decodes the weights."""
    engine = runtime_named(asked or unit.runtime)
    if engine is not None and engine.kinds and unit.kind not in engine.kinds:
        raise ScheduleError(
            f"runtime: '{engine.name}' on unit '{unit.name}', a {unit.kind}; it runs on {', '.join(engine.kinds)}"
            + (f"; the unit's own is {unit.runtime}" if unit.runtime else "; this unit needs none")
        )
    formats = {tensor.dtype for tensor in graph.weights} & WEIGHT_FORMATS if unit.kind == "gpu" else set()
    if engine is None or formats <= set(engine.formats):
        return engine
    able = [other for other in runtimes() if unit.kind in other.kinds and formats <= set(other.formats)]
    if asked is None and able:
        return able[0]
    raise ScheduleError(
        f"runtime: '{engine.name}' does not decode weights of {', '.join(sorted(formats))}; "
        f"{' or '.join(other.name for other in able) or 'another type'} is expected"
    )


def _profile(asked: str | None, engine: Runtime | None) -> str:
    """The memory accounting asked for, which must be known, else the runtime's, else ``ideal``."""
    return load_memory_profile(asked or (engine.memory_profile if engine is not None else "ideal")).name


def lower(graph: Graph, device: Device, plan: Plan, lowerings: Mapping[str, Lowering] | None = None) -> Schedule:
    """Turn choices into work: amounts per task on named resources, in a valid order.

    Parameters
    ----------
    graph : Graph
        Its element types must be ones the units compute (see :func:`sim.assignment.nearest_dtype`).
    device : Device
    plan : Plan
    lowerings : Mapping or None
        Unit kind -> lowering; default: ``dataflows.LOWERINGS``.

    Raises
    ------
    ScheduleError
        An unknown unit, a type the unit cannot compute, a unit kind without a lowering.

    Examples
    --------
    >>> from hwmodels.reader import load_device
    >>> from workloads.networks import build
    >>> graph, device = build("lenet5"), load_device("raspberry_pi_4")
    >>> schedule = lower(graph, device, layerwise_plan(graph, device))
    >>> schedule.tasks[0].name, schedule.tasks[0].resource, schedule.tasks[1].after
    ('c1/compute', 'cpu', (0,))
    """
    graph = as_compiled(graph, runtime_named(plan.runtime))
    tables = graph_tables(graph)
    unit_of, units = assign(graph, tables, device, plan, runtime_named(plan.runtime))
    check_dtypes(graph, units, unit_of)
    table = dataflows.LOWERINGS if lowerings is None else lowerings

    shares = {i: plan.side_by_side[o.name] for i, o in enumerate(graph.operators) if o.name in plan.side_by_side}
    groups = [group for group in indices(graph, plan.groups) if len({unit_of[i] for i in group}) == 1]

    def work_with(regions: Mapping[str, str]) -> dict[str, UnitWork]:
        made = {n: _unit_work(graph, tables, device, units[n], plan, unit_of, regions, table) for n in units}
        return {
            n: side_by_side(grouped(own, graph, [group for group in groups if unit_of[group[0]] == n]), shares)
            for n, own in made.items()
        }

    work = work_with(plan.regions)
    placement = place(graph, _tenants(graph, tables, device, plan, unit_of, units, work))
    regions = {**placement.regions, **plan.regions}
    if _away_from_home(placement, units):
        work = work_with(regions)
    moves = transfers_of(graph, device, units, unit_of, regions)
    for name in dict.fromkeys(move.link for move in moves if move.link):
        work[name] = link_work(device.links[name], [m for m in moves if m.link == name], len(graph.operators))
    tasks = TaskList(graph, plan, work, unit_of, moves).tasks
    notes = (*placement.notes, *_notes(device, plan, unit_of, moves), *_wider(graph, units, unit_of))
    found = Schedule(graph, device, plan, tuple(tasks), work, unit_of, units, tables, placement, notes)
    return found if plan.swap is None else swapped(found, plan.swap)


def as_compiled(graph: Graph, runtime: Runtime | None) -> Graph:
    """The network after what the compiler of a runtime takes out of it; the operators stay in their places."""
    removed = runtime.removes if runtime is not None else ()
    return remove_dead_channels(graph) if "dead_channels" in removed else graph


def _unit_work(
    graph: Graph, tables: GraphTables, device: Device, unit: ComputeUnit, plan: Plan, unit_of: Sequence[str],
    regions: Mapping[str, str], table: Mapping[str, Lowering],
) -> UnitWork:  # fmt: skip
    if unit.kind not in table:
        raise ScheduleError(f"unit '{unit.name}': kind '{unit.kind}' has no lowering; {nearest(unit.kind, table)}")
    main = unit.name == plan.unit
    settings = UnitSettings(
        threads=plan.threads if main else (unit.cores if isinstance(unit, CpuUnit) else 1),
        runtime=runtime_named(plan.runtime if main else unit.runtime),
        dataflow=plan.dataflow if main else None,
        mappings=plan.mappings if main else {},
        timing=plan.timing,
        hypothetical=plan.hypothetical,
        seed=plan.seed,
        regions=regions,
    )
    mine = np.array([name == unit.name for name in unit_of], dtype=np.bool_)
    work = with_algorithms(table[unit.kind](graph, tables, device, unit, settings, mine), graph, plan.algorithms)
    return carried(without_zeros(work, graph, unit.skips), graph, device, unit, mine)


def _tenants(
    graph: Graph, tables: GraphTables, device: Device, plan: Plan, unit_of: Sequence[str], units: Mapping[str, ComputeUnit],
    work: Mapping[str, UnitWork],
) -> Tenants:  # fmt: skip
    kinds = [KINDS[code] for code in tables.operators.kind]
    coming = graph.settings.get("streamed", ())
    views = frozenset(i for i, o in enumerate(graph.operators) if is_view(o) and o.inputs[0] not in coming)
    joins = frozenset(i for i, operator in enumerate(graph.operators) if is_join(operator))
    index = {operator.name: i for i, operator in enumerate(graph.operators)}
    hosts = [(i, detail["fused_into"]) for w in work.values() for i, detail in w.details.items() if detail.get("fused_into")]
    fused = hidden_behind(graph, indices(graph, plan.groups)) | {i: index[host] for i, host in hosts}
    return Tenants(
        device, units, tuple(unit_of), kinds, plan.unit, load_memory_profile(plan.profile), Sharing(views, fused, joins), plan.batch,
        code_bytes(graph, runtime_named(plan.runtime), fused), plan.regions, plan.levers,
    )  # fmt: skip


def is_view(operator: Operator) -> bool:
    """True where the output is the first input under another shape, in the same place."""
    rule = rule_of(operator)
    return isinstance(rule, FreeRule) and rule.aliases and bool(operator.inputs and operator.inputs[0])


def is_join(operator: Operator) -> bool:
    """True where the inputs are parts of the output, written where they lie in it."""
    return isinstance(rule_of(operator), Assemble)


def _away_from_home(placement: Placement, units: Mapping[str, ComputeUnit]) -> bool:
    """True where a tensor lives elsewhere than in the first memory of its unit's lists: lowering must know."""
    homes = {name for unit in units.values() for name in (*unit.weights_in[:1], *unit.activations_in[:1])}
    return bool(set(placement.regions.values()) - homes)


def _wider(graph: Graph, units: Mapping[str, ComputeUnit], unit_of: Sequence[str]) -> list[str]:
    """Which narrow operands of products a unit computes in a wider type, because it has no arithmetic of their own."""
    found: dict[tuple[str, str], None] = {}
    for operator, name in zip(graph.operators, unit_of, strict=True):
        read = [graph.tensors[source] for source in operator.inputs[:2] if source]
        if len(read) == 2 and read[1].role == "weight":
            dtype = read[0].dtype
            if dtype not in WEIGHT_FORMATS and not is_float(dtype) and bits(dtype) <= 8 and dtype not in units[name].dtypes:
                found[name, dtype] = None
    return [
        f"types: unit '{name}' has no {dtype} arithmetic and computes it in {_widened(units[name], dtype)}" for name, dtype in found
    ]


def _widened(unit: ComputeUnit, dtype: str) -> str:
    """The narrowest type of a unit that holds another."""
    return min((other for other in unit.dtypes if bits(other) >= bits(dtype)), key=bits, default=unit.dtypes[0])


def _notes(device: Device, plan: Plan, unit_of: Sequence[str], moves: Sequence[Transfer]) -> list[str]:
    notes = []
    others = [name for name in unit_of if name != plan.unit]
    if others:
        assumed = " (assumed: the device file names no host)" if IDEAL_VECTOR in others else ""
        notes.append(f"host: {others[0]}{assumed} runs {len(others)} of {len(unit_of)} operators")
    unpriced = [move for move in moves if move.link is None]
    if unpriced:
        paths = sorted({f"{m.source} to {m.target}" for m in unpriced})
        notes.append(
            f"transfers: {sum(m.bytes for m in unpriced):,} B {', '.join(paths)} are not priced; {device.name} names no link there"
        )
    return notes
