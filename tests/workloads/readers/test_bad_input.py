"""Broken and hostile files: each gives one GraphError line that names the file, never another exception."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.files import onnx_model, onnx_node, small_convolution_model, small_tflite_file, write_onnx, write_table
from workloads.errors import GraphError
from workloads.readers import load_network

ONNX_BYTES = small_convolution_model().SerializeToString()
TFLITE_BYTES = small_tflite_file()


def refused(path: Path | str, pattern: str, **options: object) -> None:
    """Loading fails with one line that matches."""
    with pytest.raises(GraphError, match=pattern) as failure:
        load_network(path, **options)  # type: ignore[arg-type]
    assert "\n" not in str(failure.value)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("ending", ["onnx", "tflite", "csv"])
def test_missing_file(tmp_path: Path, ending: str) -> None:
    refused(tmp_path / f"nothing.{ending}", rf"nothing\.{ending}: no such file")


@pytest.mark.parametrize("ending", ["onnx", "tflite", "csv"])
def test_empty_file(tmp_path: Path, ending: str) -> None:
    refused(written(tmp_path / f"empty.{ending}", b""), rf"empty\.{ending}: empty file")


@pytest.mark.parametrize("ending", ["onnx", "tflite", "csv"])
def test_folder_in_place_of_a_file(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"folder.{ending}").mkdir()
    refused(tmp_path / f"folder.{ending}", "cannot be read")


@pytest.mark.parametrize("ending", ["onnx", "tflite", "csv"])
def test_foreign_content(tmp_path: Path, ending: str) -> None:
    refused(written(tmp_path / f"picture.{ending}", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4), "picture")


def test_unknown_ending(tmp_path: Path) -> None:
    refused(written(tmp_path / "model.pb", b"x"), r"ending '\.pb'; an \.onnx, \.tflite or \.csv file")


# ONNX


def test_truncated_onnx(tmp_path: Path) -> None:
    for length in (10, len(ONNX_BYTES) // 2, len(ONNX_BYTES) - 1):
        refused(written(tmp_path / "cut.onnx", ONNX_BYTES[:length]), r"cut\.onnx: ")


def test_onnx_without_a_graph(tmp_path: Path) -> None:
    import onnx

    refused(written(tmp_path / "no_graph.onnx", onnx.ModelProto(ir_version=8).SerializeToString()), "holds no ONNX model")


def test_opset_that_is_too_new(tmp_path: Path) -> None:
    model = small_convolution_model()
    model.opset_import[0].version = 999
    refused(write_onnx(tmp_path / "new.onnx", model), r"opset 999; \d+ to \d+ are expected")


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "a/../../weights.bin", ""])
def test_external_data_outside_the_folder(tmp_path: Path, location: str) -> None:
    import onnx

    model = small_convolution_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    refused(write_onnx(tmp_path / "model.onnx", model), "inside the model's own folder is expected")


def test_external_data_behind_a_link(tmp_path: Path) -> None:
    import onnx

    folder, outside = tmp_path / "model", tmp_path / "outside.bin"
    folder.mkdir()
    outside.write_bytes(bytes(1000))
    (folder / "weights.bin").symlink_to(outside)
    model = small_convolution_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    refused(write_onnx(folder / "model.onnx", model), "inside the model's own folder is expected")


def test_cycle(tmp_path: Path) -> None:
    nodes = [onnx_node("Add", ["x", "b"], ["a"], "first"), onnx_node("Relu", ["a"], ["b"], "second")]
    refused(write_onnx(tmp_path / "m.onnx", onnx_model(nodes, {"x": [1, 4]}, ["b"])), "cycle through .*first")


def test_tensor_nobody_declares(tmp_path: Path) -> None:
    nodes = [onnx_node("Add", ["x", "weigth"], ["y"], "sum")]
    model = onnx_model(nodes, {"x": [1, 4]}, ["y"], {"weight": np.ones(4, np.float32)})
    refused(write_onnx(tmp_path / "m.onnx", model), "'weigth' is not declared; nearest: weight")


def test_tensor_written_twice(tmp_path: Path) -> None:
    nodes = [onnx_node("Relu", ["x"], ["y"], "one"), onnx_node("Sigmoid", ["x"], ["y"], "two")]
    refused(write_onnx(tmp_path / "m.onnx", onnx_model(nodes, {"x": [1, 4]}, ["y"])), "already written by 'one'")


def test_output_nobody_writes(tmp_path: Path) -> None:
    model = onnx_model([onnx_node("Relu", ["x"], ["y"])], {"x": [1, 4]}, ["y", "z"])
    refused(write_onnx(tmp_path / "m.onnx", model), "output 'z': nothing produces it")


def test_shape_that_does_not_infer(tmp_path: Path) -> None:
    nodes = [onnx_node("Add", ["x", "w"], ["y"], "sum")]
    model = onnx_model(nodes, {"x": [1, 4]}, ["y"], {"w": np.ones((1, 5), np.float32)})
    refused(write_onnx(tmp_path / "m.onnx", model), r"operator 'sum' \(Add\): shape of 'y' does not infer")


def test_channels_that_do_not_fit(tmp_path: Path) -> None:
    """The library lets this pass; our rule does not."""
    model = onnx_model(
        [onnx_node("Conv", ["x", "w"], ["y"], "c")], {"x": [1, 3, 8, 8]}, ["y"], {"w": np.ones((4, 5, 3, 3), np.float32)}
    )
    refused(write_onnx(tmp_path / "m.onnx", model), r"operator 'c' \(Conv\): input of 3 channels")


def test_declared_shape_that_is_wrong(tmp_path: Path) -> None:
    model = onnx_model([onnx_node("Relu", ["x"], ["y"], "r")], {"x": [1, 4]}, {"y": [1, 5]})
    refused(write_onnx(tmp_path / "m.onnx", model), r"operator 'r' \(Relu\): shape of 'y' does not infer")


@pytest.mark.parametrize("size", [-1, -3, 0])
def test_negative_and_zero_sizes(tmp_path: Path, size: int) -> None:
    model = onnx_model([onnx_node("Relu", ["x"], ["y"])], {"x": [1, size]}, ["y"])
    refused(write_onnx(tmp_path / "m.onnx", model), rf"input 'x': shape \(1, {size}\); every size must be at least 1")


def test_zero_sized_activation(tmp_path: Path) -> None:
    weights = {"starts": np.array([2], np.int64), "ends": np.array([2], np.int64), "axes": np.array([1], np.int64)}
    nodes = [onnx_node("Slice", ["x", "starts", "ends", "axes"], ["s"], "empty"), onnx_node("Relu", ["s"], ["y"])]
    refused(write_onnx(tmp_path / "m.onnx", onnx_model(nodes, {"x": [1, 4]}, ["y"], weights)), "'empty'.*zero elements")


def test_absurd_size(tmp_path: Path) -> None:
    model = onnx_model([onnx_node("Relu", ["x"], ["y"])], {"x": [2**40, 2**40]}, ["y"])
    refused(write_onnx(tmp_path / "m.onnx", model), "at most 2\\^60 are expected")


def test_more_multiply_accumulates_than_63_bits(tmp_path: Path) -> None:
    """Each product has 2^62 of them, which passes; two together do not."""
    nodes = [onnx_node("MatMul", ["x", "y"], ["a"], "one"), onnx_node("MatMul", ["x", "y"], ["b"], "two")]
    model = onnx_model(nodes, {"x": [2**21, 2**20], "y": [2**20, 2**21]}, ["a", "b"])
    refused(write_onnx(tmp_path / "m.onnx", model), r"operator 'two'.*at most 2\^63 - 1")


def test_sequences_are_no_tensors(tmp_path: Path) -> None:
    from onnx import helper

    model = onnx_model([onnx_node("SequenceLength", ["x"], ["y"])], {}, ["y"])
    model.graph.input.append(helper.make_tensor_sequence_value_info("x", 1, [1, 4]))
    refused(write_onnx(tmp_path / "m.onnx", model), "input 'x': is a sequence_type; a tensor is expected")


def test_constants_that_do_not_compute(tmp_path: Path) -> None:
    nodes = [onnx_node("Reshape", ["w", "s"], ["r"], "bad"), onnx_node("Add", ["x", "r"], ["y"])]
    weights = {"w": np.ones(6, np.float32), "s": np.array([4], np.int64)}
    refused(write_onnx(tmp_path / "m.onnx", onnx_model(nodes, {"x": [1, 4]}, ["y"], weights)), "'bad' .*same number of elements")


# TFLite


def test_truncated_tflite(tmp_path: Path) -> None:
    for length in (4, 12, len(TFLITE_BYTES) // 3, len(TFLITE_BYTES) // 2):
        refused(written(tmp_path / "cut.tflite", TFLITE_BYTES[:length]), r"cut\.tflite: ")


def test_wrong_identifier(tmp_path: Path) -> None:
    refused(
        written(tmp_path / "m.tflite", TFLITE_BYTES[:4] + b"ABCD" + TFLITE_BYTES[8:]), "identifier b'ABCD'.*b'TFL3' is expected"
    )


def test_wrong_schema_version(tmp_path: Path) -> None:
    refused(written(tmp_path / "m.tflite", small_tflite_file(version=1)), "schema version 1; version 3 is expected")


def test_context_and_sizes_of_files_that_have_none(tmp_path: Path) -> None:
    path = written(tmp_path / "m.tflite", TFLITE_BYTES)
    refused(path, "context and phase belong to language models", context=4)
    refused(path, "dim: 'n' for .*all sizes in this file are numbers", dims={"n": 3})


# Arguments


@pytest.mark.parametrize("batch", [0, -1, 1.5, True, 2**70])
def test_batch_that_is_none(batch: object) -> None:
    refused("lenet5", r"batch: .*a whole number of at least 1 is expected", batch=batch)


def test_unknown_network_names_the_nearest() -> None:
    refused("resnet5O", "'resnet5O' is not in the catalogue.*nearest: .*resnet50")


def test_dtype_that_is_none() -> None:
    refused("lenet5", "dtype: 'int9'", dtype="int9")


# Anything at all


def _only_graph_errors(path: Path) -> None:
    try:
        load_network(path)
    except GraphError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The file cut short or with some bytes overwritten."""
    data = bytearray(content)
    for _ in range(draw(st.integers(0, 6))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(1, len(data)))]) if draw(st.booleans()) else bytes(data)


@settings(max_examples=150, deadline=None)
@given(content=damaged(ONNX_BYTES))
def test_damaged_onnx_raises_graph_errors_alone(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    _only_graph_errors(written(tmp_path_factory.getbasetemp() / "damaged.onnx", content))


@settings(max_examples=150, deadline=None)
@given(content=damaged(TFLITE_BYTES))
def test_damaged_tflite_raises_graph_errors_alone(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    _only_graph_errors(written(tmp_path_factory.getbasetemp() / "damaged.tflite", content))


TABLE = """name,op,in_shape,out_shape,kernel,stride,pad,params,macs
c,Conv,3x8x8,4x8x8,3x3,1x1,1,112,6912
f,InnerProduct,4x8x8,10,,,,2570,2560
"""


@settings(max_examples=150, deadline=None)
@given(content=damaged(TABLE.encode()))
def test_damaged_tables_raise_graph_errors_alone(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    _only_graph_errors(written(tmp_path_factory.getbasetemp() / "damaged.csv", content))


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.text(alphabet='MNKIFAPfilterchnlsstrd 0123456789,:-x;#."', max_size=60), min_size=1, max_size=4),
    header=st.booleans(),
)
def test_any_text_raises_graph_errors_alone(tmp_path_factory: pytest.TempPathFactory, lines: list[str], header: bool) -> None:
    path = write_table(tmp_path_factory.getbasetemp() / "text.csv", ["Layer, M, N, K,", *lines] if header else lines)
    _only_graph_errors(path)
    try:
        load_network(path, format="topology")
    except GraphError as error:
        assert str(error).startswith(str(path))
