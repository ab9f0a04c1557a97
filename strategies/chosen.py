"""Strategies by name: ``NAME[:key=value,...]`` -> Strategy."""

from __future__ import annotations

import importlib
from functools import cache

from strategies import STRATEGIES
from strategies.errors import StrategyError
from strategies.strategy import Strategy
from workloads.errors import nearest


@cache
def strategy_named(name: str) -> Strategy:
    """A strategy of the catalogue, all parameters at their defaults.

    >>> strategy_named("fold").summary
    'batch norms folded into the convolution or matrix product before them'
    """
    if name not in STRATEGIES:
        raise StrategyError(f"strategy: '{name}' is not one; `boardless strategies` lists them; {nearest(name, STRATEGIES)}")
    module, _, attribute = STRATEGIES[name].partition(":")
    found: Strategy = getattr(importlib.import_module(module), attribute)
    assert found.name == name
    return found


def read_strategy(text: str | Strategy) -> Strategy:
    """A strategy as the command line writes it.

    >>> read_strategy("quantize:dtype=int8").values["dtype"]
    'int8'

    Raises
    ------
    StrategyError
        An unknown name or parameter (with the nearest), a parameter given twice, a value that is none.
    """
    if isinstance(text, Strategy):
        return text
    name, colon, choices = text.strip().partition(":")
    strategy = strategy_named(name)
    given: dict[str, str] = {}
    for entry in choices.split(",") if colon else ():
        key, equals, value = (part.strip() for part in entry.partition("="))
        if not (key and equals and value) or key in given:
            raise StrategyError(f"strategy '{name}': '{entry}' in '{text}'; KEY=VALUE is expected, each key once")
        given[key] = value
    return strategy.with_values(**given)


def strategy_list() -> list[Strategy]:
    """All strategies of the catalogue, by name."""
    return [strategy_named(name) for name in sorted(STRATEGIES)]
