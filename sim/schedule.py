"""Task, Schedule: amounts of work on named resources, with precedence and buffers. Holds no seconds.

A task is one phase of one operator (or one group of tiles of it). Its work is a set of amounts, one per
:class:`~hwmodels.terms.Term` of its unit that belongs to the phase. ``durations.py`` gives each task its picoseconds and joules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataflows.unit_work import UnitWork
from hwmodels.device import Device
from sim.plan import Plan
from workloads.graph import Graph


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
        (index of the term in the unit's list, amount).
    after : tuple of int
        Tasks that must end first.
    """

    name: str
    operator: int
    phase: str
    resource: str
    amounts: tuple[tuple[int, float], ...]
    after: tuple[int, ...]


@dataclass(frozen=True)
class Schedule:
    """Every task of a run, in a valid order, and the work of each unit.

    Attributes
    ----------
    graph, device, plan
        What was lowered onto what, with which choices.
    tasks : tuple of Task
    work : Mapping of str to UnitWork
        By unit name.
    unit_of : tuple of str
        Unit of each operator.
    """

    graph: Graph
    device: Device
    plan: Plan
    tasks: tuple[Task, ...]
    work: Mapping[str, UnitWork]
    unit_of: tuple[str, ...]
    notes: tuple[str, ...] = ()
