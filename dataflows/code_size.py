"""Bytes of code that an engine links for a network: kernels of the kinds it uses, what drives them, and tables per channel."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from hwmodels.runtime import Runtime
from workloads.dtypes import is_float
from workloads.graph import Graph, Operator
from workloads.operators import rule_of


class CodeCounts(NamedTuple):
    """What code and tables grow with."""

    operators: int  # that do something
    kinds: int  # distinct ones among them
    channels: int  # outputs of quantised convolutions: each has a scale of its own


def code_counts(graph: Graph, fused: Container[int] = ()) -> CodeCounts:
    """Operators, kinds and channels of a network; what is done tile by tile is one operator, what is fused into another none.

    >>> from workloads.networks import build
    >>> code_counts(build("mlperf_tiny_ad"))
    CodeCounts(operators=10, kinds=1, channels=0)
    >>> code_counts(build("mlperf_tiny_kws"))
    CodeCounts(operators=12, kinds=5, channels=576)
    """
    own = (operator for i, operator in enumerate(graph.operators) if i not in fused)
    operators = list({o.attributes.get("tile_of", o.name): o for o in own}.values())
    kinds = [rule_of(o).kind(o, graph.tensors_of(o.inputs), graph.tensors_of(o.outputs)) for o in operators]
    working = [kind for kind in kinds if kind != "free"]
    convolutions = (o for o, kind in zip(operators, kinds, strict=True) if kind in ("convolution", "depthwise"))
    return CodeCounts(len(working), len(set(working)), sum(_scaled_channels(graph, o) for o in convolutions))


def code_bytes(graph: Graph, runtime: Runtime | None, fused: Container[int] = ()) -> int | None:
    """Flash besides the constants [B]; ``None`` where the runtime's file says nothing.

    base + operators * more + kinds * more + channels of quantised convolutions * bytes of their scales.
    """
    costs = runtime.costs if runtime is not None else {}
    if "code" not in costs:
        return None
    counts = code_counts(graph, fused)
    growth = zip(("code_per_operator", "code_per_kind", "code_per_channel"), counts, strict=True)
    return round(costs["code"] + sum(costs.get(name, 0.0) * count for name, count in growth))


def _scaled_channels(graph: Graph, operator: Operator) -> int:
    """Output channels of a convolution whose weights are constants of an integer type."""
    weights = graph.tensors[operator.inputs[1]]
    if weights.role != "weight" or is_float(weights.dtype):
        return 0
    axis = 1 if operator.attributes.get("layout", "NCHW") == "NCHW" else -1
    return graph.tensors[operator.outputs[0]].shape[axis]
