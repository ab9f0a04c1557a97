"""Columns of small graphs, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from workloads import Graph, Operator, Tensor
from workloads.builder import GraphBuilder
from workloads.operators.rule import KINDS
from workloads.tables import ACTIVATIONS, KIND_CODE, NestTable, OperatorTable, TensorTable, graph_tables, output_channels


def small() -> Graph:
    """8x8 image, convolution with relu, pool, fully connected."""
    net = GraphBuilder("small", fused_activations=True)
    x = net.input((2, 3, 8, 8))
    x = net.conv(x, 4, kernel=3, stride=2, padding=1, activation="relu")
    x = net.max_pool(x, 2)
    return net.finish(net.linear(net.flatten(x), 5))


def test_operators():
    rows = graph_tables(small()).operators
    assert [KINDS[code] for code in rows.kind] == ["convolution", "pooling", "free", "fully_connected"]
    assert [ACTIVATIONS[code] for code in rows.activation] == ["relu", "none", "none", "none"]
    # 2*4*4*4 = 128 results of 27 products; pool to 2x2; 16 inputs to 5 outputs.
    assert rows.macs.tolist() == [128 * 27, 0, 0, 2 * 16 * 5]
    # bias and relu; 32 windows of 4; bias.
    assert rows.element_operations.tolist() == [256, 128, 0, 10]
    assert rows.special_operations.tolist() == [0, 0, 0, 0]
    assert rows.input_elements.tolist() == [384, 128, 32, 32]
    assert rows.output_elements.tolist() == [128, 32, 32, 10]
    assert rows.weight_elements.tolist() == [108, 0, 0, 80]
    assert rows.vector_elements.tolist() == [4, 0, 0, 5]
    assert rows.input_bytes.tolist() == [1536, 512, 0, 128]
    assert rows.output_bytes.tolist() == [512, 128, 0, 40]
    assert rows.weight_bytes.tolist() == [448, 0, 0, 340]
    assert rows.activation_bits.tolist() == [32.0] * 4
    assert rows.output_channels.tolist() == [4, 4, 16, 5]
    assert rows.output_pixels.tolist() == [16, 4, 1, 1]
    assert rows.window.tolist() == [1, 4, 1, 1]
    assert rows.padded.tolist() == [1, 0, 0, 0]
    assert rows.first_nest.tolist() == [0, 1, 1, 1]
    assert rows.nests.tolist() == [1, 0, 0, 1]


def test_nests():
    nests = graph_tables(small()).nests
    row = {name: column.tolist() for name, column in nests._asdict().items()}
    assert row == {
        "operator": [0, 3], "N": [2, 2], "G": [1, 1], "M": [4, 5], "C": [3, 16], "E": [4, 1], "F": [4, 1], "R": [3, 1], "S": [3, 1],
        "stride_h": [2, 1], "stride_w": [2, 1], "dilation_h": [1, 1], "dilation_w": [1, 1], "constant_weights": [1, 1],
    }  # fmt: skip


def test_tensors():
    tensors = graph_tables(small()).tensors
    assert tensors.bytes.tolist() == [1536, 512, 128, 128, 40]
    assert tensors.first.tolist() == [-1, 0, 1, 2, 3]
    assert tensors.last.tolist() == [0, 1, 2, 3, 4]


def one(operator: Operator, *tensors: Tensor):
    """Tables of a single operator."""
    return graph_tables(Graph.build("one", [operator], tensors))


def test_volume_folds_depth_into_rows_and_channels():
    x, w = Tensor("x", (1, 2, 4, 5, 6), role="input"), Tensor("w", (3, 2, 2, 3, 3), role="weight")
    found = one(
        Operator("c", "Conv", ("x", "w"), ("y",), {"strides": (1, 2, 2)}), x, w, Tensor("y", (1, 3, 3, 2, 2), role="output")
    )
    nest = {name: int(column[0]) for name, column in found.nests._asdict().items()}
    assert (nest["E"], nest["F"], nest["C"], nest["R"], nest["S"]) == (3 * 2, 2, 2 * 2, 3, 3)
    assert nest["N"] * nest["G"] * nest["M"] * nest["C"] * nest["E"] * nest["F"] * nest["R"] * nest["S"] == found.operators.macs[0]


def test_a_narrow_matrix_is_a_weight_and_a_bias_is_not():
    x, w, b = Tensor("x", (1, 16), role="input"), Tensor("w", (16, 1), role="weight"), Tensor("b", (1,), role="weight")
    found = one(Operator("fc", "Gemm", ("x", "w", "b"), ("y",)), x, w, b, Tensor("y", (1, 1), role="output")).operators
    assert (found.weight_elements[0], found.vector_elements[0]) == (16, 1)


def test_a_lookup_reads_its_rows():
    table, ids = Tensor("t", (1000, 8), "int8", "weight"), Tensor("i", (1, 4), "int64", "input")
    found = one(Operator("g", "Gather", ("t", "i"), ("y",)), table, ids, Tensor("y", (1, 4, 8), "int8", "output")).operators
    assert (found.weight_elements[0], found.weight_bytes[0], found.weight_bits[0]) == (32, 32, 8.0)


def test_the_same_operand_twice_is_read_once():
    x = Tensor("x", (2, 3), role="input")
    found = one(Operator("a", "Add", ("x", "x"), ("y",)), x, Tensor("y", (2, 3), role="output")).operators
    assert (found.input_elements[0], found.activation_inputs[0]) == (6, 1)


@pytest.mark.parametrize(
    ("op", "shape", "attributes", "channels"),
    [
        ("Conv", (1, 8, 5, 6), {}, 8),
        ("Conv", (1, 5, 6, 8), {"layout": "NHWC"}, 8),
        ("Conv", (1, 8, 20), {}, 8),
        ("Relu", (1, 8, 5, 6), {}, 8),
        ("Relu", (1, 5, 8), {}, 8),
        ("LayerNormalization", (1, 5, 8), {}, 8),
        ("MatMul", (1, 2, 5, 8), {}, 8),
        ("Gemm", (5, 8), {}, 8),
        ("Relu", (8,), {}, 8),
        ("ReduceMean", (), {}, 1),
    ],
)
def test_channels(op: str, shape: tuple[int, ...], attributes: dict, channels: int):
    assert output_channels(Operator("o", op, ("x",), ("y",), attributes), Tensor("y", shape)) == channels


def test_columns_are_equally_long_and_typed():
    tables = graph_tables(small())
    for table, kind in zip(tables, (OperatorTable, NestTable, TensorTable), strict=True):
        assert isinstance(table, kind)
        assert len({len(column) for column in table}) == 1
        assert {column.dtype for column in table} <= {np.dtype(np.int64), np.dtype(np.float64)}
    assert len(KIND_CODE) == len(KINDS)


def test_an_empty_graph_has_empty_columns():
    tables = graph_tables(Graph.build("empty", [], [Tensor("x", (1,), role="input")]))
    assert len(tables.operators.macs) == len(tables.nests.M) == 0
    assert tables.tensors.bytes.tolist() == [4]
