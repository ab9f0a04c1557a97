"""ONNX files: hand-checked cases of folding, sizes, attributes, names and weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.files import onnx_model, onnx_node, small_convolution_model, write_onnx
from workloads.errors import GraphError, UnsupportedOperator
from workloads.graph import Graph
from workloads.operators import rule_of
from workloads.readers import load_network, load_onnx

LIGHT_MACS = {
    # Published: VGG-19 19.63 G and ResNet-50 v1.5 4.09 G (torchvision model documentation, GFLOPS columns), SqueezeNet 1.1 0.35 G.
    # AlexNet with groups on 224 x 224 is worked layer by layer in test_alexnet_by_hand.
    "light_vgg19": 19_632_062_464,
    "light_resnet50": 4_089_184_256,
    "light_squeezenet": 349_151_936,
}


def macs(graph: Graph) -> int:
    """Multiply-accumulates of all operators."""
    return sum(rule_of(o).work(o, graph.tensors_of(o.inputs), graph.tensors_of(o.outputs)).macs for o in graph.operators)


def light_files() -> list[Path]:
    """The networks inside the installed onnx package."""
    import onnx

    return sorted((Path(onnx.__file__).parent / "backend/test/data/light").glob("light_*.onnx"))


def load(tmp_path: Path, model: object, **options: object) -> Graph:
    return load_network(write_onnx(tmp_path / "model.onnx", model), **options)  # type: ignore[arg-type]


# The nine files of the onnx package


def test_all_nine_light_files_load() -> None:
    graphs = {path.stem: load_network(path) for path in light_files()}
    assert len(graphs) == 9
    assert all(macs(graph) > 1e8 for graph in graphs.values())
    assert {name: macs(graphs[name]) for name in LIGHT_MACS} == LIGHT_MACS


def test_only_what_nothing_produces_is_an_input() -> None:
    """Old files list every weight among the inputs."""
    for path in light_files():
        graph = load_network(path)
        assert [tensor.shape for tensor in graph.inputs] == [(1, 3, 224, 224)], path.stem


def test_alexnet_by_hand() -> None:
    """Grouped AlexNet on 224 x 224: conv1 gives (224 - 11) // 4 + 1 = 54, pools 26, 12 and (padded by one) 6."""
    convolutions = 54 * 54 * 96 * 3 * 121 + 26 * 26 * 256 * 48 * 25 + 12 * 12 * (384 * 256 * 9 + 384 * 192 * 9 + 256 * 192 * 9)
    products = 256 * 6 * 6 * 4096 + 4096 * 4096 + 4096 * 1000
    graph = load_network(next(path for path in light_files() if path.stem == "light_bvlc_alexnet"))
    assert macs(graph) == convolutions + products == 654_560_384
    assert len(graph) == 24


def test_computed_weights_keep_their_fill_value_and_no_array() -> None:
    graph = load_network(next(path for path in light_files() if path.stem == "light_vgg19"))
    largest = max(graph.weights, key=lambda tensor: tensor.elements)
    assert largest.elements == 25_088 * 4096
    assert largest.facts is not None and largest.facts.fill == pytest.approx(0.02) and largest.facts.values is None
    assert largest.facts.zero_share == 0.0


def test_batch_norm_is_folded_unless_told_otherwise() -> None:
    path = next(path for path in light_files() if path.stem == "light_resnet50")
    assert not any(o.op == "BatchNormalization" for o in load_network(path).operators)
    assert sum(o.op == "BatchNormalization" for o in load_network(path, fold=False).operators) == 53


# Names, roles, order


def test_small_model_by_hand(tmp_path: Path) -> None:
    graph = load(tmp_path, small_convolution_model())
    assert [o.op for o in graph.operators] == ["Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"]
    assert macs(graph) == 4 * 64 * 27 + 40
    assert graph.tensors["w"].role == "weight" and graph.outputs[0].shape == (1, 10)
    assert graph.name == "model" and graph.settings["batch"] == 1


def test_missing_and_repeated_node_names_become_stable_ones(tmp_path: Path) -> None:
    nodes = [onnx_node("Relu", ["x"], ["a"]), onnx_node("Relu", ["a"], ["b"], "same"), onnx_node("Relu", ["b"], ["y"], "same")]
    graph = load(tmp_path, onnx_model(nodes, {"x": [1, 4]}, ["y"]))
    assert [o.name for o in graph.operators] == ["Relu_1", "same_1", "same_2"]


def test_nodes_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    nodes = [onnx_node("Relu", ["a"], ["y"], "second"), onnx_node("Sigmoid", ["x"], ["a"], "first")]
    assert [o.name for o in load(tmp_path, onnx_model(nodes, {"x": [1, 4]}, ["y"])).operators] == ["first", "second"]


def test_operators_that_feed_no_output_are_left_out(tmp_path: Path) -> None:
    nodes = [onnx_node("Relu", ["x"], ["y"], "kept"), onnx_node("Sigmoid", ["x"], ["z"], "dead")]
    assert [o.name for o in load(tmp_path, onnx_model(nodes, {"x": [1, 4]}, ["y"])).operators] == ["kept"]


# Sizes


def test_symbolic_batch_is_set_by_batch(tmp_path: Path) -> None:
    model = onnx_model([onnx_node("Relu", ["x"], ["y"])], {"x": ["N", 4]}, {"y": ["N", 4]})
    assert load(tmp_path, model).inputs[0].shape == (1, 4)
    assert load(tmp_path, model, batch=7).outputs[0].shape == (7, 4)
    assert load(tmp_path, model, dims={"N": 3}).settings["batch"] == 3


def test_unnamed_first_size_is_the_batch(tmp_path: Path) -> None:
    model = onnx_model([onnx_node("Relu", ["x"], ["y"])], {"x": [None, 4]}, ["y"])
    assert load(tmp_path, model, batch=2).outputs[0].shape == (2, 4)


def test_other_symbolic_sizes_are_asked_for_by_name(tmp_path: Path) -> None:
    model = onnx_model([onnx_node("Relu", ["x"], ["y"])], {"x": ["batch", "sequence", 8]}, ["y"])
    with pytest.raises(GraphError, match=r"size 'sequence' is symbolic .* --dim sequence=VALUE"):
        load(tmp_path, model)
    assert load(tmp_path, model, dims={"sequence": 16}).inputs[0].shape == (1, 16, 8)


def test_a_leading_length_is_no_batch(tmp_path: Path) -> None:
    model = onnx_model([onnx_node("Relu", ["x"], ["y"])], {"x": ["seq_len", "batch", 8]}, ["y"])
    assert load(tmp_path, model, dims={"seq_len": 5}, batch=2).inputs[0].shape == (5, 2, 8)


@pytest.mark.parametrize(("layout", "batch"), [(0, 2), (1, 50)])
def test_sequences_before_a_recurrent_layer_have_their_batch_second(tmp_path: Path, layout: int, batch: int) -> None:
    """50 steps of 2 sequences, or 50 sequences of 2 steps."""
    weights = {"w": np.zeros((1, 12, 4), np.float32), "r": np.zeros((1, 12, 3), np.float32)}
    state = {0: [1, 2, 3], 1: [50, 1, 3]}[layout]
    node = onnx_node("LSTM", ["x", "w", "r"], ["", "last"], hidden_size=3, layout=layout)
    graph = load(tmp_path, onnx_model([node], {"x": [50, 2, 4]}, {"last": state}, weights))
    assert graph.settings["batch"] == batch


def test_unnamed_inner_size_is_called_by_input_and_axis(tmp_path: Path) -> None:
    model = onnx_model([onnx_node("Relu", ["x"], ["y"])], {"x": [1, None]}, ["y"])
    assert load(tmp_path, model, dims={"x.1": 6}).inputs[0].shape == (1, 6)


def test_unknown_size_names_the_nearest(tmp_path: Path) -> None:
    model = onnx_model([onnx_node("Relu", ["x"], ["y"])], {"x": ["batch", "sequence"]}, ["y"])
    with pytest.raises(GraphError, match="'sequenze' is not a symbolic size.*nearest: sequence"):
        load(tmp_path, model, dims={"sequenze": 3})


def test_a_fixed_batch_is_changed(tmp_path: Path) -> None:
    """MACs go with the batch; the constant target of a reshape follows."""
    nodes = [onnx_node("Reshape", ["x", "s"], ["f"]), onnx_node("MatMul", ["f", "w"], ["y"])]
    weights = {"s": np.array([1, 12], np.int64), "w": np.ones((12, 5), np.float32)}
    model = onnx_model(nodes, {"x": [1, 3, 4]}, {"y": [1, 5]}, weights)
    assert macs(load(tmp_path, model)) == 60
    assert macs(load(tmp_path, model, batch=4)) == 240


def test_a_symbolic_batch_with_a_reshape_for_one_example(tmp_path: Path) -> None:
    nodes = [onnx_node("Reshape", ["x", "s"], ["f"]), onnx_node("MatMul", ["f", "w"], ["y"])]
    weights = {"s": np.array([1, 12], np.int64), "w": np.ones((12, 5), np.float32)}
    model = onnx_model(nodes, {"x": ["N", 3, 4]}, ["y"], weights)
    assert macs(load(tmp_path, model, batch=4)) == 240


# Constants


def test_weights_that_are_computed_are_not_materialised(tmp_path: Path) -> None:
    """A ConstantOfShape of 2^40 elements, transposed: only shape and fill value remain."""
    from onnx import helper

    fill = helper.make_tensor("value", 1, [1], [0.5])
    nodes = [
        onnx_node("ConstantOfShape", ["s"], ["w"], value=fill),
        onnx_node("Transpose", ["w"], ["t"], perm=[1, 0]),
        onnx_node("MatMul", ["x", "t"], ["y"]),
    ]
    model = onnx_model(nodes, {"x": [1, 2**20]}, ["y"], {"s": np.array([2**20, 2**20], np.int64)})
    graph = load(tmp_path, model)
    assert [o.op for o in graph.operators] == ["MatMul"]
    assert graph.tensors["t"].facts.fill == 0.5 and macs(graph) == 2**40  # type: ignore[union-attr]


def test_shape_arithmetic_is_folded(tmp_path: Path) -> None:
    """Shape -> Gather -> Unsqueeze -> Concat -> Reshape, as exporters write a flattening that keeps the batch."""
    zero, axes, rest = np.array(0, np.int64), np.array([0], np.int64), np.array([-1], np.int64)
    nodes = [
        onnx_node("Relu", ["x"], ["r"]),
        onnx_node("Shape", ["r"], ["sh"]),
        onnx_node("Gather", ["sh", "zero"], ["n"]),
        onnx_node("Unsqueeze", ["n", "axes"], ["n1"]),
        onnx_node("Concat", ["n1", "rest"], ["target"], axis=0),
        onnx_node("Reshape", ["r", "target"], ["y"]),
    ]
    model = onnx_model(nodes, {"x": ["N", 3, 4]}, ["y"], {"zero": zero, "axes": axes, "rest": rest})
    graph = load(tmp_path, model, batch=2)
    assert [o.op for o in graph.operators] == ["Relu", "Reshape"]
    assert graph.outputs[0].shape == (2, 12)
    assert graph.tensors["target"].facts.values == (2, -1)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "expected"),
    [
        ("Add", ([2, 3], [4]), {}, [6, 7]),
        ("Div", ([-7, 7], [2]), {}, [-3, 3]),  # toward zero
        ("Mul", ([2, 3], [4, 5]), {}, [8, 15]),
        ("Sub", ([2], [3]), {}, [-1]),
        ("Slice", ([5, 6, 7, 8], [1], [3]), {}, [6, 7]),
        ("ReduceProd", ([2, 3, 4],), {"keepdims": 0}, 24),
        ("Range", (0, 6, 2), {}, [0, 2, 4]),
        ("Where", ([1, 0], [5, 6], [7, 8]), {}, [5, 8]),
        ("Tile", ([1, 2], [2]), {}, [1, 2, 1, 2]),
        ("Max", ([1, 5], [3]), {}, [3, 5]),
    ],
)
def test_folded_values(op: str, inputs: tuple[object, ...], attributes: dict[str, object], expected: object) -> None:
    from workloads.graph import Operator
    from workloads.readers.constants import of_array
    from workloads.readers.folding import folded

    arrays = [np.array(value, bool if op == "Where" and i == 0 else np.int64) for i, value in enumerate(inputs)]
    operator = Operator("n", op, tuple("abc"[: len(inputs)]), ("y",), attributes)
    results = folded(operator, [of_array(array) for array in arrays])
    assert results is not None and results[0].array is not None
    assert results[0].array.tolist() == expected


def test_an_if_of_constant_condition_is_the_branch_it_takes(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    def branch(op: str, output: str) -> object:
        node = helper.make_node(op, ["x"], [output])
        return helper.make_graph([node], op, [], [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, 4])])

    node = onnx_node("If", ["c"], ["y"], "choice", then_branch=branch("Relu", "t"), else_branch=branch("Sigmoid", "e"))
    for condition, op in ((True, "Relu"), (False, "Sigmoid")):
        graph = load(tmp_path, onnx_model([node], {"x": [1, 4]}, ["y"], {"c": np.array(condition)}))
        assert [o.op for o in graph.operators] == [op]
    with pytest.raises(UnsupportedOperator, match="'choice': 'If'"):
        computed = [onnx_node("ReduceMax", ["x"], ["m"], keepdims=0), onnx_node("Greater", ["m", "zero"], ["c"]), node]
        load(tmp_path, onnx_model(computed, {"x": [1, 4]}, ["y"], {"zero": np.array(0, np.float32)}))


# Attributes


@pytest.mark.parametrize(
    ("automatic", "size", "pads", "out"),
    [
        # 8 wide, kernel 3, stride 2: 4 outputs need (4 - 1) * 2 + 3 - 8 = 1 element of padding.
        ("SAME_UPPER", 8, (0, 0, 1, 1), 4),
        ("SAME_LOWER", 8, (1, 1, 0, 0), 4),
        ("VALID", 8, (0, 0, 0, 0), 3),
        ("SAME_UPPER", 9, (1, 1, 1, 1), 5),
    ],
)
def test_automatic_padding_becomes_numbers(tmp_path: Path, automatic: str, size: int, pads: tuple[int, ...], out: int) -> None:
    node = onnx_node("Conv", ["x", "w"], ["y"], auto_pad=automatic, strides=[2, 2])
    graph = load(tmp_path, onnx_model([node], {"x": [1, 3, size, size]}, ["y"], {"w": np.ones((2, 3, 3, 3), np.float32)}))
    operator = graph.operators[0]
    assert operator.attributes["pads"] == pads and operator.attributes["kernel_shape"] == (3, 3)
    assert operator.attributes["dilations"] == (1, 1) and operator.attributes["group"] == 1
    assert graph.outputs[0].shape == (1, 2, out, out)


def test_defaults_follow_the_opset(tmp_path: Path) -> None:
    """Softmax normalises from axis 1 on before opset 13, over the last axis since."""
    for opset, axis in ((11, 1), (13, -1)):
        model = onnx_model([onnx_node("Softmax", ["x"], ["y"])], {"x": [2, 3, 4]}, ["y"], opset=opset)
        assert load(tmp_path, model).operators[0].attributes["axis"] == axis


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_axes_as_attribute_or_operand(tmp_path: Path, opset: int) -> None:
    as_operand = opset >= 13
    axes = {"a": np.array([1], np.int64)} if as_operand else {}
    nodes = [
        onnx_node("Squeeze", ["x", "a"] if as_operand else ["x"], ["s"], **({} if as_operand else {"axes": [1]})),
        onnx_node("Relu", ["s"], ["y"]),
    ]
    graph = load(tmp_path, onnx_model(nodes, {"x": [2, 1, 4]}, ["y"], axes, opset=opset))
    assert tuple(graph.operators[0].attributes["axes"]) == (1,) and graph.outputs[0].shape == (2, 4)


def test_an_empty_optional_operand_is_fine(tmp_path: Path) -> None:
    """The region of interest of Resize has no elements."""
    weights = {"roi": np.array([], np.float32), "scales": np.array([1, 1, 2, 2], np.float32)}
    nodes = [onnx_node("Resize", ["x", "roi", "scales"], ["y"], mode="linear")]
    graph = load(tmp_path, onnx_model(nodes, {"x": [1, 2, 4, 4]}, ["y"], weights))
    assert graph.outputs[0].shape == (1, 2, 8, 8) and graph.operators[0].attributes["scales"] == (1, 1, 2, 2)


@pytest.mark.parametrize(
    ("code", "dtype"),
    [(1, "fp32"), (10, "fp16"), (16, "bf16"), (11, "fp64"), (3, "int8"), (9, "bool"), (22, "int4"), (21, "int4"), (17, "fp8")],
)
def test_element_types(tmp_path: Path, code: int, dtype: str) -> None:
    model = onnx_model([onnx_node("Identity", ["x"], ["y"])], {"x": [1, 4]}, {}, input_type=code, opset=21)
    from onnx import helper

    model.graph.output.append(helper.make_tensor_value_info("y", code, [1, 4]))
    assert load(tmp_path, model).inputs[0].dtype == dtype


# Facts of weights


def test_zero_channels_and_share_of_zeros(tmp_path: Path) -> None:
    weight = np.ones((4, 3, 3, 3), np.float32)
    weight[1] = 0
    weight[3, 0] = 0
    graph = load(tmp_path, onnx_model([onnx_node("Conv", ["x", "w"], ["y"])], {"x": [1, 3, 8, 8]}, ["y"], {"w": weight}))
    facts = graph.tensors["w"].facts
    assert facts is not None and facts.zero_output_channels == (1,) and facts.zero_share == pytest.approx((27 + 9) / 108)


@pytest.mark.parametrize(("transposed", "axis"), [(0, 1), (1, 0)])
def test_zero_columns_of_a_product(tmp_path: Path, transposed: int, axis: int) -> None:
    weight = np.ones((6, 6), np.float32)
    weight[(slice(None),) * axis + (2,)] = 0
    model = onnx_model([onnx_node("Gemm", ["x", "w"], ["y"], transB=transposed)], {"x": [1, 6]}, ["y"], {"w": weight})
    assert load(tmp_path, model).tensors["w"].facts.zero_output_channels == (2,)  # type: ignore[union-attr]


def test_quantised_weights_stay_as_they_are_stored(tmp_path: Path) -> None:
    """DequantizeLinear of a constant is no operator; zeros are where the zero point is."""
    weight = np.full((4, 3, 1, 1), 7, np.int8)
    weight[2] = 5
    constants = {"w": weight, "s": np.array(0.1, np.float32), "z": np.array(5, np.int8)}
    nodes = [onnx_node("DequantizeLinear", ["w", "s", "z"], ["d"]), onnx_node("Conv", ["x", "d"], ["y"])]
    graph = load(tmp_path, onnx_model(nodes, {"x": [1, 3, 4, 4]}, ["y"], constants))
    assert [o.op for o in graph.operators] == ["Conv"]
    assert graph.tensors["d"].dtype == "int8" and graph.tensors["d"].facts.zero_output_channels == (2,)  # type: ignore[union-attr]


def test_quantise_and_dequantise_around_a_layer_stay_operators(tmp_path: Path) -> None:
    """The form exporters write: activations pass through both, weights and bias are constants behind a DequantizeLinear."""
    scale, zero = {"s": np.array(0.1, np.float32)}, {"z": np.array(0, np.int8)}
    weights = {"w": np.ones((4, 3, 1, 1), np.int8), "b": np.ones(4, np.int32)}
    nodes = [
        onnx_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        onnx_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        onnx_node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
        onnx_node("DequantizeLinear", ["b", "s"], ["bd"]),
        onnx_node("Conv", ["d", "wd", "bd"], ["y"]),
    ]
    graph = load(tmp_path, onnx_model(nodes, {"x": [1, 3, 4, 4]}, ["y"], {**scale, **zero, **weights}))
    assert [o.op for o in graph.operators] == ["QuantizeLinear", "DequantizeLinear", "Conv"]
    assert [graph.tensors[name].dtype for name in ("q", "d", "wd", "bd", "y")] == ["int8", "fp32", "int8", "int32", "fp32"]


def test_qlinear_convolution_uses_its_own_zero_point(tmp_path: Path) -> None:
    from onnx import helper

    weight = np.full((2, 1, 1, 1), 9, np.uint8)
    weight[1] = 3
    scale, zero = np.array(0.5, np.float32), np.array(3, np.uint8)
    constants = {"w": weight, "s": scale, "z": zero}
    node = onnx_node("QLinearConv", ["x", "s", "z", "w", "s", "z", "s", "z"], ["y"])
    model = onnx_model([node], {"x": [1, 1, 4, 4]}, {}, constants, input_type=2)
    model.graph.output.append(helper.make_tensor_value_info("y", 2, None))
    graph = load(tmp_path, model)
    assert graph.tensors["w"].facts.zero_output_channels == (1,) and macs(graph) == 32  # type: ignore[union-attr]


# Operators nobody knows


def test_an_unknown_operator_names_operator_node_and_lever(tmp_path: Path) -> None:
    model = onnx_model([onnx_node("Mystery", ["x"], ["y"], "strange")], {"x": [1, 4]}, {"y": [1, 4]})
    with pytest.raises(UnsupportedOperator, match="'strange': 'Mystery' has no rule.*workloads/operators.*--allow-unmodelled"):
        load(tmp_path, model)
    graph = load(tmp_path, model, allow_unmodelled=True)
    assert graph.operators[0].attributes["unmodelled"] is True and not rule_of(graph.operators[0]).modelled


def test_operators_of_other_domains_get_shapes_from_their_rule(tmp_path: Path) -> None:
    """The library cannot infer FusedMatMul; our rule can, and the Relu behind it follows."""
    nodes = [onnx_node("FusedMatMul", ["x", "w"], ["m"], domain="com.microsoft"), onnx_node("Relu", ["m"], ["y"])]
    model = onnx_model(nodes, {"x": ["N", 6]}, ["y"], {"w": np.ones((6, 3), np.float32)}, domains={"com.microsoft": 1})
    graph = load(tmp_path, model, batch=2)
    assert graph.outputs[0].shape == (2, 3) and graph.operators[0].attributes["domain"] == "com.microsoft"


def test_model_local_functions_are_inlined(tmp_path: Path) -> None:
    from onnx import helper

    body = [onnx_node("Relu", ["a"], ["t"]), onnx_node("Sigmoid", ["t"], ["b"])]
    function = helper.make_function("own", "Both", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    model = onnx_model(
        [onnx_node("Both", ["x"], ["y"], domain="own")], {"x": [1, 4]}, ["y"], domains={"own": 1}, functions=[function]
    )
    assert [o.op for o in load(tmp_path, model).operators] == ["Relu", "Sigmoid"]


def test_external_data_inside_the_folder(tmp_path: Path) -> None:
    """Sizes are enough: the file beside the model need not even be there."""
    import onnx

    model = small_convolution_model()
    onnx.external_data_helper.convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, tmp_path / "model.onnx")
    assert macs(load_network(tmp_path / "model.onnx")) == 6952
    (tmp_path / "weights.bin").unlink()
    graph = load_onnx(tmp_path / "model.onnx")
    assert macs(graph) == 6952 and any("not known" in note for note in graph.notes)
