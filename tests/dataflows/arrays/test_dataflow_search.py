"""The best mapping a dataflow allows: it keeps to the dataflow, fits, is never worse than the own one; reuse and its energy."""

from __future__ import annotations

import itertools
import math

import pytest

from dataflows.capacity import words_beyond
from dataflows.dataflow_search import ORDERS, TILED, Choice, Desk, best_mapping, counted
from dataflows.hierarchy import Hierarchy, StorageLevel
from dataflows.library import DATAFLOWS
from dataflows.mapping import Mapping
from dataflows.reuse import PARTS, by_level, normalised_energy, reuse_of
from dataflows.tables import AccessTable
from hwmodels.costs.array import operand_value_energy, psum_value_energy
from tests.dataflows.arrays.mappings import differences
from workloads.loopnest import LoopNest, convolution_nest

WORDS = {
    "rs": (12, 6, 4),
    "ws": (1, 0, 0),
    "is": (0, 1, 0),
    "os_a": (0, 0, 1),
    "os_b": (0, 0, 1),
    "os_c": (0, 0, 1),
    "nlr": (0, 0, 0),
}


def nest_of(m: int = 6, c: int = 4, side: int = 5, kernel: int = 3, n: int = 2, stride: int = 1) -> LoopNest:
    return convolution_nest(
        n=n, g=1, m=m, c=c, output=(side, side), kernel=(kernel, kernel), stride=(stride, stride), dilation=(1, 1),
        tensors=("inputs", "weights", "outputs"),
    )  # fmt: skip


def levels_of(name: str, buffer: float = 300.0) -> Hierarchy:
    words = {tensor: float(count) for tensor, count in zip(("weights", "inputs", "outputs"), WORDS[name], strict=True) if count}
    element = StorageLevel("element", tuple(words), own_words=words)
    neighbours = (StorageLevel("neighbours", ("inputs",), handed_on=True),) if DATAFLOWS[name].shifts else ()
    return Hierarchy((StorageLevel("dram"), StorageLevel("buffer", capacity_words=buffer), *neighbours, element), 4, 4)


def energy(mapping: Mapping, counts: AccessTable) -> float:
    return sum(by_level(normalised_energy(mapping, counts)).values())


@pytest.mark.parametrize("name", DATAFLOWS)
def test_best_mapping_fits_keeps_to_the_dataflow_and_is_no_worse_than_its_own(name: str) -> None:
    dataflow, hierarchy, nest = DATAFLOWS[name], levels_of(name), nest_of()
    own, best = dataflow.mapping(nest, hierarchy), best_mapping(dataflow, nest, hierarchy, energy)
    assert energy(best, counted(best)) <= energy(own, counted(own))
    assert not any(words_beyond(best, hierarchy, level) for level in range(1, len(hierarchy.levels)))
    for axis, names in (("rows", dataflow.rows), ("columns", dataflow.columns)):
        spread = [loop for loop in best.loops if loop.axis == axis]
        assert {loop.loop for loop in spread} <= set(names) and math.prod(loop.bound for loop in spread) <= 4
    assert {loop.loop for loop in best.levels[-1].loops} <= set(dataflow.inside)
    assert best.levels[-1].keeps == tuple(t for t in ("weights", "inputs", "outputs") if t in dataflow.keeps)
    assert best == best_mapping(dataflow, nest, hierarchy, energy)


def test_descent_ends_within_a_twentieth_of_the_least_of_every_tiling() -> None:
    """Weights in the elements, a buffer too small for the product: every number of tiles of N, M and C is walked."""
    dataflow, hierarchy, nest = DATAFLOWS["ws"], levels_of("ws", buffer=40.0), nest_of(m=8, c=8, side=1, kernel=1, n=8)
    best = best_mapping(dataflow, nest, hierarchy, energy)
    desk = Desk(dataflow, nest, hierarchy, energy)
    places = [("outside", name) for name in TILED if nest.extent(name) > 1]
    spreads = [("rows", "C"), ("columns", "M")]
    every = (
        Choice(tuple(sorted(zip([*places, *spreads], bounds, strict=True))), order)
        for bounds in itertools.product(*([(1, 2, 4, 8)] * len(places)), *([(1, 2, 4)] * 2))
        for order in range(len(ORDERS))
    )
    least = min(desk.rated(choice)[0] for choice in every)
    assert least <= energy(best, counted(best)) <= 1.05 * least


@pytest.mark.parametrize("name", DATAFLOWS)
def test_split_multiplies_to_every_use_and_its_energy_is_the_published_formula(name: str) -> None:
    hierarchy, nest = levels_of(name), nest_of(stride=2)
    mapping = best_mapping(DATAFLOWS[name], nest, hierarchy, energy)
    counts = counted(mapping)
    split, parts = reuse_of(mapping, counts), normalised_energy(mapping, counts)
    for tensor, (words, a, b, c, d, kept) in split.items():
        assert words * a * b * c * d == pytest.approx(nest.volume)
        formula = psum_value_energy if tensor == "outputs" else operand_value_energy
        if kept:
            assert sum(parts[tensor].values()) == pytest.approx(words * formula(a, b, c, d))
        else:
            assert d == 1.0 and parts[tensor]["register"] == 0.0
    assert by_level(parts)["arithmetic"] == nest.volume and tuple(by_level(parts)) == PARTS


@pytest.mark.parametrize("name", ["os_a", "os_b"])
def test_what_neighbours_hand_on_is_not_read_from_the_buffer(name: str) -> None:
    """One row of outputs: (F-1)*U + S words of a filter row instead of F*S; the walk over the loops agrees."""
    hierarchy, nest = levels_of(name, buffer=1e6), nest_of(m=1, c=1, side=4, n=1)
    mapping = DATAFLOWS[name].mapping(nest, hierarchy)
    counts = counted(mapping)
    assert [level.name for level in mapping.levels] == ["dram", "buffer", "neighbours", "element"]
    reads = 6 * 6 if name == "os_a" else 4 * 3 * 6
    assert counts.reads[1, 1] == counts.fills[2, 1] == reads
    assert counts.reads[2, 1] == nest.volume
    assert not differences(mapping, "delta")
    plain = Hierarchy((*hierarchy.levels[:2], hierarchy.levels[3]), 4, 4)
    assert counted(DATAFLOWS[name].mapping(nest, plain)).reads[1, 1] == nest.volume
