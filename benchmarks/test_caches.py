"""Accesses per second of the cache simulator: three levels, a blocked matrix product, a walk in order and one at random."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from sim.caches import CacheLevel, Caches, Reference, nest_accesses
from tests.reference.caches import SlowCaches

LEVELS = (CacheLevel("l1", 32768, 8), CacheLevel("l2", 262144, 8), CacheLevel("l3", 4 << 20, 16))
#: Accesses per second that one core must reach.
ASKED = 20e6


def product(size: int = 128, block: int = 32) -> tuple[Any, Any]:
    """C[i, j] += A[i, k] B[k, j] of floats in blocks."""
    row = 4 * size
    loops = {"ib": size // block, "jb": size // block, "kb": size // block, "i": block, "k": block, "j": block}
    rows = {"ib": block * row, "i": row}
    a = Reference({**rows, "kb": 4 * block, "k": 4})
    b = Reference({"kb": block * row, "k": row, "jb": 4 * block, "j": 4}, base=size * row)
    c = Reference({**rows, "jb": 4 * block, "j": 4}, base=2 * size * row)
    return nest_accesses(loops, [a, b, c, Reference(c.strides, c.base, write=True)])


def in_order() -> tuple[Any, Any]:
    """A copy of 8 MiB, word by word, twice."""
    words = np.tile(np.arange(0, 8 << 20, 8), 2)
    return np.stack([words, words + (16 << 20)], 1).ravel(), np.tile([0, 1], len(words)).astype(np.uint8)


def at_random() -> tuple[Any, Any]:
    """Four million words of 1 MiB, in no order."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 1 << 20, 4_000_000), (rng.random(4_000_000) < 0.3).astype(np.uint8)


STREAMS = {"product": product, "in order": in_order, "at random": at_random}


@pytest.mark.parametrize("name", STREAMS)
def test_accesses_per_second(benchmark: Any, name: str) -> None:
    addresses, writes = STREAMS[name]()
    fast, slow = Caches(LEVELS), SlowCaches(list(LEVELS))
    fast.run(addresses[:20000], writes[:20000], compiled=True)
    for address, write in zip(addresses[:20000].tolist(), writes[:20000].tolist(), strict=True):
        slow.access(address, bool(write))
    assert [asdict(row) for row in fast.counts().values()] == slow.counts()
    benchmark.pedantic(lambda: Caches(LEVELS).run(addresses, writes), rounds=5, warmup_rounds=1)
    rate = len(addresses) / benchmark.stats.stats.min
    print(f"\n{name}: {len(addresses):,} accesses, {rate / 1e6:.0f} M accesses/s; {ASKED / 1e6:.0f} asked")
    assert name == "at random" or rate >= ASKED  # at random every access misses, most in two levels
