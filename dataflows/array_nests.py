"""What an array needs to know of each multiply-accumulate nest: the nest's bounds and the input rows and columns that exist.

Padding is computed on, but it is not stored: DRAM traffic counts stored rows and columns alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workloads.graph import Graph, Operator, Tensor
from workloads.tables import GraphTables

Ints = NDArray[np.int64]


class ArrayNests(NamedTuple):
    """One row per multiply-accumulate nest that a unit runs."""

    operator: Ints  # row in OperatorTable
    N: Ints  # batch
    G: Ints  # groups
    M: Ints  # output channels per group
    C: Ints  # input channels per group
    E: Ints  # output rows
    F: Ints  # output columns
    R: Ints  # filter rows
    S: Ints  # filter columns
    stride_h: Ints
    stride_w: Ints
    dilation_h: Ints
    dilation_w: Ints
    stored_rows: Ints  # input rows that exist, without padding
    stored_columns: Ints  # input columns that exist
    pad_top: Ints  # rows of padding above the first stored one
    input_bits: Ints  # stored bits of an input element
    weight_bits: Ints  # stored bits of a weight element
    output_bits: Ints  # stored bits of an output element


def array_nests(graph: Graph, tables: GraphTables, mine: NDArray[np.bool_]) -> ArrayNests:
    """Columns of the nests whose operator is marked in ``mine``, in the order of ``tables.nests``.

    Parameters
    ----------
    graph : Graph
    tables : GraphTables
    mine : bool array
        Operators the unit runs.
    """
    nests, operators = tables.nests, tables.operators
    keep = np.flatnonzero(np.asarray(mine)[nests.operator])
    rows = [_stored(graph, int(nests.operator[i]), _padded(nests, int(i))) for i in keep]
    stored = np.array(rows, dtype=np.int64).reshape(len(keep), 3)
    of = nests.operator[keep]
    written = np.array([_output_bits(graph, int(i)) for i in of], dtype=np.int64)
    whole = {name: np.ascontiguousarray(getattr(nests, name)[keep]) for name in _NEST_COLUMNS}
    return ArrayNests(
        **whole,
        stored_rows=stored[:, 0].copy(),
        stored_columns=stored[:, 1].copy(),
        pad_top=stored[:, 2].copy(),
        input_bits=np.ceil(operators.activation_bits[of]).astype(np.int64),
        weight_bits=np.ceil(operators.weight_bits[of]).astype(np.int64),
        output_bits=written,
    )


_NEST_COLUMNS = (
    "operator", "N", "G", "M", "C", "E", "F", "R", "S", "stride_h", "stride_w", "dilation_h", "dilation_w",
)  # fmt: skip


def _padded(nests: object, i: int) -> tuple[int, int]:
    """Rows and columns the windows of nest ``i`` span, padding included."""
    value = {name: int(getattr(nests, name)[i]) for name in _NEST_COLUMNS[5:]}
    return (
        (value["E"] - 1) * value["stride_h"] + (value["R"] - 1) * value["dilation_h"] + 1,
        (value["F"] - 1) * value["stride_w"] + (value["S"] - 1) * value["dilation_w"] + 1,
    )


def _stored(graph: Graph, index: int, padded: tuple[int, int]) -> tuple[int, int, int]:
    """Stored rows, stored columns and padding above, of the input of one operator."""
    operator = graph.operators[index]
    source = graph.tensors[operator.inputs[0]]
    if operator.op != "Conv" or len(source.shape) not in (3, 4):
        return padded[0], padded[1], 0
    rows, columns = _image(operator, source)
    pads = tuple(operator.attribute("pads", ()) or ())
    top = int(pads[0]) if len(source.shape) == 4 and pads else 0
    return min(rows, padded[0]), min(columns, padded[1]), top


def _image(operator: Operator, source: Tensor) -> tuple[int, int]:
    spatial = source.shape[1:-1] if operator.attribute("layout") == "NHWC" else source.shape[2:]
    return (1, spatial[0]) if len(spatial) == 1 else (spatial[0], spatial[1])


def _output_bits(graph: Graph, index: int) -> int:
    result = graph.tensors[graph.operators[index].outputs[0]]
    return max(1, round(8 * result.bytes / max(1, result.elements)))
