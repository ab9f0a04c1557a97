"""When each tensor is alive in a given order of the operators, and how many bytes that holds at each step.

A tensor is alive from the step that writes it to the last step that reads it; network inputs from step 0, network outputs to the
end, states of the next inference always, a result nobody reads for the one step that writes it. Constants are not counted. Step t
is the t-th operator of the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.operators import rule_of
from workloads.operators.free import FreeRule


@dataclass(frozen=True, slots=True)
class Life:
    """One allocation: the tensors that share it, its size, and the steps of its life, both ends included.

    Attributes
    ----------
    tensors : tuple of str
        The tensor that was written first, then its views.
    bytes : int
        Size of the largest of them [B].
    first, last : int
        Steps; a network without operators has none.
    """

    tensors: tuple[str, ...]
    bytes: int
    first: int
    last: int

    @property
    def tensor(self) -> str:
        """Name of the tensor that was written first."""
        return self.tensors[0]


@dataclass(frozen=True)
class Liveness:
    """Lives of all activations in one order.

    Attributes
    ----------
    order : tuple of str
        Operator names, first to last.
    lives : tuple of Life
        In order of the tensors' first appearance.
    load_bytes : tuple of int
        Bytes alive at each step [B].
    lower_bound_bytes : int
        The largest single operator's inputs and outputs [B]: no order needs less.
    """

    order: tuple[str, ...]
    lives: tuple[Life, ...]
    load_bytes: tuple[int, ...]
    lower_bound_bytes: int

    @property
    def peak_bytes(self) -> int:
        """Largest load [B]."""
        return max(self.load_bytes, default=0)

    @property
    def peak_step(self) -> int:
        """First step with the largest load."""
        return self.load_bytes.index(self.peak_bytes) if self.load_bytes else 0

    @property
    def peak_operator(self) -> str | None:
        """Operator that runs there."""
        return self.order[self.peak_step] if self.order else None

    @property
    def peak_lives(self) -> tuple[Life, ...]:
        """What is alive there, largest first, ties by name."""
        return self.alive_at(self.peak_step)

    def alive_at(self, step: int) -> tuple[Life, ...]:
        """What is alive at one step, largest first, ties by name."""
        alive = [life for life in self.lives if life.first <= step <= life.last]
        return tuple(sorted(alive, key=lambda life: (-life.bytes, life.tensor)))


def liveness(graph: Graph, order: Sequence[int] | None = None, *, views: bool = True) -> Liveness:
    """Lives of a graph's activations.

    Parameters
    ----------
    graph : Graph
    order : sequence of int, optional
        Operator indices in the order they run; the graph's own by default. Must respect the edges.
    views : bool
        Results of free operators (Reshape, Identity, ...) share the bytes of their input and prolong its life.

    Raises
    ------
    GraphError
        The order leaves operators out, repeats one, or runs a reader before its writer.

    Examples
    --------
    >>> from workloads import Operator, Tensor
    >>> tensors = [Tensor("x", (8,), "int8", "input"), Tensor("h", (4,), "int8"), Tensor("y", (2,), "int8", "output")]
    >>> operators = [Operator("a", "A", ("x",), ("h",)), Operator("b", "B", ("h",), ("y",))]
    >>> found = liveness(Graph.build("chain", operators, tensors), views=False)
    >>> found.load_bytes, found.peak_operator
    ((12, 6), 'a')
    """
    steps = _positions(graph, order)
    base = _bases(graph) if views else {}
    states = frozenset(graph.settings.get("states", ()))
    spans: dict[str, list[int]] = {}
    members: dict[str, list[str]] = {}
    for tensor in graph.tensors.values():
        root = base.get(tensor.name, tensor.name)
        if tensor.role == "weight" or graph.tensors[root].role == "weight":
            continue
        written = steps[graph.producer[tensor.name]] if tensor.name in graph.producer else 0
        read = max((steps[i] for i in graph.consumers[tensor.name]), default=written)
        span = spans.setdefault(root, [written, read])
        stays = tensor.role == "output" or tensor.name in states
        span[0], span[1] = min(span[0], written), max(span[1], len(steps) - 1 if stays else read)
        members.setdefault(root, []).append(tensor.name)
    lives = tuple(
        Life(tuple(sorted(members[root], key=lambda name: name != root)), max(graph.tensors[t].bytes for t in members[root]), *span)
        for root, span in spans.items()
    )
    names = sorted(range(len(steps)), key=steps.__getitem__)
    return Liveness(
        tuple(graph.operators[i].name for i in names), lives, _loads(lives, len(steps)), lower_bound_bytes(graph, views=views)
    )


def lower_bound_bytes(graph: Graph, *, views: bool = True) -> int:
    """The largest single operator's inputs and outputs, each allocation once [B]; peak load is never below it."""
    base = _bases(graph) if views else {}
    size: dict[str, int] = {}
    for tensor in graph.tensors.values():
        root = base.get(tensor.name, tensor.name)
        size[root] = 0 if graph.tensors[root].role == "weight" else max(size.get(root, 0), tensor.bytes)
    return max(
        (sum(size[root] for root in {base.get(name, name) for name in (*o.inputs, *o.outputs) if name}) for o in graph.operators),
        default=0,
    )


def _positions(graph: Graph, order: Sequence[int] | None) -> list[int]:
    """Step of each operator; checks that the order is one."""
    if order is None:
        return list(range(len(graph.operators)))
    if sorted(order) != list(range(len(graph.operators))):
        raise GraphError(
            f"order: {len(order)} entries for the {len(graph.operators)} operators of '{graph.name}'; each index once is expected"
        )
    steps = [0] * len(order)
    for step, index in enumerate(order):
        steps[index] = step
    for tensor, writer in graph.producer.items():
        for reader in graph.consumers[tensor]:
            if steps[reader] < steps[writer]:
                raise GraphError(
                    f"order: '{graph.operators[reader].name}' reads '{tensor}' before '{graph.operators[writer].name}' writes it; "
                    "writers must come first"
                )
    return steps


def _bases(graph: Graph) -> dict[str, str]:
    """Tensor -> the tensor whose bytes it shares, for the results of free operators that are views of their input."""
    base: dict[str, str] = {}
    for operator in graph.operators:
        rule = rule_of(operator)
        if isinstance(rule, FreeRule) and rule.aliases and operator.inputs[0] and operator.outputs[0]:
            base[operator.outputs[0]] = base.get(operator.inputs[0], operator.inputs[0])
    return base


def _loads(lives: Sequence[Life], steps: int) -> tuple[int, ...]:
    """Bytes alive at each step: sizes enter at the first step and leave after the last."""
    change = [0] * (steps + 1)
    if steps:
        for life in lives:
            change[life.first] += life.bytes
            change[life.last + 1] -= life.bytes
    return tuple(accumulate(change[:steps]))
