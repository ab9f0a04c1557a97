"""Batch norms disappear into what feeds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from workloads import Graph, Operator, Tensor
from workloads.builder import GraphBuilder
from workloads.readers.onnx_file import load_onnx
from workloads.tables import graph_tables
from workloads.transforms import fold_batch_norm

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


def conv_and(*more: tuple[str, str], bias: bool = False, **conv: object) -> Graph:
    """A convolution of 4 channels, then operators of one constant ``c`` shape each, in a chain."""
    tensors = [Tensor("x", (1, 3, 8, 8), role="input"), Tensor("w", (4, 3, 3, 3), role="weight"), Tensor("t0", (1, 4, 6, 6))]
    operators = [Operator("conv", "Conv", ("x", "w", "b") if bias else ("x", "w"), ("t0",), conv)]
    if bias:
        tensors.append(Tensor("b", (4,), role="weight"))
    for place, (op, shape) in enumerate(more, 1):
        source = f"t{place - 1}"
        tensors.append(Tensor(f"t{place}", (1, 4, 6, 6), role="output" if place == len(more) else "activation"))
        if op == "BatchNormalization":
            vectors = [Tensor(f"{part}{place}", (4,), role="weight") for part in ("g", "s", "m", "v")]
            tensors += vectors
            operators.append(Operator(f"o{place}", op, (source, *(t.name for t in vectors)), (f"t{place}",)))
        else:
            tensors.append(Tensor(f"c{place}", tuple(map(int, shape.split("x"))), role="weight"))
            inputs = (f"c{place}", source) if op.startswith("r") else (source, f"c{place}")
            operators.append(Operator(f"o{place}", op.removeprefix("r"), inputs, (f"t{place}",)))
    return Graph.build("chain", operators, tensors)


def left(graph: Graph) -> list[str]:
    return [operator.op for operator in fold_batch_norm(graph).operators]


def test_a_batch_norm_becomes_a_bias():
    folded = fold_batch_norm(conv_and(("BatchNormalization", "")))
    (conv,) = folded.operators
    assert conv.inputs == ("x", "w", "conv.folded_bias")
    assert conv.outputs == ("t1",)
    assert folded.tensors["conv.folded_bias"].shape == (4,)
    # 108 weights and 4 biases are left of 108 + 4 * 4.
    assert sum(t.elements for t in folded.weights) == 112
    assert set(folded.tensors) == {"x", "w", "t1", "conv.folded_bias"}


def test_an_existing_bias_is_used():
    folded = fold_batch_norm(conv_and(("BatchNormalization", ""), bias=True))
    assert folded.operators[0].inputs == ("x", "w", "b")
    assert sum(t.elements for t in folded.weights) == 112


@pytest.mark.parametrize(
    "scale", [("Mul", "4x1x1"), ("Div", "1x4x1x1"), ("rMul", "4x1x1"), ("Add", "4x1x1"), ("Sub", "1x4x1x1"), ("rAdd", "4x1x1")]
)
def test_constants_by_channel_are_folded(scale: tuple[str, str]):
    assert left(conv_and(scale)) == ["Conv"]
    assert left(conv_and(("BatchNormalization", ""), scale)) == ["Conv"]


@pytest.mark.parametrize(
    "other", [("Mul", "1"), ("Mul", "6"), ("Add", "1x1x6x6"), ("rDiv", "4x1x1"), ("rSub", "4x1x1"), ("Max", "4x1x1")]
)
def test_other_constants_stay(other: tuple[str, str]):
    assert left(conv_and(other)) == ["Conv", other[0].removeprefix("r")]


def test_a_scale_alone_needs_no_bias():
    folded = fold_batch_norm(conv_and(("Mul", "4x1x1")))
    assert folded.operators[0].inputs == ("x", "w")


def test_caffe_scale_layers_join_a_batch_norm_that_stays():
    net = GraphBuilder("densenet")
    x = net.batch_norm(net.input((1, 4, 8, 8)))
    graph = net.finish(x)
    vectors = [Tensor("c1", (4, 1, 1), role="weight"), Tensor("c2", (4, 1, 1), role="weight"), Tensor("t1", (1, 4, 8, 8))]
    inner = Tensor(x, (1, 4, 8, 8))
    graph = graph.replace(
        operators=[*graph.operators, Operator("mul", "Mul", (x, "c1"), ("t1",)), Operator("add", "Add", ("t1", "c2"), ("y",))],
        tensors=[*(t for t in graph.tensors.values() if t.name != x), inner, *vectors, Tensor("y", (1, 4, 8, 8), role="output")],
    )
    folded = fold_batch_norm(graph)
    assert [operator.op for operator in folded.operators] == ["BatchNormalization"]
    assert folded.operators[0].outputs == ("y",)
    assert not {"c1", "c2", "t1"} & set(folded.tensors)


def test_what_is_read_elsewhere_stays():
    graph = conv_and(("BatchNormalization", ""))
    more = Operator("also", "Relu", ("t0",), ("z",))
    graph = graph.replace(
        operators=[*graph.operators, more], tensors=[*graph.tensors.values(), Tensor("z", (1, 4, 6, 6), role="output")]
    )
    assert left(graph) == ["Conv", "BatchNormalization", "Relu"]


def test_an_output_of_the_network_stays():
    graph = conv_and(("BatchNormalization", ""))
    tensors = [Tensor("t0", (1, 4, 6, 6), role="output") if t.name == "t0" else t for t in graph.tensors.values()]
    assert left(graph.replace(tensors=tensors)) == ["Conv", "BatchNormalization"]


def test_an_activation_in_between_stops_it():
    assert left(conv_and(("BatchNormalization", ""), activation="relu")) == ["Conv", "BatchNormalization"]


def test_shared_weights_get_a_copy():
    names = ["a", "b"]
    tensors = [Tensor("x", (1, 3, 8, 8), role="input"), Tensor("w", (4, 3, 3, 3), role="weight")]
    operators = []
    for name in names:
        vectors = [Tensor(f"{name}{part}", (4,), role="weight") for part in "gsmv"]
        tensors += [*vectors, Tensor(f"{name}c", (1, 4, 6, 6)), Tensor(f"{name}y", (1, 4, 6, 6), role="output")]
        operators.append(Operator(f"{name}_conv", "Conv", ("x", "w"), (f"{name}c",)))
        operators.append(Operator(f"{name}_norm", "BatchNormalization", (f"{name}c", *(v.name for v in vectors)), (f"{name}y",)))
    folded = fold_batch_norm(Graph.build("shared", operators, tensors))
    assert [o.inputs[1] for o in folded.operators] == ["a_conv.folded_weight", "b_conv.folded_weight"]
    assert "w" not in folded.tensors


def test_gemm_and_transposed_convolution():
    net = GraphBuilder("gemm")
    graph = net.finish(net.batch_norm(net.linear(net.input((2, 8)), 4, bias=False)))
    folded = fold_batch_norm(graph)
    assert [o.op for o in folded.operators] == ["Gemm"]
    assert folded.tensors[folded.operators[0].inputs[2]].shape == (4,)
    transposed = conv_and(("BatchNormalization", ""))
    host, norm = transposed.operators
    swapped = [Operator("t", "ConvTranspose", host.inputs, host.outputs, {"weight_layout": "OIHW", "pads": (2,) * 4}), norm]
    assert left(transposed.replace(operators=swapped)) == ["ConvTranspose"]


def test_quantised_hosts_are_left_alone():
    graph = conv_and(("Mul", "4x1x1"))
    tensors = [Tensor(t.name, t.shape, "int8", t.role) if t.name == "w" else t for t in graph.tensors.values()]
    assert left(graph.replace(tensors=tensors)) == ["Conv", "Mul"]


def test_folding_twice_changes_nothing_more():
    once = fold_batch_norm(conv_and(("BatchNormalization", ""), ("Mul", "4x1x1"), ("Add", "4x1x1")))
    twice = fold_batch_norm(once)
    assert twice.operators == once.operators
    assert dict(twice.tensors) == dict(once.tensors)


@pytest.mark.parametrize(
    ("name", "operators", "weights"),
    [
        # Weights and one bias per channel: He et al. 2016 in the form with folded norms; 2 more are the shape of a Reshape.
        ("light_resnet50", 123, 25530472 + 2),
        ("light_inception_v2", 164, 11185032 + 2),
        # Norms come before the convolutions here: those that follow one are folded (60), the others keep their four vectors.
        ("light_densenet121", 367, 8040040),
    ],
)
def test_real_files(name: str, operators: int, weights: int):
    graph = load_onnx(LIGHT / f"{name}.onnx")
    folded = fold_batch_norm(graph)
    assert len(folded) == operators
    assert sum(t.elements for t in folded.weights) == weights
    assert graph_tables(folded).operators.macs.sum() == graph_tables(graph).operators.macs.sum()
    assert [t.name for t in folded.outputs] == [t.name for t in graph.outputs]


def test_the_arithmetic_it_stands_for():
    """w' = w g / sqrt(v + e), b' = (b - m) g / sqrt(v + e) + beta gives the same numbers; then scale and shift do too."""
    draw = np.random.default_rng(7)
    w, x = draw.normal(size=(4, 6)), draw.normal(size=(6, 9))
    b, g, beta, m, scale, shift = draw.normal(size=(6, 4, 1))
    v = draw.uniform(0.5, 2, size=(4, 1))
    normed = (w @ x + b - m) / np.sqrt(v + 1e-5) * g + beta
    factor = g / np.sqrt(v + 1e-5) * scale
    folded = (w * factor) @ x + ((b - m) * g / np.sqrt(v + 1e-5) + beta) * scale + shift
    np.testing.assert_allclose(folded, normed * scale + shift, rtol=1e-10)
