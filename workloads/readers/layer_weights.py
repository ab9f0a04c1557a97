"""Rows with weights besides convolutions: products, normalisations, attention, embeddings, recurrences, constant operands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from workloads.graph import Tensor
from workloads.readers.layer import Layer, constant_operand, first, fused, shape_text, weights_checked, weights_with_bias
from workloads.readers.layer_rows import Row


def product_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """InnerProduct and Gemm: rows stay rows where input and output have as many; otherwise everything is flattened."""
    data, out = first(row, inputs), row.out_shape
    if len(inputs) > 1:
        return matrix_product_row(row, "MatMul", inputs)
    rows_kept = len(out) > 1 and len(row.in_shape) == len(out) and row.in_shape[:-1] == out[:-1]
    columns, reduction = out[-1], data.shape[-1] if rows_kept else math.prod(data.shape[1:])
    if not rows_kept and math.prod(out) != columns:
        given = shape_text(row.in_shape)
        raise row.error(f"in_shape {given} to out_shape {shape_text(out)}; equal rows, or one number of outputs, are expected")
    attributes = {"transA": 0, "transB": 1, "keep_num_dims": int(rows_kept), **fused(row)}
    return Layer("Gemm", attributes, weights_with_bias(row, [(columns, reduction)], (columns,)))


def matrix_product_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """MatMul: of two operands, or with a constant matrix."""
    data = first(row, inputs)
    if len(inputs) > 1:
        turned = inputs[1].shape[-2] != data.shape[-1] and inputs[1].shape[-1] == data.shape[-1]
        return Layer("MatMul", {"transB": int(turned), **fused(row)}, weights_checked(row, ()))
    return Layer("MatMul", fused(row), weights_checked(row, [(data.shape[-1], row.out_shape[-1])]))


def binary_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Elementwise operators: a vector of channels goes with maps (``axis``); ``params`` is a constant operand."""
    attributes: dict[str, Any] = fused(row)
    if len(inputs) > 1 and len(inputs[1].shape) < len(inputs[0].shape) and inputs[1].shape[1] == inputs[0].shape[1]:
        attributes["axis"] = 0
    if not row.params:
        return Layer(op, attributes)
    return Layer(op, attributes, (constant_operand(row, first(row, inputs).shape, row.params),))


def normalization_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """BatchNormalization (4 vectors), LayerNormalization (2 or none), RMSNormalization (1)."""
    shape = first(row, inputs).shape
    size = shape[1] if op != "LayerNormalization" and op != "RMSNormalization" and len(shape) > 1 else shape[-1]
    vectors = (
        4 if op == "BatchNormalization" else row.params // size if row.params is not None else 1 if op == "RMSNormalization" else 2
    )
    axis = {"axis": -1} if op in ("LayerNormalization", "RMSNormalization") else {}
    groups = {"num_groups": row.groups} if op == "GroupNormalization" and row.groups else {}
    return Layer(op, {**axis, **groups, **fused(row)}, weights_checked(row, [(size,)] * vectors))


def scale_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """ncnn's Scale: a product, and a sum where it has two numbers per channel; two operations in one, like a batch norm."""
    channels = first(row, inputs).shape[1]
    if row.params == 2 * channels:
        return Layer("Affine", fused(row), ((channels,), (channels,)))
    return binary_row(row, "Mul", inputs)


def parametric_relu_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    shape = first(row, inputs).shape
    return Layer(op, {}, (constant_operand(row, shape, row.params or 1),))


def attention_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Attention with its four projections inside; ``groups`` is the number of heads (64 wide each where it is not given)."""
    width = first(row, inputs).shape[-1]
    heads = row.groups or width // 64
    if not heads or width % heads:
        raise row.error(f"{heads} heads for a width of {width}; groups must be a divisor of the width")
    matrix, vector = (width, width), (width,)
    plain = 4 * width * width
    if row.params in (None, plain + 4 * width):
        return Layer("MultiHeadAttention", {"num_heads": heads}, (*[matrix] * 4, *[vector] * 4))
    if row.params != plain:
        raise row.error(f"params {row.params}; {plain} without bias or {plain + 4 * width} with it follow from its shapes")
    return Layer("MultiHeadAttention", {"num_heads": heads}, (matrix,) * 4)


def plain_attention_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Query, key, value without projections; ``groups`` is the number of heads."""
    heads = row.groups or 1
    return Layer("Attention", {"q_num_heads": heads, "kv_num_heads": heads}, weights_checked(row, ()))


def embedding_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """A table of rows as wide as the output; its length is that of ``params``."""
    width = row.out_shape[-1]
    if not row.params or row.params % width:
        raise row.error(f"params {row.params}; rows of {width} numbers are expected")
    return Layer("Gather", {"axis": 0}, ((row.params // width, width),), positions=(0,))


def recurrent_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """LSTM, GRU, RNN: (time, width) to (time, hidden); twice the hidden size where ``params`` is that of two directions."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    width, hidden = first(row, inputs).shape[-1], row.out_shape[-1]
    for directions in (1, 2):
        each = hidden // directions
        weights, bias = [(directions, gates * each, width), (directions, gates * each, each)], (directions, 2 * gates * each)
        plain = sum(map(math.prod, weights))
        if hidden % directions == 0 and row.params in (None, plain, plain + math.prod(bias)):
            attributes = {"hidden_size": each, "direction": "bidirectional" if directions == 2 else "forward", "layout": 1}
            return Layer(op, attributes, (*weights, *(() if row.params == plain else (bias,))))
    raise row.error(
        f"params {row.params}; {gates} gates of {hidden} x ({width} + {hidden}) weights, with or without two biases, are expected"
    )


def axis_last_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    """Softmax: over channels of maps, over the last axis of rows."""
    return Layer(op, {"axis": 1 if len(first(row, inputs).shape) == 4 else -1}, weights_checked(row, ()))


def local_response_row(row: Row, op: str, inputs: Sequence[Tensor]) -> Layer:
    return Layer(op, {"size": row.kernel[0] if row.kernel else 5}, weights_checked(row, ()))
