"""Long counts that can be taken up again: rows are kept in the user's cache folder, under a digest of all they follow from."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Packages whose sources and data a count follows from.
SOURCES = ("workloads", "hwmodels", "dataflows")
#: Those that a fit follows from, given its counts.
FITTING = ("validation",)
#: So many new rows are written at once.
BATCH = 100
#: Folds of a fit are written when the last writing is so long ago [s].
PAUSE_S = 5.0


@cache
def digest(packages: tuple[str, ...] = SOURCES) -> str:
    """Of every source and table of the packages that count."""
    root = Path(__file__).resolve().parent.parent
    found = hashlib.sha256(str(root).encode())
    for package in packages:
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


class Folds:
    """Arrays filled fold by fold, kept so that a run that was stopped is taken up where it was.

    Parameters
    ----------
    key : str
        What the folds follow from besides the sources.
    arrays : sequence of arrays
        Filled in place, one row per prediction.
    keep : bool
        False for work too short to be kept.
    """

    def __init__(self, key: str, arrays: Sequence[Floats], keep: bool = True) -> None:
        self._path = folder() / f"{hashlib.sha256(f'{digest(FITTING)} {key}'.encode()).hexdigest()[:32]}.npz"
        self._arrays, self._keep = arrays, keep
        self._done: dict[str, NDArray[np.int64]] = {}
        self._told = time.monotonic()
        if keep:
            self._load()

    def _load(self) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile), np.load(self._path) as held:
            columns = [held[f"array_{i}"] for i in range(len(self._arrays))]
            self._done = {name.removeprefix("fold_"): held[name] for name in held.files if name.startswith("fold_")}
            for rows in self._done.values():
                for array, column in zip(self._arrays, columns, strict=True):
                    array[rows] = column[rows]

    def __contains__(self, name: str) -> bool:
        return name in self._done

    def add(self, name: str, rows: NDArray[np.int64]) -> None:
        """A fold is done: its rows of the arrays are filled."""
        self._done[name] = rows
        if time.monotonic() - self._told > PAUSE_S:
            self.write()

    def write(self) -> None:
        """Beside, then renamed; a folder that cannot be written only costs the next run its time."""
        if not self._keep:
            return
        self._told = time.monotonic()
        beside = self._path.with_name(f"{self._path.stem}.{os.getpid()}.npz")
        columns: dict[str, Any] = {f"array_{i}": array for i, array in enumerate(self._arrays)}
        columns |= {f"fold_{name}": rows for name, rows in self._done.items()}
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(beside, **columns)
            beside.replace(self._path)


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
