"""The exported trace has the structure that trace viewers read."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from sim.export import trace_events
from sim.simulation import simulate
from tests.cases import chain_graph, lowered, random_graph, toy_device, toy_unit


def test_one_slice_per_task_in_microseconds() -> None:
    schedule = lowered(chain_graph(2), toy_device())
    rows = trace_events(schedule, simulate(schedule))["traceEvents"]
    slices = [row for row in rows if row["ph"] == "X"]
    assert [(s["name"], s["ts"], s["dur"]) for s in slices[:2]] == [("conv_0/compute", 0.0, 0.064), ("conv_0/flash", 0.064, 0.032)]
    assert slices[0]["args"]["operator"] == "conv_0"
    assert sum(s["args"]["energy_j"] for s in slices) == pytest.approx(0.5 * 648e-9)


@pytest.mark.parametrize("join", ["sum", "max"])
def test_structure(join: str) -> None:
    schedule = lowered(random_graph(np.random.default_rng(5)), toy_device(toy_unit(join=join)))
    document = json.loads(json.dumps(trace_events(schedule, simulate(schedule)), allow_nan=False))
    rows = document["traceEvents"]
    assert all({"name", "ph", "pid"} <= set(row) for row in rows)
    assert {row["ph"] for row in rows} == {"M", "X", "C", "s", "f"}
    threads = {row["tid"]: row["args"]["name"] for row in rows if row["name"] == "thread_name"}
    assert sorted(threads.values()) == sorted({task.resource for task in schedule.tasks})
    slices = [row for row in rows if row["ph"] == "X"]
    assert len(slices) == len(schedule.tasks)
    assert all(row["tid"] in threads and row["ts"] >= 0 and row["dur"] >= 0 for row in slices)


def test_arrows_come_in_pairs_inside_slices() -> None:
    schedule = lowered(random_graph(np.random.default_rng(6)), toy_device())
    rows = trace_events(schedule, simulate(schedule))["traceEvents"]
    starts = {row["id"]: row for row in rows if row["ph"] == "s"}
    ends = {row["id"]: row for row in rows if row["ph"] == "f"}
    assert starts.keys() == ends.keys() and starts
    assert Counter(row["id"] for row in rows if row["ph"] in "sf").most_common(1)[0][1] == 2
    slices = [row for row in rows if row["ph"] == "X"]
    for arrow in (*starts.values(), *ends.values()):
        assert any(s["tid"] == arrow["tid"] and s["ts"] <= arrow["ts"] <= s["ts"] + s["dur"] for s in slices)
    assert all(starts[number]["ts"] <= ends[number]["ts"] for number in starts)


def test_counters_follow_memory_and_power() -> None:
    schedule = lowered(chain_graph(2), toy_device())
    rows = trace_events(schedule, simulate(schedule))["traceEvents"]
    memory = [(row["ts"], row["args"]["bytes"]) for row in rows if row["name"] == "memory sram"]
    assert memory == [(0.0, 256), (0.324, 256), (0.648, 0)]
    power = [row["args"]["watts"] for row in rows if row["name"] == "power"]
    assert power[:-1] == pytest.approx([0.5] * (len(power) - 1)) and power[-1] == 0


def test_unknown_energy_draws_no_power() -> None:
    from dataclasses import replace

    schedule = lowered(chain_graph(1), toy_device())
    blind = replace(schedule, units={"core": toy_unit(active_power_w=None)})
    assert not [row for row in trace_events(blind, simulate(blind))["traceEvents"] if row["name"] == "power"]
