"""Which channels of a network stand and fall together: those that residual additions, concatenations and depthwise layers tie.

Every channel of every activation gets a number; an addition makes the numbers of its operands one. Where an operator looks into a
channel axis in a way that is not known here, its channels are pinned: they cannot be taken out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workloads.graph import Graph, Operator, Tensor
from workloads.operators import rule_of
from workloads.operators.family import channel_axis
from workloads.tables import CHANNELS_FIRST, CHANNELS_LAST

Ids = NDArray[np.int64]

#: Kinds of operators whose result has the channels of their first operand, one by one.
PASSING = frozenset({"activation", "normalization", "pooling", "resize", "quantization"})

#: Operators of other kinds that do the same.
PASSING_OPERATORS = frozenset({"Cast", "Dropout", "Identity", "Pad"})


@dataclass(frozen=True)
class Cut:
    """An axis of a tensor that follows channels; a size on it is ``per`` for each of them."""

    tensor: str
    axis: int
    ids: Ids


@dataclass
class Channels:
    """Channels of a network.

    Attributes
    ----------
    ids : dict
        Activation tensor -> (axis, number of each place on it).
    cuts : list of Cut
        Constants that follow channels.
    owned : dict
        Operator that makes new channels -> their numbers.
    """

    ids: dict[str, tuple[int, Ids]] = field(default_factory=dict)
    cuts: list[Cut] = field(default_factory=list)
    owned: dict[str, Ids] = field(default_factory=dict)
    parents: list[int] = field(default_factory=list)
    pinned: set[int] = field(default_factory=set)

    def root(self, channel: int) -> int:
        """The number that stands for all channels tied to this one."""
        while self.parents[channel] != channel:
            self.parents[channel] = self.parents[self.parents[channel]]
            channel = self.parents[channel]
        return channel

    def roots(self, ids: Ids) -> Ids:
        """Roots of several channels."""
        return np.array([self.root(int(c)) for c in ids], np.int64)

    def new(self, count: int) -> Ids:
        """New channels, tied to nothing."""
        first = len(self.parents)
        self.parents.extend(range(first, first + count))
        return np.arange(first, first + count)

    def tie(self, one: Ids, other: Ids) -> None:
        """Make channels one, place by place."""
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            low, high = sorted((self.root(a), self.root(b)))
            self.parents[high] = low

    def pin(self, ids: Ids) -> None:
        """These channels stay."""
        self.pinned.update(ids.tolist())

    def pinned_roots(self) -> set[int]:
        """Roots of everything that stays."""
        return {self.root(c) for c in self.pinned}


def channels_of(graph: Graph) -> Channels:
    """The channels of a network, in one pass over its operators."""
    walk = _Walk(graph)
    for tensor in graph.inputs:
        axis = 1 if len(tensor.shape) > 1 else 0
        if tensor.shape:
            ids = walk.found.new(tensor.shape[axis])
            walk.found.ids[tensor.name] = (axis, ids)
            walk.found.pin(ids)
    for operator in graph.operators:
        walk.visit(operator)
    for tensor in graph.outputs:
        walk.pin(tensor.name)
    return walk.found


class _Walk:
    """One pass over the operators in order."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.found = graph, Channels()

    def visit(self, operator: Operator) -> None:
        """Number the channels of what an operator writes."""
        inputs, outputs = self.graph.tensors_of(operator.inputs), self.graph.tensors_of(operator.outputs)
        kind = rule_of(operator).kind(operator, inputs, outputs)
        done = False
        if len([name for name in operator.outputs if name]) == 1:
            if operator.op == "Conv":
                done = self.convolution(operator)
            elif operator.op in ("Gemm", "MatMul"):
                done = self.product(operator)
            elif operator.op == "Concat":
                done = self.concatenation(operator)
            elif operator.op in ("Flatten", "Reshape"):
                done = self.flattening(operator)
            elif operator.op == "ReduceMean":
                done = self.mean(operator)
            elif kind == "elementwise":
                done = self.elementwise(operator)
            elif kind in PASSING or operator.op in PASSING_OPERATORS:
                done = self.passing(operator)
        if not done:
            self.unknown(operator)

    def axis_of(self, name: str) -> tuple[int, Ids] | None:
        return self.found.ids.get(name)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.graph.tensors[name].shape

    def constant(self, name: str) -> Tensor | None:
        """A constant that one operator alone reads."""
        tensor = self.graph.tensors[name] if name else None
        return tensor if tensor is not None and tensor.role == "weight" and len(self.graph.consumers[name]) == 1 else None

    def convolution(self, operator: Operator) -> bool:
        """Conv: new channels; a depthwise one passes on those it reads."""
        source, weight = self.axis_of(operator.inputs[0]), self.constant(operator.inputs[1])
        rank = len(self.shape(operator.outputs[0]))
        axis = channel_axis(operator, rank)
        layout = operator.attributes.get("weight_layout", "OIHW")
        if source is None or source[0] != axis or weight is None or "O" not in layout:
            return False
        if any(self.constant(name) is None for name in operator.inputs[2:] if name):
            return False
        group, count = int(operator.attributes.get("group", 1)), self.shape(operator.outputs[0])[axis]
        if group == 1:
            own = self.found.new(count)
            self.found.owned[operator.name] = own
            self.found.cuts.append(Cut(weight.name, _place(layout, "I", rank), source[1]))
        elif group == len(source[1]) and count == group:
            own = source[1]
        else:
            return False
        self.found.cuts.append(Cut(weight.name, _place(layout, "O", rank), own))
        self.vectors(operator, operator.inputs[2:], own)
        self.found.ids[operator.outputs[0]] = (axis, own)
        return True

    def product(self, operator: Operator) -> bool:
        """Gemm and MatMul with a constant second factor: new features on the last axis."""
        source, weight = self.axis_of(operator.inputs[0]), self.constant(operator.inputs[1])
        last = len(self.shape(operator.inputs[0])) - 1
        if source is None or source[0] != last or weight is None or len(weight.shape) != 2 or operator.attributes.get("transA"):
            return False
        if len(self.shape(operator.outputs[0])) != last + 1 or len(source[1]) != self.shape(operator.inputs[0])[last]:
            return False
        if any(self.constant(name) is None for name in operator.inputs[2:] if name):
            return False
        outputs = 0 if operator.attributes.get("transB") else 1
        if weight.shape[1 - outputs] != len(source[1]):
            return False
        own = self.found.new(weight.shape[outputs])
        self.found.owned[operator.name] = own
        self.found.cuts += [Cut(weight.name, 1 - outputs, source[1]), Cut(weight.name, outputs, own)]
        self.vectors(operator, operator.inputs[2:], own)
        self.found.ids[operator.outputs[0]] = (last, own)
        return True

    def vectors(self, operator: Operator, names: Iterable[str], ids: Ids) -> None:
        """Constants with one value per channel: biases, scales, means."""
        for name in names:
            tensor = self.constant(name) if name else None
            if tensor is not None:
                self.found.cuts += [Cut(name, axis, ids) for axis, size in enumerate(tensor.shape) if size == len(ids)][:1]

    def concatenation(self, operator: Operator) -> bool:
        """Concat: channels one after the other, or tied where another axis grows."""
        sources = [self.axis_of(name) for name in operator.inputs]
        first = sources[0]
        if first is None or any(s is None or s[0] != first[0] for s in sources):
            return False
        along = int(operator.attributes.get("axis", 1)) % len(self.shape(operator.inputs[0]))
        known = [s for s in sources if s is not None]
        if along == first[0]:
            ids = np.concatenate([s[1] for s in known])
        else:
            ids = first[1]
            for other in known[1:]:
                self.found.tie(ids, other[1])
        self.found.ids[operator.outputs[0]] = (first[0], ids)
        return True

    def flattening(self, operator: Operator) -> bool:
        """A map made a vector: each channel becomes as many features as it has pixels."""
        source = self.axis_of(operator.inputs[0])
        before, after = self.shape(operator.inputs[0]), self.shape(operator.outputs[0])
        if source is None or len(after) != 2 or after[0] != before[0] or math.prod(before[1:]) != after[1] or source[0] == 0:
            return False
        if operator.op == "Reshape" and "shape" not in operator.attributes:
            return False
        pixels_before, pixels_after = math.prod(before[1 : source[0]]), math.prod(before[source[0] + 1 :])
        self.found.ids[operator.outputs[0]] = (1, np.tile(np.repeat(source[1], pixels_after), pixels_before))
        return True

    def mean(self, operator: Operator) -> bool:
        """ReduceMean over other axes than that of the channels."""
        source = self.axis_of(operator.inputs[0])
        rank = len(self.shape(operator.inputs[0]))
        axes = operator.attributes.get("axes")
        if source is None or axes is None:
            return False
        gone = {int(axis) % rank for axis in axes}
        if source[0] in gone:
            return False
        keeps = bool(operator.attributes.get("keepdims", 1))
        axis = source[0] if keeps else source[0] - sum(axis < source[0] for axis in gone)
        self.found.ids[operator.outputs[0]] = (axis, source[1])
        return True

    def elementwise(self, operator: Operator) -> bool:
        """Sums and products: channels of the operands are tied, place by place."""
        shape = self.shape(operator.outputs[0])
        result: tuple[int, Ids] | None = None
        constants: list[str] = []
        for name in filter(None, operator.inputs):
            tensor = self.graph.tensors[name]
            if tensor.role == "weight":
                constants.append(name)
                continue
            source = self.axis_of(name)
            if source is None or len(tensor.shape) != len(shape):
                return False
            if result is not None and source[0] != result[0]:
                return False
            if tensor.shape[source[0]] == 1 != shape[source[0]]:
                continue
            if result is not None:
                self.found.tie(result[1], source[1])
            result = result or source
        if result is None or len(result[1]) != shape[result[0]]:
            return False
        for name in constants:
            tensor = self.graph.tensors[name]
            place = result[0] - (len(shape) - len(tensor.shape))
            if place >= 0 and tensor.shape[place] == len(result[1]) > 1:
                if self.constant(name) is None:
                    return False
                self.found.cuts.append(Cut(name, place, result[1]))
        self.found.ids[operator.outputs[0]] = result
        return True

    def passing(self, operator: Operator) -> bool:
        """Operators that treat every channel by itself."""
        source = self.axis_of(operator.inputs[0])
        before, after = self.shape(operator.inputs[0]), self.shape(operator.outputs[0])
        if source is None or len(before) != len(after) or before[source[0]] != after[source[0]]:
            return False
        own = [name for name in operator.inputs[1:] if name and self.graph.tensors[name].role == "weight"]
        if any(len(source[1]) in self.shape(name) and self.constant(name) is None for name in own):
            return False
        self.vectors(operator, own, source[1])
        self.found.ids[operator.outputs[0]] = source
        return True

    def unknown(self, operator: Operator) -> None:
        """Everything an operator reads stays as it is; what it writes as well."""
        for name in filter(None, operator.inputs):
            self.pin(name)
        for name in filter(None, operator.outputs):
            shape = self.shape(name)
            if shape:
                last = operator.op in CHANNELS_LAST or (len(shape) <= 3 and operator.op not in CHANNELS_FIRST)
                axis = len(shape) - 1 if last else channel_axis(operator, len(shape))
                ids = self.found.new(shape[axis])
                self.found.ids[name] = (axis, ids)
                self.found.pin(ids)

    def pin(self, name: str) -> None:
        """The channels of a tensor stay."""
        source = self.axis_of(name)
        if source is not None:
            self.found.pin(source[1])


def _place(layout: str, letter: str, rank: int) -> int:
    """Axis of a weight tensor: the letters of spatial axes stand for as many as there are."""
    if layout in ("OIHW", "IOHW"):
        return layout.index(letter)
    place = layout.index(letter)
    return place if place == 0 else place - 4 + rank
