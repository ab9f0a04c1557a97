"""Bytes that a caching allocator takes from its device: segments that are never given back, blocks cut out of them by best fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hwmodels.memory_profile import MemoryProfile
from sim.arena import Span


@dataclass
class _Pool:
    """Segments of one kind: free blocks as (segment, start, bytes)."""

    free: list[tuple[int, int, int]] = field(default_factory=list)
    reserved: int = 0
    segments: int = 0

    def take(self, size: int, segment_bytes: int, keep_from: int) -> tuple[int, int, int]:
        """A block of ``size`` bytes: the smallest free one that holds it, its rest kept where it has ``keep_from`` bytes."""
        fitting = [block for block in self.free if block[2] >= size]
        if fitting:
            segment, start, length = min(fitting, key=lambda block: (block[2], block[0], block[1]))
            self.free.remove((segment, start, length))
        else:
            segment, start, length = self.segments, 0, segment_bytes
            self.segments += 1
            self.reserved += segment_bytes
        if length - size >= keep_from:
            self.free.append((segment, start + size, length - size))
            length = size
        return segment, start, length

    def give(self, block: tuple[int, int, int]) -> None:
        """Put a block back, joined with its free neighbours."""
        segment, start, length = block
        for other in [b for b in self.free if b[0] == segment and (b[1] + b[2] == start or start + length == b[1])]:
            self.free.remove(other)
            start, length = min(start, other[1]), length + other[2]
        self.free.append((segment, start, length))


def reserved_bytes(spans: Sequence[Span], profile: MemoryProfile) -> int:
    """Bytes of all segments once the run is over [B]. What begins at a step is taken before what ends there is given back.

    Parameters
    ----------
    spans : sequence of Span
        What is held from when to when, constants included.
    profile : MemoryProfile
        Its sizes of blocks and segments.

    >>> from hwmodels.memory_profile import load_memory_profile
    >>> reserved_bytes([Span(0, 2, 600), Span(1, 3, 3_000_000)], load_memory_profile("caching_allocator"))
    23068672
    """
    sizes = {key: int(profile.sizes[key]) for key in ("block", "small_below", "small_segment", "large_segment", "large_from")}
    small, large = _Pool(), _Pool()
    held: dict[int, tuple[_Pool, tuple[int, int, int]]] = {}
    events = [(span.lower, 1, k) for k, span in enumerate(spans)] + [(span.upper, 0, k) for k, span in enumerate(spans)]
    for _, begins, k in sorted(events):
        if not begins:
            pool, block = held.pop(k)
            pool.give(block)
            continue
        size = max(1, -(-spans[k].size // sizes["block"])) * sizes["block"]
        if size <= sizes["small_below"]:
            held[k] = small, small.take(size, sizes["small_segment"], sizes["block"])
        else:
            apart = -(-size // sizes["small_segment"]) * sizes["small_segment"]
            segment = sizes["large_segment"] if size < sizes["large_from"] else apart
            held[k] = large, large.take(size, segment, sizes["small_below"] + 1)
    return small.reserved + large.reserved
