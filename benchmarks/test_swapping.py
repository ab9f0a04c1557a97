"""The prefetch search: how long a thousand choices of the blocks that stay take on ResNet-50, and a whole plan of each policy."""

from __future__ import annotations

import time
from typing import Any

import pytest

from hwmodels.reader import load_device
from sim.lower import layerwise_plan, lower
from strategies.swapped import Swapping, swapped_plan
from strategies.swapping.plans import cuts_of
from strategies.swapping.program import Way
from strategies.swapping.residents import greedy_residents, searched_residents
from workloads.networks import build
from workloads.transforms import fold_batch_norm

#: Memory left to ResNet-50, whose weights alone take 102 MB [B].
ROOM = 60_000_000
CANDIDATES = 1000


def test_prefetch_search(benchmark: Any) -> None:
    graph, device = fold_batch_norm(build("resnet50")), load_device("rtx_3090")
    schedule = lower(graph, device, layerwise_plan(graph, device))
    way = Way("pcie_4_x16", 1e-5, 1e-5, 23.9e9, 26.5e9, "full")
    program = min(cuts_of(schedule, ROOM, way, "greedy"), key=lambda cut: cut.promise_ps).program
    best = benchmark.pedantic(searched_residents, args=(program, CANDIDATES), rounds=3, warmup_rounds=1)
    started = time.thread_time()
    searched_residents(program, CANDIDATES, compiled=False)
    interpreted = time.thread_time() - started
    kept = sum(program.blocks[n].bytes for n in best.resident)
    print(
        f"\n{CANDIDATES:,} candidates on ResNet-50, {len(program.pieces)} pieces, {len(program.blocks)} blocks: "
        f"compiled {1e3 * benchmark.stats.stats.min:.0f} ms, interpreted {interpreted:.1f} s; {kept / 1e6:.1f} MB stay, "
        f"{greedy_residents(program).resident_bytes / 1e6:.1f} MB by the simple choices"
    )


@pytest.mark.parametrize("policy", ["on_demand", "greedy", "optimal"])
def test_whole_plan(benchmark: Any, policy: str) -> None:
    graph, device = fold_batch_norm(build("resnet50")), load_device("rtx_3090")
    plan = benchmark.pedantic(
        swapped_plan, args=(graph, device, layerwise_plan(graph, device), Swapping("host", policy, near_bytes=ROOM)), rounds=1
    )
    print(
        f"\nResNet-50 in {ROOM / 1e6:.0f} MB, {policy}: planned in {benchmark.stats.stats.min:.2f} s, {len(plan.swap.steps)} steps"
    )
