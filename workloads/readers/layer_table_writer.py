"""Graph -> layer table (.csv): any network as rows of shapes, which :func:`load_layer_table` reads back with the same counts."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor
from workloads.operators import rule_of
from workloads.readers.layer_rows import ACTIVATION_SPELLINGS, COLUMNS
from workloads.readers.onnx_attributes import PARAMETERS, WINDOWED

#: Quantised and fused spellings -> the operator whose row says the same.
PLAIN_NAMES = {
    "ConvInteger": "Conv", "FusedConv": "Conv", "FusedGemm": "Gemm", "FusedMatMul": "MatMul", "MatMulInteger": "MatMul",
    "QGemm": "Gemm", "QLinearAdd": "Add", "QLinearConv": "Conv", "QLinearMatMul": "MatMul", "QLinearMul": "Mul",
}  # fmt: skip
#: Operators whose constants are weights, and the positions of these (None: all constants).
WEIGHTED: Mapping[str, tuple[int, ...] | None] = {
    "BatchNormalization": None, "Conv": (1, 2), "ConvInteger": (1,), "ConvTranspose": (1, 2), "Gather": (0,), "Gemm": (1, 2),
    "GRU": (1, 2, 3), "GroupNormalization": None, "InstanceNormalization": None, "LSTM": (1, 2, 3), "LayerNormalization": None,
    "MatMul": (1,), "MatMulInteger": (1,), "MultiHeadAttention": None, "PRelu": None, "QGemm": (3, 6), "QLinearConv": (3, 8),
    "QLinearMatMul": (3,), "RMSNormalization": None, "RNN": (1, 2, 3), "Affine": None,
}  # fmt: skip
#: Operators whose constants only say shapes, axes or scales.
DESCRIBED = frozenset({
    *PARAMETERS, "ArgMax", "ArgMin", "DequantizeLinear", "Expand", "QuantizeLinear", "Reshape", "Resize", "Transpose",
})  # fmt: skip
ROW_NAMES = {activation: spelling for spelling, activation in reversed(ACTIVATION_SPELLINGS.items()) if activation and spelling}


def write_layer_table(graph: Graph, path: str | Path) -> None:
    """Write a network as a layer table.

    Shapes are those of one example, channels first, whatever the layout of the network. Weights become the ``params`` of their row,
    other constants rows of their own. The file is written beside its place and then renamed.

    Parameters
    ----------
    graph : Graph
    path : str or Path
        The ``.csv`` file.

    Raises
    ------
    GraphError
        An operator that a row cannot describe, by name.
    """
    rows = rows_of_graph(graph)
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def rows_of_graph(graph: Graph) -> list[dict[str, Any]]:
    """Rows of the table: inputs first, then operators in their order, constants before their first reader."""
    return _Writer(graph).rows()


class _Writer:
    """Names rows and turns tensors into text."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.batch = int(graph.settings.get("batch") or 1)
        self.channels_last = any(operator.attribute("layout") == "NHWC" for operator in graph.operators)
        self.written: dict[str, str] = {}
        self.taken: set[str] = set()
        self.table: list[dict[str, Any]] = []

    def rows(self) -> list[dict[str, Any]]:
        for tensor in self.graph.inputs:
            self.source(tensor, "Input")
        for operator in self.graph.operators:
            self.operator(operator)
        return self.table

    def name(self, wanted: str) -> str:
        """A row name nobody has, free of the separators of lists."""
        name = wanted.replace(";", "_").replace("\n", " ").strip() or "row"
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def source(self, tensor: Tensor, op: str) -> None:
        """A row of an input or a constant."""
        name = self.name(tensor.name)
        row: dict[str, Any] = {"name": name, "op": op, "out_shape": self.text(tensor), "dtype": tensor.dtype}
        if op == "MemoryData":
            row["params"] = tensor.elements
        self.table.append(row)
        self.written[tensor.name] = name

    def operator(self, operator: Operator) -> None:
        """A row of an operator."""
        inputs, outputs = self.graph.tensors_of(operator.inputs), self.graph.tensors_of(operator.outputs)
        work = rule_of(operator).work(operator, inputs, outputs)
        weights, read = self.operands(operator)
        for tensor in read:
            if tensor.name not in self.written:
                self.source(tensor, "MemoryData")
        name = self.name(operator.name)
        results = [tensor for tensor in outputs if tensor is not None]
        for i, tensor in enumerate(results):
            self.written[tensor.name] = name if i == 0 else f"{name}:{i}"
        self.table.append({
            "name": name, "op": self.op(operator), "inputs": ";".join(self.written[tensor.name] for tensor in read),
            "in_shape": ";".join(map(self.text, read)), "out_shape": ";".join(map(self.text, results)),
            "dtype": results[0].dtype if results else "", "act": self.act(operator),
            "params": sum(tensor.elements for tensor in weights), "macs": work.macs // self.batch,
            **self.window(operator, results),
        })  # fmt: skip

    def operands(self, operator: Operator) -> tuple[list[Tensor], list[Tensor]]:
        """Weights of a row, and what it reads from other rows."""
        weights, read = [], []
        positions = WEIGHTED.get(operator.op, ())
        for position, name in enumerate(operator.inputs):
            tensor = self.graph.tensors[name] if name else None
            if tensor is None:
                continue
            if tensor.role != "weight":
                read.append(tensor)
            elif positions is None or position in positions:
                weights.append(tensor)
            elif operator.op not in DESCRIBED and operator.op not in PLAIN_NAMES and self.op(operator) != "Slice":
                read.append(self.spread(tensor, operator))
        return weights, read

    def spread(self, tensor: Tensor, operator: Operator) -> Tensor:
        """A constant that broadcasts over channels-last maps, with all their axes."""
        result = self.graph.tensors[operator.outputs[0]]
        missing = len(result.shape) - len(tensor.shape)
        if self.channels_last and len(result.shape) > 3 and missing > 0 and tensor.elements > 1:
            return replace(tensor, shape=((1,) * missing + tensor.shape))
        return tensor

    def op(self, operator: Operator) -> str:
        """Name of a row's operator."""
        if operator.op == "Transpose":
            before, after = (self.graph.tensors[name].shape for name in (operator.inputs[0], operator.outputs[0]))
            perm = operator.attribute("perm") or tuple(reversed(range(len(before))))
            moved = [axis for axis in perm if before[axis] > 1]
            if moved == sorted(moved) and math.prod(before) == math.prod(after):
                return "Reshape"
        if operator.op == "Gather" and self.graph.tensors[operator.inputs[0]].role != "weight":
            return "Slice"
        return PLAIN_NAMES.get(operator.op, operator.op)

    def act(self, operator: Operator) -> str:
        """Fused activation; the mode of a Resize."""
        if operator.op in ("Resize", "Upsample"):
            return {"linear": "bilinear", "cubic": "bicubic"}.get(operator.attribute("mode", "nearest"), "nearest")
        activation = operator.attribute("activation")
        if activation in (None, "none"):
            return ""
        if activation not in ROW_NAMES:
            raise GraphError(f"operator '{operator.name}' ({operator.op}): fused '{activation}' has no spelling in a layer table")
        return ROW_NAMES[activation]

    def window(self, operator: Operator, results: list[Tensor]) -> dict[str, str]:
        """Columns of operators with a window, of groups and heads."""
        attributes = operator.attributes
        heads = attributes.get("num_heads") or attributes.get("q_num_heads") or attributes.get("num_groups")
        if heads or operator.op == "ShuffleChannel":
            return {"groups": str(heads or attributes.get("group", 1))}
        if operator.op == "LRN":
            return {"kernel": str(attributes.get("size", 5))}
        if operator.op not in WINDOWED:
            return {}
        kernel = attributes.get("kernel_shape") or self.kernel(operator)
        rank = len(kernel)
        pads = attributes.get("pads") or (0,) * (2 * rank)
        columns = {
            "kernel": kernel,
            "stride": attributes.get("strides") or (1,) * rank,
            "dilation": attributes.get("dilations") or (1,) * rank,
        }
        row = {column: "x".join(map(str, sizes)) for column, sizes in columns.items()}
        row["pad"] = ",".join(f"{begin},{end}" for begin, end in zip(pads[:rank], pads[rank:], strict=True))
        return {**row, **({"groups": str(attributes.get("group", 1))} if WINDOWED[operator.op] is not None else {})}

    def kernel(self, operator: Operator) -> tuple[int, ...]:
        """Window of a convolution whose attributes leave it to the weights."""
        position = WINDOWED[operator.op]
        shape = self.graph.tensors[operator.inputs[position]].shape if position is not None else ()
        layout = operator.attribute("weight_layout", "OIHW")
        return shape[1:-1] if layout in ("OHWI", "1HWO") else shape[:-2] if layout == "HWIO" else shape[2:]

    def text(self, tensor: Tensor) -> str:
        """Shape of one example, channels first."""
        shape = tensor.shape
        if self.channels_last and len(shape) in (4, 5):
            shape = (shape[0], shape[-1], *shape[1:-1])
        leads = len(shape) > 1 and shape[0] in (self.batch, 1)
        return "x".join(map(str, shape[1:] if leads else shape or (1,)))
