"""Devices by name: those of ``devices/`` and those of paths given on the command line. Reads no units and checks no fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hwmodels.document import nearest
from hwmodels.errors import DeviceFileError
from hwmodels.facts import fact_names, require_fact_table, slug, table_kind

DEVICES = Path(__file__).with_name("devices")
#: Files beside a device file that are no devices: what calibration writes.
OVERLAY = ".fit.yaml"
_SUMMARY = re.compile(r"^summary:[ \t]*(.+?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of ``boardless devices``."""

    name: str
    summary: str
    path: Path


def device_names(extra_paths: Iterable[str | Path] = ()) -> tuple[str, ...]:
    """Names of all devices, sorted.

    >>> "raspberry_pi_4" in device_names()
    True
    """
    return tuple(sorted(_all(extra_paths)))


def device_path(name: str, extra_paths: Iterable[str | Path] = ()) -> Path:
    """The file of a device; :class:`DeviceFileError` with the nearest names otherwise."""
    found = _all(extra_paths)
    path = found.get(name) or found.get(slug(name))
    if path is None:
        raise DeviceFileError(
            f"device: '{name}' is not in the catalogue; a name of `boardless devices` or the path of a device file is expected; "
            f"{nearest(name, found)}"
        )
    return path


def devices(extra_paths: Iterable[str | Path] = ()) -> tuple[Listed, ...]:
    """Name and summary of every device, sorted by name."""
    return tuple(Listed(name, _summary(path), path) for name, path in sorted(_all(extra_paths).items()))


def is_path(spec: str) -> bool:
    """True where a device argument is a path and no name."""
    return spec.endswith((".yaml", ".yml")) or "/" in spec or "\\" in spec


def _all(extra_paths: Iterable[str | Path]) -> dict[str, Path]:
    found = {path.stem: path for path in _yaml_files(DEVICES)}
    for given in extra_paths:
        for path in _files(Path(given)):
            if path.suffix == ".csv":
                found.update(dict.fromkeys(fact_names(path), path))
            else:
                found[path.stem] = path
    return found


def _files(path: Path) -> list[Path]:
    if path.is_file():
        if path.suffix == ".csv":
            require_fact_table(path)
        return [path]
    if not path.is_dir():
        raise DeviceFileError(
            f"--devices {path}: no such file or folder; a device file, a fact table or a folder of them is expected"
        )
    return [*_yaml_files(path), *(table for table in sorted(path.glob("*.csv")) if table_kind(table))]


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.yaml") if not path.name.endswith(OVERLAY))


def _summary(path: Path) -> str:
    if path.suffix == ".csv":
        return f"a row of {path.name}"
    try:
        found = _SUMMARY.search(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return "cannot be read"
    return found[1].strip("\"'") if found else ""
