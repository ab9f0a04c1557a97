"""Parameters of strategies: their kinds, how they are written, and how what was written is read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hwmodels.units import to_si
from strategies.errors import StrategyError
from workloads.errors import nearest

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a strategy.

    Attributes
    ----------
    name : str
    kind : str
        ``size`` [B], ``time`` [s], ``share`` (0 to 1, or percent), ``number``, ``count`` (whole, at least 1), ``name``, ``names``
        (joined by ``+``), ``flag``, ``power`` [W], ``clocks`` (joined by ``+``) [Hz].
    default : value or None
        ``None``: it is left open, or must be given where ``required``.
    summary : str
    choices : tuple of str
        The names that are allowed, of kinds ``name`` and ``names``.
    required : bool
    highest : int or None
        Largest value of a ``count``.
    """

    name: str
    kind: str
    default: Any
    summary: str
    choices: tuple[str, ...] = ()
    required: bool = False
    highest: int | None = None

    def read(self, strategy: str, given: Any) -> Any:
        """The value of what was written, in SI units.

        >>> Parameter("limit", "size", None, "").read("patch", "256KiB")
        262144
        """
        try:
            value = READERS[self.kind](given)
        except (ValueError, TypeError):
            raise StrategyError(f"strategy '{strategy}': {self.name}={given}; {EXPECTED[self.kind]} is expected") from None
        if self.highest is not None and value > self.highest:
            raise StrategyError(f"strategy '{strategy}': {self.name}={given}; at most {self.highest:,} is expected")
        if self.choices:
            for name in value if self.kind == "names" else (value,):
                if name not in self.choices:
                    raise StrategyError(
                        f"strategy '{strategy}': {self.name}={given}; one of {', '.join(self.choices)} is expected; "
                        f"{nearest(str(name), self.choices)}"
                    )
        return value


def _quantity(dimension: str) -> Callable[[Any], float]:
    def read(given: Any) -> float:
        value = float(given) if _is_number(given) else to_si(str(given), dimension)
        if not math.isfinite(value) or value < 0:
            raise ValueError
        return value

    return read


def _size(given: Any) -> int:
    return round(_quantity("capacity")(given))


def _share(given: Any) -> float:
    text = str(given).strip()
    value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


def _number(given: Any) -> float:
    value = float(given)
    if not math.isfinite(value):
        raise ValueError
    return value


def _count(given: Any) -> int:
    value = int(str(given))
    if value < 1:
        raise ValueError
    return value


def _flag(given: Any) -> bool:
    word = str(given).lower()
    if word not in (*_TRUE, *_FALSE):
        raise ValueError
    return word in _TRUE


def _name(given: Any) -> str:
    if not str(given):
        raise ValueError
    return str(given)


def _names(given: Any) -> tuple[str, ...]:
    parts = given.split("+") if isinstance(given, str) else [str(part) for part in given]
    if not all(parts):
        raise ValueError
    return tuple(parts)


def _clocks(given: Any) -> tuple[float, ...]:
    parts = given.split("+") if isinstance(given, str) else [str(part) for part in given]
    found = tuple(to_si(part, "frequency") for part in parts)
    if any(clock <= 0 for clock in found):
        raise ValueError
    return found


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) or re.fullmatch(r"[0-9]+", str(given)) is not None


#: Kind of a parameter -> the reader of what was written.
READERS: dict[str, Callable[[Any], Any]] = {
    "size": _size, "time": _quantity("time"), "share": _share, "number": _number, "count": _count, "flag": _flag,
    "name": _name, "names": _names, "power": _quantity("power"), "clocks": _clocks,
}  # fmt: skip

#: Kind of a parameter -> what is expected, in words.
EXPECTED: dict[str, str] = {
    "size": "a size such as 256KiB", "time": "a time such as 20ms", "share": "a share from 0 to 1, or percent such as 50%",
    "number": "a number", "count": "a whole number of at least 1", "flag": "true or false", "name": "a name",
    "names": "names joined by +", "power": "a power such as 1.5W", "clocks": "clocks joined by +, such as 600MHz+1.2GHz",
}  # fmt: skip
