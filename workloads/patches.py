"""Stages that can be computed patch by patch: which part of each tensor a tile of the last one needs, and what that costs.

A stage is everything from the network's input to one tensor that all of the rest reads. The range of an axis that an operator needs of
its input for outputs a .. b is [a*s - p, b*s - p + (k-1)*d], clipped to the tensor; where several operators read a tensor, the hull of
their ranges. Sources: Zhao, Barijough and Gerstlauer, "DeepThings", TCAD 2018; Lin et al., "MCUNetV2", NeurIPS 2021.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from workloads.errors import GraphError
from workloads.graph import Graph, Tensor
from workloads.operators import macs_of, rule_of
from workloads.operators.convolution import filters
from workloads.operators.family import channels_last
from workloads.operators.windows import Window, window_of

#: Operators that compute every element from the element at its place.
POINTWISE = ("activation", "elementwise", "quantization", "normalization")
#: Of the kinds above, those that look beyond the element's place.
NOT_POINTWISE = ("LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization", "LRN", "Softmax")


class Range(NamedTuple):
    """First and last position on one axis, both included; empty where the last comes before the first."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """Positions in it."""
        return max(0, self.last - self.first + 1)

    def hull(self, other: Range) -> Range:
        """The smallest range that holds both."""
        if not self.size or not other.size:
            return self if self.size else other
        return Range(min(self.first, other.first), max(self.last, other.last))

    def clipped(self, extent: int) -> Range:
        """The part inside a tensor of ``extent`` positions."""
        return Range(max(self.first, 0), min(self.last, extent - 1))


#: A range per spatial axis.
Area = tuple[Range, Range]


def area_of(area: Area) -> int:
    """Positions of an area."""
    return area[0].size * area[1].size


@dataclass(frozen=True)
class Stage:
    """Operators that are computed patch by patch.

    Attributes
    ----------
    operators : tuple of int
        Places in the graph, in order.
    output : str
        Tensor that the rest of the network reads.
    axes : tuple of int
        Spatial axes of its activations.
    windows : Mapping of int to Window
        Of the operators that slide one.
    """

    graph: Graph
    operators: tuple[int, ...]
    output: str
    axes: tuple[int, int]
    windows: Mapping[int, Window]

    def extent(self, tensor: str) -> tuple[int, int]:
        """Spatial sizes of a tensor."""
        shape = self.graph.tensors[tensor].shape
        return shape[self.axes[0]], shape[self.axes[1]]

    def sources(self, i: int) -> list[str]:
        """Inputs of an operator that have the spatial axes."""
        operator = self.graph.operators[i]
        return [name for name in operator.inputs if name and self._is_plane(self.graph.tensors[name])]

    def clipped(self, area: Area, tensor: str) -> Area:
        """The part of an area inside a tensor."""
        height, width = self.extent(tensor)
        return area[0].clipped(height), area[1].clipped(width)

    def _is_plane(self, tensor: Tensor) -> bool:
        return tensor.role != "weight" and len(tensor.shape) == 4

    def reads(self, tensor: str) -> bool:
        """True where an operator of the stage reads the tensor."""
        return bool(set(self.graph.consumers[tensor]) & set(self.operators))

    def tiles(self, rows: int, columns: int) -> list[Area]:
        """The output cut into rows x columns tiles of equal size but for those at the end."""
        parts = [_parts(extent, count) for extent, count in zip(self.extent(self.output), (rows, columns), strict=True)]
        return [(row, column) for row in parts[0] for column in parts[1]]

    def needed(self, tile: Area, clip: bool = True) -> dict[str, Area]:
        """The area of every tensor of the stage that a tile of its output needs."""
        found: dict[str, Area] = {self.output: tile}
        for i in reversed(self.operators):
            area = found.get(self.graph.operators[i].outputs[0])
            if area is None:
                continue
            wanted = self.wanted(i, area)
            for name in self.sources(i):
                own = self.clipped(wanted, name) if clip else wanted
                before = found.get(name, own)
                found[name] = before[0].hull(own[0]), before[1].hull(own[1])
        return found

    def wanted(self, i: int, area: Area) -> Area:
        """The area of its input that an operator reads for an area of its output, not clipped."""
        window = self.windows.get(i)
        if window is None:
            return area
        rows, columns = (
            Range(r.first * step - begin, r.last * step - begin + reach - 1) if r.size else r
            for r, step, begin, reach in zip(area, window.strides, window.begins, window.reach, strict=True)
        )
        return rows, columns

    def macs(self, tiles: Sequence[Area], clip: bool = True) -> int:
        """Multiply-accumulates of all tiles: of each operator its own, times the share of its output that is computed.

        Axes are independent: the positions of an operator over a grid are the sum over its rows times the sum over its columns.
        """
        rows, columns = (dict.fromkeys(tile[axis] for tile in tiles) for axis in (0, 1))
        down = [self.needed((row, tiles[0][1]), clip) for row in rows]
        across = [self.needed((tiles[0][0], column), clip) for column in columns]
        total = 0
        for i in self.operators:
            name = self.graph.operators[i].outputs[0]
            whole = self.extent(name)
            computed = sum(areas[name][0].size for areas in down) * sum(areas[name][1].size for areas in across)
            total += macs_of(self.graph.operators[i], self.graph.tensors) * computed // (whole[0] * whole[1])
        return total

    @property
    def plain_macs(self) -> int:
        """Multiply-accumulates of the stage without patches."""
        return sum(macs_of(self.graph.operators[i], self.graph.tensors) for i in self.operators)

    def tile_peak_bytes(self, tile: Area) -> int:
        """Bytes held at the worst operator of a tile: its input areas and output, and areas that later operators wait for [B].

        An operator without a window writes over an input that only it still needs. The output of the stage lies in its own buffer.
        """
        areas = self.needed(tile)
        last: dict[str, int] = {}
        for step, i in enumerate(self.operators):
            last.update(dict.fromkeys(self.sources(i), step))
        held: dict[str, int] = {}
        most = 0
        for step, i in enumerate(self.operators):
            output = self.graph.operators[i].outputs[0]
            done = [name for name in self.sources(i) if name in held and last[name] == step]
            if i not in self.windows and done:
                del held[done.pop()]
            if output in areas and output != self.output:
                held[output] = self._bytes(output, areas[output])
            most = max(most, sum(held.values()))
            for name in done:
                del held[name]
        return most

    def _bytes(self, tensor: str, area: Area) -> int:
        whole = self.extent(tensor)
        return math.ceil(self.graph.tensors[tensor].bytes * area_of(area) / (whole[0] * whole[1]))


def _parts(extent: int, count: int) -> list[Range]:
    """An axis in ``count`` ranges of ceil(extent / count) positions, fewer where that is enough.

    >>> _parts(7, 3)
    [Range(first=0, last=2), Range(first=3, last=5), Range(first=6, last=6)]
    """
    size = -(-extent // count)
    return [Range(first, min(first + size, extent) - 1) for first in range(0, extent, size)]


def stage_to(graph: Graph, output: str) -> Stage:
    """The stage from the network's input to a tensor.

    Raises
    ------
    GraphError
        An operator that cannot be computed on a part of its input, or a tensor inside that the rest of the network reads too.
    """
    if output not in graph.producer:
        raise GraphError(f"patches: '{output}' is written by no operator; the output of an operator is expected")
    inside = _ancestors(graph, graph.producer[output])
    layouts = {channels_last(graph.operators[i]) for i in inside if "strides" in graph.operators[i].attributes}
    if len(layouts) > 1:
        raise GraphError(f"patches: the operators before '{output}' have channels on different axes; one layout is expected")
    axes = (1, 2) if layouts == {True} else (2, 3)
    stage = Stage(
        graph, tuple(sorted(inside)), output, axes, {i: w for i in inside if (w := window_of_operator(graph, i)) is not None}
    )
    for i in stage.operators:
        _check(stage, i, inside)
    return stage


def _ancestors(graph: Graph, last: int) -> set[int]:
    found, waiting = set(), [last]
    while waiting:
        i = waiting.pop()
        if i not in found:
            found.add(i)
            waiting += [graph.producer[name] for name in graph.operators[i].inputs if name in graph.producer]
    return found


def window_of_operator(graph: Graph, i: int) -> Window | None:
    """The window that a convolution or pool slides over two axes; None for other operators."""
    operator = graph.operators[i]
    inputs = [graph.tensors[name] if name else None for name in operator.inputs]
    source = inputs[0] if inputs else None
    if source is None or len(source.shape) != 4:
        return None
    spatial = source.shape[1:3] if channels_last(operator) else source.shape[2:]
    if operator.op == "Conv" and inputs[1] is not None:
        return window_of(operator, spatial, filters(operator, inputs[1], int(operator.attributes.get("group", 1)), "OIHW").kernel)
    if operator.op in ("MaxPool", "AveragePool"):
        return window_of(operator, spatial, tuple(int(k) for k in operator.attributes["kernel_shape"]))
    return None


def _check(stage: Stage, i: int, inside: set[int]) -> None:
    """Refuse an operator that cannot be part of a stage."""
    graph, operator = stage.graph, stage.graph.operators[i]
    name = f"operator '{operator.name}' ({operator.op})"
    if len(operator.outputs) != 1 or len(graph.tensors[operator.outputs[0]].shape) != 4:
        raise GraphError(f"patches: {name}; operators with one output of four axes are expected before '{stage.output}'")
    inputs = [graph.tensors[source] if source else None for source in operator.inputs]
    kind = rule_of(operator).kind(operator, inputs, [graph.tensors[output] for output in operator.outputs])
    joined = operator.op == "Concat" and int(operator.attributes.get("axis", 1)) % 4 not in stage.axes
    pointwise = kind in POINTWISE and operator.op not in NOT_POINTWISE or operator.op in ("Identity", "Dropout")
    if i not in stage.windows and not joined and not pointwise:
        raise GraphError(
            f"patches: {name} is not computed from a part of its input; convolutions, pools and elementwise operators are expected "
            f"before '{stage.output}'"
        )
    whole = stage.extent(operator.outputs[0])
    if i not in stage.windows and any(stage.extent(source) != whole for source in stage.sources(i)):
        raise GraphError(f"patches: {name} stretches an input over its output; inputs of its own size are expected")
    for tensor in operator.outputs:
        if tensor != stage.output and (graph.tensors[tensor].role == "output" or set(graph.consumers[tensor]) - inside):
            raise GraphError(f"patches: '{tensor}' inside the stage is read by the rest of the network, not only '{stage.output}'")
    for source in stage.sources(i):
        if source not in graph.producer and set(graph.consumers[source]) - inside:
            raise GraphError(
                f"patches: input '{source}' is read by the rest of the network too; one part of the network is expected"
            )


def stages(graph: Graph) -> list[Stage]:
    """All stages of a network, the shortest first: behind each operator whose output is all that the operators after it read."""
    found = []
    live = {tensor.name for tensor in graph.inputs}
    for i, operator in enumerate(graph.operators):
        live |= {name for name in operator.outputs if name}
        live = {name for name in live if max(graph.consumers[name], default=-1) > i or graph.tensors[name].role == "output"}
        if live != set(operator.outputs):
            continue
        try:
            stage = stage_to(graph, operator.outputs[0])
        except GraphError:
            break
        if stage.windows:
            found.append(stage)
    return found
