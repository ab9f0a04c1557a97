"""Branches side by side on one unit, as a strategy: stages that fill what single operators leave idle."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from dataflows.grouping import absorbed
from dataflows.unit_work import UnitWork
from hwmodels.device import CpuUnit, GpuUnit
from sim.schedule import Schedule
from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.staging import Sharers, best_stages
from strategies.strategy import Strategy, refusal
from strategies.transformed import counted
from workloads.graph import Graph

#: Share of its peak that a unit reaches when nothing is left idle. From the sample block of IOS on a V100: a 3x3 convolution of 375
#: channels on 15 x 15 reaches 0.33 of the peak by itself and 1 / 0.68 of that beside another (Ding et al., MLSys 2021). Fitted.
FULL = 0.48


def _staged(problem: Problem, most: int, full: float) -> tuple[Problem, str]:
    schedule = problem.schedule()
    unit = schedule.units[schedule.plan.unit]
    if not (isinstance(unit, GpuUnit) or (isinstance(unit, CpuUnit) and schedule.plan.threads > 1)):
        raise refusal("stages", f"unit '{unit.name}' runs one operator at a time; a GPU or a CPU with several threads is expected")
    work = schedule.work[unit.name]
    shares: dict[str, float] = {}
    before = after = 0.0
    exact = True
    for block in blocks_of(schedule.graph):
        members = [i for i in block if schedule.unit_of[i] == unit.name and i not in absorbed(work, schedule.graph)]
        if len(members) != len([i for i in block if i not in absorbed(work, schedule.graph)]):
            continue
        sharers = sharers_of(schedule, work, members, full)
        found = best_stages(sharers, most)
        exact &= found.exact
        before, after = before + math.fsum(sharers.times), after + min(found.total, math.fsum(sharers.times))
        for stage, time in zip(found.members, found.times, strict=True):
            alone = math.fsum(sharers.times[k] for k in stage)
            if len(stage) > 1 and time < alone:
                shares.update((schedule.graph.operators[members[k]].name, time / alone) for k in stage)
    if not shares:
        return problem, "no two operators leave enough idle for each other"
    proof = "" if exact else " (large blocks greedily)"
    spent = f"{1e3 * before:.3g} ms of the unit to {1e3 * after:.3g} ms"
    said = f"{counted(len(shares), 'operator')} side by side{proof}: {spent}; memory is counted as if one by one"
    return problem.replace(plan=replace(problem.plan, side_by_side=shares)), said


def blocks_of(graph: Graph) -> list[tuple[int, ...]]:
    """The operators in order, cut where all that lives on is what one operator wrote."""
    alive: set[str] = set()
    blocks: list[tuple[int, ...]] = []
    current: list[int] = []
    for i, operator in enumerate(graph.operators):
        current.append(i)
        alive.update(name for name in operator.outputs if name)
        alive = {name for name in alive if any(reader > i for reader in graph.consumers[name])}
        if alive <= set(operator.outputs):
            blocks.append(tuple(current))
            current = []
    return blocks + ([tuple(current)] if current else [])


def sharers_of(schedule: Schedule, work: UnitWork, members: list[int], full: float) -> Sharers:
    """Times, fills and memory times of some operators of a unit; what the host does is left out."""
    kept = np.array([term.phase != work.enqueue_phase for term in work.terms])
    memory = np.array([term.phase in work.levels for term in work.terms])
    seconds = work.amounts[members] * work.prices
    times = tuple((seconds * kept).sum(axis=1).tolist())
    streams = tuple((seconds * memory).sum(axis=1).tolist())
    uses = [work.details.get(i, {}).get("utilization") for i in members]
    fills = tuple(
        1.0 if use is None and t > 0 and s < t / 2 else min(1.0, (use or 0.0) / full)
        for use, t, s in zip(uses, times, streams, strict=True)
    )
    place = {i: k for k, i in enumerate(members)}
    into = absorbed(work, schedule.graph)
    before = []
    for i in members:
        inside = {i, *(j for j, host in into.items() if host == i)}
        makers = {
            schedule.graph.producer[name]
            for j in inside
            for name in schedule.graph.operators[j].inputs
            if name in schedule.graph.producer
        }
        hosts = {into.get(maker, maker) for maker in makers} - {i}
        before.append(sum(1 << place[host] for host in hosts if host in place and host < i))
    return Sharers(times, fills, streams, tuple(before))


STAGES = Strategy(
    "stages",
    "branches side by side on one unit, in stages that fill what single operators leave idle",
    _staged,
    (
        Parameter("most", "count", 4, "operators of a stage", highest=8),
        Parameter("full", "share", FULL, "share of its peak that the unit reaches when nothing is idle"),
    ),
    touches="plan",
    exact=True,
)
