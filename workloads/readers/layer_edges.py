"""Edges of a layer table: what each row reads, as its ``inputs`` column says or as shapes suggest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from workloads.errors import nearest
from workloads.graph import Tensor
from workloads.readers.layer_rows import Row

#: Operators that read one tensor several times: self-attention.
REPEATING = frozenset({"attention", "multiheadattention", "sdpa"})
#: Operators that flatten what they read.
FLATTENING = frozenset({"innerproduct", "gemm", "fully_connected", "flatten", "reshape"})

INFERRED = "edges: inferred"


@dataclass
class Edges:
    """Tensors written so far, nearest last, and who has read them.

    Attributes
    ----------
    batch : int
    dtype : str
        Element type of network inputs.
    tensors : dict of str to Tensor
        By name.
    of_row : dict of str to list of str
        Names of the tensors each row writes.
    written : list of Tensor
        Those of rows that were taken already, nearest last; network inputs that rows brought along come first.
    read : set of str
    inferred : bool
        True once an edge was taken from shapes.
    """

    batch: int
    dtype: str
    tensors: dict[str, Tensor] = field(default_factory=dict)
    of_row: dict[str, list[str]] = field(default_factory=dict)
    written: list[Tensor] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    inferred: bool = False

    def declare(self, row: Row, tensors: Sequence[Tensor]) -> None:
        """Remember what a row writes."""
        self.of_row[row.name] = [tensor.name for tensor in tensors]
        self.tensors.update((tensor.name, tensor) for tensor in tensors)

    def finish(self, row: Row) -> None:
        """What a row writes may be read by the rows behind it."""
        self.written += [self.tensors[name] for name in self.of_row[row.name]]

    def inputs_of(self, row: Row) -> list[Tensor]:
        """Tensors a row reads: those it names, else those its shapes suggest, else what the row before writes."""
        if row.inputs:
            found = self.named(row)
        elif row.in_shapes:
            found = self.guessed(row)
        elif self.written:
            found, self.inferred = self.written[-1:], True
        else:
            raise row.error("no in_shape; a shape like 3x224x224 is expected")
        self.read.update(tensor.name for tensor in found)
        return found

    def named(self, row: Row) -> list[Tensor]:
        """Inputs by the names of the rows that write them; ``row:1`` is the second output of a row."""
        found = [self.tensors[self.output_name(row, name)] for name in row.inputs or ()]
        if row.in_shapes and len(found) not in (0, len(row.in_shapes)):
            raise row.error(f"{len(found)} inputs but {len(row.in_shapes)} input shapes; as many are expected")
        for tensor, shape in zip(found, row.in_shapes, strict=False):
            if math.prod(tensor.shape) != self.batch * math.prod(shape):
                given = "x".join(map(str, shape))
                raise row.error(f"in_shape {given} of '{tensor.name}', which has {tensor.shape[1:]}; equal shapes are expected")
        return found

    def output_name(self, row: Row, name: str) -> str:
        """Tensor that a name in the ``inputs`` column means."""
        if name in self.of_row:
            outputs = self.of_row[name]
            if not outputs:
                raise row.error(f"input '{name}' writes nothing; a row with an out_shape is expected")
            return outputs[0]
        stem, _, place = name.rpartition(":")
        if stem in self.of_row and place.isdigit() and int(place) < len(self.of_row[stem]):
            return self.of_row[stem][int(place)]
        raise row.error(f"input '{name}' is no row; {nearest(name, self.of_row)}")

    def guessed(self, row: Row) -> list[Tensor]:
        """The nearest earlier outputs of equal shape.

        A shape that comes twice means two tensors (the sum of two branches), where the second is preferably one nobody has read;
        attention reads one tensor three times. What nobody wrote is an input of the network.
        """
        found: list[Tensor] = []
        for shape in row.in_shapes:
            taken = set() if row.op.lower() in REPEATING else {tensor.name for tensor in found}
            candidates = [tensor for tensor in self.earlier(row, shape) if tensor.name not in taken]
            unread = [tensor for tensor in candidates if tensor.name not in self.read]
            second = any(tensor.shape[1:] == shape for tensor in found) and row.op.lower() not in REPEATING
            if not candidates:
                found.append(found[-1] if second and found else self.new_input(row, shape))
            else:
                self.inferred = True
                found.append((unread if second and unread else candidates)[0])
        return found

    def earlier(self, row: Row, shape: tuple[int, ...]) -> list[Tensor]:
        """Tensors of that shape, nearest first; for rows that flatten, else those with as many elements."""
        backwards = self.written[::-1]
        equal = [tensor for tensor in backwards if tensor.shape[1:] == shape]
        if equal or row.op.lower() not in FLATTENING:
            return equal
        return [tensor for tensor in backwards if math.prod(tensor.shape[1:]) == math.prod(shape)]

    def new_input(self, row: Row, shape: tuple[int, ...]) -> Tensor:
        """An input of the network."""
        number = sum(tensor.role == "input" for tensor in self.tensors.values())
        name = "input" if not number else f"input_{number + 1}"
        while name in self.tensors:
            name += "_"
        tensor = Tensor(name, (self.batch, *shape), self.dtype, "input")
        self.tensors = {name: tensor, **self.tensors}
        self.written.insert(0, tensor)
        return tensor
