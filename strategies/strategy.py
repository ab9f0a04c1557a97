"""Strategy: something that can be done to a network on a device, by name and with parameters; and lists of them, applied in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from strategies.errors import StrategyError
from strategies.parameters import Parameter
from strategies.problem import Problem, Step
from workloads.errors import nearest

#: (problem, parameters by name) -> (changed problem, what changed in one line).
Change = Callable[..., tuple[Problem, str]]


@dataclass(frozen=True)
class Strategy:
    """A strategy, with the parameters that were given.

    Attributes
    ----------
    name : str
        As on the command line.
    summary : str
        One line.
    change : callable
        ``change(problem, **parameters) -> (problem, what changed)``.
    parameters : tuple of Parameter
    touches : str
        ``graph`` or ``plan``: what it changes.
    settles : bool
        True where its plan speaks of the operators as they are now, so that nothing may change the network afterwards.
    exact : bool
        True where every result of the network stays as it is, up to rounding; what others cost in accuracy is for the user to say.
    given : Mapping of str to str
        Parameter -> value as written; those that are absent have their defaults.

    Examples
    --------
    >>> def halved(problem, rows):
    ...     return problem, f"{rows} rows at a time"
    >>> rows = Parameter("rows", "count", 2, "rows at a time")
    >>> Strategy("strips", "in strips", halved, (rows,)).with_values(rows="4").spec
    'strips:rows=4'
    """

    name: str
    summary: str
    change: Change = field(repr=False)
    parameters: tuple[Parameter, ...] = ()
    touches: str = "graph"
    settles: bool = False
    exact: bool = False
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def spec(self) -> str:
        """Name and given parameters, as the command line writes them; parameters in the order of their declaration."""
        choices = ",".join(f"{p.name}={self.given[p.name]}" for p in self.parameters if p.name in self.given)
        return f"{self.name}:{choices}" if choices else self.name

    @property
    def values(self) -> dict[str, Any]:
        """Value of every parameter, in SI units."""
        return {p.name: p.read(self.name, self.given[p.name]) if p.name in self.given else p.default for p in self.parameters}

    def with_values(self, **given: Any) -> Strategy:
        """The strategy with some parameters given, checked.

        Raises
        ------
        StrategyError
            A parameter it does not have, a value that is none, one that is missing.
        """
        known = [p.name for p in self.parameters]
        for name in given:
            if name not in known:
                has = f"it has {', '.join(known)}; {nearest(name, known)}" if known else "it has none"
                raise StrategyError(f"strategy '{self.name}': parameter '{name}'; {has}")
        written = {**self.given, **{name: _written(value) for name, value in given.items()}}
        made = replace(self, given=written)
        made.values  # noqa: B018  # every value is read once, so that a wrong one is refused here
        for p in self.parameters:
            if p.required and p.name not in written:
                raise StrategyError(f"strategy '{self.name}': {p.name} is missing; write {self.name}:{p.name}=... ({p.summary})")
        return made

    def with_only(self, given: Mapping[str, str]) -> Strategy:
        """The strategy with these values and no others, which have been checked before."""
        return replace(self, given=dict(given))

    def apply(self, problem: Problem) -> Problem:
        """The problem after this strategy, with one line on what changed.

        Raises
        ------
        StrategyError
            A problem it cannot be applied to: name, reason, what must come before.
        """
        settled = next((step for step in problem.steps if step.strategy.settles), None)
        if settled is not None and self.touches == "graph":
            raise StrategyError(
                f"strategy '{self.name}': '{settled.strategy.name}' speaks of the network as it stands then; {self.name} changes the "
                f"network and must come before it; write --strategy {self.spec} --strategy {settled.spec}"
            )
        changed, statement = self.change(problem, **self.values)
        return changed.replace(steps=(*problem.steps, Step(self, statement)))

    def refuse(self, reason: str) -> StrategyError:
        """The error that it cannot be applied, with the reason."""
        return refusal(self.name, reason)


def refusal(name: str, reason: str) -> StrategyError:
    """The error that a strategy cannot be applied, with the reason and what must come before."""
    return StrategyError(f"strategy '{name}': {reason}")


def apply_all(problem: Problem, strategies: Iterable[Strategy]) -> Problem:
    """The problem after all strategies, one after the other."""
    for strategy in strategies:
        problem = strategy.apply(problem)
    return problem


def _written(value: Any) -> str:
    """A value as the command line writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "+".join(str(part) for part in value)
    return str(value)
