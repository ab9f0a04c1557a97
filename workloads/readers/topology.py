"""Topology files of the common systolic simulator (Samajdar et al., ISPASS 2020): convolutions or matrix products, one a line.

Convolutions give the padded input (IFMAP), the filter, channels, filters and strides; outputs are ceil((H - R + U) / U). Products
give M, N, K: (M x K) times (K x N). Pools and sums are not in such files, so a layer is joined to the one before only where shapes
agree; every other layer has an input of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor, WeightFacts
from workloads.readers.layer_rows import count_of

UNJOINED = "edges: inferred; layers whose shapes do not follow on each other have inputs of their own"
CONVOLUTION_COLUMNS = ("height", "width", "filter_height", "filter_width", "channels", "filters", "stride_height", "stride_width")
#: Header words, without spaces and case -> columns, in the order they are looked for.
HEADER_WORDS = (
    (re.compile(r"ifmaph(eight)?$"), "height"),
    (re.compile(r"ifmapw(idth)?$"), "width"),
    (re.compile(r"filterh(eight)?$"), "filter_height"),
    (re.compile(r"filterw(idth)?$"), "filter_width"),
    (re.compile(r"(num|number).*filters?$"), "filters"),
    (re.compile(r"(num|number)?channels?$"), "channels"),
    (re.compile(r"strides?w(idth)?$"), "stride_width"),
    (re.compile(r"strides?(h|height)?$"), "stride_height"),
    (re.compile(r"sparsity.*"), "sparsity"),
    (re.compile(r"batch.*"), "batch"),
)


class TopologyLayer(NamedTuple):
    """One line: a convolution (``height`` ...) or a product (``m``, ``n``, ``k``), whichever numbers are there."""

    line: int
    name: str
    numbers: Mapping[str, int]
    zero_share: float

    def error(self, problem: str) -> GraphError:
        """An error that names the line."""
        return GraphError(f"row {self.line} '{self.name}': {problem}")


def is_topology(header: Sequence[str]) -> bool:
    """True where the header words are those of a topology file, whatever their case and spaces.

    >>> is_topology(["Layer", "M", "N", "K", ""])
    True
    """
    return columns_of(header) is not None


def columns_of(header: Sequence[str]) -> list[str] | None:
    """Our name of each column, None where the header is no topology header."""
    words = [re.sub(r"[^a-z]", "", cell.lower()) for cell in header]
    if {"m", "n", "k"} <= set(words):
        return [word if word in ("m", "n", "k") else "sparsity" if word.startswith("sparsity") else "" for word in words]
    columns = [next((name for pattern, name in HEADER_WORDS if pattern.match(word)), "") for word in words]
    if columns.count("stride_height") == 2:
        columns[len(columns) - 1 - columns[::-1].index("stride_height")] = "stride_width"
    return columns if set(CONVOLUTION_COLUMNS[:7]) <= set(columns) else None


def topology_graph(name: str, path: Path, *, batch: int = 1, known_header: bool = True) -> Graph:
    """Graph of a topology file.

    Parameters
    ----------
    name : str
    path : Path
    batch : int
        Examples at once.
    known_header : bool
        False where the user said that this is a topology file: columns are then taken by their number.
    """
    layers = layers_of(path, known_header=known_header)
    if not layers:
        raise GraphError("no layers; at least one line below the header is expected")
    tensors: dict[str, Tensor] = {}
    operators: list[Operator] = []
    last: Tensor | None = None
    for layer in layers:
        build = _product if "m" in layer.numbers else _convolution
        size = batch * layer.numbers.get("batch", 1)
        operator, source, weight, result = build(layer, size)
        if last is not None and last.shape == source.shape:
            operator = Operator(operator.name, operator.op, (last.name, weight.name), operator.outputs, operator.attributes)
        else:
            tensors[source.name] = source
        tensors.update({weight.name: weight, result.name: result})
        operators.append(operator)
        last = result
    read = {tensor for operator in operators for tensor in operator.inputs}
    marked = [
        Tensor(t.name, t.shape, t.dtype, "output") if t.role == "activation" and t.name not in read else t for t in tensors.values()
    ]
    return Graph.build(name, operators, marked, (UNJOINED,), {"batch": batch, "dims": {}})


def layers_of(path: Path, *, known_header: bool) -> list[TopologyLayer]:
    """Lines of a topology file; names that come twice get numbers."""
    lines = [(i, line.split("#")[0]) for i, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1)]
    rows = [(i, [cell.strip() for cell in line.strip().rstrip(",").split(",")]) for i, line in lines if line.strip(" ,\t")]
    if not rows:
        return []
    columns = columns_of(rows[0][1])
    if columns is None and not known_header:
        columns = _columns_by_number(rows[-1][1])
        rows = rows[1:] if not all(cell.isdigit() for cell in rows[0][1][1:]) else rows
    elif columns is not None:
        rows = rows[1:]
    if columns is None:
        raise GraphError(f"header {', '.join(rows[0][1])}; IFMAP, Filter, Channels, Num Filter, Strides or M, N, K are expected")
    taken: dict[str, int] = {}
    return [_layer(line, cells, columns, taken) for line, cells in rows]


def _columns_by_number(cells: Sequence[str]) -> list[str]:
    """Columns of a file without a known header: a name, then 7 numbers (one stride) or 8; or a name and M, N, K."""
    count = len(cells)
    if count == 4:
        return ["", "m", "n", "k"]
    if count not in (8, 9, 10):
        raise GraphError(f"{count} columns; a name and 7 or 8 numbers, or a name and M, N, K, are expected")
    strides = 1 if count == 8 or ":" in cells[-1] and count == 9 else 2
    return ["", *CONVOLUTION_COLUMNS[: 6 + strides], *(["sparsity"] if ":" in cells[-1] else [])]


def _layer(line: int, cells: Sequence[str], columns: Sequence[str], taken: dict[str, int]) -> TopologyLayer:
    name = cells[0] or f"layer_{line}"
    taken[name] = taken.get(name, 0) + 1
    name = name if taken[name] == 1 else f"{name}_{taken[name]}"
    where = f"row {line} '{name}'"
    numbers, share = {}, 0.0
    for column, cell in zip(columns, cells, strict=False):
        if column == "sparsity":
            share = _zero_share(cell, where)
        elif column and cell:
            value = count_of(cell, f"{where}: {column}", least=1)
            assert value is not None
            numbers[column] = value
    needed = ("m", "n", "k") if "m" in columns else CONVOLUTION_COLUMNS[:7]
    missing = [column for column in needed if column not in numbers]
    if missing:
        raise GraphError(f"{where}: no {missing[0]}; a whole number of at least 1 is expected")
    return TopologyLayer(line, name, numbers, share)


def _zero_share(cell: str, where: str) -> float:
    """``N:M``: N of M weights are kept."""
    found = re.fullmatch(r"(\d+)\s*:\s*(\d+)", cell)
    if not cell:
        return 0.0
    if found is None or not 0 < int(found[1]) <= int(found[2]):
        raise GraphError(f"{where}: sparsity '{cell}'; N:M with N of M weights kept is expected")
    return 1.0 - int(found[1]) / int(found[2])


def _convolution(layer: TopologyLayer, batch: int) -> tuple[Operator, Tensor, Tensor, Tensor]:
    """A convolution without padding; what the last window lacks is padded behind. ``DP`` in the name: depthwise."""
    height, width, rows, columns, channels, filters, down = (layer.numbers[column] for column in CONVOLUTION_COLUMNS[:7])
    across = layer.numbers.get("stride_width", down)
    if rows > height or columns > width:
        raise layer.error(f"filter {rows}x{columns} on {height}x{width}; a filter inside the input is expected")
    out = (-(-(height - rows + down) // down), -(-(width - columns + across) // across))
    behind = ((out[0] - 1) * down + rows - height, (out[1] - 1) * across + columns - width)
    group = channels if "DP" in layer.name else 1
    if group > 1:
        filters = channels if filters == channels else channels * filters
    source = Tensor(f"{layer.name}.input", (batch, channels, height, width), role="input")
    shape = (filters, channels // group, rows, columns)
    weight = Tensor(f"{layer.name}.weight", shape, role="weight", facts=WeightFacts(zero_share=layer.zero_share))
    result = Tensor(layer.name, (batch, filters, *out))
    attributes = {
        "kernel_shape": (rows, columns), "strides": (down, across), "dilations": (1, 1), "group": group,
        "pads": (0, 0, max(0, behind[0]), max(0, behind[1])),
    }  # fmt: skip
    return Operator(layer.name, "Conv", (source.name, weight.name), (result.name,), attributes), source, weight, result


def _product(layer: TopologyLayer, batch: int) -> tuple[Operator, Tensor, Tensor, Tensor]:
    rows, columns, reduction = layer.numbers["m"], layer.numbers["n"], layer.numbers["k"]
    source = Tensor(f"{layer.name}.input", (batch, rows, reduction), role="input")
    facts = WeightFacts(zero_share=layer.zero_share)
    weight = Tensor(f"{layer.name}.weight", (reduction, columns), role="weight", facts=facts)
    result = Tensor(layer.name, (batch, rows, columns))
    return Operator(layer.name, "MatMul", (source.name, weight.name), (result.name,), {}), source, weight, result
