"""The order with the least peak: part by part, over sets of operators, with proof where the rows suffice.

What can be run without a new peak and leaves no more bytes than before is run at once; the rest is tried in order of the peak it
takes, so that the first complete order has the least. This is the dynamic programme over downsets of Ahn et al., "Ordering chaos:
memory-aware scheduling of irregularly wired neural networks for edge devices", MLSys 2020, with its budget raised by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strategies.ordering.beam import beam_order, local_order
from strategies.ordering.kernels import BEST, BOUND, FOUND, FULL, SETS, Sets, order_peak, search_order, search_sets
from strategies.ordering.problem import Ordering, OrderProblem
from strategies.ordering.satisfaction import satisfy
from strategies.ordering.tables import OrderPart, OrderTable, order_table, parts_of

#: Sets of the plain search before the compiled one takes over, and of the compiled one at first; it takes four times as many each time.
PLAIN_SETS, FIRST_SETS = 256, 1 << 13

#: Sets after which the search gives up, and sets times operators of a part: some ten seconds.
MOST_SETS, MOST_WORK = 1 << 17, 1 << 24

#: Parts of up to so many operators are searched without the compiler first.
PLAIN_OPERATORS = 40

#: Problems of up to so many operators are handed to constraint programming where the search gave up, for so much work.
CONSTRAINT_OPERATORS, CONSTRAINT_WORK = 60, 5.0


@dataclass(frozen=True)
class _Found:
    """Order of one part by place, its peak, the bound, and how it was found."""

    order: list[int]
    peak: int
    bound: int
    method: str
    states: int


def least_peak_order(problem: OrderProblem, *, most_sets: int = MOST_SETS, seed: int = 0) -> Ordering:
    """The order with the least peak, or a good one and how far it may be from the least.

    Parameters
    ----------
    problem : OrderProblem
    most_sets : int
        Sets of operators the search may look at per part.
    seed : int
        Of the local search and of constraint programming.

    Notes
    -----
    The order given is kept, part by part, where it is no worse.
    """
    bound = problem.lower_bound()
    order: list[int] = []
    peak, states, methods = problem.initial_bytes, 0, set[str]()
    parts = [(part, order_table(problem, part)) for part in parts_of(problem)]
    given = [_peak(table, range(len(part.members)), part.start_bytes) for part, table in parts]
    hardest = sorted(range(len(parts)), key=lambda k: (given[k], len(parts[k][0].members)))
    found: dict[int, _Found] = {}
    for k in hardest:
        part, table = parts[k]
        found[k] = _order_part(problem, part, table, given[k], max(bound, peak), most_sets, seed)
        peak, bound = max(peak, found[k].peak), max(bound, found[k].bound)
        states, methods = states + found[k].states, methods | {found[k].method}
    for k, (part, _) in enumerate(parts):
        order += [part.members[place] for place in found[k].order]
    method = next(name for name in ("constraint", "local", "beam", "search", "given") if name in (methods or {"given"}))
    reached = problem.peak(order)
    return Ordering(tuple(order), reached, min(bound, reached), method, states)


def _order_part(
    problem: OrderProblem, part: OrderPart, table: OrderTable, given: int, floor: int, most_sets: int, seed: int
) -> _Found:
    """Order of one part that needs no more than ``floor``, or else the least."""
    as_given = list(range(len(part.members)))
    if given <= floor:
        return _Found(as_given, given, 0, "given", 0)
    most_sets = min(most_sets, max(FIRST_SETS, MOST_WORK // len(as_given)))
    most = PLAIN_SETS if len(as_given) <= PLAIN_OPERATORS else FIRST_SETS
    while True:
        sets = search_sets(table, min(most, most_sets) + len(as_given) + 1)
        run = search_order if most == PLAIN_SETS else search_order.compiled
        status = run(table, sets, part.start_bytes, floor, given)
        states = int(sets.numbers[SETS])
        if status == FOUND:
            order = _path(sets)
            peak = int(sets.peak[sets.numbers[BEST]])
            return _Found(order, peak, peak if peak > floor else 0, "search", states)
        if status != FULL:
            return _Found(as_given, given, given, "given", states)
        if most >= most_sets:
            return _good_order(problem, part, table, given, int(sets.numbers[BOUND]), states, seed)
        most = max(FIRST_SETS, 4 * most)


def _good_order(
    problem: OrderProblem, part: OrderPart, table: OrderTable, given: int, bound: int, states: int, seed: int
) -> _Found:
    """The best of beam, local search and constraint programming."""
    start = part.start_bytes
    tried = {"given": list(range(len(part.members))), "beam": beam_order(table, start)}
    peaks = {"given": given, "beam": _peak(table, tried["beam"], start)}
    tried["local"] = local_order(table, start, tried[min(peaks, key=lambda name: peaks[name])], seed=seed)
    peaks["local"] = _peak(table, tried["local"], start)
    if len(part.members) == len(problem) <= CONSTRAINT_OPERATORS and not problem.sharing:
        best = tried[min(peaks, key=lambda name: peaks[name])]
        answer = satisfy(problem, best, bound, CONSTRAINT_WORK, seed)
        bound = max(bound, answer.bound)
        if answer.order is not None:
            tried["constraint"], peaks["constraint"] = answer.order, _peak(table, answer.order, start)
    method = min(peaks, key=lambda name: peaks[name])
    return _Found(tried[method], peaks[method], min(bound, peaks[method]), method, states)


def _peak(table: OrderTable, order: Sequence[int], start_bytes: int) -> int:
    return int(order_peak(table, np.array(order, np.int64), start_bytes, np.zeros(table.before.shape[1], np.int64)))


def _path(sets: Sets) -> list[int]:
    """Operators that led to the best set, first to last."""
    pieces: list[list[int]] = []
    row = int(sets.numbers[BEST])
    while row >= 0:
        start = int(sets.log_start[row])
        pieces.append(sets.log[start : start + int(sets.log_length[row])].tolist())
        row = int(sets.parent[row])
    return [operator for piece in reversed(pieces) for operator in piece]
