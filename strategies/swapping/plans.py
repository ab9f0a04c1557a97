"""A network, a near memory and a storage -> a program: what stays, what is streamed, how each operator is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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
    """How a network is cut and what of it stays; the program that comes of it is made when it is asked for.

    Attributes
    ----------
    schedule : Schedule
        The network lowered as if everything were in the near memory.
    layers : tuple of Layer
    near_bytes : int
        Room of the near memory [B].
    way : Way
    streamed : frozenset of int
        Buffers that live in the far memory.
    kept : frozenset of str
        Constants that stay where the device keeps them.
    tiles : tuple of Tile
        One per layer.
    """

    schedule: Schedule
    layers: tuple[Layer, ...]
    near_bytes: int
    way: Way
    streamed: frozenset[int]
    kept: frozenset[str]
    tiles: tuple[Tile, ...]

    @property
    def promise_ps(self) -> int:
        """About how long a run takes: the longer of computing and moving, and the ends of layers that are read back afterwards [ps]."""
        moving = sum(tile.io_ps for tile in self.tiles)
        computing = sum(layer.parts_ps(tile.pieces) for layer, tile in zip(self.layers, self.tiles, strict=True))
        return max(computing, moving) + sum(tile.first_ps + tile.last_ps for tile in self.tiles if tile.last_ps)

    @cached_property
    def program(self) -> Program:
        """Pieces and blocks of all layers, in order."""
        pieces: list[Piece] = []
        blocks: list[Block] = []
        stored_by: dict[int, int] = {}  # streamed buffer -> last piece that stores it
        for layer, tile in zip(self.layers, self.tiles, strict=True):
            sizes, names, inputs, outputs = _sizes(self.schedule, layer, self.streamed, self.kept)
            needs = [stored_by.get(number, -1) for number in inputs]
            held = _held(self.schedule, layer, self.streamed)
            own_pieces, own_blocks = cut(layer, tile, sizes, names, held, len(pieces), needs)
            pieces += own_pieces
            blocks += own_blocks
            stored_by.update((number, len(pieces) - 1) for number in outputs)
        return Program(self.schedule.graph.name, self.near_bytes, self.way, tuple(pieces), tuple(blocks))


def cuts_of(schedule: Schedule, near_bytes: int, way: Way, policy: str, kept: frozenset[str] = frozenset()) -> list[Cut]:
    """Cuts for each share of the near memory that activations may take, and for each number of parts that have room together.

    Those in which something does not fit are left out, and those that were given before.

    Parameters
    ----------
    schedule : Schedule
        The network lowered as if everything were in the near memory.
    near_bytes : int
        How much of the near memory there is [B].
    policy : str
        See :func:`strategies.swapping.tiles.best_tile`.
    kept : frozenset of str
        Constants that need no move.
    """
    layers = tuple(layers_of(schedule))
    found: dict[tuple[frozenset[int], tuple[Tile, ...]], Cut] = {}
    problem: StrategyError | None = None
    every = frozenset(range(len(schedule.placement.buffers)))
    for part in SHARES:
        streamed = every - _staying(schedule.placement.buffers, layers, int(part * near_bytes), len(schedule.graph.operators))
        for depth in (1,) if policy == "on_demand" else DEPTHS:
            try:
                tiles = _tiles(schedule, layers, streamed, near_bytes, way, policy, kept, depth)
                found.setdefault((streamed, tiles), Cut(schedule, layers, near_bytes, way, streamed, kept, tiles))
            except StrategyError as error:
                problem = problem or error
    if not found:
        assert problem is not None
        raise problem
    return list(found.values())


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


def _tiles(
    schedule: Schedule, layers: Sequence[Layer], streamed: frozenset[int], near_bytes: int, way: Way, policy: str,
    kept: frozenset[str], depth: int,
) -> tuple[Tile, ...]:  # fmt: skip
    """The best cut of each layer in the room beside what stays."""
    return tuple(
        best_tile(
            layer, _sizes(schedule, layer, streamed, kept)[0], way, near_bytes - _held(schedule, layer, streamed), policy, depth
        )
        for layer in layers
    )


def _held(schedule: Schedule, layer: Layer, streamed: frozenset[int]) -> int:
    """Bytes of the activations that stay in the near memory while a layer runs [B]."""
    buffers = schedule.placement.buffers
    return sum(b.bytes for n, b in enumerate(buffers) if n not in streamed and b.first <= layer.operator <= b.last)


def _sizes(
    schedule: Schedule, layer: Layer, streamed: frozenset[int], kept: frozenset[str]
) -> tuple[Sizes, tuple[str, list[str], list[str]], list[int], list[int]]:
    """What of an operator has to be moved: sizes, names, and the streamed buffers it reads and writes."""
    buffers = schedule.placement.buffers
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
