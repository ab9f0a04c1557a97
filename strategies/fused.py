"""Fusion as a strategy: by rule, by class, or by cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from dataflows.grouping import absorbed, grouped
from dataflows.unit_work import UnitWork
from sim.schedule import Schedule
from strategies.fusing import MOST_MEMBERS, Cost, Fusible, best_fusion, greedy_fusion
from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy
from strategies.transformed import activation_bytes, counted
from workloads.graph import Graph
from workloads.transforms import fuse_activations

#: How groups are found.
METHODS = ("rules", "classes", "search")


def _fused(problem: Problem, method: str, most: int) -> tuple[Problem, str]:
    if method == "rules":
        return _by_rules(problem)
    schedule = problem.schedule()
    fusible = Fusible(schedule.graph, measure=method == "search", most=most, hosts=hosts_of(schedule))
    cost = cost_of(schedule)
    found = best_fusion(fusible, cost) if method == "search" else greedy_fusion(fusible, cost)
    groups = [group for group in found.groups if cost(group) < sum(cost((i,)) for i in group)]
    names = tuple(tuple(schedule.graph.operators[i].name for i in group) for group in groups)
    changed = problem.replace(plan=replace(problem.plan, groups=names))
    after = changed.schedule()
    proof = "" if method == "classes" else ", the best there is" if found.exact else ", found greedily"
    return changed, (
        f"{counted(len(groups), 'group')} of {sum(map(len, groups))} operators{proof}: {moved_bytes(schedule):,} B moved to "
        f"{moved_bytes(after):,} B, {starts(schedule):,.0f} starts to {starts(after):,.0f}"
    )


def _by_rules(problem: Problem) -> tuple[Problem, str]:
    graph = fuse_activations(problem.graph)
    saved = activation_bytes(problem.graph) - activation_bytes(graph)
    gone = len(problem.graph) - len(graph)
    return problem.replace(graph=graph), f"{counted(gone, 'activation')} joined to what makes their input, {saved:,} B less written"


def hosts_of(schedule: Schedule) -> dict[int, int]:
    """Operators that the runtime computes inside others."""
    return {i: host for work in schedule.work.values() for i, host in absorbed(work, schedule.graph).items()}


def cost_of(schedule: Schedule) -> Cost:
    """Seconds of a group on the units of a schedule; operators of different units are never worth joining."""
    works: Mapping[str, UnitWork] = schedule.work
    graph: Graph = schedule.graph

    def seconds(group: tuple[int, ...]) -> float:
        units = {schedule.unit_of[i] for i in group}
        if len(units) > 1:
            return float("inf")
        work = works[units.pop()]
        return sum(_seconds(grouped_rows(work, graph, group)))

    def _seconds(work: UnitWork) -> Iterator[float]:
        for row in work.amounts:
            spent = row * work.prices
            if work.join == "sum":
                yield float(spent.sum())
            else:
                phases: dict[str, float] = {}
                for term, value in zip(work.terms, spent.tolist(), strict=True):
                    phases[term.phase] = phases.get(term.phase, 0.0) + value
                yield max(phases.values(), default=0.0)

    return seconds


def grouped_rows(work: UnitWork, graph: Graph, group: tuple[int, ...]) -> UnitWork:
    """The rows of one group alone, after grouping."""
    done = grouped(work, graph, [group]) if len(group) > 1 else work
    rows = np.array(group)
    return replace(done, amounts=done.amounts[rows], traffic=done.traffic[rows])


def moved_bytes(schedule: Schedule) -> int:
    """Bytes that all units read from and write to their last level [B]."""
    return sum(int(work.traffic[:, -1].sum()) for work in schedule.work.values() if work.traffic.shape[1])


def starts(schedule: Schedule) -> float:
    """Operators, kernels or layers that are started."""
    total = 0.0
    for work in schedule.work.values():
        for t, term in enumerate(work.terms):
            if term.phase == "overhead" and term.amount_unit in ("operator", "layer", "kernel"):
                total += float(work.amounts[:, t].sum())
    return total


FUSE = Strategy(
    "fuse",
    "operators that run as one: by rule (activations), by class, or by the cheapest partition into groups",
    _fused,
    (
        Parameter(
            "method", "name", "rules", "rules joins activations; classes joins by table; search takes the best partition", METHODS
        ),
        Parameter("most", "count", MOST_MEMBERS, "members of a group, of classes and search", highest=10),
    ),
    exact=True,
)
