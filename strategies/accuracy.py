"""Accuracy losses as the user measured them: carried along with recipes, never guessed."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path

from strategies.chosen import read_strategy
from strategies.errors import StrategyError
from strategies.strategy import Strategy

#: Columns of the table.
COLUMNS = ("strategies", "accuracy_loss")


def read_accuracy(path: str | PathLike[str]) -> dict[str, float]:
    """Recipe -> accuracy loss [percentage points], from a CSV table.

    Columns ``strategies`` (as the command line writes them, joined by blanks; empty: the plain network) and ``accuracy_loss``;
    others are ignored. Values at their defaults may be left out or written.

    Raises
    ------
    StrategyError
        A missing column, an unknown strategy, a loss that is no number, a recipe given twice.
    """
    file = Path(path)
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened)
            names = reader.fieldnames or []
            missing = [column for column in COLUMNS if column not in names]
            if missing:
                raise StrategyError(f"{file}: columns {', '.join(names) or 'none'}; {' and '.join(COLUMNS)} are expected")
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise StrategyError(f"{file}: cannot be read; a table of {', '.join(COLUMNS)} is expected; {error}") from None
    found: dict[str, float] = {}
    for line, row in enumerate(rows, start=2):
        recipe = recipe_of(read_strategy(text) for text in (row["strategies"] or "").split())
        try:
            loss = float(row["accuracy_loss"])
        except (TypeError, ValueError):
            loss = math.nan
        if not math.isfinite(loss):
            raise StrategyError(f"{file}:{line}: accuracy_loss {row['accuracy_loss']!r}; a finite number is expected")
        if recipe in found:
            raise StrategyError(f"{file}:{line}: '{recipe}' is there twice; each recipe once is expected")
        found[recipe] = loss
    return found


def recipe_of(strategies: Iterable[Strategy]) -> str:
    """A list of strategies as one text, with every value that is not the default.

    >>> recipe_of([read_strategy("fuse"), read_strategy("quantize:dtype=int8"), read_strategy("quantize:dtype=int4")])
    'fuse quantize quantize:dtype=int4'
    """
    return " ".join(_short(strategy) for strategy in strategies)


def loss_of(table: Mapping[str, float], strategies: Iterable[Strategy]) -> float | None:
    """The measured loss of a list of strategies; ``None`` where the table has none.

    Strategies that promise the same function (fold, fuse, trim, reorder, swap, code without shared values) lose nothing by
    themselves and are left out where the table does not name them.
    """
    listed = list(strategies)
    if recipe_of(listed) in table:
        return table[recipe_of(listed)]
    changing = [strategy for strategy in listed if not exact(strategy)]
    if not changing:
        return table.get("", 0.0)
    return table.get(recipe_of(changing))


def exact(strategy: Strategy) -> bool:
    """True for a strategy that leaves every result as it is, up to rounding."""
    return strategy.exact and not (strategy.name == "code" and strategy.given.get("values"))


def _short(strategy: Strategy) -> str:
    defaults = {p.name: p.default for p in strategy.parameters}
    given = {name: text for name, text in strategy.given.items() if strategy.values[name] != defaults[name]}
    return strategy.with_only(given).spec
