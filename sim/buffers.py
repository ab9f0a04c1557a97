"""Buffers: the activation tensors of a network as bytes held over a range of steps.

Step t is operator t running, with its inputs and outputs held. A tensor lives from the step of its producer to the step of its
last reader; network outputs live to the end, network inputs from the start, states of the next inference always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sim.arena import Span
from workloads.graph import Graph, Tensor


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes held in one memory over a range of steps.

    Attributes
    ----------
    tensor : str
        The tensor that gave it its name: the largest of those that share it.
    tensors : tuple of str
        All tensors that share it.
    bytes : int
    first, last : int
        Steps at which it is held, both included; -1 is before the first operator, len(operators) after the last.
    region : str
        Memory that holds it; empty while none is chosen.
    tie : int
        Buffers of one tie lie at one address: one is written over the other. -1 where it lies by itself.
    above : int
        Where it lies above that address [B].
    """

    tensor: str
    tensors: tuple[str, ...]
    bytes: int
    first: int
    last: int
    region: str = ""
    tie: int = -1
    above: int = 0


@dataclass(frozen=True)
class Sharing:
    """Who shares a buffer with whom.

    Attributes
    ----------
    views : frozenset of int
        Operators whose outputs are their first input under another shape.
    fused : Mapping of int to int
        Operator -> the one it is computed inside, before or after it: the tensor between the two is never stored.
    joins : frozenset of int
        Operators whose inputs are parts of their output, written where they lie in it.
    """

    views: frozenset[int] = frozenset()
    fused: Mapping[int, int] = field(default_factory=dict)
    joins: frozenset[int] = frozenset()


def storages(graph: Graph, sharing: Sharing) -> list[tuple[Tensor, list[Tensor]]]:
    """Groups of activation tensors that share bytes, each with the largest that is stored, in order of first appearance."""
    shares, passing = _shared_with(graph, sharing)
    groups: dict[str, list[Tensor]] = {}
    for tensor in graph.tensors.values():
        owner = shares.get(tensor.name, tensor.name)
        if tensor.role != "weight" and graph.tensors[owner].role != "weight":
            groups.setdefault(owner, []).append(tensor)
    stored = {owner: [t for t in members if t.name not in passing] or members for owner, members in groups.items()}
    return [(max(stored[owner], key=lambda t: t.bytes), members) for owner, members in groups.items()]


def load(buffers: Iterable[Buffer], steps: int) -> list[int]:
    """Bytes held at each step 0 .. steps-1; what lives before the first or after the last step counts there [B].

    >>> load([Buffer("a", ("a",), 10, -1, 1), Buffer("b", ("b",), 5, 1, 3)], 3)
    [10, 15, 5]
    """
    change = [0] * (steps + 1)
    for buffer in buffers:
        change[min(max(buffer.first, 0), steps - 1)] += buffer.bytes
        change[min(buffer.last, steps - 1) + 1] -= buffer.bytes
    held, total = [], 0
    for step in range(steps):
        total += change[step]
        held.append(total)
    return held


def spans_of(buffers: Sequence[Buffer], steps: int) -> tuple[list[Span], list[int]]:
    """Rectangles of an arena, one for each tie, and the rectangle of each buffer.

    A tie is as tall as what its buffers hold together at their worst step, all its life: one address serves them all.

    >>> tied = [Buffer("a", ("a",), 8, -1, 0, tie=3), Buffer("b", ("b",), 4, 1, 2, tie=3), Buffer("c", ("c",), 2, 0, 1)]
    >>> spans_of(tied, 3)
    ([Span(lower=0, upper=3, size=8), Span(lower=0, upper=2, size=2)], [0, 0, 1])
    """
    ties: dict[int, list[int]] = {}
    for number, buffer in enumerate(buffers):
        ties.setdefault(buffer.tie if buffer.tie >= 0 else -2 - number, []).append(number)
    spans, of = [], [0] * len(buffers)
    for place, members in enumerate(ties.values()):
        lives = [_steps(buffers[n], steps) for n in members]
        size = buffers[members[0]].bytes if len(members) == 1 else max(load([buffers[n] for n in members], steps))
        spans.append(Span(min(first for first, _ in lives), max(last for _, last in lives) + 1, size))
        for n in members:
            of[n] = place
    return spans, of


def _steps(buffer: Buffer, steps: int) -> tuple[int, int]:
    """First and last of the steps 0 .. steps-1 at which a buffer is held."""
    first = min(max(buffer.first, 0), steps - 1)
    return first, max(first, min(buffer.last, steps - 1))


def _shared_with(graph: Graph, sharing: Sharing) -> tuple[dict[str, str], set[str]]:
    """Tensor -> the tensor whose buffer it uses (a constant, for views of one); and the tensors that are never stored."""
    owner: dict[str, str] = {}
    passing: set[str] = set()
    moving = {t.name for t in graph.tensors.values() if t.role != "weight"}
    for i, operator in enumerate(graph.operators):
        sources = [name for name in operator.inputs if name in moving]
        if i in sharing.joins and sources:
            _join(owner, [*sources, *operator.outputs])
            continue
        if i in sharing.views and operator.inputs[0] not in moving:
            owner.update((output, operator.inputs[0]) for output in operator.outputs if output)
            continue
        between = _between(graph, sharing, i, sources) if sources else None
        source = sources[0] if sources and i in sharing.views else between
        if source is not None:
            owner.update((output, owner.get(source, source)) for output in operator.outputs if output)
        if between:
            passing.add(between if sharing.fused[i] < i else operator.outputs[0])
    return owner, passing


def _join(owner: dict[str, str], names: Sequence[str]) -> None:
    """Have several tensors, and all that share a buffer with one of them, share that of the first."""
    root = owner.get(names[0], names[0])
    before = {owner.get(name, name) for name in names}
    owner.update({name: root for name, other in owner.items() if other in before})
    owner.update((name, root) for name in {*before, *names} if name != root)


def _between(graph: Graph, sharing: Sharing, i: int, sources: list[str]) -> str | None:
    """The input through which operator ``i`` is fused, if only fused operators read what is then not stored."""
    if i not in sharing.fused:
        return None
    source = max(sources, key=lambda name: graph.producer.get(name, -1))
    hidden = source if sharing.fused[i] < i else graph.operators[i].outputs[0]
    if graph.tensors[hidden].role != "activation":
        return None
    within = (j in sharing.fused or j == sharing.fused[i] for j in graph.consumers[hidden])
    return source if all(within) else None
