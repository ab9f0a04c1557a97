"""The tasks of a run and their order: phases of operators, results waited for, places in a queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dataflows.parts import paid
from dataflows.unit_work import UnitWork
from sim.plan import Plan
from sim.schedule import Amounts, Task
from sim.transfers import Transfer
from workloads.graph import Graph

#: A phase with its amounts.
Phase = tuple[str, Amounts]


class TaskList:
    """Tasks of a schedule while they are put in order."""

    def __init__(
        self, graph: Graph, plan: Plan, work: Mapping[str, UnitWork], unit_of: Sequence[str], moves: Sequence[Transfer]
    ) -> None:
        self.graph, self.plan, self.work, self.unit_of = graph, plan, work, unit_of
        self.tasks: list[Task] = []
        self.exits: list[tuple[int, ...]] = []  # by operator: tasks that end its result
        self.last: dict[str, tuple[int, ...]] = {}  # by unit or link: tasks that end what it did last
        self.links: dict[int, list[str]] = {}
        for move in moves:
            if move.link and move.link not in self.links.setdefault(move.operator, []):
                self.links[move.operator].append(move.link)
        for i in range(len(graph.operators)):
            self._add_operator(i)

    def _add_operator(self, i: int) -> None:
        work = self.work[self.unit_of[i]]
        phases = phases_of(work, i)
        needed = self._results(i)
        for link in self.links.get(i, ()):
            phase = phases_of(self.work[link], i)[0]
            needed = (self._add(i, phase, link, link, needed, self.last.get(self._queue(link), ())),)
            self.last[self._queue(link)] = needed
        if work.enqueue_phase in dict(phases):
            needed = (*needed, self._enqueue(i, work, phases))
            phases = [entry for entry in phases if entry[0] != work.enqueue_phase]
        before = self.last.get(self._queue(work.unit), ())
        if work.join == "max":
            ends = tuple(self._add(i, entry, work.unit, f"{work.unit}/{entry[0]}", needed, before) for entry in phases)
        else:
            ends = self._chain(i, phases, work.unit, needed, before)
        if ends:
            self.last[self._queue(work.unit)] = ends
        self.exits.append(ends or needed)

    def _chain(self, i: int, phases: list[Phase], unit: str, needed: tuple[int, ...], before: tuple[int, ...]) -> tuple[int, ...]:
        ends: tuple[int, ...] = ()
        for entry in phases:
            ends = (self._add(i, entry, unit, unit, ends or needed, () if ends else before),)
        return ends

    def _enqueue(self, i: int, work: UnitWork, phases: list[Phase]) -> int:
        """The host hands operators over one after the other and waits for nothing else."""
        assert work.enqueue_phase is not None
        resource = f"{work.unit}/{work.enqueue_phase}"
        entry = next(entry for entry in phases if entry[0] == work.enqueue_phase)
        index = self._add(i, entry, work.unit, resource, self.last.get(resource, ()), ())
        self.last[resource] = (index,)
        return index

    def _add(self, i: int, entry: Phase, work: str, resource: str, after: tuple[int, ...], follows: tuple[int, ...]) -> int:
        phase, amounts = entry
        name = f"{self.graph.operators[i].name}/{phase}"
        rest = tuple(t for t in follows if t not in after)
        self.tasks.append(Task(name, i, phase, resource, amounts, after, rest, work))
        return len(self.tasks) - 1

    def _results(self, i: int) -> tuple[int, ...]:
        """Tasks that end the inputs of an operator; those of operators without tasks are passed through."""
        producers = {self.graph.producer[name] for name in self.graph.operators[i].inputs if name in self.graph.producer}
        return tuple(sorted({task for producer in producers for task in self.exits[producer]}))

    def _queue(self, user: str) -> str:
        return "" if self.plan.one_at_a_time else user


def phases_of(work: UnitWork, i: int) -> list[Phase]:
    """Phases of one operator in the order of the unit's terms, with the amounts that are not zero.

    An operator that costs energy but no time has one empty phase, so that its energy has a place.
    """
    phases: dict[str, list[tuple[int, float]]] = {term.phase: [] for term in work.terms}
    row = work.amounts[i].tolist()
    for k, term in enumerate(work.terms):
        if row[k] != 0.0:
            phases[term.phase].append((k, row[k]))
    found = [(phase, tuple(amounts)) for phase, amounts in phases.items() if amounts]
    if not found and work.energy_amounts.size and work.energy_amounts[i].any():
        return [("compute", ())]
    return found


def phases_of_part(work: UnitWork, i: int, share: float, first: bool) -> list[Phase]:
    """Phases of one part of an operator, with the amounts the part pays (see :mod:`dataflows.parts`)."""
    return [(phase, _of_part(work, amounts, share, first)) for phase, amounts in phases_of(work, i)]


def _of_part(work: UnitWork, amounts: Amounts, share: float, first: bool) -> Amounts:
    found = ((term, paid(work, term, amount).by_part(share, first)) for term, amount in amounts)
    return tuple((term, amount) for term, amount in found if amount != 0.0)
