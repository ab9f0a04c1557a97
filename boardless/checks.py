"""Checks a user asks of an answer: ``--fail-over latency=50ms``, ``--require-fit``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from boardless import formats
from boardless.errors import UsageError
from hwmodels.units import to_si
from sim.results import Estimate
from workloads.errors import nearest

#: Memory kinds that together are a chip's working memory.
ON_CHIP = ("tcm", "sram", "scratchpad")
KINDS = ("sram", "flash", "dram", "external_ram")


class Limit(NamedTuple):
    """A figure and the most it may be, in SI units."""

    name: str
    unit: str
    most: float


def limits(texts: Iterable[str], estimates: Iterable[Estimate]) -> list[Limit]:
    """Read ``latency=50ms``, ``energy=1mJ``, ``sram=256KiB``, ``flash=1MiB`` or ``LEVEL=SIZE``.

    ``sram`` stands for all working memory of a chip (TCM, SRAM, scratchpad), any other kind for all memories of the kind; the name
    of a memory of the device stands for that one.
    """
    levels = {name for estimate in estimates for name in estimate.memory}
    return [read_limit("--fail-over", text, levels) for text in texts]


def read_limit(option: str, text: str, levels: Iterable[str], more: Mapping[str, str] | None = None) -> Limit:
    """One ``NAME=VALUE``.

    Parameters
    ----------
    option : str
        For messages.
    levels : iterable of str
        Memories that may be named.
    more : Mapping of str to str, optional
        Further figures and their units; ``""`` for a plain number.
    """
    units = {"latency": "s", "energy": "J", **(more or {})}
    known = [*units, *KINDS, *sorted({*levels} - {*KINDS})]
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value:
        raise UsageError(f"{option}: '{text}'; NAME=VALUE is expected, e.g. latency=50ms; known: {', '.join(known)}")
    if name not in known:
        raise UsageError(
            f"{option}: '{name}' is no figure of this answer; one of {', '.join(known)} is expected; {nearest(name, known)}"
        )
    unit = units.get(name, "B")
    return Limit(name, unit, _value(option, text, value, unit))


def failures(estimate: Estimate, asked: Iterable[Limit], *, require_fit: bool = False) -> list[str]:
    """What this answer fails, one line each; empty when every check holds."""
    failed = []
    for limit in asked:
        value = figure(estimate, limit.name)
        if value is None:
            failed.append(
                f"{estimate.device}: {limit.name} is not known, so it is not within {formats.by_unit(limit.most, limit.unit)}"
            )
        elif value > limit.most:
            failed.append(
                f"{estimate.device}: {limit.name} {formats.by_unit(value, limit.unit)} > {formats.by_unit(limit.most, limit.unit)}"
            )
    if require_fit and not estimate.fits:
        failed += [f"{estimate.device}: does not fit: {entry}" for entry in estimate.shortfalls]
    return failed


def figure(estimate: Estimate, name: str) -> float | None:
    """The figure a limit speaks of [s, J or B]; None where it is not known."""
    if name in ("latency", "energy"):
        return estimate.latency_s if name == "latency" else estimate.energy_j
    if name in estimate.memory:
        return estimate.memory[name].peak_bytes
    kinds = ON_CHIP if name == "sram" else (name,)
    return sum(use.peak_bytes for use in estimate.memory.values() if use.kind in kinds)


def _value(option: str, text: str, value: str, unit: str) -> float:
    try:
        return to_si(value, {"s": "time", "J": "energy", "B": "capacity"}[unit]) if unit else float(value)
    except ValueError as error:
        raise UsageError(f"{option}: '{text}'; {error}") from None
