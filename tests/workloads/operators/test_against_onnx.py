"""Random small operators: our output types against the shape inference of the onnx library."""

from __future__ import annotations

from typing import Any

import onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, shape_inference

from workloads import Operator, Tensor, WeightFacts
from workloads.operators import rule_of
from workloads.operators.family import ONNX_TYPE_CODES

CODES = {name: code for code, name in ONNX_TYPE_CODES.items() if name != "fp8"}
few = settings(max_examples=25, deadline=None)
size = st.integers(1, 6)


def types_of_onnx(operator: Operator, operands: list[Tensor], opset: int) -> list[tuple[tuple[int, ...], str]]:
    """Output types by the onnx library."""
    attributes = {name: list(value) if isinstance(value, tuple) else value for name, value in operator.attributes.items()}
    node = helper.make_node(operator.op, operator.inputs, operator.outputs, **attributes)
    constants = [
        helper.make_tensor(t.name, CODES[t.dtype], t.shape, [int(v) if "int" in t.dtype else v for v in t.facts.values])
        for t in operands
        if t.facts is not None and t.facts.values is not None
    ]
    known = {tensor.name for tensor in constants}
    inputs = [helper.make_tensor_value_info(t.name, CODES[t.dtype], t.shape) for t in operands if t.name not in known]
    graph = helper.make_graph(
        [node], "one", inputs, [helper.make_empty_tensor_value_info(name) for name in operator.outputs], constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    inferred = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    found = []
    for output in inferred.graph.output:
        kind = output.type.tensor_type
        assert kind.HasField("shape")
        assert all(dim.HasField("dim_value") for dim in kind.shape.dim)
        found.append((tuple(dim.dim_value for dim in kind.shape.dim), ONNX_TYPE_CODES[kind.elem_type]))
    return found


def check(op: str, operands: list[Tensor], opset: int = 17, outputs: int = 1, **attributes: Any) -> None:
    """Our types equal theirs."""
    operator = Operator("node", op, tuple(t.name for t in operands), tuple(f"y{place}" for place in range(outputs)), attributes)
    ours = [(kind.shape, kind.dtype) for kind in rule_of(operator).output_types(operator, operands)]
    assert ours == types_of_onnx(operator, operands, opset)


def tensor(name: str, *shape: int, dtype: str = "fp32") -> Tensor:
    return Tensor(name, shape, dtype)


def numbers(name: str, *values: float, dtype: str = "int64") -> Tensor:
    return Tensor(name, (len(values),), dtype, "weight", WeightFacts(values=values))


def shapes(least: int = 1, most: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(size, min_size=least, max_size=most).map(tuple)


@few
@given(st.data(), st.integers(1, 3), st.integers(1, 3))
def test_convolution(data, rank, group):
    draw = data.draw
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    dilations = tuple(draw(st.integers(1, 2)) for _ in range(rank))
    spatial = tuple((k - 1) * d + draw(st.integers(1, 6)) for k, d in zip(kernel, dilations, strict=True))
    strides = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    pads = tuple(draw(st.integers(0, 2)) for _ in range(2 * rank))
    channels, filters = group * draw(st.integers(1, 3)), group * draw(st.integers(1, 3))
    operands = [tensor("x", draw(size), channels, *spatial), tensor("w", filters, channels // group, *kernel)]
    check("Conv", operands, group=group, strides=strides, pads=pads, dilations=dilations)
    check(
        "Conv",
        operands,
        group=group,
        strides=strides,
        auto_pad=draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"])),
        dilations=dilations,
    )


@few
@given(st.data(), st.integers(1, 2), st.integers(1, 3))
def test_transposed_convolution(data, rank, group):
    draw = data.draw
    kernel = tuple(draw(st.integers(2, 4)) for _ in range(rank))
    strides = tuple(draw(st.integers(2, 3)) for _ in range(rank))
    more = tuple(draw(st.integers(0, 1)) for _ in range(rank))
    pads = tuple(draw(st.integers(0, 1)) for _ in range(2 * rank))
    channels, filters = group * draw(st.integers(1, 3)), draw(st.integers(1, 3))
    operands = [tensor("x", 1, channels, *(draw(st.integers(2, 5)) for _ in range(rank))), tensor("w", channels, filters, *kernel)]
    check("ConvTranspose", operands, group=group, strides=strides, pads=pads, output_padding=more)


@few
@given(st.data(), st.sampled_from(["MaxPool", "AveragePool", "LpPool"]), st.integers(1, 3), st.booleans())
def test_pools(data, op, rank, ceil):
    draw = data.draw
    kernel = tuple(draw(st.integers(2, 4)) for _ in range(rank))
    spatial = tuple(draw(st.integers(4, 9)) for _ in range(rank))
    strides = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    pads = tuple(draw(st.integers(0, 1)) for _ in range(2 * rank))
    check(op, [tensor("x", 2, 3, *spatial)], opset=22, kernel_shape=kernel, strides=strides, pads=pads, ceil_mode=int(ceil))


@few
@given(st.sampled_from(["GlobalAveragePool", "GlobalMaxPool"]), shapes(3, 5))
def test_global_pools(op, shape):
    check(op, [tensor("x", *shape)])


@few
@given(st.data(), shapes(0, 2), size, size, size)
def test_matrix_product(data, batch, rows, inner, columns):
    stretched = tuple(data.draw(st.sampled_from([1, n])) for n in batch)[data.draw(st.integers(0, len(batch))) :]
    check("MatMul", [tensor("a", *batch, rows, inner), tensor("b", *stretched, inner, columns)])
    check("MatMul", [tensor("a", inner), tensor("b", *batch, inner, columns)])


@few
@given(st.booleans(), st.booleans(), size, size, size)
def test_general_product(first, second, rows, inner, columns):
    a = (inner, rows) if first else (rows, inner)
    b = (columns, inner) if second else (inner, columns)
    check("Gemm", [tensor("a", *a), tensor("b", *b), tensor("c", columns)], transA=int(first), transB=int(second))


@few
@given(st.data(), st.sampled_from(["Add", "Mul", "Sub", "Div", "Pow", "Equal", "Less", "Max", "Where", "PRelu"]), shapes())
def test_broadcasting(data, op, shape):
    small = tuple(data.draw(st.sampled_from([1, n])) for n in shape)[data.draw(st.integers(0, len(shape))) :]
    operands = [tensor("a", *shape), tensor("b", *small)]
    if op == "Where":
        operands.insert(0, tensor("c", *small, dtype="bool"))
    check(op, operands)


@few
@given(
    st.sampled_from(
        ["Relu", "Sigmoid", "Elu", "Softplus", "Abs", "Neg", "Floor", "Sqrt", "Erf", "Identity", "Softmax", "LogSoftmax"]
    ),
    shapes(),
)
def test_shape_stays(op, shape):
    check(op, [tensor("x", *shape)])


@few
@given(shapes(), st.sampled_from(["fp16", "int8", "int64", "bool"]))
def test_cast(shape, dtype):
    check("Cast", [tensor("x", *shape)], to=CODES[dtype])


@few
@given(st.data(), st.sampled_from(["Sum", "Mean", "Max", "L2", "LogSumExp"]), shapes(1, 4), st.booleans())
def test_reductions(data, op, shape, keep):
    axes = data.draw(st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, unique_by=lambda axis: axis % len(shape)))
    check(f"Reduce{op}", [tensor("x", *shape), numbers("axes", *axes)], opset=18, keepdims=int(keep))
    check(f"Reduce{op}", [tensor("x", *shape)], opset=18, keepdims=int(keep))
    check("ArgMax", [tensor("x", *shape)], axis=axes[0], keepdims=int(keep))


@few
@given(st.data(), shapes(1, 4), st.integers(1, 3))
def test_concat_and_split(data, shape, count):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    others = [list(shape) for _ in range(count)]
    for other in others:
        other[axis] = data.draw(size)
    check("Concat", [tensor(f"x{i}", *other) for i, other in enumerate(others)], axis=axis)
    parts = [other[axis] for other in others]
    whole = list(shape)
    whole[axis] = sum(parts)
    check("Split", [tensor("x", *whole), numbers("split", *parts)], outputs=count, axis=axis)
    whole[axis] = data.draw(st.integers(count, 9))
    if whole[axis] > (count - 1) * -(-whole[axis] // count):
        check("Split", [tensor("x", *whole)], opset=18, outputs=count, axis=axis, num_outputs=count)


@few
@given(st.data(), shapes(1, 3))
def test_slice(data, shape):
    draw = data.draw
    axes = draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    starts = [draw(st.integers(-8, 8)) for _ in axes]
    ends = [draw(st.integers(-8, 8) | st.sampled_from([-(2**63), 2**63 - 1])) for _ in axes]
    steps = [draw(st.sampled_from([1, 2, -1, -2])) for _ in axes]
    check("Slice", [tensor("x", *shape), numbers("s", *starts), numbers("e", *ends), numbers("a", *axes), numbers("t", *steps)])


@few
@given(st.data(), shapes(1, 4))
def test_rearrangements(data, shape):
    draw = data.draw
    rank = len(shape)
    check("Transpose", [tensor("x", *shape)], perm=tuple(draw(st.permutations(range(rank)))))
    check("Pad", [tensor("x", *shape), numbers("p", *(draw(st.integers(0, 3)) for _ in range(2 * rank)))])
    check("Tile", [tensor("x", *shape), numbers("r", *(draw(size) for _ in range(rank)))])
    check("Expand", [tensor("x", *(draw(st.sampled_from([1, n])) for n in shape)), numbers("s", draw(size), *shape)])
    check("Flatten", [tensor("x", *shape)], axis=draw(st.integers(-rank, rank)))
    check("Shape", [tensor("x", *shape)], start=draw(st.integers(-3, 3)))
    axes = draw(st.lists(st.integers(0, rank), min_size=1, max_size=2, unique=True))
    check("Unsqueeze", [tensor("x", *shape), numbers("a", *axes)])
    ones = [1 if axis in axes else n for axis, n in enumerate(shape)]
    if [axis for axis in axes if axis < rank]:
        check("Squeeze", [tensor("x", *ones), numbers("a", *(axis for axis in axes if axis < rank))])
    check("Squeeze", [tensor("x", *ones)])


@few
@given(st.data(), shapes(1, 4))
def test_reshape(data, shape):
    target = [shape[0], -1] if data.draw(st.booleans()) else [-1]
    check("Reshape", [tensor("x", *shape), numbers("s", *target)])
    check("Reshape", [tensor("x", *shape), numbers("s", *([0] * (len(shape) - 1)), -1, 1)])


@few
@given(st.data(), shapes(1, 3), shapes(1, 2))
def test_gather(data, shape, indices):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    check("Gather", [tensor("x", *shape), tensor("i", *indices, dtype="int64")], axis=axis)
    check("GatherElements", [tensor("x", *shape), tensor("i", *shape, dtype="int64")], axis=axis)
    depth = data.draw(st.integers(1, len(shape)))
    check("GatherND", [tensor("x", *shape), tensor("i", *indices, depth, dtype="int64")])
    check(
        "OneHot",
        [tensor("i", *indices, dtype="int64"), numbers("d", 5), tensor("v", 2)],
        axis=data.draw(st.integers(-1, len(indices))),
    )
    wanted = data.draw(st.integers(1, shape[axis]))
    check("TopK", [tensor("x", *shape), numbers("k", wanted)], outputs=2, axis=axis)


@few
@given(st.data(), shapes(4, 4))
def test_resize(data, shape):
    scales = [data.draw(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0])) for _ in shape]
    if all(int(n * s) for n, s in zip(shape, scales, strict=True)):
        check("Resize", [tensor("x", *shape), tensor("", 0), numbers("s", *scales, dtype="fp32")])
    policy = data.draw(st.sampled_from(["stretch", "not_larger", "not_smaller"]))
    sizes = [data.draw(st.integers(4, 9)) for _ in range(2)]
    operands = [tensor("x", *shape), tensor("", 0), tensor("", 0), numbers("n", *sizes)]
    check("Resize", operands, opset=19, axes=(2, 3), keep_aspect_ratio_policy=policy)


@few
@given(size, size, size, size, st.booleans(), st.integers(0, 1), st.sampled_from([("LSTM", 4, 3), ("GRU", 3, 2), ("RNN", 1, 2)]))
def test_recurrent(time, batch, width, hidden, both, layout, kind):
    op, gates, outputs = kind
    directions = 1 + both
    data = (batch, time, width) if layout else (time, batch, width)
    operands = [tensor("x", *data), tensor("w", directions, gates * hidden, width), tensor("r", directions, gates * hidden, hidden)]
    direction = "bidirectional" if both else "forward"
    check(op, operands, outputs=outputs, hidden_size=hidden, direction=direction, layout=layout)


@few
@given(size, size, size, size, size, st.booleans())
def test_attention(batch, shared, heads, queries, keys, apart):
    sizes = [(batch, heads * shared, queries, 4), (batch, heads, keys, 4), (batch, heads, keys, 6)]
    if apart:
        check("Attention", [tensor(name, *size) for name, size in zip("qkv", sizes, strict=True)], opset=23)
        return
    together = [(batch, length, number * width) for batch, number, length, width in sizes]
    operands = [tensor(name, *size) for name, size in zip("qkv", together, strict=True)]
    check("Attention", operands, opset=23, q_num_heads=heads * shared, kv_num_heads=heads)


@few
@given(shapes(2, 4), st.data())
def test_normalisations(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    check("LayerNormalization", [tensor("x", *shape), tensor("s", *shape[axis:])], outputs=3, axis=axis)
    channels = [tensor(name, shape[1]) for name in ("s", "b", "m", "v")]
    check("BatchNormalization", [tensor("x", *shape), *channels])
    check("InstanceNormalization", [tensor("x", *shape, 2), *channels[:2]])


@few
@given(shapes(2, 4), st.data())
def test_quantisation(shape, data):
    point = Tensor("z", (), data.draw(st.sampled_from(["int8", "uint8"])))
    scale = Tensor("s", ())
    check("QuantizeLinear", [tensor("x", *shape), scale, point], opset=21)
    check("DequantizeLinear", [tensor("x", *shape, dtype=point.dtype), scale, point], opset=21)
    check("DynamicQuantizeLinear", [tensor("x", *shape)], outputs=3)
    a, b = tensor("a", *shape, dtype="int8"), tensor("b", shape[-1], 3, dtype="int8")
    check("MatMulInteger", [a, b])
    check("QLinearMatMul", [a, Tensor("p", ()), Tensor("q", (), "int8"), b, scale, Tensor("r", (), "int8"), Tensor("t", ()), point])


@few
@given(size, size, st.integers(1, 3), st.integers(1, 3), st.integers(1, 2))
def test_blocks(batch, channels, height, width, block):
    check("DepthToSpace", [tensor("x", batch, channels * block**2, height, width)], blocksize=block)
    check("SpaceToDepth", [tensor("x", batch, channels, height * block, width * block)], blocksize=block)
    check(
        "RoiAlign",
        [tensor("x", batch, channels, 8, 8), tensor("r", 3, 4), tensor("i", 3, dtype="int64")],
        output_height=height,
        output_width=width,
    )
    check("GridSample", [tensor("x", batch, channels, 4, 4), tensor("g", batch, height, width, 2)])
    check("Einsum", [tensor("a", batch, height, width), tensor("b", width, channels)], equation="bij,jk->bik")
    check("Einsum", [tensor("a", batch, height, width), tensor("b", 1, width, channels)], equation="...ij,...jk->...ik")


def test_the_library_is_asked():
    """The comparison itself notices a wrong shape."""
    found = types_of_onnx(Operator("n", "Relu", ("x",), ("y0",)), [tensor("x", 2, 3)], 17)
    assert found == [((2, 3), "fp32")]
    assert onnx.__version__
