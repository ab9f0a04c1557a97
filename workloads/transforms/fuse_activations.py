"""Activation functions joined to the operator before them."""

from __future__ import annotations

from dataclasses import replace

from workloads.graph import Graph, Operator
from workloads.operators.activations import activation_name

#: Operators whose result an activation can be applied to while it is written.
HOSTS = frozenset({"Add", "Conv", "ConvTranspose", "DeformConv", "Gemm", "MatMul", "QLinearAdd", "QLinearConv", "Sum"})

#: Functions that are fused: those of networks, with parameters that are attributes.
FUSED = frozenset((
    "clip", "elu", "gelu", "gelu_tanh", "hard_sigmoid", "hard_swish", "leaky_relu", "mish", "relu", "relu6", "selu", "sigmoid",
    "silu", "softplus", "tanh",
))  # fmt: skip


def fuse_activations(graph: Graph) -> Graph:
    """The graph with activations fused into the convolution, product or addition that they alone read.

    Promise: the same function; MACs, element and special operations stay, the tensor between the two is neither written nor read.
    The host gets attribute ``activation`` (a name of ``workloads.tables.ACTIVATIONS``) and ``activation_attributes``, the
    parameters of the function as (name, value) pairs. Hosts that have an activation, and results that are read twice or are
    network outputs, stay.
    """
    kept: list[Operator] = []
    place: dict[str, int] = {}
    for index, operator in enumerate(graph.operators):
        source = operator.inputs[0] if operator.inputs else ""
        if activation_name(operator) in FUSED and source in place and graph.consumers[source] == (index,):
            kept[place[source]] = _joined(kept[place[source]], operator)
            continue
        kept.append(operator)
        if _hosts(graph, operator):
            place[operator.outputs[0]] = len(kept) - 1
    used = {name for operator in kept for name in (*operator.inputs, *operator.outputs)}
    used |= {t.name for t in graph.tensors.values() if t.role in ("input", "weight") and not graph.consumers[t.name]}
    return graph.replace(operators=kept, tensors=[tensor for tensor in graph.tensors.values() if tensor.name in used])


def _joined(host: Operator, activation: Operator) -> Operator:
    """The host with the function of an activation operator, writing what that wrote."""
    parameters = tuple(sorted((name, value) for name, value in activation.attributes.items() if isinstance(value, (int, float))))
    attributes = {**host.attributes, "activation": activation_name(activation), "activation_attributes": parameters}
    return replace(host, outputs=activation.outputs, attributes=attributes)


def _hosts(graph: Graph, operator: Operator) -> bool:
    """True for an operator of HOSTS that writes one activation without a function of its own."""
    if operator.op not in HOSTS or operator.attributes.get("activation", "none") != "none":
        return False
    return len(operator.outputs) == 1 and graph.tensors[operator.outputs[0]].role == "activation"
