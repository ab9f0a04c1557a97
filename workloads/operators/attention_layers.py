"""Attention layers as runtimes fuse them: with projections inside, with caches, with grouped heads."""

from __future__ import annotations

from workloads.graph import Operator, Tensor
from workloads.operators.attention import AttentionRule, Heads, Projection, grouped, split_heads
from workloads.operators.family import Operations, fail, like, operand, optional
from workloads.operators.rule import Operands, TensorType


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
