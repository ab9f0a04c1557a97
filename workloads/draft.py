"""Draft: a network being written down, operator by operator; types of outputs come from the operator rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from workloads.dtypes import is_float
from workloads.errors import GraphError, nearest
from workloads.graph import Graph, Operator, Tensor, WeightFacts
from workloads.operators import rule_of

#: Operator -> what its numbered names start with, where it is not the operator's own name.
LABELS = {
    "AveragePool": "pool", "BatchNormalization": "norm", "Gemm": "linear", "GlobalAveragePool": "pool",
    "LayerNormalization": "norm", "MaxPool": "pool", "RMSNormalization": "norm",
}  # fmt: skip


class Draft:
    """Tensors and operators so far. Values are tensor names: what reads a tensor is given its name, what writes one returns it.

    Parameters
    ----------
    name : str
        Name of the network.
    dtype : str
        Element type of activations and weights. Biases of an integer network are int32, as deployed.
    """

    def __init__(self, name: str, dtype: str = "fp32") -> None:
        self.name = name
        self.dtype = dtype
        self.bias_dtype = dtype if is_float(dtype) else "int32"
        self._tensors: dict[str, Tensor] = {}
        self._operators: list[Operator] = []
        self._counts: Counter[str] = Counter()
        self._states: list[str] = []
        self._prefix = ""

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Shape of a tensor built so far."""
        return self._tensor(tensor).shape

    def channels(self, tensor: str) -> int:
        """Size of axis 1."""
        return self.shape(tensor)[1]

    def input(self, shape: Sequence[int], name: str = "input", dtype: str | None = None) -> str:
        """A tensor fed from outside."""
        return self._declare(Tensor(name, tuple(shape), dtype or self.dtype, "input"))

    def state(self, shape: Sequence[int], name: str, dtype: str | None = None) -> str:
        """An input that stays in memory from one inference to the next; listed in the graph's settings under ``states``."""
        self._states.append(self._declare(Tensor(self._prefix + name, tuple(shape), dtype or self.dtype, "input")))
        return self._states[-1]

    def weight(self, name: str, shape: Sequence[int], dtype: str | None = None, facts: WeightFacts | None = None) -> str:
        """A constant tensor; its values are not kept."""
        return self._declare(Tensor(self._prefix + name, tuple(shape), dtype or self.dtype, "weight", facts))

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Names given inside start with ``name.``"""
        before, self._prefix = self._prefix, f"{self._prefix}{name}."
        try:
            yield
        finally:
            self._prefix = before

    def add(self, op: str, inputs: str | Sequence[str], *, name: str | None = None, **attributes: Any) -> str:
        """Append any operator of the rule table; returns its (first) output.

        Parameters
        ----------
        op : str
            ONNX operator name.
        inputs : str or sequence of str
            Tensor names; ``""`` for an absent optional operand.
        name : str, optional
            Operator name inside the present scope; numbered by kind without it.
        """
        return self.add_several(op, inputs, 1, name=name, **attributes)[0]

    def add_several(
        self, op: str, inputs: str | Sequence[str], outputs: int, *, name: str | None = None, **attributes: Any
    ) -> tuple[str, ...]:
        """Append an operator of so many outputs and return them."""
        names = (inputs,) if isinstance(inputs, str) else tuple(inputs)
        label = self._label(op, name)
        results = (label,) if outputs == 1 else tuple(f"{label}:{i}" for i in range(outputs))
        operator = Operator(label, op, names, results, attributes)
        types = rule_of(operator).output_types(operator, tuple(self._tensor(n) if n else None for n in names))
        for result, (shape, dtype) in zip(results, types, strict=True):
            self._declare(Tensor(result, shape, dtype))
        self._operators.append(operator)
        return results

    def finish(
        self, *outputs: str, notes: Iterable[str] = (), settings: Mapping[str, Any] | None = None,
    ) -> Graph:  # fmt: skip
        """The checked graph. Without ``outputs``, every tensor nobody reads is one."""
        read = {name for operator in self._operators for name in operator.inputs}
        marked = set(outputs) or {name for operator in self._operators for name in operator.outputs if name not in read}
        for name in marked:
            self._tensors[name] = replace(self._tensor(name), role="output")
        kept = {"states": tuple(self._states)} if self._states else {}
        return Graph.build(self.name, self._operators, self._tensors.values(), notes, {**kept, **(settings or {})})

    def _tensor(self, name: str) -> Tensor:
        try:
            return self._tensors[name]
        except KeyError:
            raise GraphError(f"network '{self.name}': tensor '{name}' is not built yet; {nearest(name, self._tensors)}") from None

    def _declare(self, tensor: Tensor) -> str:
        if tensor.name in self._tensors:
            raise GraphError(f"network '{self.name}': '{tensor.name}' is built twice; names must be unique in their scope")
        self._tensors[tensor.name] = tensor
        return tensor.name

    def _label(self, op: str, name: str | None, taken: bool = True) -> str:
        """Full operator name; the next number of its kind where none is given, used up unless ``taken`` is false."""
        if name is not None:
            return self._prefix + name
        stem = f"{self._prefix}{LABELS.get(op, op.lower())}"
        number = self._counts[stem] + 1
        if taken:
            self._counts[stem] = number
        return f"{stem}_{number}"

    def _weight_of(
        self, label: str, part: str, shape: Sequence[int], dtype: str | None = None, facts: WeightFacts | None = None
    ) -> str:
        return self._declare(Tensor(f"{label}.{part}", tuple(shape), dtype or self.dtype, "weight", facts))
