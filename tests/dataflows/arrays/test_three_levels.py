"""The closed form of DRAM, buffer and elements: every column of every count equal to the general count."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from dataflows.accesses import count_accesses
from dataflows.mapping import Loop, Mapping, MappingLevel
from dataflows.tables import DIMENSION, RELEVANT, TENSORS, AccessTable, empty_accesses, empty_blocks
from dataflows.three_levels import count_three_levels, empty_loop_work, innermost_run, nest_table, sliding_loop, tile_of
from tests.dataflows.arrays.mappings import LOOPS, nest_of
from workloads.loopnest import DIMENSIONS, LoopNest

AXES = ("", "", "rows", "columns", "")


def random_case(rng: random.Random) -> tuple[LoopNest, NDArray[np.int64], list[list[int]], list[tuple[str, ...]]]:
    """A nest of up to seven loops, bounds with remainders, two orders, and what each level keeps."""
    names = rng.sample(LOOPS, rng.randint(2, 7))
    nest = nest_of({name: rng.choice([2, 3, 4, 5, 7, 9, 12, 30]) for name in names}, rng.randint(1, 3), rng.choice([1, 1, 2]))
    bounds = np.ones((5, 10), dtype=np.int64)
    for loop, name in enumerate(DIMENSIONS):
        left = nest.extent(name)
        for place in (4, 3, 2, 1):
            if left > 1 and rng.random() < 0.6:
                bounds[place, loop] = rng.randint(1, left)
                left = -(-left // int(bounds[place, loop]))
        bounds[0, loop] = left
    keeps = [TENSORS, *(tuple(tensor for tensor in TENSORS if rng.random() < 0.8) for _ in range(2))]
    return nest, bounds, [rng.sample(range(10), 10) for _ in range(2)], keeps


def mapping_of(nest: LoopNest, bounds: NDArray[np.int64], orders: list[list[int]], keeps: list[tuple[str, ...]]) -> Mapping:
    def loops(place: int) -> tuple[Loop, ...]:
        return tuple(Loop(DIMENSIONS[loop], int(bounds[place, loop]), AXES[place]) for loop in orders[min(1, place)])

    return Mapping.build(nest, [
        MappingLevel("dram", keeps[0], loops(0)),
        MappingLevel("buffer", keeps[1], (*loops(1), *loops(2), *loops(3))),
        MappingLevel("element", keeps[2], loops(4)),
    ])  # fmt: skip


def both(rng: random.Random, compiled: bool) -> tuple[AccessTable, AccessTable, Mapping]:
    nest, bounds, orders, keeps = random_case(rng)
    halo = rng.choice([0, 1])
    mapping = mapping_of(nest, bounds, orders, keeps)
    table, general, closed = mapping.table(), empty_accesses(3), empty_accesses(3)
    count_accesses(table, empty_blocks(3, len(table.loop)), halo, 0, general)
    count = count_three_levels.compiled if compiled else count_three_levels
    count(nest_table(table), bounds, np.array(orders[0]), np.array(orders[1]), halo, empty_loop_work(), closed)
    return general, closed, mapping


@pytest.mark.parametrize("compiled", [False, True])
def test_random_mappings_count_as_the_general_rules_do(compiled: bool) -> None:
    """Any extents, orders, bypasses and remainders; interpreted and compiled."""
    rng = random.Random(f"three levels, {compiled}")
    for _ in range(1200):
        general, closed, mapping = both(rng, compiled)
        for name in AccessTable._fields:
            assert np.array_equal(getattr(general, name), getattr(closed, name)), (name, mapping)


def test_work_space_carries_nothing_over() -> None:
    """The same work space for many mappings of one nest gives what a fresh one gives."""
    rng = random.Random(8)
    nest = nest_of({"M": 6, "C": 5, "E": 7, "R": 3})
    work, kept = empty_loop_work(), empty_accesses(3)
    for _ in range(100):
        bounds = np.ones((5, 10), dtype=np.int64)
        for name in "MCER":
            left = nest.extent(name)
            for place in (4, 2, 1):
                bounds[place, DIMENSION[name]] = rng.randint(1, left)
                left = -(-left // int(bounds[place, DIMENSION[name]]))
            bounds[0, DIMENSION[name]] = left
        outer, inner = (rng.sample(range(10), 10) for _ in range(2))
        table = nest_table(mapping_of(nest, bounds, [outer, inner], [TENSORS] * 3).table())
        fresh = empty_accesses(3)
        count_three_levels(table, bounds, np.array(outer), np.array(inner), 0, empty_loop_work(), fresh)
        count_three_levels(table, bounds, np.array(outer), np.array(inner), 0, work, kept)
        assert all(np.array_equal(getattr(fresh, name), getattr(kept, name)) for name in AccessTable._fields)


def test_pieces_by_hand() -> None:
    nest = nest_of({"M": 4, "C": 3, "E": 5, "R": 3})
    bounds = np.ones((5, 10), dtype=np.int64)
    bounds[0, [DIMENSION["M"], DIMENSION["C"], DIMENSION["R"]]] = 4, 3, 3
    bounds[4, DIMENSION["E"]] = 5
    table = nest_table(mapping_of(nest, bounds, [list(range(10))] * 2, [TENSORS] * 3).table())
    # R and C leave the outputs alone, M the inputs.
    order = [DIMENSION[name] for name in "NGMDEFTSCR"]
    assert innermost_run(table, bounds, 0, order) == (DIMENSION["R"], 1 << DIMENSION["R"] | 1 << DIMENSION["C"], 0)
    assert innermost_run(table, bounds, 1, order) == (-1, 0, 1)
    assert [sliding_loop(table, DIMENSION[name], 0) for name in "RMC"] == [DIMENSION["R"], -1, -1]
    assert [int(tile_of(table, table.extent, code)) for code in range(3)] == [4 * 3 * 3, 3 * (4 + 3), 4 * 5] == table.tile.tolist()
    assert table.repeats.tolist() == [5, 4, 9]
    # Every loop leaves one tensor alone, but the groups, which index all.
    assert [int(RELEVANT[:3, loop].sum()) for loop in range(10)] == [3 if name == "G" else 2 for name in DIMENSIONS]
