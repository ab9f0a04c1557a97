"""The interval that a latency lies in four times out of five, where validation has learnt how wide it must be."""

from __future__ import annotations

import math

from dataflows.cpu_lowering import running_cluster
from hwmodels.device import CpuUnit, GpuUnit, McuUnit
from hwmodels.facts import NEAREST_CLASS
from hwmodels.intervals import (
    DATA_SHEET,
    DECODING,
    LARGE_BATCH,
    LARGE_IMAGES,
    MEASURED_CARD,
    MICROCONTROLLERS,
    OLD_HOSTS,
    PROMPT,
    SMALL_BATCH,
    learnt_for_gpu,
    learnt_interval,
    measured_cards,
)
from hwmodels.measured_rows import FLOAT, REFERENCE_FLOAT, interval_basis
from sim.schedule import Schedule
from workloads.tables import KIND_CODE

#: An interval and its basis.
Interval = tuple[tuple[float, float], str]
#: GPU runtimes whose host takes the time of a small batch, whatever the type.
HOST_BOUND = ("torch_eager",)


def latency_interval(schedule: Schedule, seconds: float) -> Interval | str:
    """Interval of the latency and its basis; else the reason why there is none.

    Known for runs wholly on a CPU, a microcontroller or a GPU under a runtime that was compared with measurements; of several
    inferences at once on GPUs alone.
    """
    plan, unit = schedule.plan, schedule.units.get(schedule.plan.unit)
    if schedule.held:
        return "no interval was learnt for runs that move blocks in and out"
    if not isinstance(unit, CpuUnit | McuUnit | GpuUnit):
        return f"no interval was learnt for units of kind {unit.kind if unit else 'none'}"
    if set(schedule.unit_of) - {plan.unit}:
        return "no interval was learnt for runs on several units"
    if plan.groups or plan.side_by_side or plan.algorithms:
        return "no interval was learnt for kernels other than the runtime's own"
    if plan.batch != 1 and not isinstance(unit, GpuUnit):
        return "no interval was learnt for batches"
    if schedule.device.overrides:
        return "no interval was learnt for devices changed for one run"
    if isinstance(unit, GpuUnit):
        found = _of_gpu(schedule, seconds)
    else:
        found = _of_mcu(schedule, unit) if isinstance(unit, McuUnit) else _of_cpu(schedule, unit)
    if isinstance(found, str):
        return found
    half_width, basis = found
    factor = math.exp(half_width)
    return (seconds / factor, seconds * factor), basis


def _of_cpu(schedule: Schedule, unit: CpuUnit) -> tuple[float, str] | str:
    """Half width of ln(latency) and its basis: how the board's multipliers came about."""
    plan, kind = schedule.plan, "int8" if _is_int8(schedule) else "float"
    running = running_cluster(schedule.device, unit, plan.threads)
    basis = running.calibrated or DATA_SHEET
    learnt = learnt_interval(plan.runtime or "", basis, kind)
    return (learnt.half_width, basis) if learnt else f"no interval was learnt for runtime {plan.runtime}, {basis}, {kind}"


def _of_mcu(schedule: Schedule, unit: McuUnit) -> tuple[float, str] | str:
    """Half width of ln(latency) and its basis: how many measured rows runtime and core were fitted to."""
    runtime, kinds = schedule.plan.runtime or "", {name: level.kind for name, level in schedule.device.memories.items()}
    if not _is_int8(schedule):
        return _of_float(schedule, runtime, unit)
    at_home = kinds.get(unit.activations_in[0]) == "external_ram"  # then the measured boards had it so too
    if not at_home and "external_ram" in {kinds.get(memory) for memory in schedule.placement.regions.values()}:
        return "no interval was learnt for tensors in external RAM"
    source = schedule.device.sources.get(f"units.{unit.name}.core")
    stands_in = source is not None and source.citation.startswith(NEAREST_CLASS)
    basis = interval_basis(runtime, "" if stands_in else unit.core)
    if basis is None:
        return f"no measured rows of runtime {runtime or 'none'}"
    learnt = learnt_interval(MICROCONTROLLERS, basis, "int8")
    return (learnt.half_width, basis) if learnt else f"no interval was learnt for {basis}"


def _of_gpu(schedule: Schedule, seconds: float) -> tuple[float, str] | str:
    """Half width of ln(latency) and its basis: whether the card itself was measured, and what takes the time of such a run."""
    plan, phase = schedule.plan, schedule.graph.settings.get("phase")
    runtime = plan.runtime or ""
    kind = (DECODING if phase == "decode" else PROMPT) if phase else _images(schedule, seconds)
    if not phase and (kind == LARGE_BATCH or runtime not in HOST_BOUND) and not _is_half(schedule):
        return f"no interval was learnt for other types than fp16 and bf16 under {runtime or 'no runtime'}"
    basis = MEASURED_CARD if (runtime, schedule.device.name) in measured_cards() else DATA_SHEET
    tried = (learnt_for_gpu(runtime, name, kind) for name in (basis, DATA_SHEET, OLD_HOSTS))
    learnt = next((found for found in tried if found is not None), None)
    return (learnt.half_width, learnt.basis) if learnt else f"no interval was learnt for runtime {runtime}, {basis}, {kind}"


def _images(schedule: Schedule, seconds: float) -> str:
    """Kind of a run of images: large where there are many and the kernels, not the host that enqueues them, take the time."""
    work = schedule.work[schedule.plan.unit]
    handed = [task for task in schedule.tasks if task.work == schedule.plan.unit and task.phase == work.enqueue_phase]
    host = math.fsum(amount * float(work.prices[k]) for task in handed for k, amount in task.amounts)
    return LARGE_BATCH if schedule.plan.batch >= LARGE_IMAGES and 2.0 * host < seconds else SMALL_BATCH


def _is_half(schedule: Schedule) -> bool:
    """True where most multiply-accumulates have operands of 16 bit."""
    operators = schedule.tables.operators
    return bool(2 * operators.macs[operators.weight_bits == 16].sum() > operators.macs.sum())


def _of_float(schedule: Schedule, runtime: str, unit: McuUnit) -> tuple[float, str] | str:
    """Half width of ln(latency) for fp32: known for fully connected layers in the reference kernels on a core with an FPU."""
    learnt, operators = learnt_interval(MICROCONTROLLERS, FLOAT, "float"), schedule.tables.operators
    if learnt is None or not runtime.startswith(REFERENCE_FLOAT) or "float_output" not in unit.multipliers:
        return f"no interval was learnt for float under {runtime or 'no runtime'} on {unit.core or 'this core'}"
    if 2 * operators.macs[operators.kind == KIND_CODE["fully_connected"]].sum() <= operators.macs.sum():
        return "no interval was learnt for float convolutions on microcontrollers"
    return learnt.half_width, FLOAT


def _is_int8(schedule: Schedule) -> bool:
    """True where most multiply-accumulates have operands of 8 bit."""
    operators = schedule.tables.operators
    narrow = operators.weight_bits <= 8
    return bool(2 * operators.macs[narrow].sum() > operators.macs.sum())
