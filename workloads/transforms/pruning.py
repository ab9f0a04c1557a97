"""Weights and channels taken out: zeros by pattern, and whole filters with everything that follows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from workloads.errors import GraphError
from workloads.graph import Graph, Tensor, WeightFacts
from workloads.operators import rule_of
from workloads.transforms.channels import Channels, channels_of
from workloads.transforms.rewriting import named_operators, weight_position, weighted_operators


def prune_weights(graph: Graph, share: float, pattern: str = "unstructured", layers: Iterable[str] = ()) -> Graph:
    """The network with a share of its weights at zero; shapes, MACs and stored bytes stay.

    Promise: the same operators and shapes. What the zeros are worth is settled elsewhere: units that skip them, formats that leave
    them out. What becomes of the accuracy is not said.

    Parameters
    ----------
    share : float
        Share of the weights of each convolution and product that is zero, 0 to 1.
    pattern : str
        ``unstructured``, ``block``, or ``n:m`` (n of every m are kept, e.g. ``2:4``).
    layers : iterable of str
        Only these; empty: all.
    """
    chosen = named_operators(graph, layers) or frozenset(weighted_operators(graph))
    tensors = dict(graph.tensors)
    for operator in graph.operators:
        if operator.name in chosen:
            weight = tensors[operator.inputs[weight_position(operator)]]
            facts = weight.facts or WeightFacts()
            zeros = max(facts.zero_share, int(share * weight.elements) / max(1, weight.elements))
            tensors[weight.name] = replace(weight, facts=replace(facts, zero_share=zeros, pattern=pattern))
    return graph.replace(tensors=tensors)


def prune_filters(graph: Graph, share: float, multiple: int = 1, layers: Iterable[str] = ()) -> Graph:
    """The network with a share of the output channels of its convolutions and products taken out.

    Promise: a smaller network of the same operators; shapes follow through residual additions, concatenations, depthwise layers and
    flattening. Channels that are tied fall together; those of network inputs and outputs, and of operators that look at channels in
    ways not known here, stay. Which filters go does not matter for costs: the last ones do.

    Parameters
    ----------
    share : float
        Of the output channels of each convolution and product, 0 to 1, rounded so that at least one stays.
    multiple : int
        The number of channels that stay is a multiple of this, where there were as many.
    layers : iterable of str
        Only these; empty: all that can be.
    """
    chosen = named_operators(graph, layers)
    channels = channels_of(graph)
    pinned = channels.pinned_roots()
    removed: set[int] = set()
    for name, own in channels.owned.items():
        if chosen and name not in chosen:
            continue
        roots = channels.roots(own).tolist()
        stay = max(1, len(roots) - int(share * len(roots)))
        stay = min(len(roots), -(-stay // multiple) * multiple)
        gone = sum(root in removed for root in roots)
        for root in reversed(roots):
            if gone >= len(roots) - stay:
                break
            if root not in pinned and root not in removed:
                removed.add(root)
                gone += 1
    return _without(graph, channels, removed)


def _without(graph: Graph, channels: Channels, removed: set[int]) -> Graph:
    """The network without some channels; every shape is checked by its rule."""
    tensors: dict[str, Tensor] = dict(graph.tensors)

    def left(ids: np.typing.NDArray[np.int64]) -> int:
        return sum(root not in removed for root in channels.roots(ids).tolist())

    for name, (axis, ids) in channels.ids.items():
        tensors[name] = _resized(tensors[name], axis, left(ids))
    for cut in channels.cuts:
        tensors[cut.tensor] = _resized(tensors[cut.tensor], cut.axis, left(cut.ids))
    operators = []
    for operator in graph.operators:
        attributes = dict(operator.attributes)
        if int(attributes.get("group", 1)) > 1 and operator.op == "Conv":
            before, after = graph.tensors[operator.inputs[0]], tensors[operator.inputs[0]]
            if before.shape != after.shape:
                axis = channels.ids[operator.inputs[0]][0]
                attributes["group"] = after.shape[axis]
        if (
            operator.op == "Reshape"
            and "shape" in attributes
            and tensors[operator.outputs[0]] != graph.tensors[operator.outputs[0]]
        ):
            attributes["shape"] = tensors[operator.outputs[0]].shape
        operators.append(replace(operator, attributes=attributes))
    smaller = graph.replace(operators=operators, tensors=tensors)
    for operator in smaller.operators:
        _check(smaller, operator.name)
    return smaller


def _check(graph: Graph, name: str) -> None:
    operator = graph.operator(name)
    derived = rule_of(operator).output_types(operator, graph.tensors_of(operator.inputs))
    for output, kind in zip(operator.outputs, derived, strict=False):
        if output and graph.tensors[output].shape != kind.shape:
            raise GraphError(
                f"operator '{name}' ({operator.op}): {graph.tensors[output].shape} after pruning; its rule gives {kind.shape}; "
                "name the layers to prune, without those before it"
            )


def _resized(tensor: Tensor, axis: int, size: int) -> Tensor:
    if tensor.shape[axis] == size:
        return tensor
    shape = (*tensor.shape[:axis], size, *tensor.shape[axis + 1 :])
    facts = WeightFacts(zero_share=tensor.facts.zero_share, pattern=tensor.facts.pattern) if tensor.facts is not None else None
    return replace(tensor, shape=shape, facts=facts)
