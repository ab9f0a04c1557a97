"""Receptive field moved from a stage to what follows it: fewer taps where patches overlap (Lin et al., MCUNetV2, NeurIPS 2021)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workloads.graph import Graph, Operator, Tensor
from workloads.patches import Stage, window_of_operator


@dataclass(frozen=True)
class Redistributed:
    """A network with its receptive field moved.

    Attributes
    ----------
    narrowed, widened : tuple of str
        Convolutions that are 1x1 now, and those behind that are 2 taps wider.
    removed, added : int
        Receptive field taken from the stage and put behind it [positions of the input].
    """

    graph: Graph
    narrowed: tuple[str, ...]
    widened: tuple[str, ...]
    removed: int
    added: int


def redistributed(stage: Stage) -> Redistributed:
    """The network with convolutions of stride 1 in a stage made 1x1, and as many behind it widened as the receptive field needs.

    Promise: every tensor keeps its shape; another function, which has to be trained. A window of k taps, d apart, over a tensor whose
    positions are j of the input's reaches (k - 1) d j; those removed are made up for by 2 j' of each that is widened, the first ones of
    stride 1 behind the stage; all that there are where they do not suffice.
    """
    graph = stage.graph
    work = _Redistributing(graph)
    jumps = _jumps(graph)
    within = set(stage.operators)
    removed = added = 0
    for i in stage.operators:
        window = stage.windows.get(i)
        if window is None or not _can(graph, i, 3):
            continue
        removed += (window.reach[0] - 1) * jumps[graph.operators[i].inputs[0]]
        work.change(i, (1, 1))
        work.narrowed.append(graph.operators[i].name)
    for i, operator in enumerate(graph.operators):
        if i in within or added >= removed or not _can(graph, i, 2):
            continue
        window = window_of_operator(graph, i)
        assert window is not None
        added += 2 * jumps[operator.inputs[0]]
        work.change(i, (window.kernel[0] + 2, window.kernel[1] + 2))
        work.widened.append(operator.name)
    return Redistributed(work.result(), tuple(work.narrowed), tuple(work.widened), removed, added)


def _can(graph: Graph, i: int, least: int) -> bool:
    """True for a convolution of stride 1 with a window of at least so many taps, centred, not spread, which keeps the size."""
    operator = graph.operators[i]
    window = window_of_operator(graph, i) if operator.op == "Conv" else None
    if window is None or graph.tensors[operator.inputs[1]].role != "weight" or len(window.kernel) != 2:
        return False
    same = all(
        begin == end == (k - 1) // 2 and k % 2 for begin, end, k in zip(window.begins, window.ends, window.kernel, strict=True)
    )
    return same and min(window.kernel) >= least and set(window.strides) | set(window.dilations) == {1}


def _jumps(graph: Graph) -> dict[str, int]:
    """Positions of the input between two neighbours of each tensor: the product of the strides before it."""
    jumps = dict.fromkeys(graph.tensors, 1)
    for i, operator in enumerate(graph.operators):
        window = window_of_operator(graph, i)
        before = max((jumps[name] for name in operator.inputs if name), default=1)
        jumps.update((name, before * (max(window.strides) if window is not None else 1)) for name in operator.outputs if name)
    return jumps


class _Redistributing:
    """Operators and weights as they are changed."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.operators: list[Operator] = list(graph.operators)
        self.weights: dict[str, Tensor] = {}
        self.narrowed: list[str] = []
        self.widened: list[str] = []

    def change(self, i: int, kernel: tuple[int, int]) -> None:
        """Another kernel for a convolution, centred."""
        operator = self.operators[i]
        old = self.graph.tensors[operator.inputs[1]]
        layout = operator.attributes.get("weight_layout", "OIHW")
        shape = list(old.shape)
        for axis, size in zip((layout.index("H"), layout.index("W")), kernel, strict=True):
            shape[axis] = size
        name = f"{old.name}@{kernel[0]}x{kernel[1]}"
        self.weights[name] = Tensor(name, tuple(shape), old.dtype, "weight")
        pads = tuple((size - 1) // 2 for size in kernel)
        attributes = {**operator.attributes, "pads": (*pads, *pads)}
        attributes.pop("auto_pad", None)
        if "kernel_shape" in attributes:
            attributes["kernel_shape"] = kernel
        self.operators[i] = replace(operator, inputs=(operator.inputs[0], name, *operator.inputs[2:]), attributes=attributes)

    def result(self) -> Graph:
        """The changed network."""
        read = {name for operator in self.operators for name in operator.inputs}
        tensors = [t for t in self.graph.tensors.values() if t.role != "weight" or t.name in read]
        return Graph.build(
            self.graph.name, self.operators, [*tensors, *self.weights.values()], self.graph.notes, self.graph.settings
        )
