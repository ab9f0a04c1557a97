"""Attention as frameworks without a fused kernel run it: two products with a softmax between them."""

from __future__ import annotations

from dataclasses import replace

from workloads.graph import Graph, Operator, Tensor


def unfuse_attention(graph: Graph) -> Graph:
    """The graph with every scaled dot-product attention written out.

    Promise: the same function. ``Attention`` on (batch, heads, tokens, width) with as many key heads as query heads becomes the
    product of the queries with a scale, with the transposed keys, the addition of a mask where there is one, softmax, and the
    product with the values; score matrices become tensors. Other forms stay as they are.
    """
    work = _Unfusing(graph)
    for operator in graph.operators:
        if operator.op == "Attention" and work.plain(operator):
            work.write_out(operator)
        else:
            work.operators.append(operator)
    return graph.replace(operators=work.operators, tensors=work.tensors)


class _Unfusing:
    """The operators so far; attention is replaced by what it is made of."""

    def __init__(self, graph: Graph) -> None:
        self.tensors: dict[str, Tensor] = dict(graph.tensors)
        self.operators: list[Operator] = []

    def plain(self, operator: Operator) -> bool:
        """True for four axes, equal heads, no cache among the operands."""
        operands = [self.tensors[name] for name in operator.inputs[:3]]
        plain = len(operands) == 3 and all(len(t.shape) == 4 and t.shape[1] == operands[0].shape[1] for t in operands)
        return plain and not any(operator.inputs[4:]) and len(operator.outputs) == 1

    def write_out(self, operator: Operator) -> None:
        """The five operators of one attention."""
        name, (query, key, value, *rest) = operator.name, operator.inputs
        shape, width = self.tensors[query].shape, self.tensors[key].shape[2]
        scores = (*shape[:3], width)
        scaled = self.add(f"{name}/scale", "Mul", (query,), shape)
        turned = (*shape[:2], self.tensors[key].shape[3], width)
        transposed = self.add(f"{name}/transposed", "Transpose", (key,), turned, {"perm": (0, 1, 3, 2)})
        found = self.add(f"{name}/scores", "MatMul", (scaled, transposed), scores)
        if rest and rest[0]:
            found = self.add(f"{name}/mask", "Add", (found, rest[0]), scores)
        found = self.add(f"{name}/softmax", "Softmax", (found,), scores, {"axis": 3})
        self.operators.append(Operator(name, "MatMul", (found, value), operator.outputs))

    def add(
        self, name: str, op: str, inputs: tuple[str, ...], shape: tuple[int, ...], attributes: dict[str, object] | None = None
    ) -> str:
        """An operator between."""
        self.tensors[name] = replace(self.tensors[inputs[0]], name=name, shape=shape, role="activation", facts=None)
        self.operators.append(Operator(name, op, inputs, (name,), attributes or {}))
        return name
