"""A network, a near memory and a storage -> a program: what stays, what is streamed, how each operator is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.buffers import Buffer
from sim.schedule import Schedule
from strategies.errors import StrategyError
from strategies.swapping.layers import Layer, layers_of
from strategies.swapping.program import Block, Piece, Program, Way
from strategies.swapping.tiles import Sizes, Tile, best_tile, cut

#: Shares of the near memory that activations may take to stay; what is left is for the blocks of the operators.
SHARES = (0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875)
POLICIES = ("on_demand", "greedy", "optimal")

#: Parts of an operator that have room together, where moves run ahead.
DEPTHS = (2, 4, 8)


@dataclass(frozen=True)
class Cut:
    """A program, and the choices that made it.

    Attributes
    ----------
    program : Program
    streamed : frozenset of int
        Buffers that live in the far memory.
    kept : frozenset of str
        Constants that stay where the device keeps them.
    tiles : Mapping of int to Tile
        By operator.
    """

    program: Program
    streamed: frozenset[int]
    kept: frozenset[str]
    tiles: Mapping[int, Tile]


def cuts_of(schedule: Schedule, near: str, near_bytes: int, way: Way, policy: str, kept: frozenset[str] = frozenset()) -> list[Cut]:
    """Cuts for each share of the near memory that activations may take, and for each number of parts that have room together.

    Those in which something does not fit are left out.

    Parameters
    ----------
    schedule : Schedule
        The network lowered as if everything were in the near memory.
    near : str
        Name of the near memory.
    near_bytes : int
        How much of it there is [B].
    policy : str
        See :func:`strategies.swapping.tiles.best_tile`.
    kept : frozenset of str
        Constants that need no move.
    """
    layers = layers_of(schedule)
    found: list[Cut] = []
    problem: StrategyError | None = None
    seen: set[frozenset[int]] = set()
    for part in SHARES:
        staying = _staying(schedule.placement.buffers, layers, int(part * near_bytes), len(schedule.graph.operators))
        if staying in seen:
            continue
        seen.add(staying)
        for depth in (1,) if policy == "on_demand" else DEPTHS:
            try:
                found.append(_cut(schedule, layers, staying, near_bytes, way, policy, kept, depth))
            except StrategyError as error:
                problem = problem or error
    if not found:
        assert problem is not None
        raise problem
    return found


def _staying(buffers: Sequence[Buffer], layers: Sequence[Layer], room: int, steps: int) -> frozenset[int]:
    """Activation buffers that stay in the near memory: those that save most moves for the bytes and steps they take, while they fit."""
    held = [0] * (steps + 1)
    reads = [0] * len(buffers)
    for layer in layers:
        for number, _ in layer.inputs:
            reads[number] += 1

    def worth(number: int) -> tuple[float, int, int]:
        buffer = buffers[number]
        life = min(buffer.last, steps) - max(buffer.first, 0) + 1
        return -(1 + reads[number]) / life, buffer.bytes, number

    staying = []
    for number in sorted(range(len(buffers)), key=worth):
        span = range(max(buffers[number].first, 0), min(buffers[number].last, steps) + 1)
        if all(held[step] + buffers[number].bytes <= room for step in span):
            staying.append(number)
            for step in span:
                held[step] += buffers[number].bytes
    return frozenset(staying)


def _cut(
    schedule: Schedule, layers: Sequence[Layer], staying: frozenset[int], near_bytes: int, way: Way, policy: str,
    kept: frozenset[str], depth: int,
) -> Cut:  # fmt: skip
    buffers = schedule.placement.buffers
    streamed = frozenset(range(len(buffers))) - staying
    pieces: list[Piece] = []
    blocks: list[Block] = []
    tiles: dict[int, Tile] = {}
    stored_by: dict[int, int] = {}  # streamed buffer -> last piece that stores it
    for layer in layers:
        held = sum(buffers[n].bytes for n in staying if buffers[n].first <= layer.operator <= buffers[n].last)
        sizes, names, inputs, outputs = _sizes(schedule, layer, buffers, streamed, kept)
        tile = best_tile(layer, sizes, way, near_bytes - held, policy, depth)
        needs = [stored_by.get(number, -1) for number in inputs]
        own_pieces, own_blocks = cut(layer, tile, sizes, names, held, len(pieces), needs)
        pieces += own_pieces
        blocks += own_blocks
        tiles[layer.operator] = tile
        stored_by.update((number, len(pieces) - 1) for number in outputs)
    program = Program(schedule.graph.name, near_bytes, way, tuple(pieces), tuple(blocks))
    return Cut(program, streamed, kept, tiles)


def _sizes(
    schedule: Schedule, layer: Layer, buffers: Sequence[Buffer], streamed: frozenset[int], kept: frozenset[str]
) -> tuple[Sizes, tuple[str, list[str], list[str]], list[int], list[int]]:
    """What of an operator has to be moved: sizes, names, and the streamed buffers it reads and writes."""
    moved = [name for name in layer.weights if name not in kept]
    inputs = [(number, rows) for number, rows in layer.inputs if number in streamed]
    outputs = [number for number in layer.outputs if number in streamed]
    needed = [[0, *(rows.needed(k) for k in range(1, layer.rows + 1))] for _, rows in inputs]
    for entry, (_, rows) in zip(needed, inputs, strict=True):
        entry[-1] = rows.rows  # all rows of the output need all of the input, what a stride leaves out too
    sizes = Sizes(
        sum(schedule.graph.tensors[name].bytes for name in moved),
        tuple((buffers[number].bytes, tuple(entry)) for (number, _), entry in zip(inputs, needed, strict=True)),
        tuple(buffers[number].bytes for number in outputs),
    )
    largest = max(moved, key=lambda name: schedule.graph.tensors[name].bytes, default="weights")
    names = (largest, [buffers[number].tensor for number, _ in inputs], [buffers[number].tensor for number in outputs])
    return sizes, names, [number for number, _ in inputs], outputs
