"""Quantities as written on a data sheet, brought to SI: the only unit conversion of the project.

The unit library (pint) reads our own short definition file ``units.txt``. It takes a sixth of a second to import, more than reading
a whole device, so what it said about a unit is kept in the user's cache folder under a digest of everything the answer depends on:
the definition file, this file and the library's version. A kept answer can therefore not outlive what it was made from.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import math
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwmodels.errors import UnitError

DEFINITIONS = Path(__file__).with_name("units.txt")

#: Dimension name -> what it is measured in; these are the SI units that values are brought to.
DIMENSIONS: dict[str, str] = {
    "number": "",
    "time": "second",
    "energy": "joule",
    "power": "joule/second",
    "potential": "volt",
    "capacity": "byte",
    "bandwidth": "byte/second",
    "frequency": "cycle/second",
    "energy per byte": "joule/byte",
    "energy per word": "joule/word",
    "energy per MAC": "joule/mac",
    "energy per operation": "joule/operation",
    "energy per cycle": "joule/cycle",
    "time per byte": "second/byte",
    "cycles per byte": "cycle/byte",
    "cycles": "cycle",
    "words": "word",
    "words per cycle": "word/cycle",
    "flop per cycle": "flop/cycle",
    "arithmetic rate": "flop/second",
    "operation rate": "operation/second",
}

#: A value that shows how the dimension is written, for messages and templates.
EXAMPLES: dict[str, str] = {
    "number": "1.5", "time": "120 ns", "energy": "0.6 pJ", "power": "1.2 W", "potential": "3.3 V", "capacity": "256 KiB",
    "bandwidth": "25.6 GB/s", "frequency": "1.5 GHz", "energy per byte": "8 pJ/bit", "energy per word": "1.2 pJ/word",
    "energy per MAC": "0.6 pJ/MAC", "energy per operation": "0.1 pJ/op", "energy per cycle": "0.28 mW/MHz",
    "time per byte": "16 ns/B", "cycles per byte": "0.26 cycles/B", "cycles": "8 cycles", "words": "224 words",
    "words per cycle": "4 words/cycle", "flop per cycle": "8 flop/cycle", "arithmetic rate": "472 Gflop/s",
    "operation rate": "4 Top/s",
}  # fmt: skip

_NUMBER = r"[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*(.*?)\s*", re.DOTALL)
_UNIT_WORDS = re.compile(r"[A-Za-zµμ%]+(?:\s*[/*]\s*[A-Za-zµμ%]+){0,3}")
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in SI units and its dimension.

    >>> parse("25.6 GB/s")
    Quantity(value=25600000000.0, dimension='byte/second')
    """

    value: float
    dimension: str

    def times_clock(self, frequency_hz: float) -> Quantity:
        """A value per cycle of a clock, as one per second; others are returned as they are."""
        if not self.dimension.endswith("/cycle"):
            return self
        return Quantity(self.value * frequency_hz, self.dimension.removesuffix("cycle") + "second")


def parse(text: str) -> Quantity:
    """Read a number and its unit.

    Raises
    ------
    UnitError
        No number, a number that is not finite, an unknown unit.

    >>> parse("256 KiB").value, parse("8 pJ/bit").value
    (262144.0, 6.4e-11)
    """
    match = _QUANTITY.fullmatch(text) if len(text) <= LONGEST_TEXT else None
    if match is None:
        raise UnitError(f"'{_short(text)}' is no quantity; a finite number and a unit are expected, e.g. '25.6 GB/s'")
    number, unit = float(match[1].replace("_", "")), match[2]
    if unit and not _UNIT_WORDS.fullmatch(unit):
        raise UnitError(
            f"'{_short(text)}' has the unit '{_short(unit)}'; unit names joined by '/' or '*' are expected, e.g. 'pJ/B'"
        )
    factor, dimension = _memory().unit(re.sub(r"\s+", "", unit)) if unit else (1.0, "")
    # A decimal product keeps what was written: 0.6 pJ is the float next to 6e-13, not 6.000000000000001e-13.
    value = float(f"{number * factor:.15g}")
    if not math.isfinite(value):
        raise UnitError(f"'{_short(text)}' is not finite; a finite number is expected")
    return Quantity(value, dimension)


def to_si(text: str, dimension: str, clock_hz: float | None = None) -> float:
    """The SI value of ``text``, which must have the named dimension.

    Parameters
    ----------
    text : str
        Number and unit, e.g. ``"32 B/cycle"``.
    dimension : str
        A name of :data:`DIMENSIONS`.
    clock_hz : float, optional
        Clock that turns a value per cycle into one per second [Hz].

    >>> to_si("32 B/cycle", "bandwidth", clock_hz=200e6)
    6400000000.0
    """
    wanted, example = DIMENSIONS[dimension], EXAMPLES[dimension]
    quantity = parse(text)
    if quantity.dimension == wanted:
        return quantity.value
    if quantity.dimension == wanted.replace("/second", "/cycle"):
        if clock_hz is None:
            raise UnitError(f"'{text}' is per cycle; the clock is expected beside it: {{value: {text}, clock: UNIT}}")
        return quantity.times_clock(clock_hz).value
    if not quantity.dimension:
        raise UnitError(f"'{text}' has no unit; a value with a unit of {dimension} is expected, e.g. '{example}'")
    if not wanted:
        raise UnitError(f"'{text}' has a unit ({quantity.dimension}); a plain number is expected, e.g. '{example}'")
    raise UnitError(f"'{text}' is in {quantity.dimension}; a value of {dimension} is expected, e.g. '{example}'")


class _Memory:
    """What the unit library said about each unit, kept from run to run."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.known: dict[str, tuple[float, str]] = {}
        if path is not None and path.is_file():
            self.known = _read_kept(path)

    def unit(self, name: str) -> tuple[float, str]:
        """Factor to SI and dimension of a unit."""
        if name not in self.known:
            self.known[name] = _ask_library(name)
            if self.path is not None:
                _keep(self.path, self.known)
        return self.known[name]


def _read_kept(path: Path) -> dict[str, tuple[float, str]]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): (float(factor), str(dimension)) for name, (factor, dimension) in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _keep(path: Path, known: dict[str, tuple[float, str]]) -> None:
    """Write beside, then rename; a folder that cannot be written costs speed only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as beside:
            json.dump(known, beside, sort_keys=True)
        os.replace(beside.name, path)
    except OSError:
        return


@functools.cache
def _memory() -> _Memory:
    digest = hashlib.sha256(DEFINITIONS.read_bytes() + Path(__file__).read_bytes())
    digest.update(importlib.metadata.version("pint").encode())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return _Memory(home / "boardless" / "units" / f"{digest.hexdigest()[:20]}.json")


@functools.cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(str(DEFINITIONS), cache_folder=None)


def _ask_library(name: str) -> tuple[float, str]:
    """Factor and dimension of a unit from the library; ``joule/second`` style, numerator and denominator sorted."""
    registry = _registry()
    try:
        base = registry.Quantity(1, registry.parse_units(name)).to_base_units()
    except Exception as problem:  # the library has many ways to say that it cannot read a text
        raise UnitError(f"unit '{name}' is not known; {_hint(name)}") from problem
    parts = sorted((dimension.strip("[]"), power) for dimension, power in base.dimensionality.items())
    above = [_WRITTEN.get(d, d) for d, power in parts for _ in range(int(power))]
    below = [_WRITTEN.get(d, d) for d, power in parts for _ in range(int(-power))]
    return float(base.magnitude), "*".join(above) + "".join(f"/{unit}" for unit in below)


_WRITTEN = {"time": "second", "energy": "joule", "potential": "volt"}


def _hint(name: str) -> str:
    if re.search(r"\bK[A-Z]", name):
        return "kilo is written k (1000) or Ki (1024), e.g. 'kB' or 'KiB'"
    return "units such as B, KiB, GB/s, MHz, ns, pJ, mW, cycle, word, flop, op, MAC are expected"


def with_article(noun: str) -> str:
    """The noun with its article.

    >>> with_article("energy"), with_article("capacity")
    ('an energy', 'a capacity')
    """
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."
