"""durations -> Estimate, in closed form: the length of a schedule written down instead of played.

An operator takes the longest chain of its own tasks: the sum of its phases under ``sum``, the largest under ``max``. The network
takes the longest chain of all; what operators overlap is ``overlap_s`` = sum of the operators - total.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim.assignment import IDEAL_VECTOR
from sim.durations import PICOSECONDS, Durations, durations
from sim.interval import latency_interval
from sim.kernels import longest_path
from sim.results import Coverage, Estimate, Missing, OperatorEstimate
from sim.schedule import Schedule
from sim.swap import told_of
from sim.tables import task_table
from workloads.dtypes import is_float
from workloads.graph import Graph
from workloads.operators import rule_of
from workloads.operators.rule import KINDS


def estimate(schedule: Schedule, settings: Mapping[str, Any] | None = None, spent: Durations | None = None) -> Estimate:
    """Latency, energy and peak memory, per operator and in total.

    Parameters
    ----------
    schedule : Schedule
    settings : Mapping or None
        Choices of the run that the schedule does not know; laid over those it knows.
    spent : Durations or None
        Durations of its tasks, if they are at hand.

    Examples
    --------
    >>> from hwmodels.reader import load_device
    >>> from sim.lower import layerwise_plan, lower
    >>> from workloads.networks import build
    >>> graph, device = build("lenet5"), load_device("raspberry_pi_4")
    >>> result = estimate(lower(graph, device, layerwise_plan(graph, device)))
    >>> result.macs, result.fits, result.memory["dram"].weights_bytes
    (416520, True, 246824)
    """
    spent = spent or durations(schedule)
    table, precedence = task_table(schedule, spent)
    total = int(longest_path(table, precedence, np.zeros(len(schedule.tasks), np.int64)))
    return assembled(schedule, spent, total, "closed_form", settings)


def assembled(
    schedule: Schedule,
    spent: Durations,
    total_ps: int,
    method: str,
    settings: Mapping[str, Any] | None = None,
    starts: Sequence[tuple[int, int] | None] | None = None,
) -> Estimate:
    """An Estimate from the durations of the tasks and the length of the whole.

    Parameters
    ----------
    total_ps : int
        Length of the run [ps].
    starts : sequence of (start, wait) or None
        Per operator, from the event simulation [ps].
    """
    rows, times = operator_rows(schedule, spent, starts)
    energies = [row.energy_j for row in rows]
    energy = None if None in energies else math.fsum(e for e in energies if e is not None)
    placement = schedule.placement
    interval = latency_interval(schedule, total_ps / PICOSECONDS)
    figures, sentences = told_of(schedule, total_ps)
    return Estimate(
        network=schedule.graph.name,
        device=schedule.device.name,
        settings={**settings_of(schedule), **(settings or {})},
        method=method,
        coverage=coverage(schedule),
        macs=int(schedule.tables.operators.macs.sum()),
        weights_bytes=schedule.graph.weights_bytes,
        latency_s=total_ps / PICOSECONDS,
        energy_j=energy,
        energy_scope=schedule.device.energy_scope,
        memory=placement.memory,
        activations_peak_bytes=placement.activations_peak_bytes,
        profile=placement.profile,
        shortfalls=placement.shortfalls,
        operators=tuple(rows),
        overlap_s=max(0, sum(times) - total_ps) / PICOSECONDS,
        waited_s=max(0, total_ps - sum(times)) / PICOSECONDS,
        latency_interval_s=None if isinstance(interval, str) else interval[0],
        interval_basis=None if isinstance(interval, str) else interval[1],
        missing=tuple(_missing(rows, interval if isinstance(interval, str) else None)),
        extra=figures,
        notes=(*schedule.graph.notes, *schedule.notes, *sentences, *_host_note(schedule, times)),
    )


def operator_rows(
    schedule: Schedule, spent: Durations, starts: Sequence[tuple[int, int] | None] | None = None
) -> tuple[list[OperatorEstimate], list[int]]:
    """A row per operator, and their latencies in picoseconds."""
    picoseconds, joules = spent.picoseconds.tolist(), spent.joules.tolist()
    rows, times = [], []
    for i, (operator, tasks) in enumerate(zip(schedule.graph.operators, schedule.tasks_of(), strict=True)):
        work = schedule.work[schedule.unit_of[i]]
        phases = _phases(schedule, tasks, picoseconds)
        # Parts of one phase are done one after the other, those of other operators between them left out.
        time = max((operator_ps(schedule, tasks, picoseconds), *(ps for _, ps in phases)))
        energy = sum(joules[t] for t in tasks)
        started = starts[i] if starts else None
        rows.append(
            OperatorEstimate(
                name=operator.name,
                op=operator.op,
                kind=KINDS[schedule.tables.operators.kind[i]],
                unit=schedule.unit_of[i],
                macs=int(schedule.tables.operators.macs[i]),
                latency_s=time / PICOSECONDS,
                energy_j=None if math.isnan(energy) else energy,
                bound=max(phases, key=lambda p: p[1])[0] if phases else "none",
                join=work.join if time == sum(ps for _, ps in phases) else "max",
                phases=tuple((phase, ps / PICOSECONDS) for phase, ps in phases),
                bytes=bytes_of(schedule, i),
                start_s=started[0] / PICOSECONDS if started else None,
                wait_s=started[1] / PICOSECONDS if started else None,
                details=dict(work.details.get(i, {})),
            )
        )
        times.append(time)
    return rows, times


def _phases(schedule: Schedule, tasks: Sequence[int], picoseconds: Sequence[int]) -> list[tuple[str, int]]:
    """Time of each phase of one operator; of one that is cut into parts the sum over them [ps]."""
    found: dict[str, int] = {}
    for t in tasks:
        if picoseconds[t]:
            found[schedule.tasks[t].phase] = found.get(schedule.tasks[t].phase, 0) + picoseconds[t]
    return list(found.items())


def operator_ps(schedule: Schedule, tasks: Sequence[int], picoseconds: Sequence[int]) -> int:
    """Longest chain of one operator's own tasks [ps]."""
    ends: dict[int, int] = {}
    for t in tasks:
        ends[t] = picoseconds[t] + max((ends[before] for before in schedule.tasks[t].after if before in ends), default=0)
    return max(ends.values(), default=0)


def bytes_of(schedule: Schedule, i: int) -> dict[str, tuple[int, int]]:
    """Bytes one operator reads from and writes to each level, transfers included [B]."""
    found: dict[str, tuple[int, int]] = {}
    for name, work in schedule.work.items():
        if name == schedule.unit_of[i] or work.moves:
            for level, (read, written) in zip(work.levels, work.traffic[i].tolist(), strict=True):
                if read or written:
                    before = found.get(level, (0, 0))
                    found[level] = (before[0] + read, before[1] + written)
    return found


def coverage(schedule: Schedule) -> Coverage:
    """How many operators have a rule that counts what they compute."""
    kinds, macs = schedule.tables.operators.kind, schedule.tables.operators.macs
    operators = schedule.graph.operators
    unmodelled = [i for i, operator in enumerate(operators) if KINDS[kinds[i]] == "unmodelled" or not rule_of(operator).modelled]
    total = int(macs.sum())
    share = 1.0 - int(macs[unmodelled].sum()) / total if total else 1.0
    return Coverage(len(operators), len(operators) - len(unmodelled), tuple(operators[i].name for i in unmodelled), share)


def host_share(result: Estimate) -> float:
    """Share of the operators' time that is spent outside the chosen unit, 0 to 1."""
    total = math.fsum(row.latency_s for row in result.operators)
    away = math.fsum(row.latency_s for row in result.operators if row.unit != result.settings["unit"])
    return away / total if total else 0.0


def settings_of(schedule: Schedule) -> dict[str, Any]:
    """Choices of the run as the schedule knows them."""
    plan, graph = schedule.plan, schedule.graph
    return {
        "batch": plan.batch,
        "dtype": dtype_of(graph),
        "dtype_assumed": bool(graph.settings.get("dtype_assumed", False)),
        "threads": plan.threads,
        "unit": plan.unit,
        "runtime": plan.runtime,
        "fold": bool(graph.settings.get("fold", True)),
        "set": dict(schedule.device.overrides),
        "strategies": [],
    }


def dtype_of(graph: Graph) -> str:
    """Element type of most activation elements of a network."""
    elements: dict[str, int] = {}
    for tensor in graph.tensors.values():
        if tensor.role != "weight" and (is_float(tensor.dtype) or "64" not in tensor.dtype):
            elements[tensor.dtype] = elements.get(tensor.dtype, 0) + tensor.elements
    return max(elements, key=lambda dtype: elements[dtype], default="fp32")


def _missing(rows: Sequence[OperatorEstimate], no_interval: str | None) -> list[Missing]:
    missing = [Missing("latency_interval_s", no_interval)] if no_interval else []
    blind = sorted({row.unit for row in rows if row.energy_j is None})
    if blind:
        missing.append(Missing("energy_j", f"the device file gives no power or energy of {', '.join(blind)}"))
    return missing


def _host_note(schedule: Schedule, times: Sequence[int]) -> list[str]:
    away = sum(time for time, unit in zip(times, schedule.unit_of, strict=True) if unit != schedule.plan.unit)
    if not away:
        return []
    name = schedule.host or IDEAL_VECTOR
    return [f"host: {100 * away / max(1, sum(times)):.1f} % of the time is spent on {name}"]
