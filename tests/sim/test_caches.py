"""Caches: cases by hand, the compiled loop beside the slow one, the closed form beside the simulator."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from sim.caches import POLICIES, CacheLevel, Caches, Reference, footprint_lines, nest_accesses, nest_misses, simulate_caches
from sim.errors import CacheError
from sim.kernels_caches import (
    fill,
    nest_stream,
    next_random,
    run_stream,
    serve,
    set_of,
    slot_of,
    touch_tree,
    tree_victim,
    use,
    victim_of,
)
from tests.reference.caches import SlowCaches, Tree

KERNELS = (fill, nest_stream, next_random, run_stream, serve, set_of, slot_of, touch_tree, tree_victim, use, victim_of)


def test_lru_of_two_ways_by_hand() -> None:
    """One set of two ways, lines 0, 1, 0, 2, 1: misses 0, 1, then 2 replaces 1 (0 was used later), then 1 misses again."""
    counts = simulate_caches([CacheLevel("l1", 128, ways=2)], [0, 64, 0, 128, 64])["l1"]
    assert (counts.accesses, counts.misses) == (5, 4)


def test_a_written_line_goes_down_when_it_is_replaced() -> None:
    """Direct mapped, one line: write 0, read 64 -> the written line goes to memory, twice a fill."""
    counts = simulate_caches([CacheLevel("l1", 64, ways=1)], [0, 64], [1, 0])
    assert counts["l1"].written_back == 1 and (counts["memory"].reads, counts["memory"].writes) == (2, 1)


def test_write_through_without_allocation_by_hand() -> None:
    """Both writes go to memory and bring no line in; the read after them misses."""
    level = CacheLevel("l1", 64, ways=1, write_back=False, write_allocate=False)
    counts = simulate_caches([level], [0, 0, 0], [1, 1, 0])
    assert (counts["l1"].write_misses, counts["l1"].read_misses, counts["memory"].writes) == (2, 1, 2)


def test_the_next_line_is_there_when_it_is_asked_for() -> None:
    """Eight lines in order: each miss brings the next one in, so that every other one hits."""
    plain, ahead = (simulate_caches([CacheLevel("l1", 4096, prefetch=on)], np.arange(0, 512, 64)) for on in (False, True))
    assert plain["l1"].misses == 8 and ahead["l1"].misses == 4 and ahead["l1"].prefetches == 4
    assert ahead["memory"].reads == 4 and ahead["memory"].prefetches == 4


@pytest.mark.parametrize("ways", [2, 4, 8, 16])
def test_the_tree_is_a_tree(ways: int, random_generator: np.random.Generator) -> None:
    bits, tree = 0, Tree(ways)
    for way in random_generator.integers(ways, size=100).tolist():
        bits = touch_tree(bits, ways, way)
        tree.touch(way)
        assert tree_victim(bits, ways) == tree.victim()


def random_level(rng: np.random.Generator, name: str, lines: int) -> CacheLevel:
    ways = int(rng.choice([1, 2, 4, 8]))
    policy, (back, allocate, ahead) = str(rng.choice(list(POLICIES))), rng.integers(2, size=3).astype(bool).tolist()
    return CacheLevel(name, lines * ways * 32, ways, 32, policy, back, allocate, ahead)


@pytest.mark.parametrize("compiled", [True, False])
def test_equals_the_slow_caches(compiled: bool, random_generator: np.random.Generator) -> None:
    rng = random_generator
    for case in range(60):
        levels = [random_level(rng, f"l{k}", int(rng.choice([1, 2, 3, 8]))) for k in range(1 + case % 3)]
        addresses = np.where(rng.random(300) < 0.5, rng.integers(0, 4096, 300), np.arange(300) * 4 % 2048)
        writes = rng.random(300) < 0.4
        fast, slow = Caches(levels, seed=case), SlowCaches(levels, seed=case)
        fast.run(addresses[:100], writes[:100], compiled=compiled)
        fast.run(addresses[100:], writes[100:], compiled=compiled)
        for address, write in zip(addresses.tolist(), writes.tolist(), strict=True):
            slow.access(address, write)
        assert [asdict(row) for row in fast.counts().values()] == slow.counts(), levels


def matrix_product(size: int, block: int, pitch: int) -> tuple[dict[str, int], list[Reference]]:
    """Blocked C[i, j] += A[i, k] B[k, j] of floats: loops over blocks outside, rows ``pitch`` bytes apart."""
    blocks = size // block
    loops = {"ib": blocks, "jb": blocks, "kb": blocks, "i": block, "k": block, "j": block}
    rows, gap = {"ib": block * pitch, "i": pitch}, size * pitch
    a = Reference({**rows, "kb": 4 * block, "k": 4})
    b = Reference({"kb": block * pitch, "k": pitch, "jb": 4 * block, "j": 4}, base=gap)
    c = Reference({**rows, "jb": 4 * block, "j": 4}, base=2 * gap)
    return loops, [a, b, c, Reference(c.strides, c.base, write=True)]


@pytest.mark.parametrize(("size", "block", "capacity"), [
    (128, 16, 8192), (128, 32, 32768), (96, 48, 65536), (128, 64, 16384), (64, 64, 1024), (128, 32, 262144), (96, 16, 4096),
])  # fmt: skip
def test_closed_form_of_blocked_products(size: int, block: int, capacity: int) -> None:
    """Within 5 % of the simulated misses of a fully associative LRU cache."""
    loops, references = matrix_product(size, block, 4 * size)
    misses = simulate_caches([CacheLevel("l1", capacity, ways=0)], *nest_accesses(loops, references))["l1"].misses
    assert nest_misses(loops, references, capacity) == pytest.approx(misses, rel=0.05)


def test_eight_ways_are_nearly_as_good_where_rows_do_not_collide() -> None:
    loops, references = matrix_product(128, 32, 4 * 128 + 64)
    misses = simulate_caches([CacheLevel("l1", 32768)], *nest_accesses(loops, references))["l1"].misses
    assert nest_misses(loops, references, 32768) == pytest.approx(misses, rel=0.05)


@pytest.mark.parametrize("rows", [8, 40, 300])
def test_closed_form_of_a_row_convolution(rows: int) -> None:
    """Output rows of 3 x 3 filters over a map of 64-byte rows: the rows of the window are found again."""
    loops = {"y": rows, "x": 14, "fy": 3, "fx": 3}
    image = Reference({"y": 64, "fy": 64, "x": 4, "fx": 4})
    filters = Reference({"fy": 12, "fx": 4}, base=1 << 20)
    misses = simulate_caches([CacheLevel("l1", 1024, ways=0)], *nest_accesses(loops, [image, filters]))["l1"].misses
    assert nest_misses(loops, [image, filters], 1024) == pytest.approx(misses, rel=0.05)


def test_a_larger_cache_never_misses_more_in_closed_form() -> None:
    loops, references = matrix_product(96, 16, 384)
    found = [nest_misses(loops, references, 1 << n) for n in range(8, 22)]
    assert found == sorted(found, reverse=True)


def test_footprints_by_hand() -> None:
    """3 x 3 windows over 6 x 6 floats side by side: 8 x 8 floats of 32-byte rows are one run of 256 B; apart, eight runs."""
    loops = {"y": 6, "x": 6, "fy": 3, "fx": 3}
    assert footprint_lines(loops, Reference({"y": 32, "fy": 32, "x": 4, "fx": 4}), 64) == 4


@pytest.mark.parametrize(("change", "said"), [
    ({"policy": "fifo"}, "policy 'fifo'; one of lru, plru, random"),
    ({"line_bytes": 48}, "lines of 48 B; a power of two"),
    ({"capacity_bytes": 1000}, "1000 B; a multiple of 8 ways of 64 B"),
    ({"policy": "plru", "ways": 3, "capacity_bytes": 1920}, "3 ways; a power of two up to 32"),
])  # fmt: skip
def test_what_cannot_be_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(CacheError, match=said):
        CacheLevel(**{"name": "l1", "capacity_bytes": 4096, **change})  # type: ignore[arg-type]


def test_streams_are_checked() -> None:
    caches = Caches([CacheLevel("l1", 4096)])
    with pytest.raises(CacheError, match="two equally long columns"):
        caches.run([0, 1], [0])
    with pytest.raises(CacheError, match="address -4; 0 or more"):
        caches.run([-4])
