"""OperatorRule: the questions every operator family answers.

A rule knows shapes and counts; it knows no hardware. Rules are looked up by ONNX operator name in
:data:`workloads.operators.RULES`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from workloads.graph import Operator, Tensor
from workloads.loopnest import LoopNest
from workloads.work import Work

#: Kinds of operators: what cost models distinguish and what reports print.
KINDS = (
    "convolution",
    "depthwise",
    "fully_connected",
    "matmul",
    "recurrent",
    "attention",
    "pooling",
    "elementwise",
    "activation",
    "normalization",
    "softmax",
    "reduction",
    "resize",
    "layout",
    "quantization",
    "embedding",
    "detection",
    "free",
    "unmodelled",
)


class TensorType(NamedTuple):
    """Shape and element type of an output."""

    shape: tuple[int, ...]
    dtype: str


Operands = Sequence[Tensor | None]


class OperatorRule(ABC):
    """Output types, kind, loop nests and work of one operator.

    ``inputs`` and ``outputs`` are the tensors of the operator in its own order, ``None`` for an absent optional operand.
    """

    #: False for a rule that only moves bytes although the operator computes.
    modelled: ClassVar[bool] = True

    @abstractmethod
    def kind(self, operator: Operator, inputs: Operands, outputs: Operands) -> str:
        """One of KINDS."""

    @abstractmethod
    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        """Shape and type of each output, from the inputs and attributes alone.

        Raises
        ------
        GraphError
            Where the operands do not fit each other.
        """

    def loop_nests(self, operator: Operator, inputs: Operands, outputs: Operands) -> tuple[LoopNest, ...]:
        """The multiply-accumulate nests of the operator; empty where it has none. Their volumes sum to its MACs."""
        return ()

    def window(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        """Input elements that are reduced to one output element (pools, reductions); 1 elsewhere."""
        return int(operator.attributes.get("window", 1))

    @abstractmethod
    def work(self, operator: Operator, inputs: Operands, outputs: Operands) -> Work:
        """MACs, element operations and bytes."""
