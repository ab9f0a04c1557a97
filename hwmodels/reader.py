"""Device file -> :class:`~hwmodels.device.Device`: strict, with file and line in every refusal.

A value names its source, or stands in a section that does (``source: NAME``); ``core: NAME`` takes in what a micro-architecture
brings; ``--set`` changes go into the tree before it is checked, so they are held to the same rules as the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from hwmodels import build
from hwmodels.catalog import DEVICES, OVERLAY, device_path, is_path
from hwmodels.citations import as_written, named_sources, source_of
from hwmodels.core_files import take_core
from hwmodels.device import Device
from hwmodels.document import Entry, inherit, leaves, nearest, read_document
from hwmodels.errors import DeviceFileError
from hwmodels.facts import fact_tree, slug
from hwmodels.fields import Misfit, Table
from hwmodels.overlay import lay_over, overlay_beside, read_overlay
from hwmodels.overrides import apply, as_mapping
from hwmodels.provenance import Source, Status
from hwmodels.references import check_references
from hwmodels.schema import (
    FREQUENCY,
    SECTIONS,
    TOP_LEVEL,
    UNIT_KINDS,
    DeviceFields,
    Fields,
    LinkFields,
    MemoryFields,
    PowerFields,
    UnitFields,
    fields_of,
    type_of,
)

#: Citation of names, kinds and marks that are choices of whoever wrote the file.
CHOSEN = "chosen in the device file"

Section = TypeVar("Section", bound=Fields)


def load_device(
    spec: str | Path, overrides: Mapping[str, str] | Sequence[str] = (), extra_paths: Iterable[str | Path] = ()
) -> Device:
    """The device of a catalogue name or a path.

    Parameters
    ----------
    spec : str or Path
        Name of the catalogue, or path of a device file.
    overrides : mapping of path to text, or sequence of "path=text"
        Fields changed for this run; their status is ``assumed``, their source ``command line``.
    extra_paths : iterable of path
        Files and folders added to the catalogue.

    Raises
    ------
    DeviceFileError
        One line: file and line; what stood there; what is expected; the nearest known name.
    """
    changes = as_mapping(overrides)
    root, overlay = _tree(spec, tuple(extra_paths))
    sources = named_sources(root)
    facts = _facts(root)
    inherit(root, None, None)
    if overlay is not None:
        lay_over(root, overlay, changes)
    _apply(root, changes)
    return _device(root, sources, changes, facts)


def _tree(spec: str | Path, extra_paths: tuple[str | Path, ...]) -> tuple[Entry, Entry | None]:
    """The tree of a device, and that of what lies over it."""
    if str(spec).endswith(".csv"):
        raise DeviceFileError(
            f"device: '{spec}' is a table; a device file or a name is expected; --devices {spec} adds its rows by name"
        )
    if isinstance(spec, Path) or is_path(spec):
        if str(spec).endswith(OVERLAY):
            overlay = read_overlay(Path(spec), str(spec))
            return _tree(overlay.fields["device"].as_written, extra_paths)[0], overlay
        return read_document(Path(spec), str(spec)), None
    path = device_path(spec, extra_paths)
    if path.suffix == ".csv":
        return fact_tree(path, slug(spec)), None
    return read_document(path, _shown(path)), _overlay(path) if path.parent == DEVICES else None


def _overlay(path: Path) -> Entry | None:
    beside = overlay_beside(path)
    return None if beside is None else read_overlay(beside, _shown(beside))


def _shown(path: Path) -> str:
    ours = path.parent.name == "devices" and path.parent.parent.name == "hwmodels"
    return f"hwmodels/devices/{path.name}" if ours else str(path)


def _apply(root: Entry, changes: Mapping[str, str]) -> None:
    """A core is chosen first, then it brings its fields, then the other changes are laid over them."""
    chosen = [path for path in changes if path.endswith(".core")]
    for path in chosen:
        apply(root, path, changes[path])
    for unit in _section(root, "units").values():
        take_core(unit)
    for path in changes:
        if path not in chosen:
            apply(root, path, changes[path])


def _device(root: Entry, names: Mapping[str, str], changes: Mapping[str, str], facts: Mapping[str, str]) -> Device:
    head = _head(root)
    _set_clocks(root)
    units = {name: _unit_fields(name, entry) for name, entry in _section(root, "units").items()}
    if not units:
        raise Entry(root.file, root.line, "").error("the device has no section 'units'", "at least one compute unit is expected")
    read = {section: _things(root, section, model) for section, model in SECTIONS.items()}
    sources = _sources(root, names)
    memories = {name: build.memory(name, _as(MemoryFields, fields)) for name, fields in read["memories"].items()}
    device = Device(
        name=head.name,
        summary=head.summary,
        units=MappingProxyType({name: build.unit(name, fields, memories, sources) for name, fields in units.items()}),
        memories=MappingProxyType(memories),
        links=MappingProxyType({name: build.link(name, _as(LinkFields, fields)) for name, fields in read["links"].items()}),
        power=MappingProxyType({name: build.power_state(name, _as(PowerFields, fields)) for name, fields in read["power"].items()}),
        energy_scope=head.energy_scope,
        host=head.host,
        sources=MappingProxyType(dict(sorted(sources.items()))),
        overrides=MappingProxyType(dict(changes)),
        chip=head.chip,
        facts=MappingProxyType(dict(facts)),
    )
    check_references(root, device)
    return device


def _head(root: Entry) -> DeviceFields:
    """The fields of the device itself."""
    for key, entry in root.fields.items():
        if key not in TOP_LEVEL and key not in fields_of(DeviceFields):
            known = (*TOP_LEVEL, *fields_of(DeviceFields))
            raise entry.error(f"unknown key '{key}'", "a key of a device file is expected", nearest(key, known))
    own = {key: entry for key, entry in root.fields.items() if key in fields_of(DeviceFields)}
    return checked(DeviceFields, own, Entry(root.file, root.line, own), "")


def _section(root: Entry, name: str) -> dict[str, Entry]:
    entry = root.fields.get(name)
    return {} if entry is None else entry.fields


def _things(root: Entry, section: str, model: type[Section]) -> dict[str, Section]:
    return {name: checked(model, entry.fields, entry, f"{section}.{name}") for name, entry in _section(root, section).items()}


def _unit_fields(name: str, entry: Entry) -> UnitFields:
    kind = entry.fields.get("kind")
    if kind is None:
        raise entry.error(f"units.{name}: 'kind' is missing", f"one of {', '.join(UNIT_KINDS)} is expected")
    if not isinstance(kind.content, str) or kind.content not in UNIT_KINDS:
        raise kind.error(
            f"units.{name}.kind: '{kind.as_written}' stood here",
            f"one of {', '.join(UNIT_KINDS)} is expected",
            nearest(kind.as_written, UNIT_KINDS),
        )
    return checked(UNIT_KINDS[kind.content], entry.fields, entry, f"units.{name}")


def checked(model: type[Section], fields: Mapping[str, Entry], at: Entry, path: str) -> Section:
    """The fields of one section, checked against their description; the first thing that is wrong is raised."""
    try:
        return model.model_validate(dict(fields))
    except ValidationError as problems:
        found = [_refusal(dict(error), model, at, path) for error in problems.errors(include_url=False)]
        raise min(found, key=lambda pair: pair[0])[1] from None


def _refusal(error: dict[str, Any], model: type[Fields], at: Entry, path: str) -> tuple[tuple[int, int], DeviceFileError]:
    """Rank and text of one refusal: unknown keys first, because a slip in a name leaves the right one missing too."""
    known = fields_of(model)
    key = str(error["loc"][0])
    named = f"{path}.{key}" if path else key
    if error["type"] == "extra_forbidden":
        entry = at.fields[key]
        return (0, entry.line), entry.error(f"{named}: unknown key '{key}'", "a known field is expected", nearest(key, known))
    if error["type"] == "missing":
        expected = f"{type_of(known[key]).expects} is expected"
        return (2, at.line), at.error(f"{path or 'the device'}: '{key}' is missing", expected)
    problem = error["ctx"]["error"]
    entry = problem.entry if isinstance(problem, Misfit) else at
    return (1, entry.line), DeviceFileError(f"{entry.where}: {named}: {problem}")


def _set_clocks(root: Entry) -> None:
    """Put the frequency beside every value that names a clock."""
    frequencies: dict[str, float] = {}
    for name, unit in _section(root, "units").items():
        entry = unit.fields.get("frequency")
        if entry is None:
            expected = f"{FREQUENCY.expects} is expected"
            raise unit.error(f"units.{name}: 'frequency' is missing", expected, nearest("frequency", unit.fields))
        try:
            frequencies[name] = float(FREQUENCY.read(entry))
        except Misfit as problem:
            raise DeviceFileError(f"{entry.where}: units.{name}.frequency: {problem}") from None
    for path, entry in leaves(root):
        if entry.clock is not None:
            if entry.clock not in frequencies:
                raise entry.error(
                    f"{path}: clock '{entry.clock}' is no unit", "the name of a unit is expected", nearest(entry.clock, frequencies)
                )
            entry.clock_hz = frequencies[entry.clock]


def _sources(root: Entry, names: Mapping[str, str]) -> dict[str, Source]:
    """Where every value comes from, by its path; values that need a source and name none are refused."""
    found: dict[str, Source] = {}
    for section in ("units", *SECTIONS):
        for thing, entry in _section(root, section).items():
            kind = entry.fields.get("kind")
            model = UNIT_KINDS[str(kind.content)] if section == "units" and kind is not None else SECTIONS.get(section)
            if model is not None:
                found.update(_sources_of(entry, f"{section}.{thing}", model, names))
    return found


def _sources_of(thing: Entry, path: str, model: type[Fields], names: Mapping[str, str]) -> dict[str, Source]:
    found: dict[str, Source] = {}
    known = fields_of(model)
    for key, entry in thing.fields.items():
        kind = type_of(known[key])
        for below, leaf in leaves(entry, f"{path}.{key}"):
            source = source_of(leaf, names)
            if source is not None and (leaf.own_source or leaf.origin or not kind.structural):
                found[below] = source
            elif kind.needs_source:
                raise leaf.error(
                    f"{below}: '{leaf.as_written}' names no source",
                    f"{{value: {leaf.as_written}, source: NAME}}, or 'source: NAME' for the section, is expected",
                )
            else:
                found[below] = Source(as_written(leaf), CHOSEN, Status.ASSUMED)
    for key, info in known.items():
        if (
            key not in thing.fields
            and type_of(info).needs_source
            and not isinstance(type_of(info), Table)
            and info.default not in (None, ...)
        ):
            found[f"{path}.{key}"] = Source(str(info.default), "default of the field", Status.ASSUMED)
    return found


def _facts(root: Entry) -> dict[str, str]:
    """What a fact table said beyond the fields."""
    entry = root.fields.pop("facts", None) if not root.line else None
    return {} if entry is None else {key: item.as_written for key, item in entry.fields.items()}


def _as(model: type[Section], fields: Fields) -> Section:
    assert isinstance(fields, model)
    return fields
