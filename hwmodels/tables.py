"""The fields of device files, and one device in full, as rows for people: what ``boardless devices`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwmodels.device import Device
from hwmodels.schema import SECTIONS, UNIT_KINDS, DeviceFields, Fields, UnitFields, fields_of, type_of


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a device file."""

    section: str  # "", "units (cpu)", "memories", ...
    field: str
    dimension: str
    default: str  # "required", "-" where nothing is assumed, else the value
    meaning: str


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One value of a device."""

    path: str
    value: str  # as written, number and unit
    status: str
    source: str


def field_table() -> tuple[FieldRow, ...]:
    """Every field of a device file with its dimension, default and meaning; fields all units share stand once.

    >>> [row.dimension for row in field_table() if row.field == "frequency"]
    ['frequency']
    """
    rows = _rows_of("", DeviceFields) + _rows_of("units (all kinds)", UnitFields)
    models: dict[type[UnitFields], list[str]] = {}
    for kind, unit_model in UNIT_KINDS.items():
        models.setdefault(unit_model, []).append(kind)
    for unit_model, kinds in models.items():
        rows += _rows_of(f"units ({', '.join(kinds)})", unit_model, leave_out=tuple(fields_of(UnitFields)))
    for section, model in SECTIONS.items():
        rows += _rows_of(section, model)
    return tuple(rows)


def describe_device(device: Device) -> tuple[ValueRow, ...]:
    """Every value of a device as written, with status and source, in the order of its units, memories, links and states.

    >>> from hwmodels.reader import load_device
    >>> rows = describe_device(load_device("eyeriss_v1"))
    >>> [row.value for row in rows if row.path == "units.array.shape"]
    ['[12, 14]']
    """
    order = {f"{section}.{name}": i for i, (section, name) in enumerate(_things(device))}
    rows = [ValueRow(path, s.as_written, str(s.status), s.citation) for path, s in device.sources.items()]
    return tuple(sorted(rows, key=lambda row: (order.get(".".join(row.path.split(".")[:2]), len(order)), row.path)))


def _things(device: Device) -> list[tuple[str, str]]:
    sections = (("units", device.units), ("memories", device.memories), ("links", device.links), ("power", device.power))
    return [(section, name) for section, things in sections for name in things]


def _rows_of(section: str, model: type[Fields], leave_out: tuple[str, ...] = ()) -> list[FieldRow]:
    return [
        FieldRow(section, name, type_of(info).dimension, _default(info.default, info.is_required()), info.description or "")
        for name, info in fields_of(model).items()
        if name not in leave_out
    ]


def _default(value: Any, required: bool) -> str:
    if required:
        return "required"
    if value is None or value in ("", (), {}):
        return "-"
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
