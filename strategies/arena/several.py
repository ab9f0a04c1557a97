"""Buffers over several memories of limited size: each whole in one of them, at an address, so that what is touched often is near.

Greedy first: by bytes touched per byte held, each into the first memory that has a gap for it. Constraint programming then looks for
a cheaper choice with the addresses in the same model (one rectangle per buffer and memory, at most one of them present), and proves
how far the choice is from the best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.arena import Span, ordered
from strategies.arena.spans import unit_of

#: Order of buffers by their spans and costs.
Key = Callable[[Sequence[Span], Mapping[str, Sequence[int]]], list[int]]

#: Most rectangles (buffers times memories) given to constraint programming, and its measure of work, about seconds.
MOST_RECTANGLES, WORK = 400, 0.5

#: The clock stops the solver then, should its own measure of work not [s].
LONGEST_S = 10.0


@dataclass(frozen=True)
class Choice:
    """A memory and an address for each buffer.

    Attributes
    ----------
    memories : tuple of str
        Of each buffer; the last of the list for what fits nowhere.
    offsets : tuple of int
        [B].
    cost, bound : int
        Sum of the costs, and what no choice is below.
    misplaced : tuple of int
        Buffers that fit nowhere.
    """

    memories: tuple[str, ...]
    offsets: tuple[int, ...]
    cost: int
    bound: int
    misplaced: tuple[int, ...] = ()

    @property
    def optimal(self) -> bool:
        """True where no choice is cheaper: proved."""
        return not self.misplaced and self.cost == self.bound


def over_memories(spans: Sequence[Span], rooms: Mapping[str, int], costs: Mapping[str, Sequence[int]], seed: int = 0) -> Choice:
    """The cheapest choice found.

    Parameters
    ----------
    spans : sequence of Span
    rooms : Mapping of str to int
        Memory -> bytes there are; in order of preference.
    costs : Mapping of str to sequence of int
        Memory -> what each buffer costs there.
    seed : int

    >>> two = [Span(0, 2, 4), Span(0, 2, 8)]
    >>> over_memories(two, {"near": 8, "far": 100}, {"near": [0, 0], "far": [4, 8]}).memories
    ('far', 'near')
    """
    greedy = min((_greedy(spans, rooms, costs, key) for key in (_by_cost, _by_size)), key=lambda c: (len(c.misplaced), c.cost))
    least = sum(min(costs[name][k] for name in rooms) for k in range(len(spans)))
    if greedy.optimal or (not greedy.misplaced and greedy.cost == least) or len(spans) * len(rooms) > MOST_RECTANGLES:
        return Choice(greedy.memories, greedy.offsets, greedy.cost, least, greedy.misplaced)
    return _solved(spans, rooms, costs, greedy, least, seed)


def _by_cost(spans: Sequence[Span], costs: Mapping[str, Sequence[int]]) -> list[int]:
    """What gains most by a near memory for its size comes first."""
    dearest = [max(column) for column in zip(*costs.values(), strict=True)]
    return sorted(range(len(spans)), key=lambda k: (-dearest[k] / max(1, spans[k].size), -spans[k].size, spans[k].lower, k))


def _by_size(spans: Sequence[Span], costs: Mapping[str, Sequence[int]]) -> list[int]:
    return ordered(spans, lambda span: (-span.size,))


def _greedy(spans: Sequence[Span], rooms: Mapping[str, int], costs: Mapping[str, Sequence[int]], key: Key) -> Choice:
    """Each buffer, in the order of ``key``, at the lowest gap of the cheapest memory that has one."""
    inside: dict[str, list[int]] = {name: [] for name in rooms}
    memories, offsets, misplaced = [""] * len(spans), [0] * len(spans), []
    for k in key(spans, costs):
        for name in sorted(rooms, key=lambda name: costs[name][k]):
            offset = lowest_gap(spans, inside[name], offsets, k)
            if offset + spans[k].size <= rooms[name]:
                memories[k], offsets[k] = name, offset
                inside[name].append(k)
                break
        else:
            misplaced.append(k)
    largest = max(rooms, key=lambda name: rooms[name])
    for k in misplaced:
        memories[k], offsets[k] = largest, lowest_gap(spans, inside[largest], offsets, k)
        inside[largest].append(k)
    cost = sum(costs[name][k] for k, name in enumerate(memories))
    return Choice(tuple(memories), tuple(offsets), cost, 0, tuple(misplaced))


def lowest_gap(spans: Sequence[Span], placed: Sequence[int], offsets: Sequence[int], k: int) -> int:
    """Lowest address that is free throughout the life of buffer ``k`` [B]."""
    lower, upper, size = spans[k]
    floor = 0
    for offset, end in sorted(
        (offsets[i], offsets[i] + spans[i].size) for i in placed if spans[i].lower < upper and lower < spans[i].upper
    ):
        if offset - floor >= size:
            break
        floor = max(floor, end)
    return floor


def _solved(
    spans: Sequence[Span], rooms: Mapping[str, int], costs: Mapping[str, Sequence[int]], hint: Choice, least: int, seed: int
) -> Choice:
    from ortools.sat.python import cp_model

    unit = unit_of(spans)
    model = cp_model.CpModel()
    within: dict[tuple[int, str], Any] = {}
    offsets = [model.new_int_var(0, max(rooms.values()) // unit, f"offset {k}") for k in range(len(spans))]
    for name, room in rooms.items():
        across, upward = [], []
        for k, (lower, upper, size) in enumerate(spans):
            here = model.new_bool_var(f"{k} in {name}")
            within[k, name] = here
            if size > room:
                model.add(here == 0)
                continue
            model.add(offsets[k] + size // unit <= room // unit).only_enforce_if(here)
            across.append(model.new_optional_fixed_size_interval_var(lower, upper - lower, here, f"life {k} {name}"))
            upward.append(model.new_optional_fixed_size_interval_var(offsets[k], size // unit, here, f"bytes {k} {name}"))
        model.add_no_overlap_2d(across, upward)
    for k in range(len(spans)):
        model.add_exactly_one([within[k, name] for name in rooms])
        if not hint.misplaced:
            model.add_hint(offsets[k], hint.offsets[k] // unit)
            for name in rooms:
                model.add_hint(within[k, name], int(hint.memories[k] == name))
    model.minimize(sum(costs[name][k] * within[k, name] for k, name in within))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers, solver.parameters.random_seed = 1, seed
    solver.parameters.max_deterministic_time, solver.parameters.max_time_in_seconds = WORK, LONGEST_S
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Choice(hint.memories, hint.offsets, hint.cost, least, hint.misplaced)
    memories = tuple(next(n for n in rooms if solver.value(within[k, n])) for k in range(len(spans)))
    found = [solver.value(offset) * unit for offset in offsets]
    cost = sum(costs[name][k] for k, name in enumerate(memories))
    bound = max(least, round(solver.best_objective_bound))
    return Choice(memories, tuple(found), cost, min(bound, cost))
