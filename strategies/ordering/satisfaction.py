"""The order with the least peak by constraint programming: positions that differ, and bytes that accumulate over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strategies.ordering.problem import OrderProblem

#: The clock stops the solver then, should its own measure of work not [s].
LONGEST_S = 30.0


@dataclass(frozen=True)
class Satisfaction:
    """The best order found, if any, and the bound that was proved [B]."""

    order: list[int] | None
    bound: int


def satisfy(problem: OrderProblem, hint: Sequence[int], lower_bound: int, work: float, seed: int = 0) -> Satisfaction:
    """The best order found with so much deterministic work (about seconds), beginning with ``hint``."""
    from ortools.sat.python import cp_model

    count = len(problem)
    upper = problem.peak(hint)
    model = cp_model.CpModel()
    position = [model.new_int_var(0, count - 1, f"position {v}") for v in range(count)]
    model.add_all_different(position)
    for operator, before in enumerate(problem.before):
        for source in before:
            model.add(position[source] < position[operator])
    for place, operator in enumerate(hint):
        model.add_hint(position[operator], place)
    peak = model.new_int_var(lower_bound, upper, "peak")
    lives, sizes = [], []
    for index, allocation in enumerate(problem.allocations):
        if not allocation.size or not (allocation.users or allocation.stays):
            continue
        start = 0 if allocation.writer is None else position[allocation.writer]
        end = model.new_int_var(0, count, f"end {index}")
        if allocation.stays:
            model.add(end == count)
        else:
            model.add_max_equality(end, [position[user] + 1 for user in allocation.users])
        length = model.new_int_var(0, count, f"length {index}")
        lives.append(model.new_interval_var(start, length, end, f"life {index}"))
        sizes.append(allocation.size)
    for operator, size in enumerate(problem.workspace):
        if size:
            lives.append(model.new_fixed_size_interval_var(position[operator], 1, f"workspace {operator}"))
            sizes.append(size)
    model.add_cumulative(lives, sizes, peak)
    model.minimize(peak)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = work
    solver.parameters.max_time_in_seconds = LONGEST_S
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Satisfaction(None, lower_bound)
    found = sorted(range(count), key=lambda v: solver.value(position[v]))
    return Satisfaction(found, max(lower_bound, round(solver.best_objective_bound)))
