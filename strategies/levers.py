"""What would make a network fit: every change to its memory that can be asked for, tried and priced."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dataflows.footprint import Lever, Shortfall
from sim.estimate import estimate
from sim.results import Estimate
from sim.schedule import Schedule
from strategies import STRATEGIES
from strategies.chosen import read_strategy
from strategies.problem import Problem
from strategies.strategy import apply_all

#: Strategies that lower the need for memory, as the command line writes them, with what is free of parameters first. A limit is
#: given where the strategy comes below it without one.
CANDIDATES = (
    "reorder",
    "quantize:dtype=int8",
    "patch",
    "patch:limit={limit}B",
    "depth_first",
    "recompute",
)

#: Moves to a larger memory: from a microcontroller's, from others'.
MOVES = {"mcu": ("swap:to=sd",)}
OTHER_MOVES = ("swap:to=host",)

#: Plans of moves are searched where no more than so much is held in all [B], and in so many times the memory that it moves through:
#: larger ones take minutes.
MOVABLE_BYTES, MOVABLE_TIMES = 4 * 2**20, 8

#: Strategies that price many runs, and the operators up to which they are tried here: larger networks take many seconds.
SEARCHES = {"patch": 200, "depth_first": 110}

#: Stands for the room that the short memory has.
LIMIT = "{limit}"

#: Added to another lever where neither alone is enough.
FIRST = "quantize:dtype=int8"


@dataclass(frozen=True)
class Tried:
    """One recipe, and what a run of it takes."""

    recipe: str
    estimate: Estimate


def candidates_for(schedule: Schedule) -> tuple[str, ...]:
    """What is worth trying for a run: all candidates, searches and moves only where they take seconds."""
    left = set(_left_out(schedule))
    return tuple(recipe for recipe in (*CANDIDATES, *moves_for(schedule)) if recipe not in left)


def _left_out(schedule: Schedule) -> list[str]:
    """Recipes that would take long for this run."""
    operators = len(schedule.graph.operators)
    long = [recipe for recipe in CANDIDATES if operators > SEARCHES.get(recipe.partition(":")[0], operators)]
    return long + ([] if _movable(schedule) else list(moves_for(schedule)))


def moves_for(schedule: Schedule) -> tuple[str, ...]:
    """Strategies that move blocks to a larger memory."""
    return MOVES.get(schedule.units[schedule.plan.unit].kind, OTHER_MOVES)


def _movable(schedule: Schedule) -> bool:
    unit, memory = schedule.units[schedule.plan.unit], schedule.placement.memory
    near = max((memory[name].capacity_bytes or 0 for name in unit.activations_in if name in memory), default=0)
    held = sum(use.peak_bytes for use in memory.values())
    return held <= min(MOVABLE_BYTES, MOVABLE_TIMES * near)


def untried(schedule: Schedule, shortfalls: Sequence[Shortfall]) -> tuple[str, ...]:
    """What was left out because it takes minutes, in words."""
    left = [recipe for recipe in _left_out(schedule) if LIMIT not in recipe and recipe.partition(":")[0] in STRATEGIES]
    if not shortfalls or schedule.plan.swap is not None or not left:
        return ()
    return (f"levers: {', '.join(left)} not tried, planning takes long for a network of this size; --strategy {left[0]} tries it",)


def with_levers(
    schedule: Schedule, shortfalls: Sequence[Shortfall], candidates: Iterable[str] | None = None
) -> tuple[Shortfall, ...]:
    """The shortfalls with a lever for each strategy of the catalogue that lowers the need, least need first.

    Parameters
    ----------
    schedule : Schedule
        The run that does not fit.
    shortfalls : sequence of Shortfall
    candidates : iterable of str or None
        Recipes to try, :func:`candidates_for` the run by default; those of strategies that do not exist are left out, those that cannot
        be applied as well.
    """
    if not shortfalls or schedule.plan.swap is not None:
        return tuple(shortfalls)
    quiet = replace(schedule.plan, levers=False)
    problem = Problem(schedule.graph, schedule.device, quiet, seed=schedule.plan.seed)
    limit = _activation_room(schedule, shortfalls)
    asked = candidates_for(schedule) if candidates is None else candidates
    tried: list[Tried] = []
    for recipe in dict.fromkeys(recipe for recipe in asked if recipe.partition(":")[0] in STRATEGIES):
        if LIMIT not in recipe or _comes_below(tried, recipe.partition(":")[0], shortfalls):
            found = _tried(problem, (recipe.replace(LIMIT, str(limit)),))
            tried += [found] if found is not None else []
    if not any(found.estimate.fits for found in tried):
        best = min(
            (one for one in tried if one.recipe not in (FIRST, "reorder")),
            key=lambda one: _short_bytes(one, shortfalls),
            default=None,
        )
        if best is not None and any(one.recipe == FIRST for one in tried) and _short_bytes(best, shortfalls) < _gap(shortfalls):
            both = _tried(problem, (FIRST, best.recipe))
            tried += [both] if both is not None else []
    return tuple(_with(entry, tried) for entry in shortfalls)


def _tried(problem: Problem, recipe: Sequence[str]) -> Tried | None:
    """A recipe applied and priced; ``None`` where it cannot be."""
    try:
        return Tried(" ".join(recipe), estimate(apply_all(problem, map(read_strategy, recipe)).schedule()))
    except ValueError:
        return None


def _with(entry: Shortfall, tried: Iterable[Tried]) -> Shortfall:
    """A shortfall with the levers that lower it; those counted before keep their place unless tried anew."""
    found = {lever.strategy: lever for lever in entry.levers}
    for one in tried:
        needed, first = _need(one, entry), found.get(one.recipe.partition(" ")[0])
        if needed < (entry.needed_bytes if first is None or " " not in one.recipe else first.needed_bytes):
            found[one.recipe] = Lever(one.recipe, needed, one.estimate.latency_s)
    return replace(entry, levers=tuple(sorted(found.values(), key=lambda lever: (lever.needed_bytes, lever.strategy))))


def _gap(shortfalls: Sequence[Shortfall]) -> int:
    """Bytes that are short in all [B]."""
    return sum(entry.missing_bytes for entry in shortfalls)


def _short_bytes(one: Tried, shortfalls: Sequence[Shortfall]) -> int:
    """Bytes that are still short under a recipe [B]."""
    return sum(max(0, _need(one, entry) - entry.capacity_bytes) for entry in shortfalls)


def _comes_below(tried: Iterable[Tried], name: str, shortfalls: Sequence[Shortfall]) -> bool:
    """True where the strategy without parameters closes the gap of some memory."""
    return any(one.recipe == name and _need(one, entry) <= entry.capacity_bytes for one in tried for entry in shortfalls)


def _need(one: Tried, entry: Shortfall) -> int:
    """What the short memory must hold under a recipe [B]."""
    use = one.estimate.memory.get(entry.level)
    return use.peak_bytes if use is not None else 0


def _activation_room(schedule: Schedule, shortfalls: Sequence[Shortfall]) -> int:
    """Bytes that the short memory has for activations, at least one [B]."""
    for entry in shortfalls:
        use = schedule.placement.memory[entry.level]
        if use.activations_bytes:
            return max(1, entry.capacity_bytes - use.weights_bytes - use.overhead_bytes)
    return max(1, shortfalls[0].capacity_bytes)
