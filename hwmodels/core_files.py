"""Cores: what all devices with one micro-architecture share, taken into a unit by ``core: NAME``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hwmodels.citations import named_sources, source_of
from hwmodels.document import Entry, inherit, leaves, nearest, read_document

CORES = Path(__file__).with_name("cores")
#: Keys of a core file; the last three hold the fields of the unit.
KEYS = ("format", "name", "summary", "kind", "aliases", "sources", "source", "status", "values", "multipliers", "efficiencies")
TABLES = ("multipliers", "efficiencies")


@cache
def core_names() -> tuple[str, ...]:
    """Names of the cores in the catalogue."""
    return tuple(sorted(path.stem for path in CORES.glob("*.yaml")))


def take_core(unit: Entry) -> None:
    """Add what the unit's core says wherever the unit itself is silent."""
    fields = unit.fields
    named = fields.get("core")
    if named is None:
        return
    core = _core_fields(named, fields.get("kind"))
    for name, entry in core.items():
        own = fields.get(name)
        if own is None:
            fields[name] = entry
        elif name in TABLES and isinstance(own.content, dict) and isinstance(entry.content, dict):
            fields[name] = Entry(own.file, own.line, {**entry.content, **own.content})


def _core_fields(named: Entry, kind: Entry | None) -> dict[str, Entry]:
    name = named.content
    if not isinstance(name, str) or name not in core_names():
        raise named.error(
            f"core '{named.as_written}' is not in the catalogue",
            "a file of cores/ is expected",
            nearest(named.as_written, core_names()),
        )
    path = CORES / f"{name}.yaml"
    root = read_document(path, f"hwmodels/cores/{path.name}")
    for key, entry in root.fields.items():
        if key not in KEYS:
            raise entry.error(f"unknown key '{key}'", "a key of a core file is expected", nearest(key, KEYS))
    sources = named_sources(root)
    inherit(root, None, None)
    of_kind = root.fields.get("kind")
    if of_kind is not None and kind is not None and of_kind.content != kind.content:
        raise named.error(
            f"core '{name}' is a {of_kind.as_written} core", f"a core for a unit of kind {kind.as_written} is expected"
        )
    for path_in_file, entry in leaves(root):
        source = source_of(entry, sources)
        if source is not None:
            entry.origin = f"cores/{name}.yaml: {source.citation}"
        elif path_in_file.partition(".")[0] in ("values", *TABLES):
            raise entry.error(
                f"'{path_in_file}' names no source", "{value: ..., source: ...} or a 'source:' for the block is expected"
            )
    found = dict(root.fields["values"].fields) if "values" in root.fields else {}
    found.update({name: root.fields[name] for name in TABLES if name in root.fields})
    return found
