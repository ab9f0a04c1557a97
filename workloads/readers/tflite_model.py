"""A TFLite file as tensors and calls: the flatbuffer read with the schema package, every length checked against the file.

The schema package trusts its input. Vectors of a broken file can claim billions of entries, so lengths are looked at before any
loop; everything else that goes wrong is turned into one line at the border.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workloads.errors import GraphError
from workloads.graph import LARGEST_COUNT
from workloads.readers.border import file_bytes
from workloads.readers.constants import NUMPY_TYPES, Constant

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
#: Names of element types in the schema -> ours.
ELEMENT_TYPES = {
    "FLOAT32": "fp32", "FLOAT16": "fp16", "FLOAT64": "fp64", "BFLOAT16": "bf16", "INT4": "int4", "INT8": "int8",
    "INT16": "int16", "INT32": "int32", "INT64": "int64", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32",
    "UINT64": "uint64", "BOOL": "bool",
}  # fmt: skip


@dataclass(frozen=True)
class TfliteTensor:
    """One tensor of the file.

    Attributes
    ----------
    name : str
        Unique.
    shape : tuple of int
    dtype : str
        Our element type, or the schema's name for what is no number (``RESOURCE``, ``STRING``).
    constant : Constant or None
    per_channel : bool
        True where the quantisation has a scale per channel.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    constant: Constant | None = None
    per_channel: bool = False


@dataclass(frozen=True)
class Call:
    """One operator of the file: its builtin name (or custom code), operands, results and its options table."""

    builtin: str
    inputs: tuple[TfliteTensor | None, ...]
    outputs: tuple[TfliteTensor, ...]
    options: Any = None

    def input(self, position: int) -> TfliteTensor:
        """Operand at ``position``; an error where it is absent."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        if tensor is None:
            raise GraphError(f"operator {self.builtin}: operand {position} is missing; it is not optional")
        return tensor

    def numbers(self, position: int) -> tuple[int, ...] | None:
        """Whole numbers of a constant operand, None where it is absent or not constant."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        return None if tensor is None or tensor.constant is None else tensor.constant.integers()


@dataclass
class TfliteNetwork:
    """The main subgraph of a file."""

    name: str
    inputs: tuple[TfliteTensor, ...]
    outputs: tuple[TfliteTensor, ...]
    calls: list[Call] = field(default_factory=list)


def parsed_network(path: Path) -> TfliteNetwork:
    """Tensors and calls of the first subgraph.

    Raises
    ------
    GraphError
        Missing or empty file, wrong identifier or schema version, no subgraph, lengths the file cannot hold.
    """
    import tflite

    content = file_bytes(path, "TFLite")
    if len(content) < 16 or content[4:8] != IDENTIFIER:
        raise GraphError(f"{path}: identifier {content[4:8]!r}; a TFLite file with identifier {IDENTIFIER!r} is expected")
    model = tflite.Model.GetRootAsModel(content, 0)
    if model.Version() != SCHEMA_VERSION:
        raise GraphError(f"{path}: schema version {model.Version()}; version {SCHEMA_VERSION} is expected")
    if not _length(model.SubgraphsLength(), content, "subgraphs"):
        raise GraphError(f"{path}: no subgraph; a TFLite model with one is expected")
    reader = _Reader(model, content)
    return reader.network(model.Subgraphs(0), path.stem)


class _Reader:
    """Walks one model. Constants that share a buffer, type and shape are one tensor: the file stores them once."""

    def __init__(self, model: Any, content: bytes) -> None:
        self.model, self.content = model, content
        self.type_names = _names("TensorType")
        self.builtin_names = _names("BuiltinOperator")
        self.option_names = _names("BuiltinOptions")
        self.names: Counter[str] = Counter()
        self.stored: dict[Any, TfliteTensor] = {}

    def network(self, subgraph: Any, name: str) -> TfliteNetwork:
        tensors = [self.tensor(subgraph.Tensors(i), i) for i in range(_length(subgraph.TensorsLength(), self.content, "tensors"))]
        count = _length(subgraph.OperatorsLength(), self.content, "operators")
        inputs = _picked(tensors, self.indices(subgraph, "Inputs"), "network inputs")
        outputs = _picked(tensors, self.indices(subgraph, "Outputs"), "network outputs")
        calls = [self.call(subgraph.Operators(i), tensors) for i in range(count)]
        return TfliteNetwork(name, tuple(t for t in inputs if t), tuple(t for t in outputs if t), calls)

    def indices(self, table: Any, what: str) -> tuple[int, ...]:
        length = _length(getattr(table, f"{what}Length")(), self.content, what)
        return tuple(int(getattr(table, what)(i)) for i in range(length))

    def tensor(self, table: Any, index: int) -> TfliteTensor:
        name = (table.Name() or b"").decode() or f"tensor_{index}"
        self.names[name] += 1
        if self.names[name] > 1:
            name = f"{name}#{index}"
        shape = self.indices(table, "Shape")
        dtype = self.type_names.get(table.Type(), str(table.Type()))
        dtype = ELEMENT_TYPES.get(dtype, dtype)
        zero_points, per_channel = self.quantisation(table)
        if min(shape, default=1) < 0 or math.prod(shape) > LARGEST_COUNT // 8:
            raise GraphError(f"tensor '{name}': shape {shape}; whole numbers >= 0 and at most 2^60 elements are expected")
        constant = self.constant(table, name, shape, dtype, zero_points)
        tensor = TfliteTensor(name, shape, dtype, constant, per_channel)
        if constant is None:
            return tensor
        return self.stored.setdefault((table.Buffer(), shape, dtype, zero_points), tensor)

    def quantisation(self, table: Any) -> tuple[tuple[int, ...], bool]:
        """Zero points, and whether there is a scale per channel."""
        parameters = table.Quantization()
        if parameters is None:
            return (), False
        scales = _length(parameters.ScaleLength(), self.content, "scales")
        return self.indices(parameters, "ZeroPoint"), scales > 1

    def constant(self, table: Any, name: str, shape: tuple[int, ...], dtype: str, zeros: tuple[int, ...]) -> Constant | None:
        """Values a tensor has in the file, None for an activation."""
        index = table.Buffer()
        if not 0 < index < self.model.BuffersLength():
            return None
        data = self.buffer(self.model.Buffers(index))
        if data is None or dtype not in ELEMENT_TYPES.values():
            return None
        zero: int | tuple[int, ...] = (zeros[0] if len(zeros) == 1 else zeros) if any(zeros) else 0
        elements = math.prod(shape)
        if table.Sparsity() is not None:
            width = np.dtype(NUMPY_TYPES.get(dtype, np.int8)).itemsize
            return Constant(shape, dtype, zero_share=max(0.0, 1.0 - len(data) / (width * max(1, elements))))
        expected = (
            -(-elements // 2) if dtype == "int4" else elements * (2 if dtype == "bf16" else np.dtype(NUMPY_TYPES[dtype]).itemsize)
        )
        if len(data) != expected:
            raise GraphError(
                f"tensor '{name}': {len(data)} bytes of data for shape {shape} of {dtype}; {expected} bytes are expected"
            )
        if dtype == "int4":
            return Constant(shape, dtype, np.stack([data & 15, data >> 4], axis=-1).ravel()[:elements].reshape(shape), zero=zero)
        return Constant(shape, dtype, data.view(np.uint16 if dtype == "bf16" else NUMPY_TYPES[dtype]).reshape(shape), zero=zero)

    def buffer(self, buffer: Any) -> Any:
        """Bytes of a buffer, inside the flatbuffer or behind it; None where it is empty."""
        length = buffer.DataLength()
        if length:
            _length(length, self.content, "a buffer", 1)
            return buffer.DataAsNumpy()
        offset, size = (buffer.Offset(), buffer.Size()) if hasattr(buffer, "Offset") else (0, 0)
        if offset <= 1 or not size:
            return None
        if offset + size > len(self.content):
            raise GraphError(f"a buffer ends at byte {offset + size} of a file of {len(self.content)}; a complete file is expected")
        return np.frombuffer(self.content, np.uint8, size, offset)

    def call(self, table: Any, tensors: list[TfliteTensor]) -> Call:
        codes = _length(self.model.OperatorCodesLength(), self.content, "operator codes")
        if table.OpcodeIndex() >= codes:
            raise GraphError(f"operator code {table.OpcodeIndex()} of {codes}; an index inside the list is expected")
        code = self.model.OperatorCodes(table.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        builtin = self.builtin_names.get(number, f"BUILTIN_{number}")
        if builtin == "CUSTOM":
            builtin = (code.CustomCode() or b"CUSTOM").decode()
        inputs = _picked(tensors, self.indices(table, "Inputs"), builtin)
        outputs = tuple(t for t in _picked(tensors, self.indices(table, "Outputs"), builtin) if t)
        return Call(builtin, inputs, outputs, self.options(table))

    def options(self, table: Any) -> Any:
        """The options of a call as the schema's class for them, None where it has none."""
        import tflite

        union = table.BuiltinOptions()
        kind = getattr(tflite, self.option_names.get(table.BuiltinOptionsType(), ""), None)
        if union is None or kind is None:
            return None
        options = kind()
        options.Init(union.Bytes, union.Pos)
        return options


def _names(enumeration: str) -> dict[int, str]:
    """Value -> name of one enumeration of the schema."""
    import tflite

    return {value: name for name, value in vars(getattr(tflite, enumeration)).items() if isinstance(value, int)}


def _length(length: int, content: bytes, what: str, width: int = 4) -> int:
    """A vector's length, refused where the file is too short to hold it."""
    if length * width > len(content):
        raise GraphError(f"{length} entries of {what} in a file of {len(content)} bytes; an intact file is expected")
    return length


def _picked(tensors: list[TfliteTensor], indices: tuple[int, ...], what: str) -> tuple[TfliteTensor | None, ...]:
    """Tensors by index; -1 is an absent optional operand."""
    for index in indices:
        if not -1 <= index < len(tensors):
            raise GraphError(f"{what}: tensor {index} of {len(tensors)}; an index inside the list is expected")
    return tuple(None if index < 0 else tensors[index] for index in indices)
