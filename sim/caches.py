"""Caches: a simulator of address streams, and the closed form of the misses of blocked loop nests that it checks.

Levels are set-associative, each with its line, ways, replacement (LRU, tree pseudo-LRU, random), write policy and next-line
prefetch. The simulator tells what a stream misses; the closed form tells it from the loops alone: a loop whose body stays in the
cache finds again what the body shares from one iteration to the next.

>>> level = CacheLevel("l1", 1024, ways=2)
>>> report = simulate_caches([level], np.arange(0, 4096, 8))
>>> report["l1"].misses, report["l1"].accesses
(64, 512)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.errors import CacheError
from sim.kernels_caches import LRU, QUEUE, RANDOM, TREE_PLRU, nest_stream, run_stream

Ints = NDArray[np.int64]

POLICIES = {"lru": LRU, "plru": TREE_PLRU, "random": RANDOM}
#: Streams of fewer accesses run as plain Python.
COMPILED_FROM = 2000


@dataclass(frozen=True)
class CacheLevel:
    """One level.

    Attributes
    ----------
    name : str
    capacity_bytes : int
    ways : int
        Lines of a set; 0 for a fully associative cache.
    line_bytes : int
        A power of two.
    policy : str
        ``lru``, ``plru`` (a binary tree over a power of two of ways) or ``random``.
    write_back : bool
        Written lines go to the next level when they are replaced; else every write goes there at once.
    write_allocate : bool
        A write that misses brings its line in.
    prefetch : bool
        A miss brings the next line in as well.
    """

    name: str
    capacity_bytes: int
    ways: int = 8
    line_bytes: int = 64
    policy: str = "lru"
    write_back: bool = True
    write_allocate: bool = True
    prefetch: bool = False

    def __post_init__(self) -> None:
        where = f"cache {self.name}"
        if self.policy not in POLICIES:
            raise CacheError(f"{where}: policy '{self.policy}'; one of {', '.join(POLICIES)} is expected")
        if self.line_bytes < 1 or self.line_bytes & (self.line_bytes - 1):
            raise CacheError(f"{where}: lines of {self.line_bytes} B; a power of two is expected")
        if self.capacity_bytes < 1 or self.capacity_bytes % (self.line_bytes * self.associativity):
            raise CacheError(
                f"{where}: {self.capacity_bytes} B; a multiple of {self.associativity} ways of {self.line_bytes} B is expected"
            )
        if self.policy == "plru" and (self.associativity & (self.associativity - 1) or self.associativity > 32):
            raise CacheError(f"{where}: {self.associativity} ways; a power of two up to 32 is expected of plru; or take lru")

    @property
    def associativity(self) -> int:
        """Lines of a set."""
        return self.ways or max(1, self.capacity_bytes // self.line_bytes)

    @property
    def sets(self) -> int:
        """Sets of the level."""
        return self.capacity_bytes // (self.line_bytes * self.associativity)


@dataclass(frozen=True)
class LevelCounts:
    """What a level was asked, what it missed, and what it passed on. Prefetched lines count in ``prefetches`` alone."""

    reads: int
    writes: int
    read_misses: int
    write_misses: int
    prefetches: int
    written_back: int

    @property
    def accesses(self) -> int:
        """Reads and writes."""
        return self.reads + self.writes

    @property
    def misses(self) -> int:
        """Reads and writes that found no line."""
        return self.read_misses + self.write_misses


class Caches:
    """Levels with their state: nearest first, the memory behind the last.

    >>> caches = Caches([CacheLevel("l1", 128, ways=1)])
    >>> caches.run([0, 8, 64, 0])
    >>> caches.counts()["l1"].misses, caches.counts()["memory"].reads
    (2, 2)
    """

    def __init__(self, levels: Sequence[CacheLevel], seed: int = 1) -> None:
        if not levels:
            raise CacheError("caches: no level; at least one is expected")
        self.levels = tuple(levels)
        slots = np.cumsum([0, *(level.sets * level.associativity for level in levels)])
        sets = np.cumsum([0, *(level.sets for level in levels)])
        rows = [
            (level.line_bytes.bit_length() - 1, level.sets, level.associativity, POLICIES[level.policy], level.write_back,
             level.write_allocate, level.prefetch, slots[k], sets[k], -1 if level.sets & (level.sets - 1) else level.sets - 1)
            for k, level in enumerate(levels)
        ]  # fmt: skip
        self._facts = np.array(rows, np.int64)
        self._lines = np.full(slots[-1], -1, np.int64)
        self._used, self._dirty = np.zeros(slots[-1], np.int64), np.zeros(slots[-1], np.int64)
        self._trees = np.zeros(sets[-1], np.int64)
        self._seed, self._clock = np.array([seed % 2147483646 + 1], np.int64), np.zeros(1, np.int64)
        self._queue = np.zeros((QUEUE, 3), np.int64)
        self._counts = np.zeros((len(levels) + 1, 6), np.int64)

    def run(self, addresses: ArrayLike, writes: ArrayLike | None = None, *, compiled: bool | None = None) -> None:
        """Send accesses through the levels; the state stays for the next call.

        Parameters
        ----------
        addresses : array of int
            Byte addresses, in order; each access lies within one line [B].
        writes : array of bool or None
            Default: all are reads.
        compiled : bool or None
            Default: for long streams.
        """
        stream = np.ascontiguousarray(addresses, np.int64)
        kinds = np.zeros(len(stream), np.uint8) if writes is None else np.ascontiguousarray(writes, np.uint8)
        if kinds.shape != stream.shape or stream.ndim != 1:
            raise CacheError(f"caches: {stream.shape} addresses and {kinds.shape} kinds; two equally long columns are expected")
        if len(stream) and stream.min() < 0:
            raise CacheError(f"caches: address {stream.min()}; 0 or more is expected")
        run = run_stream.compiled if (len(stream) >= COMPILED_FROM if compiled is None else compiled) else run_stream
        run(stream, kinds, self._facts, self._lines, self._used, self._dirty, self._trees, self._counts, self._seed, self._clock,
            self._queue)  # fmt: skip

    def counts(self) -> dict[str, LevelCounts]:
        """Level -> counts since the beginning or the last :meth:`forget_counts`; the memory's reads hold no prefetched lines."""
        names = [level.name for level in self.levels] + ["memory"]
        return {name: LevelCounts(*row) for name, row in zip(names, self._counts.tolist(), strict=True)}

    def forget_counts(self) -> None:
        """Count from here on; what the caches hold stays."""
        self._counts[:] = 0


def simulate_caches(levels: Sequence[CacheLevel], addresses: ArrayLike, writes: ArrayLike | None = None) -> dict[str, LevelCounts]:
    """Counts of a stream through empty levels."""
    caches = Caches(levels)
    caches.run(addresses, writes)
    return caches.counts()


@dataclass(frozen=True)
class Reference:
    """One access in the body of a loop nest: at ``base`` + sum over loops of stride * index.

    Attributes
    ----------
    strides : Mapping of str to int
        Loop -> bytes per step; a loop that is not named does not move it [B].
    base : int
        Address of the first element [B].
    element_bytes : int
    write : bool
    """

    strides: Mapping[str, int]
    base: int = 0
    element_bytes: int = 4
    write: bool = False


def nest_accesses(
    loops: Mapping[str, int], references: Sequence[Reference], *, compiled: bool = True
) -> tuple[Ints, NDArray[np.uint8]]:
    """Addresses and kinds of all accesses of a loop nest, outermost loop first.

    >>> nest_accesses({"i": 2, "j": 2}, [Reference({"i": 100, "j": 4})], compiled=False)[0].tolist()
    [0, 4, 100, 104]
    """
    extents = np.array(list(loops.values()), np.int64)
    strides = np.array([[one.strides.get(loop, 0) for loop in loops] for one in references], np.int64)
    count = int(extents.prod()) * len(references)
    addresses, kinds = np.zeros(count, np.int64), np.zeros(count, np.uint8)
    fill = nest_stream.compiled if compiled else nest_stream
    bases = np.array([one.base for one in references], np.int64)
    fill(extents, bases, strides, np.array([one.write for one in references], np.uint8), addresses, kinds)
    return addresses, kinds


def footprint_lines(loops: Mapping[str, int], reference: Reference, line_bytes: int) -> int:
    """Lines that a reference touches in some loops: runs of lines side by side, times the number of runs.

    Loops whose step is at most a line beyond what is already covered lengthen the run; the others repeat it.

    >>> footprint_lines({"i": 8, "j": 32}, Reference({"i": 4096, "j": 4}), 64)
    16
    """
    run, repeats = reference.element_bytes, 1
    for stride, extent in sorted((abs(reference.strides.get(loop, 0)), extent) for loop, extent in loops.items()):
        if stride and stride <= max(run, line_bytes):
            run += stride * (extent - 1)
        elif stride:
            repeats *= extent
    return repeats * -(-run // line_bytes)


def nest_misses(loops: Mapping[str, int], references: Sequence[Reference], capacity_bytes: int, line_bytes: int = 64) -> int:
    """Misses of a loop nest in an empty LRU cache without conflicts, in closed form.

    Of the loops from the outermost inwards, the first one whose body stays in the cache finds again what its iterations share:
    misses of a reference = iterations of the loops around it * lines touched in it and the loops within.

    Parameters
    ----------
    loops : Mapping of str to int
        Extents, outermost first.
    references : sequence of Reference
        Of different arrays; those at the same base and strides count once.
    capacity_bytes, line_bytes : int

    Notes
    -----
    Holds where bodies are clearly smaller or larger than the cache and rows begin at lines; conflicts come on top. After
    M. E. Wolf and M. S. Lam, "A data locality optimizing algorithm", PLDI 1991.

    >>> b = Reference({"k": 1024, "j": 4})
    >>> nest_misses({"i": 16, "k": 64, "j": 256}, [b], 1 << 20), nest_misses({"i": 16, "k": 64, "j": 256}, [b], 1 << 14)
    (1024, 16384)
    """
    names = list(loops)
    arrays = {(one.base, tuple(one.strides.get(name, 0) for name in names)): one for one in references}.values()
    capacity = capacity_bytes // line_bytes
    for place in range(len(names)):
        body = {name: loops[name] for name in names[place + 1 :]}
        if sum(footprint_lines(body, one, line_bytes) for one in arrays) <= capacity:
            around = int(np.prod([loops[name] for name in names[:place]], dtype=np.int64))
            within = {name: loops[name] for name in names[place:]}
            return around * sum(footprint_lines(within, one, line_bytes) for one in arrays)
    return int(np.prod(list(loops.values()), dtype=np.int64)) * len(arrays)
