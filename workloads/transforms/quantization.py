"""A network in narrower types: weights, activations, layer by layer, with the conversions between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from workloads.dtypes import WEIGHT_FORMATS, bits, is_float
from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor
from workloads.transforms.retype import BIAS_POSITION, retype
from workloads.transforms.rewriting import Rewriting, named_operators, weight_position, weighted_operators

#: Written for activations that keep their type.
KEEP = "keep"


def quantize(
    graph: Graph, weights: str = "int8", activations: str = "int8", *, layers: Iterable[str] = (), keep: Iterable[str] = (),
    conversions: str = "folded",
) -> Graph:  # fmt: skip
    """The network with narrower weights and activations.

    Promise: the same operators on the same shapes with the same MACs, and conversions between types where neighbours differ. What
    becomes of the accuracy is not said.

    Parameters
    ----------
    weights : str
        Type of the weights of convolutions and matrix products; their biases become int32.
    activations : str
        Type of activations; ``keep`` leaves them.
    layers : iterable of str
        Only these convolutions and products (``first`` and ``last`` are understood); the rest of the network stays as it is, and the
        input of each is converted. Empty: the whole network.
    keep : iterable of str
        These stay as they are; their input is converted back.
    conversions : str
        ``folded``: an operator writes its result in the type that is wanted, as runtimes do once scales are fixed (Jacob et al., CVPR
        2018). ``inserted``: each chosen operator stands between a QuantizeLinear and a DequantizeLinear, as training tools export
        networks.

    Raises
    ------
    GraphError
        A name that is no such operator, a type that is wider than what is there.
    """
    kept = named_operators(graph, keep)
    chosen = named_operators(graph, layers) or frozenset(weighted_operators(graph))
    if activations in WEIGHT_FORMATS or (weights in WEIGHT_FORMATS and (tuple(layers) or kept)):
        raise GraphError(f"dtype: '{weights}' is a format of whole networks; it goes without layers and keep")
    whole = not tuple(layers) and conversions == "folded" and activations != KEEP
    plain = whole and not kept and weights == activations
    if plain and any(is_float(t.dtype) for t in graph.tensors.values()):
        return retype(graph, weights)
    started = retype(graph, activations) if whole and any(is_float(t.dtype) for t in graph.tensors.values()) else graph
    work = _Quantizing(graph, started, weights, activations, conversions)
    for operator in started.operators:
        work.take(operator, narrow=operator.name in chosen - kept, float_again=whole and operator.name in kept)
    return work.result()


class _Quantizing(Rewriting):
    """One pass in graph order; conversions are put before the operators that need them."""

    def __init__(self, original: Graph, started: Graph, weights: str, activations: str, conversions: str) -> None:
        super().__init__(started)
        self.original, self.weights, self.activations, self.conversions = original, weights, activations, conversions

    def take(self, operator: Operator, *, narrow: bool, float_again: bool) -> None:
        """Put the operator with narrower weights, as it was before, or as it is."""
        if float_again:
            self.restore(operator)
        elif narrow:
            self.narrow(operator)
        else:
            self.keep(operator)

    def narrow(self, operator: Operator) -> None:
        """The operator with narrower weights, on an input of the type of activations."""
        position = weight_position(operator)
        weight = self.tensors[operator.inputs[position]]
        self.tensors[weight.name] = replace(weight, dtype=self.narrower(operator, weight))
        if self.activations == KEEP:
            self.keep(operator)
            return
        for place in (BIAS_POSITION.get(operator.op, 99),):
            for name in operator.inputs[place : place + 1]:
                if name and is_float(self.tensors[name].dtype):
                    self.tensors[name] = replace(self.tensors[name], dtype="int32")
        source = self.converted(operator, operator.inputs[0], self.activations)
        wanted = self.tensors[operator.outputs[0]].dtype
        narrowed = replace(operator, inputs=(source, *operator.inputs[1:]))
        if self.conversions == "folded":
            self.keep(self.writing(narrowed, wanted))
            return
        inner = Tensor(f"{operator.name}.quantized", self.tensors[operator.outputs[0]].shape, self.activations)
        self._declare(inner)
        self.keep(self.writing(replace(narrowed, outputs=(inner.name, *operator.outputs[1:])), inner.dtype))
        self.put("DequantizeLinear", (inner.name,), f"{operator.name}.dequantize", {"output_dtype": wanted}, operator.outputs[0])

    def restore(self, operator: Operator) -> None:
        """The operator in the types it had, on an input converted back."""
        before = self.original.tensors
        for name in operator.inputs[1:]:
            if name and self.tensors[name].role == "weight":
                self.tensors[name] = before[name]
        first, last = operator.inputs[0], operator.outputs[0]
        if self.tensors[first].role == "input" and len(self.graph.consumers[first]) == 1:
            self.tensors[first] = before[first]
        if self.tensors[last].role == "output":
            self.tensors[last] = before[last]
        source = self.converted(operator, first, before[first].dtype)
        self.keep(self.writing(replace(operator, inputs=(source, *operator.inputs[1:])), self.tensors[last].dtype))

    def converted(self, operator: Operator, name: str, dtype: str) -> str:
        """A tensor in another type: itself, or the result of a conversion put before the operator."""
        source = self.tensors[name]
        if source.dtype == dtype:
            return name
        op = "DequantizeLinear" if is_float(dtype) else "QuantizeLinear"
        return self.put(
            op, (name,), f"{operator.name}.{'dequantize' if is_float(dtype) else 'quantize'}_input", {"output_dtype": dtype}
        )

    def writing(self, operator: Operator, dtype: str) -> Operator:
        """The operator with its result type written out where it is not that of its input."""
        attributes = {name: value for name, value in operator.attributes.items() if name != "output_dtype"}
        if self.tensors[operator.inputs[0]].dtype != dtype:
            attributes["output_dtype"] = dtype
        return replace(operator, attributes=attributes)

    def narrower(self, operator: Operator, weight: Tensor) -> str:
        """The type of narrower weights, which must not be wider than what is there."""
        if bits(self.weights) > bits(weight.dtype):
            raise GraphError(
                f"operator '{operator.name}': its weights are {weight.dtype}; at most as many bits are expected, not {self.weights}"
            )
        return self.weights
