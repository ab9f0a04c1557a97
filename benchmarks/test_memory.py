"""Memory: peak and greedy plan of five hundred operators, exact orders, exact arenas of hard instances beside OmniMalloc.

The open instances of MiniMalloc (Apache-2.0, google/minimalloc) are read from a folder beside the checkout where it is; else instances
of like hardness are cut from a full square. Every plan, ours and the peer's, passes the checker that shares no code with our planners.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peer_environment import peer_python
from hwmodels.memory_profile import load_memory_profile
from hwmodels.reader import load_device
from sim.accounting import allocations_of
from sim.arena import greedy_by_size, height
from sim.buffers import Sharing, load, spans_of
from sim.lower import layerwise_plan, lower
from strategies.arena import Budget, Span, faults, peak_load, plan_arena
from strategies.memory_plan import in_best_order
from tests.strategies.arena.instances import cut_rectangle
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.networks import build
from workloads.operators.rule import KINDS
from workloads.tables import graph_tables
from workloads.transforms import fold_batch_norm, retype

INSTANCES = Path(os.environ.get("BOARDLESS_INSTANCES", Path(__file__).resolve().parents[2] / "shared/measured/memory/minimalloc"))
CAPACITY = 1048576
NAMES = ("A", "C", "E", "G", "I", "K")

REQUIREMENTS = ["omnimalloc==1.0.0"]

#: Seconds for the peer's search; its default is 3.
PEER_SECONDS = 30.0

RUN = """
import json, sys, time
import omnimalloc as om
from omnimalloc.allocators import BaseAllocator
om.set_max_threads(1)
given = json.load(sys.stdin)
allocations = [om.Allocation(id=k, size=size, start=lower, end=upper) for k, (lower, upper, size) in enumerate(given["spans"])]
allocator = BaseAllocator.resolve(given["allocator"])
if given["seconds"]:
    allocator = type(allocator)(timeout=given["seconds"])
began = time.perf_counter()
placed = om.allocate(allocations, allocator)
took = time.perf_counter() - began
offset = {a.id: a.offset for a in placed}
print(json.dumps({"offsets": [offset[k] for k in range(len(allocations))], "seconds": took, "version": om.__version__}))
"""


def hard_instances() -> dict[str, tuple[list[Span], int]]:
    """Buffers and capacity by name."""
    paths = {name: INSTANCES / f"{name}.{CAPACITY}.csv" for name in NAMES}
    if all(path.is_file() for path in paths.values()):
        return {name: (_read(path), CAPACITY) for name, path in paths.items()}
    return {
        f"cut {buffers}/{seed}": (cut_rectangle(buffers, seed), 1024) for buffers, seed in ((250, 7), (300, 3), (400, 8), (500, 1))
    }


def _read(path: Path) -> list[Span]:
    with path.open(encoding="utf-8") as file:
        return [Span(int(row["lower"]), int(row["upper"]), int(row["size"])) for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", list(hard_instances()))
def test_exact_arena_beside_omnimalloc(benchmark: Any, name: str) -> None:
    spans, capacity = hard_instances()[name]
    plan_arena(spans, capacity=capacity, budget=Budget(seconds=None, nodes=2000))  # compiles
    plan = benchmark.pedantic(plan_arena, args=(spans,), kwargs={"capacity": capacity, "budget": Budget(seconds=120.0)}, rounds=1)
    assert faults(spans, plan.offsets) == []
    ours = benchmark.stats.stats.min
    lines = [f"ours          {plan.height:>9,} B {_over(plan.height, capacity)} {ours:7.2f} s"]
    lines += [
        _peer_line(spans, capacity, allocator, seconds) for allocator, seconds in (("supermalloc", PEER_SECONDS), ("omni", None))
    ]
    greedy = height(spans, greedy_by_size(spans))
    print(f"\n{name}: {len(spans)} buffers, peak load {peak_load(spans):,} B, capacity {capacity:,} B, greedy by size {greedy:,} B")
    print("\n".join(f"  {line}" for line in lines))


def _over(tall: int, capacity: int) -> str:
    return "fits     " if tall <= capacity else f"+{100 * (tall / capacity - 1):5.1f} % "


def _peer_line(spans: list[Span], capacity: int, allocator: str, seconds: float | None) -> str:
    """Height and time of the peer, or why there is none."""
    try:
        python = peer_python("omnimalloc", REQUIREMENTS)
    except RuntimeError as error:
        return f"OmniMalloc: {error}"
    given = json.dumps({"spans": spans, "allocator": allocator, "seconds": seconds})
    done = subprocess.run([str(python), "-c", RUN], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"OmniMalloc {allocator}: {done.stderr.strip().splitlines()[-1:]}"
    found = json.loads(done.stdout)
    assert faults(spans, found["offsets"]) == [], f"{allocator}: the peer's plan is not valid"
    tall = height(spans, found["offsets"])
    return f"{allocator:<13} {tall:>9,} B {_over(tall, capacity)} {found['seconds']:7.2f} s  (OmniMalloc {found['version']}, one thread)"


def long_chain(operators: int) -> Graph:
    """Residual blocks of four operators."""
    net = GraphBuilder("long")
    x = net.input((1, 8, 8, 8), dtype="int8")
    for k in range(operators // 4):
        z = net.conv(net.conv(x, 8 + k % 7, 1, bias=False), 8, 1, bias=False)
        x = net.plus(net.activation(z, "relu"), x)
    return net.finish()


def test_peak_and_greedy_plan_of_500_operators(benchmark: Any) -> None:
    graph, profile = long_chain(500), load_memory_profile("ideal")
    kinds = [KINDS[code] for code in graph_tables(graph).operators.kind]

    def peak_and_plan() -> tuple[int, int]:
        buffers = allocations_of(graph, kinds, Sharing(), profile).buffers()
        spans, _ = spans_of(buffers, len(graph))
        return max(load(buffers, len(graph))), height(spans, greedy_by_size(spans))

    held, tall = benchmark(peak_and_plan)
    assert 0 < held <= tall
    print(f"\npeak and greedy plan of {len(graph)} operators: {benchmark.stats.stats.median * 1e3:.1f} ms")


@pytest.mark.parametrize("name", ["densenet121", "nasnet_mobile", "googlenet", "efficientnet_b0"])
def test_exact_order(benchmark: Any, name: str) -> None:
    try:
        graph = retype(fold_batch_norm(build(name)), "int8")
    except ValueError as error:
        pytest.skip(str(error))
    device = load_device("stm32h743")
    schedule = lower(graph, device, layerwise_plan(graph, device, profile="ideal"))
    began = time.perf_counter()
    in_best_order(schedule)
    first = time.perf_counter() - began
    _, found = benchmark.pedantic(in_best_order, args=(schedule,), rounds=3)
    sure = "proved" if found.optimal else f"bound {found.lower_bound:,} B"
    print(
        f"\n{name}: {len(graph)} operators, {found.peak:,} B at the peak ({sure}) in {benchmark.stats.stats.median * 1e3:.0f} ms, "
        f"first {first:.2f} s"
    )
