"""Layer table (.csv) -> Graph: for people who have shapes and no model file.

The general form has a row per operator; the decoder form lists the matrices of a language model and is read as one decode step;
topology files of the common systolic simulator are recognised by their header. ``macs`` and ``params`` are checked where they
stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workloads.dtypes import is_float
from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor
from workloads.operators import rule_of
from workloads.operators.family import UndeterminedShape
from workloads.readers.border import reading
from workloads.readers.decoder_table import DECODER_COLUMNS, decoder_graph
from workloads.readers.layer import Layer
from workloads.readers.layer_edges import INFERRED, Edges
from workloads.readers.layer_operators import canonical, layer_of
from workloads.readers.layer_rows import Row, csv_records, rows_of
from workloads.readers.topology import is_topology, topology_graph

PREFIX, QUANTISED = "ncnn_", "_int8"


def load_layer_table(
    path: str | Path,
    *,
    batch: int | None = None,
    format: str | None = None,
    context: int | None = None,
    allow_unmodelled: bool = False,
) -> Graph:
    """Network of a layer table, a decoder table or a topology file.

    Parameters
    ----------
    path : str or Path
    batch : int, optional
        Examples at once, 1 by default.
    format : str, optional
        ``"topology"`` for topology files whose header is unknown.
    context : int, optional
        Tokens in the cache of a decoder table.
    allow_unmodelled : bool
        Mark operators without a rule instead of refusing them.

    Raises
    ------
    GraphError
        Everything that can be wrong with the file, with its name and row.
    """
    path = Path(path)
    name, dtype = network_name(path)
    with reading(path, "layer table"):
        if format not in (None, "topology", "layers"):
            raise GraphError(f"format '{format}'; topology or layers is expected")
        header, records = csv_records(path)
        if format == "topology" or (format is None and is_topology(header)):
            return topology_graph(name, path, batch=batch or 1, known_header=format is None)
        kind = table_kind(header)
        if kind is None:
            raise GraphError(
                f"{path}: columns {', '.join(header[:6])}; a layer table has op, in_shape and out_shape, a decoder table "
                "out_features and in_features; topology files of unknown header need --format topology"
            )
        if kind == "decoder":
            return decoder_graph(name, records, batch=batch or 1, dtype=dtype, context=context)
        rows = rows_of(records)
        if not rows:
            raise GraphError(f"{path}: no rows; at least one operator is expected")
        return table_graph(name, rows, batch=batch or 1, dtype=dtype, allow_unmodelled=allow_unmodelled)


def network_name(path: Path) -> tuple[str, str | None]:
    """Name of the network a file holds, and the element type its name states.

    >>> network_name(Path("ncnn_mobilenet_int8.csv"))
    ('mobilenet', 'int8')
    """
    stem = path.stem.removeprefix(PREFIX)
    return (stem.removesuffix(QUANTISED), "int8") if stem.endswith(QUANTISED) else (stem, None)


def table_kind(header: Sequence[str]) -> str | None:
    """``layers``, ``decoder`` or None, by the columns."""
    if set(header) >= DECODER_COLUMNS:
        return "decoder"
    return "layers" if "op" in header and "out_shape" in header else None


def is_layer_table(path: str | Path) -> bool:
    """True for a file that :func:`load_layer_table` takes without being told its format: folders hold other tables too."""
    try:
        header, _ = csv_records(Path(path))
    except GraphError:
        return False
    return table_kind(header) is not None or is_topology(header)


def table_graph(name: str, rows: Sequence[Row], *, batch: int, dtype: str | None, allow_unmodelled: bool = False) -> Graph:
    """Graph of the rows of a table."""
    builder = _TableBuilder(batch, dtype or "fp32", allow_unmodelled=allow_unmodelled)
    for row in rows:
        builder.declare(row)
    for row in rows:
        builder.add(row)
        builder.edges.finish(row)
    return builder.graph(name, dtype)


class _TableBuilder:
    """Turns rows into operators one after the other."""

    def __init__(self, batch: int, dtype: str, *, allow_unmodelled: bool) -> None:
        self.edges = Edges(batch, dtype)
        self.dtype, self.allow_unmodelled = dtype, allow_unmodelled
        self.operators: list[Operator] = []
        self.weights: dict[str, Tensor] = {}

    def declare(self, row: Row) -> None:
        """Declare what a row writes: activations, an input of the network, or a constant."""
        kind = row.op.lower()
        role: Any = {"input": "input", "memorydata": "weight"}.get(kind, "activation")
        batch = 1 if role == "weight" else self.edges.batch
        names = [row.name if i == 0 else f"{row.name}:{i}" for i in range(len(row.out_shapes))]
        shapes = zip(names, row.out_shapes, strict=True)
        self.edges.declare(row, [Tensor(name, (batch, *shape), row.dtype or self.dtype, role) for name, shape in shapes])

    def add(self, row: Row) -> None:
        """Add the operator of a row; inputs and constants of the network are none."""
        if row.op.lower() in ("input", "memorydata"):
            self.check(row, 0, row.out_shape if row.op.lower() == "memorydata" else None)
            return
        inputs = [self.stretched(row, tensor) for tensor in self.edges.inputs_of(row)]
        row = row if row.in_shapes else replace(row, in_shapes=tuple(tensor.shape[1:] for tensor in inputs))
        outputs = [self.edges.tensors[name] for name in self.edges.of_row[row.name]]
        layer = self.layer(row, inputs)
        weights = self.constants(row, layer)
        names = [tensor.name for tensor in inputs]
        for position in layer.absent:
            names.insert(position, "")
        if layer.positions is None:
            names += [tensor.name for tensor in weights]
        else:
            for position, tensor in zip(layer.positions, weights, strict=True):
                names.insert(position, tensor.name)
        attributes = dict(layer.attributes)
        if inputs and outputs and inputs[0].dtype != outputs[0].dtype:
            attributes["output_dtype"] = outputs[0].dtype
        if row.notes:
            attributes["notes"] = row.notes
        operator = Operator(row.name, layer.op, tuple(names), tuple(tensor.name for tensor in outputs), attributes)
        self.operators.append(operator)
        self.verify(row, operator)

    def layer(self, row: Row, inputs: Sequence[Tensor]) -> Layer:
        try:
            canonical(row)
        except GraphError:
            if not self.allow_unmodelled:
                raise
            return Layer(row.op, {"unmodelled": True})
        return layer_of(row, inputs)

    def constants(self, row: Row, layer: Layer) -> list[Tensor]:
        """Weight tensors of a row; the bias of an integer layer is 32 bits wide."""
        dtype = row.dtype or self.dtype
        found = []
        for i, shape in enumerate(layer.weights):
            is_bias = i > 0 and len(shape) == 1 and not is_float(dtype)
            found.append(Tensor(f"{row.name}.{_part(layer, i)}", shape, "int32" if is_bias else dtype, "weight"))
        self.weights.update((tensor.name, tensor) for tensor in found)
        return found

    def stretched(self, row: Row, tensor: Tensor) -> Tensor:
        """A constant is repeated for every example of a batch."""
        if tensor.role != "weight" or self.edges.batch == 1:
            return tensor
        name = f"{tensor.name}/batch"
        if name not in self.edges.tensors:
            shape = (self.edges.batch, *tensor.shape[1:])
            self.edges.tensors[name] = Tensor(name, shape, tensor.dtype)
            self.operators.append(Operator(name, "Expand", (tensor.name,), (name,), {"shape": shape}))
        return self.edges.tensors[name]

    def verify(self, row: Row, operator: Operator) -> None:
        """Hold the row's shapes and multiply-accumulates against the rule of its operator."""
        known = {**self.edges.tensors, **self.weights}
        inputs = [known[name] if name else None for name in operator.inputs]
        outputs = [known[name] for name in operator.outputs]
        rule = rule_of(operator)
        try:
            expected = [kind.shape for kind in rule.output_types(operator, inputs)]
        except UndeterminedShape:
            expected = [tensor.shape for tensor in outputs]
        except GraphError as error:
            raise row.error(str(error).partition(": ")[2]) from error
        for tensor, shape in zip(outputs, expected, strict=False):
            if tensor.shape != shape:
                given, follows = ("x".join(map(str, sizes[1:])) for sizes in (tensor.shape, shape))
                raise row.error(f"out_shape {given}; {follows} follows from its inputs, kernel, stride and pad")
        self.check(row, rule.work(operator, inputs, outputs).macs // self.edges.batch, None)

    def check(self, row: Row, macs: int, constant: tuple[int, ...] | None) -> None:
        """Compare the ``macs`` column, and ``params`` of a constant."""
        if row.macs is not None and row.macs != macs:
            raise row.error(f"macs {row.macs}; {macs} follows from its shapes")
        if constant is not None and row.params is not None and row.params != Tensor(row.name, constant).elements:
            raise row.error(f"params {row.params}; {Tensor(row.name, constant).elements} follows from its shape")

    def graph(self, name: str, dtype: str | None) -> Graph:
        """The finished graph; what nobody reads is an output of the network."""
        read = {source for operator in self.operators for source in operator.inputs}
        tensors = [*self.edges.tensors.values(), *self.weights.values()]
        marked = [
            Tensor(t.name, t.shape, t.dtype, "output") if t.role == "activation" and t.name not in read else t for t in tensors
        ]
        settings: dict[str, Any] = {"batch": self.edges.batch, "dims": {}}
        if dtype is not None:
            settings["dtype"] = dtype
        if not self.operators:
            raise GraphError("only inputs and constants; at least one operator is expected")
        return Graph.build(name, self.operators, marked, (INFERRED,) if self.edges.inferred else (), settings)


def _part(layer: Layer, index: int) -> str:
    """``weight``, ``bias`` for the usual two, numbers beyond."""
    if len(layer.weights) <= 2:
        return ("weight", "bias")[index]
    return f"weight_{index + 1}"
