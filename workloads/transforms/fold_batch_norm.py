"""Batch norms folded into the convolution or matrix product before them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workloads.dtypes import is_float
from workloads.graph import Graph, Operator, Tensor
from workloads.operators.family import channel_axis

#: Operators that take a scale and a shift per output channel into their weights.
HOSTS = ("BatchNormalization", "Conv", "ConvTranspose", "Gemm")

#: Operators that scale or shift: by vectors of their own, or by a constant operand.
SCALING, SHIFTING = ("Mul", "Div"), ("Add", "Sub")


def fold_batch_norm(graph: Graph) -> Graph:
    """The graph with batch norms folded into what feeds them.

    Promise: the same function up to rounding. Per output channel ``w' = w * g / sqrt(v + e)`` and
    ``b' = (b - m) * g / sqrt(v + e) + beta`` (Jacob et al., CVPR 2018, section 3.2). A batch norm disappears if it is the only
    reader of a Conv, ConvTranspose or Gemm without a fused activation; the host gains a bias where it had none.
    Multiplications, divisions, additions and subtractions by one constant per channel (the "Scale" layers of old exports) are
    folded the same way, and into a batch norm that itself stays. Weights shared by several operators get a copy of their own.
    Quantised hosts are left alone.
    """
    work = _Folding(graph)
    for operator in graph.operators:
        work.take(operator)
    return work.result()


@dataclass
class _Host:
    """An operator that may absorb what follows it."""

    position: int
    operator: Operator


class _Folding:
    """One pass in graph order: every operator is absorbed by its producer or kept."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors: dict[str, Tensor] = dict(graph.tensors)
        self.kept: list[Operator] = []
        self.host_of: dict[str, _Host] = {}

    def take(self, operator: Operator) -> None:
        """Absorb the operator or keep it."""
        host = self.host_of.get(self.followed(operator))
        if host is not None and self.absorbs(host.operator, operator):
            self.absorb(host, operator)
            return
        self.kept.append(operator)
        if self.may_host(operator):
            self.host_of[operator.outputs[0]] = _Host(len(self.kept) - 1, operator)

    def may_host(self, operator: Operator) -> bool:
        """True for a float operator of HOSTS with one output and no activation of its own."""
        if operator.op not in HOSTS or len(operator.outputs) != 1 or operator.attributes.get("activation", "none") != "none":
            return False
        if len(operator.inputs) > 2 and operator.inputs[2] and self.tensors[operator.inputs[2]].role != "weight":
            return False
        weight = self.tensors[operator.inputs[1]]
        return weight.role == "weight" and is_float(weight.dtype) and operator.attributes.get("beta", 1.0) == 1.0

    def followed(self, operator: Operator) -> str:
        """The activation that a scaling or shifting operator works on."""
        if operator.op == "BatchNormalization":
            return operator.inputs[0]
        if operator.op in (*SCALING, *SHIFTING) and len(operator.inputs) == 2:
            first, second = (self.tensors[name].role == "weight" for name in operator.inputs)
            if second and not first:
                return operator.inputs[0]
            if first and not second and operator.op in ("Mul", "Add"):
                return operator.inputs[1]
        return ""

    def absorbs(self, host: Operator, operator: Operator) -> bool:
        """True if nothing else reads between them and the constants go by channel."""
        between = self.tensors[host.outputs[0]]
        if between.role == "output" or self.graph.consumers[between.name] != (self.graph.producer[operator.outputs[0]],):
            return False
        if operator.attributes.get("activation", "none") != "none" or len(operator.outputs) != 1:
            return False
        axis = len(between.shape) - 1 if host.op == "Gemm" else channel_axis(host, len(between.shape))
        channels = between.shape[axis]
        if operator.op == "BatchNormalization":
            own = channel_axis(operator, len(between.shape))
            return own == axis and host.op != "BatchNormalization" and not operator.attributes.get("training_mode")
        constant = next(self.tensors[name] for name in operator.inputs if name != between.name)
        place = axis - (len(between.shape) - len(constant.shape))
        return is_float(constant.dtype) and constant.elements == channels and place >= 0 and constant.shape[place] == channels

    def absorb(self, host: _Host, operator: Operator) -> None:
        """Let the host write what the operator wrote, with weights and bias of its own."""
        inputs = list(host.operator.inputs)
        if host.operator.op != "BatchNormalization":
            if operator.op not in SHIFTING:
                inputs[1] = self.own_weight(host.operator)
            if operator.op not in SCALING or len(inputs) > 2 and inputs[2]:
                inputs[2:] = [self.own_bias(host.operator, operator)]
        self.tensors.pop(host.operator.outputs[0])
        del self.host_of[host.operator.outputs[0]]
        host.operator = replace(host.operator, inputs=tuple(inputs), outputs=operator.outputs)
        self.kept[host.position] = host.operator
        self.host_of[operator.outputs[0]] = host

    def own_weight(self, host: Operator) -> str:
        """Weight tensor that belongs to the host alone."""
        weight = self.tensors[host.inputs[1]]
        if len(self.graph.consumers.get(weight.name, ())) <= 1:
            return weight.name
        return self.declare(replace(weight, name=f"{host.name}.folded_weight"))

    def own_bias(self, host: Operator, operator: Operator) -> str:
        """Bias vector that belongs to the host alone; its values are new, so nothing is known of them."""
        shape = self.tensors[operator.outputs[0]].shape
        channels = shape[-1] if host.op == "Gemm" else shape[channel_axis(host, len(shape))]
        old = self.tensors[host.inputs[2]] if len(host.inputs) > 2 and host.inputs[2] else None
        if old is not None and old.shape == (channels,) and len(self.graph.consumers.get(old.name, ())) <= 1:
            self.tensors[old.name] = replace(old, facts=None)
            return old.name
        return self.declare(Tensor(f"{host.name}.folded_bias", (channels,), self.tensors[host.inputs[1]].dtype, "weight"))

    def declare(self, tensor: Tensor) -> str:
        self.tensors[tensor.name] = tensor
        return tensor.name

    def result(self) -> Graph:
        """The kept operators and the tensors they use."""
        used = {name for operator in self.kept for name in (*operator.inputs, *operator.outputs)}
        known = self.graph.tensors
        unread = {t.name for t in known.values() if t.role in ("input", "weight") and not self.graph.consumers[t.name]}
        return self.graph.replace(operators=self.kept, tensors=[t for t in self.tensors.values() if t.name in used | unread])
