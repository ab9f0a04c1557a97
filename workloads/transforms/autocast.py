"""Mixed precision as frameworks cast it: matrix operators in a half type, sums that would lose digits in fp32."""

from __future__ import annotations

from dataclasses import replace

from workloads.dtypes import BITS, is_float
from workloads.errors import GraphError, nearest
from workloads.graph import Graph, Operator, Tensor
from workloads.operators import rule_of

#: Kinds computed in the half type.
HALF_KINDS = frozenset({"convolution", "depthwise", "fully_connected", "matmul", "attention", "recurrent"})

#: Operators that are computed in the half type whatever their kind.
HALF_OPERATORS = frozenset({"PRelu"})

#: Operators computed in fp32 and giving fp32.
WIDE_OPERATORS = frozenset({
    "Acos", "Asin", "Cosh", "CumProd", "CumSum", "Exp", "GroupNormalization", "InstanceNormalization", "LayerNormalization",
    "Log", "LogSoftmax", "LpNormalization", "Pow", "RMSNormalization", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceProd",
    "ReduceSum", "ReduceSumSquare", "Rsqrt", "Sinh", "Softmax", "Softplus", "Tan",
})  # fmt: skip

#: Operators computed in the half type where a framework is told that its norms may lose digits.
FAST_NORMS = frozenset({"GroupNormalization", "LayerNormalization"})

HALF_TYPES = ("fp16", "bf16")


def autocast(graph: Graph, dtype: str = "fp16", *, half_norms: bool = False) -> Graph:
    """The graph with the casts of mixed precision written out.

    Promise: the same operators on the same shapes, and Cast operators between them. Matrix operators read and write ``dtype``;
    normalisations over features, softmax, sums and powers read and write fp32; a batch norm keeps the type of its data; every other
    operator takes its widest operand, so that one fp32 constant added to a half tensor turns what follows into fp32. An activation
    is cast anew for each reader. Constants stay as they are stored: a runtime that multiplies by them in another type casts them
    once per run, and says so in its kernels. (PyTorch, automatic mixed precision, lists of operators by type.) ``half_norms`` leaves
    normalisations over features in the half type, an option of some benchmarks.

    Raises
    ------
    GraphError
        A type that is no half type, or a graph that is not fp32.
    """
    if dtype not in HALF_TYPES:
        raise GraphError(f"autocast: '{dtype}' is no half type; {nearest(dtype, HALF_TYPES)}")
    narrow = next((t for t in graph.tensors.values() if is_float(t.dtype) and t.dtype != "fp32"), None)
    if narrow is not None:
        raise GraphError(f"autocast: tensor '{narrow.name}' of network '{graph.name}' is {narrow.dtype}; fp32 is expected")
    work = _Casting(graph, dtype, HALF_OPERATORS | FAST_NORMS if half_norms else HALF_OPERATORS)
    for operator in graph.operators:
        work.take(operator)
    return graph.replace(operators=work.operators, tensors=work.tensors, settings={**graph.settings, "autocast": dtype})


class _Casting:
    """One pass in graph order: the type of each operator is settled, casts are put before it."""

    def __init__(self, graph: Graph, dtype: str, half_operators: frozenset[str]) -> None:
        self.graph, self.half, self.half_operators = graph, dtype, half_operators
        self.tensors: dict[str, Tensor] = dict(graph.tensors)
        self.operators: list[Operator] = []

    def take(self, operator: Operator) -> None:
        """Put the operator, with the casts it needs, behind those before it."""
        wanted = self.type_of(operator)
        if wanted is not None and operator.op != "BatchNormalization":
            operator = replace(operator, inputs=tuple(self.cast(operator, name, wanted) for name in operator.inputs))
        for name in operator.outputs:
            if name and is_float(self.tensors[name].dtype):
                self.tensors[name] = replace(self.tensors[name], dtype=wanted or self.widest(operator))
        self.operators.append(operator)

    def type_of(self, operator: Operator) -> str | None:
        """The type an operator insists on; ``None`` for one that takes its widest operand."""
        inputs, outputs = self.graph.tensors_of(operator.inputs), self.graph.tensors_of(operator.outputs)
        if operator.op in self.half_operators or rule_of(operator).kind(operator, inputs, outputs) in HALF_KINDS:
            return self.half
        if operator.op in WIDE_OPERATORS:
            return "fp32"
        return self.tensors[operator.inputs[0]].dtype if operator.op == "BatchNormalization" else None

    def widest(self, operator: Operator) -> str:
        """Type of the widest float operand."""
        types = [self.tensors[name].dtype for name in operator.inputs if name and is_float(self.tensors[name].dtype)]
        return max(types, key=lambda dtype: BITS[dtype], default="fp32")

    def cast(self, operator: Operator, name: str, dtype: str) -> str:
        """The operand in the wanted type: itself, a constant as it is stored, or a new Cast."""
        source = self.tensors[name] if name else None
        if source is None or not is_float(source.dtype) or source.dtype == dtype or source.role == "weight":
            return name
        made = f"{operator.name}/cast/{name}"
        if made not in self.tensors:
            self.tensors[made] = replace(source, name=made, dtype=dtype, role="activation", facts=None)
            self.operators.append(Operator(made, "Cast", (name,), (made,), {"to": dtype}))
        return made
