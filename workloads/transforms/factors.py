"""Layers cut into factors of low rank: two matrices for one, or a chain of small convolutions for a large one."""

from __future__ import annotations

import math
from collections.abc import Iterable

from workloads.graph import Graph, Operator
from workloads.operators import macs_of
from workloads.transforms.layers import ENDING, Layers, convolution_shape, kept
from workloads.transforms.rewriting import named_operators

#: Method -> what becomes of a convolution M x C x R x S.
METHODS = {
    "svd": "r filters of the old size, then 1x1 to all channels",
    "tucker": "1x1 to fewer inputs, filters of the old size between fewer channels, 1x1 to all channels",
    "cp": "1x1 to r channels, one column and one row filter per channel, 1x1 to all channels",
}


def low_rank(graph: Graph, share: float, method: str = "svd", layers: Iterable[str] = ()) -> Graph:
    """The network with convolutions and matrix products in factors.

    Promise: inputs and outputs of each layer keep their shapes; another function, near the old one where the weights are near to low
    rank. Only layers whose MACs fall are replaced. What becomes of the accuracy is not said.

    Parameters
    ----------
    share : float
        Rank as a share of the full one, 0 to 1; at least 1 is kept. Full is min(M, C R S) of ``svd``, M and C of ``tucker``,
        min(M, C) of ``cp``, min(rows, columns) of matrices.
    method : str
        ``svd`` (Denton et al., NeurIPS 2014), ``tucker`` (Tucker-2: Kim et al., ICLR 2016) or ``cp`` (Lebedev et al., ICLR 2015).
        Matrices and 1x1 convolutions are always cut in two.
    layers : iterable of str
        Only these; empty: all.
    """
    chosen = named_operators(graph, layers)
    work = _Factoring(graph, share, method)
    for operator in graph.operators:
        if (not chosen or operator.name in chosen) and work.pays(operator):
            work.replace(operator)
        else:
            work.keep(operator)
    return work.result()


def ranks(method: str, share: float, outputs: int, inputs: int, taps: int) -> tuple[int, int]:
    """Ranks on the side of the outputs and of the inputs.

    >>> ranks("svd", 0.5, 64, 32, 9), ranks("tucker", 0.25, 64, 32, 9), ranks("cp", 0.5, 64, 32, 9)
    ((32, 32), (16, 8), (16, 16))
    """

    def part(full: int) -> int:
        return max(1, int(share * full))

    if method == "tucker" and taps > 1:
        return part(outputs), part(inputs)
    full = min(outputs, inputs) if method == "cp" and taps > 1 else min(outputs, inputs * taps)
    return part(full), part(full)


class _Factoring(Layers):
    """One pass in graph order."""

    def __init__(self, graph: Graph, share: float, method: str) -> None:
        super().__init__(graph)
        self.share, self.method = share, method

    def pays(self, operator: Operator) -> bool:
        """True where the factors of a layer do fewer MACs than it does."""
        if convolution_shape(self.graph, operator) is None and self.matrix_shape(operator) is None:
            return False
        trial = _Factoring(self.graph, self.share, self.method)
        trial.tensors = dict(self.tensors)
        trial.replace(operator)
        return sum(macs_of(made, trial.tensors) for made in trial.operators) < macs_of(operator, trial.tensors)

    def replace(self, operator: Operator) -> None:
        """The factors in place of a layer."""
        shape = convolution_shape(self.graph, operator)
        if shape is None:
            self.two_products(operator)
            return
        outputs, inputs, kernel = shape
        out, inner = ranks(self.method, self.share, outputs, inputs, math.prod(kernel))
        source, steps = operator.inputs[0], self.steps(operator)
        if self.method == "svd" or math.prod(kernel) == 1:
            middle = self.convolution(operator, "factor", source, out, inputs, kernel, steps=steps)
        elif self.method == "tucker":
            source = self.convolution(operator, "squeeze", source, inner, inputs)
            middle = self.convolution(operator, "factor", source, out, inner, kernel, steps=steps)
        else:
            source = self.convolution(operator, "squeeze", source, out, inputs)
            source = self.convolution(operator, "column", source, out, 1, (kernel[0], 1), group=out, steps=self.steps(operator, 0))
            middle = self.convolution(operator, "row", source, out, 1, (1, kernel[1]), group=out, steps=self.steps(operator, 1))
        self.last(operator, middle, outputs, out)

    def matrix_shape(self, operator: Operator) -> tuple[int, int] | None:
        """Rows of outputs and inputs of a product with a constant; ``None`` for any other operator."""
        weight = self.graph.tensors.get(operator.inputs[1]) if len(operator.inputs) > 1 else None
        if operator.op != "Gemm" or weight is None or weight.role != "weight" or operator.attributes.get("transA"):
            return None
        if len(weight.shape) != 2:
            return None
        outputs, inputs = weight.shape if operator.attributes.get("transB") else weight.shape[::-1]
        return outputs, inputs

    def two_products(self, operator: Operator) -> None:
        """Two products for one."""
        shape = self.matrix_shape(operator)
        assert shape is not None
        outputs, inputs = shape
        rank, _ = ranks("svd", self.share, outputs, inputs, 1)
        dtype = self.tensors[operator.inputs[1]].dtype
        first = self.weight(f"{operator.name}.factor.weight", (rank, inputs), dtype)
        keeps = {"transB": 1, **kept(operator, ("keep_num_dims",))}
        middle = self.put("Gemm", (operator.inputs[0], first), f"{operator.name}.factor", keeps)
        last = self.weight(f"{operator.name}.last.weight", (outputs, rank), dtype)
        ends = {"transB": 1, **kept(operator, (*ENDING, "beta"))}
        self.put("Gemm", (middle, last, *operator.inputs[2:]), operator.name, ends, operator.outputs[0])
