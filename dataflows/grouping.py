"""Operators that run as one kernel: what lies between them is neither written nor read, and one start is paid for all.

A group must be convex: no way leaves it and comes back. Of a tensor made inside, reads by members are saved, the write only where
nobody outside reads it. Arithmetic stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataflows.unit_work import UnitWork
from workloads.graph import Graph

#: What is counted once per start of an operator.
STARTS = ("operator", "layer", "kernel", "region")

Groups = Sequence[Sequence[int]]


class Saved(NamedTuple):
    """Activation bytes of one operator, and those that stay inside its group [B]."""

    read: int
    written: int
    saved_read: int
    saved_written: int
    weights: int


def saved_bytes(graph: Graph, i: int, group: frozenset[int], into: Mapping[int, int]) -> Saved:
    """Bytes of operator ``i``, and what its group saves of them; ``into`` says who is computed inside whom by the runtime already."""
    operator = graph.operators[i]
    names = [name for name in dict.fromkeys(operator.inputs) if name]
    moving = [name for name in names if graph.tensors[name].role != "weight"]
    written = [written_by(graph, i, name, into) for name in operator.outputs if name]
    makers = {name: into.get(graph.producer[name], graph.producer[name]) for name in moving if name in graph.producer}
    hidden = [
        name
        for name in written
        if graph.tensors[name].role == "activation"
        and graph.consumers[name]
        and group.issuperset(into.get(reader, reader) for reader in graph.consumers[name])
    ]

    def size(chosen: Iterable[str]) -> int:
        return sum(graph.tensors[name].bytes for name in chosen)

    return Saved(
        size(moving), size(written), size(n for n in moving if makers.get(n, -1) in group), size(hidden),
        size(n for n in names if graph.tensors[n].role == "weight"),
    )  # fmt: skip


def written_by(graph: Graph, i: int, name: str, into: Mapping[int, int]) -> str:
    """What an operator writes in place of a tensor that goes into an operator computed inside it."""
    readers = graph.consumers[name]
    while len(readers) == 1 and into.get(readers[0]) == i and graph.operators[readers[0]].outputs:
        name = graph.operators[readers[0]].outputs[0]
        readers = graph.consumers[name]
    return name


def absorbed(work: UnitWork, graph: Graph) -> dict[int, int]:
    """Operators that the runtime of a unit computes inside others."""
    place = {operator.name: i for i, operator in enumerate(graph.operators)}
    return {i: place[detail["fused_into"]] for i, detail in work.details.items() if detail.get("fused_into")}


def grouped(work: UnitWork, graph: Graph, groups: Groups) -> UnitWork:
    """The work of a unit whose operators run in groups; members that run elsewhere have no work here.

    The start that costs most is paid, the others are saved. Each member tells the first of its group as its ``kernel``.
    """
    if not groups:
        return work
    amounts, traffic, into = work.amounts.copy(), work.traffic.copy(), absorbed(work, graph)
    details = dict(work.details)
    starting = [t for t, term in enumerate(work.terms) if is_start(work, t)]
    for group in groups:
        members = sorted(frozenset(group))
        paid = max(members, key=lambda i: (float(work.amounts[i, starting] @ work.prices[starting]), -i))
        for i in members:
            if i not in into:
                _save(work, saved_bytes(graph, i, frozenset(members), into), i, amounts[i], traffic[i])
            if i != paid:
                amounts[i, starting] = 0.0
            details[i] = {**details.get(i, {}), "kernel": graph.operators[members[0]].name}
    return replace(work, amounts=amounts, traffic=traffic, details=details, counted=None)


def is_start(work: UnitWork, t: int) -> bool:
    """True for a term that is paid once per start of an operator."""
    term = work.terms[t]
    return term.phase in ("overhead", work.enqueue_phase) and term.amount_unit in STARTS


def _save(work: UnitWork, saved: Saved, i: int, amounts: NDArray[np.float64], traffic: NDArray[np.int64]) -> None:
    """Take what the group saves off one operator's traffic; phases named after a level fall with its bytes."""
    for column, level in enumerate(work.levels):
        read, written = (int(v) for v in work.traffic[i, column])
        less_read = int(_activations(read, saved) * saved.saved_read / saved.read) if saved.read else 0
        less_written = written * saved.saved_written // saved.written if saved.written else 0
        traffic[column] -= (less_read, less_written)
        if not less_read + less_written:
            continue
        left = 1.0 - (less_read + less_written) / (read + written)
        for t, term in enumerate(work.terms):
            if term.phase == level and term.amount_unit == "B":
                amounts[t] *= left


def _activations(read: int, saved: Saved) -> float:
    """Bytes of activations among those read from a level: none where it holds the weights, all where they are no more than the
    activations are, else as the operands are divided [B]."""
    if saved.weights and read == saved.weights:
        return 0.0
    return float(read) if read <= saved.read else read * saved.read / (saved.read + saved.weights)


def indices(graph: Graph, groups: Iterable[Iterable[str]]) -> list[tuple[int, ...]]:
    """Groups by name as groups by place; names that are gone are left out, and groups of one with them."""
    place = {operator.name: i for i, operator in enumerate(graph.operators)}
    found = (tuple(sorted(place[name] for name in group if name in place)) for group in groups)
    return [group for group in found if len(group) > 1]


def hidden_behind(graph: Graph, groups: Groups) -> dict[int, int]:
    """Operator -> the first of its group, where the tensor it reads last is made in the group and read by nobody outside."""
    found = {}
    for group in groups:
        members = frozenset(group)
        for i in sorted(group)[1:]:
            moving = [name for name in graph.operators[i].inputs if name and graph.tensors[name].role != "weight"]
            latest = max(moving, key=lambda name: graph.producer.get(name, -1), default="")
            if graph.producer.get(latest, -1) in members and members.issuperset(graph.consumers[latest]):
                found[i] = min(group)
    return found
