"""The kernels a GPU runtime really starts: a wrong list costs more than any parameter can repair.

``eager``   one kernel per operator, each reading and writing its tensors once; views are free
``fused``   matrix kernels alone; every other operator joins the group of its most recently produced input unless that is a matrix
            kernel or a pool; a group reads what comes from outside and writes what is read outside, once
``engine``  what the profile fuses disappears into its neighbour; pools, additions and copies stay kernels; concatenations too,
            unless the profile fuses ``concat``: then producers write into the place of the result

A permutation costs only where a copy into one run of memory follows: under ``eager`` where strides say so
(``dataflows/memory_order.py``), under ``fused`` only between two matrix kernels, because a group reads and writes in any order,
under ``engine`` where a view or a matrix kernel other than a product reads it.

What depends on no input of the network (a weight cast to another type, a table of positions gathered from weights) is counted as
constants: once per run, whatever the batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataflows.fusion import fused_operators
from dataflows.memory_order import MemoryOrder
from dataflows.unit_work import ABSORBED
from hwmodels.runtime import Runtime
from workloads.dtypes import stored_bytes
from workloads.graph import Graph
from workloads.operators.rule import KINDS
from workloads.tables import ACTIVATIONS, VARIANTS, GraphTables, OperatorTable

if TYPE_CHECKING:
    Ints = NDArray[np.int64]
else:
    Ints = Any

#: What a kernel is to the model, in the order of its codes; ``none`` is a view or an operator inside another kernel.
FAMILIES = ("none", "matrix", "grouped", "product", "attention", "depthwise", "fully_connected", "stream", "memory", "detection")
(
    NONE, MATRIX_KERNEL, GROUPED_KERNEL, PRODUCT_KERNEL, ATTENTION_KERNEL, DEPTHWISE_KERNEL, FULLY_CONNECTED_KERNEL,
    STREAM_KERNEL, MEMORY_KERNEL, HEAD,
) = range(10)  # fmt: skip

#: Families that compute: they are kernels of their own in every lowering.
MATRIX_FAMILIES = (
    MATRIX_KERNEL, GROUPED_KERNEL, PRODUCT_KERNEL, ATTENTION_KERNEL, DEPTHWISE_KERNEL, FULLY_CONNECTED_KERNEL,
)  # fmt: skip

#: Variants that only relabel memory.
VIEWS = ("reshape", "slice")


class KernelTable(NamedTuple):
    """One row per operator: the kernel it starts, if any."""

    family: Ints  # index into FAMILIES
    launches: Ints  # kernels started
    read_bytes: Ints  # activation bytes read [B]
    written_bytes: Ints  # activation bytes written [B]
    weight_bytes: Ints  # constant bytes, once per run whatever the batch [B]
    copied_bytes: Ints  # bytes read and written by copies into one run of memory before the kernel [B]
    runs: Ints  # 1 at the first kernel of the run


@dataclass(frozen=True)
class KernelList:
    """The kernels of a network, and which operator disappeared into which.

    Attributes
    ----------
    kernels : KernelTable
    operators : OperatorTable
        As the runtime runs it.
    into : dict of int to int
    """

    kernels: KernelTable
    operators: OperatorTable
    into: dict[int, int]


def kernel_list(graph: Graph, tables: GraphTables, runtime: Runtime | None, mine: NDArray[np.bool_]) -> KernelList:
    """Kernels that ``runtime`` starts for the operators a GPU runs."""
    mode = runtime.lowering if runtime is not None else "eager"
    fused = fused_operators(graph, tables, runtime, mine)
    into = dict(fused.into)
    rows = _Rows(graph, fused.operators, runtime)
    if mode == "fused":
        rows.group(into)
    elif mode == "eager":
        rows.split_activations()
        rows.copy_operands()
    if mode != "engine":
        rows.cast_constants()
    operators = fused.operators._replace(kind=np.where(rows.absorbed, ABSORBED, fused.operators.kind))
    return KernelList(rows.table(), operators, into)


def input_dependent(graph: Graph) -> set[str]:
    """Tensors that depend on an input of the network; the others are made of constants alone."""
    found = {tensor.name for tensor in graph.inputs}
    for operator in graph.operators:
        if any(name in found for name in operator.inputs):
            found.update(operator.outputs)
    return found


class _Rows:
    """Columns of the kernel table while the list is made."""

    def __init__(self, graph: Graph, operators: OperatorTable, runtime: Runtime | None) -> None:
        self.graph, self.operators = graph, operators
        self.mode = runtime.lowering if runtime is not None else "eager"
        concat_in_place = runtime is not None and "concat" in runtime.fuses
        self.views = (*VIEWS, "concat") if concat_in_place else VIEWS
        last = runtime is not None and runtime.layout == "channels_last"
        self.order = MemoryOrder(graph, images_channels_last=last) if self.mode != "engine" else None
        count = len(graph.operators)
        self.absorbed = operators.kind == ABSORBED
        self.family = np.array([self._family(i) for i in range(count)], dtype=np.int64)
        started = self.family != NONE
        self.launches = started.astype(np.int64)
        self.read, self.written, self.weights = (np.zeros(count, dtype=np.int64) for _ in range(3))
        self.copied = np.zeros(count, dtype=np.int64)
        self.dependent = input_dependent(graph)
        for i in np.flatnonzero(started):
            self._move(int(i))

    def _move(self, i: int) -> None:
        """Bytes of one kernel on its own."""
        operator, tensors = self.graph.operators[i], self.graph.tensors
        self.read[i] = self.operators.input_bytes[i]
        self.written[i] = self.operators.output_bytes[i]
        self.weights[i] = self.operators.weight_bytes[i]
        if KINDS[self.operators.kind[i]] == "embedding":
            self.weights[i] = min(self.weights[i], self.written[i])
        elif KINDS[self.operators.kind[i]] == "recurrent":
            self.launches[i] = max(1, int(self.operators.output_pixels[i]))
        if not any(name in self.dependent for name in operator.inputs):
            self.weights[i] += self.read[i] + self.written[i]
            self.read[i] = self.written[i] = 0
        else:
            made = {n for n in operator.inputs if n and n not in self.dependent and tensors[n].role != "weight"}
            constant = sum(tensors[name].bytes for name in made)
            self.weights[i] += constant
            self.read[i] -= constant

    def _family(self, i: int) -> int:
        if self.absorbed[i]:
            return NONE
        kind, variant = KINDS[self.operators.kind[i]], VARIANTS[self.operators.variant[i]]
        if kind == "embedding":
            return MEMORY_KERNEL
        if self.order is not None and i in self.order.views:
            return NONE
        if kind == "free" or variant in self.views or self.graph.operators[i].op == "Expand":
            return NONE
        if variant == "transpose":
            return MEMORY_KERNEL if self._copied(i) else NONE
        return {
            "convolution": self._convolution(i),
            "depthwise": DEPTHWISE_KERNEL,
            "fully_connected": FULLY_CONNECTED_KERNEL if self._rows(i) == 1 else PRODUCT_KERNEL,
            "matmul": ATTENTION_KERNEL,
            "attention": ATTENTION_KERNEL,
            "recurrent": MATRIX_KERNEL,
            "elementwise": STREAM_KERNEL,
            "activation": STREAM_KERNEL,
            "quantization": STREAM_KERNEL,
            "detection": HEAD if variant == "detection_output" else MEMORY_KERNEL,
            "normalization": STREAM_KERNEL if variant == "batch_norm" else MEMORY_KERNEL,
        }.get(kind, MEMORY_KERNEL)

    def _convolution(self, i: int) -> int:
        return GROUPED_KERNEL if int(self.graph.operators[i].attribute("group", 1)) > 1 else MATRIX_KERNEL

    def _rows(self, i: int) -> int:
        """Rows of a product with a constant."""
        return int(self.operators.output_elements[i] // max(1, self.operators.output_channels[i]))

    def _copied(self, i: int) -> bool:
        """True where a reader of a permutation needs contiguous memory."""
        for name in self.graph.operators[i].outputs:
            if self.graph.tensors[name].role == "output":
                return True
            for reader in self.graph.consumers[name]:
                kind, variant = self.operators.kind[reader], VARIANTS[self.operators.variant[reader]]
                if variant in ("reshape", "concat") or (
                    kind != ABSORBED and KINDS[kind] in ("convolution", "depthwise", "pooling")
                ):
                    return True
        return False

    def split_activations(self) -> None:
        """Eager runtimes start a kernel of its own for an activation that a file has fused."""
        none = ACTIVATIONS.index("none")
        for i in np.flatnonzero(np.isin(self.family, MATRIX_FAMILIES)):
            if self.operators.activation[i] != none:
                self.launches[i] += 1
                self.read[i] += self.operators.output_bytes[i]
                self.written[i] += self.operators.output_bytes[i]

    def copy_operands(self) -> None:
        """Eager runtimes start a kernel for each operand that must first be brought into one run of memory."""
        assert self.order is not None
        for i, names in self.order.copied.items():
            if not self.absorbed[i]:
                self._copy(i, names)

    def _copy(self, i: int, names: Iterable[str]) -> None:
        for name in names:
            moved = 2 * self.graph.tensors[name].bytes
            if name in self.dependent:
                self.copied[i] += moved
            else:
                self.weights[i] += moved
            self.launches[i] += 1
        if self.family[i] == NONE:
            self.family[i] = MEMORY_KERNEL

    def cast_constants(self) -> None:
        """Matrix kernels of another type than their constants: each constant is cast once per run, then read in the new type."""
        for i in np.flatnonzero(np.isin(self.family, MATRIX_FAMILIES)):
            operator, tensors = self.graph.operators[i], self.graph.tensors
            dtype = tensors[operator.outputs[0]].dtype
            for name in dict.fromkeys(operator.inputs):
                tensor = tensors[name] if name else None
                if tensor is not None and tensor.role == "weight" and tensor.dtype == "fp32" and dtype in ("fp16", "bf16"):
                    self.weights[i] += stored_bytes(2 * tensor.elements, dtype)
                    self.launches[i] += 1

    def group(self, into: dict[int, int]) -> None:
        """Join every other operator to the group of its most recently produced input."""
        assert self.order is not None
        head: dict[int, int] = {}
        for i in map(int, np.flatnonzero(~self.absorbed)):
            if self.family[i] in (*MATRIX_FAMILIES, HEAD) or self._is_view(i):
                continue
            latest = max(self._producers(i), default=-1)
            head[i] = head[latest] if latest in head and not self._is_pool(latest) else i
        members: dict[int, list[int]] = {}
        for member, first in head.items():
            members.setdefault(first, []).append(member)
        for first, joined in members.items():
            self._merge(first, joined, into)
        for i, names in self.order.copied.items():
            between = [name for name in names if self.graph.producer.get(self._base(name)) not in head]
            if not self.absorbed[i] and self._reads_in_order(i, head):
                self._copy(i, between)

    def _reads_in_order(self, i: int, head: dict[int, int]) -> bool:
        """True where an operator, or all that look at its view, is no part of a group."""
        if not self._is_view(i):
            return i not in head
        readers = [reader for name in self.graph.operators[i].outputs if name for reader in self.graph.consumers[name]]
        return any(self._reads_in_order(reader, head) for reader in readers)

    def _is_pool(self, i: int) -> bool:
        return KINDS[self.operators.kind[i]] == "pooling"

    def _producers(self, i: int) -> list[int]:
        """Operators that produce the inputs, views looked through."""
        made = (self.graph.producer.get(self._base(name)) for name in self.graph.operators[i].inputs if name)
        return [source for source in made if source is not None]

    def _is_view(self, i: int) -> bool:
        if self.absorbed[i] or not self.graph.operators[i].inputs:
            return False
        return KINDS[self.operators.kind[i]] == "free" or (self.order is not None and i in self.order.views)

    def _base(self, name: str) -> str:
        """The tensor that a chain of views looks at."""
        source = self.graph.producer.get(name)
        while source is not None and self._is_view(source):
            name = self.graph.operators[source].inputs[0]
            source = self.graph.producer.get(name)
        return name

    def _read_outside(self, name: str, inside: set[int]) -> bool:
        """True where somebody beyond the group reads a tensor, itself or through views."""
        if self.graph.tensors[name].role == "output":
            return True
        for reader in self.graph.consumers[name]:
            if not self._is_view(reader):
                if reader not in inside:
                    return True
            elif any(self._read_outside(view, inside) for view in self.graph.operators[reader].outputs if view):
                return True
        return False

    def _merge(self, first: int, members: list[int], into: dict[int, int]) -> None:
        """One kernel for a group: inputs from outside once, outputs that are read outside once."""
        inside, tensors = set(members), self.graph.tensors
        names = {self._base(name) for i in members for name in self.graph.operators[i].inputs if name}
        outer = {n for n in names if tensors[n].role != "weight" and self.graph.producer.get(n) not in inside}
        made = {name for i in members for name in self.graph.operators[i].outputs if name}
        kept = {n for n in made if self._read_outside(n, inside)}
        families = {int(self.family[i]) for i in members}
        weights = sum(tensors[n].bytes for n in names if tensors[n].role == "weight")
        for i in members[1:]:
            into[i] = first
            self.absorbed[i] = True
            self.family[i], self.launches[i], self.read[i], self.written[i], self.weights[i] = NONE, 0, 0, 0, 0
        self.family[first] = MEMORY_KERNEL if MEMORY_KERNEL in families else max(families)
        started = self.family[first] != NONE
        self.launches[first] = int(started)
        self.read[first] = sum(tensors[n].bytes for n in outer & self.dependent) if started else 0
        self.written[first] = sum(tensors[n].bytes for n in kept & self.dependent) if started else 0
        self.weights[first] = weights + sum(tensors[n].bytes for n in (outer | kept) - self.dependent) if started else 0

    def table(self) -> KernelTable:
        """The finished columns."""
        runs = np.zeros(len(self.family), dtype=np.int64)
        started = np.flatnonzero(self.launches)
        runs[started[:1]] = 1
        return KernelTable(self.family, self.launches, self.read, self.written, self.weights, self.copied, runs)
