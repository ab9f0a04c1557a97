"""Sweeps and searches: points per second through the store, cost of a stored row, a search under three budgets."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import boardless as bl
from boardless.exploring import explore
from boardless.points import Common, Task, evaluate, keys_of
from boardless.row_store import Block, RowStore, block_line
from boardless.space import Axis, Space

NETWORKS = ("mobilenet_v2", "resnet18", "squeezenet", "efficientnet_b0")
CLOCKS = Axis("units.cpu.frequency", tuple(f"{600 + 4 * i} MHz" for i in range(500)))
BANDWIDTHS = Axis("units.cpu.dram_bandwidth", tuple(f"{20 + i} 00 MB/s".replace(" 00", "00") for i in range(250)))
MCU_CLOCKS = Axis("units.cpu.frequency", tuple(f"{100000 + 25 * i} kHz" for i in range(250)))

#: A million points and a few thousand: four networks, two batches, boards with two fields each.
MILLION = Space(
    "million",
    NETWORKS,
    ("raspberry_pi_4", "stm32h743"),
    {"raspberry_pi_4": (CLOCKS, BANDWIDTHS), "stm32h743": (MCU_CLOCKS,)},
    {"batch": (1, 2)},
)


def test_a_million_points(benchmark: Any, tmp_path: Path) -> None:
    """Every point with its own clock and bandwidth, all terms anew, stored under its content address; a sample equals single estimates."""

    def run() -> int:
        found = explore(MILLION, tmp_path / "rows", workers=2)
        points = found.points
        found.close()
        return points

    points = benchmark.pedantic(run, rounds=1)
    assert points >= 1_000_000
    seconds = benchmark.stats.stats.median
    found = explore(MILLION, tmp_path / "rows", workers=1)
    assert found.taken_up == points
    groups, draw = list(MILLION.groups()), np.random.default_rng(0)
    for group in draw.choice(len(groups), 4, replace=False).tolist():
        for place in draw.choice(groups[group].size, 3, replace=False).tolist():
            at = found.store.find(keys_of(groups[group], [place], found.common))
            (row,) = found.store.rows_at(at)
            alone = bl.estimate(row["network"], row["device"], set=groups[group].at(place), **groups[group].settings)
            assert row["latency_s"] == alone.latency_s
            assert abs(row["energy_j"] / alone.energy_j - 1) < 1e-9
    found.close()
    print(f"\n{points:,} points in {seconds:.1f} s by two processes, start included ({points / seconds:,.0f}/s)")


def test_cost_of_a_stored_row(benchmark: Any, tmp_path: Path) -> None:
    """One row after the other, each a block of its own: what an append costs beside computing the row."""
    (group,) = Space("s", ("mobilenet_v2",), ("raspberry_pi_4",)).groups()
    block = json.loads(evaluate(Task(group, [0], Common())).line[9:])
    rows = [Block(block["constant"], {"latency_s": [i / 1e6]}, [f"{i:032x}"]) for i in range(5000)]

    def run() -> None:
        (tmp_path / "rows").unlink(missing_ok=True)
        with RowStore(tmp_path / "rows") as store:
            for row in rows:
                store.append(block_line(row))

    benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    each = benchmark.stats.stats.median / len(rows)
    with RowStore(tmp_path / "rows") as store:
        assert len(store) == len(rows)
    print(f"\nstore: {each * 1e6:.1f} us per row of {len(block_line(rows[0]))} bytes, written one by one")


def test_three_budgets(benchmark: Any) -> None:
    """MobileNetV2 on an STM32H743 within 512 KiB, 4 MiB and ten seconds, or the reason why not."""
    limits = ["sram=512KiB", "flash=4MiB", "latency=10s"]
    began = time.perf_counter()
    first = bl.optimize("mobilenet_v2", "stm32h743", limit=limits)
    cold = time.perf_counter() - began
    answer = benchmark.pedantic(bl.optimize, ("mobilenet_v2", "stm32h743"), {"limit": limits}, rounds=1)
    assert answer.to_dict() == first.to_dict() and answer.points
    print(
        f"\noptimize: {answer.found.recipes} recipes, {len(answer.found.candidates)} outcomes in {benchmark.stats.stats.median:.1f} s "
        f"(first call {cold:.1f} s); best: {' '.join(answer.points[0].recipe)}"
    )
