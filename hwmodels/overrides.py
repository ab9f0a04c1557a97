"""``--set FIELD=VALUE``: one field of a device changed for one run, by its path in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwmodels.document import Entry, leaves, nearest, value_entry
from hwmodels.errors import DeviceFileError
from hwmodels.fields import Table
from hwmodels.schema import SECTIONS, UNIT_KINDS, DeviceFields, Fields, fields_of, type_of

SOURCE = "command line"
#: Fields of the device itself that may be changed.
SETTABLE = ("energy_scope", "host")


def as_mapping(overrides: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """``["a.b=1"]`` or ``{"a.b": "1"}`` as a mapping of path to text.

    >>> as_mapping(["units.array.shape=[16,16]"])
    {'units.array.shape': '[16,16]'}
    """
    if isinstance(overrides, Mapping):
        return {str(path): str(value) for path, value in overrides.items()}
    found: dict[str, str] = {}
    for text in overrides:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise DeviceFileError(
                f"--set {text}: no '=' stood there; FIELD=VALUE is expected, e.g. 'memories.sram.capacity=256 KiB'"
            )
        found[path.strip()] = value.strip()
    return found


def apply(root: Entry, path: str, text: str) -> None:
    """Replace one value of the tree.

    Raises
    ------
    DeviceFileError
        No such field; the nearest paths are named.
    """
    where = f"--set {path}={text}"
    holder, name = _holder(root, path, where)
    entry = value_entry(text, where)
    old = holder.fields.get(name)
    for _, leaf in leaves(entry):
        leaf.source, leaf.status, leaf.origin = None, "assumed", SOURCE
        if leaf.clock is None and old is not None:
            leaf.clock = old.clock
    entry.status, entry.origin = "assumed", SOURCE
    holder.fields[name] = entry


def _holder(root: Entry, path: str, where: str) -> tuple[Entry, str]:
    """The mapping that holds the field, and the field's name there."""
    if path not in (known := known_paths(root)):
        raise DeviceFileError(f"{where}: the device has no field '{path}'; a path of its file is expected; {nearest(path, known)}")
    *way, name = path.split(".")
    here = root
    for step in way:
        if step not in here.fields:  # a mapping that the file leaves out, e.g. `bus_words_per_cycle`
            here.fields[step] = Entry(where, 0, {})
        here = here.fields[step]
    return here, name


def known_paths(root: Entry) -> set[str]:
    """Every path that may be set: the fields of each thing the file names, present or left out."""
    paths = {name for name in SETTABLE if name in fields_of(DeviceFields)}
    for section in ("units", *SECTIONS):
        for name, entry in _things(root, section):
            model = _model(section, entry)
            if model is None:
                continue
            for field, info in fields_of(model).items():
                paths.add(f"{section}.{name}.{field}")
                paths.update(f"{section}.{name}.{field}.{key}" for key in _keys(entry, field, type_of(info)))
    return paths


def _things(root: Entry, section: str) -> list[tuple[str, Entry]]:
    entry = root.fields.get(section)
    if entry is None or not isinstance(entry.content, dict):
        return []
    return [(name, thing) for name, thing in entry.content.items() if isinstance(thing.content, dict)]


def _model(section: str, entry: Entry) -> type[Fields] | None:
    if section != "units":
        return SECTIONS[section]
    kind = entry.fields.get("kind")
    return UNIT_KINDS.get(kind.content) if kind is not None and isinstance(kind.content, str) else None


def _keys(entry: Entry, field: str, kind: object) -> list[str]:
    if not isinstance(kind, Table):
        return []
    table = entry.fields.get(field)
    present = list(table.content) if table is not None and isinstance(table.content, dict) else []
    return [*present, *kind.keys]
