"""Rows of a layer table: columns by name in any order, shapes and windows as numbers."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workloads.dtypes import BITS, bits
from workloads.errors import GraphError, nearest
from workloads.readers.border import file_bytes

#: Columns a layer table may have; ``layer`` is another word for ``name``, ``int8`` for ``dtype``.
COLUMNS = (
    "name", "op", "inputs", "in_shape", "out_shape", "kernel", "stride", "pad", "dilation", "groups", "act", "dtype", "params",
    "macs",
)  # fmt: skip
SHAPE = re.compile(r"\s*\d+(\s*[xX*]\s*\d+)*\s*")

#: Spellings of fused activations -> names in workloads.tables.ACTIVATIONS.
ACTIVATION_SPELLINGS = {
    "": None, "none": None, "linear": None, "identity": None, "relu": "relu", "relu6": "relu6", "clip": "clip",
    "leakyrelu": "leaky_relu", "leaky": "leaky_relu", "prelu": "prelu", "sigmoid": "sigmoid", "logistic": "sigmoid",
    "tanh": "tanh", "hardsigmoid": "hard_sigmoid", "hardswish": "hard_swish", "silu": "silu", "swish": "silu", "gelu": "gelu",
    "gelutanh": "gelu_tanh", "elu": "elu", "selu": "selu", "softplus": "softplus", "mish": "mish", "exp": "exp", "erf": "erf",
    "sqrt": "sqrt",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row of a layer table.

    Attributes
    ----------
    line : int
        Line in the file, for messages.
    name, op : str
    inputs : tuple of str or None
        Producing rows; None where the table does not say.
    in_shapes, out_shapes : tuple of tuple of int
        Sizes without the batch.
    kernel, stride, dilation : tuple of int or None
    pad : str
        As written.
    groups : int
    act : str
        As written, lower case, without ``_``.
    dtype : str or None
    params, macs : int or None
        Figures to check.
    notes : tuple of (str, str)
        Other columns.
    """

    line: int
    name: str
    op: str
    inputs: tuple[str, ...] | None
    in_shapes: tuple[tuple[int, ...], ...]
    out_shapes: tuple[tuple[int, ...], ...]
    kernel: tuple[int, ...] | None = None
    stride: tuple[int, ...] | None = None
    dilation: tuple[int, ...] | None = None
    pad: str = ""
    groups: int | None = None
    act: str = ""
    dtype: str | None = None
    params: int | None = None
    macs: int | None = None
    notes: tuple[tuple[str, str], ...] = field(default=())

    def error(self, problem: str) -> GraphError:
        """An error that names the row."""
        return GraphError(f"row {self.line} '{self.name}' ({self.op}): {problem}")

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The only output shape; an error where there are several or none."""
        if len(self.out_shapes) != 1:
            raise self.error(f"{len(self.out_shapes)} output shapes; one is expected")
        return self.out_shapes[0]

    @property
    def in_shape(self) -> tuple[int, ...]:
        """The first input shape."""
        if not self.in_shapes:
            raise self.error("no in_shape; a shape like 3x224x224 is expected")
        return self.in_shapes[0]

    @property
    def activation(self) -> str | None:
        """Name of the fused activation."""
        if self.act not in ACTIVATION_SPELLINGS:
            raise self.error(f"act '{self.act}' is not an activation; {nearest(self.act, [a for a in ACTIVATION_SPELLINGS if a])}")
        return ACTIVATION_SPELLINGS[self.act]


def csv_records(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Header in lower case, and the records with their line numbers; rows of empty cells are left out.

    Raises
    ------
    GraphError
        Where there is no such file, it is empty, no text, or has no header.
    """
    try:
        text = file_bytes(path, "layer table").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GraphError(
            f"{path}: not a text file ({error.reason} at byte {error.start}); a .csv layer table is expected"
        ) from None
    if "\0" in text:
        raise GraphError(f"{path}: not a text file (a zero byte); a .csv layer table is expected")
    try:
        reader = csv.reader(io.StringIO(text))
        header = [" ".join(cell.split()).lower() for cell in next(reader, [])]
        records = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                named = dict(zip(header, (cell.strip() for cell in cells), strict=False))
                records.append((reader.line_num, named))
    except csv.Error as error:
        raise GraphError(f"{path}: not readable as CSV ({error}); a layer table is expected") from None
    if not any(header):
        raise GraphError(f"{path}: no header line; columns such as name, op, in_shape, out_shape are expected")
    return header, records


def rows_of(records: Iterable[tuple[int, Mapping[str, str]]]) -> list[Row]:
    """Rows of a table in the general form; names made unique."""
    rows: list[Row] = []
    taken: dict[str, int] = {}
    for line, cells in records:
        row = row_of(line, cells, len(rows))
        if row.name in taken:
            raise row.error(f"the name is taken by row {taken[row.name]}; names must be unique")
        taken[row.name] = line
        rows.append(row)
    return rows


def row_of(line: int, cells: Mapping[str, str], index: int) -> Row:
    """One row."""
    op = cells.get("op", "")
    name = cells.get("name") or cells.get("layer") or f"{op or 'row'}_{index}"
    where = f"row {line} '{name}' ({op})"
    if not op:
        raise GraphError(f"{where}: no op; an ONNX, TFLite or ncnn operator name is expected")
    known = {*COLUMNS, "layer", "int8", "idx", "index", "in_elems", "out_elems"}
    inputs = cells.get("inputs")
    return Row(
        line=line,
        name=name,
        op=op,
        inputs=tuple(part.strip() for part in inputs.split(";") if part.strip()) if inputs is not None else None,
        in_shapes=shapes_of(cells.get("in_shape", ""), f"{where}: in_shape"),
        out_shapes=shapes_of(cells.get("out_shape", ""), f"{where}: out_shape"),
        kernel=_sizes(cells.get("kernel", ""), f"{where}: kernel"),
        stride=_sizes(cells.get("stride", ""), f"{where}: stride"),
        dilation=_sizes(cells.get("dilation", ""), f"{where}: dilation"),
        pad=cells.get("pad", "").lower(),
        groups=count_of(cells.get("groups", ""), f"{where}: groups", least=1),
        act=cells.get("act", "").lower().replace("_", "").replace("-", ""),
        dtype=_dtype(cells, where),
        params=count_of(cells.get("params", ""), f"{where}: params"),
        macs=count_of(cells.get("macs", ""), f"{where}: macs"),
        notes=tuple((column, value) for column, value in cells.items() if value and column and column not in known),
    )


def shapes_of(text: str, where: str) -> tuple[tuple[int, ...], ...]:
    """Shapes separated by ``;``.

    >>> shapes_of("64x56x56;256", "here")
    ((64, 56, 56), (256,))
    """
    return tuple(shape for part in text.split(";") if (shape := _sizes(part, where)) is not None)


def _sizes(text: str, where: str) -> tuple[int, ...] | None:
    if not text.strip():
        return None
    if not SHAPE.fullmatch(text):
        raise GraphError(f"{where}: '{text.strip()}'; whole numbers joined by x, such as 64x56x56, are expected")
    sizes = tuple(int(size) for size in re.split(r"[xX*]", text))
    if min(sizes) < 1:
        raise GraphError(f"{where}: '{text.strip()}'; sizes of at least 1 are expected")
    return sizes


def count_of(text: str, where: str, least: int = 0) -> int | None:
    """A whole number, None for an empty cell; ``1024.0`` counts as whole."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value != int(value) or value < least:
        raise GraphError(f"{where}: '{text}'; a whole number of at least {least} is expected")
    return int(text) if re.fullmatch(r"\+?\d+", text) else int(value)


def _dtype(cells: Mapping[str, str], where: str) -> str | None:
    text = cells.get("dtype", "").lower()
    text = {"float": "fp32", "float32": "fp32", "float16": "fp16", "half": "fp16"}.get(text, text)
    if text:
        if text not in BITS:
            raise GraphError(f"{where}: dtype '{text}' is not an element type; {nearest(text, BITS)}")
        bits(text)
        return text
    flag = count_of(cells.get("int8", ""), f"{where}: int8")
    if flag is None:
        return None
    return "int8" if flag else "fp32"


def spatial(sizes: Sequence[int] | None, rank: int, default: int, row: Row, what: str) -> tuple[int, ...]:
    """One number per spatial axis; a single number stands for all.

    Raises
    ------
    GraphError
        Where there are more numbers than axes.
    """
    if sizes is None:
        return (default,) * rank
    if len(sizes) == 1:
        return (sizes[0],) * rank
    if len(sizes) != rank:
        raise row.error(f"{what} {'x'.join(map(str, sizes))} on {rank} spatial axes; one number per axis is expected")
    return tuple(sizes)
