"""The mapping search: equal to the exhaustive walk on small nests, legal, repeatable, honest about what it has not proved."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest

from dataflows.capacity import words_beyond
from dataflows.errors import MappingError
from dataflows.hierarchy import Hierarchy, StorageLevel
from dataflows.library import DATAFLOWS
from dataflows.mapping import Loop, Mapping, MappingLevel
from dataflows.tables import TENSORS
from dataflows.tiling import balanced_tiles, next_balanced, next_bound, spreads, spreads_more, tile_sizes
from strategies.kernels import join_bounds, largest_tile
from strategies.kernels_rating import Rating, rate, rate_batch, score
from strategies.mapping_search import OBJECTIVES, _Search, loop_orders, machine_of, rate_mapping, search_mapping
from tests.dataflows.arrays.mappings import nest_of
from workloads.loopnest import DIMENSIONS, LoopNest

#: Relative energies of Chen, Emer, Sze, ISCA 2016, table IV.
ENERGIES = {"dram": 200.0, "buffer": 6.0, "element": 1.0}
LAYER = nest_of({"M": 32, "C": 16, "E": 14, "F": 14, "R": 3, "S": 3})


def machine(
    rows: int = 12, columns: int = 14, capacity: float = 4096.0, words: dict[str, float] | None = None, dram_port: float = 4.0,
    buffers: int = 1,
) -> Hierarchy:  # fmt: skip
    """DRAM, buffer, elements, with the relative energies of Chen et al., ISCA 2016, and one unit per MAC."""
    own = words or {"weights": 32.0, "inputs": 8.0, "outputs": 8.0}
    energy: dict[str, Any] = {name: {"read_energy_j": value, "write_energy_j": value} for name, value in ENERGIES.items()}
    return Hierarchy(
        (
            StorageLevel("dram", read_words=dram_port, write_words=dram_port, **energy["dram"]),
            StorageLevel("buffer", capacity_words=capacity, read_words=8.0, write_words=8.0, buffers=buffers, **energy["buffer"]),
            StorageLevel("element", tuple(own), own_words=own, shared_port=False, **energy["element"]),
        ),
        rows, columns, 1.0, 2.0,
    )  # fmt: skip


def ways(extent: int) -> list[tuple[int, int, int, int, int]]:
    """Every split of a loop: DRAM, buffer, rows, columns, element."""
    found = []
    for element in range(1, extent + 1):
        for columns in range(1, -(-extent // element) + 1):
            for rows in range(1, -(-extent // (element * columns)) + 1):
                block = element * columns * rows
                found += [
                    (-(-extent // (block * buffer)), buffer, rows, columns, element) for buffer in range(1, -(-extent // block) + 1)
                ]
    return found


def exhausted(nest: LoopNest, hierarchy: Hierarchy) -> dict[str, float]:
    """Least value of each objective over every split of every loop and every order at DRAM and buffer; nothing is left out."""
    search = _Search(nest, hierarchy, machine_of(nest, hierarchy), 0, True, 0)
    dims = [d for d, name in enumerate(DIMENSIONS) if nest.extent(name) > 1]
    splits = [ways(nest.extent(DIMENSIONS[d])) for d in dims]
    combos = [
        chosen for chosen in itertools.product(*splits)
        if math.prod(way[2] for way in chosen) <= hierarchy.rows and math.prod(way[3] for way in chosen) <= hierarchy.columns
    ]  # fmt: skip
    rest = [d for d in range(10) if d not in dims]
    orders = np.array([[*rest, *order] for order in itertools.permutations(dims)])
    bounds = np.ones((len(combos), 5, 10), dtype=np.int64)
    for i, chosen in enumerate(combos):
        for d, way in zip(dims, chosen, strict=True):
            bounds[i, :, d] = way
    least = dict.fromkeys(OBJECTIVES, math.inf)
    for outer, inner in itertools.product(range(len(orders)), repeat=2):
        excess, cycles, energy, words = (np.zeros(len(combos)) for _ in range(4))
        pairs = np.tile(np.array([[outer, inner]]), (len(combos), 1))
        rate_batch.compiled(search.desk, search.machine, orders, bounds, pairs, excess, cycles, energy, words)
        legal = excess == 0
        columns = {"latency": cycles, "energy": energy, "edp": energy * cycles, "dram_bytes": words}
        for name, column in columns.items():
            least[name] = min(least[name], float(column[legal].min(initial=math.inf)))
    return least


def test_search_finds_what_exhaustion_finds() -> None:
    """Random nests of three loops, strides, bypasses, double buffering, slow ports: the optimum, and its proof."""
    rng = random.Random(2021)
    compared = 0
    while compared < 6:
        names = rng.sample("MCEFRSN", 3)
        nest = nest_of({name: 2 if name == "N" else rng.choice([2, 3]) for name in names}, rng.randint(1, 2))
        words = {tensor: float(rng.choice([1, 2, 3])) for tensor in TENSORS if rng.random() < 0.8}
        hierarchy = machine(
            rng.randint(1, 3), rng.randint(1, 3), float(rng.choice([12, 20, 60])), words or None, 0.5, rng.choice([1, 2])
        )
        least = exhausted(nest, hierarchy)
        if not math.isfinite(least["energy"]):
            continue
        for objective in OBJECTIVES:
            found = search_mapping(nest, hierarchy, objective)
            assert found.value == pytest.approx(least[objective], rel=1e-12), (nest, hierarchy, objective)
            assert found.gap == 0.0
        compared += 1


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_result_is_legal_repeats_and_beats_the_named_dataflows(objective: str) -> None:
    hierarchy = machine()
    found = search_mapping(LAYER, hierarchy, objective)
    assert not any(words_beyond(found.mapping, hierarchy, level) for level in range(3))
    again = rate_mapping(found.mapping, hierarchy)
    assert (again.excess, again.cycles, again.dram_words) == (0.0, found.cycles, found.dram_words)
    assert again.energy == pytest.approx(found.energy_j, rel=1e-12)
    assert search_mapping(LAYER, hierarchy, objective) == found
    assert found.gap == 0.0
    assert found.space == "filled"
    for dataflow in DATAFLOWS.values():
        mapping = dataflow.mapping(LAYER, hierarchy)
        if set(mapping.levels[2].keeps) == set(TENSORS):
            rating = rate_mapping(mapping, hierarchy)
            assert score(OBJECTIVES[objective], rating.cycles, rating.energy, rating.dram_words) >= found.value * (1 - 1e-12)


def test_objectives_pull_apart() -> None:
    found = {name: search_mapping(LAYER, machine(), name) for name in OBJECTIVES}
    assert found["latency"].cycles == min(entry.cycles for entry in found.values())
    assert found["energy"].energy_j == pytest.approx(min(entry.energy_j for entry in found.values()))
    assert found["dram_bytes"].dram_words == min(entry.dram_words for entry in found.values())


def test_stopped_walk_reports_what_it_has_not_proved() -> None:
    cut = search_mapping(LAYER, machine(capacity=600.0), "energy", limit=1)
    whole = search_mapping(LAYER, machine(capacity=600.0), "energy")
    assert cut.value >= whole.value
    assert 0.0 <= whole.gap <= cut.gap < 1.0
    assert cut.value * (1 - cut.gap) <= whole.value * (1 + 1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_good_enough_ends_the_walk(objective: str) -> None:
    """With a gap allowed, fewer ratings, a gap within it, and a bound below the optimum."""
    hierarchy = machine(capacity=900.0)
    best, quick = search_mapping(LAYER, hierarchy, objective), search_mapping(LAYER, hierarchy, objective, gap=0.05)
    assert best.gap == 0.0 <= quick.gap <= 0.05
    assert quick.value * (1 - quick.gap) <= best.value * (1 + 1e-12)
    assert best.value <= quick.value * (1 + 1e-12)
    with pytest.raises(MappingError, match="gap: 1; a share from 0 to below 1 is expected"):
        search_mapping(LAYER, hierarchy, objective, gap=1.0)


def test_tiles_are_brought_to_multiples_of_what_is_spread() -> None:
    """1021 and 1019 are prime: no tile of a divisor is a multiple of anything spread; strided windows keep their tiles."""
    nest = nest_of({"M": 1021, "C": 1019})
    quick = search_mapping(nest, machine(capacity=400.0), "latency", gap=0.2)
    assert quick.gap <= 0.2
    assert any(loop.spatial for loop in quick.mapping.loops)
    searches = [
        _Search(nest_of({"E": 40, "R": 3}, stride), machine(), machine_of(LAYER, machine()), 0, False, 0) for stride in (1, 2)
    ]
    assert [search.rounded for search in searches] == [1, 0]


def test_what_does_not_fit() -> None:
    with pytest.raises(MappingError, match="level 'buffer' is 1 words short of its smallest tile"):
        search_mapping(LAYER, machine(capacity=2.0))
    none = {"weights": 0.0, "inputs": 1.0, "outputs": 1.0}
    with pytest.raises(MappingError, match="level 'element' is 1 words short of its smallest tile"):
        search_mapping(LAYER, machine(words=none))
    with pytest.raises(MappingError, match="objective: 'speed'; one of latency, energy, edp, dram_bytes"):
        search_mapping(LAYER, machine(), "speed")
    two = Hierarchy((StorageLevel("dram"), StorageLevel("element")))
    with pytest.raises(MappingError, match="has 2 levels; DRAM, a buffer and the elements"):
        search_mapping(LAYER, two)
    unknown = Hierarchy((StorageLevel("dram"), *machine().levels[1:]), 12, 14, 1.0)
    with pytest.raises(MappingError, match="energy of the array or its memories is not known"):
        search_mapping(LAYER, unknown, "energy")
    assert search_mapping(LAYER, unknown, "dram_bytes").dram_words > 0


def test_rating_by_hand() -> None:
    """Four filters, two channels: weights 8 words, one input and one sum register on 2 x 1 elements.

    DRAM M 4, buffer C 2 over the rows. DRAM reads 8 weights and 2 inputs (they stay), writes 4 sums: 14 accesses of 200. The
    buffer takes 10 words in and 4 sums from below, hands out 8 weights and 2 inputs: 24 of 6. Registers: 8 weights and 2 inputs in
    and 8 + 8 out, 8 sums in, none read back: 34 of 1. Ten operands and eight sums hop at 2, eight MACs at 1. DRAM: 14 words at 4 a
    cycle, 3.5 cycles, under the 4 steps.
    """
    hierarchy = machine(2, 1)
    nest = nest_of({"M": 4, "C": 2})
    mapping = Mapping.build(nest, [
        MappingLevel("dram", TENSORS, (Loop("M", 4),)), MappingLevel("buffer", TENSORS, (Loop("C", 2, "rows"),)),
        MappingLevel("element", TENSORS, ()),
    ])  # fmt: skip
    rating = rate_mapping(mapping, hierarchy)
    assert rating.energy == 14 * 200 + 24 * 6 + 34 + 2 * (10 + 8) + 8
    assert (rating.excess, rating.cycles, rating.dram_words) == (0.0, 4.0, 14.0)


def test_compiled_rating_equals_interpreted() -> None:
    rng = random.Random(3)
    search = _Search(LAYER, machine(), machine_of(LAYER, machine()), 1, False, 0)
    outer, floor = search._outer()
    inner, rank, dropped = search._inner(floor)
    assert dropped == 0
    done = 0
    while done < 40:
        i, j = int(rng.choice(rank)), rng.randrange(len(outer.order))
        search.desk.bounds[2] = search.row_spreads[inner.rows[i]]
        search.desk.bounds[3] = search.column_spreads[inner.columns[i]]
        if not join_bounds.compiled(search.desk, i, inner, outer.tile[j], search.rounded):
            continue
        orders = search.orders[outer.order[j]], search.orders[0]
        rated = Rating(*rate.compiled(search.desk, search.machine, *orders))
        assert rated == Rating(*rate(search.desk, search.machine, *orders))
        assert rated == rate_mapping(search._mapping(search.desk.bounds, int(outer.order[j]), 0), search.hierarchy)
        done += 1


def test_bounds_lie_below_every_mapping_they_join() -> None:
    rng = random.Random(4)
    search = _Search(LAYER, machine(capacity=900.0), machine_of(LAYER, machine(capacity=900.0)), 1, False, 0)
    outer, floor = search._outer()
    inner, rank, _ = search._inner(floor)
    compared = 0
    while compared < 100:
        i, j, order = int(rng.choice(rank)), rng.randrange(len(outer.order)), rng.randrange(len(search.orders))
        search.desk.bounds[2] = search.row_spreads[inner.rows[i]]
        search.desk.bounds[3] = search.column_spreads[inner.columns[i]]
        if not join_bounds.compiled(search.desk, i, inner, outer.tile[j], search.rounded):
            continue
        rating = Rating(*rate.compiled(search.desk, search.machine, search.orders[outer.order[j]], search.orders[order]))
        assert min(inner.energy[i]) + outer.energy[j] <= rating.energy * (1 + 1e-12)
        assert max(min(inner.cycles[i]), outer.cycles[j]) <= rating.cycles * (1 + 1e-12)
        assert outer.dram_words[j] <= rating.dram_words
        compared += 1


def test_candidates() -> None:
    assert balanced_tiles(14) == [1, 2, 3, 4, 5, 7, 14]
    sizes, size = [1], 1
    while (size := next_balanced(14, size)) <= 14:
        sizes.append(size)
    assert sizes == balanced_tiles(14)
    assert [next_bound(13, 5, loop, every) for loop, every in ((5, 0), (5, 1), (2, 0))] == [6, 7, 7]
    assert tile_sizes("M", 96, False) == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 96]
    assert tile_sizes("E", 5, True) == [1, 2, 3, 4, 5]
    assert largest_tile(4, 1, 2, 0) == 3
    assert spreads({"M": 2}, 4, True)[:, 2].tolist() == [1, 2]
    lasts = [DIMENSIONS[order[-1]] for order in loop_orders(LAYER)]
    assert lasts == ["M", "E", "F", "R", "S"]
    assert [DIMENSIONS[order[-1]] for order in loop_orders(nest_of({"N": 4, "C": 3}))] == ["N", "C"]


def test_axes_that_leave_room_are_kept_only_where_the_other_takes_the_rest() -> None:
    """M 84 and C 120 on 256 x 256: whole loops side by side, although either axis could hold more."""
    found = spreads({"M": 84, "C": 120}, 256, False)
    whole = np.ones(10, dtype=np.int64)
    filters, channels = whole.copy(), whole.copy()
    filters[2], channels[3] = 84, 120
    assert any((row == filters).all() for row in found) and any((row == channels).all() for row in found)
    extent = filters * channels
    assert not spreads_more(extent, filters, channels, 256) and not spreads_more(extent, channels, filters, 256)
    assert spreads_more(extent, filters, whole, 256) and not spreads_more(extent, filters, whole, 84)
    nest, hierarchy = nest_of({"M": 84, "C": 120}), machine(256, 256, 2.0**20)
    search = _Search(nest, hierarchy, machine_of(nest, hierarchy), 0, False, 0)
    inner, rank, _ = search._inner(search._outer()[1])
    pairs = [(search.row_spreads[inner.rows[i]], search.column_spreads[inner.columns[i]]) for i in rank]
    assert any((rows == channels).all() and (columns == filters).all() for rows, columns in pairs)
    assert search_mapping(nest, hierarchy, "latency").gap == 0.0
