"""Types of the fields of a device file: how each is read from an entry, and what it says it expects.

Each type stands in the annotation of a field (``Annotated[float, Quantity("bandwidth")]``); the validation library calls ``read``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, PlainValidator

from hwmodels import units
from hwmodels.document import Entry, nearest
from hwmodels.errors import UnitError


class Misfit(ValueError):
    """A value that does not fit its field: what stood there; what is expected. Knows the entry, hence the line."""

    def __init__(self, entry: Entry, text: str) -> None:
        super().__init__(text)
        self.entry = entry


@dataclass(frozen=True)
class FieldType:
    """A field type: reads one entry into a Python value or raises :class:`Misfit`."""

    def read(self, entry: Entry) -> Any:
        """The value of an entry."""
        raise NotImplementedError

    @property
    def expects(self) -> str:
        """What the field takes, in words."""
        raise NotImplementedError

    @property
    def dimension(self) -> str:
        """Name of the dimension, for the table of fields."""
        return self.expects

    @property
    def needs_source(self) -> bool:
        """True for values that must say where they come from."""
        return False

    @property
    def structural(self) -> bool:
        """True for choices of whoever wrote the file (names, kinds, marks), which no document vouches for."""
        return False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return PlainValidator(self.read).__get_pydantic_core_schema__(source, handler)

    def refuse(self, entry: Entry, hint: str = "") -> Misfit:
        """The error for a value of the wrong sort."""
        return Misfit(entry, f"{entry.as_written!r} stood here; {self.expects} is expected" + (f"; {hint}" if hint else ""))

    def text(self, entry: Entry) -> str:
        """The entry as one scalar."""
        if not isinstance(entry.content, str):
            raise self.refuse(entry)
        return entry.content


@dataclass(frozen=True)
class Text(FieldType):
    """A name or a sentence."""

    structural = True
    expects = "text"
    longest: int = 400

    def read(self, entry: Entry) -> str:
        text = " ".join(self.text(entry).split())
        if len(text) > self.longest:
            raise Misfit(entry, f"{len(text)} characters stood here; text of at most {self.longest} is expected")
        return text


@dataclass(frozen=True)
class Choice(FieldType):
    """One of a few names."""

    structural = True
    names: tuple[str, ...]

    @property
    def expects(self) -> str:
        return "one of " + ", ".join(self.names)

    @property
    def dimension(self) -> str:
        return " | ".join(self.names)

    def read(self, entry: Entry) -> str:
        text = self.text(entry)
        if text not in self.names:
            raise self.refuse(entry, nearest(text, self.names))
        return text


@dataclass(frozen=True)
class Flag(FieldType):
    """true or false."""

    structural = True
    expects = "true or false"

    def read(self, entry: Entry) -> bool:
        text = self.text(entry).lower()
        if text not in ("true", "false"):
            raise self.refuse(entry)
        return text == "true"


@dataclass(frozen=True)
class Count(FieldType):
    """A whole number without unit."""

    lowest: int = 1
    highest: int = 2**40

    @property
    def expects(self) -> str:
        return f"a whole number >= {self.lowest}"

    @property
    def dimension(self) -> str:
        return "count"

    def read(self, entry: Entry) -> int:
        text = self.text(entry)
        digits = text.removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 15 and self.lowest <= int(digits) <= self.highest):
            raise self.refuse(entry)
        return int(digits)


@dataclass(frozen=True)
class Quantity(FieldType):
    """A number with a unit, brought to SI.

    Attributes
    ----------
    kinds : tuple of str
        Names of :data:`hwmodels.units.DIMENSIONS` it may have; the first is the one it is given in.
    lowest : float
        Smallest value allowed [SI].
    above : bool
        True where the smallest value itself is not allowed.
    """

    kinds: tuple[str, ...]
    lowest: float = 0.0
    above: bool = False
    highest: float = math.inf
    whole: bool = False

    @property
    def expects(self) -> str:
        return f"{units.with_article(self.kinds[0])} such as '{units.EXAMPLES[self.kinds[0]]}'"

    @property
    def dimension(self) -> str:
        return " or ".join(self.kinds)

    @property
    def needs_source(self) -> bool:
        return True

    def read(self, entry: Entry) -> float | int:
        text = self.text(entry)
        try:
            value = self._converted(text, entry)
        except UnitError as problem:
            raise Misfit(entry, str(problem)) from None
        bound = ">" if self.above else ">="
        if value < self.lowest or (self.above and value == self.lowest) or value > self.highest:
            top = f" and <= {self.highest:g}" if math.isfinite(self.highest) else ""
            raise Misfit(
                entry, f"'{text}' stood here; {units.with_article(self.kinds[0])} {bound} {self.lowest:g}{top} is expected"
            )
        if self.whole and value != int(value):
            raise Misfit(entry, f"'{text}' stood here; a whole number of {units.DIMENSIONS[self.kinds[0]]}s is expected")
        return int(value) if self.whole else value

    def _converted(self, text: str, entry: Entry) -> float:
        quantity = units.parse(text)
        for kind in self.kinds:
            if quantity.dimension == units.DIMENSIONS[kind]:
                return quantity.value
        return units.to_si(text, self.kinds[0], entry.clock_hz)


@dataclass(frozen=True)
class AnyQuantity(FieldType):
    """A number with whatever unit it has, brought to SI: named parameters of a model."""

    expects = "a number, with its unit where it has one"
    dimension = "any"
    needs_source = True

    def read(self, entry: Entry) -> float:
        text = self.text(entry)
        try:
            return units.parse(text).value
        except UnitError as problem:
            raise Misfit(entry, str(problem)) from None


@dataclass(frozen=True)
class Names(FieldType):
    """A list of names."""

    structural = True
    known: tuple[str, ...] = ()

    @property
    def expects(self) -> str:
        return "a list of names" + (f" out of {', '.join(self.known)}" if self.known else "")

    @property
    def dimension(self) -> str:
        return "names"

    def read(self, entry: Entry) -> tuple[str, ...]:
        items = [entry] if isinstance(entry.content, str) else entry.content
        if not isinstance(items, list):
            raise self.refuse(entry)
        names: list[str] = []
        for item in items:
            if not isinstance(item.content, str) or (self.known and item.content not in self.known):
                hint = nearest(item.content, self.known) if isinstance(item.content, str) else ""
                raise self.refuse(item, hint)
            if item.content in names:
                raise Misfit(item, f"'{item.content}' stood here a second time; each name once is expected")
            names.append(item.content)
        return tuple(names)


@dataclass(frozen=True)
class Shape(FieldType):
    """[rows, columns]."""

    expects = "[rows, columns], two whole numbers from 1 to 65536,"
    dimension = "count x count"

    def read(self, entry: Entry) -> tuple[int, int]:
        if not isinstance(entry.content, list) or len(entry.content) != 2:
            raise self.refuse(entry)
        rows, columns = (self._side(entry, item) for item in entry.content)
        return rows, columns

    def _side(self, entry: Entry, item: Entry) -> int:
        try:
            return int(Count(1, 65536).read(item))
        except Misfit:
            raise self.refuse(entry) from None


@dataclass(frozen=True)
class Table(FieldType):
    """A mapping of names to values of one type."""

    of: FieldType
    keys: tuple[str, ...] = ()

    @property
    def expects(self) -> str:
        return f"a mapping of names to {self.of.expects}"

    @property
    def dimension(self) -> str:
        return f"name: {self.of.dimension}"

    @property
    def needs_source(self) -> bool:
        return self.of.needs_source

    def read(self, entry: Entry) -> Mapping[str, Any]:
        if not isinstance(entry.content, dict):
            raise self.refuse(entry)
        for key, item in entry.content.items():
            if self.keys and key not in self.keys:
                raise Misfit(item, f"unknown name '{key}'; one of {', '.join(self.keys)} is expected; {nearest(key, self.keys)}")
        return {key: self.of.read(item) for key, item in entry.content.items()}


def quantity(*kinds: str, above: bool = False, lowest: float = 0.0, highest: float = math.inf, whole: bool = False) -> Quantity:
    """Short form of :class:`Quantity`."""
    return Quantity(kinds, lowest, above, highest, whole)
