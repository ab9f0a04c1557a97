"""The order of the operators with the least peak, as a strategy."""

from __future__ import annotations

from sim.buffers import Sharing
from sim.lower import is_view
from sim.schedule import Schedule
from strategies.ordering import least_peak_order
from strategies.ordering.of_graph import order_problem
from strategies.problem import Problem
from strategies.strategy import Strategy


def _reordered(problem: Problem) -> tuple[Problem, str]:
    """The network in the order found, where its placement holds fewer bytes than the one given."""
    schedule = problem.schedule()
    found = least_peak_order(order_problem(schedule.graph, sharing_of(schedule)), seed=problem.seed)
    changed = problem.replace(graph=problem.graph.replace(operators=[problem.graph.operators[i] for i in found.order]))
    before, after = schedule.placement.activations_peak_bytes, changed.schedule().placement.activations_peak_bytes
    if after >= before:
        proof = "; no order holds less" if found.optimal else ""
        return problem, f"the order stays, {before:,} B at the peak{proof}"
    proof = "the least there is" if found.optimal else f"at least {found.lower_bound:,} B are needed"
    return changed, f"another order of the operators: {before:,} B to {after:,} B at the peak, {proof}"


def sharing_of(schedule: Schedule) -> Sharing:
    """Which tensors of a schedule share bytes: views, and what is computed inside the operator before."""
    index = {operator.name: i for i, operator in enumerate(schedule.graph.operators)}
    hosts = [
        (i, detail["fused_into"]) for w in schedule.work.values() for i, detail in w.details.items() if detail.get("fused_into")
    ]
    views = frozenset(i for i, operator in enumerate(schedule.graph.operators) if is_view(operator))
    return Sharing(views, {i: index[host] for i, host in hosts})


REORDER = Strategy("reorder", "the order of the operators that holds the fewest bytes at its worst moment", _reordered, exact=True)
