"""One part of an ordering problem as columns: at most so many operators run freely between two that everything passes through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strategies.ordering.problem import OrderProblem

#: Operators per word of a set; the sign bit and the one below it stay clear.
BITS = 62


class OrderTable(NamedTuple):
    """Operators of one part as columns; sets of operators are rows of words of 62 bits."""

    before: NDArray[np.int64]  # operators x words: those that must run before each
    written: NDArray[np.int64]  # bytes that come with each operator [B]
    workspace: NDArray[np.int64]  # bytes each needs while it runs [B]
    shared: NDArray[np.int64]  # allocation each may write over, or -1
    saved: NDArray[np.int64]  # bytes it then saves [B]
    used_start: NDArray[np.int64]  # where the allocations of each operator begin in ``used``; one more entry than operators
    used: NDArray[np.int64]  # allocations that each operator touches and that go within the part
    after_start: NDArray[np.int64]  # where the direct followers of each operator begin in ``after``; one more entry
    after: NDArray[np.int64]  # operators that need each one directly
    size: NDArray[np.int64]  # bytes of each allocation [B]
    users: NDArray[np.int64]  # allocations x words: operators of the part that touch each


@dataclass(frozen=True)
class OrderPart:
    """Operators that run one after the other in any valid order before the next part begins.

    Attributes
    ----------
    members : tuple of int
        Operators, in the order of the problem's numbering.
    start_bytes : int
        Bytes held when the part begins [B].
    """

    members: tuple[int, ...]
    start_bytes: int


def parts_of(problem: OrderProblem) -> list[OrderPart]:
    """The problem cut behind every operator that each other one comes before or after.

    Whatever the order, exactly its predecessors have run when such an operator does, so what comes before it and what comes after
    can be ordered by themselves.
    """
    groups: list[list[int]] = [[]]
    for operator, passed in enumerate(_passed_by_all(problem)):
        groups[-1].append(operator)
        if passed:
            groups.append([])
    held, left = problem.initial_bytes, [len(a.users) for a in problem.allocations]
    found = []
    for group in filter(None, groups):
        found.append(OrderPart(tuple(group), held))
        for operator in group:
            held += sum(problem.allocations[i].size for i in problem.written[operator])
            for index in problem.used[operator]:
                left[index] -= 1
                held -= problem.allocations[index].size if left[index] == 0 and not problem.allocations[index].stays else 0
    return found


def _passed_by_all(problem: OrderProblem) -> list[bool]:
    """Per operator, whether all others come before or after it."""
    count = len(problem)
    ancestors = [0] * count
    for operator in range(count):
        for source in problem.before[operator]:
            ancestors[operator] |= ancestors[source] | (1 << source)
    descendants = [0] * count
    for operator in range(count - 1, -1, -1):
        descendants[operator] |= 0
        for source in problem.before[operator]:
            descendants[source] |= descendants[operator] | (1 << operator)
    return [a.bit_count() + d.bit_count() + 1 == count for a, d in zip(ancestors, descendants, strict=True)]


def order_table(problem: OrderProblem, part: OrderPart) -> OrderTable:
    """The columns of one part."""
    place = {operator: k for k, operator in enumerate(part.members)}
    words = max(1, -(-len(place) // BITS))
    touched = sorted({index for operator in part.members for index in problem.used[operator]})
    last = max(part.members)
    going = {
        index: k
        for k, index in enumerate(
            index for index in touched if not problem.allocations[index].stays and max(problem.allocations[index].users) <= last
        )
    }
    before = [[place[source] for source in problem.before[operator] if source in place] for operator in part.members]
    after: list[list[int]] = [[] for _ in place]
    for operator, sources in enumerate(before):
        for source in sources:
            after[source].append(operator)
    used = [[going[index] for index in problem.used[operator] if index in going] for operator in part.members]
    shared = [problem.sharing.get(operator) for operator in part.members]
    usable = [s if s is not None and s.allocation in going else None for s in shared]
    return OrderTable(
        before=_sets(before, words),
        written=_column(sum(problem.allocations[i].size for i in problem.written[operator]) for operator in part.members),
        workspace=_column(problem.workspace[operator] for operator in part.members),
        shared=_column(-1 if s is None else going[s.allocation] for s in usable),
        saved=_column(0 if s is None else s.saved for s in usable),
        used_start=_starts(used),
        used=_column(index for row in used for index in row),
        after_start=_starts(after),
        after=_column(index for row in after for index in row),
        size=_column(problem.allocations[index].size for index in going),
        users=_sets([[place[user] for user in problem.allocations[index].users if user in place] for index in going], words),
    )


def _column(values: Iterable[int]) -> NDArray[np.int64]:
    return np.array(list(values), dtype=np.int64)


def _starts(rows: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return _column(np.cumsum([0, *(len(row) for row in rows)]).tolist())


def _sets(rows: Sequence[Sequence[int]], words: int) -> NDArray[np.int64]:
    """Rows of members as rows of words."""
    found = np.zeros((len(rows), words), dtype=np.int64)
    for k, row in enumerate(rows):
        for member in row:
            found[k, member // BITS] |= 1 << (member % BITS)
    return found
