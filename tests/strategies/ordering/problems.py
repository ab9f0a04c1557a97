"""Ordering problems for tests: random graphs with every kind of allocation, randomly wired networks."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from strategies.ordering import Allocation, OrderProblem, Sharing


def of_edges(sizes: Sequence[int], edges: Iterable[tuple[int, int]]) -> OrderProblem:
    """One allocation per operator, needed by those it has an edge to; results stay."""
    readers: list[set[int]] = [set() for _ in sizes]
    before: list[set[int]] = [set() for _ in sizes]
    for source, target in edges:
        readers[source].add(target)
        before[target].add(source)
    allocations = tuple(Allocation(size, tuple(sorted({i, *readers[i]})), i, not readers[i]) for i, size in enumerate(sizes))
    return OrderProblem(tuple(map(frozenset, before)), allocations, (0,) * len(sizes))


@st.composite
def problems(draw: st.DrawFn, most: int = 7) -> OrderProblem:
    """Small problems: edges, sizes with many ties, inputs, results, workspace, operators that write over what they read."""
    count = draw(st.integers(1, most))
    before = [frozenset(s for s in range(v) if draw(st.booleans()) and draw(st.booleans())) for v in range(count)]
    size = st.sampled_from([0, 1, 1, 2, 3, 5, 8])
    allocations = []
    for writer in range(count):
        readers = [v for v in range(writer + 1, count) if writer in before[v]]
        allocations.append(Allocation(draw(size), (writer, *readers), writer, draw(st.integers(0, 4)) == 0))
    if draw(st.booleans()):
        readers = sorted(draw(st.sets(st.integers(0, count - 1), min_size=1)))
        allocations.append(Allocation(draw(size), tuple(readers), None, draw(st.booleans())))
    sharing = {}
    for operator in range(count):
        read = [k for k, a in enumerate(allocations) if operator in a.users and a.writer != operator]
        if read and draw(st.booleans()):
            allocation = draw(st.sampled_from(read))
            sharing[operator] = Sharing(
                allocation, draw(st.integers(0, min(allocations[allocation].size, allocations[operator].size)))
            )
    workspace = tuple(draw(st.sampled_from([0, 0, 0, 2, 4])) for _ in range(count))
    return OrderProblem(tuple(before), tuple(allocations), workspace, sharing)


def randomly_wired(nodes: int, seed: int, stages: int = 1) -> OrderProblem:
    """Stages of nodes wired at random as in small-world networks: each node a sum, an activation and two convolutions.

    After Xie et al., "Exploring randomly wired neural networks for image recognition", ICCV 2019: a ring of nodes joined to the two
    next on each side, three quarters of the edges rewired; every stage halves the bytes.
    """
    chance = random.Random(seed)
    sizes: list[int] = []
    edges: list[tuple[int, int]] = []

    def operator(size: int, sources: Iterable[int]) -> int:
        sizes.append(size)
        edges.extend((source, len(sizes) - 1) for source in sources)
        return len(sizes) - 1

    last = operator(64, ())
    for stage in range(stages):
        size = 64 >> stage
        wires = _small_world(nodes, chance)
        ends: dict[int, int] = {}
        for node in range(nodes):
            end = operator(size, sorted({ends[other] for other in range(node) if (other, node) in wires} or {last}))
            for _ in range(3):
                end = operator(size, (end,))
            ends[node] = end
        last = operator(size, sorted(ends[n] for n in range(nodes) if not any((n, m) in wires for m in range(n + 1, nodes))))
    return of_edges(sizes, edges)


def _small_world(nodes: int, chance: random.Random) -> set[tuple[int, int]]:
    wires = set()
    for node in range(nodes):
        for step in (1, 2):
            other = (node + step) % nodes
            if chance.random() < 0.75:
                other = chance.choice([m for m in range(nodes) if m != node])
            wires.add((min(node, other), max(node, other)))
    return wires
