"""Element types change, nothing else."""

from __future__ import annotations

import pytest

from tests.workloads.operators.cases import CASES, Case
from workloads import Graph, GraphError, Operator, Tensor
from workloads.builder import GraphBuilder
from workloads.dtypes import SELECTABLE, is_float
from workloads.operators import rule_of
from workloads.tables import graph_tables
from workloads.transforms import retype


def network() -> Graph:
    net = GraphBuilder("mixed")
    x = net.conv_norm(net.input((1, 3, 8, 8)), 4, 3)
    x = net.linear(net.flatten(net.global_average_pool(x)), 6, name="first")
    return net.finish(net.softmax(net.linear(x, 5, bias=False, name="second")))


def test_float_types_replace_float_types():
    half = retype(network(), "fp16")
    assert {t.dtype for t in half.tensors.values()} == {"fp16"}
    assert half.weights_bytes * 2 == network().weights_bytes
    assert half.settings["dtype"] == "fp16"


def test_integers_replace_floats_and_biases_are_sums():
    quantised = retype(network(), "int8")
    biases = {o.inputs[2] for o in quantised.operators if o.op in ("Conv", "Gemm") and len(o.inputs) > 2}
    assert len(biases) == 1
    for tensor in quantised.tensors.values():
        assert tensor.dtype == ("int32" if tensor.name in biases else "int8")


def test_block_formats_are_for_matrices():
    small = retype(network(), "q4_0")
    kinds = {t.name: t.dtype for t in small.tensors.values()}
    matrices = {o.inputs[1] for o in small.operators if o.op == "Gemm"}
    assert {kinds[name] for name in matrices} == {"q4_0"}
    assert {dtype for name, dtype in kinds.items() if name not in matrices} == {"fp16"}
    # 4x6 weights of 4.5 bits are 13.5, so 14 B; 6x5 are 16.875, so 17 B.
    assert sorted(small.tensors[name].bytes for name in matrices) == [14, 17]


def test_counts_stay():
    before = graph_tables(network())
    for dtype in SELECTABLE:
        after = graph_tables(retype(network(), dtype))
        assert after.operators.macs.tolist() == before.operators.macs.tolist()
        assert after.operators.output_elements.tolist() == before.operators.output_elements.tolist()


def quantised_file() -> Graph:
    """Quantize -> int8 convolution -> dequantize -> float softmax."""
    tensors = [
        Tensor("x", (1, 3, 4, 4), role="input"), Tensor("s", (), role="weight"), Tensor("z", (), "int8", "weight"),
        Tensor("q", (1, 3, 4, 4), "int8"), Tensor("w", (2, 3, 4, 4), "int8", "weight"), Tensor("c", (1, 2, 1, 1), "int8"),
        Tensor("f", (1, 2, 1, 1)), Tensor("y", (1, 2, 1, 1), role="output"),
    ]  # fmt: skip
    operators = [
        Operator("quantize", "QuantizeLinear", ("x", "s", "z"), ("q",)),
        Operator("conv", "Conv", ("q", "w"), ("c",)),
        Operator("dequantize", "DequantizeLinear", ("c", "s", "z"), ("f",)),
        Operator("softmax", "Softmax", ("f",), ("y",)),
    ]
    return Graph.build("file", operators, tensors)


def test_quantised_tensors_keep_their_type():
    wider = retype(quantised_file(), "int16")
    kinds = {t.name: t.dtype for t in wider.tensors.values()}
    assert kinds == {"x": "int16", "s": "fp32", "z": "int8", "q": "int8", "w": "int8", "c": "int8", "f": "int16", "y": "int16"}
    for operator in wider.operators:
        derived = rule_of(operator).output_types(operator, wider.tensors_of(operator.inputs))
        assert derived[0].dtype == wider.tensors[operator.outputs[0]].dtype


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
def test_a_quantised_network_does_not_become_float(dtype: str):
    with pytest.raises(GraphError, match="'z' is int8.*keeps its types") as error:
        retype(quantised_file(), dtype)
    assert dtype in str(error.value)


@pytest.mark.parametrize("dtype", ["fp31", "int64", "bool"])
def test_types_that_cannot_be_asked_for(dtype: str):
    with pytest.raises(GraphError, match=f"'{dtype}' cannot be asked for"):
        retype(network(), dtype)


def quantised_types(case: Case) -> set[str]:
    return {t.dtype.removeprefix("u") for t in (*case.operands, *case.results) if t is not None}


@pytest.mark.parametrize("dtype", ["fp16", "int8", "q4_0"])
@pytest.mark.parametrize("case", [c for c in CASES if not c.declared and not {"int8", "int16"} & quantised_types(c)], ids=str)
def test_every_rule_stands_by_the_new_types(case: Case, dtype: str):
    """After retyping, what the rule derives is what the graph says."""
    inputs = {t.name: t for t in case.operands if t is not None}
    tensors = [t if t.role == "weight" else Tensor(t.name, t.shape, t.dtype, "input") for t in inputs.values()]
    outputs = [Tensor(t.name, t.shape, t.dtype, "output") for t in case.results]
    changed = retype(Graph.build("one", [case.operator], [*tensors, *outputs]), dtype)
    (operator,) = changed.operators
    derived = rule_of(operator).output_types(operator, changed.tensors_of(operator.inputs))
    for name, kind in zip(operator.outputs, derived, strict=True):
        assert kind == (changed.tensors[name].shape, changed.tensors[name].dtype)
    if all(is_float(t.dtype) for t in (*tensors, *outputs)) and case.op not in ("Constant", "Cast", "ReadVariable"):
        assert {t.dtype for t in changed.outputs} <= {dtype, "fp16", "fp32"}
