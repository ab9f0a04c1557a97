"""Counts of a graph, made the slow and obvious way, and the tables of published ones."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from workloads import Graph, Operator
from workloads.operators import rule_of

HERE = Path(__file__).parent


def rows(name: str) -> list[dict[str, str]]:
    """Rows of a table beside this file."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def options(text: str) -> dict[str, Any]:
    """Options written as ``width=1.4;resolution=224``."""
    pairs = (part.split("=") for part in filter(None, text.split(";")))
    return {name: float(value) if "." in value else int(value) for name, value in pairs}


def macs_of(graph: Graph, operator: Operator) -> int:
    """MACs one operator states."""
    return rule_of(operator).work(operator, graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)).macs


def macs(graph: Graph) -> int:
    """MACs all operators state."""
    return sum(macs_of(graph, operator) for operator in graph.operators)


def parameters(graph: Graph) -> int:
    """Trainable elements as frameworks count them: scale and shift of batch norms, not their running statistics, no indices."""
    norms = [operator for operator in graph.operators if operator.op == "BatchNormalization"]
    statistics = {name for norm in norms for name in norm.inputs[3:]}
    return sum(t.elements for t in graph.weights if t.name not in statistics and t.dtype != "int64")


def deployed(graph: Graph) -> int:
    """Elements left when each batch norm is folded into weights and one bias per channel."""
    norms = [operator for operator in graph.operators if operator.op == "BatchNormalization"]
    return parameters(graph) - sum(graph.tensors[norm.inputs[1]].elements for norm in norms)
