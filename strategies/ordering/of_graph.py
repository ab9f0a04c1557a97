"""A network as an ordering problem: its allocations under a memory profile, and what is written over what."""

from __future__ import annotations

from itertools import pairwise

from dataflows.carried import in_stage
from hwmodels.memory_profile import load_memory_profile
from sim.accounting import Allocations, allocations_of
from sim.buffers import Sharing as Shared
from strategies.ordering.problem import Allocation, OrderProblem, Sharing
from workloads.graph import Graph


def order_problem(graph: Graph, sharing: Shared | None = None) -> OrderProblem:
    """The ordering problem of a network's activations without overhead; operators are numbered as in the graph."""
    kinds = ["unmodelled"] * len(graph.operators)  # without in-place rules and workspace, kinds make no difference
    return order_problem_of(allocations_of(graph, kinds, sharing or Shared(), load_memory_profile("ideal")))


def order_problem_of(counted: Allocations) -> OrderProblem:
    """The ordering problem of a network under the profile its allocations were counted with."""
    graph = counted.graph
    return OrderProblem(
        _before(graph),
        tuple(Allocation(a.bytes, a.users, a.writer, a.stays) for a in counted.allocations),
        counted.workspace,
        {i: Sharing(overlap.source, overlap.saved) for i, overlap in counted.overlaps.items()},
    )


def _before(graph: Graph) -> tuple[frozenset[int], ...]:
    """Per operator, those that must run before it: who writes what it reads; of a stage that is run depth first, the one before it.

    Rows of a strip are written over rows that the strips before have done with, so that no strip may overtake another.
    """
    before = [{graph.producer[name] for name in operator.inputs if name in graph.producer} for operator in graph.operators]
    if "depth_first" in graph.settings:
        strips = [i for i in range(len(graph.operators)) if in_stage(graph, i)]
        for earlier, later in pairwise(strips):
            before[later].add(earlier)
    return tuple(map(frozenset, before))
