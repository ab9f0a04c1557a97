"""Which operators run as one kernel: by class, or by the best partition of the network into convex groups.

Classes and their table are those of Niu et al., DNNFusion, PLDI 2021: what reads each element of the other once may join it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from workloads.graph import Graph, Operator
from workloads.operators import rule_of
from workloads.tables import VARIANT_OF_OPERATOR

#: Classes of operators, simple ones first: the class of a group is that of its most complex member.
CLASSES = ("one_to_one", "reorganize", "shuffle", "one_to_many", "many_to_many")
ONE, REORGANIZE, SHUFFLE, SPREAD, MANY = CLASSES

#: First class -> second classes that always pay, and those for which the cost decides; the others never join.
TABLE: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    ONE: (frozenset(CLASSES), frozenset()),
    SPREAD: (frozenset({ONE}), frozenset({SPREAD, REORGANIZE, SHUFFLE})),
    MANY: (frozenset({ONE}), frozenset({SPREAD, REORGANIZE, SHUFFLE})),
    REORGANIZE: (frozenset({ONE, REORGANIZE, SHUFFLE}), frozenset({SPREAD, MANY})),
    SHUFFLE: (frozenset({ONE, REORGANIZE, SHUFFLE}), frozenset({SPREAD, MANY})),
}

#: Partial partitions the search may look at, and members of a group.
MOST_STATES, MOST_MEMBERS = 20_000, 6

#: Seconds (or joules) of a group of operators, by place.
Cost = Callable[[tuple[int, ...]], float]


def class_of(graph: Graph, operator: Operator) -> str:
    """Class of an operator by how its result reads its operands."""
    inputs, outputs = graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)
    kind = rule_of(operator).kind(operator, inputs, outputs)
    variant = VARIANT_OF_OPERATOR.get(operator.op, "plain")
    if variant in ("shuffle", "transpose"):
        return SHUFFLE
    if variant == "reshape" or kind == "free":
        return REORGANIZE
    if operator.op == "Concat":
        return ONE
    if kind in ("elementwise", "activation", "quantization") or variant == "batch_norm":
        result = next((t for t in outputs if t is not None), None)
        moving = [t for t in inputs if t is not None and t.role != "weight"]
        return SPREAD if any(result is not None and t.elements < result.elements for t in moving) and len(moving) > 1 else ONE
    if kind == "resize" or variant == "copy":
        return SPREAD
    return MANY


@dataclass(frozen=True)
class Fusion:
    """A partition into groups, first to last, and what it costs."""

    groups: tuple[tuple[int, ...], ...]
    cost: float
    exact: bool


class Fusible:
    """What may join what in a network.

    Parameters
    ----------
    graph : Graph
    measure : bool
        Whether pairs for which the cost decides may join; else only those that always pay.
    most : int
        Members of a group.
    hosts : Mapping of int to int
        Operators that the runtime computes inside others already: they are in the group of that one, or in none.
    """

    def __init__(
        self, graph: Graph, *, measure: bool = True, most: int = MOST_MEMBERS, hosts: Mapping[int, int] | None = None
    ) -> None:  # fmt: skip
        self.graph, self.measure, self.most, self.hosts = graph, measure, most, hosts or {}
        self.classes = [class_of(graph, operator) for operator in graph.operators]
        self.before = [
            sum(1 << p for p in {graph.producer[name] for name in operator.inputs if name in graph.producer})
            for operator in graph.operators
        ]
        self.readers = [
            sorted({r for name in operator.outputs if name for r in graph.consumers[name]}) for operator in graph.operators
        ]

    def joins(self, group_class: str, i: int) -> str | None:
        """Class of a group after operator ``i`` has joined; ``None`` where it may not."""
        pays, decides = TABLE[group_class]
        own = self.classes[i]
        if own in pays or (self.measure and own in decides):
            return max(group_class, own, key=CLASSES.index)
        return None

    def groups_from(self, done: int, seed: int) -> Iterator[tuple[int, ...]]:
        """Convex groups that may run once ``done`` has: the seed, and what reads it and needs nothing else."""
        seen: set[int] = set()
        stack: list[tuple[int, str, tuple[int, ...]]] = [(1 << seed, self.classes[seed], (seed,))]
        while stack:
            mask, own, members = stack.pop()
            if mask in seen:
                continue
            seen.add(mask)
            yield members
            if len(members) == self.most or seed in self.hosts:
                continue
            for reader in sorted({r for m in members for r in self.readers[m]}):
                if mask >> reader & 1 or self.before[reader] & ~(done | mask) or self.hosts.get(reader, seed) not in members:
                    continue
                wider = self.joins(own, reader)
                if wider is not None:
                    stack.append((mask | 1 << reader, wider, tuple(sorted((*members, reader)))))


def best_fusion(fusible: Fusible, cost: Cost, most_states: int = MOST_STATES) -> Fusion:
    """The partition of least cost: a dynamic programme over sets of operators that have run.

    Where there are more sets than it may look at, operators join greedily in order, each group as it grows.
    """
    count = len(fusible.graph)
    whole = (1 << count) - 1
    best: dict[int, tuple[float, int, tuple[int, ...]]] = {0: (0.0, 0, ())}
    prices: dict[tuple[int, ...], float] = {}
    layer = [0]
    by_size: dict[int, list[int]] = {0: layer}
    for size in range(count):
        for done in by_size.get(size, ()):
            base = best[done][0]
            for seed in range(count):
                if done >> seed & 1 or fusible.before[seed] & ~done:
                    continue
                for group in fusible.groups_from(done, seed):
                    price = prices.setdefault(group, -1.0)
                    if price < 0:
                        price = prices[group] = cost(group)
                    after = done | sum(1 << i for i in group)
                    known = best.get(after)
                    if known is None:
                        by_size.setdefault(after.bit_count(), []).append(after)
                    if known is None or base + price < known[0] - 1e-18:
                        best[after] = (base + price, done, group)
            if len(best) > most_states:
                return greedy_fusion(fusible, cost)
    groups = []
    at = whole
    while at:
        _, at, group = best[at]
        groups.append(group)
    return Fusion(tuple(reversed(groups)), best[whole][0], True)


def greedy_fusion(fusible: Fusible, cost: Cost) -> Fusion:
    """Groups that grow one operator at a time while that saves, in order."""
    done, groups, total = 0, [], 0.0
    for seed in range(len(fusible.graph)):
        if done >> seed & 1:
            continue
        chosen: tuple[int, ...] = (seed,)
        price = cost(chosen)
        while True:
            wider = [g for g in fusible.groups_from(done, seed) if len(g) == len(chosen) + 1 and set(g) > set(chosen)]
            gains = [(cost(g) - price - cost(tuple(set(g) - set(chosen))), g) for g in wider]
            if not gains or min(gains)[0] >= 0:
                break
            chosen = min(gains)[1]
            price = cost(chosen)
        groups.append(chosen)
        total += price
        done |= sum(1 << i for i in chosen)
    return Fusion(tuple(groups), total, False)
