"""Readers and rules: operators without a rule are refused or marked, and every shape of a file is held against its rule."""

from __future__ import annotations

from workloads.errors import GraphError, UnsupportedOperator
from workloads.graph import LARGEST_COUNT, Graph, Operator
from workloads.operators import rule_of
from workloads.operators.family import UndeterminedShape

#: Operators whose output size hangs on data: their rules give the upper bound, files may declare less.
BOUNDED = frozenset({"Compress", "NonMaxSuppression", "NonZero", "Unique"})


def with_rule(operator: Operator, *, allow_unmodelled: bool) -> Operator:
    """The operator itself if a rule knows it; marked ``unmodelled`` where that is allowed; an error otherwise."""
    try:
        rule_of(operator)
    except UnsupportedOperator:
        if not allow_unmodelled:
            raise
        marked = {**operator.attributes, "unmodelled": True}
        return Operator(operator.name, operator.op, operator.inputs, operator.outputs, marked)
    return operator


def against_rules(graph: Graph) -> Graph:
    """The graph, once every output has the shape its rule gives and the counts fit 63 bits.

    Raises
    ------
    GraphError
        Operands that do not fit each other, a shape that does not follow from the operands, more than 2^63 multiply-accumulates.
    """
    macs = 0
    for operator in graph.operators:
        inputs, outputs = graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)
        rule = rule_of(operator)
        try:
            expected = rule.output_types(operator, inputs)
        except UndeterminedShape:
            expected = ()
        for tensor, kind in zip(outputs, expected, strict=False):
            if tensor is not None and tensor.shape != kind.shape and operator.op not in BOUNDED:
                raise GraphError(
                    f"operator '{operator.name}' ({operator.op}): shape {tensor.shape} of '{tensor.name}' does not infer; "
                    f"{kind.shape} follows from its operands"
                )
        macs += rule.work(operator, inputs, outputs).macs
        if macs > LARGEST_COUNT:
            where = f"operator '{operator.name}' ({operator.op})"
            raise GraphError(f"{where}: brings the network to {macs} multiply-accumulates; at most 2^63 - 1 are expected")
    return graph
