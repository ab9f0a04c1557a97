"""Networks run on numbers, plainly: enough operators to see that a rewrite keeps the function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.graph import Graph, Operator

Array = NDArray[Any]


def evaluated(graph: Graph, values: Mapping[str, Array]) -> dict[str, Array]:
    """Results of a network by name, from its inputs and constants."""
    held = dict(values)
    for operator in graph.operators:
        results = _run(operator, [held[name] for name in operator.inputs if name])
        held.update(zip(operator.outputs, results, strict=True))
    return {tensor.name: held[tensor.name] for tensor in graph.outputs}


def _run(operator: Operator, inputs: list[Array]) -> list[Array]:
    attributes = operator.attributes
    match operator.op:
        case "Conv":
            result = _convolution(operator, inputs)
        case "Relu":
            result = np.maximum(inputs[0], 0)
        case "Add":
            result = inputs[0] + inputs[1]
        case "Concat":
            result = np.concatenate(inputs, axis=attributes.get("axis", 1))
        case "Transpose":
            result = inputs[0].transpose(attributes["perm"])
        case "Split":
            return np.split(inputs[0], np.cumsum(attributes["split"])[:-1], axis=attributes["axis"])
        case "Window":
            cut: list[Any] = [slice(None)] * inputs[0].ndim
            for start, size, axis in zip(attributes["starts"], attributes["sizes"], attributes["axes"], strict=True):
                cut[axis] = slice(start, start + size)
            result = inputs[0][tuple(cut)]
        case "Assemble":
            (rows, columns), (down, across) = attributes["grid"], attributes["axes"]
            lines = [np.concatenate(inputs[row * columns : (row + 1) * columns], axis=across) for row in range(rows)]
            result = np.concatenate(lines, axis=down)
        case "MaxPool":
            result = _pooled(operator, inputs[0], np.max, np.iinfo(np.int64).min)
        case "AveragePool":
            ones = np.ones_like(inputs[0])
            result = _pooled(operator, inputs[0], np.sum, 0) * 5040 // _pooled(operator, ones, np.sum, 0)
        case other:
            raise NotImplementedError(other)
    return [np.maximum(result, 0) if attributes.get("activation", "none") == "relu" else result]


def _pooled(operator: Operator, data: Array, reduce: Any, outside: int) -> Array:
    top, left, bottom, right = operator.attributes.get("pads") or (0, 0, 0, 0)
    (step_h, step_w), (tall, wide) = operator.attributes["strides"], operator.attributes["kernel_shape"]
    data = np.pad(data, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=outside)
    rows, columns = (data.shape[2] - tall) // step_h + 1, (data.shape[3] - wide) // step_w + 1
    result = np.zeros((*data.shape[:2], rows, columns), data.dtype)
    for r in range(rows):
        for c in range(columns):
            window = data[:, :, r * step_h : r * step_h + tall, c * step_w : c * step_w + wide]
            result[:, :, r, c] = reduce(window, axis=(2, 3))
    return result


def _convolution(operator: Operator, inputs: list[Array]) -> Array:
    groups = int(operator.attributes.get("group", 1))
    parts = zip(np.split(inputs[0], groups, axis=1), np.split(inputs[1], groups), strict=True)
    result = np.concatenate([_grouped(operator, data, weight) for data, weight in parts], axis=1)
    return result + inputs[2][None, :, None, None] if len(inputs) > 2 else result


def _grouped(operator: Operator, data: Array, weight: Array) -> Array:
    top, left, bottom, right = operator.attributes.get("pads") or (0, 0, 0, 0)
    step_h, step_w = operator.attributes.get("strides", (1, 1))
    apart_h, apart_w = operator.attributes.get("dilations", (1, 1))
    data = np.pad(data, ((0, 0), (0, 0), (top, bottom), (left, right)))
    rows = (data.shape[2] - (weight.shape[2] - 1) * apart_h - 1) // step_h + 1
    columns = (data.shape[3] - (weight.shape[3] - 1) * apart_w - 1) // step_w + 1
    result = np.zeros((data.shape[0], weight.shape[0], rows, columns), data.dtype)
    for r in range(weight.shape[2]):
        for s in range(weight.shape[3]):
            window = data[:, :, r * apart_h :: step_h, s * apart_w :: step_w][:, :, :rows, :columns]
            result += np.einsum("nchw,mc->nmhw", window, weight[:, :, r, s])
    return result
