"""A graph for another batch size."""

from __future__ import annotations

import math
from dataclasses import replace

from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor
from workloads.operators import rule_of
from workloads.operators.family import UndeterminedShape
from workloads.operators.rule import Operands, TensorType

#: Operators whose result is the same for any number of examples.
BATCH_FREE = frozenset({"PriorBox", "Shape", "Size"})

#: Operators whose shape only their file says.
DECLARED = frozenset({"DetectionOutput", "PriorBox", "Yolov3DetectionOutput", "YoloDetectionOutput"})


def rebatch(graph: Graph, batch: int) -> Graph:
    """The graph with ``batch`` examples at once.

    Promise: the same network on more examples; every activation that depends on an input grows by the same factor on one axis,
    weights do not change. Inputs whose leading size is the present batch (``settings["batch"]``, else 1) get the new one; from
    there the operator rules derive every shape again. Reshapes to a constant shape follow where the batch keeps its place. A
    constant that is concatenated to the examples (a class token) is stretched to all of them by an Expand. A detector's output has
    as many boxes for each example.

    Raises
    ------
    GraphError
        A batch below 1, no input that leads with the batch, or an operator whose result does not grow so, by name.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise GraphError(f"batch: {batch!r}; a whole number >= 1 is expected")
    present = int(graph.settings.get("batch") or 1)
    if batch == present:
        return graph
    work = _Rebatching(graph, batch, present)
    for operator in graph.operators:
        work.take(operator)
    return graph.replace(operators=work.operators, tensors=work.tensors, settings={**graph.settings, "batch": batch})


def grown_axis(before: tuple[int, ...], after: tuple[int, ...], batch: int, present: int) -> int | None:
    """The one axis that grew from ``present`` to ``batch`` examples; None where nothing grew, -1 where anything else happened.

    >>> grown_axis((12, 64), (48, 64), 4, 1)
    0
    """
    if before == after:
        return None
    changed = [axis for axis, sizes in enumerate(zip(before, after, strict=False)) if sizes[0] != sizes[1]]
    if len(before) != len(after) or len(changed) != 1 or after[changed[0]] * present != before[changed[0]] * batch:
        return -1
    return changed[0]


class _Rebatching:
    """One pass in graph order: inputs grow, everything behind them follows."""

    def __init__(self, graph: Graph, batch: int, present: int) -> None:
        self.graph, self.batch, self.present = graph, batch, present
        self.tensors: dict[str, Tensor] = dict(graph.tensors)
        self.operators: list[Operator] = []
        leading = [tensor for tensor in graph.inputs if tensor.shape and tensor.shape[0] == present]
        if not leading:
            raise GraphError(
                f"batch: no input of network '{graph.name}' has a leading size of {present}; its batch cannot be changed"
            )
        for tensor in leading:
            self.tensors[tensor.name] = replace(tensor, shape=(batch, *tensor.shape[1:]))

    def take(self, operator: Operator) -> None:
        """Put the operator and its outputs for the new batch beside those before it."""
        if any(name and self.axis(name) is not None for name in operator.inputs):
            if operator.op == "Reshape":
                operator = self.reshaped(operator)
            elif operator.op == "Concat":
                operator = self.joined(operator)
            inputs = [self.tensors[name] if name else None for name in operator.inputs]
            try:
                derived = self.derived(operator, inputs)
            except GraphError as error:
                raise GraphError(f"batch: {self.batch} does not pass {error}") from None
            for place, (name, kind) in enumerate(zip(operator.outputs, derived, strict=False)):
                if name:
                    self.accept(operator, name, kind, must_grow=place == 0 and operator.op not in BATCH_FREE)
        self.operators.append(operator)

    def derived(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        """Types by the rule; the declared ones of detectors' outputs, as many boxes for each example."""
        try:
            return rule_of(operator).output_types(operator, inputs)
        except UndeterminedShape:
            if operator.op not in DECLARED:
                raise
            before = self.graph.tensors[operator.outputs[0]]
            if operator.op in BATCH_FREE or not before.shape or before.shape[0] % self.present:
                return (TensorType(before.shape, before.dtype),)
            return (TensorType((before.shape[0] // self.present * self.batch, *before.shape[1:]), before.dtype),)

    def axis(self, name: str) -> int | None:
        """Axis of a tensor that grew; None where none did (tensors made here have none)."""
        before = self.graph.tensors.get(name, self.tensors[name]).shape
        return grown_axis(before, self.tensors[name].shape, self.batch, self.present)

    def accept(self, operator: Operator, name: str, kind: TensorType, *, must_grow: bool) -> None:
        """Take a derived shape that grew on one axis; further outputs (statistics) may stay as they were."""
        before = self.graph.tensors[name]
        axis = grown_axis(before.shape, kind.shape, self.batch, self.present)
        if axis == -1 or (axis is None and must_grow):
            raise GraphError(
                f"batch: operator '{operator.name}' ({operator.op}) gives '{name}' {kind.shape} from {before.shape} at batch "
                f"{self.batch}; one axis must grow with the batch"
            )
        self.tensors[name] = replace(before, shape=kind.shape)

    def reshaped(self, operator: Operator) -> Operator:
        """A Reshape whose target holds the batch where the input does: behind an equal number of elements."""
        source = operator.inputs[0]
        old, target = self.graph.tensors[source].shape, list(self.graph.tensors[operator.outputs[0]].shape)
        axis = self.axis(source)
        before = math.prod(old[:axis]) if axis is not None else -1
        places = [
            place for place in range(len(target)) if math.prod(target[:place]) == before and target[place] % self.present == 0
        ]
        if not places:
            raise GraphError(
                f"batch: operator '{operator.name}' (Reshape) makes {tuple(target)} of {old}; no axis there can hold the batch"
            )
        place = next((place for place in places if target[place] == self.present), places[0])
        target[place] = target[place] // self.present * self.batch
        return replace(operator, attributes={**operator.attributes, "shape": tuple(target)})

    def joined(self, operator: Operator) -> Operator:
        """A Concat whose constants are stretched along the axis on which the other operands grew."""
        axis = next(axis for name in operator.inputs if (axis := self.axis(name)) is not None)
        along = int(operator.attributes.get("axis", 1)) % max(1, len(self.tensors[operator.inputs[0]].shape))
        if along == axis:
            return operator
        return replace(operator, inputs=tuple(self.stretched(operator, name, axis) for name in operator.inputs))

    def stretched(self, operator: Operator, name: str, axis: int) -> str:
        """The tensor itself, or the result of an Expand where it is a constant for one batch."""
        tensor = self.tensors[name]
        if tensor.role != "weight" or len(tensor.shape) <= axis or tensor.shape[axis] != 1:
            return name
        shape = (*tensor.shape[:axis], self.batch, *tensor.shape[axis + 1 :])
        result = Tensor(f"{operator.name}.{name}.stretched", shape, tensor.dtype)
        if result.name not in self.tensors:
            self.tensors[result.name] = result
            self.operators.append(Operator(f"{operator.name}.{name}.stretch", "Expand", (name,), (result.name,), {"shape": shape}))
        return result.name
