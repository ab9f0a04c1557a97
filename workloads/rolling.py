"""Strips of rows with nothing computed twice: which rows of each tensor a strip adds, and which are kept for the strips to come.

A strip adds the rows that what reads the tensor needs for its own new rows, from the last row computed on. Rows are kept while a later
strip reads them: k_eff - s of a window between two strips, k_eff in all where strips are one row of the window's output; more where a
shortcut waits. They lie in a buffer that is written round and round. Source: Zheng et al., "StreamNet", NeurIPS 2023.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from workloads.patches import Area, Range, Stage

NOTHING = Range(0, -1)


class Strip(NamedTuple):
    """Rows of one tensor while one strip is computed."""

    added: Range  # computed in this strip
    held: Range  # in the buffer: those that are kept, then those that were added


def strips_of(stage: Stage, height: int, axis: int = 0) -> list[Range]:
    """The output of a stage in strips of ``height`` rows, or columns with ``axis`` 1, the last one of what is left."""
    rows = stage.extent(stage.output)[axis]
    return [Range(first, min(first + height, rows) - 1) for first in range(0, rows, height)]


def rolling(stage: Stage, strips: Sequence[Range], axis: int = 0) -> dict[str, list[Strip]]:
    """Rows that every tensor of a stage adds and holds, strip by strip; its inputs as if their rows came one after the other.

    With ``axis`` 1, columns.

    The strips are preceded by some above the output, in which the first rows of earlier tensors are computed a few at a time: a buffer
    is filled as it is used later on, not at once.
    """
    height = strips[0].size
    above = [
        Range(-height * n, -height * (n - 1) - 1) for n in range(_filling(stage, height, axis) if len(strips) > 1 else 0, 0, -1)
    ]
    return _rolling(stage, [*above, *strips], axis)


def _filling(stage: Stage, height: int, axis: int) -> int:
    """Strips above the output until no row of any tensor is needed."""
    for n in range(1, max(stage.extent(name)[axis] for i in stage.operators for name in stage.sources(i)) + 1):
        strip = Range(-height * n, -height * (n - 1) - 1)
        areas = stage.needed((strip, strip), clip=False)
        if all(area[axis].last < 0 for area in areas.values()):
            return n - 1
    return 0


def _rolling(stage: Stage, strips: Sequence[Range], axis: int) -> dict[str, list[Strip]]:
    """Rows of every tensor; ``reached`` are the last ones strip by strip where no tensor had an end."""
    output = stage.output
    reached = {output: [strip.last for strip in strips]}
    wanted = {output: [strip.clipped(stage.extent(output)[axis]) for strip in strips]}
    found: dict[str, list[Strip]] = {}
    for i in reversed(stage.operators):
        name = stage.graph.operators[i].outputs[0]
        if name not in wanted:
            continue
        found[name] = _rolled(wanted[name], reached[name])
        for source in stage.sources(i):
            own = [_rows(stage, i, strip.added, axis).clipped(stage.extent(source)[axis]) for strip in found[name]]
            wanted[source] = [a.hull(b) for a, b in zip(wanted.get(source, [NOTHING] * len(own)), own, strict=True)]
            last = [_rows(stage, i, Range(row, row), axis).last for row in reached[name]]
            reached[source] = [max(a, b) for a, b in zip(reached.get(source, last), last, strict=True)]
    return found | {name: _rolled(wanted[name], reached[name]) for name in wanted if name not in found}


def _rows(stage: Stage, i: int, rows: Range, axis: int) -> Range:
    """Rows of its input that an operator reads for rows of its output."""
    return stage.wanted(i, (rows, rows))[axis] if rows.size else NOTHING


def _rolled(wanted: Sequence[Range], reached: Sequence[int]) -> list[Strip]:
    """What is added and held where these rows are wanted and computed up to those ``reached``, strip by strip."""
    oldest: list[float] = []
    needed = math.inf
    for want in reversed(wanted):
        needed = min(needed, want.first) if want.size else needed
        oldest.append(needed)
    end = max((want.last for want in wanted if want.size), default=-1)
    found: list[Strip] = []
    done, held = -1, NOTHING
    for last, first in zip(reached, reversed(oldest), strict=True):
        added = NOTHING if math.isinf(first) else Range(max(done + 1, int(first)), min(last, end))
        if added.size:
            held, done = Range(int(first), added.last), added.last
        found.append(Strip(added if added.size else NOTHING, held))
    return found


def buffer_rows(rolled: Sequence[Strip]) -> int:
    """Rows of the buffer that serves all strips."""
    return max(strip.held.size for strip in rolled)


def streamed_macs(stage: Stage, tiles: Sequence[Area]) -> int:
    """Multiply-accumulates with rows kept, for columns cut as in ``tiles``: overlaps of columns are computed again, rows are not."""
    return stage.macs([(Range(0, stage.extent(stage.output)[0] - 1), tile[1]) for tile in tiles])


def buffers_bytes(stage: Stage, rolled: dict[str, list[Strip]], columns: Range) -> int:
    """Bytes of all buffers inside a stage for one block of columns [B].

    Without tensors that only an operator without a window reads right away: it writes over them.
    """
    across = stage.needed((Range(0, stage.extent(stage.output)[0] - 1), columns))
    total = 0
    for name, strips in rolled.items():
        if name == stage.output or name not in stage.graph.producer or not any(i in stage.windows for i in _readers(stage, name)):
            continue
        whole = stage.extent(name)
        total += math.ceil(stage.graph.tensors[name].bytes * buffer_rows(strips) * across[name][1].size / (whole[0] * whole[1]))
    return total


def edges_bytes(stage: Stage, height: int, width: int) -> int:
    """Bytes kept between tiles of ``height`` x ``width`` outputs so that no element is computed twice, tiles themselves not included [B].

    Of every tensor that windows read: kept rows x (its columns + kept columns, since rows of the next tiles are written before those of
    this one are done with) + kept columns x rows of a tile.
    """
    down, across = (rolling(stage, strips_of(stage, size, axis), axis) for axis, size in enumerate((height, width)))
    total = 0
    for name in down:
        if name not in stage.graph.producer or not any(i in stage.windows for i in _readers(stage, name)):
            continue
        whole, rows, columns = stage.extent(name), _kept(down[name]), _kept(across[name])
        positions = rows * (whole[1] + columns) + columns * max(strip.added.size for strip in down[name])
        total += math.ceil(stage.graph.tensors[name].bytes * positions / (whole[0] * whole[1]))
    return total


def _kept(rolled: Sequence[Strip]) -> int:
    return max(strip.added.first - strip.held.first if strip.added.size else 0 for strip in rolled)


def _readers(stage: Stage, name: str) -> list[int]:
    return [i for i in stage.graph.consumers[name] if i in set(stage.operators)]
