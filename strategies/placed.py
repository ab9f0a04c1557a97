"""Operators spread over the units of one chip, as a strategy: each where the whole ends first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hwmodels.costs.link import transfer_seconds
from hwmodels.device import CpuUnit
from sim.assignment import computes, host_of, unit_named
from sim.errors import ScheduleError
from sim.estimate import estimate
from sim.lower import lower
from sim.plan import Plan
from sim.transfers import link_between
from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy, refusal
from strategies.transformed import counted
from strategies.unrelated import UnrelatedTasks, heft
from workloads.errors import nearest
from workloads.graph import Graph

#: Kinds that a vector unit beside an array is not given: it is there for what is left, and its memory is taken as ideal.
HEAVY = frozenset({"convolution", "depthwise", "fully_connected", "matmul", "attention", "recurrent"})


def _placed(problem: Problem, units: tuple[str, ...]) -> tuple[Problem, str]:
    names = units or _units_of(problem)
    for name in names:
        if name not in problem.device.units:
            known = problem.device.units
            raise refusal("place", f"unit '{name}' is not one of {problem.device.name}; {nearest(name, known)}")
    if len(names) < 2:
        raise refusal("place", f"{problem.device.name} has the unit '{problem.plan.unit}' alone; a device with several is expected")
    graph = problem.runnable
    columns = [seconds_on(problem, graph, name) for name in names]
    times = tuple(tuple(column[i] for column in columns) for i in range(len(graph)))
    blind = next((graph.operators[i].name for i, row in enumerate(times) if not any(map(math.isfinite, row))), None)
    if blind is not None:
        raise refusal("place", f"operator '{blind}' runs on none of {', '.join(names)} in its type; other units are expected")
    found = heft(UnrelatedTasks(times, hand_overs(problem, graph, names)))
    placement = {operator.name: names[p] for operator, p in zip(graph.operators, found.processors, strict=True)}
    spread = replace(problem.plan, placement=placement, one_at_a_time=False)
    choices = [problem.plan, *(replace(problem.plan, placement=_all_on(graph, times, names, p)) for p in range(len(names))), spread]
    priced = [(_seconds(problem, graph, plan), k, plan) for k, plan in enumerate(choices)]
    best = min(entry for entry in priced if math.isfinite(entry[0]))[2]
    before, after = priced[0][0], min(entry[0] for entry in priced)
    if best is problem.plan:
        return (
            problem,
            f"the placement stays; spread over {' and '.join(names)} it would take {100 * priced[-1][0] / before:.3g} % of the time",
        )
    counts = Counter(best.placement.values())
    said = ", ".join(f"{counted(counts[name], 'operator')} on {name}" for name in names if counts[name])
    return problem.replace(plan=best), f"{said}; {100 * after / before:.3g} % of the time"


def _units_of(problem: Problem) -> tuple[str, ...]:
    """The chosen unit, its host, and the units of other kinds; clusters of one processor stand for each other."""
    device, plan = problem.device, problem.plan
    kinds = {unit_named(device, plan.unit).kind}
    found = [plan.unit]
    host = host_of(device, plan).name
    for name, unit in device.units.items():
        if name not in found and (unit.kind not in kinds or name == host):
            found.append(name)
            kinds.add(unit.kind)
    return tuple(found)


def seconds_on(problem: Problem, graph: Graph, name: str) -> list[float]:
    """Time of each operator on one unit; infinite where the unit cannot run it or cannot compute its types [s]."""
    unit = unit_named(problem.device, name)
    own = name == problem.plan.unit
    plan = replace(
        problem.plan, unit=name, placement={}, runtime=problem.plan.runtime if own else unit.runtime,
        threads=problem.plan.threads if own else unit.cores if isinstance(unit, CpuUnit) else 1,
        dataflow=problem.plan.dataflow if own else None, mappings=problem.plan.mappings if own else {},
    )  # fmt: skip
    if any(not computes(unit, t.dtype) for t in graph.tensors.values()):
        return [math.inf] * len(graph)
    try:
        rows = estimate(lower(graph, problem.device, plan)).operators
    except ScheduleError:
        return [math.inf] * len(graph)
    helper = unit.kind == "vector"
    return [row.latency_s if row.unit == name and not (helper and row.kind in HEAVY) else math.inf for row in rows]


def hand_overs(problem: Problem, graph: Graph, names: Sequence[str]) -> tuple[tuple[int, int, float], ...]:
    """Time to hand results over between units: nothing where they share a memory, else the link between theirs [s]."""
    sets = [problem.device.units[name].activations_in for name in names]
    links = {
        link.name: link
        for a in sets
        for b in sets
        if a and b and not set(a) & set(b) and (link := link_between(problem.device, a[0], b[0])) is not None
    }
    edges: dict[tuple[int, int], float] = {}
    for name, source in graph.producer.items():
        for reader in graph.consumers[name]:
            size = graph.tensors[name].bytes
            time = max((transfer_seconds(size, x.bandwidth_bytes_per_s, x.latency_s) for x in links.values()), default=0.0)
            edges[source, reader] = edges.get((source, reader), 0.0) + time
    return tuple((a, b, time) for (a, b), time in sorted(edges.items()))


def _all_on(graph: Graph, times: Sequence[Sequence[float]], names: Sequence[str], p: int) -> dict[str, str]:
    """Everything on one unit, what it cannot run on the one that is fastest."""
    return {
        operator.name: names[p] if math.isfinite(row[p]) else names[min(range(len(row)), key=lambda k: row[k])]
        for operator, row in zip(graph.operators, times, strict=True)
    }


def _seconds(problem: Problem, graph: Graph, plan: Plan) -> float:
    try:
        return estimate(lower(graph, problem.device, plan)).latency_s
    except ScheduleError:
        return math.inf


PLACE = Strategy(
    "place",
    "operators spread over the units of one chip (CPU, GPU, array), each where the whole ends first; units overlap",
    _placed,
    (Parameter("units", "names", (), "these units; the chosen one, its host and those of other kinds without"),),
    touches="plan",
    exact=True,
)
