"""Every rule a schedule, a trace and an estimate obey. Shares no code with what makes them: it says which rule broke, and where."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from sim.results import Estimate
from sim.schedule import Schedule
from sim.trace import Trace

#: Rounding of sums of floating-point seconds and joules.
TOLERANCE = 1e-9

#: Units of amounts that are paid once per start.
PER_START = ("operator", "layer", "kernel", "region")


def broken_rules_of_schedule(schedule: Schedule) -> list[str]:
    """Sentences, one per broken rule; empty for a good schedule."""
    return [*_order(schedule), *_amounts(schedule), *_data(schedule), *_memory(schedule)]


def broken_rules_of_trace(schedule: Schedule, trace: Trace, picoseconds: Sequence[int]) -> list[str]:
    """Sentences, one per broken rule; empty for a good trace.

    Parameters
    ----------
    picoseconds : sequence of int
        Duration that each task must have [ps].
    """
    return [
        *_played_once(schedule, trace, picoseconds),
        *_precedence(schedule, trace),
        *_exclusive(trace),
        *_capacities(schedule, trace),
    ]


def broken_rules_of_estimate(result: Estimate) -> list[str]:
    """Sentences, one per broken rule; empty for a good estimate."""
    return [*_rows(result), *_sums(result)]


def _order(schedule: Schedule) -> Iterator[str]:
    names = [task.name for task in schedule.tasks]
    if len(set(names)) != len(names):
        yield "two tasks have the same name"
    for index, task in enumerate(schedule.tasks):
        for before in (*task.after, *task.follows):
            if not 0 <= before < index:
                yield f"{task.name}: waits for task {before}, which does not come before it"
        if not 0 <= task.operator < len(schedule.graph.operators):
            yield f"{task.name}: belongs to operator {task.operator}, which does not exist"
        if task.work not in schedule.work:
            yield f"{task.name}: its work '{task.work}' does not exist"
        if not task.resource:
            yield f"{task.name}: has no resource"
    if len(schedule.unit_of) != len(schedule.graph.operators):
        yield "not every operator has a unit"


def _amounts(schedule: Schedule) -> Iterator[str]:
    """Each amount that was counted is in one task, and no other; of an operator in parts, each starts anew."""
    parts = _parts(schedule)
    found: dict[tuple[str, int, int], float] = {}
    for task in schedule.tasks:
        for term, amount in task.amounts:
            key = (task.work, task.operator, term)
            if schedule.work[task.work].terms[term].phase != task.phase:
                yield f"{task.name}: term {term} belongs to another phase"
            found[key] = found.get(key, 0.0) + amount
    for name, work in schedule.work.items():
        for i in range(work.amounts.shape[0]):
            for k in range(work.amounts.shape[1]):
                amount = float(work.amounts[i, k])
                if not (amount >= 0 and math.isfinite(amount)):
                    yield f"{name}: amount {amount} of operator {i}, term {k} is no amount of work"
                if work.terms[k].phase in ("overhead", work.enqueue_phase) and work.terms[k].amount_unit in PER_START:
                    amount *= parts.get(i, 1)
                if not math.isclose(found.get((name, i, k), 0.0), amount, rel_tol=TOLERANCE):
                    yield f"{name}: operator {i}, term {k}: {amount} counted, {found.get((name, i, k), 0.0)} scheduled"


def _parts(schedule: Schedule) -> dict[int, int]:
    """Operator -> parts it is cut into, where it is."""
    found: dict[int, int] = {}
    for step in schedule.plan.swap.steps if schedule.plan.swap else ():
        if step.kind == "compute":
            found[step.operator] = found.get(step.operator, 0) + 1
    return found


def _data(schedule: Schedule) -> Iterator[str]:
    """What reads a tensor waits, directly or not, for every task of the operator that writes it."""
    ancestors: list[int] = []
    for index, task in enumerate(schedule.tasks):
        known = 1 << index
        for before in (*task.after, *task.follows):
            known |= ancestors[before] if before < index else 0
        ancestors.append(known)
    own: dict[int, list[int]] = {}
    for index, task in enumerate(schedule.tasks):
        own.setdefault(task.operator, []).append(index)
    ended: list[int] = []  # by operator: the tasks that its result stands on, as a bit set
    for i, operator in enumerate(schedule.graph.operators):
        needed = 0
        for name in operator.inputs:
            needed |= ended[schedule.graph.producer[name]] if name in schedule.graph.producer else 0
        tasks = own.get(i, [])
        waiting = [t for t in tasks if not schedule.is_ahead(schedule.tasks[t])]
        for t in waiting:
            if needed & ~ancestors[t]:
                yield f"{schedule.tasks[t].name}: does not wait for all its inputs"
        ended.append(sum(1 << t for t in tasks) if tasks else needed)


def _memory(schedule: Schedule) -> Iterator[str]:
    placement = schedule.placement
    for name, use in placement.memory.items():
        if use.peak_bytes != use.weights_bytes + max(placement.loads[name], default=0) + use.overhead_bytes:
            yield f"{name}: peak {use.peak_bytes} is not the sum of its parts"
    short = {
        name for name, use in placement.memory.items() if use.capacity_bytes is not None and use.peak_bytes > use.capacity_bytes
    }
    if short != {s.level for s in placement.shortfalls}:
        yield f"shortfalls name {sorted(s.level for s in placement.shortfalls)}; {sorted(short)} are short"
    graph = schedule.graph
    moving = {
        name
        for o in graph.operators
        if any(n in graph.producer or graph.tensors[n].role == "input" for n in o.inputs if n)
        for name in o.outputs
    }
    used = {
        t.name for t in graph.tensors.values() if graph.consumers[t.name] and (t.name in moving or t.name not in graph.producer)
    }
    homeless = used - set(placement.regions)
    if homeless:
        yield f"tensors without a memory: {sorted(homeless)[:5]}"


def _played_once(schedule: Schedule, trace: Trace, picoseconds: Sequence[int]) -> Iterator[str]:
    if sorted(event.task for event in trace.events) != list(range(len(schedule.tasks))):
        yield "not every task was played once"
    for event in trace.events:
        if not 0 <= event.ready_ps <= event.start_ps <= event.end_ps:
            yield f"{event.name}: ready {event.ready_ps}, start {event.start_ps}, end {event.end_ps}"
        if event.end_ps - event.start_ps != picoseconds[event.task]:
            yield f"{event.name}: took {event.end_ps - event.start_ps} ps instead of {picoseconds[event.task]}"
    if trace.makespan_ps != max((event.end_ps for event in trace.events), default=0):
        yield "the run does not end with its last task"


def _precedence(schedule: Schedule, trace: Trace) -> Iterator[str]:
    end = {event.task: event.end_ps for event in trace.events}
    for event in trace.events:
        task = schedule.tasks[event.task]
        for before in (*task.after, *task.follows):
            if end[before] > event.start_ps:
                yield f"{event.name}: started at {event.start_ps} before {schedule.tasks[before].name} ended at {end[before]}"
        if event.ready_ps != max((end[before] for before in task.after), default=0):
            yield f"{event.name}: ready at {event.ready_ps}, which is not when its inputs were"


def _exclusive(trace: Trace) -> Iterator[str]:
    free: dict[str, int] = {}
    for event in sorted(trace.events, key=lambda e: (e.start_ps, e.end_ps)):
        if event.start_ps < free.get(event.resource, 0):
            yield f"{event.name}: {event.resource} was still busy until {free[event.resource]}"
        free[event.resource] = max(free.get(event.resource, 0), event.end_ps)


def _capacities(schedule: Schedule, trace: Trace) -> Iterator[str]:
    for name, column in trace.occupancy.items():
        if any(held < 0 for _, held in column):
            yield f"{name}: holds less than nothing"
        if (
            schedule.plan.one_at_a_time
            and max((held for _, held in column), default=0) > schedule.placement.memory[name].peak_bytes
        ):
            yield f"{name}: holds more than its peak"


def _rows(result: Estimate) -> Iterator[str]:
    for row in result.operators:
        times = [time for _, time in row.phases]
        if row.latency_s < 0 or any(time < 0 for time in times):
            yield f"{row.name}: negative time"
        if not max(times, default=0.0) * (1 - TOLERANCE) <= row.latency_s <= math.fsum(times) * (1 + TOLERANCE):
            yield f"{row.name}: {row.latency_s} s is not between its largest phase and the sum of its phases"
        if row.join == "sum" and not math.isclose(row.latency_s, math.fsum(times), rel_tol=TOLERANCE, abs_tol=1e-18):
            yield f"{row.name}: {row.latency_s} s is not the sum of its phases"
        if row.energy_j is not None and row.energy_j < 0:
            yield f"{row.name}: negative energy"


def _sums(result: Estimate) -> Iterator[str]:
    total = math.fsum(row.latency_s for row in result.operators) - result.overlap_s + result.waited_s
    if not math.isclose(total, result.latency_s, rel_tol=TOLERANCE, abs_tol=1e-15):
        yield f"operators sum to {total} s, the total is {result.latency_s} s"
    energies = [row.energy_j for row in result.operators]
    if None in energies:
        if result.energy_j is not None:
            yield "an energy that is not known has a total"
    elif result.energy_j is None or not math.isclose(
        math.fsum(e for e in energies if e is not None), result.energy_j, rel_tol=TOLERANCE
    ):
        yield "operators' energies do not sum to the total"
    if sum(row.macs for row in result.operators) != result.macs:
        yield "operators' MACs do not sum to the total"
    if result.fits != all(use.fits for use in result.memory.values()):
        yield "fits although a memory is short, or the other way round"
    for missing in ("energy_j", "latency_interval_s"):
        if getattr(result, missing) is None and missing not in {m.field for m in result.missing}:
            yield f"{missing} is not known, and no reason is given"
