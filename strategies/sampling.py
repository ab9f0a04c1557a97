"""Sampler: a library's sampler (optuna) over numbered choices, asked for candidates in fixed batches.

Candidates of one batch are asked for before any of them is answered and answers are told in the order of asking, so that the
candidates depend on the seed and the batch alone, not on how many workers answer them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strategies.errors import StrategyError
from workloads.errors import nearest

SAMPLERS = ("nsga2", "tpe", "random")


class Sampler:
    """Candidates of a space of choices, each a value below its number of choices.

    Parameters
    ----------
    choices : Mapping of str to int
        Choice -> number of values.
    objectives : int
        Figures to make small.
    sampler : str
        ``nsga2`` (Deb et al. 2002), ``tpe`` (Bergstra et al. 2011) or ``random``.
    seed, batch : int
        Seed, and candidates asked for at once (the population of ``nsga2``).

    Raises
    ------
    StrategyError
        An unknown sampler.

    Examples
    --------
    >>> sampler = Sampler({"x": 8, "y": 4}, 1, "random", seed=1, batch=3)
    >>> len(sampler.ask(3))
    3
    >>> sampler.tell([[1.0], None, [0.5]], [0.0, 0.0, 0.0])
    """

    def __init__(
        self, choices: Mapping[str, int], objectives: int, sampler: str = "nsga2", *, seed: int = 0, batch: int = 16
    ) -> None:
        import optuna

        if sampler not in SAMPLERS:
            raise StrategyError(f"sampler: '{sampler}'; one of {', '.join(SAMPLERS)} is expected; {nearest(sampler, SAMPLERS)}")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.choices = dict(choices)
        self.failed = optuna.trial.TrialState.FAIL
        self.study = optuna.create_study(directions=["minimize"] * objectives, sampler=_library_sampler(sampler, seed, batch))
        self._asked: list[Any] = []

    def ask(self, count: int) -> list[dict[str, int]]:
        """Some candidates: choice -> value."""
        self._asked = [self.study.ask() for _ in range(count)]
        return [{name: trial.suggest_int(name, 0, values - 1) for name, values in self.choices.items()} for trial in self._asked]

    def tell(self, figures: Sequence[Sequence[float] | None], violations: Sequence[float]) -> None:
        """The figures of the candidates asked for last, in that order; None where there is no answer.

        ``violations`` are 0 where a candidate is allowed, and grow with what is missing elsewhere.
        """
        for trial, values, violation in zip(self._asked, figures, violations, strict=True):
            trial.set_user_attr("violation", violation)
            if values is None:
                self.study.tell(trial, state=self.failed)
            else:
                self.study.tell(trial, list(values))
        self._asked = []


def _violation(trial: Any) -> Sequence[float]:
    return (trial.user_attrs.get("violation", 1.0),)


def _library_sampler(name: str, seed: int, batch: int) -> Any:
    import warnings

    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constraints are marked experimental by the library
        if name == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed, population_size=max(2, batch), constraints_func=_violation)
        if name == "tpe":
            return optuna.samplers.TPESampler(seed=seed, constraints_func=_violation, multivariate=True)
        return optuna.samplers.RandomSampler(seed=seed)
