"""Buffers: the activation tensors of a network as bytes held over a range of steps.

Step t is operator t running, with its inputs and outputs held. A tensor lives from the step of its producer to the step of its
last reader; network outputs live to the end, network inputs from the start, states of the next inference always.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
    fused : frozenset of int
        Operators computed inside the one before: what lies between is never stored.
    in_place : frozenset of int
        Operators that write over an input of equal size that nobody reads after them.
    """

    views: frozenset[int] = frozenset()
    fused: frozenset[int] = frozenset()
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
    shares = _shared_with(graph, sharing)
    groups: dict[str, list[Tensor]] = {}
    for tensor in graph.tensors.values():
        if tensor.role != "weight":
            groups.setdefault(shares.get(tensor.name, tensor.name), []).append(tensor)
    return [_buffer(graph, members) for members in groups.values()]


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


def _shared_with(graph: Graph, sharing: Sharing) -> dict[str, str]:
    """Tensor -> the tensor whose buffer it uses."""
    owner: dict[str, str] = {}
    last: dict[str, int] = {t.name: life(graph, t)[1] for t in graph.tensors.values() if t.role != "weight"}
    for i, operator in enumerate(graph.operators):
        sources = [name for name in operator.inputs if name in last]
        if not sources or i not in sharing.views | sharing.fused | sharing.in_place:
            continue
        for output in filter(None, operator.outputs):
            source = _source(graph, sharing, i, output, [owner.get(name, name) for name in sources], sources, last)
            if source is not None:
                owner[output] = source
                last[source] = max(last[source], last[output])
    return owner


def _source(
    graph: Graph, sharing: Sharing, i: int, output: str, owners: list[str], sources: list[str], last: dict[str, int]
) -> str | None:
    if i in sharing.views:
        return owners[0]
    if i in sharing.fused:
        return owners[max(range(len(sources)), key=lambda k: graph.producer.get(sources[k], -1))]
    size = graph.tensors[output].bytes
    dying = (o for o, s in zip(owners, sources, strict=True) if last[o] <= i and graph.tensors[s].bytes == size)
    return next(dying, None)


def _buffer(graph: Graph, members: list[Tensor]) -> Buffer:
    lives = [life(graph, t) for t in members]
    largest = max(members, key=lambda t: t.bytes)
    return Buffer(largest.name, tuple(t.name for t in members), largest.bytes, min(f for f, _ in lives), max(e for _, e in lives))
