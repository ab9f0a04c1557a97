"""Attention: nests of projections plus the score and value products, with the softmax between them.

Score matrices live between two nests and are no tensors of the graph: a runtime that writes them says so itself. Scores are counted
in full; a causal mask saves nothing here, because common kernels compute masked tiles too.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

from workloads.graph import Operator, Tensor
from workloads.loopnest import LoopNest, product_nest
from workloads.operators.family import FamilyRule, Operations, fail, like, operand, optional
from workloads.operators.rule import Operands, OperatorRule, TensorType
from workloads.work import Work


class Heads(NamedTuple):
    """Extents of scaled dot-product attention: query heads share key and value heads in equal groups."""

    batch: int
    heads: int
    key_heads: int
    queries: int
    keys: int
    score_width: int
    value_width: int

    @property
    def scores(self) -> int:
        """Elements of the score matrices."""
        return self.batch * self.heads * self.queries * self.keys

    @property
    def macs(self) -> int:
        """MACs of both products: scores * (score width + value width)."""
        return self.scores * (self.score_width + self.value_width)


class Projection(NamedTuple):
    """A matrix product before or after the attention: rows x reduction times reduction x columns."""

    rows: int
    columns: int
    reduction: int
    source: str
    weight: str


class AttentionRule(FamilyRule):
    """Softmax(Q K' * scale + mask) V, and what projects into and out of it.

    Per score: a product with the scale, an addition where there is a mask, and a softmax (3 element operations, exp, division).
    """

    family = "attention"

    @abstractmethod
    def heads(self, operator: Operator, inputs: Operands) -> Heads:
        """Extents of the two products."""

    def projections(self, operator: Operator, inputs: Operands) -> tuple[Projection, ...]:
        """Products with constant weights."""
        return ()

    def sources(self, operator: Operator, inputs: Operands) -> tuple[str, str]:
        """Names that stand for keys and values in the nests."""
        key = optional(inputs, 1) or operand(operator, inputs, 0)
        return key.name, (optional(inputs, 2) or key).name

    def masked(self, inputs: Operands) -> bool:
        """True where a mask or bias is added to the scores."""
        return False

    def macs(self, operator: Operator, inputs: Operands, outputs: Operands) -> int:
        projections = sum(part.rows * part.columns * part.reduction for part in self.projections(operator, inputs))
        return projections + self.heads(operator, inputs).macs

    def loop_nests(self, operator: Operator, inputs: Operands, outputs: Operands) -> tuple[LoopNest, ...]:
        part = self.heads(operator, inputs)
        query, (key, value) = operand(operator, inputs, 0).name, self.sources(operator, inputs)
        result = outputs[0].name if outputs[0] is not None else f"{operator.name}.result"
        groups, rows = part.batch * part.key_heads, part.heads // part.key_heads * part.queries
        scores = f"{operator.name}.scores"
        projections = (
            product_nest(
                rows=p.rows, columns=p.columns, reduction=p.reduction, tensors=(p.source, p.weight, f"{operator.name}.projected")
            )
            for p in self.projections(operator, inputs)
        )
        return (
            *projections,
            product_nest(
                rows=rows, columns=part.keys, reduction=part.score_width, g=groups, tensors=(query, key, scores), constant=False
            ),
            product_nest(
                rows=rows, columns=part.value_width, reduction=part.keys, g=groups, tensors=(scores, value, result), constant=False
            ),
        )

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        scores = self.heads(operator, inputs).scores
        return Operations(scores * (4 + self.masked(inputs)), 2 * scores)


def split_heads(operator: Operator, tensor: Tensor, heads: int) -> tuple[int, int, int, int]:
    """(batch, heads, length, width) of a tensor (batch, heads, length, width) or (batch, length, heads * width)."""
    if len(tensor.shape) == 4:
        batch, heads, length, width = tensor.shape
        return batch, heads, length, width
    if len(tensor.shape) != 3 or heads < 1 or tensor.shape[2] % heads:
        raise fail(operator, f"'{tensor.name}' {tensor.shape} for {heads} heads; (batch, length, heads * width) is expected")
    batch, length, width = tensor.shape
    return batch, heads, length, width // heads


def grouped(operator: Operator, heads: Heads) -> Heads:
    """The same, after checking that query heads share key heads evenly."""
    if heads.key_heads < 1 or heads.heads % heads.key_heads:
        raise fail(operator, f"{heads.heads} query heads share {heads.key_heads} key heads; a divisor is expected")
    return heads


class ScaledDotProduct(AttentionRule):
    """Attention of ONNX (opset 23): query, key, value, mask, past key, past value -> result, present key, present value, scores.

    Three axes with ``q_num_heads`` and ``kv_num_heads``, or four axes (batch, heads, length, width).
    """

    def heads(self, operator: Operator, inputs: Operands) -> Heads:
        query_heads = int(operator.attributes.get("q_num_heads", 1))
        key_heads = int(operator.attributes.get("kv_num_heads", query_heads))
        batch, heads, queries, width = split_heads(operator, operand(operator, inputs, 0, "query"), query_heads)
        _, key_heads, keys, _ = split_heads(operator, operand(operator, inputs, 1, "key"), key_heads)
        value_width = split_heads(operator, operand(operator, inputs, 2, "value"), key_heads)[3]
        past = optional(inputs, 4)
        keys += past.shape[2] if past is not None else 0
        return grouped(operator, Heads(batch, heads, key_heads, queries, keys, width, value_width))

    def masked(self, inputs: Operands) -> bool:
        return optional(inputs, 3) is not None

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        part, query = self.heads(operator, inputs), operand(operator, inputs, 0)
        flat = len(query.shape) == 3
        result = (part.batch, part.queries, part.heads * part.value_width)
        shapes: tuple[tuple[int, ...], ...] = (
            result if flat else (part.batch, part.heads, part.queries, part.value_width),
            (part.batch, part.key_heads, part.keys, part.score_width),
            (part.batch, part.key_heads, part.keys, part.value_width),
            (part.batch, part.heads, part.queries, part.keys),
        )
        return tuple(like(operator, query, shape) for shape in shapes[: len(operator.outputs)])


class AttentionByForm(OperatorRule):
    """One operator name, two meanings: picks the rule by attributes and operands and hands every question on."""

    def __init__(self, projected: AttentionRule, plain: AttentionRule) -> None:
        self.projected, self.plain = projected, plain

    def form(self, operator: Operator, inputs: Operands) -> AttentionRule:
        """The rule with projections where a constant matrix is among the operands."""
        matrix = any(tensor is not None and tensor.role == "weight" and len(tensor.shape) == 2 for tensor in inputs[1:])
        return self.projected if matrix and "num_heads" in operator.attributes else self.plain

    def kind(self, operator: Operator, inputs: Operands, outputs: Operands) -> str:
        return "attention"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        return self.form(operator, inputs).output_types(operator, inputs)

    def loop_nests(self, operator: Operator, inputs: Operands, outputs: Operands) -> tuple[LoopNest, ...]:
        return self.form(operator, inputs).loop_nests(operator, inputs, outputs)

    def work(self, operator: Operator, inputs: Operands, outputs: Operands) -> Work:
        return self.form(operator, inputs).work(operator, inputs, outputs)
