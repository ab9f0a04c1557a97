"""Explorations: the same rows whoever computes them and however often they are interrupted; failures are rows with a reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from boardless import points, workers
from boardless.errors import UsageError
from boardless.explore_report import summarised, undominated
from boardless.exploring import Exploration, explore
from boardless.points import Common, evaluate, rates_of
from boardless.row_store import Block, read_block
from boardless.space import Axis, Search, Space
from boardless.tables import write_rows

REPOSITORY = Path(__file__).resolve().parents[2]

CLOCKS = Axis("units.cpu.frequency", tuple(f"{100 + 20 * i} MHz" for i in range(20)))
SMALL = Space(
    "small",
    ("lenet5", "mlperf_tiny_kws"),
    ("stm32h743", "systolic_32x32"),
    {"stm32h743": (CLOCKS,), "systolic_32x32": (Axis("units.array.shape", ("[16, 16]", "[32, 32]")),)},
    {"batch": (1, 2)},
    ((), ("reorder",)),
)


def rows_of(space: Space, store: Path, **options: Any) -> list[dict[str, Any]]:
    found = explore(space, store, **options)
    try:
        return list(found.rows())
    finally:
        found.close()


def test_every_point_has_one_row_in_the_order_of_the_space(tmp_path: Path) -> None:
    rows = rows_of(SMALL, tmp_path / "rows", workers=1)
    assert len(rows) == SMALL.size
    asked = [
        (group.network, group.device, group.settings["batch"], " ".join(group.strategies), *group.at(place).values())
        for group in SMALL.groups()
        for place in range(group.size)
    ]
    fields = ("stm32h743.units.cpu.frequency", "systolic_32x32.units.array.shape")
    said = [
        (row["network"], row["device"], row["batch"], row["strategies"], *(row[name] for name in fields if row.get(name)))
        for row in rows
    ]
    assert said == asked
    assert {row["status"] for row in rows} == {"ok"}


def test_batched_rows_equal_single_ones(tmp_path: Path) -> None:
    common = Common(digest="x")
    for group in SMALL.groups():
        rates = rates_of(group, common)
        assert (rates is not None) == (group.device == "stm32h743" and not group.strategies)
        if rates is None:
            continue
        places = list(range(group.size))
        batched = read_block(evaluate(points.Task(group, places, common, rates)).line)
        single = read_block(evaluate(points.Task(group, places, common)).line)
        assert batched is not None and single is not None
        assert batched.keys == single.keys
        for place in places:
            one, other = batched.row(place), single.row(place)
            assert one.keys() == other.keys()
            for name, value in one.items():
                assert value == pytest.approx(other[name], rel=1e-12) if isinstance(value, float) else value == other[name], name


def test_two_fields_that_touch_the_same_number_are_not_batched() -> None:
    axes = (
        Axis("units.cpu.dram_bandwidth", ("7 GB/s", "8 GB/s")),
        Axis("units.cpu.dram_bandwidth", ("9 GB/s", "10 GB/s")),
    )
    for axis in axes:
        (alone,) = Space("s", ("lenet5",), ("raspberry_pi_4",), {"raspberry_pi_4": (axis,)}).groups()
        assert rates_of(alone, Common()) is not None
    (both,) = Space("s", ("lenet5",), ("raspberry_pi_4",), {"raspberry_pi_4": axes}).groups()
    assert rates_of(both, Common()) is None


def test_capacities_are_not_batched() -> None:
    axis = Axis("memories.dtcm.capacity", tuple(f"{i} KiB" for i in range(32, 64)))
    (group,) = Space("s", ("lenet5",), ("stm32h743",), {"stm32h743": (axis,)}).groups()
    assert rates_of(group, Common()) is None


def test_a_second_run_computes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rows_of(SMALL, tmp_path / "rows", workers=1)
    before = (tmp_path / "rows").read_bytes()
    monkeypatch.setattr(workers, "evaluate", lambda task: pytest.fail("computed again"))
    assert rows_of(SMALL, tmp_path / "rows", workers=1) == first
    assert (tmp_path / "rows").read_bytes() == before


def test_a_larger_space_takes_up_the_rows_of_a_smaller_one(tmp_path: Path) -> None:
    part = Space("part", ("lenet5",), ("stm32h743",), {"stm32h743": (CLOCKS,)}, {"batch": (2,)})
    rows_of(part, tmp_path / "rows", workers=1)
    found = explore(SMALL, tmp_path / "rows", workers=1)
    assert found.taken_up == part.size
    assert len(list(found.rows())) == SMALL.size
    found.close()


def test_processes_give_the_same_rows(tmp_path: Path) -> None:
    assert rows_of(SMALL, tmp_path / "one", workers=1) == rows_of(SMALL, tmp_path / "two", workers=2)


def test_a_sample_is_a_part_of_the_space_by_seed(tmp_path: Path) -> None:
    everything = rows_of(SMALL, tmp_path / "all", workers=1)
    some = rows_of(SMALL, tmp_path / "all", workers=1, sample=15, seed=3)
    again = rows_of(SMALL, tmp_path / "all", workers=1, sample=15, seed=3)
    other = rows_of(SMALL, tmp_path / "all", workers=1, sample=15, seed=4)
    assert len(some) == 15 and some == again and some != other
    assert [row for row in everything if row in some] == some


def test_a_point_that_cannot_be_answered_is_a_row_with_the_reason(tmp_path: Path) -> None:
    space = Space("s", ("lenet5",), ("stm32h743",), {}, {"runtime": ("tflm_cmsis_nn", "no_such_runtime")})
    found = explore(space, tmp_path / "rows", workers=1)
    good, bad = found.rows()
    summary = summarised(found)
    found.close()
    assert good["status"] == "ok" and good["latency_s"] > 0
    assert bad["status"] == "failed" and "no_such_runtime" in bad["reason"] and "latency_s" not in bad
    assert summary.failed == 1 and summary.reasons == ((bad["reason"], 1),)


def test_a_space_beyond_the_bound_wants_a_sample(tmp_path: Path) -> None:
    values = tuple(f"{i} MHz" for i in range(1, 3001))
    axes = (CLOCKS, Axis("units.cpu.flash_clock", values), Axis("units.cpu.other", values))
    huge = Space("huge", ("lenet5",), ("stm32h743",), {"stm32h743": axes})
    with pytest.raises(UsageError, match="--sample"):
        explore(huge, tmp_path / "rows")


# --- what may happen on the way ------------------------------------------------------------------------------------------------


def command(space: Path, store: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "boardless", "explore", str(space), "--store", str(store), "--quiet", *options]


SPACE = """\
networks: [lenet5, mlperf_tiny_kws, mlperf_tiny_ic, mlperf_tiny_ad]
devices: [stm32h743, stm32f746, systolic_32x32]
settings: {batch: [1, 2, 3]}
strategies: [[], [reorder]]
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_at_any_moment_nothing_is_lost_and_nothing_is_there_twice(tmp_path: Path, workers: str) -> None:
    """The process is killed several times in the middle of its work; the run that ends gives the rows of one that was let be."""
    (tmp_path / "space.yaml").write_text(SPACE)
    store, environment = tmp_path / "rows", {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    sizes = []
    for blocks in (3, 9):
        running = subprocess.Popen(
            command(tmp_path / "space.yaml", store, "--workers", workers), cwd=tmp_path, env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while running.poll() is None and (not store.exists() or store.read_bytes().count(b"\n") <= blocks):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        sizes.append(store.stat().st_size)
    subprocess.run(
        command(tmp_path / "space.yaml", store, "--workers", workers, "-o", "killed.csv"), cwd=tmp_path, env=environment, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    subprocess.run(
        command(tmp_path / "space.yaml", tmp_path / "other", "--workers", "1", "-o", "whole.csv"), cwd=tmp_path, env=environment,
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert 0 < sizes[0] < sizes[1] < store.stat().st_size
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    keys = [key for line in store.read_bytes().splitlines(keepends=True)[1:] for key in read_block(line).keys]  # type: ignore[union-attr]
    assert len(keys) == len(set(keys)) == 4 * 3 * 3 * 2


def dies_once(task: points.Task) -> points.Answer:
    """Kill the worker under the first try of one point, and always under another."""
    mark = Path(os.environ["BOARDLESS_TEST_MARK"])
    about = (task.group.network, task.group.settings["batch"])
    if about == ("lenet5", 2) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if about == ("mlperf_tiny_kws", 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return evaluate(task)


def test_a_worker_that_dies_costs_no_other_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARDLESS_TEST_MARK", str(tmp_path / "mark"))
    monkeypatch.setattr(workers, "evaluate", dies_once)
    space = Space("s", ("lenet5", "mlperf_tiny_kws"), ("stm32h743",), {}, {"batch": (1, 2)})
    rows = rows_of(space, tmp_path / "rows", workers=2)
    assert [(row["network"], row["batch"], row["status"]) for row in rows] == [
        ("lenet5", 1, "ok"), ("lenet5", 2, "ok"), ("mlperf_tiny_kws", 1, "failed"), ("mlperf_tiny_kws", 2, "ok"),
    ]  # fmt: skip
    assert "died" in rows[2]["reason"]
    assert (tmp_path / "mark").exists()


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A real scheduler with two worker processes on this machine."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as running:
        yield running


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_same_rows_though_a_worker_is_killed(tmp_path: Path, cluster: Any) -> None:
    space = Space("s", ("lenet5", "mlperf_tiny_kws", "mlperf_tiny_ic"), ("stm32h743", "stm32f746"), {}, {"batch": (1, 2, 3, 4)})
    killed: list[int] = []

    def kill_one(done: int, total: int, failed: int) -> None:
        if done >= 4 and not killed:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    rows = rows_of(space, tmp_path / "rows", scheduler=cluster.scheduler_address, progress=kill_one)
    assert killed
    assert rows == rows_of(space, tmp_path / "here", workers=1)
    lines = (tmp_path / "rows").read_bytes().splitlines(keepends=True)[1:]
    keys = [key for line in lines for key in read_block(line).keys]  # type: ignore[union-attr]
    assert len(keys) == len(set(keys)) == space.size


def test_a_scheduler_that_does_not_answer_is_named_within_ten_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    from boardless import cluster as module

    assert module.PATIENCE_S <= 10
    monkeypatch.setattr(module, "PATIENCE_S", 1)
    with pytest.raises(UsageError, match="does not answer"):
        explore(SMALL, tmp_path / "rows", scheduler="tcp://127.0.0.1:9")
    rows_of(Space("s", ("lenet5",), ("stm32h743",)), tmp_path / "rows", workers=1)  # the store was let go


# --- searches ------------------------------------------------------------------------------------------------------------------

WIDE = Space(
    "wide", ("mobilenet_v2",), ("stm32h743",), {"stm32h743": (CLOCKS,)}, {"batch": (1, 2, 4)}, ((), ("quantize:dtype=int8",)),
    Search("nsga2", 40, ("latency", "peak"), seed=5, batch=8),
)  # fmt: skip


def test_a_search_does_not_depend_on_the_workers_and_is_taken_up(tmp_path: Path) -> None:
    one = rows_of(WIDE, tmp_path / "one", workers=1)
    two = rows_of(WIDE, tmp_path / "two", workers=2)
    assert one == two
    assert 8 <= len(one) <= 40
    found = explore(WIDE, tmp_path / "one", workers=1)
    assert found.taken_up == len(one)
    assert list(found.rows()) == one
    found.close()


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
def test_a_search_finds_rows_of_the_space(tmp_path: Path, sampler: str) -> None:
    space = Space(
        "s", ("lenet5", "mlperf_tiny_kws"), ("stm32h743", "stm32f746"), {"stm32h743": (CLOCKS,)}, {}, ((),),
        Search(sampler, 12, ("latency",), seed=1, batch=4),
    )  # fmt: skip
    everything = rows_of(Space("s", space.networks, space.devices, space.axes), tmp_path / "rows", workers=1)
    found = explore(space, tmp_path / "rows", workers=1)
    assert found.taken_up == len(list(found.rows())) > 1
    assert all(row in everything for row in found.rows())
    found.close()


# --- what comes out ------------------------------------------------------------------------------------------------------------


def explored(tmp_path: Path) -> Exploration:
    return explore(SMALL, tmp_path / "rows", workers=1)


def test_csv_and_parquet_hold_the_same_rows(tmp_path: Path) -> None:
    import pandas

    found = explored(tmp_path)
    assert write_rows(tmp_path / "rows.csv", found.blocks) == write_rows(tmp_path / "rows.parquet", found.blocks) == SMALL.size
    csv, parquet = pandas.read_csv(tmp_path / "rows.csv"), pandas.read_parquet(tmp_path / "rows.parquet")
    assert list(csv) == list(parquet)
    for name in ("latency_s", "energy_j", "activations_peak_bytes"):
        np.testing.assert_array_equal(csv[name].to_numpy(), parquet[name].to_numpy())
        np.testing.assert_array_equal(csv[name].to_numpy(), [row[name] for row in found.rows()])
    with pytest.raises(UsageError, match=r"\.csv or \.parquet"):
        write_rows(tmp_path / "rows.xls", found.blocks)
    found.close()


def test_columns_stand_in_one_order_however_the_rows_lie_in_blocks(tmp_path: Path) -> None:
    rows = [
        {"network": "a", "batch": b, "a.units.x": 1, "status": "ok", "latency_s": b / 8, "memory.m.peak_bytes": 4} for b in (1, 2)
    ]
    varying = Block(
        {name: value for name, value in rows[0].items() if name not in ("batch", "latency_s")},
        {name: [row[name] for row in rows] for name in ("batch", "latency_s")},
        ["k", "l"],
    )
    single = [Block(row, {}, [key]) for row, key in zip(rows, "kl", strict=True)]
    for name, blocks in (("whole.csv", [varying]), ("single.csv", single)):
        assert write_rows(tmp_path / name, partial(iter, blocks)) == 2
    said = (tmp_path / "whole.csv").read_text()
    assert said == (tmp_path / "single.csv").read_text()
    assert said.splitlines()[0] == "network,device,strategies,a.units.x,batch,status,latency_s,memory.m.peak_bytes"


def test_the_front_is_what_no_row_of_its_network_beats(tmp_path: Path) -> None:
    found = explored(tmp_path)
    summary = summarised(found, ("latency", "energy"))
    rows = [row for row in found.rows() if row["fits"]]
    found.close()

    def beaten(row: dict[str, Any]) -> bool:
        return any(
            other["latency_s"] <= row["latency_s"]
            and other["energy_j"] <= row["energy_j"]
            and (other["latency_s"] < row["latency_s"] or other["energy_j"] < row["energy_j"])
            for other in rows
            if other["network"] == row["network"]
        )

    values = {(row["network"], row["latency_s"], row["energy_j"]) for row in rows if not beaten(row)}
    assert {(row["network"], row["latency_s"], row["energy_j"]) for row in summary.front} == values
    assert summary.points == SMALL.size and summary.failed == 0


def test_undominated_equals_the_obvious() -> None:
    draw = np.random.default_rng(0)
    for case in range(60):
        values = draw.integers(0, 5, (draw.integers(0, 30), 1 + case % 3)).astype(float)
        kept = undominated(values).tolist()
        for i, row in enumerate(values):
            beaten = ((values <= row).all(axis=1) & (values < row).any(axis=1)).any()
            first = not any((values[j] == row).all() for j in range(i))
            assert (i in kept) == (not beaten and first)


def test_an_interrupt_says_what_was_kept(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    store, environment = tmp_path / "rows", {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    words = [sys.executable, "-m", "boardless", "explore", "space.yaml", "--store", "rows", "--workers", "1"]
    running = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while running.poll() is None and (not store.exists() or store.read_bytes().count(b"\n") <= 2):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "interrupted; the rows so far are kept in rows; the same command goes on from there" in said
    assert "Traceback" not in said
