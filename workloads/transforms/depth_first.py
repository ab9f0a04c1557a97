"""The head of a network strip by strip: rows that later strips read again are kept in buffers written round and round."""

from __future__ import annotations

from dataclasses import replace

from workloads.errors import GraphError
from workloads.graph import Graph, Operator, Tensor
from workloads.patches import Area, Range, Stage
from workloads.rolling import Strip, rolling, strips_of
from workloads.transforms.patched import Patching, replaced


def depth_first(graph: Graph, stage: Stage, height: int, columns: int = 1, *, streamed: bool = False) -> Graph:
    """The graph with a stage computed in strips of ``height`` rows of its output, each through all operators before the next.

    Promise: the same results, element by element; no row is computed twice. Columns may be cut in blocks, one after the other; their
    overlap is computed again. Kept rows stay where they lie, new ones are written beside them: a buffer is as large as the most rows
    it holds. Rows of a ``streamed`` input come in once per block.

    Raises
    ------
    GraphError
        Strips of less than one row or more than there are; more blocks than columns.
    """
    extent = stage.extent(stage.output)
    if not (1 <= height <= extent[0] and 1 <= columns <= extent[1]):
        raise GraphError(
            f"depth first: strips of {height} rows in {columns} blocks of columns of an output of {extent[0]} x {extent[1]}; "
            "1 to that many are expected"
        )
    blocks = [tile[1] for tile in stage.tiles(1, columns)]
    strips = strips_of(stage, height)
    work = _Rolling(stage, streamed)
    parts = [work.block(f"@{number}", block, strips) for number, block in enumerate(blocks)]
    ends = tuple(parts[column][row] for row in range(len(strips)) for column in range(len(blocks)))
    assembled = Operator(
        f"{stage.output}@assemble", "Assemble", ends, (stage.output,), {"grid": (len(strips), len(blocks)), "axes": stage.axes}
    )
    settings: dict[str, object] = {"depth_first": f"{height} rows, {len(blocks)} blocks to {stage.output}"}
    if streamed:
        settings["streamed"] = tuple(tensor.name for tensor in graph.inputs if stage.reads(tensor.name))
    return replaced(stage, [*work.operators, assembled], work.tensors, settings)


class _Rolling(Patching):
    """Operators and tensors of the strips."""

    def __init__(self, stage: Stage, streamed: bool) -> None:
        super().__init__(stage)
        self.coming = [t.name for t in stage.graph.inputs if stage.reads(t.name)] if streamed else []

    def block(self, mark: str, columns: Range, strips: list[Range]) -> list[str]:
        """All strips of one block of columns; the names of their results."""
        rolled = rolling(self.stage, strips)
        across = {name: area[1] for name, area in self.stage.needed((Range(0, strips[-1].last), columns)).items()}
        here: dict[str, Tensor] = {}
        areas: dict[str, Area] = {}
        ends = []
        for step in range(len(rolled[self.stage.output])):
            at = f"{mark}.{step}"
            for name in self.coming:
                self._come(name, rolled[name][step], across[name], here, areas, at)
            for i in self.stage.operators:
                operator = self.graph.operators[i]
                output = operator.outputs[0]
                if output not in rolled or not rolled[output][step].added.size:
                    continue
                before = here.get(output), areas.get(output)
                self._take(i, operator, (rolled[output][step].added, across[output]), areas, here, at)
                if output != self.stage.output:
                    self._keep(output, rolled[output][step], across[output], before, here, areas, at)
            if rolled[self.stage.output][step].added.size:
                ends.append(here[self.stage.output].name)
        return ends

    def _come(self, name: str, strip: Strip, columns: Range, here: dict[str, Tensor], areas: dict[str, Area], mark: str) -> None:
        """New rows of an input that comes in strip by strip."""
        if strip.added.size:
            before = here.get(name), areas.get(name)
            here[name] = self._window(self.graph.tensors[name], (strip.added, columns), f"{name}{mark}")
            self._keep(name, strip, columns, before, here, areas, mark)

    def _keep(
        self, name: str, strip: Strip, columns: Range, before: tuple[Tensor | None, Area | None], here: dict[str, Tensor],
        areas: dict[str, Area], mark: str,
    ) -> None:  # fmt: skip
        """Put the rows that are kept and the new ones together, where a later operator reads both."""
        kept = Range(strip.held.first, strip.added.first - 1)
        areas[name] = strip.held, columns
        if not kept.size or before[0] is None or before[1] is None:
            return
        old = self._cut(before[0], before[1], (kept, columns), f"{name}{mark}.kept")
        new = here[name]
        shape = list(new.shape)
        shape[self.stage.axes[0]] = strip.held.size
        made = replace(new, name=f"{name}{mark}.rows", shape=tuple(shape))
        self.operators.append(
            Operator(made.name, "Assemble", (old.name, new.name), (made.name,), {"grid": (2, 1), "axes": self.stage.axes})
        )
        self.tensors.append(made)
        here[name] = made
