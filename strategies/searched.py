"""The search across levels: which strategies, with which parameters, make one network fit one device's budgets best.

A recipe is one option of each choice, in a fixed order. Few recipes are all tried, each start of a recipe once; of many a library's
sampler asks for some, in batches, and what strategies have to decide inside (orders, tiles, residents) they decide exactly.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strategies.accuracy import exact, loss_of
from strategies.chosen import read_strategy
from strategies.errors import StrategyError
from strategies.problem import Problem
from strategies.sampling import Sampler
from strategies.strategy import Strategy

#: Recipes that are all tried; of more a sampler asks for some.
ALL_TRIED = 600
#: Candidates a sampler asks for, at once and in all.
BATCH, TRIALS = 16, 240

#: One option: strategies in order; the empty one leaves things as they are.
Option = tuple[Strategy, ...]
#: Figures of a problem in SI units, budgets among them; None where one is not known.
Figures = Mapping[str, float | None]
Evaluate = Callable[[Problem], tuple[Figures, Any]]


@dataclass(frozen=True)
class Choice:
    """One decision of a recipe.

    Attributes
    ----------
    once : bool
        True where its options take long: they are tried once for all starts of recipes that come to the same figures.
    """

    name: str
    options: tuple[Option, ...]
    once: bool = False


@dataclass(frozen=True)
class Candidate:
    """A recipe that was tried.

    Attributes
    ----------
    recipe : tuple of str
        Strategies as the command line writes them.
    figures : Mapping
        Latency, energy and so on; the figures that budgets speak of.
    accuracy_loss : float or None
        From the user's table [percentage points]; None where it is not there.
    excess : Mapping of str to float
        Budget, or memory of the device -> what is needed over what is allowed, where it is above 1 (infinite: not known).
    answer : object
        What the figures were taken from.
    """

    recipe: tuple[str, ...]
    figures: Figures
    accuracy_loss: float | None
    excess: Mapping[str, float]
    answer: Any = field(default=None, compare=False, repr=False)

    @property
    def feasible(self) -> bool:
        """True where it keeps every budget and fits the device."""
        return not self.excess

    @property
    def distance(self) -> float:
        """Worst excess as a factor; 1 where it is feasible."""
        return max(self.excess.values(), default=1.0)


@dataclass(frozen=True)
class Found:
    """What a search has tried.

    Attributes
    ----------
    candidates : tuple of Candidate
        In the order of trying, each outcome once.
    recipes : int
        Size of the space.
    exhaustive : bool
        True where all of it was tried.
    refused : Mapping of str to int
        Why recipes could not be applied, and how many.
    """

    candidates: tuple[Candidate, ...]
    recipes: int
    exhaustive: bool
    refused: Mapping[str, int]

    def front(self, objectives: Sequence[str]) -> list[Candidate]:
        """Feasible candidates that no other beats, by the first objective; of equal ones the shortest recipe.

        A candidate whose figure is not known is left out where the figure is asked for.
        """
        known = [c for c in self.candidates if c.feasible and all(c.figures.get(name) is not None for name in objectives)]
        ranked = sorted(known, key=lambda c: (*_values(c, objectives), len(c.recipe), c.recipe))
        kept: list[Candidate] = []
        for candidate in ranked:
            values = _values(candidate, objectives)
            if not any(all(a <= b for a, b in zip(_values(other, objectives), values, strict=True)) for other in kept):
                kept.append(candidate)
        return kept

    def nearest(self) -> Candidate | None:
        """Of candidates that are not feasible the one whose worst excess is least."""
        known = [c for c in self.candidates if not c.feasible]
        return min(known, key=lambda c: (c.distance, len(c.recipe), c.recipe), default=None)

    def binding(self) -> list[str]:
        """Limits that no candidate keeps; where each is kept by some, those that the nearest candidate breaks, the worst first."""
        broken = [set(c.excess) for c in self.candidates]
        never = sorted(set.intersection(*broken)) if broken else []
        nearest = self.nearest()
        return never or ([] if nearest is None else sorted(nearest.excess, key=lambda name: (-nearest.excess[name], name)))


def _values(candidate: Candidate, objectives: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(candidate.figures[name] or 0.0) for name in objectives)


def choices_of(problem: Problem, extra: Sequence[Strategy] = (), *, room: Mapping[str, float] | None = None) -> list[Choice]:
    """The decisions for a problem: what changes the function, then what leaves it as it is, in an order that can be applied.

    Parameters
    ----------
    problem : Problem
        Its accuracy table adds its recipes; without one int8 is offered to float networks.
    extra : sequence of Strategy
        Strategies the user adds, each as a choice of its own.
    room : Mapping of str to float, optional
        Memory kind -> bytes that may be used: what patches and swapping aim at.
    """
    settled = [strategy for strategy in extra if strategy.settles]
    early = [strategy for strategy in extra if not strategy.settles]
    names = {strategy.spec for strategy in early}
    found = [Choice("fold", ((), (read_strategy("fold"),))), Choice("network", _networks(problem))]
    found += [Choice(strategy.spec, ((), (strategy,))) for strategy in early]
    found += [Choice(spec, ((), (read_strategy(spec),))) for spec in ("fuse", "trim", "reorder") if spec not in names]
    found.append(Choice("memory", _memories(problem, settled, room or {}), once=True))
    return [choice for choice in found if len(choice.options) > 1]


def _networks(problem: Problem) -> tuple[Option, ...]:
    """The network as it is, the recipes of the accuracy table, and int8 where there is no table."""
    options: list[Option] = [()]
    for recipe in problem.accuracy:
        changing = tuple(strategy for strategy in map(read_strategy, recipe.split()) if not exact(strategy))
        if changing and changing not in options:
            options.append(changing)
    if not problem.accuracy:
        options.append((read_strategy("quantize:dtype=int8"),))
    return tuple(options)


def _memories(problem: Problem, extra: Sequence[Strategy], room: Mapping[str, float]) -> tuple[Option, ...]:
    """Ways to need less of the working memory: as it is, what the user names, patches, swapping."""
    options: list[Option] = [(), *((strategy,) for strategy in extra)]
    for spec in offers(problem, room):
        try:
            strategy = read_strategy(spec)
        except StrategyError:
            continue
        if (strategy,) not in options:
            options.append((strategy,))
    return tuple(options)


def offers(problem: Problem, room: Mapping[str, float]) -> list[str]:
    """Strategies that trade time for working memory on this device, as the command line writes them."""
    kinds = {level.kind for level in problem.device.memories.values()}
    aim = f"limit={_size(int(room['sram']))}" if math.isfinite(room.get("sram", math.inf)) else ""
    found = [f"patch:{aim}", f"depth_first:{aim}"] if aim else []
    if "flash" in kinds:
        found += [":".join(("swap", ",".join(filter(None, (f"to={storage}", aim))))) for storage in ("flash", "sd")]
    if "external_ram" in kinds:
        found.append("swap:to=psram")
    return found


def _size(size_bytes: int) -> str:
    """Bytes as the command line writes them.

    >>> _size(262144), _size(1000)
    ('256KiB', '1000B')
    """
    return f"{size_bytes // 1024}KiB" if size_bytes % 1024 == 0 else f"{size_bytes}B"


def search(
    problem: Problem,
    choices: Sequence[Choice],
    evaluate: Evaluate,
    budgets: Mapping[str, float],
    objectives: Sequence[str],
    *,
    seed: int = 0,
    trials: int = TRIALS,
    all_tried: int = ALL_TRIED,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Try recipes: all of them where they are few, else those a sampler asks for.

    Parameters
    ----------
    evaluate : callable
        Problem -> figures (budgets and objectives by name, and ``excess`` of memories as ``fits:NAME``) and what they come from.
    budgets : Mapping of str to float
        Figure -> the most it may be; ``accuracy_loss`` among them.
    objectives : sequence of str
        Figures to make small.
    """
    total = math.prod(len(choice.options) for choice in choices)
    tried = _Tried(problem, choices, evaluate, budgets)
    if total <= all_tried:
        for done, places in enumerate(itertools.product(*(range(len(choice.options)) for choice in choices)), 1):
            tried.candidate(places)
            if progress is not None:
                progress(done, total)
    else:
        for done in _sampled(tried, choices, objectives, seed, trials):
            if progress is not None:
                progress(done, trials)
    return Found(tuple(tried.distinct()), total, total <= all_tried, dict(tried.refused))


def _sampled(tried: _Tried, choices: Sequence[Choice], objectives: Sequence[str], seed: int, trials: int) -> Iterator[int]:
    counts = {choice.name: len(choice.options) for choice in choices}
    sampler = Sampler(counts, len(objectives), "nsga2", seed=seed, batch=BATCH)
    tried.candidate([0] * len(choices))
    for done in range(0, trials, BATCH):
        asked = sampler.ask(min(BATCH, trials - done))
        candidates = [tried.candidate([chosen[choice.name] for choice in choices]) for chosen in asked]
        sampler.tell(
            [_told(candidate, objectives) for candidate in candidates],
            [0.0 if c is not None and c.feasible else c.distance if c is not None else 1e9 for c in candidates],
        )
        yield min(done + BATCH, trials)


def _told(candidate: Candidate | None, objectives: Sequence[str]) -> list[float] | None:
    if candidate is None or any(candidate.figures.get(name) is None for name in objectives):
        return None
    return list(_values(candidate, objectives))


class _Tried:
    """Candidates by their places in the choices; every start of a recipe is applied once."""

    def __init__(
        self, problem: Problem, choices: Sequence[Choice], evaluate: Evaluate, budgets: Mapping[str, float]
    ) -> None:  # fmt: skip
        self.choices, self.evaluate, self.budgets = choices, evaluate, budgets
        self.refused: dict[str, int] = {}
        self._problems: dict[tuple[int, ...], Problem | str] = {(): problem}
        self._outcomes: dict[Any, tuple[int, ...]] = {}  # figures -> the first start of a recipe that came to them
        self._same: dict[tuple[int, ...], tuple[int, ...]] = {}  # where an option changed nothing: the recipe without it
        self._candidates: dict[tuple[int, ...], Candidate | None] = {}

    def candidate(self, places: Sequence[int]) -> Candidate | None:
        """The candidate of one option per choice; None where a strategy refuses."""
        return self._rated(self._shortest(tuple(places)))

    def _rated(self, key: tuple[int, ...]) -> Candidate | None:
        """The candidate of a whole recipe, evaluated once."""
        if key not in self._candidates:
            self._candidates[key] = self._evaluated(key)
        return self._candidates[key]

    def _shortest(self, key: tuple[int, ...]) -> tuple[int, ...]:
        """The recipe without the options that change nothing where they stand."""
        for length in range(1, len(key) + 1):
            if self.choices[length - 1].once and key[length - 1]:
                key = self._first_alike(key[: length - 1]) + key[length - 1 :]
            start = key[:length]
            self._applied(start)
            key = self._same.get(start, start) + key[length:]
        return key

    def _first_alike(self, start: tuple[int, ...]) -> tuple[int, ...]:
        """The first start of a recipe that comes to the same figures as this one, with nothing done after it."""
        candidate = self._rated(start + (0,) * (len(self.choices) - len(start)))
        if candidate is None:
            return start
        outcome = (len(start), *candidate.figures.items(), candidate.accuracy_loss, *candidate.excess.items())
        return self._outcomes.setdefault(outcome, start)

    def distinct(self) -> list[Candidate]:
        """All candidates, of those with equal figures and excesses the one with the shortest recipe."""
        kept: dict[Any, Candidate] = {}
        for candidate in self._candidates.values():
            if candidate is None:
                continue
            outcome = (*candidate.figures.items(), candidate.accuracy_loss, *candidate.excess.items())
            held = kept.get(outcome)
            if held is None or (len(candidate.recipe), candidate.recipe) < (len(held.recipe), held.recipe):
                kept[outcome] = candidate
        return list(kept.values())

    def _evaluated(self, key: tuple[int, ...]) -> Candidate | None:
        problem = self._applied(key)
        if isinstance(problem, str):
            self.refused[problem] = self.refused.get(problem, 0) + 1
            return None
        try:
            figures, answer = self.evaluate(problem)
        except ValueError as error:
            self.refused[str(error)] = self.refused.get(str(error), 0) + 1
            return None
        strategies = [step.strategy for step in problem.steps]
        loss = loss_of(problem.accuracy, strategies) if problem.accuracy else 0.0 if all(map(exact, strategies)) else None
        full = {**figures, "accuracy_loss": loss}
        excess = {name.removeprefix("fits:"): value for name, value in figures.items() if name.startswith("fits:") and value}
        excess |= {name: over for name, most in self.budgets.items() if (over := _excess(full.get(name), most)) > 1}
        plain = {name: value for name, value in figures.items() if not name.startswith("fits:")}
        return Candidate(problem.recipe, plain, loss, excess, answer)

    def _applied(self, key: tuple[int, ...]) -> Problem | str:
        """The problem after the options of a start of the choices, or why it cannot be."""
        if key in self._problems:
            return self._problems[key]
        before = self._applied(key[:-1])
        if isinstance(before, str):
            return before
        problem: Problem | str = before
        try:
            for strategy in self.choices[len(key) - 1].options[key[-1]]:
                assert not isinstance(problem, str)
                problem = strategy.apply(problem)
        except ValueError as error:
            problem = str(error)
        if key[-1] and not isinstance(problem, str) and problem.graph == before.graph and problem.plan == before.plan:
            self._same[key] = (*key[:-1], 0)
        self._problems[key] = problem
        return problem


def _excess(value: float | None, most: float) -> float:
    """What is needed over what is allowed; infinite where it is not known or nothing is allowed.

    >>> _excess(3.0, 2.0), _excess(1.0, 2.0), _excess(None, 2.0)
    (1.5, 0.5, inf)
    """
    if value is None:
        return math.inf
    if value <= most:
        return min(1.0, value / most) if most > 0 else 1.0
    return value / most if most > 0 else math.inf
