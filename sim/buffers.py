"""Buffers: the activation tensors of a network as bytes held over a range of steps.

Step t is operator t running, with its inputs and outputs held. A tensor lives from the step of its producer to the step of its
last reader; network outputs live to the end, network inputs from the start, states of the next inference always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

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
    """

    tensor: str
    tensors: tuple[str, ...]
    bytes: int
    first: int
    last: int
    region: str = ""


@dataclass(frozen=True)
class Sharing:
    """Who shares a buffer with whom.

    Attributes
    ----------
    views : frozenset of int
        Operators whose outputs are their first input under another shape.
    fused : Mapping of int to int
        Operator -> the one it is computed inside, before or after it: the tensor between the two is never stored.
    in_place : frozenset of int
        Operators that write over an input of equal size that nobody reads after them.
    """

    views: frozenset[int] = frozenset()
    fused: Mapping[int, int] = field(default_factory=dict)
    in_place: frozenset[int] = frozenset()


def life(graph: Graph, tensor: Tensor) -> tuple[int, int]:
    """First and last step at which an activation tensor is held."""
    end = len(graph.operators)
    if tensor.name in graph.settings.get("states", ()):
        return -1, end
    first = graph.producer.get(tensor.name, -1)
    return first, end if tensor.role == "output" else max(graph.consumers[tensor.name], default=first)


def buffers_of(graph: Graph, sharing: Sharing) -> list[Buffer]:
    """One buffer per group of activation tensors that share storage, in order of first appearance."""
    shares, passing = _shared_with(graph, sharing)
    groups: dict[str, list[Tensor]] = {}
    for tensor in graph.tensors.values():
        owner = shares.get(tensor.name, tensor.name)
        if tensor.role != "weight" and graph.tensors[owner].role != "weight":
            groups.setdefault(owner, []).append(tensor)
    return [_buffer(graph, members, passing) for members in groups.values()]


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


def _shared_with(graph: Graph, sharing: Sharing) -> tuple[dict[str, str], set[str]]:
    """Tensor -> the tensor whose buffer it uses (a constant, for views of one); and the tensors that are never stored."""
    owner: dict[str, str] = {}
    passing: set[str] = set()
    last: dict[str, int] = {t.name: life(graph, t)[1] for t in graph.tensors.values() if t.role != "weight"}
    for i, operator in enumerate(graph.operators):
        sources = [name for name in operator.inputs if name in last]
        if i in sharing.views and operator.inputs[0] not in last:
            owner.update((output, operator.inputs[0]) for output in operator.outputs if output)
            continue
        if not sources or not (i in sharing.views or i in sharing.fused or i in sharing.in_place):
            continue
        between = _between(graph, sharing, i, sources)
        for output in filter(None, operator.outputs):
            size = graph.tensors[output].bytes
            dying = (n for n in sources if last[owner.get(n, n)] <= i and graph.tensors[n].bytes == size)
            source = sources[0] if i in sharing.views else between or (next(dying, None) if i in sharing.in_place else None)
            if source is not None:
                root = owner[output] = owner.get(source, source)
                last[root] = max(last[root], last[output])
        if between:
            passing.add(between if sharing.fused[i] < i else graph.operators[i].outputs[0])
    return owner, passing


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


def _buffer(graph: Graph, members: list[Tensor], passing: set[str]) -> Buffer:
    lives = [life(graph, t) for t in members]
    stored = [t for t in members if t.name not in passing] or members
    largest = max(stored, key=lambda t: t.bytes)
    return Buffer(largest.name, tuple(t.name for t in members), largest.bytes, min(f for f, _ in lives), max(e for _, e in lives))
