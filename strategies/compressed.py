"""Smaller networks as strategies: prune, low_rank, substitute, code. What they cost in accuracy is for the user to say."""

from __future__ import annotations

import re

from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy, refusal
from workloads.coding import FORMATS
from workloads.errors import GraphError
from workloads.graph import Graph
from workloads.tables import graph_tables
from workloads.transforms import code_weights, low_rank, prune_filters, prune_weights, replace_blocks
from workloads.transforms.block_replacement import BLOCKS
from workloads.transforms.factors import METHODS
from workloads.transforms.rewriting import weight_position, weighted_operators
from workloads.transforms.splitting import split_channels
from workloads.transforms.weight_coding import BEST

_LAYERS = Parameter("layers", "names", (), "only these convolutions and products; first and last are understood")


def _pruned(problem: Problem, share: float, pattern: str, multiple: int, layers: tuple[str, ...]) -> tuple[Problem, str]:
    kept = re.fullmatch(r"([1-9]\d?):([1-9]\d?)", pattern)
    try:
        if pattern == "filter":
            graph = prune_filters(problem.graph, share, multiple, layers)
            return problem.replace(graph=graph), f"filters taken out, {difference(problem.graph, graph)}"
        if kept is not None and int(kept[1]) < int(kept[2]):
            share = 1 - int(kept[1]) / int(kept[2])
        elif pattern not in ("unstructured", "block"):
            raise GraphError(f"pattern={pattern}; filter, unstructured, block, or n:m such as 2:4 is expected")
        graph = prune_weights(problem.graph, share, pattern, layers)
    except GraphError as error:
        raise refusal("prune", str(error)) from None
    zeros, elements = zeros_of(graph)
    return problem.replace(
        graph=graph
    ), f"{zeros:,} of {elements:,} weights at zero ({pattern}); stored as before until they are coded"


def _factored(problem: Problem, share: float, method: str, layers: tuple[str, ...]) -> tuple[Problem, str]:
    try:
        graph = low_rank(problem.graph, share, method, layers)
    except GraphError as error:
        raise refusal("low_rank", str(error)) from None
    if len(graph) == len(problem.graph):
        return problem, "factors of this rank would cost more than any layer"
    return problem.replace(graph=graph), f"{method}, {difference(problem.graph, graph)}"


def _substituted(problem: Problem, block: str, groups: int, layers: tuple[str, ...]) -> tuple[Problem, str]:
    try:
        graph = replace_blocks(problem.graph, block, layers, groups)
    except GraphError as error:
        raise refusal("substitute", str(error)) from None
    if len(graph) == len(problem.graph):
        return problem, "no k x k convolution of enough channels is there to replace"
    return problem.replace(graph=graph), f"another function, to be trained: {difference(problem.graph, graph)}"


def _coded(
    problem: Problem, format: str, values: int | None, mean_bits: float | None, layers: tuple[str, ...]
) -> tuple[Problem, str]:  # fmt: skip
    before = problem.runnable
    if mean_bits is not None and not values:
        raise refusal("code", "mean_bits is the length of an index; values=N must be given with it")
    try:
        graph = code_weights(before, format, values or 0, mean_bits, layers)
    except GraphError as error:
        raise refusal("code", str(error)) from None
    size = f"weights {before.weights_bytes:,} B to {graph.weights_bytes:,} B"
    return problem.replace(graph=graph), f"{size} stored and kept coded; the time to decode them is not counted"


def _split(problem: Problem, parts: int, share: float | None, layers: tuple[str, ...]) -> tuple[Problem, str]:
    try:
        graph = split_channels(problem.graph, parts, layers, share)
    except GraphError as error:
        raise refusal("split", str(error)) from None
    count = sum(operator.name.endswith(".part0") for operator in graph.operators)
    return problem.replace(graph=graph), f"{count} convolutions in {parts} parts by output channels, each reading the whole input"


def difference(before: Graph, after: Graph) -> str:
    """MACs and weights before and after, in words."""
    macs = [int(graph_tables(graph).operators.macs.sum()) for graph in (before, after)]
    if macs[0] == macs[1] and before.weights_bytes == after.weights_bytes:
        return "nothing there to change"
    return f"{macs[0]:,} MACs to {macs[1]:,}, weights {before.weights_bytes:,} B to {after.weights_bytes:,} B"


def zeros_of(graph: Graph) -> tuple[int, int]:
    """Weights at zero of all convolutions and products, and all their weights."""
    zeros = elements = 0
    for name in weighted_operators(graph):
        operator = graph.operator(name)
        weight = graph.tensors[operator.inputs[weight_position(operator)]]
        elements += weight.elements
        zeros += round(weight.facts.zero_share * weight.elements) if weight.facts is not None else 0
    return zeros, elements


PRUNE = Strategy(
    "prune",
    "weights at zero by pattern, or whole filters taken out with everything that follows them",
    _pruned,
    (
        Parameter("share", "share", 0.5, "share of the weights or of the filters of each layer"),
        Parameter("pattern", "name", "filter", "filter, unstructured, block, or n:m (n of every m are kept)"),
        Parameter("multiple", "count", 1, "filters that stay are a multiple of this"),
        _LAYERS,
    ),
)

LOW_RANK = Strategy(
    "low_rank",
    "convolutions and matrix products in factors of low rank, where that saves MACs",
    _factored,
    (
        Parameter("share", "share", 0.25, "rank as a share of the full one"),
        Parameter("method", "name", "svd", "; ".join(f"{name}: {what}" for name, what in METHODS.items()), tuple(METHODS)),
        _LAYERS,
    ),
)

SUBSTITUTE = Strategy(
    "substitute",
    "k x k convolutions replaced by the blocks of small networks",
    _substituted,
    (
        Parameter("block", "name", "depthwise_separable", "; ".join(f"{n}: {w}" for n, w in BLOCKS.items()), tuple(BLOCKS)),
        Parameter("groups", "count", 4, "of shuffle: most groups of its 1x1 convolutions"),
        _LAYERS,
    ),
)

CODE = Strategy(
    "code",
    "weights stored without their zeros, or as indices of shared values",
    _coded,
    (
        Parameter("format", "name", BEST, "how zeros are left out; best is the smallest for each tensor", (BEST, *FORMATS)),
        Parameter("values", "count", None, "different values per tensor, told by an index"),
        Parameter("mean_bits", "number", None, "mean bits of an index under a variable-length code, as measured"),
        _LAYERS,
    ),
    settles=True,
    exact=True,
)

SPLIT = Strategy(
    "split",
    "convolutions in parts by output channels, so that several units can share one (place comes after it)",
    _split,
    (
        Parameter("parts", "count", 2, "parts of each convolution", highest=64),
        Parameter("share", "share", None, "of two parts, the share of the channels of the first; equal without"),
        _LAYERS,
    ),
    exact=True,
)
