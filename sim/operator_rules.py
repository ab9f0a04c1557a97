"""What a memory profile says of single operators: bytes that are not held twice, workspace, how sizes are counted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hwmodels.memory_profile import MemoryProfile
from workloads.graph import Graph, Tensor
from workloads.operators import rule_of
from workloads.tables import output_channels

#: Kinds whose output may take the place of an input of equal size.
ELEMENT_WISE = frozenset(("elementwise", "activation", "normalization", "softmax", "quantization"))

#: Kinds that reduce windows.
POOLS = frozenset(("pooling", "reduction"))

#: Operators whose second operand may be a shortcut.
ADDITIONS = frozenset(("Add", "Sum"))


@dataclass(frozen=True)
class OperatorRules:
    """A profile applied to the operators of a network.

    Attributes
    ----------
    graph : Graph
    kinds : sequence of str
        Kind of each operator.
    profile : MemoryProfile
    """

    graph: Graph
    kinds: Sequence[str]
    profile: MemoryProfile

    def rounded(self, size: float) -> int:
        """Bytes times the profile's factor, rounded up to its alignment [B]."""
        alignment = int(self.profile.sizes["alignment"])
        return math.ceil(size * self.profile.sizes["activations_factor"] / alignment) * alignment

    def is_shortcut(self, i: int, name: str) -> bool:
        """True where an addition does not count this operand: another one was made after it."""
        operator = self.graph.operators[i]
        if self.profile.rules["shortcut"] == "counted" or operator.op not in ADDITIONS:
            return False
        made = {other: self.graph.producer.get(other, -1) for other in operator.inputs if other and self.moves(other)}
        return made.get(name, -1) < max(made.values(), default=-1)

    def is_pointwise(self, i: int) -> bool:
        """True for convolutions of one pixel."""
        kernel = self.graph.operators[i].attributes.get("kernel_shape", ())
        return self.kinds[i] == "convolution" and all(extent == 1 for extent in kernel)

    def moves(self, name: str) -> bool:
        """True for activations."""
        return self.graph.tensors[name].role != "weight"

    def saved(self, i: int, source_bytes: int, target_bytes: int) -> int:
        """Bytes that are not held twice where operator ``i`` writes its output over its input [B]."""
        kind, rules, sizes = self.kinds[i], self.profile.rules, self.profile.sizes
        both = min(source_bytes, target_bytes)
        if kind in ELEMENT_WISE:
            return both if rules["elementwise"] == "in_place" and source_bytes == target_bytes else 0
        if kind == "depthwise":
            plane = self.rounded(self._slice_bytes(i, self.channels(i)))
            return {"larger": both, "plane": max(0, both - plane)}.get(rules["depthwise"], 0)
        if kind in POOLS:
            return both if rules["pooling"] == "in_place" else 0
        if kind == "convolution" and rules["convolution"] == "overlapping":
            rows = self.rounded(sizes["overlap_rows"] * self._slice_bytes(i, self.rows(i)))
            needed = max(source_bytes, target_bytes) + rows
            return max(0, source_bytes + target_bytes - needed) if target_bytes <= sizes["overlap_ratio"] * source_bytes else 0
        return 0

    def _slice_bytes(self, i: int, parts: int) -> float:
        """One of so many equal parts of what operator ``i`` writes [B]."""
        return self.output(i).bytes / max(1, parts)

    def output(self, i: int) -> Tensor:
        """The first output of operator ``i``."""
        return self.graph.tensors[next(filter(None, self.graph.operators[i].outputs))]

    def channels(self, i: int) -> int:
        """Channels of the first output of operator ``i``."""
        return output_channels(self.graph.operators[i], self.output(i))

    def rows(self, i: int) -> int:
        shape = self.output(i).shape
        image = shape[1:-1] if self.graph.operators[i].attributes.get("layout") == "NHWC" else shape[2:]
        return image[0] if image else 1

    def workspace(self, i: int) -> int:
        """Bytes operator ``i`` needs besides inputs and outputs [B]."""
        sizes, kind = self.profile.sizes, self.kinds[i]
        if kind == "fully_connected":
            return self.rounded(sizes["fully_connected_per_input"] * self._inputs(i))
        if kind == "depthwise":
            return self.rounded(sizes["depthwise_per_weight"] * self.taps(i) * self.channels(i))
        if kind != "convolution" or (self.is_pointwise(i) and self.profile.rules["pointwise"] == "no_workspace"):
            return 0
        size = sizes["convolution_base"] + sizes["convolution_per_tap"] * self.taps(i)
        return self.rounded(size + sizes["convolution_per_output_channel"] * self.channels(i))

    def _inputs(self, i: int) -> int:
        moving = [name for name in self.graph.operators[i].inputs if name and self.moves(name)]
        return self.graph.tensors[moving[0]].elements if moving else 0

    def taps(self, i: int) -> int:
        """Weights that one output element is made of."""
        operator = self.graph.operators[i]
        inputs, outputs = self.graph.tensors_of(operator.inputs), self.graph.tensors_of(operator.outputs)
        nests = rule_of(operator).loop_nests(operator, inputs, outputs)
        return sum(nest.volume for nest in nests) // max(1, self.output(i).elements)
