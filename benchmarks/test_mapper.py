"""Mappings rated per second, with and without remainders, and whole networks mapped to the optimum and to a gap; one core.

A rating is legality at every level, every access count per level and tensor, cycles and energy of one mapping of a seven-loop nest;
nothing is kept from one to the next, and no two are alike.
"""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dataflows.array_nests import array_nests
from dataflows.array_units import systolic_shape
from dataflows.hierarchy import Hierarchy, StorageLevel
from dataflows.systolic import SYSTOLIC_DATAFLOWS, systolic_counts
from hwmodels.device import ArrayUnit
from hwmodels.reader import load_device
from strategies.kernels_rating import rate_batch
from strategies.mapping_search import _Search, machine_of, rate_mapping, search_mapping, window_coefficients
from workloads.loopnest import DIMENSIONS, LoopNest, convolution_nest
from workloads.networks import build
from workloads.operators import rule_of
from workloads.tables import graph_tables
from workloads.transforms import fold_batch_norm, retype

#: A 3x3 layer of ResNet-50 at batch 4: all seven loops have more than one iteration.
NEST = convolution_nest(
    n=4, g=1, m=128, c=128, output=(28, 28), kernel=(3, 3), stride=(1, 1), dilation=(1, 1), tensors=("i", "w", "o")
)
COUNT = 60_000


def array_12x14() -> Hierarchy:
    """12 x 14 elements with the memories of Chen et al., JSSC 2017, and the relative energies of Chen et al., ISCA 2016."""
    price: dict[str, dict[str, Any]] = {
        name: {"read_energy_j": value, "write_energy_j": value} for name, value in (("d", 200.0), ("b", 6.0), ("e", 1.0))
    }
    words = {"weights": 224.0, "inputs": 12.0, "outputs": 24.0}
    ports: dict[str, Any] = {"read_words": 4.0, "write_words": 4.0}
    return Hierarchy(
        (
            StorageLevel("dram", **ports, **price["d"]),
            StorageLevel("buffer", capacity_words=54 * 1024.0, read_words=8.0, write_words=8.0, **price["b"]),
            StorageLevel("element", own_words=words, shared_port=False, **price["e"]),
        ),
        12, 14, 1.0, 2.0,
    )  # fmt: skip


def random_bounds(even: bool, rng: random.Random) -> NDArray[np.int64]:
    """Bounds of one mapping: every loop split over DRAM, buffer, rows, columns and element, evenly or anyhow."""
    bounds, room = np.ones((5, len(DIMENSIONS)), dtype=np.int64), {2: 12, 3: 14}
    for loop in rng.sample(range(len(DIMENSIONS)), len(DIMENSIONS)):
        left = NEST.extent(DIMENSIONS[loop])
        for place in rng.sample((1, 2, 3, 4), 3):
            top = min(left, room.get(place, left))
            sizes = [size for size in range(1, top + 1) if left % size == 0] if even else range(1, top + 1)
            bound = rng.choice(sizes)
            left = -(-left // bound)
            bounds[place, loop] = bound
            if place in room:
                room[place] //= bound
        bounds[0, loop] = left
    return bounds


def distinct_mappings(even: bool) -> NDArray[np.int64]:
    rng = random.Random(7)
    found: dict[bytes, NDArray[np.int64]] = {}
    while len(found) < COUNT:
        bounds = random_bounds(even, rng)
        covered = bounds.prod(axis=0)
        if (covered == [NEST.extent(name) for name in DIMENSIONS]).all() == even:
            found[bounds.tobytes()] = bounds
    return np.array(list(found.values()))


@pytest.mark.parametrize("case", ["factors that divide evenly", "remainders"])
def test_mappings_rated_per_second(benchmark: Any, case: str) -> None:
    hierarchy = array_12x14()
    search = _Search(NEST, hierarchy, machine_of(NEST, hierarchy), 1, False, 0)
    bounds = distinct_mappings(even=case != "remainders")
    orders = np.random.default_rng(7).integers(0, len(search.orders), (COUNT, 2))
    columns = [np.zeros(COUNT) for _ in range(4)]
    arguments = (search.desk, search.machine, search.orders, bounds, orders, *columns)
    started = time.perf_counter()
    rate_batch.compiled(*arguments)
    first = time.perf_counter() - started
    for i in random.Random(7).sample(range(COUNT), 200):
        twin = rate_mapping(search._mapping(bounds[i], *map(int, orders[i])), hierarchy)
        assert tuple(column[i] for column in columns) == twin[:4]
    spent: list[float] = []

    def rate_all() -> None:
        began = time.thread_time()
        rate_batch.compiled(*arguments)
        spent.append(time.thread_time() - began)

    benchmark.pedantic(rate_all, rounds=10, warmup_rounds=1)
    per_second = COUNT / min(spent)
    benchmark.extra_info["mappings_per_second"] = round(per_second)
    print(
        f"\n{COUNT:,} distinct mappings of seven loops, {case}: {per_second / 1e6:.2f} M mappings per second "
        "of processor time "
        f"({1e9 / per_second:.0f} ns each; first call with compiling or loading {first:.1f} s)"
    )


def resnet50_nests() -> list[LoopNest]:
    """The different nests of ResNet-50."""
    graph = fold_batch_norm(build("resnet50"))
    found: dict[object, LoopNest] = {}
    for operator in graph.operators:
        inputs = [graph.tensors[name] for name in operator.inputs if name]
        for nest in rule_of(operator).loop_nests(operator, inputs, [graph.tensors[name] for name in operator.outputs]):
            found[nest.extents, window_coefficients(nest)] = nest
    return list(found.values())


@pytest.mark.parametrize("gap", [0.0, 0.05])
@pytest.mark.parametrize("objective", ["latency", "energy", "edp", "dram_bytes"])
def test_resnet50_mapped(benchmark: Any, objective: str, gap: float) -> None:
    nests, hierarchy = resnet50_nests(), array_12x14()
    search_mapping(nests[0], hierarchy, objective, gap=gap)

    def mapped() -> list[Any]:
        return [search_mapping(nest, hierarchy, objective, gap=gap) for nest in nests]

    started = time.process_time()
    found = benchmark.pedantic(mapped, rounds=1)
    spent = time.process_time() - started
    assert max(entry.gap for entry in found) <= gap
    print(
        f"\nResNet-50, {len(nests)} different layers on 12 x 14, {objective}: proved within {gap:.0%} in {spent:.2f} s of processor "
        f"time ({sum(entry.ratings for entry in found):,} ratings, worst gap {max(entry.gap for entry in found):.1%})"
    )


def test_resnet50_systolic_closed_form(benchmark: Any) -> None:
    """Cycles, accesses and DRAM bytes of every product, with the tiling they need."""
    graph, device = retype(fold_batch_norm(build("resnet50")), "int8"), load_device("systolic_32x32")
    unit = device.default_unit
    assert isinstance(unit, ArrayUnit)
    nests = array_nests(graph, graph_tables(graph), np.ones(len(graph.operators), np.bool_))
    arguments = nests, systolic_shape(device, unit), SYSTOLIC_DATAFLOWS["ws"]
    benchmark.pedantic(systolic_counts, args=arguments, rounds=20, warmup_rounds=1)
    print(f"\nResNet-50, all products on systolic_32x32 in closed form: {benchmark.stats.stats.median * 1e3:.2f} ms")
