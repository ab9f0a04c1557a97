"""Every rule against a case worked by hand, and laws that hold for all of them."""

import math

import pytest

from tests.workloads.operators.cases import CASES, Case
from workloads import GraphError, Operator, Tensor, UnsupportedOperator
from workloads.dtypes import stored_bytes
from workloads.operators import RULES, rule_of, unmodelled_rule
from workloads.operators.family import UndeterminedShape
from workloads.operators.rule import KINDS

each_case = pytest.mark.parametrize("case", CASES, ids=str)


def test_every_rule_has_a_case_and_stands_in_order():
    assert {case.op for case in CASES} == set(RULES)
    assert list(RULES) == sorted(RULES)


@each_case
def test_output_types(case: Case):
    if case.declared:
        with pytest.raises(UndeterminedShape, match=case.op):
            rule_of(case.operator).output_types(case.operator, case.operands)
        return
    found = rule_of(case.operator).output_types(case.operator, case.operands)
    assert [(kind.shape, kind.dtype) for kind in found] == [(tensor.shape, tensor.dtype) for tensor in case.results]


@each_case
def test_kind_and_operations(case: Case):
    rule, operator = rule_of(case.operator), case.operator
    work = rule.work(operator, case.operands, case.results)
    assert rule.kind(operator, case.operands, case.results) == case.kind
    assert case.kind in KINDS
    assert (work.macs, work.element_operations, work.special_operations) == (case.macs, case.element, case.special)


@each_case
def test_macs_are_the_volume_of_the_nests(case: Case):
    nests = rule_of(case.operator).loop_nests(case.operator, case.operands, case.results)
    assert sum(nest.volume for nest in nests) == case.macs


@each_case
def test_bytes_are_those_of_the_operands(case: Case):
    work = rule_of(case.operator).work(case.operator, case.operands, case.results)
    tensors = [tensor for tensor in case.operands if tensor is not None]
    expected = case.bytes or (
        sum(tensor.bytes for tensor in tensors if tensor.role != "weight"),
        sum(tensor.bytes for tensor in tensors if tensor.role == "weight"),
        sum(tensor.bytes for tensor in case.results),
    )
    assert (work.activation_bytes_read, work.weight_bytes_read, work.bytes_written) == expected


@each_case
def test_nests_name_operands_and_index_what_they_hold(case: Case):
    """Weights of a nest are its operand's elements; loops that no tensor is indexed by do not exist."""
    names = {tensor.name: tensor for tensor in case.operands if tensor is not None}
    for nest in rule_of(case.operator).loop_nests(case.operator, case.operands, case.results):
        indexed = set().union(*(entry.loops for entry in nest.tensors))
        assert {loop for loop, bound in nest.extents if bound > 1} <= indexed
        weights = names.get(nest.index("weights").tensor)
        if weights is not None and weights.role == "weight":
            assert nest.weights_are_constant
            assert nest.footprint("weights") == weights.elements


@each_case
def test_an_operand_read_twice_counts_once(case: Case):
    if len(case.operands) != 2 or None in case.operands or case.operands[0] is None or case.operands[1] is None:
        return
    first, second = case.operands[0], case.operands[1]
    if first.shape != second.shape or first.dtype != second.dtype or case.bytes:
        return
    work = rule_of(case.operator).work(case.operator, [first, first], case.results)
    assert work.activation_bytes_read == first.bytes


@pytest.mark.parametrize("dtype", ["int4", "ternary", "binary", "q4_0"])
def test_sub_byte_types_are_stored_in_whole_bytes(dtype: str):
    # 5*7 = 35 weights: int4 17.5 -> 18 B, ternary 8.75 -> 9 B, binary 4.375 -> 5 B, q4_0 35 * 4.5 / 8 = 19.7 -> 20 B.
    operands = [Tensor("x", (3, 7), "fp16"), Tensor("w", (5, 7), dtype, "weight")]
    gemm = Operator("fc", "Gemm", ("x", "w"), ("y",), {"transB": 1})
    work = rule_of(gemm).work(gemm, operands, [Tensor("y", (3, 5), "fp16")])
    assert work.weight_bytes_read == {"int4": 18, "ternary": 9, "binary": 5, "q4_0": 20}[dtype] == stored_bytes(35, dtype)
    assert rule_of(gemm).output_types(gemm, operands)[0].dtype == "fp16"


def test_alexnet_is_the_published_count():
    """Grouped AlexNet at 227x227 (Krizhevsky et al. 2012, with the sizes of its reference implementation): 724,406,816 MACs."""
    layers = [  # input, filters, stride, padding, groups
        ((1, 3, 227, 227), (96, 3, 11, 11), 4, 0, 1, 105415200),  # 96 * 55^2 * 363
        ((1, 96, 27, 27), (256, 48, 5, 5), 1, 2, 2, 223948800),  # 256 * 27^2 * 1200
        ((1, 256, 13, 13), (384, 256, 3, 3), 1, 1, 1, 149520384),  # 384 * 13^2 * 2304
        ((1, 384, 13, 13), (384, 192, 3, 3), 1, 1, 2, 112140288),  # 384 * 13^2 * 1728
        ((1, 384, 13, 13), (256, 192, 3, 3), 1, 1, 2, 74760192),  # 256 * 13^2 * 1728
    ]
    total = 9216 * 4096 + 4096 * 4096 + 4096 * 1000
    for shape, weights, stride, pad, group, macs in layers:
        conv = Operator("c", "Conv", ("x", "w"), ("y",), {"strides": (stride,) * 2, "pads": (pad,) * 4, "group": group})
        operands = [Tensor("x", shape), Tensor("w", weights, role="weight")]
        (kind,) = rule_of(conv).output_types(conv, operands)
        work = rule_of(conv).work(conv, operands, [Tensor("y", *kind)])
        assert work.macs == macs
        total += work.macs
    assert total == 724406816


def test_unmodelled_operators_move_their_operands_and_say_so():
    operator = Operator("odd", "Foo", ("x",), ("y",), {"unmodelled": True})
    x, y = Tensor("x", (4,)), Tensor("y", (2,))
    rule = rule_of(operator)
    assert rule is unmodelled_rule
    assert not rule.modelled
    assert rule.kind(operator, [x], [y]) == "unmodelled"
    assert rule.work(operator, [x], [y]).bytes_read == 16
    with pytest.raises(UndeterminedShape, match="odd"):
        rule.output_types(operator, [x])


def test_an_unknown_operator_names_itself_its_node_and_the_way_out():
    with pytest.raises(UnsupportedOperator) as error:
        rule_of(Operator("node_7", "Convv", ("x",), ("y",)))
    message = str(error.value)
    for part in (
        "node_7",
        "'Convv' has no rule",
        "nearest: Conv",
        "one class in workloads/operators/, one line in RULES",
        "--allow-unmodelled",
    ):
        assert part in message
    assert "\n" not in message


WRONG = [
    ("Conv", "1x3x8x8 w/4x2x3x3", {}, "channels"),
    ("Conv", "1x4x8x8 w/3x2x3x3", {"group": 2}, "divisible by groups"),
    ("Conv", "1x3x2x2 w/4x3x3x3", {}, "must fit at least once"),
    ("Conv", "1x3x8x8 w/4x3x3x3", {"kernel_shape": (5, 5)}, r"kernel \(3, 3\) is expected"),
    ("Conv", "1x3x8x8 w/4x3x3x3", {"strides": (1,)}, "2 numbers are expected"),
    ("Conv", "1x3x8x8 w/4x3x3x3", {"strides": (0, 1)}, "numbers >= 1"),
    ("Conv", "1x3x8x8 w/4x3x3x3", {"weight_layout": "WHAT"}, "weight_layout 'WHAT'"),
    ("Conv", "1x3x8x8 -", {}, "input 1"),
    ("Conv", "3x8 w/4x3x3x3", {}, "batch, channels"),
    ("ConvTranspose", "1x3x4x4 w/4x5x3x3", {}, "must agree"),
    ("ConvTranspose", "1x3x1x1 w/3x5x2x2", {"pads": (1, 1, 1, 1)}, "crops everything"),
    ("Gemm", "2x3 w/4x5", {}, "inner sizes 3 and 4"),
    ("MatMul", "2x3 4x5", {}, "inner sizes 3 and 4"),
    ("MatMul", "2x3x4 3x4x5", {}, "do not broadcast"),
    ("Add", "2x3 2x4", {}, "do not broadcast"),
    ("Concat", "2x3 2x4x1", {"axis": 1}, "equal sizes"),
    ("Concat", "2x3 2x3", {"axis": 2}, "axis 2"),
    ("Reshape", "2x3 w/2:int64=4,2", {}, "equal number of elements"),
    ("Reshape", "2x3 w/2:int64", {}, "must be declared"),
    ("Split", "7x2 w/2:int64=2,4", {}, "add up to 7"),
    ("Transpose", "2x3", {"perm": (0, 0)}, "each axis once"),
    ("Squeeze", "2x3", {"axes": (0,)}, "axes of size 1"),
    ("TopK", "2x3 w/1:int64=4", {}, "k = "),
    ("MaxPool", "1x2x4x4", {}, "no kernel_shape"),
    ("LSTM", "5x3x4 w/1x24x4 w/1x24x5", {}, "are expected"),
    ("Einsum", "2x3 3x4 4x5", {"equation": "ab,bc,cd->ad"}, "at most 2"),
    ("Cast", "2x3", {"to": 99}, "not an element type"),
    ("Attention", "1x3x8 1x5x8 1x5x8", {"q_num_heads": 3}, "heads"),
    ("BatchNormalization", "1x3x2x2 w/4 w/4 w/4 w/4", {}, "3 channels are expected"),
    ("Resize", "1x2x4x4 w/1=2", {}, "one per axis"),
]  # fmt: skip


@pytest.mark.parametrize(("op", "operands", "attributes", "words"), WRONG, ids=[f"{row[0]}-{row[3]}" for row in WRONG])
def test_operands_that_do_not_fit_are_refused_by_name(op: str, operands: str, attributes: dict, words: str):
    wrong = Case(op, operands, "1", "", attributes=attributes)
    with pytest.raises(GraphError, match=words) as error:
        rule_of(wrong.operator).output_types(wrong.operator, wrong.operands)
    assert "'node'" in str(error.value)
    assert op in str(error.value)


def test_absurd_counts_are_refused():
    # 2^50 results of 2^20 products: 2^70.
    gemm = Operator("huge", "Gemm", ("x", "w"), ("y",))
    operands = [Tensor("x", (2**25, 2**20)), Tensor("w", (2**20, 2**25), role="weight")]
    with pytest.raises(GraphError, match="huge.*2\\^63"):
        rule_of(gemm).work(gemm, operands, [Tensor("y", (2**25, 2**25))])


def test_a_fused_activation_costs_what_it_costs_alone():
    x, y = Tensor("x", (2, 3)), Tensor("y", (2, 3))
    alone = Operator("s", "Sigmoid", ("x",), ("y",))
    plain, fused = (Operator("a", "Add", ("x", "x"), ("y",), attributes) for attributes in ({}, {"activation": "sigmoid"}))
    function, without, together = (rule_of(o).work(o, [x] * len(o.inputs), [y]) for o in (alone, plain, fused))
    assert together.element_operations == without.element_operations + function.element_operations
    assert together.special_operations == function.special_operations
    assert together.bytes_written == without.bytes_written
    wrong = Operator("a", "Add", ("x", "x"), ("y",), {"activation": "wave"})
    with pytest.raises(GraphError, match="'wave'"):
        rule_of(wrong).work(wrong, [x, x], [y])


def test_windows_reduce_this_many_elements():
    pool = Operator("p", "MaxPool", ("x",), ("y",), {"kernel_shape": (3, 2)})
    assert rule_of(pool).window(pool, [Tensor("x", (1, 2, 8, 8))], [Tensor("y", (1, 2, 6, 7))]) == 6
    mean = Operator("m", "ReduceMean", ("x",), ("y",), {"axes": (1, 2)})
    assert rule_of(mean).window(mean, [Tensor("x", (1, 4, 5, 8))], [Tensor("y", (1, 1, 1, 8))]) == 20
    other = Operator("r", "Relu", ("x",), ("y",))
    assert rule_of(other).window(other, [Tensor("x", (2,))], [Tensor("y", (2,))]) == 1


@pytest.mark.parametrize("case", [c for c in CASES if c.kind in ("convolution", "depthwise", "fully_connected", "matmul")], ids=str)
def test_twice_the_batch_is_twice_the_macs(case: Case):
    operator, operands = case.operator, case.operands
    if (
        operands[0] is None
        or operands[0].role == "weight"
        or len(operands[0].shape) < 2
        or case.op in ("Einsum", "DeformConv", "FusedConv")
    ):
        return
    if operator.attributes.get("transA") or (
        operands[1] is not None and operands[1].role != "weight" and len(operands[1].shape) > 2
    ):
        return
    from dataclasses import replace

    doubled = [replace(operands[0], shape=(2 * operands[0].shape[0], *operands[0].shape[1:])), *operands[1:]]
    (kind,) = rule_of(operator).output_types(operator, doubled)
    assert math.prod(kind.shape) == 2 * case.results[0].elements
    assert rule_of(operator).work(operator, doubled, [Tensor("y", *kind)]).macs == 2 * case.macs
