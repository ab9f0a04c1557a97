"""One loaded network on many candidate units at once: columns in, columns out, evaluated by one compiled loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dataflows.gpu_counts import ENQUEUE_PHASE
from dataflows.unit_work import UnitWork
from hwmodels.costs.link import active_joules
from hwmodels.jit import Kernel
from sim.durations import PICOSECONDS, idle_power
from sim.errors import ScheduleError
from sim.kernels import FIRST_PHASE, Composition, Scratch, Totals, cpu_batch, gpu_batch, mcu_batch
from sim.schedule import Schedule
from sim.tables import life_table
from workloads.errors import nearest

#: Unit kind -> its compiled loop.
KERNELS: Mapping[str, Kernel[..., None]] = {"cpu": cpu_batch, "gpu": gpu_batch, "mcu": mcu_batch}

#: Levels that a kind's loop counts bytes of, where they are not those of its work: it knows kinds of memory, not their names.
LEVELS: Mapping[str, tuple[str, ...]] = {"mcu": ("internal_ram", "external_ram", "weights")}

#: Column of ``overrides`` that is no parameter of the counts: the power while the unit works [W].
POWER = "active_power_w"


@dataclass(frozen=True)
class BatchEstimates:
    """Whole-network estimates, one row per candidate.

    Attributes
    ----------
    latency_ps : int64 array
        Length of the run [ps].
    overlap_ps : int64 array
        Sum of the operators' times minus the length [ps].
    energy_j : float64 array
        NaN where the power is not known [J].
    phases : tuple of str
    phase_ps : int64 array, candidates x phases
        Time of each phase over all operators [ps].
    levels : tuple of str
    traffic : int64 array, candidates x levels x 2
        Bytes read from and written to each level [B].
    activations_peak_bytes : int64 array
        Activation bytes held at the worst moment [B].
    """

    latency_ps: NDArray[np.int64]
    overlap_ps: NDArray[np.int64]
    energy_j: NDArray[np.float64]
    phases: tuple[str, ...]
    phase_ps: NDArray[np.int64]
    levels: tuple[str, ...]
    traffic: NDArray[np.int64]
    activations_peak_bytes: NDArray[np.int64]

    @property
    def latency_s(self) -> NDArray[np.float64]:
        """Length of the run [s]."""
        return self.latency_ps / PICOSECONDS


def batch_estimates(schedule: Schedule, overrides: Mapping[str, ArrayLike], compiled: bool = True) -> BatchEstimates:
    """The closed form of a lowered network for many candidates of its unit.

    Parameters
    ----------
    schedule : Schedule
        Of one unit of kind cpu, gpu or mcu.
    overrides : Mapping of str to array
        Parameter of the unit (a field of the named tuple of its kind in ``hwmodels.costs``, e.g. ``frequency_hz``) or
        ``active_power_w`` -> one value per candidate, or one for all. Parameters that are not named keep the unit's values.
    compiled : bool
        False runs the same loop interpreted.

    Raises
    ------
    ScheduleError
        A schedule of several units or of a kind without a loop, an unknown parameter, a value that is not a positive number,
        a candidate whose run is longer than the clock holds.

    Examples
    --------
    >>> from hwmodels.reader import load_device
    >>> from sim.lower import layerwise_plan, lower
    >>> from workloads.networks import build
    >>> graph, device = build("lenet5"), load_device("raspberry_pi_4")
    >>> schedule = lower(graph, device, layerwise_plan(graph, device))
    >>> found = batch_estimates(schedule, {"frequency_hz": [1.0e9, 1.5e9, 2.0e9]}, compiled=False)
    >>> bool(found.latency_s[0] > found.latency_s[1] > found.latency_s[2])
    True
    """
    work = _only_work(schedule)
    columns, power = _columns(work, overrides)
    count = max([1, *(len(column) for column in columns.values()), *([len(power)] if power is not None else [])])
    candidates = candidate_rows(work.parameters, columns, count)
    totals, phases = _run(schedule, work, candidates, compiled)
    wrong = np.flatnonzero(totals.latency_ps < 0)
    if len(wrong):
        raise ScheduleError(f"candidate {wrong[0]}: a duration is negative, not a number or longer than the clock holds")
    unit = schedule.units[schedule.plan.unit]
    active = np.array([np.nan if unit.active_power_w is None else unit.active_power_w]) if power is None else power
    waiting = idle_power(schedule)
    handed_over = totals.phase_ps[:, phases.index(ENQUEUE_PHASE)] if ENQUEUE_PHASE in phases else 0
    working = (totals.busy_ps - handed_over) / PICOSECONDS
    idle = totals.latency_ps / PICOSECONDS - working
    return BatchEstimates(
        latency_ps=totals.latency_ps,
        overlap_ps=totals.busy_ps - totals.latency_ps,
        energy_j=active_joules(active, working) + active_joules(active if waiting is None else np.array([waiting]), idle),
        phases=phases,
        phase_ps=totals.phase_ps,
        levels=LEVELS.get(work.kind, work.levels),
        traffic=totals.traffic,
        activations_peak_bytes=totals.peak_bytes,
    )


def candidate_rows(parameters: Any, columns: Mapping[str, NDArray[Any]], count: int) -> Any:
    """A record array with the fields of a named tuple of numbers, one row per candidate."""
    kinds = [
        (name, np.int64 if isinstance(value, int) else np.float64)
        for name, value in zip(parameters._fields, parameters, strict=True)
    ]
    rows = np.recarray(count, dtype=kinds)
    for name, value in zip(parameters._fields, parameters, strict=True):
        rows[name] = columns.get(name, value)
    return rows


def as_records(table: Any) -> Any:
    """A named tuple of equally long columns as one record array; anything else unchanged.

    ``table.kind[i]`` reads the same of both. A compiled function takes one argument instead of one per column, and holds on to one
    array instead of thirty: seven times faster where tables are passed from function to function for every operator.
    """
    if not all(isinstance(column, np.ndarray) for column in table):
        return table
    rows = np.recarray(len(table[0]), dtype=[(name, column.dtype) for name, column in zip(table._fields, table, strict=True)])
    for name, column in zip(table._fields, table, strict=True):
        rows[name] = column
    return rows


def _only_work(schedule: Schedule) -> UnitWork:
    if len(schedule.work) != 1:
        raise ScheduleError(f"batch: the schedule uses {', '.join(schedule.work)}; a network that runs on one unit is expected")
    work = next(iter(schedule.work.values()))
    if work.kind not in KERNELS or work.counted is None:
        raise ScheduleError(f"batch: unit '{work.unit}' is a {work.kind}; one of {', '.join(KERNELS)} is expected")
    return work


def _columns(work: UnitWork, overrides: Mapping[str, ArrayLike]) -> tuple[dict[str, NDArray[Any]], NDArray[Any] | None]:
    """Checked columns of the overrides, and the column of powers if there is one."""
    known = (*work.parameters._fields, POWER)
    columns: dict[str, NDArray[Any]] = {}
    for name, values in overrides.items():
        if name not in known:
            raise ScheduleError(f"batch: '{name}' is not a parameter of a {work.kind}; {nearest(name, known)}")
        column = np.atleast_1d(np.asarray(values))
        if column.ndim != 1 or column.dtype.kind not in "iuf" or not np.all(np.isfinite(column) & (column >= 0)):
            raise ScheduleError(
                f"batch: '{name}' has values that are no finite numbers from 0; a column of such numbers is expected"
            )
        columns[name] = column
    lengths = {len(column) for column in columns.values()} - {1}
    if len(lengths) > 1:
        raise ScheduleError(f"batch: columns of {', '.join(map(str, sorted(lengths)))} rows; equally long ones are expected")
    return {name: column for name, column in columns.items() if name != POWER}, columns.get(POWER)


def _run(schedule: Schedule, work: UnitWork, candidates: Any, compiled: bool) -> tuple[Totals, tuple[str, ...]]:
    assert work.counted is not None
    phases = tuple(dict.fromkeys(term.phase for term in work.terms))
    levels, terms = len(LEVELS.get(work.kind, work.levels)), len(work.terms)
    composition = Composition(
        phases=len(phases),
        overlapped=int(work.join == "max"),
        enqueued=phases.index(ENQUEUE_PHASE) if ENQUEUE_PHASE in phases else -1,
    )
    count = len(candidates)
    totals = Totals(
        np.zeros(count, np.int64),
        np.zeros(count, np.int64),
        np.zeros((count, len(phases)), np.int64),
        np.zeros((count, levels, 2), np.int64),
        np.zeros(count, np.int64),
    )
    scratch = Scratch(
        phase=np.array([phases.index(term.phase) for term in work.terms], np.int64),
        prices=np.zeros(terms),
        amounts=np.zeros(terms),
        seconds=np.zeros(len(phases)),
        traffic=np.zeros((levels, 2), np.int64),
        moved=np.zeros((levels, 2), np.int64),
        clock=np.zeros(FIRST_PHASE + len(phases), np.int64),
        held=np.zeros(len(schedule.graph.operators) + 1, np.int64),
    )
    loop = KERNELS[work.kind]
    tables = work.counted.operators, work.counted.nests, work.counted.network, life_table(schedule)
    if compiled and loop.dispatcher is not loop.py_func:
        loop.compiled(*(as_records(table) for table in tables), candidates, composition, scratch, totals)
    else:
        loop(*tables, [type(work.parameters)(*row) for row in candidates.tolist()], composition, scratch, totals)
    return totals, phases
