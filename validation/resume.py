"""Long counts that can be taken up again: rows are kept in the user's cache folder, under a digest of all they follow from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Packages whose sources and data a count follows from.
SOURCES = ("workloads", "hwmodels", "dataflows")
#: So many new rows are written at once.
BATCH = 100


@cache
def digest() -> str:
    """Of every source and table of the packages that count."""
    root = Path(__file__).resolve().parent.parent
    found = hashlib.sha256(str(root).encode())
    for package in SOURCES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".csv") and "__pycache__" not in path.parts:
                found.update(path.read_bytes())
    return found.hexdigest()[:20]


def folder() -> Path:
    """Where counts are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "boardless" / "counts"


def counted(key: str, names: Sequence[str], count: Callable[[str], Floats]) -> Floats:
    """A row per name, counted now or in an earlier run that was stopped.

    Parameters
    ----------
    key : str
        What the rows depend on besides the names and the sources: unit, threads, rules.
    names : sequence of str
    count : callable
        Row of one name.
    """
    path = folder() / f"{hashlib.sha256(f'{digest()} {key}'.encode()).hexdigest()[:32]}.json"
    known: dict[str, list[float]] = _read(path)
    fresh = 0
    for name in dict.fromkeys(names):
        if name not in known:
            known[name] = [float(value) for value in count(name)]
            fresh += 1
            if fresh % BATCH == 0:
                _write(path, known)
    if fresh:
        _write(path, known)
    return np.array([known[name] for name in names])


def _read(path: Path) -> dict[str, list[float]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, rows: dict[str, list[float]]) -> None:
    """Beside, then renamed; a folder that cannot be written only costs the next run its time."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(rows), encoding="utf-8")
        beside.replace(path)
