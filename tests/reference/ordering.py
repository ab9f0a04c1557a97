"""The least peak over all orders, slowly: every order is walked through, and what is held is summed up anew at every step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from strategies.ordering import OrderProblem


def all_orders(problem: OrderProblem, begun: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Every order in which nothing runs before what must come first."""
    if len(begun) == len(problem):
        yield begun
    for operator in range(len(problem)):
        if operator not in begun and problem.before[operator] <= set(begun):
            yield from all_orders(problem, (*begun, operator))


def held_bytes(problem: OrderProblem, order: Sequence[int]) -> list[int]:
    """Bytes held while each operator of an order runs: of every allocation, is it there, and is it still needed?"""
    found = []
    for step, operator in enumerate(order):
        there = {None, *order[: step + 1]}
        needed = set(order[step:])
        held = sum(a.size for a in problem.allocations if a.writer in there and (a.stays or needed & set(a.users)))
        share = problem.sharing.get(operator)
        if share is not None:
            source = problem.allocations[share.allocation]
            if not source.stays and not set(order[step + 1 :]) & set(source.users):
                held -= share.saved
        found.append(held + problem.workspace[operator])
    return found


def least_peak(problem: OrderProblem) -> int:
    """The least largest sum over all orders."""
    return min(max(held_bytes(problem, order), default=problem.initial_bytes) for order in all_orders(problem))
