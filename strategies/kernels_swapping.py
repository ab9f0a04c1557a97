"""Compiled loop of the prefetch search: how long a program runs for many choices of the blocks that stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hwmodels.jit import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
else:
    Ints = Any


class PieceTable(NamedTuple):
    """One row per piece."""

    picoseconds: Ints  # time [ps]
    held: Ints  # near memory it holds beside blocks [B]
    first_block: Ints  # its first block in BlockTable
    count_blocks: Ints  # blocks of which it is the first piece


class BlockTable(NamedTuple):
    """One row per loaded block, in order of their first piece."""

    bytes: Ints  # size [B]
    last: Ints  # last piece that needs it
    load_ps: Ints  # time of its move [ps]


class Scratch(NamedTuple):
    """Space for one candidate, one row per piece."""

    ends: Ints  # when each piece ends [ps]
    gone: Ints  # bytes of which it is the last piece [B]


@kernel
def prefetch_makespans(
    pieces: PieceTable, blocks: BlockTable, near_bytes: int, stays: Ints, scratch: Scratch, result: Ints
) -> None:
    """Fill the length of the run for each choice of the blocks that stay; -1 where some piece has no room [ps].

    Loads are made in the order of use, each as early as there is room for it whatever the times are (``windows`` of
    ``strategies/swapping/program.py``); nothing is stored.

    Parameters
    ----------
    stays : int64 array, candidates x blocks
        1 where a block stays.
    """
    for c in range(len(result)):
        result[c] = prefetch_makespan(pieces, blocks, near_bytes, stays[c], scratch)


@kernel
def prefetch_makespan(pieces: PieceTable, blocks: BlockTable, near_bytes: int, stays: Ints, scratch: Scratch) -> int:
    """Length of the run for one choice of the blocks that stay; -1 where some piece has no room [ps]."""
    count = len(pieces.picoseconds)
    held = 0
    for p in range(count):
        scratch.gone[p] = 0
    for b in range(len(stays)):
        if stays[b] == 1:
            held += blocks.bytes[b]
        else:
            scratch.gone[blocks.last[b]] += blocks.bytes[b]
    over = -1  # pieces up to this one are over when the blocks of the present one come
    channel = 0
    now = 0
    for p in range(count):
        first = pieces.first_block[p]
        for b in range(first, first + pieces.count_blocks[p]):
            if stays[b] == 0:
                held += blocks.bytes[b]
        left = held
        for running in range(over + 1, p + 1):
            if left + pieces.held[running] > near_bytes:
                if running == p:
                    return -1
                over = running
            left -= scratch.gone[running]
        for running in range(over + 1):
            held -= scratch.gone[running]
            scratch.gone[running] = 0
        ready = now
        for b in range(first, first + pieces.count_blocks[p]):
            if stays[b] == 0:
                room = scratch.ends[over] if over >= 0 else 0
                channel = max(channel, room) + blocks.load_ps[b]
                ready = max(ready, channel)
        now = ready + pieces.picoseconds[p]
        scratch.ends[p] = now
    return now
