"""A graph in other element types."""

from __future__ import annotations

from dataclasses import replace

from workloads.dtypes import SELECTABLE, WEIGHT_FORMATS, is_float
from workloads.errors import GraphError, nearest
from workloads.graph import Graph, Operator, Tensor
from workloads.operators import rule_of
from workloads.operators.family import UndeterminedShape

#: Integer types that only quantised tensors have; 32 and 64 bits hold indices, shapes and sums.
QUANTISED = frozenset({"int16", "uint16", "int8", "uint8", "int4", "ternary", "binary", *WEIGHT_FORMATS})

#: Kinds of operators whose constant matrices are stored in a block format.
MATRIX_KINDS = frozenset({"fully_connected", "matmul", "attention"})

#: Position of the bias of operators that accumulate.
BIAS_POSITION = {"Conv": 2, "ConvTranspose": 2, "DeformConv": 3, "FusedConv": 2, "FusedGemm": 2, "Gemm": 2}


def retype(graph: Graph, dtype: str) -> Graph:
    """The graph with its float tensors in another type.

    Promise: the same operators, shapes, MACs; other element types and so other bytes. Tensors that are quantised already, and
    indices, keep their type. Float types replace every float type. Integer types replace it too, as if quantised: biases become
    int32 (they are added to 32-bit sums), scales of quantising operators stay as they are. The block formats (``q8_0`` ...
    ``q4_0``) replace it in the constant matrices of matrix products only; everything else becomes fp16.

    Raises
    ------
    GraphError
        A type that cannot be asked for; a float type for a graph with quantised tensors.
    """
    if dtype not in SELECTABLE:
        raise GraphError(f"dtype: '{dtype}' cannot be asked for; {nearest(dtype, SELECTABLE)}")
    quantised = [tensor.name for tensor in graph.tensors.values() if tensor.dtype in QUANTISED]
    if quantised and is_float(dtype):
        first = graph.tensors[quantised[0]]
        raise GraphError(
            f"dtype: '{dtype}' for network '{graph.name}', whose tensor '{first.name}' is {first.dtype}; "
            "a quantised network keeps its types, leave --dtype out"
        )
    chosen = _types_of_constants(graph, dtype)
    plain = "fp16" if dtype in WEIGHT_FORMATS else dtype
    tensors = {
        tensor.name: replace(tensor, dtype=chosen.get(tensor.name, plain)) if is_float(tensor.dtype) else tensor
        for tensor in graph.tensors.values()
    }
    operators = [_declared(operator, tensors) for operator in graph.operators]
    return graph.replace(operators=operators, tensors=tensors, settings={**graph.settings, "dtype": dtype})


def _types_of_constants(graph: Graph, dtype: str) -> dict[str, str]:
    """Types of the constants that do not simply follow: biases, scales, matrices."""
    chosen: dict[str, str] = {}
    for operator in graph.operators:
        for position, name in enumerate(operator.inputs):
            tensor = graph.tensors[name] if name else None
            if tensor is None or tensor.role != "weight" or not is_float(tensor.dtype):
                continue
            if _is_scale(operator, position, tensor):
                chosen[name] = tensor.dtype
            elif position == BIAS_POSITION.get(operator.op) and not is_float(dtype) and dtype not in WEIGHT_FORMATS:
                chosen[name] = "int32"
        if dtype in WEIGHT_FORMATS:
            chosen.update((name, dtype) for name in _matrices(graph, operator))
    return chosen


def _is_scale(operator: Operator, position: int, tensor: Tensor) -> bool:
    quantising = operator.op.startswith("QLinear") or operator.op in ("QGemm", "QuantizeLinear", "DequantizeLinear")
    return quantising and position > 0 and len(tensor.shape) <= 1


def _matrices(graph: Graph, operator: Operator) -> list[str]:
    """Constant matrices an operator multiplies by."""
    rule = rule_of(operator)
    inputs, outputs = graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)
    if rule.kind(operator, inputs, outputs) not in MATRIX_KINDS:
        return []
    return [nest.index("weights").tensor for nest in rule.loop_nests(operator, inputs, outputs) if nest.weights_are_constant]


def _declared(operator: Operator, tensors: dict[str, Tensor]) -> Operator:
    """The operator, its result type written out where the rule would derive another; further outputs take the derived types."""
    inputs = [tensors[name] if name else None for name in operator.inputs]
    rule = rule_of(operator)
    try:
        derived = rule.output_types(operator, inputs)
        first = operator.outputs[0]
        if first and derived[0].dtype != tensors[first].dtype:
            operator = replace(operator, attributes={**operator.attributes, "output_dtype": tensors[first].dtype})
            derived = rule.output_types(operator, inputs)
    except UndeterminedShape:
        return operator
    for name, kind in list(zip(operator.outputs, derived, strict=False))[1:]:
        if name:
            tensors[name] = replace(tensors[name], dtype=kind.dtype)
    return operator
