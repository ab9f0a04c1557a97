"""Settings that only some units understand: refused where no unit of a run does, left out with a warning where another one does."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from boardless.errors import UsageError
from boardless.settings import Settings
from hwmodels.device import ArrayUnit, ComputeUnit, CpuUnit
from hwmodels.runtime import load_runtime


class Party(NamedTuple):
    """A device by name, and the unit of it that a run is asked of."""

    device: str
    unit: ComputeUnit


class _Demand(NamedTuple):
    """A setting, whether a unit understands it, and what it wants in words."""

    understood: Callable[[ComputeUnit], bool]
    wanted: str


def suited(chosen: Settings, party: Party, parties: Sequence[Party]) -> Settings:
    """The settings without those that this party's unit does not understand.

    Raises
    ------
    UsageError
        A setting that no unit of the run understands.
    """
    dropped: dict[str, Any] = {}
    for name, demand in _demands(chosen).items():
        if demand.understood(party.unit):
            continue
        value = getattr(chosen, name)
        said = f"--{name}{'' if value is True else f': {value!r}'}"
        if not any(demand.understood(other.unit) for other in parties):
            raise UsageError(f"{said}; unit '{party.unit.name}' of {party.device} is not {demand.wanted}; leave --{name} out")
        warnings.warn(f"{said} ignored on {party.device}, whose unit '{party.unit.name}' is not {demand.wanted}", stacklevel=4)
        dropped[name] = Settings.__dataclass_fields__[name].default
    return replace(chosen, **dropped)


def _demands(chosen: Settings) -> Mapping[str, _Demand]:
    """Demands of the settings that were given."""
    demands: dict[str, _Demand] = {}
    for name in ("dataflow", "mapping", "hypothetical"):
        if getattr(chosen, name):
            demands[name] = _Demand(lambda unit: isinstance(unit, ArrayUnit), "an array")
    if chosen.timing != "default":
        demands["timing"] = _Demand(lambda unit: unit.kind == "systolic", "a systolic array")
    if chosen.threads is not None and chosen.threads > 1:
        demands["threads"] = _Demand(lambda unit: isinstance(unit, CpuUnit), "a CPU of several cores")
    if chosen.runtime is not None:
        kinds = load_runtime(chosen.runtime).kinds
        demands["runtime"] = _Demand(lambda unit: unit.kind in kinds, f"of a kind that runs it ({', '.join(kinds)})")
    return demands
