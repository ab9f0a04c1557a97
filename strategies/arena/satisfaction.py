"""The lowest arena by constraint programming: rectangles of fixed time and free address that must not overlap.

The model is that of the no-overlap constraint in two dimensions of OR-tools CP-SAT; one worker and a fixed seed, so that equal
input gives equal plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.arena import Span
from strategies.arena.spans import unit_of


@dataclass(frozen=True)
class Satisfaction:
    """Offsets of the best plan found, if any, and the bound that was proved [B]."""

    offsets: list[int] | None
    bound: int


def satisfy(
    spans: Sequence[Span], lower_bound: int, upper_bound: int, hint: Sequence[int] | None, seconds: float, seed: int = 0
) -> Satisfaction:
    """The lowest plan of at most ``upper_bound`` bytes that was found in the time given.

    Parameters
    ----------
    spans : sequence of Span
    lower_bound, upper_bound : int
        Heights between which to look [B].
    hint : sequence of int, optional
        Offsets to begin with [B].
    seconds : float
        Time limit [s].
    seed : int
    """
    from ortools.sat.python import cp_model

    unit = unit_of(spans)
    model = cp_model.CpModel()
    tall = model.new_int_var(-(-lower_bound // unit), upper_bound // unit, "height")
    offsets, across, upward = [], [], []
    for index, (lower, upper, size) in enumerate(spans):
        units = size // unit
        offset = model.new_int_var(0, max(0, upper_bound // unit - units), f"offset {index}")
        offsets.append(offset)
        across.append(model.new_fixed_size_interval_var(lower, upper - lower, f"life {index}"))
        upward.append(model.new_fixed_size_interval_var(offset, units, f"bytes {index}"))
        model.add(offset + units <= tall)
        if hint is not None:
            model.add_hint(offset, hint[index] // unit)
    model.add_no_overlap_2d(across, upward)
    model.minimize(tall)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_time_in_seconds = max(seconds, 0.01)
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return Satisfaction(None, upper_bound + unit)
    found = [solver.value(offset) * unit for offset in offsets] if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None
    return Satisfaction(found, max(lower_bound, round(solver.best_objective_bound) * unit))
