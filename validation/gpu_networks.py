"""The measured timm networks as graphs: ``datasets/timm/networks.jsonl.xz``, written by ``datasets/timm/export.py``.

Graphs are of two images, fp32, batch norms kept; nothing is fused. Reading one builds one; :class:`NetworkTable` holds the lines.
"""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from workloads.graph import Graph, Operator, Tensor

TABLE = Path(__file__).parent / "datasets" / "timm" / "networks.jsonl.xz"

DTYPES = {
    "float32": "fp32",
    "float16": "fp16",
    "bfloat16": "bf16",
    "int64": "int64",
    "int32": "int32",
    "bool": "bool",
    "float64": "fp64",
}


class Exported(NamedTuple):
    """One measured model: its name, image size, the module of timm that builds it, and its networks by number.

    ``trained`` is the network as it is trained, ``merged`` with re-parameterisable branches merged; mostly they are the same.
    """

    model: str
    size: int
    module: str
    trained: int
    merged: int


@dataclass(frozen=True)
class NetworkTable:
    """Lines of the table.

    Attributes
    ----------
    images : int
        Images the networks were run on.
    operators : tuple of str
        Distinct operators as JSON: name, attributes, operands, output shapes.
    networks : tuple of str
        Distinct networks as JSON: input shape, operators by number, how many results back each operand was made.
    models : tuple of Exported
    """

    images: int
    operators: tuple[str, ...]
    networks: tuple[str, ...]
    models: tuple[Exported, ...]

    def graph(self, number: int, name: str = "") -> Graph:
        """One network."""
        shape, rows, places = json.loads(self.networks[number])
        return _graph(name or f"network_{number}", shape, [self._operator(row) for row in rows], places)

    def _operator(self, number: int) -> list[Any]:
        return _parsed(self.operators[number])


@cache
def network_table(path: Path = TABLE) -> NetworkTable:
    """The table of a file."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    head = json.loads(lines[0])
    first, last = 1 + head["operators"], 1 + head["operators"] + head["networks"]
    models = tuple(Exported(*row) for row in json.loads(lines[last]))
    return NetworkTable(head["images"], tuple(lines[1:first]), tuple(lines[first:last]), models)


@cache
def _parsed(line: str) -> list[Any]:
    op, attributes, operands, shapes = json.loads(line)
    frozen = {key: tuple(value) if isinstance(value, list) else value for key, value in attributes.items()}
    if "to" in attributes:
        frozen["to"] = DTYPES[attributes["to"]]
    return [op, frozen, [tuple(o) if isinstance(o, list) else o for o in operands], [tuple(shape) for shape in shapes]]


def _graph(name: str, shape: list[int], rows: list[list[Any]], places: list[int]) -> Graph:
    """Values are numbered in the order they are made; what nobody reads is an output of the network."""
    values = ["image"]
    tensors = [Tensor("image", tuple(shape), "fp32", "input")]
    operators, read, place = [], set(), iter(places)
    for i, (op, attributes, operands, shapes) in enumerate(rows):
        label = f"{op.lower()}_{i}"
        inputs = []
        for position, operand in enumerate(operands):
            if operand == "x":
                inputs.append(values[len(values) - next(place)])
                read.add(inputs[-1])
            elif operand == "":
                inputs.append("")
            else:
                inputs.append(f"{label}.constant{position}")
                tensors.append(Tensor(inputs[-1], operand, "fp32", "weight"))
        outputs = [f"{label}.{k}" if k else label for k in range(len(shapes))]
        operators.append(Operator(label, op, tuple(inputs), tuple(outputs), attributes))
        dtype = attributes.get("to", "fp32")
        tensors.extend(Tensor(output, size, dtype) for output, size in zip(outputs, shapes, strict=True))
        values.extend(outputs)
    ends = {output for operator in operators for output in operator.outputs} - read
    marked = [Tensor(t.name, t.shape, t.dtype, "output") if t.name in ends else t for t in tensors]
    return Graph.build(name, operators, marked, settings={"batch": shape[0], "fold": False})
