"""Weights stored in fewer bytes: zeros left out, values shared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from workloads.coding import FORMATS, Matrix, coded_bytes, smallest_format
from workloads.dtypes import bits
from workloads.errors import GraphError, nearest
from workloads.graph import Graph, Operator, Tensor, WeightFacts
from workloads.transforms.rewriting import named_operators, weight_position, weighted_operators

#: Written for the smallest format of each tensor.
BEST = "best"

#: Elements that are zero or not together, under pattern ``block``.
BLOCK = 4


def code_weights(
    graph: Graph, format: str = BEST, values: int = 0, mean_bits: float | None = None, layers: Iterable[str] = ()
) -> Graph:  # fmt: skip
    """The network with its weights coded.

    Promise: the same function where values are not shared, the same operators, shapes and MACs always; only stored bytes change.

    Parameters
    ----------
    format : str
        A name of :data:`workloads.coding.FORMATS`, or ``best``: the smallest for each tensor.
    values : int
        Different values per tensor, told by an index (Han et al., Deep Compression, ICLR 2016, section 3); 0: all of their own.
    mean_bits : float or None
        Mean bits of an index under a variable-length code, as measured on the real weights.
    layers : iterable of str
        Only these convolutions and products; empty: all.

    Raises
    ------
    GraphError
        An unknown format.
    """
    if format not in (*FORMATS, BEST):
        raise GraphError(f"format: '{format}' is not known; {nearest(format, (*FORMATS, BEST))}")
    chosen = named_operators(graph, layers) or frozenset(weighted_operators(graph))
    tensors = dict(graph.tensors)
    for operator in graph.operators:
        if operator.name in chosen:
            weight = tensors[operator.inputs[weight_position(operator)]]
            matrix = matrix_of(operator, weight)
            if values:
                matrix = matrix._replace(bits=float(max(1, (values - 1).bit_length())) if mean_bits is None else mean_bits)
            name = smallest_format(matrix) if format == BEST else format
            size = coded_bytes(matrix, name, values, bits(weight.dtype), mean_bits)
            tensors[weight.name] = replace(weight, facts=replace(weight.facts or WeightFacts(), stored_bytes=size))
    return graph.replace(tensors=tensors)


def matrix_of(operator: Operator, weight: Tensor) -> Matrix:
    """The weights of an operator as a matrix of output channels x the rest."""
    layout = operator.attributes.get("weight_layout", "OIHW")
    if operator.op in ("Gemm", "MatMul", "QGemm"):
        rows = weight.shape[0] if operator.attributes.get("transB") else weight.shape[-1]
    else:
        rows = weight.shape[-1] if layout in ("1HWO", "HWIO") else weight.shape[0]
    facts = weight.facts or WeightFacts()
    kept = weight.elements - round(facts.zero_share * weight.elements)
    n, colon, m = facts.pattern.partition(":")
    block = BLOCK if facts.pattern == "block" else 1
    return Matrix(rows, weight.elements // max(1, rows), kept, bits(weight.dtype), block, (int(n), int(m)) if colon else (0, 0))
