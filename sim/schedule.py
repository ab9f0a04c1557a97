"""Task, Schedule: amounts of work on named resources, with precedence and buffers. Holds no seconds.

A task is one phase of one operator (or one group of tiles of it). Its work is a set of amounts, one per
:class:`~hwmodels.terms.Term` of its unit that belongs to the phase. ``durations.py`` gives each task its picoseconds and joules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataflows.unit_work import BLOCKS, UnitWork
from hwmodels.device import ComputeUnit, Device
from sim.memory import Placement
from sim.plan import Plan
from workloads.graph import Graph
from workloads.tables import GraphTables

#: (Index of the term in the list of the task's work, amount).
Amounts = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Task:
    """One phase of one operator.

    Attributes
    ----------
    name : str
        ``operator/phase``.
    operator : int
        Index in the graph.
    phase : str
        ``compute``, ``packing``, ``overhead``, or a memory level or link.
    resource : str
        What is busy while it runs: ``unit`` for phases that follow each other, ``unit/phase`` or a link where they overlap.
    amounts : tuple of (int, float)
        (index of the term in the list of ``work``, amount).
    after : tuple of int
        Tasks whose results it needs; it is ready when they have ended.
    follows : tuple of int
        Tasks that come before it in the order of execution, although it needs nothing of them; it waits for them.
    work : str
        Whose terms and prices count: a key of ``Schedule.work``.
    """

    name: str
    operator: int
    phase: str
    resource: str
    amounts: Amounts
    after: tuple[int, ...]
    follows: tuple[int, ...] = ()
    work: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that a memory holds from the start of one task to the end of another, beside the buffers of the placement.

    Attributes
    ----------
    tensor, memory : str
    bytes : int
    first, last : int
        Tasks.
    """

    tensor: str
    memory: str
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Schedule:
    """Every task of a run, in a valid order, and the work of each unit.

    Attributes
    ----------
    graph, device, plan
        What was lowered onto what, with which choices.
    tasks : tuple of Task
    work : Mapping of str to UnitWork
        By unit name, and by link name for transfers.
    unit_of : tuple of str
        Unit of each operator.
    units : Mapping of str to ComputeUnit
        Every unit that has work, an assumed host unit included.
    tables : GraphTables
        The graph as columns.
    placement : Placement
        Which memory holds which tensor, when.
    held : tuple of Held
        Blocks that come and go with tasks.
    """

    graph: Graph
    device: Device
    plan: Plan
    tasks: tuple[Task, ...]
    work: Mapping[str, UnitWork]
    unit_of: tuple[str, ...]
    units: Mapping[str, ComputeUnit]
    tables: GraphTables
    placement: Placement
    notes: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()

    def is_ahead(self, task: Task) -> bool:
        """Whether a task prepares an operator and may come before its inputs are there: a host hands it over, a block is moved."""
        work = self.work[task.work]
        return work.kind == BLOCKS or task.phase == work.enqueue_phase

    @property
    def host(self) -> str | None:
        """Unit that runs what the chosen one cannot; ``None`` where nothing does."""
        others = [name for name in dict.fromkeys(self.unit_of) if name != self.plan.unit]
        return others[0] if others else None

    def tasks_of(self) -> tuple[tuple[int, ...], ...]:
        """Tasks of each operator, in order; empty for one that costs nothing."""
        found: list[list[int]] = [[] for _ in self.graph.operators]
        for index, task in enumerate(self.tasks):
            found[task.operator].append(index)
        return tuple(tuple(indices) for indices in found)
