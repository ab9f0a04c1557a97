"""Trace -> the trace-event JSON that common trace viewers open.

One thread per resource, a slice per stretch of a task, counters for the memories and the power drawn, and arrows from the operator
that makes a tensor to the ones that read it. Of several networks together every job has its arrows, and missed deadlines are
marked. Times are in microseconds, as that format has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.schedule import Schedule
from sim.together import Together
from sim.trace import PICOSECONDS, Event, Trace

PICOSECONDS_PER_MICROSECOND = 10**6

#: The one process of the picture.
PROCESS = 1


def trace_events(schedule: Schedule, trace: Trace, together: Together | None = None) -> dict[str, Any]:
    """The trace as an object for ``json.dump``; of a run of several networks all of it.

    Source: Trace Event Format, sections on metadata (M), complete (X), counter (C), flow (s, f) and instant events (i).
    """
    shown = trace if together is None else together.trace
    names = (task.resource for task in schedule.tasks) if together is None else (event.resource for event in shown.events)
    threads = {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}
    schedules = {"": schedule} if together is None else {party.name: party.schedule for party in together.parties}
    return {
        "displayTimeUnit": "ns",
        "traceEvents": [
            *_metadata(schedule, schedules, threads),
            *(row for event in shown.events for row in _slices(schedules, event, threads)),
            *_flows(schedules, shown, threads),
            *_memory_counters(shown),
            *_power_counter(shown),
            *(_missed_deadlines(together) if together is not None else ()),
        ],
    }


def _microseconds(time_ps: int) -> float:
    return time_ps / PICOSECONDS_PER_MICROSECOND


def _metadata(schedule: Schedule, schedules: Mapping[str, Schedule], threads: dict[str, int]) -> list[dict[str, Any]]:
    networks = " + ".join(name or schedule.graph.name for name in schedules)
    title = f"{networks} on {schedule.device.name}"
    rows: list[dict[str, Any]] = [{"name": "process_name", "ph": "M", "pid": PROCESS, "tid": 0, "args": {"name": title}}]
    for name, number in threads.items():
        rows.append({"name": "thread_name", "ph": "M", "pid": PROCESS, "tid": number, "args": {"name": name}})
        rows.append({"name": "thread_sort_index", "ph": "M", "pid": PROCESS, "tid": number, "args": {"sort_index": number}})
    return rows


def _slices(schedules: Mapping[str, Schedule], event: Event, threads: dict[str, int]) -> list[dict[str, Any]]:
    told: dict[str, Any] = {"phase": event.phase, "wait_us": _microseconds(event.wait_ps), "energy_j": event.energy_j}
    if event.operator >= 0:
        operator = schedules[event.party].graph.operators[event.operator]
        told = {"operator": operator.name, "op": operator.op, **told}
    if event.slowed_ps:
        told["slowed_us"] = _microseconds(event.slowed_ps)
    if event.party:
        told |= {"of": event.party, "job": event.job}
    return [
        {
            "name": event.name,
            "cat": event.phase,
            "ph": "X",
            "ts": _microseconds(start),
            "dur": _microseconds(end - start),
            "pid": PROCESS,
            "tid": threads[event.resource],
            "args": told,
        }
        for start, end in event.ran
    ]


def _flows(schedules: Mapping[str, Schedule], trace: Trace, threads: dict[str, int]) -> list[dict[str, Any]]:
    """An arrow per tensor and reader: from the last task of its producer to the first of the reader, in every job.

    What is done ahead of an operator (it is handed over, its blocks are moved) takes no part: it may come before its inputs are made.
    """
    ahead = {party: {t.phase for t in schedule.tasks if schedule.is_ahead(t)} for party, schedule in schedules.items()}
    first: dict[tuple[str, int, int], Event] = {}
    last: dict[tuple[str, int, int], Event] = {}
    for event in trace.events:
        key = (event.party, event.job, event.operator)
        if event.operator < 0 or event.phase in ahead[event.party]:
            continue
        first.setdefault(key, event)
        if key not in last or event.end_ps >= last[key].end_ps:
            last[key] = event
    rows: list[dict[str, Any]] = []
    for party, job in dict.fromkeys((event.party, event.job) for event in trace.events if event.operator >= 0):
        graph = schedules[party].graph
        for tensor, source in graph.producer.items():
            for target in graph.consumers[tensor]:
                if (party, job, source) in last and (party, job, target) in first:
                    ends = last[party, job, source], first[party, job, target]
                    rows += _arrow(tensor, len(rows) // 2 + 1, *ends, threads)
    return rows


def _arrow(tensor: str, number: int, source: Event, target: Event, threads: dict[str, int]) -> list[dict[str, Any]]:
    # An arrow starts at the middle of its slice: at the end it would bind to the slice that begins there.
    start, end = source.ran[-1]
    common = {"name": tensor, "cat": "tensor", "id": number, "pid": PROCESS}
    return [
        {**common, "ph": "s", "ts": _microseconds((start + end) // 2), "tid": threads[source.resource]},
        {**common, "ph": "f", "bp": "e", "ts": _microseconds(target.start_ps), "tid": threads[target.resource]},
    ]


def _missed_deadlines(together: Together) -> list[dict[str, Any]]:
    """A mark across all rows where a deadline passed."""
    return [
        {
            "name": f"{job.party}#{job.number} misses its deadline",
            "cat": "deadline",
            "ph": "i",
            "s": "p",
            "ts": _microseconds(job.deadline_ps),
            "pid": PROCESS,
            "tid": 0,
            "args": {"late_us": _microseconds(job.end_ps - job.deadline_ps)},
        }
        for job in together.jobs
        if job.deadline_ps is not None and job.missed
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
        if event.busy_ps and event.energy_j:
            watts = event.energy_j * PICOSECONDS / event.busy_ps
            for start, end in event.ran:
                change.setdefault(start, []).append(watts)
                change.setdefault(end, []).append(-watts)
    rows: list[dict[str, Any]] = []
    drawn: list[float] = []
    for time in sorted(change):
        for watts in sorted(change[time]):
            if watts < 0 and -watts in drawn:
                drawn.remove(-watts)
        drawn.extend(watts for watts in change[time] if watts > 0)
        rows.append({"name": "power", "ph": "C", "ts": _microseconds(time), "pid": PROCESS, "args": {"watts": sum(drawn)}})
    return rows
