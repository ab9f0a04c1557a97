"""Runs with blocks moved in and out: the closed form equals both engines to the picosecond, between the bounds, whatever the room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwmodels.reader import load_device
from sim.check import broken_rules_of_estimate, broken_rules_of_schedule, broken_rules_of_trace
from sim.durations import durations
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.schedule import Schedule
from sim.simulation import simulate
from sim.tables import resources_of
from strategies.errors import StrategyError
from strategies.swapped import Swapping, swapped_plan
from tests.cases import random_graph

#: Device, storage, how host memory is reached.
ROUTES = (("stm32h743", "sd", "pinned"), ("stm32h743", "psram", "pinned"), ("stm32h743", "flash", "pinned"),
          ("rtx_3090", "host", "pinned"), ("rtx_3090", "host", "unified"))  # fmt: skip


def check_all(schedule: Schedule) -> int:
    """Length of the run, the same by every way of finding it [ps]."""
    spent = durations(schedule)
    picoseconds = spent.picoseconds.tolist()
    written = estimate(schedule, spent=spent)
    read, compiled = (simulate(schedule, spent, engine) for engine in ("events", "compiled"))
    assert read == compiled
    assert round(written.latency_s * 10**12) == read.makespan_ps
    assert broken_rules_of_schedule(schedule) == []
    assert broken_rules_of_trace(schedule, read, picoseconds) == []
    assert broken_rules_of_estimate(written) == []
    busy = dict.fromkeys(resources_of(schedule), 0)
    for task, time in zip(schedule.tasks, picoseconds, strict=True):
        busy[task.resource] += time
    assert max(busy.values()) <= read.makespan_ps <= sum(picoseconds)
    return read.makespan_ps


def in_memory_ps(schedule: Schedule) -> int:
    """Length of the same run with everything in the near memory [ps]."""
    return simulate(lower(schedule.graph, schedule.device, replace(schedule.plan, swap=None))).makespan_ps


@pytest.mark.parametrize("policy", ["on_demand", "greedy", "optimal"])
def test_random_networks_in_random_room(policy: str) -> None:
    ran = moved = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        name, to, memory = ROUTES[int(rng.integers(len(ROUTES)))]
        graph, device = random_graph(rng, 7), load_device(name)
        base = lower(graph, device, layerwise_plan(graph, device))
        most = graph.weights_bytes + base.placement.activations_peak_bytes
        asked = Swapping(to, policy, near_bytes=int(rng.integers(most // 4, most + 1)), memory=memory, effort=0.002)
        try:
            plan = swapped_plan(graph, device, layerwise_plan(graph, device), asked)
        except StrategyError as error:
            assert "needs" in str(error), seed
            continue
        ran += 1
        schedule = lower(graph, device, plan)
        makespan = check_all(schedule)
        assert plan.swap is not None and plan.swap.bound_ps <= makespan + len(schedule.tasks)
        assert makespan + len(schedule.tasks) >= in_memory_ps(schedule), seed
        moved += plan.swap.loaded_bytes > 0
    assert ran >= 15 and moved >= 8


def test_parts_on_a_gpu_by_hand() -> None:
    """Every part is handed over and launched as the whole operator is; what the run costs once is paid with the first part."""
    graph, device = random_graph(np.random.default_rng(5), 7), load_device("rtx_3090")
    near_bytes = 2 * max(tensor.bytes for tensor in graph.tensors.values())
    plan = swapped_plan(graph, device, layerwise_plan(graph, device), Swapping("host", "on_demand", near_bytes=near_bytes))
    schedule = lower(graph, device, plan)
    work = schedule.work[plan.unit]
    names = [term.name for term in work.terms]
    parts = [step.operator for step in plan.swap.steps if step.kind == "compute"] if plan.swap else []
    assert len(parts) > len(set(parts))
    for name in ("launch", "enqueue_matrix", "enqueue_other", "enqueue_run", "run", "stream"):
        k = names.index(name)
        for i in set(parts):
            amounts = [amount for task in schedule.tasks if task.operator == i for t, amount in task.amounts if t == k]
            whole = float(work.amounts[i, k])
            if name in ("launch", "enqueue_matrix", "enqueue_other"):
                assert amounts == [whole] * (parts.count(i) if whole else 0), name
            elif "run" in name:
                assert amounts == ([whole] if whole else []), name
            else:
                assert sum(amounts) == pytest.approx(whole), name
    launches = [n for n, task in enumerate(schedule.tasks) if task.phase == "overhead" and parts.count(task.operator) > 1]
    tasks = list(schedule.tasks)
    tasks[launches[-1]] = replace(tasks[launches[-1]], amounts=())
    broken = broken_rules_of_schedule(replace(schedule, tasks=tuple(tasks)))
    assert len(broken) == 1 and f"term {names.index('launch')}" in broken[0]
