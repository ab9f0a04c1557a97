"""Where the values that a price reads stand, and what their source is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from dataflows.unit_work import UnitWork
from hwmodels.device import Device, GpuUnit
from hwmodels.provenance import Source
from hwmodels.terms import Term
from hwmodels.units import parse
from sim.estimate import dtype_of
from sim.lower import runtime_named
from sim.schedule import Schedule

#: Name, value as a number or as written, unit, citation, status.
Parameter = tuple[str, float | str | None, str, str, str]

_WORD = re.compile(r"[A-Za-z_][\w.]*")
_UNIT = re.compile(r"[-+\d.eE_]+\s*(\D.*)?")


def value_at(device: Device, path: str) -> tuple[str, str]:
    """Citation and status of one value of the device file."""
    source = device.sources.get(path)
    return (source.citation, source.status.value) if source is not None else (f"{path} is not in the device file", "not known")


def parameters_of(schedule: Schedule, work: UnitWork, term: Term) -> list[Parameter]:
    """Every value of a file that the price of a term reads: what the term lists, then what else its formula names."""
    costs, known = _runtime_costs(schedule, work), schedule.device.sources
    words = (word for word in dict.fromkeys(_WORD.findall(term.price)) if word not in term.parameters)
    named = [word for word in words if word in costs or any(path in known for path in _places(schedule, work, term, word))]
    return [_parameter(schedule, work, term, name, costs) for name in (*term.parameters, *named)]


def _runtime_costs(schedule: Schedule, work: UnitWork) -> dict[str, Parameter]:
    """Costs of the runtime that a unit works under, by name."""
    unit = schedule.units.get(work.unit)
    runtime = runtime_named(schedule.plan.runtime if work.unit == schedule.plan.unit else unit.runtime if unit else None)
    if runtime is None:
        return {}
    found = {name: _read(f"runtimes.{runtime.name}.{name}", source) for name, source in runtime.sources.items()}
    architecture = unit.architecture if isinstance(unit, GpuUnit) else ""
    own = runtime.architecture_sources.get(architecture, {})
    return found | {
        name: _read(f"runtimes.{runtime.name}.architectures.{architecture}.{name}", source) for name, source in own.items()
    }


def _parameter(schedule: Schedule, work: UnitWork, term: Term, name: str, costs: Mapping[str, Parameter]) -> Parameter:
    sources = schedule.device.sources
    path = next((path for path in _places(schedule, work, term, name) if path in sources), None)
    if path is not None:
        return _read(path, sources[path])
    return costs.get(name.removeprefix("runtime."), (name, None, "", "the model's default: no file gives it", "assumed"))


def _places(schedule: Schedule, work: UnitWork, term: Term, name: str) -> list[str]:
    """Paths of the device file under which a parameter may stand: below its unit, by element type, at a link."""
    own = f"units.{work.unit}.{name}"
    places = [own, f"{own}.{dtype_of(schedule.graph)}", name, f"links.{work.unit}.{name}"]
    if name.startswith("link."):
        field = name.removeprefix("link.")
        ends = [link.name for link in schedule.device.links.values() if term.phase in (link.name, link.source, link.target)]
        places += [f"links.{link}.{field}" for link in [*ends, *schedule.device.links]]
    return places


def _read(path: str, source: Source) -> Parameter:
    value, unit = _number(source.as_written)
    return (path, value, unit, source.citation, source.status.value)


def _number(as_written: str) -> tuple[float | str, str]:
    """A value as written, as a number in the unit it is written in where it is a plain one.

    >>> _number("1.5 GHz"), _number("[12, 14]")
    ((1500000000.0, 'Hz'), ('[12, 14]', ''))
    """
    match = _UNIT.fullmatch(as_written.strip())
    if match is None:
        return as_written, ""
    try:
        quantity = parse(as_written)
    except ValueError:
        return as_written, ""
    return quantity.value, SHORT.get(quantity.dimension, quantity.dimension)


#: Short forms of the SI units of ``hwmodels.units``.
SHORT = {
    "second": "s", "joule": "J", "joule/second": "W", "byte": "B", "byte/second": "B/s", "cycle/second": "Hz", "joule/byte": "J/B",
    "joule/word": "J/word", "joule/mac": "J/MAC", "joule/operation": "J/operation", "flop/second": "flop/s", "second/byte": "s/B",
}  # fmt: skip
