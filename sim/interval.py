"""The interval that a latency lies in four times out of five, where validation has learnt how wide it must be."""

from __future__ import annotations

import math

from dataflows.cpu_lowering import running_cluster
from hwmodels.device import CpuUnit
from hwmodels.intervals import DATA_SHEET, learnt_interval
from sim.schedule import Schedule

#: An interval and its basis.
Interval = tuple[tuple[float, float], str]


def latency_interval(schedule: Schedule, seconds: float) -> Interval | str:
    """Interval of the latency and its basis; else the reason why there is none.

    Known for runs of single inferences wholly on a CPU, under a runtime that was compared with measurements.
    """
    plan, unit = schedule.plan, schedule.units.get(schedule.plan.unit)
    if not isinstance(unit, CpuUnit):
        return f"no interval was learnt for units of kind {unit.kind if unit else 'none'}"
    if set(schedule.unit_of) - {plan.unit}:
        return "no interval was learnt for runs on several units"
    if plan.batch != 1:
        return "no interval was learnt for batches"
    if schedule.device.overrides:
        return "no interval was learnt for devices changed for one run"
    kind = "int8" if _is_int8(schedule) else "float"
    running = running_cluster(schedule.device, unit, plan.threads)
    learnt = learnt_interval(plan.runtime or "", running.calibrated or DATA_SHEET, kind)
    if learnt is None:
        return f"no interval was learnt for runtime {plan.runtime}, {running.calibrated or DATA_SHEET}, {kind}"
    factor = math.exp(learnt.half_width)
    return (seconds / factor, seconds * factor), learnt.basis


def _is_int8(schedule: Schedule) -> bool:
    """True where most multiply-accumulates have operands of 8 bit."""
    operators = schedule.tables.operators
    narrow = operators.weight_bits <= 8
    return bool(2 * operators.macs[narrow].sum() > operators.macs.sum())
