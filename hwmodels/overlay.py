"""Overlays: multipliers fitted to measurements of a board, in a file beside its device file.

``jetson_nano.fit.yaml`` lies over ``jetson_nano.yaml``: its multipliers replace those of the core's class, marked ``fitted`` with
the overlay as their source, so that a report can tell them from the data sheet. Overlays of the catalogue are laid over by
themselves; a file that calibration wrote elsewhere is used as a device (``--on my.fit.yaml``): it names the one it lies over.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hwmodels.document import Entry, nearest, read_document

ENDING = ".fit.yaml"
#: Keys of an overlay; besides ``units`` they say where the figures come from.
KEYS = ("format", "device", "runtime", "basis", "date", "sources", "split", "residuals", "units")
UNIT_KEYS = ("parameters", "multipliers", "worst_operators")


def overlay_beside(path: Path) -> Path | None:
    """The overlay of a device file, if there is one."""
    found = path.with_name(path.stem + ENDING)
    return found if found.is_file() else None


def read_overlay(path: Path, shown: str) -> Entry:
    """The tree of an overlay, its keys checked."""
    root = read_document(path, shown)
    for key, entry in root.fields.items():
        if key not in KEYS:
            raise entry.error(f"unknown key '{key}'", "a key of a fitted overlay is expected", nearest(key, KEYS))
    for key in ("format", "device", "units"):
        if key not in root.fields:
            raise root.error(f"'{key}' is missing", "an overlay names its format, its device and the units it lies over")
    for name, unit in root.fields["units"].fields.items():
        for key, entry in unit.fields.items():
            if key not in UNIT_KEYS:
                raise entry.error(f"unknown key '{key}' of unit '{name}'", "multipliers are expected", nearest(key, UNIT_KEYS))
        if "multipliers" not in unit.fields:
            raise unit.error(f"unit '{name}' has no multipliers", "multipliers are expected")
    return root


def lay_over(root: Entry, overlay: Entry, changes: Mapping[str, str]) -> None:
    """Put the multipliers of an overlay over those of a device's cores, but for units whose core was changed for this run."""
    units = root.fields["units"].fields if "units" in root.fields else {}
    basis = overlay.fields.get("basis")
    for name, fitted in overlay.fields["units"].fields.items():
        if name not in units:
            raise fitted.error(f"unit '{name}' is not in the device", "a unit of the device is expected", nearest(name, units))
        if f"units.{name}.core" in changes:
            continue
        own = units[name].fields
        entries = dict(own["multipliers"].fields) if "multipliers" in own else {}
        for term, entry in fitted.fields["multipliers"].fields.items():
            entry.status, entry.origin = "fitted", f"{overlay.file}: {_said(overlay)}"
            entries[term] = entry
        own["multipliers"] = Entry(fitted.file, fitted.line, entries)
        if basis is not None:
            own["calibrated"] = basis


def _said(overlay: Entry) -> str:
    """What an overlay says it was fitted to, in one line."""
    sources = overlay.fields["sources"].fields.values() if "sources" in overlay.fields else ()
    parts = [entry.as_written for entry in sources]
    parts += [overlay.fields[key].as_written for key in ("split", "date") if key in overlay.fields]
    return "fitted to " + ", ".join(parts) if parts else "fitted to measurements"
