"""A graph for another batch size."""

from __future__ import annotations

import math
from dataclasses import replace

from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor
from workloads.operators import rule_of
from workloads.operators.family import UndeterminedShape
from workloads.operators.rule import TensorType


def rebatch(graph: Graph, batch: int) -> Graph:
    """The graph with ``batch`` examples at once.

    Promise: the same network on more examples; every activation that depends on an input grows by the same factor on one axis,
    weights do not change. Inputs whose leading size is the present batch (``settings["batch"]``, else 1) get the new one; from
    there the operator rules derive every shape again. Reshapes to a constant shape follow where the batch keeps its place.

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
    tensors = dict(graph.tensors)
    leading = [tensor for tensor in graph.inputs if tensor.shape and tensor.shape[0] == present]
    if not leading:
        raise GraphError(f"batch: no input of network '{graph.name}' has a leading size of {present}; its batch cannot be changed")
    for tensor in leading:
        tensors[tensor.name] = replace(tensor, shape=(batch, *tensor.shape[1:]))
    operators = [_rebatched(graph, operator, tensors, batch, present) for operator in graph.operators]
    return graph.replace(operators=operators, tensors=tensors, settings={**graph.settings, "batch": batch})


def batch_axis(before: tuple[int, ...], after: tuple[int, ...], batch: int, present: int) -> int | None:
    """The one axis that grew from ``present`` to ``batch`` examples; None where nothing grew, -1 where anything else happened.

    >>> batch_axis((12, 64), (48, 64), 4, 1)
    0
    """
    if before == after:
        return None
    changed = [axis for axis, sizes in enumerate(zip(before, after, strict=False)) if sizes[0] != sizes[1]]
    if len(before) != len(after) or len(changed) != 1 or after[changed[0]] * present != before[changed[0]] * batch:
        return -1
    return changed[0]


def _rebatched(graph: Graph, operator: Operator, tensors: dict[str, Tensor], batch: int, present: int) -> Operator:
    """The operator for the new batch; its outputs are put into ``tensors``."""
    inputs = [tensors[name] if name else None for name in operator.inputs]
    grown = any(name and tensors[name].shape != graph.tensors[name].shape for name in operator.inputs)
    if not grown:
        return operator
    if operator.op == "Reshape":
        operator = _reshaped(graph, operator, tensors, batch, present)
    try:
        derived = rule_of(operator).output_types(operator, inputs)
    except UndeterminedShape as error:
        raise GraphError(f"batch: {error}") from None
    except GraphError as error:
        raise GraphError(f"batch: {batch} does not pass {error}") from None
    for name, kind in zip(operator.outputs, derived, strict=False):
        if name:
            _accept(graph, operator, tensors, name, kind, batch, present)
    return operator


def _accept(
    graph: Graph, operator: Operator, tensors: dict[str, Tensor], name: str, kind: TensorType, batch: int, present: int
) -> None:
    """Take a derived shape that grew on one axis, or that never held the batch (shapes, statistics)."""
    before = graph.tensors[name]
    axis = batch_axis(before.shape, kind.shape, batch, present)
    if axis == -1 or (axis is None and operator.op not in ("Shape", "Size")):
        raise GraphError(
            f"batch: operator '{operator.name}' ({operator.op}) gives '{name}' {kind.shape} from {before.shape} at batch {batch}; "
            "one axis must grow with the batch"
        )
    tensors[name] = replace(before, shape=kind.shape)


def _reshaped(graph: Graph, operator: Operator, tensors: dict[str, Tensor], batch: int, present: int) -> Operator:
    """A Reshape whose target holds the batch where the input does: behind an equal number of elements."""
    source = operator.inputs[0]
    old, target = graph.tensors[source].shape, list(graph.tensors[operator.outputs[0]].shape)
    axis = batch_axis(old, tensors[source].shape, batch, present)
    before = math.prod(old[:axis]) if axis is not None and axis >= 0 else -1
    places = [place for place in range(len(target)) if math.prod(target[:place]) == before and target[place] % present == 0]
    if not places:
        raise GraphError(
            f"batch: operator '{operator.name}' (Reshape) takes {old} to {tuple(target)}; no axis of the result can hold the batch"
        )
    place = next((place for place in places if target[place] == present), places[0])
    target[place] = target[place] // present * batch
    return replace(operator, attributes={**operator.attributes, "shape": tuple(target)})
