"""Rewrites that keep the function, directed by cost: best first, never worse than the start."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy
from strategies.transformed import counted
from workloads.graph import Graph
from workloads.transforms.substitution import RULES, rewrites

#: A network is looked at further while it costs at most this many times the best so far (Jia et al., TASO, SOSP 2019, section 5).
RELAXED = 1.05

#: Networks that are priced.
MOST = 200


@dataclass(frozen=True)
class Found:
    """The best network, what it costs, and the rewrites that led to it."""

    graph: Graph
    cost: float
    applied: tuple[str, ...]
    priced: int


def search_rewrites(
    graph: Graph, cost: Callable[[Graph], float], *, rules: tuple[str, ...] = tuple(RULES), relaxed: float = RELAXED, most: int = MOST
) -> Found:  # fmt: skip
    """The cheapest network that rewrites lead to, best first.

    A queue ordered by cost; what costs more than ``relaxed`` times the best is not followed. Networks that are equal but for names
    are priced once. Ties are broken by the order in which they were found.
    """
    best = Found(graph, cost(graph), (), 1)
    queue: list[tuple[float, int, Graph, tuple[str, ...]]] = [(best.cost, 0, graph, ())]
    seen, number = {signature(graph)}, 1
    while queue and number < most:
        price, _, at, applied = heapq.heappop(queue)
        if price > relaxed * best.cost:
            continue
        for rewrite in rewrites(at):
            if rewrite.rule not in rules:
                continue
            mark = signature(rewrite.graph)
            if mark in seen or number >= most:
                continue
            seen.add(mark)
            number += 1
            there = cost(rewrite.graph)
            steps = (*applied, f"{rewrite.rule}({rewrite.where})")
            if there < best.cost:
                best = Found(rewrite.graph, there, steps, number)
            if there <= relaxed * best.cost:
                heapq.heappush(queue, (there, number, rewrite.graph, steps))
    return Found(best.graph, best.cost, best.applied, number)


def signature(graph: Graph) -> int:
    """A number that networks share which are equal but for names: operators by what they do and by what they read."""
    marks: dict[str, int] = {}
    for tensor in graph.tensors.values():
        if tensor.name not in graph.producer:
            # Names of inputs and constants stay through all rewrites; those of merged constants are told by their shapes.
            marks[tensor.name] = hash((tensor.role, tensor.shape, tensor.dtype, tensor.name if tensor.role == "input" else ""))
    for operator in graph.operators:
        attributes = tuple(sorted((name, str(value)) for name, value in operator.attributes.items()))
        own = hash((operator.op, attributes, tuple(marks.get(name, 0) for name in operator.inputs)))
        for place, name in enumerate(operator.outputs):
            marks[name] = hash((own, place))
    ends = [marks[name] for operator in graph.operators for name in operator.outputs if name]
    return hash(tuple(sorted(Counter(ends).items())))


def _rewritten(problem: Problem, rules: tuple[str, ...], most: int) -> tuple[Problem, str]:
    def cost(graph: Graph) -> float:
        answer = problem.replace(graph=graph).estimate()
        match problem.objective:
            case "energy" if answer.energy_j is not None:
                return answer.energy_j
            case "edp" if answer.energy_j is not None:
                return answer.energy_j * answer.latency_s
            case "peak":
                return float(answer.activations_peak_bytes)
        return answer.latency_s

    found = search_rewrites(problem.graph, cost, rules=rules or tuple(RULES), most=most)
    names = Counter(step.partition("(")[0] for step in found.applied)
    done = ", ".join(f"{count} x {name}" for name, count in names.items()) or "nothing pays"
    return problem.replace(graph=found.graph), f"{done}; {counted(found.priced, 'network')} looked at"


REWRITE = Strategy(
    "rewrite",
    "rewrites that keep the function (merge, compose, distribute, cancel), directed by cost",
    _rewritten,
    (
        Parameter("rules", "names", (), "only these", tuple(RULES)),
        Parameter("most", "count", MOST, "networks that are priced"),
    ),
    exact=True,
)
