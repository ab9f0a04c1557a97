"""Small network files that tests write themselves: ONNX with the library's helpers, TFLite with the schema package's builders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Shape = Sequence[int | str | None]

# ONNX


def onnx_node(op: str, inputs: Sequence[str], outputs: Sequence[str], name: str = "", **attributes: Any) -> Any:
    """A node."""
    from onnx import helper

    return helper.make_node(op, list(inputs), list(outputs), name=name, **attributes)


def onnx_model(
    nodes: Sequence[Any],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape | None] | Sequence[str],
    initializers: Mapping[str, NDArray[Any]] | None = None,
    *,
    opset: int = 17,
    domains: Mapping[str, int] | None = None,
    functions: Sequence[Any] = (),
    input_type: int = 1,
) -> Any:
    """A model of one graph; inputs and outputs are 32-bit floats unless ``input_type`` says otherwise."""
    from onnx import helper, numpy_helper

    declared = outputs if isinstance(outputs, Mapping) else dict.fromkeys(outputs)
    graph = helper.make_graph(
        list(nodes),
        "graph",
        [helper.make_tensor_value_info(name, input_type, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, 1, shape) for name, shape in declared.items()],
        [numpy_helper.from_array(array, name) for name, array in (initializers or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, version) for name, version in (domains or {}).items())]
    return helper.make_model(graph, opset_imports=opsets, functions=list(functions), ir_version=9)


def write_onnx(path: Path, model: Any) -> Path:
    """Write a model; returns the path."""
    path.write_bytes(model.SerializeToString())
    return path


def small_convolution_model() -> Any:
    """Conv 3 -> 4, 3x3, padded, on 8x8; Relu; global average; flatten; Gemm 4 -> 10.

    MACs: 4 * 8 * 8 * 3 * 9 + 4 * 10 = 6,912 + 40 = 6,952.
    """
    generator = np.random.default_rng(1)
    weights = {
        "w": generator.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "b": np.zeros(4, np.float32),
        "v": generator.normal(size=(10, 4)).astype(np.float32),
    }
    nodes = [
        onnx_node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1]),
        onnx_node("Relu", ["c"], ["r"], "relu"),
        onnx_node("GlobalAveragePool", ["r"], ["p"], "pool"),
        onnx_node("Flatten", ["p"], ["f"], "flatten"),
        onnx_node("Gemm", ["f", "v"], ["y"], "gemm", transB=1),
    ]
    return onnx_model(nodes, {"x": [1, 3, 8, 8]}, {"y": [1, 10]}, weights)


# TFLite


class TfliteTensorSpec(NamedTuple):
    """A tensor to write: values make it a constant."""

    name: str
    shape: Sequence[int]
    dtype: str = "INT8"
    values: NDArray[Any] | None = None
    zero_point: int = 0
    scales: int = 1


@dataclass
class TfliteOperatorSpec:
    """An operator to write: builtin name, tensor indices, and what fills its options table."""

    builtin: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    custom: str = ""


def tflite_file(
    tensors: Sequence[TfliteTensorSpec],
    operators: Sequence[TfliteOperatorSpec],
    inputs: Sequence[int],
    outputs: Sequence[int],
    *,
    version: int = 3,
) -> bytes:
    """A TFLite file of one subgraph."""
    import flatbuffers
    import tflite

    builder = flatbuffers.Builder(1024)
    buffers = [_buffer(builder, None)]
    written = []
    for tensor in tensors:
        if tensor.values is not None:
            buffers.append(_buffer(builder, tensor.values))
        written.append(_tensor(builder, tensor, len(buffers) - 1 if tensor.values is not None else 0))
    codes = list(dict.fromkeys((operator.builtin, operator.custom) for operator in operators))
    calls = [_operator(builder, operator, codes.index((operator.builtin, operator.custom))) for operator in operators]
    vectors = [
        _offsets(builder, tflite.SubGraphStartTensorsVector, written),
        _integers(builder, tflite.SubGraphStartInputsVector, inputs),
    ]
    vectors += [
        _integers(builder, tflite.SubGraphStartOutputsVector, outputs),
        _offsets(builder, tflite.SubGraphStartOperatorsVector, calls),
    ]
    name = builder.CreateString("main")
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddName(builder, name)
    for add, vector in zip(
        (tflite.SubGraphAddTensors, tflite.SubGraphAddInputs, tflite.SubGraphAddOutputs, tflite.SubGraphAddOperators),
        vectors,
        strict=True,
    ):
        add(builder, vector)
    subgraph = tflite.SubGraphEnd(builder)
    parts = [
        _offsets(builder, tflite.ModelStartSubgraphsVector, [subgraph]),
        _offsets(builder, tflite.ModelStartOperatorCodesVector, [_code(builder, *code) for code in codes]),
        _offsets(builder, tflite.ModelStartBuffersVector, buffers),
    ]
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, version)
    for add, part in zip((tflite.ModelAddSubgraphs, tflite.ModelAddOperatorCodes, tflite.ModelAddBuffers), parts, strict=True):
        add(builder, part)
    builder.Finish(tflite.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())


def _offsets(builder: Any, start: Callable[[Any, int], Any], offsets: Sequence[int]) -> int:
    start(builder, len(offsets))
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _integers(builder: Any, start: Callable[[Any, int], Any], values: Sequence[int]) -> int:
    start(builder, len(values))
    for value in reversed(values):
        builder.PrependInt32(int(value))
    return builder.EndVector()


def _buffer(builder: Any, values: NDArray[Any] | None) -> int:
    import tflite

    data = None if values is None else builder.CreateNumpyVector(np.frombuffer(values.tobytes(), np.uint8))
    tflite.BufferStart(builder)
    if data is not None:
        tflite.BufferAddData(builder, data)
    return tflite.BufferEnd(builder)


def _tensor(builder: Any, tensor: TfliteTensorSpec, buffer: int) -> int:
    import tflite

    name, shape = builder.CreateString(tensor.name), _integers(builder, tflite.TensorStartShapeVector, tensor.shape)
    scale = builder.CreateNumpyVector(np.full(tensor.scales, 0.5, np.float32))
    zero = builder.CreateNumpyVector(np.full(tensor.scales, tensor.zero_point, np.int64))
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scale)
    tflite.QuantizationParametersAddZeroPoint(builder, zero)
    quantization = tflite.QuantizationParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, getattr(tflite.TensorType, tensor.dtype))
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddName(builder, name)
    if tensor.dtype.startswith(("INT8", "UINT8", "INT16")):
        tflite.TensorAddQuantization(builder, quantization)
    return tflite.TensorEnd(builder)


def _code(builder: Any, builtin: str, custom: str) -> int:
    import tflite

    number = getattr(tflite.BuiltinOperator, builtin)
    name = builder.CreateString(custom) if custom else None
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, 127))
    tflite.OperatorCodeAddBuiltinCode(builder, number)
    if name is not None:
        tflite.OperatorCodeAddCustomCode(builder, name)
    return tflite.OperatorCodeEnd(builder)


def _operator(builder: Any, operator: TfliteOperatorSpec, code: int) -> int:
    import tflite

    inputs = _integers(builder, tflite.OperatorStartInputsVector, operator.inputs)
    outputs = _integers(builder, tflite.OperatorStartOutputsVector, operator.outputs)
    options = None
    if operator.options:
        getattr(tflite, f"{operator.options}Start")(builder)
        for name, value in operator.fields.items():
            getattr(tflite, f"{operator.options}Add{name}")(builder, value)
        options = getattr(tflite, f"{operator.options}End")(builder)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, operator.options))
        tflite.OperatorAddBuiltinOptions(builder, options)
    return tflite.OperatorEnd(builder)


def small_tflite_file(**changes: Any) -> bytes:
    """CONV_2D 3 -> 4, 3x3, stride 2, SAME, on 9x9 (5x5 outputs), RELU6 fused; RESHAPE; FULLY_CONNECTED 100 -> 2.

    Output channel 2 of the convolution is all zero. MACs: 5 * 5 * 4 * 27 + 200 = 2,700 + 200 = 2,900.
    """
    weights = np.ones((4, 3, 3, 3), np.int8)
    weights[2] = 0
    tensors = [
        TfliteTensorSpec("x", (1, 9, 9, 3)),
        TfliteTensorSpec("w", (4, 3, 3, 3), values=weights, scales=4),
        TfliteTensorSpec("b", (4,), "INT32", np.arange(4, dtype=np.int32)),
        TfliteTensorSpec("c", (1, 5, 5, 4)),
        TfliteTensorSpec("s", (2,), "INT32", np.array([1, 100], np.int32)),
        TfliteTensorSpec("f", (1, 100)),
        TfliteTensorSpec("v", (2, 100), values=np.ones((2, 100), np.int8)),
        TfliteTensorSpec("y", (1, 2)),
    ]
    convolution = {
        "Padding": 0,
        "StrideH": 2,
        "StrideW": 2,
        "DilationHFactor": 1,
        "DilationWFactor": 1,
        "FusedActivationFunction": 3,
    }
    operators = [
        TfliteOperatorSpec("CONV_2D", [0, 1, 2], [3], "Conv2DOptions", convolution),
        TfliteOperatorSpec("RESHAPE", [3, 4], [5]),
        TfliteOperatorSpec("FULLY_CONNECTED", [5, 6, -1], [7], "FullyConnectedOptions", {"KeepNumDims": False}),
    ]
    return tflite_file(tensors, operators, [0], [7], **changes)


# Layer tables


def write_table(path: Path, rows: Sequence[str]) -> Path:
    """Write lines as a file; returns the path."""
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path
