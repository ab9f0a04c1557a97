"""Operators that disappear into their neighbours under a runtime or on an array, and the tables of what is left.

A runtime profile or an array unit lists what it fuses:

``activation``    an activation joins the convolution or matrix product before it
``relu``          only ReLU and ReLU6 do
``pointwise``     an activation joins the elementwise operator before it
``swish``         a sigmoid and the product with its own input become one activation first
``pad``           a padding joins the convolution after it
``quantization``  quantise and dequantise operators join the operator before them, at the inputs the one after
``normalization`` a batch norm joins the convolution before it

An operator joins only where nobody else reads the tensor between the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dataflows.unit_work import ABSORBED
from workloads.graph import Graph
from workloads.operators.rule import KINDS
from workloads.tables import ACTIVATION_CODE, ACTIVATIONS, VARIANTS, GraphTables, OperatorTable

WEIGHTED = ("convolution", "depthwise", "fully_connected", "matmul")
#: Activations that need a comparison alone.
RECTIFIERS = ("relu", "relu6")


class Fusing(Protocol):
    """A runtime profile, or a unit, that says what disappears into what."""

    @property
    def fuses(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Fused:
    """The network as a runtime runs it.

    Attributes
    ----------
    operators : OperatorTable
        Absorbed rows, and rows of other units, have the kind ``ABSORBED``; hosts carry the activation they took in.
    into : Mapping of int to int
        Absorbed operator -> operator it joined.
    """

    operators: OperatorTable
    into: Mapping[int, int]


def fused_operators(graph: Graph, tables: GraphTables, fusing: Fusing | None, mine: NDArray[np.bool_]) -> Fused:
    """Apply the fusions of a runtime or an array to the operators of one unit; the others are masked out."""
    joins = _Joins(graph, tables, frozenset(fusing.fuses if fusing else ()), mine)
    for i in range(len(graph.operators)):
        if mine[i]:
            joins.visit(i)
    kind = np.where(mine, tables.operators.kind, ABSORBED)
    for i in joins.into:
        kind[i] = ABSORBED
    return Fused(tables.operators._replace(kind=kind, activation=joins.activation), joins.into)


class _Joins:
    """One pass over the operators in order; each may join one that stays."""

    def __init__(self, graph: Graph, tables: GraphTables, fuses: frozenset[str], mine: NDArray[np.bool_]) -> None:
        self.graph, self.fuses, self.mine = graph, fuses, mine
        self.kinds = [KINDS[code] for code in tables.operators.kind]
        self.variants = [VARIANTS[code] for code in tables.operators.variant]
        self.activation = tables.operators.activation.copy()
        self.into: dict[int, int] = {}

    def visit(self, i: int) -> None:
        """Let operator ``i`` join a neighbour if the runtime fuses it."""
        kind = self.kinds[i]
        if kind == "activation" and i not in self.into:
            self._join_activation(i)
        elif kind == "normalization" and self.variants[i] == "batch_norm" and "normalization" in self.fuses:
            self._join(i, self._before(i, WEIGHTED))
        elif kind == "quantization" and "quantization" in self.fuses:
            before = self._made_by(i)
            self._join(i, before if before is not None and self.mine[before] else self._only_reader(i))
        elif self.variants[i] == "pad" and "pad" in self.fuses:
            after = self._only_reader(i)
            self._join(i, after if after is not None and self.kinds[after] in WEIGHTED else None)

    def _join_activation(self, i: int) -> None:
        code, absorbed = int(self.activation[i]), [i]
        product = self._swish_product(i) if "swish" in self.fuses else None
        if product is not None:
            code, absorbed = ACTIVATION_CODE["silu"], [i, product]
        rectifier = "relu" in self.fuses and ACTIVATIONS[code] in RECTIFIERS
        kinds = WEIGHTED if "activation" in self.fuses or rectifier else ()
        kinds = (*kinds, "elementwise") if "pointwise" in self.fuses else kinds
        host = self._before(i, kinds, readers=len(absorbed))
        if host is None or self.activation[host] != ACTIVATION_CODE["none"]:
            if product is not None:  # the pair on its own is one activation operator
                self.into[product], self.activation[i] = i, code
            return
        self.activation[host] = code
        for joined in absorbed:
            self.into[joined] = host

    def _swish_product(self, i: int) -> int | None:
        """The product x * sigmoid(x) that follows a sigmoid."""
        if ACTIVATIONS[self.activation[i]] != "sigmoid":
            return None
        reader = self._only_reader(i)
        if reader is None or self.graph.operators[reader].op != "Mul":
            return None
        sigmoid, product = self.graph.operators[i], self.graph.operators[reader]
        return reader if set(product.inputs) == {sigmoid.inputs[0], sigmoid.outputs[0]} else None

    def _before(self, i: int, kinds: tuple[str, ...], readers: int = 1) -> int | None:
        """The operator of one of ``kinds`` whose output ``i`` reads, if at most ``readers`` operators read it."""
        source = self._made_by(i)
        if (
            source is None
            or not self.mine[source]
            or self.kinds[source] not in kinds
            or len(self.graph.operators[source].outputs) > 1
        ):
            return None
        name = self.graph.operators[source].outputs[0]
        private = len(self.graph.consumers[name]) <= readers and self.graph.tensors[name].role != "output"
        return source if private else None

    def _made_by(self, i: int) -> int | None:
        """The operator that stands for the producer of the first input."""
        operator = self.graph.operators[i]
        source = self.graph.producer.get(operator.inputs[0]) if operator.inputs else None
        return self.into.get(source, source) if source is not None else None

    def _only_reader(self, i: int) -> int | None:
        outputs = [name for name in self.graph.operators[i].outputs if name]
        readers = self.graph.consumers[outputs[0]] if len(outputs) == 1 else ()
        if len(readers) != 1 or self.graph.tensors[outputs[0]].role == "output" or not self.mine[readers[0]]:
            return None
        return readers[0]

    def _join(self, i: int, host: int | None) -> None:
        if host is not None:
            self.into[i] = host
