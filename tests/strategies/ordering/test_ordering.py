"""Orders: against all orders, published optima, laws; compiled and plain search; beam, local search, constraint programming."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.errors import OrderError
from strategies.ordering import Allocation, Ordering, OrderProblem, least_peak_order
from strategies.ordering.beam import beam_order, local_order
from strategies.ordering.kernels import order_peak, search_order, search_sets
from strategies.ordering.of_graph import order_problem
from strategies.ordering.satisfaction import satisfy
from strategies.ordering.tables import order_table, parts_of
from tests.reference.ordering import held_bytes, least_peak
from tests.strategies.ordering.problems import of_edges, problems, randomly_wired
from workloads import Graph, Operator, Tensor
from workloads.networks import build


def solved(problem: OrderProblem) -> Ordering:
    found = least_peak_order(problem)
    assert found.optimal and found.peak == problem.peak(found.order)
    return found


@given(problems(), st.data())
@settings(deadline=None, max_examples=150)
def test_bytes_held_are_those_of_the_plain_sum(problem: OrderProblem, data: st.DataObject) -> None:
    ran: list[int] = []
    while len(ran) < len(problem):
        ready = [v for v in range(len(problem)) if v not in ran and problem.before[v] <= set(ran)]
        ran.append(data.draw(st.sampled_from(ready)))
    assert problem.loads(ran) == held_bytes(problem, ran)


@given(problems())
@settings(deadline=None, max_examples=250)
def test_equals_brute_force(problem: OrderProblem) -> None:
    assert solved(problem).peak == least_peak(problem)


@given(problems(), st.integers(2, 9))
@settings(deadline=None, max_examples=40)
def test_scaling_all_bytes_scales_the_peak_and_bounds_hold(problem: OrderProblem, factor: int) -> None:
    larger = OrderProblem(
        problem.before,
        tuple(Allocation(factor * a.size, a.users, a.writer, a.stays) for a in problem.allocations),
        tuple(factor * size for size in problem.workspace),
        {v: type(s)(s.allocation, factor * s.saved) for v, s in problem.sharing.items()},
    )
    peak = solved(problem).peak
    assert solved(larger).peak == factor * peak
    assert problem.lower_bound() <= peak <= problem.peak(range(len(problem)))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_a_chain_holds_its_largest_pair(sizes: list[int]) -> None:
    found = solved(of_edges(sizes, [(i, i + 1) for i in range(len(sizes) - 1)]))
    assert found.peak == max(a + b for a, b in zip(sizes, [*sizes[1:], 0], strict=True))
    assert found.order == tuple(range(len(sizes))) and found.method == "given"


@given(problems(6))
@settings(deadline=None, max_examples=30)
def test_two_copies_need_no_more_than_one_beside_the_results_of_the_other(problem: OrderProblem) -> None:
    count, shift = len(problem), len(problem.allocations)
    both = OrderProblem(
        (*problem.before, *(frozenset(s + count for s in sources) for sources in problem.before)),
        (*problem.allocations, *(Allocation(a.size, tuple(u + count for u in a.users), None if a.writer is None else a.writer + count,
                                            a.stays) for a in problem.allocations)),
        problem.workspace * 2,
        problem.sharing | {v + count: type(s)(s.allocation + shift, s.saved) for v, s in problem.sharing.items()},
    )  # fmt: skip
    results = sum(a.size for a in problem.allocations if a.stays)
    waiting = sum(a.size for a in problem.allocations if a.writer is None and not a.stays)
    assert solved(both).peak <= solved(problem).peak + max(results, waiting + results)


@given(problems())
@settings(deadline=None, max_examples=60)
def test_compiled_and_plain_search_agree(problem: OrderProblem) -> None:
    for part in parts_of(problem):
        table = order_table(problem, part)
        below = 1 + max(problem.loads(range(len(problem))), default=0)
        plain, compiled = search_sets(table, 400), search_sets(table, 400)
        status = search_order(table, plain, part.start_bytes, 0, below)
        assert status == search_order.compiled(table, compiled, part.start_bytes, 0, below)
        for one, two in zip(plain, compiled, strict=True):
            assert np.array_equal(one, two)


@given(problems(), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_beam_and_local_search_give_valid_orders_between_the_bounds(problem: OrderProblem, width: int) -> None:
    for part in parts_of(problem):
        table = order_table(problem, part)
        members = np.zeros(table.before.shape[1], np.int64)
        beam = beam_order(table, part.start_bytes, width)
        local = local_order(table, part.start_bytes, beam, moves=50)
        assert sorted(beam) == sorted(local) == list(range(len(part.members)))
        peaks = [order_peak(table, np.array(order, np.int64), part.start_bytes, members) for order in (beam, local)]
        assert peaks[1] <= peaks[0]
    orders = [
        part.members[k] for part in parts_of(problem) for k in beam_order(order_table(problem, part), part.start_bytes, width)
    ]
    assert problem.peak(orders) >= solved(problem).peak


@given(problems(5).filter(lambda problem: not problem.sharing))
@settings(deadline=None, max_examples=12)
def test_constraint_programming_agrees(problem: OrderProblem) -> None:
    answer = satisfy(problem, range(len(problem)), 0, 5.0)
    least = least_peak(problem)
    assert answer.order is not None and problem.peak(answer.order) == least == answer.bound


def test_a_tree_runs_the_branch_with_the_higher_hill_first() -> None:
    # Two branches into one sum: 9 -> 1 and 2 -> 2. Written order: the second one first. While 9 and 1 are held the other branch has
    # left 2: 12. The other way round the hill of 10 comes alone, then 1 + 2 + 2 = 5.
    found = solved(of_edges([2, 2, 9, 1, 1], [(0, 1), (2, 3), (1, 4), (3, 4)]))
    assert found.peak == 10 and found.order == (2, 3, 0, 1, 4)


def test_parts_are_cut_where_everything_passes() -> None:
    # 0 -> {1, 2} -> 3 -> 4; 5 beside all of it joins at 6
    diamond = of_edges([1] * 5, [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4)])
    assert [part.members for part in parts_of(diamond)] == [(0,), (1, 2, 3), (4,)]
    beside = of_edges([1] * 7, [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (4, 6), (5, 6)])
    assert [part.members for part in parts_of(beside)] == [(0, 1, 2, 3, 4, 5, 6)]


def test_a_skip_connection_is_held_through_the_parts_it_passes() -> None:
    # 0 is read by 1 and by 3: while 1, 2 run, its 100 bytes are there
    problem = of_edges([100, 1, 2, 3], [(0, 1), (1, 2), (2, 3), (0, 3)])
    assert problem.loads(range(4)) == [100, 101, 103, 105]
    assert [part.start_bytes for part in parts_of(problem)] == [0, 100, 101, 102]


def test_an_order_that_is_none_is_refused_in_words() -> None:
    problem = of_edges([1, 2, 3], [(0, 1), (1, 2)])
    with pytest.raises(OrderError, match="operator 1 before 0"):
        problem.peak([1, 0, 2])
    with pytest.raises(OrderError, match="stands twice"):
        problem.peak([0, 0, 1])
    with pytest.raises(OrderError, match="2 of 3 operators"):
        problem.peak([0, 1])


def test_where_the_search_gives_up_the_gap_is_told() -> None:
    problem = randomly_wired(40, 3)
    found = least_peak_order(problem, most_sets=300)
    assert not found.optimal and found.method in ("beam", "local", "constraint", "given")
    assert problem.lower_bound() <= found.lower_bound < found.peak == problem.peak(found.order)
    assert found.gap == found.peak / found.lower_bound - 1.0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_randomly_wired_networks_are_ordered_and_proved(seed: int) -> None:
    problem = randomly_wired(32, seed, stages=3)
    assert solved(problem).peak < problem.peak(range(len(problem)))


@pytest.mark.parametrize(
    ("network", "gains"), [("densenet121", False), ("inception_v3", False), ("nasnet_mobile", True), ("pnasnet_mobile", True)]
)
def test_networks_of_the_catalogue_are_ordered_and_proved(network: str, gains: bool) -> None:
    problem = order_problem(build(network))
    found = solved(problem)
    assert (found.peak < problem.peak(range(len(problem)))) == gains


def test_working_sets_of_a_small_network() -> None:
    # README of oxmlsys/tflite-tools (Liberis and Lane, 2019): bytes of each tensor, and the sum of those alive at each step
    sizes = {"t2": 3072, "t1": 14400, "t4": 12544, "t9": 3136, "t8": 128, "t5": 10, "t7": 10}
    names = list(sizes)
    roles = dict.fromkeys(names, "activation") | {"t2": "input", "t7": "output"}
    tensors = [Tensor(name, (sizes[name],), "int8", roles[name]) for name in names]  # type: ignore[arg-type]
    steps = [Operator(f"step {k}", "Custom", (a,), (b,)) for k, (a, b) in enumerate(zip(names[:-1], names[1:], strict=True))]
    problem = order_problem(Graph.build("small", steps, tensors))
    assert problem.loads(range(6)) == [17472, 26944, 15680, 3264, 138, 20]
    assert solved(problem).peak == 26944


def test_golden_orders(shared_folder: Path) -> None:
    cases = json.loads((shared_folder / "measured/memory/instances/ordering_golden.json").read_text(encoding="utf-8"))
    for case in cases:
        problem = of_edges(case["size"], [tuple(edge) for edge in case["edges"]])
        assert problem.peak(range(case["n"])) == case["id_order_peak"], case["id"]
        assert solved(problem).peak == case["min_peak"], case["id"]
