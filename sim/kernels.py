"""Compiled loops over tables: the longest path through a schedule, and batches of whole-network estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dataflows.cpu_counts import cpu_amounts
from dataflows.cpu_layer import NetworkFacts, network_facts
from dataflows.gpu_counts import gpu_amounts
from dataflows.gpu_kernels import KernelTable
from dataflows.mcu_counts import McuFacts, mcu_amounts
from hwmodels.costs.cpu import cpu_prices
from hwmodels.costs.gpu import gpu_prices
from hwmodels.costs.mcu import mcu_prices
from hwmodels.jit import kernel
from sim.tables import Floats, Ints, LifeTable, Precedence, TaskTable
from workloads.tables import NestTable, OperatorTable

if TYPE_CHECKING:
    Candidates = np.recarray[Any, Any]
else:
    Candidates = Any


@kernel
def longest_path(tasks: TaskTable, precedence: Precedence, end_ps: Ints) -> int:
    """Fill the earliest end of each task, and return the latest: the closed form of a schedule's length [ps].

    Parameters
    ----------
    tasks : TaskTable
        In an order where every task comes after all it waits for.
    precedence : Precedence
    end_ps : int64 array
        Filled: end_i = duration_i + max(end_j of the tasks j it waits for), with nothing else in the way [ps].
    """
    longest = 0
    for i in range(len(end_ps)):
        start = 0
        for k in range(tasks.first_before[i], tasks.first_before[i] + tasks.count_before[i]):
            start = max(start, end_ps[precedence.before[k]])
        end_ps[i] = start + tasks.picoseconds[i]
        longest = max(longest, end_ps[i])
    return longest


class Composition(NamedTuple):
    """How the terms of a unit become the time of an operator."""

    phases: int  # number of phases
    overlapped: int  # 1 where the phases of an operator run side by side (join ``max``)
    enqueued: int  # phase that a host hands over ahead of the unit; -1 without one


class Totals(NamedTuple):
    """One row per candidate, filled by the batch kernels."""

    latency_ps: Ints  # length of the run; -1 where a duration is none or too long [ps]
    busy_ps: Ints  # sum of the operators' times, overlap included [ps]
    phase_ps: Ints  # candidates x phases: time of each phase over all operators [ps]
    traffic: Ints  # candidates x levels x 2: bytes read and written at each level [B]
    peak_bytes: Ints  # activation bytes held at the worst moment [B]


class Scratch(NamedTuple):
    """Space a batch kernel works in: one candidate, one operator."""

    phase: Ints  # given: phase of each term, an index into the phases in order of the terms
    prices: Floats  # per term
    amounts: Floats  # per term
    seconds: Floats  # per phase
    traffic: Ints  # levels x 2, of one operator
    moved: Ints  # levels x 2, of all operators so far
    clock: Ints  # host's time, unit's time, sum of operators, then time of each phase [ps]
    held: Ints  # per operator: change of the bytes held, one more row than operators [B]


HOST, UNIT, BUSY, FIRST_PHASE = range(4)


@kernel
def price_phases(phase: Ints, prices: Floats, amounts: Floats, seconds: Floats) -> None:
    """Fill the seconds of each phase of one operator: the sum of amount * price over its terms."""
    for p in range(len(seconds)):
        seconds[p] = 0.0
    for k in range(len(phase)):
        if amounts[k] != 0.0:
            seconds[phase[k]] += amounts[k] * prices[k]


@kernel
def advance(composition: Composition, seconds: Floats, clock: Ints) -> bool:
    """Let the phases of one operator run after what ran before; false where a duration is none or too long.

    Seconds are rounded once to whole picoseconds, ties to even.
    """
    together = 0
    handed_over = 0
    for p in range(composition.phases):
        scaled = seconds[p] * 1e12
        if not 0.0 <= scaled < 4e18:
            return False
        duration = int(np.rint(scaled))
        clock[FIRST_PHASE + p] += duration
        if p == composition.enqueued:
            handed_over = duration
        elif composition.overlapped:
            together = max(together, duration)
        else:
            together += duration
    clock[HOST] += handed_over
    if together > 0:
        clock[UNIT] = max(clock[HOST], clock[UNIT]) + together
    clock[BUSY] += handed_over + together
    return True


@kernel
def add_bytes(traffic: Ints, moved: Ints) -> None:
    """Add the bytes of one operator to those of the network."""
    for level in range(len(traffic)):
        moved[level, 0] += traffic[level, 0]
        moved[level, 1] += traffic[level, 1]


@kernel
def peak_load(lives: LifeTable, held: Ints) -> int:
    """Most activation bytes held at any operator: the running sum of what appears and what is dropped [B]."""
    held[:] = 0
    for k in range(len(lives.bytes)):
        held[lives.first[k]] += lives.bytes[k]
        held[lives.last[k] + 1] -= lives.bytes[k]
    total = 0
    peak = 0
    for i in range(len(held) - 1):
        total += held[i]
        peak = max(peak, total)
    return peak


@kernel
def finish_candidate(clock: Ints, moved: Ints, totals: Totals, c: int, known: bool) -> None:
    """Write down the length of a candidate's run and its bytes, and set clock and bytes back."""
    totals.latency_ps[c] = max(clock[HOST], clock[UNIT]) if known else -1
    totals.busy_ps[c] = clock[BUSY]
    for p in range(len(clock) - FIRST_PHASE):
        totals.phase_ps[c, p] = clock[FIRST_PHASE + p]
    totals.traffic[c] = moved
    clock[:] = 0
    moved[:] = 0


@kernel
def cpu_batch(
    operators: OperatorTable, nests: NestTable, network: NetworkFacts, lives: LifeTable, candidates: Candidates,
    composition: Composition, scratch: Scratch, totals: Totals,
) -> None:  # fmt: skip
    """Estimate one network on each candidate CPU: all amounts, prices, picoseconds, bytes and the peak anew.

    Parameters
    ----------
    operators, nests, network
        The network as its runtime runs it; of ``network`` the batch is read, its sizes are counted per candidate.
    lives : LifeTable
        Activation buffers in the order of execution.
    candidates : record array
        A row per candidate, with the fields of ``CpuParameters``.
    composition, scratch
    totals : Totals
        Filled; zero before.
    """
    phase, prices, amounts, seconds, traffic, moved, clock, held = scratch
    for c in range(len(candidates)):
        unit = candidates[c]
        facts = network_facts(operators, unit, network.batch)
        cpu_prices(unit, prices)
        known = True
        for i in range(len(operators.kind)):
            cpu_amounts(operators, nests, i, unit, facts, amounts, traffic)
            price_phases(phase, prices, amounts, seconds)
            known = advance(composition, seconds, clock) and known
            add_bytes(traffic, moved)
        finish_candidate(clock, moved, totals, c, known)
        totals.peak_bytes[c] = peak_load(lives, held)


@kernel
def gpu_batch(
    operators: OperatorTable, nests: NestTable, network: KernelTable, lives: LifeTable, candidates: Candidates,
    composition: Composition, scratch: Scratch, totals: Totals,
) -> None:  # fmt: skip
    """Estimate one network on each candidate GPU, with the fields of ``GpuParameters``; see :func:`cpu_batch`."""
    phase, prices, amounts, seconds, traffic, moved, clock, held = scratch
    for c in range(len(candidates)):
        unit = candidates[c]
        gpu_prices(unit, prices)
        known = True
        for i in range(len(operators.kind)):
            gpu_amounts(operators, nests, i, unit, network, amounts, traffic)
            price_phases(phase, prices, amounts, seconds)
            known = advance(composition, seconds, clock) and known
            add_bytes(traffic, moved)
        finish_candidate(clock, moved, totals, c, known)
        totals.peak_bytes[c] = peak_load(lives, held)


@kernel
def mcu_batch(
    operators: OperatorTable, nests: NestTable, network: McuFacts, lives: LifeTable, candidates: Candidates,
    composition: Composition, scratch: Scratch, totals: Totals,
) -> None:  # fmt: skip
    """Estimate one network on each candidate microcontroller, with the fields of ``McuParameters``; see :func:`cpu_batch`."""
    phase, prices, amounts, seconds, traffic, moved, clock, held = scratch
    for c in range(len(candidates)):
        unit = candidates[c]
        mcu_prices(unit, prices)
        known = True
        for i in range(len(operators.kind)):
            mcu_amounts(operators, nests, i, unit, network, amounts, traffic)
            price_phases(phase, prices, amounts, seconds)
            known = advance(composition, seconds, clock) and known
            add_bytes(traffic, moved)
        finish_candidate(clock, moved, totals, c, known)
        totals.peak_bytes[c] = peak_load(lives, held)
