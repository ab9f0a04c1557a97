"""Fusions of a runtime on small graphs: who joins whom, and who must not."""

from __future__ import annotations

import numpy as np
import pytest

from dataflows.fusion import Fused, fused_operators
from dataflows.unit_work import ABSORBED
from hwmodels.runtime import Runtime
from workloads.graph import Graph, Operator, Tensor
from workloads.tables import ACTIVATIONS, graph_tables

SHAPE = (1, 4, 6, 6)


def conv(name: str, source: str, target: str, **attributes: object) -> Operator:
    return Operator(name, "Conv", (source, "w"), (target,), {"kernel_shape": (1, 1), **attributes})


def fused(operators: list[Operator], fuses: tuple[str, ...], outputs: tuple[str, ...], mine: list[bool] | None = None) -> Fused:
    names = dict.fromkeys(n for o in operators for n in (*o.inputs, *o.outputs) if n not in ("x", "w"))
    tensors = [Tensor("x", SHAPE, "fp32", "input"), Tensor("w", (4, 4, 1, 1), "fp32", "weight")]
    tensors += [Tensor(n, SHAPE, "fp32", "output" if n in outputs else "activation") for n in names]
    graph = Graph.build("g", operators, tensors)
    runtime = Runtime("r", "", ("cpu",), fuses=fuses)
    chosen = np.ones(len(operators), bool) if mine is None else np.array(mine)
    return fused_operators(graph, graph_tables(graph), runtime, chosen)


def test_activation_joins_the_convolution_before_it() -> None:
    found = fused([conv("c", "x", "a"), Operator("r", "Relu", ("a",), ("b",))], ("activation",), ("b",))
    assert found.into == {1: 0}
    assert found.operators.kind[1] == ABSORBED and found.operators.kind[0] != ABSORBED
    assert ACTIVATIONS[found.operators.activation[0]] == "relu"


@pytest.mark.parametrize("fuses", [(), ("pointwise",)])
def test_nothing_is_fused_that_the_runtime_does_not_name(fuses: tuple[str, ...]) -> None:
    assert not fused([conv("c", "x", "a"), Operator("r", "Relu", ("a",), ("b",))], fuses, ("b",)).into


def test_a_tensor_that_others_read_stays() -> None:
    two_readers = [conv("c", "x", "a"), Operator("r", "Relu", ("a",), ("b",)), Operator("s", "Add", ("a", "b"), ("d",))]
    assert not fused(two_readers, ("activation",), ("d",)).into
    assert not fused([conv("c", "x", "a"), Operator("r", "Relu", ("a",), ("b",))], ("activation",), ("a", "b")).into


def test_one_activation_per_convolution() -> None:
    operators = [conv("c", "x", "a"), Operator("r", "Relu", ("a",), ("b",)), Operator("t", "Tanh", ("b",), ("d",))]
    assert fused(operators, ("activation",), ("d",)).into == {1: 0}


def test_pointwise_activation_joins_the_sum() -> None:
    operators = [conv("c", "x", "a"), Operator("s", "Add", ("a", "x"), ("b",)), Operator("r", "Relu", ("b",), ("d",))]
    assert fused(operators, ("activation", "pointwise"), ("d",)).into == {2: 1}


def test_swish_is_one_activation() -> None:
    """conv -> sigmoid -> product of both: all three are the convolution; without a convolution the pair is one operator."""
    pair = [Operator("g", "Sigmoid", ("a",), ("b",)), Operator("m", "Mul", ("a", "b"), ("d",))]
    found = fused([conv("c", "x", "a"), *pair], ("activation", "swish"), ("d",))
    assert found.into == {1: 0, 2: 0} and ACTIVATIONS[found.operators.activation[0]] == "silu"
    alone = fused([Operator("s", "Add", ("x", "x"), ("a",)), *pair], ("activation", "swish"), ("d",))
    assert alone.into == {2: 1} and ACTIVATIONS[alone.operators.activation[1]] == "silu"
    assert fused([conv("c", "x", "a"), *pair], ("activation",), ("d",)).into == {}


def test_padding_joins_the_convolution_after_it() -> None:
    pad = Operator("p", "Pad", ("x",), ("a",), {"pads": (0, 0, 0, 0, 0, 0, 0, 0)})
    assert fused([pad, conv("c", "a", "b")], ("pad",), ("b",)).into == {0: 1}


def test_quantisation_joins_what_comes_before_it_or_after_the_input() -> None:
    first = Operator("q", "DequantizeLinear", ("x",), ("a",))
    last = Operator("z", "DequantizeLinear", ("b",), ("d",))
    assert fused([first, conv("c", "a", "b"), last], ("quantization",), ("d",)).into == {0: 1, 2: 1}


def test_operators_of_other_units_are_masked_and_never_hosts() -> None:
    found = fused([conv("c", "x", "a"), Operator("r", "Relu", ("a",), ("b",))], ("activation",), ("b",), mine=[False, True])
    assert not found.into and found.operators.kind[0] == ABSORBED and found.operators.kind[1] != ABSORBED
