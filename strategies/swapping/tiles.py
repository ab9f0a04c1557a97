"""How each operator is cut so that its parts fit the near memory, and what that makes of its moves.

Two orders of the loops, as for tiling in general: all rows under one slice of the weights (``weights``: every slice is loaded once, the
inputs once per slice), or all slices for one band of rows (``rows``: inputs are loaded once, the weights once per band).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from strategies.errors import StrategyError
from strategies.swapping.layers import Layer
from strategies.swapping.program import Block, Piece, Way

#: Finest cut of one operator.
MOST_PIECES = 20_000


@dataclass(frozen=True, slots=True)
class Tile:
    """A cut of one operator.

    Attributes
    ----------
    order : str
        ``weights`` or ``rows``: what changes last.
    slices, bands : int
        Parts of the weights, parts of the rows.
    bytes : int
        What one part needs at once [B].
    io_ps : int
        Time of all its moves [ps].
    first_ps, last_ps : int
        Time of the loads before its first part, of the stores after its last [ps].
    """

    order: str
    slices: int
    bands: int
    bytes: int
    io_ps: int
    first_ps: int
    last_ps: int

    @property
    def pieces(self) -> int:
        """Parts in all."""
        return self.slices * self.bands

    def double_buffered_ps(self, computing_ps: int) -> int:
        """About how long the operator takes when moves and computing overlap: the longer of the two, and the ends [ps]."""
        return max(computing_ps, self.io_ps) + (self.first_ps + self.last_ps) * (self.io_ps <= computing_ps)


@dataclass(frozen=True)
class Sizes:
    """Bytes of an operator that have to be moved: weights, and the inputs and outputs that do not stay."""

    weights: int
    inputs: tuple[tuple[int, tuple[int, ...]], ...]  # (bytes, rows of the input under k rows of the output, k = 0 ...), streamed
    outputs: tuple[int, ...]  # bytes, streamed


@lru_cache(maxsize=4096)
def tiles_of(layer: Layer, sizes: Sizes, way: Way) -> tuple[Tile, ...]:
    """Every sensible cut of an operator."""
    return tuple(_tiles(layer, sizes, way))


def _tiles(layer: Layer, sizes: Sizes, way: Way) -> Iterator[Tile]:
    slices = _parts(layer.channels) if sizes.weights else [1]
    bands = _parts(layer.rows) if sizes.inputs or sizes.outputs else [1]
    for count in slices:
        for band in bands:
            if count * band <= MOST_PIECES:
                for order in ("weights", "rows") if count > 1 and band > 1 else ("weights",):
                    yield _tile(layer, sizes, way, order, count, band)


def best_tile(layer: Layer, sizes: Sizes, way: Way, room: int, policy: str, depth: int = 2) -> Tile:
    """The cut that fits and costs least: in moves alone, or in time with moves and computing overlapping.

    Parameters
    ----------
    room : int
        Near memory for this operator's blocks [B].
    policy : str
        ``on_demand`` and ``greedy``: moves alone. ``optimal``: time, and of cuts within a hundredth of the least the coarsest.
    depth : int
        So many parts have room together, if any cut allows; for ``optimal``, moves and computing overlap where so many have.
    """
    cuts = tiles_of(layer, sizes, way)
    fitting = [tile for tile in cuts if tile.bytes <= room]
    if not fitting:
        raise StrategyError(
            f"swap: operator '{layer.name}' needs {min(tile.bytes for tile in cuts):,} B at once even in its smallest parts; "
            f"{room:,} B are left for them; more memory is expected"
        )
    if policy != "optimal":
        several = [tile for tile in fitting if depth * tile.bytes <= room]
        several = several or [tile for tile in fitting if min(depth, tile.pieces) * tile.bytes <= room] or fitting
        return min(several, key=lambda tile: (tile.io_ps, tile.pieces, tile.order))
    times = [
        tile.double_buffered_ps(layer.parts_ps(tile.pieces))
        if depth * tile.bytes <= room
        else tile.io_ps + layer.parts_ps(tile.pieces)
        for tile in fitting
    ]
    limit = min(times) * 1.01
    close = [tile for tile, time in zip(fitting, times, strict=True) if time <= limit]
    return min(close, key=lambda tile: (tile.pieces, tile.io_ps, tile.order))


def _parts(most: int) -> list[int]:
    """Numbers of parts to try: all up to 16, then each about an eighth more than the one before."""
    found, count = [], 1
    while count < most:
        found.append(count)
        count = count + 1 if count < 16 else math.ceil(count * 1.125)
    return [*found, most]


def share(part: int, parts: int, whole: int) -> int:
    """Units in one of several parts that differ by one at most.

    >>> [share(k, 3, 8) for k in range(3)]
    [3, 3, 2]
    """
    return (whole - part + parts - 1) // parts


def _input_bytes(sizes: Sizes, rows: int) -> int:
    return sum(math.ceil(size * needed[rows] / needed[-1]) for size, needed in sizes.inputs)


def _tile(layer: Layer, sizes: Sizes, way: Way, order: str, slices: int, bands: int) -> Tile:
    per_slice, rows = math.ceil(sizes.weights / slices), math.ceil(layer.rows / bands)
    band_in = _input_bytes(sizes, rows)
    part_out = sum(math.ceil(size / (slices * bands)) for size in sizes.outputs)
    weight_loads = slices if order == "weights" or slices == 1 else slices * bands
    input_loads = bands if order == "rows" or slices == 1 or bands == 1 else slices * bands
    load_weights = way.load_ps(per_slice) if sizes.weights else 0
    load_input = sum(way.load_ps(math.ceil(size * needed[rows] / needed[-1])) for size, needed in sizes.inputs)
    store = sum(way.store_ps(math.ceil(size / (slices * bands))) for size in sizes.outputs)
    io = weight_loads * load_weights + input_loads * load_input + slices * bands * store
    return Tile(order, slices, bands, per_slice + band_in + part_out, io, load_weights + load_input, store)


def cut(
    layer: Layer, tile: Tile, sizes: Sizes, names: tuple[str, Sequence[str], Sequence[str]], held: int, first: int,
    needs: Sequence[int],
) -> tuple[list[Piece], list[Block]]:  # fmt: skip
    """The pieces and blocks of one operator.

    Parameters
    ----------
    names : (str, sequence of str, sequence of str)
        Of the weights, of the streamed inputs, of the streamed outputs.
    held : int
        Near memory held beside its blocks [B].
    first : int
        Number of its first piece.
    needs : sequence of int
        For each streamed input the last piece that stores it; -1 where it is in the far memory from the start.
    """
    places = [(s, b) for s in range(tile.slices) for b in range(tile.bands)]
    if tile.order == "rows":
        places.sort(key=lambda place: (place[1], place[0]))
    pieces: list[Piece] = []
    blocks: list[Block] = []
    done = 0.0
    for number, (s, b) in enumerate(places):
        rows, channels = share(b, tile.bands, layer.rows), share(s, tile.slices, layer.channels)
        part = rows / layer.rows * channels / layer.channels if number < len(places) - 1 else 1.0 - done
        done += part
        suffix = f"[{number + 1}/{len(places)}]" if len(places) > 1 else ""
        pieces.append(Piece(f"{layer.name}{suffix}", layer.part_ps(part, number == 0), layer.operator, part, held))
        here = first + number
        new_slice = number == 0 or places[number - 1][0] != s
        new_band = number == 0 or places[number - 1][1] != b
        if sizes.weights and new_slice:
            size = _sliced(sizes.weights, s, tile.slices)
            blocks.append(
                Block(names[0], size, here, _until(places, number, 0) + first, constant=tile.slices == 1 or tile.bands == 1)
            )
        if new_band:
            until = _until(places, number, 1) + first
            for (size, needed), name, before in zip(sizes.inputs, names[1], needs, strict=True):
                blocks.append(Block(name, math.ceil(size * needed[rows] / needed[-1]), here, until, needs=before))
        for size, name in zip(sizes.outputs, names[2], strict=True):
            blocks.append(Block(name, _sliced(size, number, len(places)), here, here, False, True))
    return pieces, blocks


def _sliced(size: int, part: int, parts: int) -> int:
    return size * (part + 1) // parts - size * part // parts


def _until(places: Sequence[tuple[int, int]], number: int, axis: int) -> int:
    """Last of the following pieces with the same slice, or the same band."""
    last = number
    while last + 1 < len(places) and places[last + 1][axis] == places[number][axis]:
        last += 1
    return last
