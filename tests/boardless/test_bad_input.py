"""Bad input through the command line: one line, status 2, no traceback, nothing written."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.boardless.commands import boardless, refused

BOARD = ("--on", "raspberry_pi_4")


def convolution_model(shape: tuple[int | str, ...] = (1, 3, 8, 8), weight: tuple[int, ...] = (4, 3, 3, 3)) -> bytes:
    """One convolution as an ONNX file."""
    from onnx import TensorProto, helper

    filters = helper.make_tensor(
        "w", TensorProto.FLOAT, weight, b"\0" * (4 * weight[0] * weight[1] * weight[2] * weight[3]), raw=True
    )
    node = helper.make_node("Conv", ["x", "w"], ["y"], name="conv", pads=[1, 1, 1, 1])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph([node], "g", inputs, outputs, [filters])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def model_of(nodes: list, inputs: dict[str, tuple[int, ...]], outputs: list[str]) -> bytes:
    """Nodes over float inputs as an ONNX file."""
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()


def refused_file(folder: Path, name: str, content: bytes) -> str:
    """The refusal of a network file; every output the command could write is asked for, and none may be there."""
    path = folder / name
    path.write_bytes(content)
    line = refused(
        "simulate", path, *BOARD, "--json", folder / "out.json", "--trace", folder / "out.trace", "--plot", folder / "plots"
    )
    assert [p.name for p in folder.iterdir()] == [name]
    return line


def test_the_model_itself_is_fine(tmp_path: Path) -> None:
    (tmp_path / "good.onnx").write_bytes(convolution_model())
    assert boardless("estimate", tmp_path / "good.onnx", *BOARD).status == 0


def test_missing_file() -> None:
    assert "nowhere.onnx" in refused("estimate", "nowhere.onnx", *BOARD)
    assert "nowhere.tflite" in refused("estimate", "nowhere.tflite", *BOARD)
    assert "nowhere.csv" in refused("estimate", "nowhere.csv", *BOARD)
    assert "nowhere.yaml" in refused("estimate", "lenet5", "--on", "nowhere.yaml")


@pytest.mark.parametrize("name", ["empty.onnx", "empty.tflite", "empty.csv"])
def test_empty_file(tmp_path: Path, name: str) -> None:
    assert "empty" in refused_file(tmp_path, name, b"")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_onnx(tmp_path: Path, share: float) -> None:
    whole = convolution_model(weight=(64, 3, 3, 3))
    assert "cut.onnx" in refused_file(tmp_path, "cut.onnx", whole[: int(len(whole) * share)])


def test_a_folder_is_no_network(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").mkdir()
    assert "net.onnx" in refused("estimate", tmp_path / "net.onnx", *BOARD)


def test_external_data_outside_the_folder(tmp_path: Path) -> None:
    import onnx

    (tmp_path / "secret.bin").write_bytes(b"\0" * 432)
    model = onnx.load_from_string(convolution_model())
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../secret.bin"), ("offset", "0"), ("length", "432")):
        weights.external_data.add(key=key, value=value)
    inside = tmp_path / "inside"
    inside.mkdir()
    assert "outside" in refused_file(inside, "far.onnx", model.SerializeToString())


def test_tflite_of_a_wrong_schema(tmp_path: Path) -> None:
    for name, content in (
        ("magic.tflite", b"\x1c\0\0\0TFL9" + b"\0" * 200),
        ("noise.tflite", bytes(range(256))),
        ("onnx.tflite", convolution_model()),
    ):
        folder = tmp_path / name.removesuffix(".tflite")
        folder.mkdir()
        assert name in refused_file(folder, name, content)


def test_graph_with_a_cycle(tmp_path: Path) -> None:
    from onnx import helper

    nodes = [helper.make_node("Add", ["x", "b"], ["a"], name="one"), helper.make_node("Relu", ["a"], ["b"], name="two")]
    assert "cycl" in refused_file(tmp_path, "cycle.onnx", model_of(nodes, {"x": (1, 4)}, ["b"]))


def test_shape_that_does_not_infer(tmp_path: Path) -> None:
    from onnx import helper

    nodes = [helper.make_node("MatMul", ["x", "y"], ["z"], name="product")]
    line = refused_file(tmp_path, "mismatch.onnx", model_of(nodes, {"x": (2, 3), "y": (4, 5)}, ["z"]))
    assert "mismatch.onnx" in line


def test_unknown_operator_names_operator_node_and_the_way_out(tmp_path: Path) -> None:
    from onnx import helper

    nodes = [helper.make_node("Sorcery", ["x"], ["z"], name="trick", domain="wizards")]
    line = refused_file(tmp_path, "magic.onnx", model_of(nodes, {"x": (2, 3)}, ["z"]))
    assert "Sorcery" in line and "trick" in line


@pytest.mark.parametrize("shape", [(-1, 3, 8, 8), (1, 3, -8, 8), (1, 3, 2**40, 2**40), (2**31 - 1, 3, 2**31 - 1, 8)])
def test_negative_and_absurd_dimensions(tmp_path: Path, shape: tuple[int, ...]) -> None:
    assert "absurd.onnx" in refused_file(tmp_path, "absurd.onnx", convolution_model(shape))


def test_zero_sized_activation(tmp_path: Path) -> None:
    assert "zero" in refused_file(tmp_path, "zero.onnx", convolution_model((1, 3, 0, 8))).lower()


def test_symbolic_size_is_asked_for_by_name(tmp_path: Path) -> None:
    path = tmp_path / "symbolic.onnx"
    path.write_bytes(convolution_model((1, 3, "height", 8)))
    assert "--dim" in refused("estimate", path, *BOARD) and "height" in refused("estimate", path, *BOARD)
    assert boardless("estimate", path, *BOARD, "--dim", "height=16").status == 0
    assert "nearest" in refused("estimate", path, *BOARD, "--dim", "heigth=16") or "height" in refused(
        "estimate", path, *BOARD, "--dim", "heigth=16"
    )


@pytest.fixture(scope="module")
def device_file() -> str:
    return boardless("devices", "--template", "cpu").output


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("frequency: 1.5 GHz", "frequency: NaN GHz", "frequency"),
        ("frequency: 1.5 GHz", "frequency: .nan", "frequency"),
        ("frequency: 1.5 GHz", "frequency: 1.5", "frequency"),
        ("frequency: 1.5 GHz", "frequency: 1.5 GB/s", "frequency"),
        ("frequency: 1.5 GHz", "frequency: 1.5 GHz\n    frequency: 1.6 GHz", "frequency"),
        ("frequency: 1.5 GHz", "frequenzy: 1.5 GHz", "nearest: frequenzy"),
        ("cores: 4", "coers: 4", "nearest: cores"),
        ("frequency: 1.5 GHz", "frequency: -1.5 GHz", "frequency"),
        ("format: 1", "format: 99", "format"),
        ("cores: 4", "cores: 0", "cores"),
        ("energy_scope: board", "energy_scope: bord", "nearest: board"),
    ],
)
def test_device_files_say_file_line_and_what_is_expected(
    tmp_path: Path, device_file: str, before: str, after: str, said: str
) -> None:
    assert before in device_file
    path = tmp_path / "board.yaml"
    path.write_text(device_file.replace(before, after, 1))
    line = refused("estimate", "lenet5", "--on", path, "--json", tmp_path / "out.json")
    assert "board.yaml:" in line and said in line
    assert [p.name for p in tmp_path.iterdir()] == ["board.yaml"]


def test_a_frequency_is_no_bandwidth(tmp_path: Path, device_file: str) -> None:
    lines = [line for line in device_file.splitlines() if "read_bandwidth:" in line]
    assert lines
    path = tmp_path / "board.yaml"
    path.write_text(device_file.replace(lines[0], re.sub(r"[\d.]+ GB/s", "3 MHz", lines[0])))
    line = refused("estimate", "lenet5", "--on", path)
    assert "'3 MHz'" in line and "bandwidth" in line


def test_empty_and_broken_device_files(tmp_path: Path) -> None:
    for content in ("", "format: 1\n", "[", "units: {cpu: {", "\0\1\2", "- a\n- b\n", "format: 1\nname: x\nunits: 5\n"):
        path = tmp_path / "board.yaml"
        path.write_text(content)
        assert "board.yaml" in refused("estimate", "lenet5", "--on", path)


def test_unknown_names_get_the_nearest() -> None:
    assert "nearest: resnet50" in refused("estimate", "resnet5O", *BOARD)
    assert "nearest: raspberry_pi_4" in refused("estimate", "lenet5", "--on", "rasberry_pi_4")


def test_output_that_cannot_be_written_is_said_and_nothing_else_written(tmp_path: Path) -> None:
    assert "a file that can be written is expected" in refused("estimate", "lenet5", *BOARD, "--json", tmp_path / "no" / "out.json")
    assert list(tmp_path.iterdir()) == []


def real_network() -> bytes:
    package = importlib.util.find_spec("onnx")
    assert package is not None and package.origin is not None
    return (Path(package.origin).parent / "backend" / "test" / "data" / "light" / "light_squeezenet.onnx").read_bytes()


@given(st.data())
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.reuse, Phase.generate],
)
def test_a_damaged_file_is_answered_or_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    """Bytes changed at random: either the file still reads, or there is one line; never a traceback or a defect."""
    content = bytearray(real_network())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.onnx"
    path.write_bytes(bytes(content))
    ran = boardless("estimate", path, *BOARD, "--quiet")
    assert ran.status in (0, 2)
    if ran.status == 2:
        assert ran.errors.count("\n") == 1 and "internal:" not in ran.errors, ran.errors


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=40)
def test_any_words_as_names_are_refused_in_one_line(name: str) -> None:
    for words in (("estimate", name, *BOARD), ("estimate", "lenet5", "--on", name), ("runtimes", name)):
        ran = boardless(*words)
        assert ran.status in (0, 2)
        if ran.status == 2:
            assert ran.errors.count("\n") == 1 and "internal:" not in ran.errors, (words, ran.errors)
