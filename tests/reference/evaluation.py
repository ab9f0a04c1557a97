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
        case other:
            raise NotImplementedError(other)
    return [np.maximum(result, 0) if attributes.get("activation", "none") == "relu" else result]


def _convolution(operator: Operator, inputs: list[Array]) -> Array:
    data, weight = inputs[:2]
    top, left, bottom, right = operator.attributes.get("pads") or (0, 0, 0, 0)
    step_h, step_w = operator.attributes.get("strides", (1, 1))
    data = np.pad(data, ((0, 0), (0, 0), (top, bottom), (left, right)))
    rows = (data.shape[2] - weight.shape[2]) // step_h + 1
    columns = (data.shape[3] - weight.shape[3]) // step_w + 1
    result = np.zeros((data.shape[0], weight.shape[0], rows, columns), data.dtype)
    for r in range(weight.shape[2]):
        for s in range(weight.shape[3]):
            window = data[:, :, r : r + rows * step_h : step_h, s : s + columns * step_w : step_w][:, :, :rows, :columns]
            result += np.einsum("nchw,mc->nmhw", window, weight[:, :, r, s])
    return result + inputs[2][None, :, None, None] if len(inputs) > 2 else result
