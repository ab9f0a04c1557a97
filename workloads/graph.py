"""Graph, Operator, Tensor: a network as frozen data, checked once when it is built."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from workloads.dtypes import bits, stored_bytes
from workloads.errors import GraphError, nearest

if TYPE_CHECKING:
    import networkx

Role = Literal["input", "weight", "activation", "output"]

#: Larger counts are refused: they would not fit the integer columns of the tables.
LARGEST_COUNT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class WeightFacts:
    """What counting needs to know of the values of one weight tensor; the values themselves are not kept.

    Attributes
    ----------
    zero_share : float
        Share of elements that are zero, 0 to 1.
    zero_output_channels : tuple of int
        Output channels whose weights are all zero.
    fill : float or None
        The one value all elements have, for constants that were never materialised.
    values : tuple or None
        The elements themselves, kept for small integer constants (shapes, axes, indices) only.
    zero_input_channels : tuple of int
        Input channels whose weights are all zero: what they hold is ignored.
    pattern : str
        How the zeros lie: ``unstructured``, ``block``, ``2:4`` and the like; empty where nothing is known.
    stored_bytes : int or None
        Bytes of the tensor as it is coded; ``None`` where every element is stored with its own bits.
    """

    zero_share: float = 0.0
    zero_output_channels: tuple[int, ...] = ()
    fill: float | None = None
    values: tuple[float, ...] | None = None
    zero_input_channels: tuple[int, ...] = ()
    pattern: str = ""
    stored_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a network: shape, element type, role.

    Activations keep the axis order of their file; operators say by their ``layout`` attribute which axis holds channels.

    >>> Tensor("x", (1, 3, 224, 224), "fp32", "input").bytes
    602112
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "fp32"
    role: Role = "activation"
    facts: WeightFacts | None = None

    def __post_init__(self) -> None:
        bits(self.dtype)
        for size in self.shape:
            if isinstance(size, bool) or not isinstance(size, int) or size < 0:
                raise GraphError(f"tensor '{self.name}': dimension {size!r} in shape {self.shape}; whole numbers >= 0 are expected")
        if self.elements > LARGEST_COUNT // 8:
            raise GraphError(f"tensor '{self.name}': shape {self.shape} has {self.elements} elements; at most 2^60 are expected")

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Stored size [B]."""
        if self.facts is not None and self.facts.stored_bytes is not None:
            return self.facts.stored_bytes
        return stored_bytes(self.elements, self.dtype)


@dataclass(frozen=True)
class Operator:
    """One operator: its ONNX operator name, the tensors it reads and writes, and its attributes.

    Attributes
    ----------
    name : str
        Unique in the graph.
    op : str
        Operator name in ONNX spelling, e.g. ``Conv``; operators of other formats are brought to it by their reader.
    inputs, outputs : tuple of str
        Tensor names; an absent optional input is ``""``.
    attributes : Mapping
        Normalised attributes: numbers, strings and tuples of them.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))

    def __hash__(self) -> int:
        return hash((self.name, self.op, self.inputs, self.outputs))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Operator):
            return NotImplemented
        return (self.name, self.op, self.inputs, self.outputs, dict(self.attributes)) == (
            other.name, other.op, other.inputs, other.outputs, dict(other.attributes),
        )  # fmt: skip

    def __reduce__(self) -> tuple[Any, ...]:
        return (Operator, (self.name, self.op, self.inputs, self.outputs, dict(self.attributes)))

    def attribute(self, name: str, default: Any = None) -> Any:
        """Value of one attribute, or ``default``."""
        return self.attributes.get(name, default)


@dataclass(frozen=True)
class Graph:
    """Operators in a valid order and the tensors between them.

    Build one with :meth:`Graph.build`, which checks it: names are unique, every tensor is produced once and before it is read,
    there is no cycle. Operators that come out of order are put in order, ties kept as written.

    Attributes
    ----------
    name : str
    operators : tuple of Operator
    tensors : Mapping of str to Tensor
    notes : tuple of str
        What a reader had to assume, e.g. ``edges: inferred``.
    settings : Mapping
        Choices that made this graph: batch, dims, phase, context.
    """

    name: str
    operators: tuple[Operator, ...]
    tensors: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def build(
        cls, name: str, operators: Iterable[Operator], tensors: Iterable[Tensor],
        notes: Iterable[str] = (), settings: Mapping[str, Any] | None = None,
    ) -> Graph:  # fmt: skip
        """Check the parts, order the operators, and return the graph.

        Raises
        ------
        GraphError
            Duplicate names, a tensor nobody declares, a tensor produced twice, a cycle, an activation of no elements.
        """
        by_name: dict[str, Tensor] = {}
        for tensor in tensors:
            if tensor.name in by_name:
                raise GraphError(f"network '{name}': tensor '{tensor.name}' is declared twice; names must be unique")
            by_name[tensor.name] = tensor
        ordered = _in_valid_order(name, tuple(operators), by_name)
        for operator in ordered:
            for output in operator.outputs:
                if output and by_name[output].elements == 0:
                    raise GraphError(
                        f"operator '{operator.name}' ({operator.op}): output '{output}' has shape {by_name[output].shape}, "
                        "zero elements; every dimension must be at least 1"
                    )
        return cls(name, ordered, MappingProxyType(by_name), tuple(notes), MappingProxyType(dict(settings or {})))

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (self.name, self.operators, dict(self.tensors), self.notes, dict(self.settings)))

    def __len__(self) -> int:
        return len(self.operators)

    def __repr__(self) -> str:
        return (
            f"Graph '{self.name}': {len(self.operators)} operators, {len(self.tensors)} tensors, "
            f"weights {self.weights_bytes / 1e6:.2f} MB, inputs {[t.shape for t in self.inputs]}"
        )

    @cached_property
    def producer(self) -> Mapping[str, int]:
        """Index of the operator that writes each tensor; graph inputs and weights are absent."""
        return {output: i for i, operator in enumerate(self.operators) for output in operator.outputs if output}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[int, ...]]:
        """Indices of the operators that read each tensor, in order, without repeats."""
        readers: dict[str, list[int]] = {name: [] for name in self.tensors}
        for i, operator in enumerate(self.operators):
            for source in dict.fromkeys(operator.inputs):
                if source:
                    readers[source].append(i)
        return {name: tuple(indices) for name, indices in readers.items()}

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Tensors fed from outside."""
        return tuple(t for t in self.tensors.values() if t.role == "input")

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Tensors handed to the outside."""
        return tuple(t for t in self.tensors.values() if t.role == "output")

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """Constant tensors."""
        return tuple(t for t in self.tensors.values() if t.role == "weight")

    @property
    def weights_bytes(self) -> int:
        """Stored size of all constant tensors that some operator reads [B]."""
        return sum(t.bytes for t in self.weights if self.consumers[t.name])

    def operator(self, name: str) -> Operator:
        """The operator called ``name``; :class:`GraphError` with the nearest names otherwise."""
        for candidate in self.operators:
            if candidate.name == name:
                return candidate
        raise GraphError(f"operator: '{name}' is not in network '{self.name}'; {nearest(name, [o.name for o in self.operators])}")

    def tensors_of(self, names: Iterable[str]) -> tuple[Tensor | None, ...]:
        """Tensors by name, ``None`` for an absent optional operand."""
        return tuple(self.tensors[name] if name else None for name in names)

    def replace(self, **changes: Any) -> Graph:
        """A rebuilt, re-checked graph with some parts changed (``operators``, ``tensors``, ``name``, ``notes``, ``settings``)."""
        tensors = changes.get("tensors", self.tensors.values())
        if isinstance(tensors, Mapping):
            tensors = tensors.values()
        return Graph.build(
            changes.get("name", self.name), changes.get("operators", self.operators), tensors,
            changes.get("notes", self.notes), changes.get("settings", self.settings),
        )  # fmt: skip

    def to_networkx(self) -> networkx.MultiDiGraph:
        """Directed view: a node per operator, an edge per tensor from producer to reader."""
        import networkx

        view = networkx.MultiDiGraph(name=self.name)
        for operator in self.operators:
            view.add_node(operator.name, op=operator.op)
        for tensor, source in self.producer.items():
            for target in self.consumers[tensor]:
                view.add_edge(
                    self.operators[source].name, self.operators[target].name, tensor=tensor, bytes=self.tensors[tensor].bytes
                )
        return view


def with_roles(tensors: Mapping[str, Tensor], outputs: Iterable[str]) -> list[Tensor]:
    """Tensors with the named ones marked as network outputs."""
    marked = set(outputs)
    return [replace(t, role="output") if t.name in marked and t.role == "activation" else t for t in tensors.values()]


def _rebuilt(
    name: str, operators: tuple[Operator, ...], tensors: dict[str, Tensor], notes: tuple[str, ...], settings: dict[str, Any]
) -> Graph:
    return Graph(name, operators, MappingProxyType(tensors), notes, MappingProxyType(settings))


def _in_valid_order(network: str, operators: tuple[Operator, ...], tensors: Mapping[str, Tensor]) -> tuple[Operator, ...]:
    """Topological order that keeps the written order where it is valid already."""
    producer: dict[str, int] = {}
    seen: set[str] = set()
    for i, operator in enumerate(operators):
        if operator.name in seen:
            raise GraphError(f"network '{network}': two operators are called '{operator.name}'; names must be unique")
        seen.add(operator.name)
        for name in (*operator.inputs, *operator.outputs):
            if name and name not in tensors:
                raise GraphError(
                    f"operator '{operator.name}' ({operator.op}): tensor '{name}' is not declared; {nearest(name, tensors)}"
                )
        for output in filter(None, operator.outputs):
            if output in producer:
                raise GraphError(
                    f"operator '{operator.name}': tensor '{output}' is already written by '{operators[producer[output]].name}'"
                )
            if tensors[output].role in ("input", "weight"):
                raise GraphError(f"operator '{operator.name}': writes '{output}', which is a network {tensors[output].role}")
            producer[output] = i
    for tensor in tensors.values():
        if tensor.role in ("activation", "output") and tensor.name not in producer:
            raise GraphError(
                f"network '{network}': nothing produces tensor '{tensor.name}'; "
                "it must be an input, a weight or an output of an operator"
            )

    placed = [False] * len(operators)
    order: list[Operator] = []
    for start in range(len(operators)):
        stack = [(start, iter(operators[start].inputs))] if not placed[start] else []
        open_now = {start}
        while stack:
            index, pending = stack[-1]
            source = next((producer[n] for n in pending if n in producer and not placed[producer[n]]), None)
            if source is None:
                stack.pop()
                open_now.discard(index)
                placed[index] = True
                order.append(operators[index])
            elif source in open_now:
                cycle = " -> ".join([*[operators[i].name for i, _ in stack][-6:], operators[source].name])
                raise GraphError(f"network '{network}': cycle through {cycle}; a network must be acyclic")
            else:
                open_now.add(source)
                stack.append((source, iter(operators[source].inputs)))
    return tuple(order)
