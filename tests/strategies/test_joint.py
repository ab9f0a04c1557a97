"""Order and addresses together: equal to trying every order with its lowest arena, never above one after the other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from strategies.arena import faults, height, plan_arena
from strategies.joint import JointPlan, lowest_arena_of_all_orders, rectangles
from strategies.ordering import least_peak_order
from strategies.ordering.problem import Allocation, OrderProblem


def random_problem(seed: int, operators: int = 6) -> OrderProblem:
    """Operators that read one or two earlier results; the last results stay."""
    rng = np.random.default_rng(seed)
    before = [frozenset(int(v) for v in rng.choice(v, min(v, int(rng.integers(1, 3))), replace=False)) if v else frozenset()
              for v in range(operators)]  # fmt: skip
    readers = [tuple(w for w in range(operators) if v in before[w]) for v in range(operators)]
    sizes = rng.integers(1, 9, operators)
    allocations = tuple(Allocation(int(sizes[v]), (v, *readers[v]), v, not readers[v]) for v in range(operators))
    return OrderProblem(tuple(before), allocations, tuple(int(w) for w in rng.integers(0, 3, operators)))


def one_after_the_other(problem: OrderProblem) -> JointPlan:
    """The order of least peak, then its lowest arena."""
    found = least_peak_order(problem)
    plan = plan_arena(rectangles(problem, found.order))
    return JointPlan(found.order, plan.offsets, plan.height, found.lower_bound)


@pytest.mark.parametrize("seed", range(12))
def test_lowest_of_all_orders(seed: int) -> None:
    problem = random_problem(seed)
    apart = one_after_the_other(problem)
    found = lowest_arena_of_all_orders(problem, apart.order, apart.offsets, apart.height, apart.lower_bound)
    valid = [
        order for order in itertools.permutations(range(len(problem)))
        if all(order.index(b) < order.index(v) for v in range(len(problem)) for b in problem.before[v])
    ]  # fmt: skip
    best = min(plan_arena(rectangles(problem, order)).height for order in valid)
    assert (found.height, found.lower_bound, found.optimal) == (best, best, True)
    spans = rectangles(problem, found.order)
    assert faults(spans, found.offsets) == [] and height(spans, found.offsets) == best
    assert problem.lower_bound() <= found.height <= apart.height


def test_rectangles_hold_what_the_order_holds() -> None:
    problem = random_problem(3, operators=9)
    order = least_peak_order(problem).order
    loads = problem.loads(order)
    spans = rectangles(problem, order)
    assert [sum(s.size for s in spans if s.lower <= step < s.upper) for step in range(9)] == loads


def test_large_problems_keep_what_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = random_problem(1)
    apart = one_after_the_other(problem)
    monkeypatch.setattr("strategies.joint.MOST_OPERATORS", 5)
    found = lowest_arena_of_all_orders(problem, apart.order, apart.offsets, apart.height + 1, apart.lower_bound)
    assert (found.order, found.height) == (apart.order, apart.height + 1)
