"""If nodes whose condition is a constant: the branch taken stands in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workloads.graph import Operator
from workloads.readers.folding import fold
from workloads.readers.onnx_model import OnnxNetwork, add_nodes
from workloads.readers.onnx_values import constant_of

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto


def inline_branches(network: OnnxNetwork, operators: Sequence[Operator], path: Path) -> list[Operator]:
    """Operators with every If of constant condition replaced by the branch it takes, again and again."""
    while True:
        chosen = {operator.name: branch for operator in operators if (branch := taken_branch(network, operator)) is not None}
        if not chosen:
            return list(operators)
        result: list[Operator] = []
        for operator in operators:
            branch = chosen.get(operator.name)
            result.extend([operator] if branch is None else branch_operators(network, operator, branch, path))
        operators = fold(result, network.constants)


def taken_branch(network: OnnxNetwork, operator: Operator) -> GraphProto | None:
    """The subgraph an If runs, None where it is no If or its condition is not constant."""
    if operator.op != "If" or operator.inputs[0] not in network.constants:
        return None
    values = network.constants[operator.inputs[0]].integers()
    if not values:
        return None
    wanted = "then_branch" if values[0] else "else_branch"
    return next((attribute.g for attribute in network.protos[operator.name].attribute if attribute.name == wanted), None)


def branch_operators(network: OnnxNetwork, operator: Operator, branch: GraphProto, path: Path) -> list[Operator]:
    """Nodes of a branch under names of their own; its outputs are those of the If."""
    prefix = f"{operator.name}/"
    inner = {name for node in branch.node for name in node.output} | {tensor.name for tensor in branch.initializer}
    renamed = {name: prefix + name for name in inner}
    for value, output in zip(branch.output, operator.outputs, strict=False):
        if value.name in inner:
            renamed[value.name] = output
    nodes = [_renamed(node, renamed, prefix) for node in branch.node]
    for tensor in branch.initializer:
        network.constants[renamed[tensor.name]] = constant_of(tensor, path)
    added = add_nodes(network, nodes, path)
    del network.operators[len(network.operators) - len(added) :]
    for value, output in zip(branch.output, operator.outputs, strict=False):
        if value.name not in inner:
            node = _identity(value.name, output, f"{prefix}{output}")
            added.extend(add_nodes(network, [node], path))
            network.operators.pop()
    return added


def _renamed(node: NodeProto, renamed: Mapping[str, str], prefix: str) -> NodeProto:
    copy = type(node)()
    copy.CopyFrom(node)
    copy.name = prefix + node.name if node.name else ""
    copy.input[:] = [renamed.get(name, name) for name in node.input]
    copy.output[:] = [renamed.get(name, name) for name in node.output]
    return copy


def _identity(source: str, target: str, name: str) -> NodeProto:
    from onnx import helper

    return helper.make_node("Identity", [source], [target], name=name)
