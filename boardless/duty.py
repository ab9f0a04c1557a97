"""``--every`` and ``--battery``: what a period and a battery are, and what an estimate means under them."""

from __future__ import annotations

from dataclasses import asdict, replace

from boardless.errors import UsageError
from hwmodels.costs.power import battery_joules
from hwmodels.device import Device
from hwmodels.errors import UnitError
from hwmodels.units import parse
from sim.duty_cycle import duty_cycle
from sim.results import Estimate


def seconds_of(text: str) -> float:
    """A period in seconds.

    >>> seconds_of("10s"), seconds_of("1 min")
    (10.0, 60.0)
    """
    return _quantity("--every", text, "second", "a time above 0, e.g. 10s")


def joules_of(text: str) -> float:
    """Energy of a battery: its charge times its voltage.

    >>> joules_of("1000mAh@3V")
    10800.0
    """
    charge, at, voltage = text.partition("@")
    if not at:
        raise UsageError(f"--battery: '{text}'; charge and voltage are expected, e.g. 1000mAh@3V")
    return battery_joules(
        _quantity("--battery", charge, "joule/volt", "a charge above 0, e.g. 1000mAh"),
        _quantity("--battery", voltage, "volt", "a voltage above 0, e.g. 3V"),
    )


def with_duty_cycle(answer: Estimate, device: Device) -> Estimate:
    """The estimate with ``average_w`` and ``days`` where its settings name a period."""
    period = answer.settings.get("every_s")
    if period is None:
        return answer
    battery = answer.settings.get("battery_j")
    cycle = duty_cycle(answer, device, period, battery)
    parts = {name: value for name, value in asdict(cycle).items() if name not in ("average_w", "days", "missing")}
    extra = {"average_w": cycle.average_w, "days": cycle.days, "duty_cycle": parts}
    missing = [entry for entry in cycle.missing if entry.field != "days" or battery is not None]
    if battery is None:
        del extra["days"]
    return replace(answer, extra={**answer.extra, **extra}, missing=(*answer.missing, *missing))


def _quantity(option: str, text: str, dimension: str, expected: str) -> float:
    try:
        found = parse(text.strip())
    except UnitError as problem:
        raise UsageError(f"{option}: '{text}': {problem}; {expected} is expected") from None
    if found.value <= 0 or found.dimension != dimension:
        raise UsageError(f"{option}: '{text}'; {expected} is expected; write the number with its unit")
    return found.value
