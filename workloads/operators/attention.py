"""Attention: nests of projections plus the score and value products, with the softmax between them.

Score matrices live between two nests and are no tensors of the graph: a runtime that writes them says so itself. Scores are counted
in full; a causal mask saves nothing here, because common kernels compute masked tiles too.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

from workloads.dtypes import stored_bytes
from workloads.graph import Operator, Tensor
from workloads.loopnest import LoopNest, product_nest
from workloads.operators.family import FamilyRule, Operations, fail, like, moved, operand, optional, work_of
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


class PackedAttention(AttentionRule):
    """Attention of ONNX Runtime: input (batch, length, width) times one weight (width, query + key + value width), then attention.

    Operands: input, weight, bias, mask, past (2, batch, heads, length, width), added scores. Outputs: result and present.
    ``num_heads``; ``qkv_hidden_sizes`` where the three widths differ.
    """

    def widths(self, operator: Operator, inputs: Operands) -> tuple[int, int, int]:
        """Query, key and value width of all heads."""
        columns = operand(operator, inputs, 1, "weight").shape[-1]
        sizes = operator.attributes.get("qkv_hidden_sizes") or (columns // 3,) * 3
        if sum(sizes) != columns:
            raise fail(operator, f"weight of {columns} columns for widths {tuple(sizes)}; their sum is expected")
        return sizes[0], sizes[1], sizes[2]

    def heads(self, operator: Operator, inputs: Operands) -> Heads:
        data, past = operand(operator, inputs, 0), optional(inputs, 4)
        heads = int(operator.attributes["num_heads"])
        query, _, value = self.widths(operator, inputs)
        keys = data.shape[1] + (past.shape[3] if past is not None else 0)
        return Heads(data.shape[0], heads, heads, data.shape[1], keys, query // heads, value // heads)

    def projections(self, operator: Operator, inputs: Operands) -> tuple[Projection, ...]:
        data, weight = operand(operator, inputs, 0), operand(operator, inputs, 1)
        rows, reduction = data.shape[0] * data.shape[1], weight.shape[0]
        return (Projection(rows, weight.shape[-1], reduction, data.name, weight.name),)

    def sources(self, operator: Operator, inputs: Operands) -> tuple[str, str]:
        return f"{operator.name}.key", f"{operator.name}.value"

    def masked(self, inputs: Operands) -> bool:
        return optional(inputs, 3) is not None or optional(inputs, 5) is not None

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        data, part = operand(operator, inputs, 0), self.heads(operator, inputs)
        result = like(operator, data, (*data.shape[:2], part.heads * part.value_width))
        present = like(operator, data, (2, part.batch, part.heads, part.keys, part.score_width))
        return (result, present)[: len(operator.outputs)]

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        element, special = super().operations(operator, inputs, outputs)
        biased = optional(inputs, 2) is not None
        return Operations(element + biased * sum(p.rows * p.columns for p in self.projections(operator, inputs)), special)


class UnprojectedHeads(AttentionRule):
    """MultiHeadAttention of ONNX Runtime: query, key, value, bias, mask, added scores, past key, past value.

    The first three are (batch, length, heads * width); keys and values may come with heads apart, (batch, heads, length, width);
    a packed query has five axes (batch, length, heads, 3, width).
    Outputs: result (batch, length, heads * value width), present key, present value.
    """

    def heads(self, operator: Operator, inputs: Operands) -> Heads:
        query, heads = operand(operator, inputs, 0), int(operator.attributes["num_heads"])
        if len(query.shape) == 5:
            batch, queries, heads, _, width = query.shape
            return Heads(batch, heads, heads, queries, queries, width, width)
        key, value = operand(operator, inputs, 1, "key"), operand(operator, inputs, 2, "value")
        batch, _, queries, width = split_heads(operator, query, heads)
        keys, value_width = split_heads(operator, key, heads)[2], split_heads(operator, value, heads)[3]
        past = optional(inputs, 6)
        keys += past.shape[2] if past is not None else 0
        return Heads(batch, heads, heads, queries, keys, width, value_width)

    def masked(self, inputs: Operands) -> bool:
        return optional(inputs, 4) is not None or optional(inputs, 5) is not None

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        part, query = self.heads(operator, inputs), operand(operator, inputs, 0)
        shapes: tuple[tuple[int, ...], ...] = (
            (part.batch, part.queries, part.heads * part.value_width),
            (part.batch, part.heads, part.keys, part.score_width),
            (part.batch, part.heads, part.keys, part.value_width),
        )
        return tuple(like(operator, query, shape) for shape in shapes[: len(operator.outputs)])

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        element, special = super().operations(operator, inputs, outputs)
        if optional(inputs, 3) is not None:
            element += sum(tensor.elements for tensor in inputs[:3] if tensor is not None)
        return Operations(element, special)


class GroupedQueryAttention(AttentionRule):
    """GroupQueryAttention of ONNX Runtime: ``num_heads`` query heads share ``kv_num_heads`` key heads; past and present are caches.

    Operands: query, key, value (absent where the query is packed), past key, past value, lengths ..., cos, sin caches.
    Rotation, where ``do_rotary`` asks for it, costs 3 operations per element of query and new key.
    """

    def heads(self, operator: Operator, inputs: Operands) -> Heads:
        query, key = operand(operator, inputs, 0), optional(inputs, 1)
        heads, key_heads = int(operator.attributes["num_heads"]), int(operator.attributes["kv_num_heads"])
        batch, queries, columns = query.shape
        width = columns // (heads if key is not None else heads + 2 * key_heads)
        past = optional(inputs, 3)
        keys = (key.shape[1] if key is not None else queries) + (past.shape[2] if past is not None else 0)
        return grouped(operator, Heads(batch, heads, key_heads, queries, keys, width, width))

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        part, query = self.heads(operator, inputs), operand(operator, inputs, 0)
        cache = like(operator, query, (part.batch, part.key_heads, part.keys, part.score_width))
        result = like(operator, query, (part.batch, part.queries, part.heads * part.value_width))
        return (result, cache, cache)[: len(operator.outputs)]

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        element, special = super().operations(operator, inputs, outputs)
        if operator.attributes.get("do_rotary"):
            part = self.heads(operator, inputs)
            element += 3 * part.batch * part.queries * (part.heads + part.key_heads) * part.score_width
        return Operations(element, special)


class ProjectedAttention(AttentionRule):
    """MultiHeadAttention with its projections inside (ncnn; the layer of Vaswani et al., NeurIPS 2017, section 3.2.2).

    Operands: query, key, value (absent or repeated where they are one tensor), of shape (length, width) or (batch, length, width);
    then weights (columns, reduction) of query, key, value and result projection in this order, and their bias vectors anywhere
    behind the first. Attribute ``num_heads``. MACs with one length N and width E: 4 N E^2 + 2 N^2 E.
    """

    def streams(self, operator: Operator, inputs: Operands) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value."""
        query = operand(operator, inputs, 0, "query")
        key = optional(inputs, 1) or query
        return query, key, optional(inputs, 2) or key

    def matrices(self, operator: Operator, inputs: Operands) -> list[Tensor]:
        """The four weights."""
        found = [tensor for tensor in inputs[1:] if tensor is not None and tensor.role == "weight" and len(tensor.shape) == 2]
        if len(found) != 4:
            raise fail(operator, f"{len(found)} weight matrices; those of query, key, value and result are expected")
        return found

    def heads(self, operator: Operator, inputs: Operands) -> Heads:
        query, key, _ = self.streams(operator, inputs)
        weights = self.matrices(operator, inputs)
        heads = int(operator.attributes["num_heads"])
        batch = query.shape[0] if len(query.shape) == 3 else 1
        widths = (weights[0].shape[0], weights[2].shape[0])
        if heads < 1 or widths[0] % heads or widths[1] % heads or weights[1].shape[0] != widths[0]:
            raise fail(
                operator, f"{heads} heads for projections {[w.shape for w in weights]}; widths that divide evenly are expected"
            )
        return Heads(batch, heads, heads, query.shape[-2], key.shape[-2], widths[0] // heads, widths[1] // heads)

    def projections(self, operator: Operator, inputs: Operands) -> tuple[Projection, ...]:
        streams, weights = self.streams(operator, inputs), self.matrices(operator, inputs)
        for stream, weight in zip(streams, weights, strict=False):
            if stream.shape[-1] != weight.shape[1]:
                raise fail(operator, f"'{stream.name}' {stream.shape} and weight {weight.shape}; equal widths are expected")
        sources = (*(stream.name for stream in streams), f"{operator.name}.attended")
        rows = [stream.elements // stream.shape[-1] for stream in (*streams, streams[0])]
        return tuple(
            Projection(count, weight.shape[0], weight.shape[1], source, weight.name)
            for count, weight, source in zip(rows, weights, sources, strict=True)
        )

    def sources(self, operator: Operator, inputs: Operands) -> tuple[str, str]:
        return f"{operator.name}.key", f"{operator.name}.value"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        query = operand(operator, inputs, 0)
        self.projections(operator, inputs)
        return (like(operator, query, (*query.shape[:-1], self.matrices(operator, inputs)[3].shape[0])),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        element, special = super().operations(operator, inputs, outputs)
        biased = any(tensor is not None and tensor.role == "weight" and len(tensor.shape) == 1 for tensor in inputs)
        return Operations(element + biased * sum(p.rows * p.columns for p in self.projections(operator, inputs)), special)


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


class RotaryEmbedding(FamilyRule):
    """RotaryEmbedding: pairs of elements turned by an angle per position (Su et al. 2021): two products and a sum per element.

    Operands: data, then positions, cos and sin tables in either order of the two specifications. Of a table only the rows of the
    positions are read. With ``rotary_embedding_dim`` only that many elements of a head of ``head_size`` (or of the last axis) turn.
    """

    family = "elementwise"

    def output_types(self, operator: Operator, inputs: Operands) -> tuple[TensorType, ...]:
        return (like(operator, operand(operator, inputs, 0)),)

    def operations(self, operator: Operator, inputs: Operands, outputs: Operands) -> Operations:
        data = operand(operator, inputs, 0)
        turned = int(operator.attributes.get("rotary_embedding_dim", 0))
        heads = int(operator.attributes.get("num_heads", 0)) or 1
        width = data.shape[-1] if len(data.shape) == 4 else data.shape[-1] // heads
        return Operations(3 * data.elements * (turned or width) // width)

    def work(self, operator: Operator, inputs: Operands, outputs: Operands) -> Work:
        full = moved(operator, inputs, outputs, 0, *self.operations(operator, inputs, outputs))
        data = operand(operator, inputs, 0)
        length = data.shape[-2] * (data.shape[0] if len(data.shape) > 2 else 1)
        tables = {t.name: t for t in inputs[1:] if t is not None and t.role == "weight" and len(t.shape) == 2}
        saved = sum(
            table.bytes - stored_bytes(min(table.shape[0], length) * table.shape[1], table.dtype) for table in tables.values()
        )
        return work_of(full, saved)
