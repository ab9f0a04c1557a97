"""The head of a network, patch by patch: every tile of its output computed from the part of the input that it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor
from workloads.operators import rule_of
from workloads.patches import Area, Range, Stage


def patched(graph: Graph, stage: Stage, rows: int, columns: int, *, streamed: bool = False) -> Graph:
    """The graph with a stage computed in ``rows`` x ``columns`` tiles of its output, one after the other.

    Promise: the same results, element by element; the overlap of neighbouring tiles is computed again. Windows of tensors are read
    where they lie, and tiles of the output are written where they belong: neither costs bytes of its own. Weights are shared. A
    ``streamed`` input comes in patch by patch: no more of it is held than a tile reads.

    Raises
    ------
    GraphError
        A grid of less than one tile, or finer than the output.
    """
    extent = stage.extent(stage.output)
    if rows < 1 or columns < 1 or rows > extent[0] or columns > extent[1]:
        raise GraphError(f"patches: {rows} x {columns} of an output of {extent[0]} x {extent[1]}; 1 x 1 to that many are expected")
    tiles = stage.tiles(rows, columns)
    work = Patching(stage)
    ends = [work.tile(f"@{number}", tile) for number, tile in enumerate(tiles)]
    columns = len({tile[1] for tile in tiles})
    assembled = Operator(
        f"{stage.output}@assemble", "Assemble", tuple(ends), (stage.output,),
        {"grid": (len(tiles) // columns, columns), "axes": stage.axes},
    )  # fmt: skip
    settings: dict[str, object] = {"patches": f"{len(tiles) // columns}x{columns} to {stage.output}"}
    if streamed:
        settings["streamed"] = tuple(tensor.name for tensor in graph.inputs if stage.reads(tensor.name))
    return replaced(stage, [*work.operators, assembled], work.tensors, settings)


def replaced(stage: Stage, operators: Sequence[Operator], tensors: Sequence[Tensor], settings: Mapping[str, object]) -> Graph:
    """The network with other operators in place of a stage, which make the same output."""
    graph, within = stage.graph, set(stage.operators)
    rest = [operator for i, operator in enumerate(graph.operators) if i not in within]
    inside = {name for i in within for name in graph.operators[i].outputs} - {stage.output}
    kept = [tensor for tensor in graph.tensors.values() if tensor.name not in inside]
    return Graph.build(graph.name, [*operators, *rest], [*kept, *tensors], graph.notes, {**graph.settings, **settings})


class Patching:
    """Operators and tensors of the tiles."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.graph = stage, stage.graph
        self.operators: list[Operator] = []
        self.tensors: list[Tensor] = []

    def tile(self, mark: str, tile: Area) -> str:
        """All operators of one tile; the name of its result."""
        areas = self.stage.needed(tile)
        here: dict[str, Tensor] = {}
        for i in self.stage.operators:
            operator = self.graph.operators[i]
            area = areas.get(operator.outputs[0])
            if area is not None:
                self._take(i, operator, area, areas, here, mark)
        return here[self.stage.output].name

    def _take(self, i: int, operator: Operator, area: Area, areas: dict[str, Area], here: dict[str, Tensor], mark: str) -> None:
        """One operator for one tile: its inputs cut to what it reads, its padding to what lies outside the tensor."""
        wanted = self.stage.wanted(i, area)
        inputs = []
        for place, name in enumerate(operator.inputs):
            if name not in self.stage.sources(i):
                inputs.append(self.graph.tensors[name] if name else None)
                continue
            own = self.stage.clipped(wanted, name)
            held = here.get(name, self.graph.tensors[name])
            inputs.append(self._cut(held, areas[name] if name in here else None, own, f"{operator.name}{mark}.{place}"))
        changed = replace(
            operator,
            name=f"{operator.name}{mark}",
            inputs=tuple(tensor.name if tensor is not None else "" for tensor in inputs),
            outputs=(f"{operator.outputs[0]}{mark}",),
            attributes=self._padded(i, operator, wanted, operator.inputs[0]),
        )
        kind = rule_of(changed).output_types(changed, inputs)[0]
        whole = self.graph.tensors[operator.outputs[0]]
        if tuple(kind.shape[axis] for axis in self.stage.axes) != tuple(r.size for r in area):
            raise GraphError(f"patches: operator '{operator.name}' gives {kind.shape} for a tile of {tuple(r.size for r in area)}")
        made = replace(whole, name=changed.outputs[0], shape=kind.shape, role="activation")
        here[operator.outputs[0]] = made
        self.operators.append(changed)
        self.tensors.append(made)

    def _cut(self, held: Tensor, area: Area | None, wanted: Area, name: str) -> Tensor:
        """The part of what is held that is wanted: itself where that is all of it."""
        axes = self.stage.axes
        starts = tuple(r.first - (area[k].first if area is not None else 0) for k, r in enumerate(wanted))
        sizes = tuple(r.size for r in wanted)
        if sizes == tuple(held.shape[axis] for axis in axes):
            return held
        rows, columns = (Range(first, first + size - 1) for first, size in zip(starts, sizes, strict=True))
        return self._window(held, (rows, columns), name)

    def _window(self, held: Tensor, area: Area, name: str) -> Tensor:
        """An area of a tensor, counted from its own first row and column, as a tensor of its own name."""
        attributes = {"starts": tuple(r.first for r in area), "sizes": tuple(r.size for r in area), "axes": self.stage.axes}
        shape = list(held.shape)
        for axis, part in zip(self.stage.axes, area, strict=True):
            shape[axis] = part.size
        made = replace(held, name=name, shape=tuple(shape), role="activation")
        self.operators.append(Operator(name, "Window", (held.name,), (name,), attributes))
        self.tensors.append(made)
        return made

    def _padded(self, i: int, operator: Operator, wanted: Area, source: str) -> dict[str, object]:
        """Attributes with the padding of a tile: what its windows reach beyond the tensor."""
        attributes = {**operator.attributes, "tile_of": operator.name}
        if i in self.stage.windows:
            extent = self.stage.extent(source)
            begins = [max(0, -r.first) for r in wanted]
            ends = [max(0, r.last - (e - 1)) for r, e in zip(wanted, extent, strict=True)]
            attributes.pop("auto_pad", None)
            attributes |= {"pads": (*begins, *ends), "ceil_mode": 0} if "ceil_mode" in attributes else {"pads": (*begins, *ends)}
        return attributes
