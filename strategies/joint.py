"""Order and addresses together: the lowest arena over all orders, where the best order has none as low as its peak load.

One after the other is nearly always enough: an order of least peak, then an arena of that height. Where the arena stays above the peak
load, other orders of the same operators may lie better. Constraint programming has both in one model: a position for each operator, a
rectangle for each allocation from the position of its writer to the one after its last user, at a variable address. It scales to tens
of operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.arena import Span
from strategies.ordering.problem import OrderProblem

#: Most operators given to the solver, its measure of work (about seconds), and when the clock stops it should that measure not [s].
MOST_OPERATORS, WORK, LONGEST_S = 40, 4.0, 30.0


@dataclass(frozen=True)
class JointPlan:
    """An order, the addresses of its allocations, and what is known about the height.

    Attributes
    ----------
    order : tuple of int
        Operators, first to last.
    offsets : tuple of int
        Of each rectangle of :func:`rectangles` in that order [B].
    height, lower_bound : int
        Of the arena; no order and no addresses need less than the bound [B].
    """

    order: tuple[int, ...]
    offsets: tuple[int, ...]
    height: int
    lower_bound: int

    @property
    def optimal(self) -> bool:
        """True where nothing is lower: proved."""
        return self.height == self.lower_bound


def rectangles(problem: OrderProblem, order: Sequence[int]) -> list[Span]:
    """Allocations that hold bytes, then workspaces, as rectangles of an arena in a given order."""
    position = {operator: step for step, operator in enumerate(order)}
    end = len(order)
    found = []
    for a in problem.allocations:
        if a.size and (a.users or a.stays):
            lower = 0 if a.writer is None else position[a.writer]
            upper = end if a.stays else 1 + max(position[user] for user in a.users)
            found.append(Span(lower, max(upper, lower + 1), a.size))
    found += [Span(position[v], position[v] + 1, size) for v, size in enumerate(problem.workspace) if size]
    return found


def lowest_arena_of_all_orders(
    problem: OrderProblem, order: Sequence[int], offsets: Sequence[int], height: int, lower_bound: int, seed: int = 0
) -> JointPlan:
    """The lowest arena over all orders that was found, beginning with an order and its addresses.

    Parameters
    ----------
    problem : OrderProblem
        Nothing in it is written over anything else; larger ones than the solver takes keep what was given.
    order, offsets : sequence of int
        To begin with: operators, and addresses of :func:`rectangles` [B].
    height : int
        Of that arena [B].
    lower_bound : int
        What no order holds less than [B].
    seed : int
    """
    given = JointPlan(tuple(order), tuple(offsets), height, lower_bound)
    if given.optimal or problem.sharing or len(problem) > MOST_OPERATORS or not problem.allocations:
        return given
    return _solved(problem, given, seed)


def _solved(problem: OrderProblem, given: JointPlan, seed: int) -> JointPlan:
    from ortools.sat.python import cp_model

    count = len(problem)
    model = cp_model.CpModel()
    position = [model.new_int_var(0, count - 1, f"position {v}") for v in range(count)]
    model.add_all_different(position)
    for operator, before in enumerate(problem.before):
        for source in before:
            model.add(position[source] < position[operator])
    for place, operator in enumerate(given.order):
        model.add_hint(position[operator], place)
    tall = model.new_int_var(given.lower_bound, given.height, "height")
    across: list[cp_model.IntervalVar] = []
    upward: list[cp_model.IntervalVar] = []
    addresses: list[cp_model.IntVar] = []

    def rectangle(start: cp_model.LinearExprT, end: cp_model.LinearExprT, size: int) -> None:
        number = len(addresses)
        length = model.new_int_var(1, count, f"length {number}")
        address = model.new_int_var(0, given.height - size, f"address {number}")
        across.append(model.new_interval_var(start, length, end, f"life {number}"))
        upward.append(model.new_fixed_size_interval_var(address, size, f"bytes {number}"))
        model.add(address + size <= tall)
        model.add_hint(address, given.offsets[number])
        addresses.append(address)

    for a in problem.allocations:
        if a.size and (a.users or a.stays):
            end = model.new_int_var(1, count, "end")
            if a.stays:
                model.add(end == count)
            else:
                model.add_max_equality(end, [position[user] + 1 for user in a.users])
            rectangle(0 if a.writer is None else position[a.writer], end, a.size)
    for operator, size in enumerate(problem.workspace):
        if size:
            rectangle(position[operator], position[operator] + 1, size)
    model.add_no_overlap_2d(across, upward)
    model.minimize(tall)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers, solver.parameters.random_seed = 1, seed
    solver.parameters.max_deterministic_time, solver.parameters.max_time_in_seconds = WORK, LONGEST_S
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return given
    order = tuple(sorted(range(count), key=lambda v: solver.value(position[v])))
    bound = max(given.lower_bound, round(solver.best_objective_bound))
    found = tuple(solver.value(address) for address in addresses)
    return JointPlan(order, found, solver.value(tall), min(bound, solver.value(tall)))
