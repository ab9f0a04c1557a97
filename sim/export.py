"""Trace -> the trace-event JSON that common trace viewers open.

One thread per resource, a slice per task, counters for the memories and the power drawn, and arrows from the operator that makes a
tensor to the ones that read it. Times are in microseconds, as that format has them.
"""

from __future__ import annotations

from typing import Any

from sim.schedule import Schedule
from sim.trace import PICOSECONDS, Event, Trace

PICOSECONDS_PER_MICROSECOND = 10**6

#: The one process of the picture.
PROCESS = 1


def trace_events(schedule: Schedule, trace: Trace) -> dict[str, Any]:
    """The trace as an object for ``json.dump``.

    Source: Trace Event Format, sections on metadata (M), complete (X), counter (C) and flow events (s, f).
    """
    threads = {name: number for number, name in enumerate(dict.fromkeys(task.resource for task in schedule.tasks), start=1)}
    return {
        "displayTimeUnit": "ns",
        "traceEvents": [
            *_metadata(schedule, threads),
            *(_slice(schedule, event, threads) for event in trace.events),
            *_flows(schedule, trace, threads),
            *_memory_counters(trace),
            *_power_counter(trace),
        ],
    }


def _microseconds(time_ps: int) -> float:
    return time_ps / PICOSECONDS_PER_MICROSECOND


def _metadata(schedule: Schedule, threads: dict[str, int]) -> list[dict[str, Any]]:
    title = f"{schedule.graph.name} on {schedule.device.name}"
    rows: list[dict[str, Any]] = [{"name": "process_name", "ph": "M", "pid": PROCESS, "tid": 0, "args": {"name": title}}]
    for name, number in threads.items():
        rows.append({"name": "thread_name", "ph": "M", "pid": PROCESS, "tid": number, "args": {"name": name}})
        rows.append({"name": "thread_sort_index", "ph": "M", "pid": PROCESS, "tid": number, "args": {"sort_index": number}})
    return rows


def _slice(schedule: Schedule, event: Event, threads: dict[str, int]) -> dict[str, Any]:
    operator = schedule.graph.operators[event.operator]
    return {
        "name": event.name,
        "cat": event.phase,
        "ph": "X",
        "ts": _microseconds(event.start_ps),
        "dur": _microseconds(event.end_ps - event.start_ps),
        "pid": PROCESS,
        "tid": threads[event.resource],
        "args": {
            "operator": operator.name,
            "op": operator.op,
            "phase": event.phase,
            "wait_us": _microseconds(event.wait_ps),
            "energy_j": event.energy_j,
        },
    }


def _flows(schedule: Schedule, trace: Trace, threads: dict[str, int]) -> list[dict[str, Any]]:
    """An arrow per tensor and reader: from the last task of its producer to the first of the reader."""
    first: dict[int, Event] = {}
    last: dict[int, Event] = {}
    for event in trace.events:
        first.setdefault(event.operator, event)
        if event.operator not in last or event.end_ps >= last[event.operator].end_ps:
            last[event.operator] = event
    rows: list[dict[str, Any]] = []
    for tensor, source in schedule.graph.producer.items():
        for target in schedule.graph.consumers[tensor]:
            if source in last and target in first:
                rows += _arrow(tensor, len(rows) // 2 + 1, last[source], first[target], threads)
    return rows


def _arrow(tensor: str, number: int, source: Event, target: Event, threads: dict[str, int]) -> list[dict[str, Any]]:
    # An arrow starts at the middle of its slice: at the end it would bind to the slice that begins there.
    leaves = (source.start_ps + source.end_ps) // 2
    common = {"name": tensor, "cat": "tensor", "id": number, "pid": PROCESS}
    return [
        {**common, "ph": "s", "ts": _microseconds(leaves), "tid": threads[source.resource]},
        {**common, "ph": "f", "bp": "e", "ts": _microseconds(target.start_ps), "tid": threads[target.resource]},
    ]


def _memory_counters(trace: Trace) -> list[dict[str, Any]]:
    return [
        {"name": f"memory {name}", "ph": "C", "ts": _microseconds(time), "pid": PROCESS, "args": {"bytes": held}}
        for name, column in trace.occupancy.items()
        if any(held for _, held in column)
        for time, held in column
    ]


def _power_counter(trace: Trace) -> list[dict[str, Any]]:
    """Power of the tasks that run, where all energies are known: each spends its energy evenly over its time."""
    if any(event.energy_j is None for event in trace.events):
        return []
    change: dict[int, list[float]] = {}
    for event in trace.events:
        if event.end_ps > event.start_ps and event.energy_j:
            watts = event.energy_j * PICOSECONDS / (event.end_ps - event.start_ps)
            change.setdefault(event.start_ps, []).append(watts)
            change.setdefault(event.end_ps, []).append(-watts)
    rows: list[dict[str, Any]] = []
    drawn: list[float] = []
    for time in sorted(change):
        for watts in change[time]:
            if watts < 0:
                drawn.remove(-watts)
            else:
                drawn.append(watts)
        rows.append({"name": "power", "ph": "C", "ts": _microseconds(time), "pid": PROCESS, "args": {"watts": sum(drawn)}})
    return rows
