"""OrderProblem: operators, what must come before what, and the allocations that come and go while they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from strategies.errors import OrderError


@dataclass(frozen=True)
class Allocation:
    """Bytes that are held while somebody needs them.

    Attributes
    ----------
    size : int
        [B].
    users : tuple of int
        Operators that write or read it. It comes with the first of them that runs and goes when all have run.
    writer : int or None
        The operator that comes first of all; ``None`` where it is there from the beginning.
    stays : bool
        It never goes: results, states.
    """

    size: int
    users: tuple[int, ...]
    writer: int | None
    stays: bool = False


@dataclass(frozen=True)
class Sharing:
    """An operator that may write over an allocation it reads, where that goes with it.

    Attributes
    ----------
    allocation : int
        Index of the one it reads.
    saved : int
        Bytes that are then not held twice while it runs [B].
    """

    allocation: int
    saved: int


@dataclass(frozen=True)
class OrderProblem:
    """An order is sought in which the operators hold the fewest bytes at their worst moment.

    Attributes
    ----------
    before : tuple of frozenset of int
        Per operator, those that must run before it. Every operator comes after those: the numbering is a valid order.
    allocations : tuple of Allocation
    workspace : tuple of int
        Bytes an operator needs only while it runs [B].
    sharing : Mapping of int to Sharing
        Operator -> what it may write over.

    Notes
    -----
    Which bytes are held after a set of operators has run depends on the set alone. While operator v runs after the set S, the bytes
    held after S, those v writes, and its workspace are held; less what v saves by writing over an allocation that goes with it.
    """

    before: tuple[frozenset[int], ...]
    allocations: tuple[Allocation, ...]
    workspace: tuple[int, ...]
    sharing: dict[int, Sharing] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.before)

    @cached_property
    def written(self) -> tuple[tuple[int, ...], ...]:
        """Allocations that come with each operator."""
        found: list[list[int]] = [[] for _ in self.before]
        for index, allocation in enumerate(self.allocations):
            if allocation.writer is not None:
                found[allocation.writer].append(index)
        return tuple(map(tuple, found))

    @cached_property
    def used(self) -> tuple[tuple[int, ...], ...]:
        """Allocations that each operator writes or reads."""
        found: list[list[int]] = [[] for _ in self.before]
        for index, allocation in enumerate(self.allocations):
            for user in allocation.users:
                found[user].append(index)
        return tuple(map(tuple, found))

    @cached_property
    def initial_bytes(self) -> int:
        """Bytes held before the first operator runs [B]."""
        return sum(a.size for a in self.allocations if a.writer is None and (a.stays or a.users))

    def loads(self, order: Sequence[int]) -> list[int]:
        """Bytes held while each operator of an order runs [B].

        Raises
        ------
        OrderError
            The order leaves an operator out, repeats one, or runs one before another that must come first.
        """
        left = [len(allocation.users) for allocation in self.allocations]
        held, found, ran = self.initial_bytes, [], set[int]()
        for operator in order:
            if operator in ran or not 0 <= operator < len(self):
                raise OrderError(f"order: operator {operator} stands twice or is not one; each of {len(self)} once is expected")
            if not self.before[operator] <= ran:
                raise OrderError(f"order: operator {operator} before {min(self.before[operator] - ran)}, which must come first")
            ran.add(operator)
            new = sum(self.allocations[index].size for index in self.written[operator])
            gone = 0
            for index in self.used[operator]:
                left[index] -= 1
                if left[index] == 0 and not self.allocations[index].stays:
                    gone += self.allocations[index].size
            shared = self.sharing.get(operator)
            saved = shared.saved if shared is not None and left[shared.allocation] == 0 and not self._stays(shared) else 0
            found.append(held + new + self.workspace[operator] - saved)
            held += new - gone
        if len(ran) != len(self):
            raise OrderError(f"order: {len(ran)} of {len(self)} operators; each once is expected")
        return found

    def peak(self, order: Sequence[int]) -> int:
        """Most bytes held at any moment of an order [B]."""
        return max(self.loads(order), default=self.initial_bytes)

    def lower_bound(self) -> int:
        """The most that a single operator holds by itself, with what never goes and was there from the beginning [B]."""
        always = {i for i, a in enumerate(self.allocations) if a.writer is None and a.stays}
        base = sum(self.allocations[i].size for i in always)
        own = [sum(self.allocations[i].size for i in self.used[v] if i not in always) for v in range(len(self))]
        saved = [self.sharing[v].saved if v in self.sharing else 0 for v in range(len(self))]
        return max((base + own[v] + self.workspace[v] - saved[v] for v in range(len(self))), default=self.initial_bytes)

    def _stays(self, shared: Sharing) -> bool:
        return self.allocations[shared.allocation].stays


@dataclass(frozen=True)
class Ordering:
    """An order, its peak, and what is known about both.

    Attributes
    ----------
    order : tuple of int
        Operators, first to last.
    peak : int
        Most bytes held at any moment [B].
    lower_bound : int
        No order holds less [B].
    method : str
        What found the order: ``given``, ``search``, ``beam``, ``local`` or ``constraint``.
    states : int
        Sets of operators that were looked at.
    """

    order: tuple[int, ...]
    peak: int
    lower_bound: int
    method: str
    states: int = 0

    @property
    def optimal(self) -> bool:
        """True where no better order exists: proved."""
        return self.peak == self.lower_bound

    @property
    def gap(self) -> float:
        """Share by which the peak may be above the least."""
        return self.peak / self.lower_bound - 1.0 if self.lower_bound else 0.0
