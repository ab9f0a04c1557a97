"""The kernels a GPU runtime really starts: a wrong list costs more than any parameter can repair.

``eager``   one kernel per operator, each reading and writing its tensors once; views are free
``fused``   matrix kernels alone; every other operator joins the group of its most recently produced input unless that is a matrix
            kernel or a pool; a group reads what comes from outside and writes what is read outside, once
``engine``  what the profile fuses disappears into its neighbour; pools, additions and copies stay kernels; concatenations too,
            unless the profile fuses ``concat``: then producers write into the place of the result

A permutation costs only where a contiguous copy follows, that is where a view or a matrix kernel other than a product reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataflows.fusion import fused_operators
from dataflows.unit_work import ABSORBED
from hwmodels.runtime import Runtime
from workloads.graph import Graph
from workloads.operators.rule import KINDS
from workloads.tables import ACTIVATIONS, VARIANTS, GraphTables, OperatorTable

if TYPE_CHECKING:
    Ints = NDArray[np.int64]
else:
    Ints = Any

#: What a kernel is to the model, in the order of its codes; ``none`` is a view or an operator inside another kernel.
FAMILIES = ("none", "matrix", "grouped", "attention", "depthwise", "fully_connected", "stream", "memory", "detection")
(
    NONE, MATRIX_KERNEL, GROUPED_KERNEL, ATTENTION_KERNEL, DEPTHWISE_KERNEL, FULLY_CONNECTED_KERNEL, STREAM_KERNEL,
    MEMORY_KERNEL, HEAD,
) = range(9)  # fmt: skip

#: Families that compute: they are kernels of their own in every lowering.
MATRIX_FAMILIES = (MATRIX_KERNEL, GROUPED_KERNEL, ATTENTION_KERNEL, DEPTHWISE_KERNEL, FULLY_CONNECTED_KERNEL)

#: Variants that only relabel memory.
VIEWS = ("reshape", "slice")


class KernelTable(NamedTuple):
    """One row per operator: the kernel it starts, if any."""

    family: Ints  # index into FAMILIES
    launches: Ints  # kernels started
    read_bytes: Ints  # activation bytes read [B]
    written_bytes: Ints  # activation bytes written [B]
    weight_bytes: Ints  # constant bytes read, once per run [B]
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
    rows = _Rows(graph, fused.operators, frozenset(runtime.fuses if runtime is not None else ()))
    if mode == "fused":
        rows.group(into)
    elif mode == "eager":
        rows.split_activations()
    operators = fused.operators._replace(kind=np.where(rows.absorbed, ABSORBED, fused.operators.kind))
    return KernelList(rows.table(), operators, into)


class _Rows:
    """Columns of the kernel table while the list is made."""

    def __init__(self, graph: Graph, operators: OperatorTable, fuses: frozenset[str]) -> None:
        self.graph, self.operators = graph, operators
        self.views = (*VIEWS, "concat") if "concat" in fuses else VIEWS
        count = len(graph.operators)
        self.absorbed = operators.kind == ABSORBED
        self.family = np.array([self._family(i) for i in range(count)], dtype=np.int64)
        started = self.family != NONE
        self.launches = started.astype(np.int64)
        self.read = np.where(started, operators.input_bytes, 0)
        self.written = np.where(started, operators.output_bytes, 0)
        self.weights = np.where(started, operators.weight_bytes, 0)
        for i in np.flatnonzero(started):
            if KINDS[operators.kind[i]] == "embedding":
                self.weights[i] = min(self.weights[i], self.written[i])
            elif KINDS[operators.kind[i]] == "recurrent":
                self.launches[i] = max(1, int(operators.output_pixels[i]))

    def _family(self, i: int) -> int:
        if self.absorbed[i]:
            return NONE
        kind, variant = KINDS[self.operators.kind[i]], VARIANTS[self.operators.variant[i]]
        if kind == "free" or variant in self.views or self.graph.operators[i].op == "Expand":
            return NONE
        if variant == "transpose":
            return MEMORY_KERNEL if self._copied(i) else NONE
        return {
            "convolution": self._convolution(i),
            "depthwise": DEPTHWISE_KERNEL,
            "fully_connected": FULLY_CONNECTED_KERNEL if self._rows(i) == 1 else MATRIX_KERNEL,
            "matmul": ATTENTION_KERNEL,
            "attention": ATTENTION_KERNEL,
            "recurrent": MATRIX_KERNEL,
            "elementwise": STREAM_KERNEL,
            "activation": STREAM_KERNEL,
            "quantization": STREAM_KERNEL,
            "embedding": MEMORY_KERNEL,
            "detection": MEMORY_KERNEL if variant == "prior_box" else HEAD,
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

    def group(self, into: dict[int, int]) -> None:
        """Join every other operator to the group of its most recently produced input."""
        head: dict[int, int] = {}
        for i in np.flatnonzero(~self.absorbed):
            if self.family[i] in (*MATRIX_FAMILIES, HEAD) or KINDS[self.operators.kind[i]] == "free":
                continue
            latest = max(self._producers(int(i)), default=-1)
            head[int(i)] = head[latest] if latest in head and not self._is_pool(latest) else int(i)
        for first in dict.fromkeys(head.values()):
            self._merge(first, [i for i, group in head.items() if group == first], into)

    def _is_pool(self, i: int) -> bool:
        return KINDS[self.operators.kind[i]] == "pooling"

    def _producers(self, i: int) -> list[int]:
        """Operators that produce the inputs, views looked through."""
        made = (self.graph.producer.get(self._base(name)) for name in self.graph.operators[i].inputs if name)
        return [source for source in made if source is not None]

    def _is_view(self, i: int) -> bool:
        return not self.absorbed[i] and KINDS[self.operators.kind[i]] == "free" and bool(self.graph.operators[i].inputs)

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
        for i in members[1:]:
            into[i] = first
            self.absorbed[i] = True
            self.weights[first] += self.weights[i]
            self.family[i], self.launches[i], self.read[i], self.written[i], self.weights[i] = NONE, 0, 0, 0, 0
        self.family[first] = MEMORY_KERNEL if MEMORY_KERNEL in families else max(families)
        started = self.family[first] != NONE
        self.launches[first] = int(started)
        self.read[first] = sum(tensors[n].bytes for n in outer) if started else 0
        self.written[first] = sum(tensors[n].bytes for n in kept) if started else 0

    def table(self) -> KernelTable:
        """The finished columns."""
        runs = np.zeros(len(self.family), dtype=np.int64)
        started = np.flatnonzero(self.launches)
        runs[started[:1]] = 1
        return KernelTable(self.family, self.launches, self.read, self.written, self.weights, runs)
