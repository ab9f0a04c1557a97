"""How quantities are printed: 3.2 ms, 512 KiB, 41 µJ.

Decimal prefixes for seconds, joules, counts and rates; binary prefixes for memory. Three significant digits unless an exact
integer is shorter. What is not known prints as an en dash, never as 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

NOT_KNOWN = "–"

_DECIMAL = (
    (1e15, "P"),
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
    (1e-12, "p"),
    (1e-15, "f"),
)
_BINARY = ((2**50, "PiB"), (2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))

#: What the words of a result mean to a reader.
METHODS = {"closed_form": "closed form", "events": "event simulation", "measured": "measured"}


def digits(value: float, significant: int = 3) -> str:
    """A plain number of at least three significant digits, without an exponent.

    >>> digits(3.14159), digits(1234.4), digits(99.96), digits(0.0)
    ('3.14', '1,234', '100', '0')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    exponent = int(f"{value:.{significant - 1}e}".partition("e")[2])  # of the rounded value: 99.96 is 100
    return f"{value:,.{max(0, significant - 1 - exponent)}f}"


def quantity(value: float | None, unit: str, significant: int = 3) -> str:
    """A value with a decimal prefix.

    >>> quantity(0.0032, "s"), quantity(41e-6, "J"), quantity(25.6e9, "B/s"), quantity(None, "J"), quantity(1234.5, "days")
    ('3.20 ms', '41.0 µJ', '25.6 GB/s', '–', '1,234 days')
    """
    if value is None:
        return NOT_KNOWN
    if value == 0 or not math.isfinite(value) or unit == "days":
        return f"{digits(value)} {unit}".rstrip()
    magnitude = abs(float(f"{value:.{significant - 1}e}"))
    scale, prefix = next(((s, p) for s, p in _DECIMAL if magnitude >= s), _DECIMAL[-1])
    return f"{digits(value / scale, significant)} {prefix}{unit}".rstrip()


def seconds(value: float | None) -> str:
    """A duration; from two minutes on in minutes, hours, days.

    >>> seconds(0.041), seconds(3.5e-7), seconds(300.0), seconds(7200.0)
    ('41.0 ms', '350 ns', '5.00 min', '2.00 h')
    """
    if value is not None and abs(value) >= 120:
        for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
            if abs(value) >= 2 * size or unit == "min":
                return f"{digits(value / size)} {unit}"
    return quantity(value, "s")


def joules(value: float | None) -> str:
    """An energy.

    >>> joules(0.14)
    '140 mJ'
    """
    return quantity(value, "J")


def size(value: float | None) -> str:
    """Memory in binary units; exact below one KiB and where it comes out even.

    >>> size(524288), size(13951264), size(17), size(None)
    ('512 KiB', '13.3 MiB', '17 B', '–')
    """
    if value is None:
        return NOT_KNOWN
    for scale, unit in _BINARY:
        if abs(value) >= scale:
            return f"{value // scale:,.0f} {unit}" if value % scale == 0 else f"{digits(value / scale)} {unit}"
    return f"{value:,.0f} B"


def count(value: float | None) -> str:
    """A count with a decimal prefix; exact below ten thousand.

    >>> count(300774272), count(512), count(0)
    ('301 M', '512', '0')
    """
    if value is None:
        return NOT_KNOWN
    return f"{value:,.0f}" if abs(value) < 10000 and value == int(value) else quantity(value, "")


def share(value: float | None) -> str:
    """A share as a percentage; what is there but below half a tenth says so.

    >>> share(0.613), share(1.0), share(11.484), share(0.0002), share(0.0)
    ('61.3 %', '100 %', '1,148 %', '<0.1 %', '0 %')
    """
    if value is None:
        return NOT_KNOWN
    if value == 0 or value >= 0.9995:
        return f"{value * 100:,.0f} %"
    return "<0.1 %" if 0 < value < 0.0005 else f"{value * 100:.1f} %"


def by_unit(value: float | None, unit: str) -> str:
    """A value printed as its unit is printed: ``s``, ``J``, ``B`` and everything else.

    >>> by_unit(4096, "B"), by_unit(1.5e-3, "s"), by_unit(12, "cycle"), by_unit(0.25, "")
    ('4 KiB', '1.50 ms', '12 cycle', '0.250')
    """
    if unit == "s":
        return seconds(value)
    if unit == "B":
        return size(value)
    if unit in ("J", "W"):
        return quantity(value, unit)
    if value is not None and unit in ("", "1"):
        return f"{value:,.0f}" if value == int(value) else digits(value)
    if value is not None and abs(value) < 10000 and value == int(value):
        return f"{value:,.0f} {unit}"
    return quantity(value, unit if "/" not in unit or not unit[0].isdigit() else f" {unit}")


def said(value: object) -> str:
    """Any value in a few words: numbers of three digits, mappings as ``name value``.

    >>> said(0.98765), said({"m": 4, "p": 2}), said("direct")
    ('0.988', 'm 4, p 2', 'direct')
    """
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:,.0f}" if value == int(value) else digits(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {said(entry)}" for name, entry in value.items())
    if isinstance(value, tuple | list):
        return " x ".join(said(entry) for entry in value)
    return str(value)
