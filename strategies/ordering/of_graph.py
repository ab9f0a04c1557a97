"""A network as an ordering problem: one allocation per group of tensors that share bytes."""

from __future__ import annotations

from sim.buffers import Sharing, buffers_of
from strategies.ordering.problem import Allocation, OrderProblem
from workloads.graph import Graph


def order_problem(graph: Graph, sharing: Sharing | None = None) -> OrderProblem:
    """The ordering problem of a network's activations; operators are numbered as in the graph."""
    allocations = []
    for buffer in buffers_of(graph, sharing or Sharing()):
        users = sorted({
            i for name in buffer.tensors for i in (*graph.consumers[name], *([graph.producer[name]] if name in graph.producer else []))
        })  # fmt: skip
        writer = None if buffer.first < 0 else buffer.first
        allocations.append(Allocation(buffer.bytes, tuple(users), writer, buffer.last >= len(graph.operators)))
    before = [
        frozenset(graph.producer[name] for name in operator.inputs if name in graph.producer) for operator in graph.operators
    ]  # fmt: skip
    return OrderProblem(tuple(before), tuple(allocations), (0,) * len(graph.operators))
