"""Storage: a far memory that blocks are moved to and from, read from ``hwmodels/storages/``: SD card, serial flash, PSRAM, host memory.

A device file describes what is on the board; a storage is what one plugs in to hold more than fits.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from hwmodels import units
from hwmodels.citations import named_sources, source_of
from hwmodels.document import Entry, files_by_name, inherit, nearest, read_document
from hwmodels.errors import DeviceFileError, UnitError
from hwmodels.provenance import Source

STORAGES = Path(__file__).with_name("storages")
KINDS = ("sd", "flash", "psram", "host")

#: Value of a file -> its dimension, and whether it may be left out.
VALUES: Mapping[str, tuple[str, bool]] = {
    "capacity": ("capacity", False), "read_bandwidth": ("bandwidth", False), "write_bandwidth": ("bandwidth", False),
    "read_latency": ("time", False), "write_latency": ("time", False), "power": ("power", True), "endurance": ("number", True),
    "write_amplification": ("number", True), "pageable_bandwidth": ("bandwidth", True), "fault_bytes": ("capacity", True),
    "fault_time": ("time", True),
}  # fmt: skip
TEXTS = ("format", "name", "summary", "kind", "aliases", "duplex", "source", "status")


@dataclass(frozen=True)
class Storage:
    """A far memory and the way to it.

    Attributes
    ----------
    name, summary : str
    kind : str
        sd, flash, psram, host.
    capacity_bytes : int
    read_bandwidth_bytes_per_s, write_bandwidth_bytes_per_s : float
        Towards the chip, away from it.
    read_latency_s, write_latency_s : float
        From request to first byte.
    power_w : float or None
        Drawn while a transfer runs.
    duplex : str
        ``half``: one direction at a time.
    endurance : float or None
        Times each cell can be written; ``None`` where it does not wear.
    write_amplification : float
        Bytes written inside for each byte given to it.
    pageable_bandwidth_bytes_per_s : float or None
        Of copies from memory that is not page-locked (host memory).
    fault_bytes, fault_s : int, float or None
        Bytes moved for one page fault and the time until it is served, beside the copy (unified memory).
    sources : Mapping of str to Source
        By name of the value in the file.
    """

    name: str
    summary: str
    kind: str
    capacity_bytes: int
    read_bandwidth_bytes_per_s: float
    write_bandwidth_bytes_per_s: float
    read_latency_s: float
    write_latency_s: float
    power_w: float | None = None
    duplex: str = "half"
    endurance: float | None = None
    write_amplification: float = 1.0
    pageable_bandwidth_bytes_per_s: float | None = None
    fault_bytes: int | None = None
    fault_s: float | None = None
    sources: Mapping[str, Source] = field(default_factory=dict)


@functools.cache
def load_storage(name: str) -> Storage:
    """The storage of a name, or of a general word: ``sd``, ``flash``, ``psram``, ``host``.

    Raises
    ------
    DeviceFileError
        Unknown name (nearest ones are given), or a file that is broken.

    >>> load_storage("sd").name, load_storage("pcie_3_x16").duplex
    ('sd_spi', 'full')
    """
    read = {storage.name: storage for storage in storages()}
    known = {word: read[path.stem] for word, path in files_by_name(_paths()).items()}
    if name not in known:
        raise DeviceFileError(f"storage: '{name}' is not known; one of {', '.join(known)} is expected; {nearest(name, known)}")
    return known[name]


@functools.cache
def storages() -> tuple[Storage, ...]:
    """Every storage, by name."""
    return tuple(read_storage(path) for path in _paths())


def read_storage(path: Path) -> Storage:
    """The storage of one file."""
    root = read_document(path, f"hwmodels/storages/{path.name}" if path.parent == STORAGES else str(path))
    sources = named_sources(root)
    inherit(root, None, None)
    known = (*TEXTS, *VALUES)
    for key, entry in root.fields.items():
        if key not in known:
            raise entry.error(f"unknown key '{key}'", "a key of a storage is expected", nearest(key, known))
    values = {key: _value(root, key) for key in VALUES}
    kind = _choice(root, "kind", KINDS)
    return Storage(
        name=_text(root, "name"),
        summary=_text(root, "summary"),
        kind=kind,
        capacity_bytes=int(values["capacity"] or 0),
        read_bandwidth_bytes_per_s=values["read_bandwidth"] or 0.0,
        write_bandwidth_bytes_per_s=values["write_bandwidth"] or 0.0,
        read_latency_s=values["read_latency"] or 0.0,
        write_latency_s=values["write_latency"] or 0.0,
        power_w=values["power"],
        duplex=_choice(root, "duplex", ("half", "full"), "half"),
        endurance=values["endurance"],
        write_amplification=values["write_amplification"] or 1.0,
        pageable_bandwidth_bytes_per_s=values["pageable_bandwidth"],
        fault_bytes=None if values["fault_bytes"] is None else int(values["fault_bytes"]),
        fault_s=values["fault_time"],
        sources=MappingProxyType({key: _sourced(root, key, sources) for key in VALUES if key in root.fields}),
    )


def _paths() -> list[Path]:
    return sorted(STORAGES.glob("*.yaml"))


def _value(root: Entry, key: str) -> float | None:
    """A positive value in SI units."""
    dimension, optional = VALUES[key]
    if key not in root.fields:
        if not optional:
            raise root.error(f"'{key}' is missing", f"a {dimension} is expected, e.g. {units.EXAMPLES[dimension]}")
        return None
    entry = root.fields[key]
    if not isinstance(entry.content, str):
        raise entry.error(f"{key}: {entry.as_written} stood here", f"a {dimension} is expected, e.g. {units.EXAMPLES[dimension]}")
    try:
        value = units.to_si(entry.content, dimension)
    except UnitError as error:
        raise entry.error(f"{key}: {error}", "") from None
    if value <= 0:
        raise entry.error(f"{key}: {entry.content} stood here", f"a {dimension} above 0 is expected")
    return value


def _sourced(root: Entry, key: str, sources: Mapping[str, str]) -> Source:
    source = source_of(root.fields[key], sources)
    if source is None:
        raise root.fields[key].error(f"{key} has no source", "the name of one in the section 'sources' is expected")
    return source


def _text(root: Entry, key: str) -> str:
    entry = root.fields.get(key)
    if entry is None or not isinstance(entry.content, str):
        raise root.error(f"'{key}' is missing or no text", "a text is expected")
    return " ".join(entry.content.split())


def _choice(root: Entry, key: str, known: tuple[str, ...], default: str | None = None) -> str:
    if key not in root.fields and default is not None:
        return default
    value = _text(root, key)
    if value not in known:
        raise root.fields[key].error(
            f"{key}: '{value}' stood here", f"one of {', '.join(known)} is expected", nearest(value, known)
        )
    return value
