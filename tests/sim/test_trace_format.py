"""Exported traces by the rules of the Trace Event Format: of a run with swapping, and of several networks with sensor streams."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from typing import Any

import pytest

import boardless as bl
from sim.export import trace_events

#: Phases of the format that are used here -> keys each must have, beside name and pid.
KEYS = {"M": {"args"}, "X": {"ts", "dur", "tid"}, "C": {"ts", "args"}, "s": {"ts", "tid", "id"}, "f": {"ts", "tid", "id", "bp"},
        "i": {"ts", "tid", "s"}}  # fmt: skip

RUNS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a card that moves one way at a time": ("alexnet", "stm32h743", {"dtype": "int8", "strategy": ["swap:to=sd,limit=256KiB"]}),
    "host memory, both ways at once": ("resnet18", "rtx_3090", {"strategy": ["swap:to=host,limit=30MB"], "batch": 8}),
    "two networks and a microphone": (
        "mlperf_tiny_kws", "stm32h743",
        {"beside": ["mlperf_tiny_vww:every=60ms,priority=-1,deadline=40ms"], "streams": ["microphone:bytes=640,every=20ms"]},
    ),
    "a swapped network and another": (
        "alexnet", "stm32h743",
        {"dtype": "int8", "strategy": ["swap:to=sd_sdio"], "beside": ["mlperf_tiny_kws:every=1s,priority=2"]},
    ),
}  # fmt: skip


@cache
def rows_of(run: str) -> tuple[dict[str, Any], ...]:
    network, device, settings = RUNS[run]
    result = bl.simulate(network, device, **settings)
    document = json.dumps(trace_events(result.schedule, result.trace, result.together), allow_nan=False)
    return tuple(json.loads(document)["traceEvents"])


@pytest.mark.parametrize("run", RUNS)
def test_every_event_has_what_its_phase_needs(run: str) -> None:
    names = {row["tid"] for row in rows_of(run) if row["name"] == "thread_name"}
    for row in rows_of(run):
        assert {"name", "ph", "pid", *KEYS[row["ph"]]} <= row.keys(), row
        assert row.get("ts", 0.0) >= 0.0 and row.get("dur", 0.0) >= 0.0, row
        if row["ph"] in "Xsf":
            assert row["tid"] in names, row
        if row["ph"] == "C":
            assert row["args"] and all(isinstance(value, int | float) for value in row["args"].values()), row


@pytest.mark.parametrize("run", RUNS)
def test_slices_of_one_row_do_not_overlap(run: str) -> None:
    by_row = defaultdict(list)
    for row in rows_of(run):
        if row["ph"] == "X":
            by_row[row["pid"], row["tid"]].append((row["ts"], row["ts"] + row["dur"], row["name"]))
    assert len(by_row) >= 2
    for slices in by_row.values():
        slices.sort()
        for before, after in zip(slices, slices[1:], strict=False):
            assert after[0] >= before[1] - 1e-6, (before, after)


@pytest.mark.parametrize("run", RUNS)
def test_every_arrow_has_its_end_later_and_lies_in_slices(run: str) -> None:
    rows = rows_of(run)
    starts = {row["id"]: row for row in rows if row["ph"] == "s"}
    ends = {row["id"]: row for row in rows if row["ph"] == "f"}
    assert starts and starts.keys() == ends.keys()
    assert len(starts) + len(ends) == sum(row["ph"] in "sf" for row in rows)
    slices = defaultdict(list)
    for row in rows:
        if row["ph"] == "X":
            slices[row["tid"]].append((row["ts"], row["ts"] + row["dur"]))
    for number, start in starts.items():
        assert start["ts"] <= ends[number]["ts"], start
    for arrow in (*starts.values(), *ends.values()):
        assert any(first <= arrow["ts"] + 1e-6 and arrow["ts"] <= last + 1e-6 for first, last in slices[arrow["tid"]]), arrow


@pytest.mark.parametrize("run", RUNS)
def test_counters_go_forward_in_time(run: str) -> None:
    counters = defaultdict(list)
    for row in rows_of(run):
        if row["ph"] == "C":
            counters[row["name"]].append(row["ts"])
            assert all(value >= -1e-9 for value in row["args"].values()), row
    assert any(name.startswith("memory") for name in counters) and "power" in counters
    for name, times in counters.items():
        assert all(later > earlier for earlier, later in zip(times, times[1:], strict=False)), name
