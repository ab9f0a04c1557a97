"""Rewriting: a graph being written anew, operator after operator; what every transform that replaces operators starts from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workloads.errors import GraphError, nearest
from workloads.graph import Graph, Operator, Tensor, WeightFacts
from workloads.operators import rule_of

#: Kinds of operators that multiply by constants.
WEIGHTED_KINDS = frozenset({"convolution", "depthwise", "fully_connected"})


class Rewriting:
    """A copy of a graph without its operators: each is kept, or others are put in its place.

    Parameters
    ----------
    graph : Graph
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors: dict[str, Tensor] = dict(graph.tensors)
        self.operators: list[Operator] = []

    def keep(self, operator: Operator) -> None:
        """An operator as it is."""
        self.operators.append(operator)

    def weight(self, name: str, shape: Sequence[int], dtype: str, facts: WeightFacts | None = None) -> str:
        """A new constant."""
        return self._declare(Tensor(name, tuple(shape), dtype, "weight", facts))

    def put(self, op: str, inputs: Sequence[str], name: str, attributes: Mapping[str, Any], output: str | None = None) -> str:
        """A new operator of one output; types come from its rule.

        Parameters
        ----------
        output : str or None
            A tensor of the graph that it writes from now on, which must get the shape it has; default: a new one of the operator's name.

        Raises
        ------
        GraphError
            A shape that is not that of ``output``.
        """
        operator = Operator(name, op, tuple(inputs), (output or name,), attributes)
        kind = rule_of(operator).output_types(operator, [self.tensors[n] if n else None for n in inputs])[0]
        if output is None:
            self._declare(Tensor(name, kind.shape, kind.dtype))
        elif self.tensors[output].shape != kind.shape:
            raise GraphError(
                f"operator '{name}' ({op}): gives {kind.shape}; {self.tensors[output].shape} of '{output}' is expected"
            )
        elif self.tensors[output].dtype != kind.dtype:
            operator = replace(operator, attributes={**attributes, "output_dtype": self.tensors[output].dtype})
        self.operators.append(operator)
        return output or name

    def result(self, notes: Iterable[str] = (), **settings: Any) -> Graph:
        """The new graph; tensors that no operator uses any more are left out."""
        used = {name for operator in self.operators for name in (*operator.inputs, *operator.outputs)}
        known = self.graph.tensors
        unread = {t.name for t in known.values() if t.role in ("input", "weight") and not self.graph.consumers[t.name]}
        return self.graph.replace(
            operators=self.operators, tensors=[t for t in self.tensors.values() if t.name in used | unread],
            notes=(*self.graph.notes, *notes), settings={**self.graph.settings, **settings},
        )  # fmt: skip

    def _declare(self, tensor: Tensor) -> str:
        if tensor.name in self.tensors:
            raise GraphError(f"network '{self.graph.name}': tensor '{tensor.name}' is there already; names must be unique")
        self.tensors[tensor.name] = tensor
        return tensor.name


def weighted_operators(graph: Graph) -> tuple[str, ...]:
    """Names of the operators that multiply by constants, in order.

    >>> from workloads.networks import build
    >>> weighted_operators(build("lenet5"))
    ('c1', 'c3', 'c5', 'f6', 'output')
    """
    found = []
    for operator in graph.operators:
        inputs, outputs = graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)
        constant = any(tensor is not None and tensor.role == "weight" for tensor in inputs)
        if constant and rule_of(operator).kind(operator, inputs, outputs) in WEIGHTED_KINDS:
            found.append(operator.name)
    return tuple(found)


def named_operators(graph: Graph, names: Iterable[str]) -> frozenset[str]:
    """Weighted operators by name; ``first`` and ``last`` stand for the first and the last of them.

    Raises
    ------
    GraphError
        A name that is none of them, with the nearest.
    """
    known = weighted_operators(graph)
    found = set()
    for name in names:
        if name in ("first", "last") and name not in known and known:
            found.add(known[0 if name == "first" else -1])
        elif name in known:
            found.add(name)
        else:
            raise GraphError(
                f"layers: '{name}' is no convolution or matrix product of network '{graph.name}'; {nearest(name, known)}"
            )
    return frozenset(found)


def weight_position(operator: Operator) -> int:
    """Place of the weights among the inputs of a weighted operator."""
    return 3 if operator.op in ("QLinearConv", "QLinearMatMul", "QGemm") else 1
