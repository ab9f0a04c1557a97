"""Decoder table -> Graph: the matrices of a language model as one decode step.

Rows are matrices (``out_features``, ``in_features``), normalisations, head reshapes, rotations and attention (SDPA). Operators
between the rows (residual sums, the gate of the feed-forward part) are not in such tables and not in the graph. Attention works on
a cache of keys and values for ``context`` tokens, written in place, as the decoders of the catalogue do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from workloads.dtypes import is_float
from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor
from workloads.readers.layer_rows import count_of

DECODER_COLUMNS = frozenset({"op", "out_features", "in_features"})
DEFAULT_CONTEXT = 512
PARTIAL = "edges: inferred; elementwise operators between the rows are not in the table"


def decoder_graph(
    name: str, records: Iterable[tuple[int, Mapping[str, str]]], *, batch: int, dtype: str | None, context: int | None
) -> Graph:
    """One decode step of a table in the decoder form.

    Parameters
    ----------
    name : str
    records : iterable of (line, cells)
    batch : int
        Sequences at once.
    dtype : str or None
    context : int or None
        Tokens in the cache before the step; 512 by default.
    """
    tokens = DEFAULT_CONTEXT if context is None else context
    if tokens < 0:
        raise GraphError(f"context: {tokens}; a number of tokens >= 0 is expected")
    builder = _DecoderBuilder(batch, dtype or "fp32", tokens)
    for line, cells in records:
        builder.add(line, cells)
    return builder.graph(name, dtype)


class _DecoderBuilder:
    """Adds row after row; ``heads`` holds query, key and value between their reshapes and the attention."""

    def __init__(self, batch: int, dtype: str, context: int) -> None:
        self.batch, self.dtype, self.context = batch, dtype, context
        self.tensors: dict[str, Tensor] = {}
        self.operators: list[Operator] = []
        self.rows: list[Tensor] = []
        self.normalised: set[str] = set()
        self.read: set[str] = set()
        self.heads: list[Tensor] = []
        self.turned = self.scaled = self.spread = 0
        self.attended: Tensor | None = None
        self.partial: tuple[Tensor, int] | None = None
        self.shared: Tensor | None = None
        self.states: list[str] = []
        self.where = ""

    def add(self, line: int, cells: Mapping[str, str]) -> None:
        """Add one row."""
        op, name = cells.get("op", ""), cells.get("name") or cells.get("layer") or f"row_{line}"
        self.where = f"row {line} '{name}' ({op})"
        if name in self.tensors:
            raise self.error("the name is taken; names must be unique")
        adders = {"gemm": self.product, "innerproduct": self.product, "matmul": self.product, "linear": self.product,
                  "rmsnorm": self.normalisation, "layernorm": self.normalisation, "headreshape": self.reshape,
                  "rotaryembed": self.rotation, "rope": self.rotation, "sdpa": self.attention}  # fmt: skip
        adder = adders.get(op.lower())
        if adder is None:
            raise self.error(
                f"op '{op}' has no place in a decoder table; Gemm, RMSNorm, HeadReshape, RotaryEmbed or SDPA is expected"
            )
        adder(name, cells)

    def error(self, problem: str) -> GraphError:
        return GraphError(f"{self.where}: {problem}")

    def number(self, cells: Mapping[str, str], column: str, least: int = 0) -> int | None:
        return count_of(cells.get(column, ""), f"{self.where}: {column}", least)

    def product(self, name: str, cells: Mapping[str, str]) -> None:
        """A matrix: (1 x in_features) times (in_features x out_features)."""
        columns, reduction = self.number(cells, "out_features", 1), self.number(cells, "in_features", 1)
        if columns is None or reduction is None:
            raise self.error("no out_features or in_features; whole numbers are expected")
        params, macs = self.number(cells, "params"), self.number(cells, "macs_per_token")
        if macs is not None and macs != columns * reduction:
            raise self.error(f"macs_per_token {macs}; {columns * reduction} follows from its features")
        biased = params == columns * reduction + columns
        if params is not None and not biased and params != columns * reduction:
            raise self.error(
                f"params {params}; {columns * reduction} without bias or {columns * reduction + columns} with it follow"
            )
        source = self.source(reduction)
        weights = [self.weight(f"{name}.weight", (columns, reduction))]
        if biased:
            weights.append(self.weight(f"{name}.bias", (columns,)))
        attributes = {"transA": 0, "transB": 1, "keep_num_dims": 1}
        self.append(name, "Gemm", [source, *weights], (self.batch, 1, columns), attributes)

    def source(self, width: int) -> Tensor:
        """What a matrix reads: the last normalised or merged tensor of that width, else the last one at all."""
        candidates = [tensor for tensor in reversed(self.rows) if tensor.shape[-1] == width and len(tensor.shape) == 3]
        normalised = [tensor for tensor in candidates if tensor.name in self.normalised]
        return (normalised or candidates or [self.new_input(width)])[0]

    def normalisation(self, name: str, cells: Mapping[str, str]) -> None:
        """Of the features, or of each head between its reshape and the attention."""
        width = self.number(cells, "params", 1)
        if width is None:
            raise self.error("no params; the width of the normalised features is expected")
        layer = (cells.get("op") or "").lower() == "layernorm"
        width = width // 2 if layer else width
        vectors = [self.weight(f"{name}.scale", (width,)), *([self.weight(f"{name}.shift", (width,))] if layer else [])]
        op = "LayerNormalization" if layer else "RMSNormalization"
        if self.scaled < len(self.heads) and self.heads[self.scaled].shape[-1] == width:
            head = self.heads[self.scaled]
            self.heads[self.scaled] = self.append(name, op, [head, *vectors], head.shape, {"axis": -1})
            self.scaled += 1
            return
        candidates = [tensor for tensor in reversed(self.rows) if len(tensor.shape) == 3]
        equal = [tensor for tensor in candidates if tensor.shape[-1] == width]
        wider = [tensor for tensor in candidates[:1] if tensor.shape[-1] > width]
        source = equal[0] if equal and not (wider and candidates[0] in wider and self.fresh(candidates[0])) else None
        if source is None:
            self.partial = (wider[0], width) if wider else None
            source = self.part(f"{name}.part", wider[0], 0, width) if wider else self.new_input(width)
        self.normalised.add(self.append(name, op, [source, *vectors], source.shape, {"axis": -1}).name)

    def fresh(self, tensor: Tensor) -> bool:
        """True for a tensor that nobody has read."""
        return tensor.name not in self.read

    def part(self, name: str, tensor: Tensor, start: int, width: int) -> Tensor:
        """Some columns of a tensor."""
        axis = len(tensor.shape) - 1
        attributes = {"starts": (start,), "ends": (start + width,), "axes": (axis,), "steps": (1,)}
        return self.append(name, "Slice", [tensor], (*tensor.shape[:-1], width), attributes)

    def reshape(self, name: str, cells: Mapping[str, str]) -> None:
        """Features to heads, keys and values of fewer heads repeated (``heads=-1``), or attended heads to features."""
        found = dict(re.findall(r"(\w+)=(-?\d+)", cells.get("attr", "")))
        width, heads = int(found.get("head_dim", 0)), int(found.get("heads", 0))
        if width < 1 or heads == 0 or heads < -1:
            raise self.error(f"attr '{cells.get('attr', '')}'; head_dim=WIDTH heads=NUMBER is expected")
        if heads > 0:
            candidates = [t for t in self.rows if len(t.shape) == 3 and t.shape[-1] == heads * width and self.fresh(t)]
            source = candidates[0] if candidates else self.new_input(heads * width)
            self.heads.append(self.append(name, "Reshape", [source], (self.batch, heads, 1, width)))
        elif self.attended is not None:
            if self.attended.elements != self.batch * width:
                raise self.error(f"head_dim {width}; {self.attended.elements // self.batch} attended features are expected")
            self.normalised.add(self.append(name, "Reshape", [self.attended], (self.batch, 1, width)).name)
            self.attended = None
        elif self.spread + 1 < len(self.heads):
            self.spread += 1
            head = self.heads[self.spread]
            self.heads[self.spread] = self.append(name, "Reshape", [head], head.shape)

    def rotation(self, name: str, cells: Mapping[str, str]) -> None:
        """Queries first, then keys; of keys joined with values, the part that all heads share."""
        if self.turned >= len(self.heads):
            raise self.error("no head to rotate; a HeadReshape before it is expected")
        joint = len(self.heads) == 2 and self.heads[0].shape[-1] != self.heads[1].shape[-1]
        if joint and self.turned == 1:
            self.shared = self.turn(name, self.shared_head(name), 0)
        else:
            self.heads[self.turned] = self.turn(name, self.heads[self.turned], self.rotated_width if joint else 0)
        self.turned += 1

    def turn(self, name: str, head: Tensor, width: int) -> Tensor:
        """A rotation of ``width`` elements of each head, 0 for all."""
        tables = [self.network_input(table, (self.batch, 1, (width or head.shape[-1]) // 2)) for table in ("cos", "sin")]
        attributes = {"rotary_embedding_dim": width} if width else {}
        return self.append(name, "RotaryEmbedding", [head, *tables], head.shape, attributes)

    def attention(self, name: str, cells: Mapping[str, str]) -> None:
        """Query against the cached keys and values, the new ones written into the cache first."""
        if len(self.heads) == 2:
            self.split_joint_keys(name)
        if len(self.heads) != 3:
            raise self.error(f"{len(self.heads)} tensors of heads before it; query, key and value are expected")
        query, key, value = self.heads
        keys, values = self.cached(f"{name}.keys", key), self.cached(f"{name}.values", value)
        attributes = {"q_num_heads": query.shape[1], "kv_num_heads": key.shape[1]}
        shape = (self.batch, query.shape[1], 1, value.shape[-1])
        self.attended = self.append(name, "Attention", [query, keys, values], shape, attributes)
        self.heads, self.turned, self.scaled, self.spread = [], 0, 0, 0

    def split_joint_keys(self, name: str) -> None:
        """Keys and values from one matrix (latent attention, DeepSeek-AI 2024, section 2.1).

        The columns of a joint head are the part of the key that is not rotated, then the value. The rotated part is what the
        normalisation before left of its features; all heads share it.
        """
        query, joint = self.heads
        plain = query.shape[-1] - self.rotated_width
        if not 0 < plain < joint.shape[-1] or not self.rotated_width:
            raise self.error(
                f"query heads of {query.shape[-1]} and joint heads of {joint.shape[-1]}; query, key and value are expected"
            )
        shared = self.shared or self.shared_head(name)
        heads = (*joint.shape[:-1], self.rotated_width)
        repeated = self.append(f"{name}.rotated_heads", "Expand", [shared], heads, {"shape": heads})
        first = self.part(f"{name}.plain", joint, 0, plain)
        key = self.append(f"{name}.key", "Concat", [first, repeated], query.shape, {"axis": 3})
        self.heads = [query, key, self.part(f"{name}.value", joint, plain, joint.shape[-1] - plain)]
        self.shared = None

    @property
    def rotated_width(self) -> int:
        """Features the last partial normalisation left aside."""
        return 0 if self.partial is None else self.partial[0].shape[-1] - self.partial[1]

    def shared_head(self, name: str) -> Tensor:
        """The features left aside as one head."""
        if self.partial is None:
            raise self.error("joint keys and values without features left aside; query, key and value are expected")
        features, width = self.partial
        left = self.part(f"{name}.part", features, width, self.rotated_width)
        return self.append(f"{name}.head", "Reshape", [left], (self.batch, 1, 1, self.rotated_width))

    def cached(self, name: str, head: Tensor) -> Tensor:
        """The cache with this token's row written into it, in place."""
        shape = (*head.shape[:2], self.context + 1, head.shape[-1])
        state = self.network_input(f"{name}.cache", shape)
        self.states.append(state.name)
        position = self.network_input("position", (self.batch,), "int64")
        return self.append(name, "TensorScatter", [state, head, position], shape, {"axis": 2})

    def network_input(self, name: str, shape: tuple[int, ...], dtype: str | None = None) -> Tensor:
        """An input of the network, made when first read."""
        if name in self.tensors and self.tensors[name].shape != shape:
            name = f"{name}_{shape[-1]}"
        return self.tensors.setdefault(name, Tensor(name, shape, dtype or self.dtype, "input"))

    def new_input(self, width: int) -> Tensor:
        return self.network_input("features", (self.batch, 1, width))

    def weight(self, name: str, shape: tuple[int, ...]) -> Tensor:
        dtype = "int32" if name.endswith(".bias") and not is_float(self.dtype) else self.dtype
        return self.tensors.setdefault(name, Tensor(name, shape, dtype, "weight"))

    def append(
        self, name: str, op: str, inputs: list[Tensor], shape: tuple[int, ...], attributes: Mapping[str, Any] | None = None
    ) -> Tensor:
        """Add an operator; reshapes carry their shape."""
        result = Tensor(name, shape, self.dtype)
        named = {"shape": shape, **(attributes or {})} if op == "Reshape" else dict(attributes or {})
        self.operators.append(Operator(name, op, tuple(tensor.name for tensor in inputs), (name,), named))
        self.tensors[name] = result
        self.rows.append(result)
        self.read.update(tensor.name for tensor in inputs)
        return result

    def graph(self, name: str, dtype: str | None) -> Graph:
        """The step; its output is that of the last row."""
        if not self.operators:
            raise GraphError("no rows; at least one operator is expected")
        last = self.operators[-1].outputs[0]
        tensors = [Tensor(t.name, t.shape, t.dtype, "output") if t.name == last else t for t in self.tensors.values()]
        settings: dict[str, Any] = {"batch": self.batch, "dims": {}, "phase": "decode", "context": self.context, "tokens": 1}
        if self.states:
            settings["states"] = tuple(self.states)
        if dtype is not None:
            settings["dtype"] = dtype
        return Graph.build(name, self.operators, tensors, (PARTIAL,), settings)
