"""What runs beside a network: ``--with NETWORK[:every=33ms,priority=2,deadline=33ms]`` and ``--stream NAME:bytes=640,every=20ms``.

Memory is given out in the order of the command line: what the network asked about does not use is left to the first companion, and
so on; streams take two buffers each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from boardless.errors import UsageError
from boardless.settings import Settings
from hwmodels.costs.interrupts import interrupt_seconds
from hwmodels.device import Device
from hwmodels.units import to_si
from sim.durations import whole_picoseconds
from sim.parties import Party, Stream
from sim.schedule import Schedule
from sim.trace import PICOSECONDS
from workloads.errors import nearest

#: Choices of a companion, and what they are; the last five are settings of its own run.
WITH_KEYS = {
    "every": "time", "deadline": "time", "priority": "integer", "on": "name", "name": "name", "unit": "name", "runtime": "name",
    "dtype": "name", "threads": "integer", "batch": "integer",
}  # fmt: skip
SETTINGS_KEYS = ("unit", "runtime", "dtype", "threads", "batch")

#: Choices of a stream.
STREAM_KEYS = {
    "bytes": "capacity", "every": "time", "deadline": "time", "interrupt": "time", "priority": "integer", "memory": "name",
    "unit": "name",
}  # fmt: skip

_SPEC = re.compile(r"(?P<name>.+?)(?::(?P<choices>\w+=.*))?", re.DOTALL)


@dataclass(frozen=True)
class Spec:
    """A name and its choices, as written."""

    option: str
    text: str
    name: str
    choices: Mapping[str, Any]


def read_spec(option: str, text: str, keys: Mapping[str, str]) -> Spec:
    """``NAME:key=value,...`` with times and sizes in SI units.

    >>> dict(read_spec("--with", "lenet5:every=33ms,priority=2", WITH_KEYS).choices)
    {'every': 0.033, 'priority': 2}
    """
    match = _SPEC.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{option}: '{text}'; NAME:KEY=VALUE,... is expected; keys are {', '.join(keys)}")
    choices: dict[str, Any] = {}
    for entry in (match["choices"] or "").split(",") if match["choices"] else ():
        key, equals, value = (part.strip() for part in entry.partition("="))
        if key not in keys:
            raise UsageError(f"{option}: '{key}' in '{text}'; one of {', '.join(keys)} is expected; {nearest(key, keys)}")
        if not equals or not value or key in choices:
            raise UsageError(f"{option}: '{entry}' in '{text}'; KEY=VALUE is expected, each key once")
        choices[key] = _value(option, text, value, keys[key])
    return Spec(option, text, match["name"], choices)


def _value(option: str, text: str, value: str, kind: str) -> Any:
    if kind == "name":
        return value
    if kind == "integer":
        if not re.fullmatch(r"[+-]?\d+", value):
            raise UsageError(f"{option}: '{value}' in '{text}'; a whole number is expected")
        return int(value)
    if kind == "capacity" and re.fullmatch(r"\d+", value):
        return float(value)
    try:
        return to_si(value, kind)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def parties_of(
    main: Schedule, texts: Sequence[str], chosen: Settings, lowered: Callable[[str, Device, Settings], Schedule]
) -> list[Party]:
    """The network asked about, and its companions, each lowered onto the memory that is left.

    Parameters
    ----------
    lowered : callable
        Gives the schedule of a network by name or path on a device under settings.
    """
    parties = [Party(main.graph.name, main)]
    device = _without(main.device, main)
    for text in texts:
        spec = read_spec("--with", text, WITH_KEYS)
        own = {key: spec.choices[key] for key in SETTINGS_KEYS if key in spec.choices}
        settings = Settings(set=chosen.set, devices=chosen.devices, networks=chosen.networks, seed=chosen.seed, **own)
        schedule = lowered(spec.name, device, settings)
        device = _without(device, schedule)
        parties.append(
            Party(
                str(spec.choices.get("name") or _unused(schedule.graph.name, parties)),
                schedule,
                _picoseconds(spec, "every"),
                spec.choices.get("priority", 0),
                _picoseconds(spec, "deadline"),
                spec.choices.get("on"),
            )
        )
    return parties


def streams_of(parties: Sequence[Party], texts: Sequence[str]) -> list[Stream]:
    """The streams, each with a memory that has room for two blocks."""
    device = parties[0].schedule.device
    for party in parties:
        device = _without(device, party.schedule)
    found = []
    for text in texts:
        spec = read_spec("--stream", text, STREAM_KEYS)
        for key in ("bytes", "every"):
            if key not in spec.choices:
                raise UsageError(f"--stream: '{text}' has no {key}; NAME:bytes=640,every=20ms is expected")
        unit = str(spec.choices.get("unit", parties[0].schedule.plan.unit))
        size = int(spec.choices["bytes"])
        memory = str(spec.choices.get("memory") or _room(spec, device, parties[0].schedule, size))
        default = (
            interrupt_seconds(device.units[unit].frequency_hz) if unit in device.units and device.units[unit].kind == "mcu" else 0.0
        )
        interrupt = whole_picoseconds(spec.choices.get("interrupt", default), spec.name)
        stream = Stream(
            spec.name, size, _picoseconds(spec, "every") or 0, memory, unit, interrupt, spec.choices.get("priority"),
            _picoseconds(spec, "deadline"),
        )  # fmt: skip
        found.append(stream)
        if memory in device.memories:
            device = _less(device, {memory: 2 * size})
    return found


def _picoseconds(spec: Spec, key: str) -> int | None:
    if key not in spec.choices:
        return None
    value = spec.choices[key]
    if value <= 0 or round(value * PICOSECONDS) < 1:
        raise UsageError(f"{spec.option}: {key} of '{spec.text}' is not above 0; a time of at least 1 ps is expected")
    return whole_picoseconds(value, spec.name)


def _unused(name: str, parties: Sequence[Party]) -> str:
    """A name that no other network of the run has."""
    taken = [party.name for party in parties]
    return next(other for number in range(1, len(taken) + 2) if (other := name if number == 1 else f"{name}_{number}") not in taken)


def _without(device: Device, schedule: Schedule) -> Device:
    """The device with the memory that is left beside a network."""
    return _less(device, {name: use.peak_bytes for name, use in schedule.placement.memory.items()})


def _less(device: Device, taken: Mapping[str, int]) -> Device:
    memories = {
        name: level
        if level.capacity_bytes is None
        else replace(level, capacity_bytes=max(0, level.capacity_bytes - taken.get(name, 0)))
        for name, level in device.memories.items()
    }
    return replace(device, memories=memories)


def _room(spec: Spec, device: Device, schedule: Schedule, size: int) -> str:
    """First memory of activations with room for two blocks."""
    names = schedule.units[schedule.plan.unit].activations_in
    free = {name: device.memories[name].capacity_bytes for name in names}
    for name, room in free.items():
        if room is None or 2 * size <= room:
            return name
    held = ", ".join(f"{name} {room:,} B" for name, room in free.items())
    raise UsageError(
        f"--stream: '{spec.text}' needs two buffers of {size:,} B; free beside the networks: {held}; smaller blocks or another "
        "memory=NAME are expected"
    )
