"""Slow, obvious versions of the compiled loops of ``sim/kernels.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from dataflows.cpu_counts import cpu_amounts
from dataflows.cpu_layer import network_facts
from dataflows.gpu_counts import ENQUEUE_PHASE, gpu_amounts
from dataflows.mcu_counts import mcu_amounts
from dataflows.unit_work import UnitWork
from hwmodels.costs.cpu import cpu_prices
from hwmodels.costs.gpu import gpu_prices
from hwmodels.costs.mcu import mcu_prices

COUNTING = {"cpu": (cpu_amounts, cpu_prices, 3), "gpu": (gpu_amounts, gpu_prices, 1), "mcu": (mcu_amounts, mcu_prices, 3)}


def longest_path(picoseconds: Sequence[int], before: Sequence[Sequence[int]]) -> int:
    """Length of the longest chain of tasks, by trying every chain that ends in each task."""

    def chain_ending_in(task: int) -> int:
        return picoseconds[task] + max((chain_ending_in(earlier) for earlier in before[task]), default=0)

    return max((chain_ending_in(task) for task in range(len(picoseconds))), default=0)


def rounded(seconds: float) -> int:
    """Whole picoseconds nearest to the double ``seconds * 1e12``; of two equally near, the even one."""
    exact = Fraction(seconds * 1e12)
    below = exact.numerator // exact.denominator
    remainder = exact - below
    if remainder == Fraction(1, 2):
        return below + below % 2
    return below + (remainder > Fraction(1, 2))


def network_estimate(work: UnitWork, parameters: Any) -> tuple[int, int, Mapping[str, int], np.ndarray[Any, Any]]:
    """Length, sum of the operators' times, time of each phase [ps] and bytes of one network on one unit.

    Twin of ``cpu_batch``, ``gpu_batch`` and ``mcu_batch`` for one candidate.
    """
    assert work.counted is not None
    count, price, levels = COUNTING[work.kind]
    operators, nests, network = work.counted.operators, work.counted.nests, work.counted.network
    if work.kind == "cpu":
        network = network_facts(operators, parameters, network.batch)
    prices = np.zeros(len(work.terms))
    price(parameters, prices)
    host = unit = busy = 0
    phase_ps = {term.phase: 0 for term in work.terms}
    moved = np.zeros((levels, 2), np.int64)
    for i in range(len(operators.kind)):
        amounts, traffic = np.zeros(len(work.terms)), np.zeros((levels, 2), np.int64)
        count(operators, nests, i, parameters, network, amounts, traffic)
        durations = {}
        for phase in phase_ps:
            seconds = 0.0
            for term, amount, cost in zip(work.terms, amounts, prices, strict=True):
                if term.phase == phase and amount:
                    seconds += amount * cost
            durations[phase] = rounded(seconds)
            phase_ps[phase] += durations[phase]
        handed_over = durations.pop(ENQUEUE_PHASE, 0)
        working = max(durations.values()) if work.join == "max" else sum(durations.values())
        host += handed_over
        if working:
            unit = max(host, unit) + working
        busy += handed_over + working
        moved += traffic
    return max(host, unit), busy, phase_ps, moved
