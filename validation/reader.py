"""Tables of measurements -> Dataset: the long form, the wide columns users have, names brought to the catalogue's by aliases."""

from __future__ import annotations

import csv
import lzma
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from validation.errors import DatasetError
from validation.measurement import COLUMNS, METRICS, Dataset, Measurement

FOLDER = Path(__file__).parent / "datasets"

#: The table of a folder; long ones are kept compressed.
TABLES = ("data.csv", "data.csv.xz")

#: Wide column -> (metric, factor to its unit).
WIDE = {
    "latency_ms": ("latency_s", 1e-3),
    "latency_ms_per_batch": ("latency_s", 1e-3),
    "energy_mj": ("energy_j", 1e-3),
    "energy_uj": ("energy_j", 1e-6),
    "power_mw": ("power_w", 1e-3),
    "sram_peak_kib": ("sram_bytes", 1024.0),
    "flash_kib": ("flash_bytes", 1024.0),
    "memory_mib": ("memory_bytes", 1024.0 * 1024.0),
    "tokens_per_s": ("tokens_per_s", 1.0),
    "ttft_ms": ("latency_s", 1e-3),
}

#: Other names of columns of the long form.
RENAMED = {"board": "device", "compute": "unit", "network": "model", "runtime_version_or_date": "runtime_version"}

_WHOLE = {"threads", "batch", "context", "repeats"}
_REAL = {"clock_mhz", "value", "spread"}


class Aliases:
    """Names as they are written in the world -> names of the catalogue, by kind: device, chip, model, family, runtime."""

    def __init__(self, entries: Mapping[tuple[str, str], str]) -> None:
        self._entries = {(kind, written.casefold()): name for (kind, written), name in entries.items()}

    def name(self, kind: str, written: str) -> str:
        """The catalogue's name, or the name as written where no alias is known."""
        return self._entries.get((kind, written.strip().casefold()), written.strip())

    def __len__(self) -> int:
        return len(self._entries)


def load_aliases(paths: Iterable[Path] = ()) -> Aliases:
    """The project's alias file and any others; later files win."""
    entries: dict[tuple[str, str], str] = {}
    for path in (FOLDER / "aliases.csv", *paths):
        if path == FOLDER / "aliases.csv" and not path.exists():
            continue
        for line, row in _rows(path):
            missing = [c for c in ("kind", "as_written", "name") if not row.get(c)]
            if missing:
                raise DatasetError(f"{path.name}:{line}: {', '.join(missing)} is empty; kind, as_written and name are expected")
            entries[row["kind"], row["as_written"]] = row["name"]
    return Aliases(entries)


def dataset_names() -> tuple[str, ...]:
    """Datasets that come with the project."""
    return tuple(sorted(path.parent.name for name in TABLES for path in FOLDER.glob(f"*/{name}")))


def load_dataset(
    spec: str | Path, aliases: Aliases | None = None, known: Callable[[str, str], bool] | None = None,
    defaults: Mapping[str, str] | None = None,
) -> Dataset:  # fmt: skip
    """Measurements of a dataset folder, by name or path, or of a single CSV file.

    Parameters
    ----------
    spec : str or Path
    aliases : Aliases or None
        Default: the project's.
    known : callable or None
        ``known(kind, name)`` for kinds ``device`` and ``model``: rows with a name it does not know are left out and counted.
    defaults : Mapping or None
        Values of columns that the file does not have, e.g. ``{"device": "raspberry_pi_4"}``.

    Raises
    ------
    DatasetError
        No such file, no value column, a number that is none (row and column named), an unknown metric.
    """
    table, description = _find(spec)
    about = _description(description)
    renamed = {**RENAMED, **about.get("rename", {})}
    names = aliases or load_aliases()
    found: list[Measurement] = []
    unmatched: Counter[str] = Counter()
    extra: tuple[str, ...] = ()
    for line, raw in _rows(table):
        row = {renamed.get(column.strip().casefold(), column.strip().casefold()): value for column, value in raw.items()}
        row = {**(defaults or {}), **{k: v for k, v in row.items() if v or k not in (defaults or {})}}
        extra = tuple(c for c in row if c not in COLUMNS and c not in WIDE)
        for metric, value in _values(table, line, row):
            measurement = _measurement(table, line, row, metric, value, names, extra)
            strangers = [
                f"{kind}: {getattr(measurement, kind)}"
                for kind in ("device", "model")
                if known is not None and not known(kind, getattr(measurement, kind))
            ]
            unmatched.update(strangers)
            if not strangers:
                found.append(measurement)
    seen = Counter(row.setting() for row in found)
    name = table.parent.name if table.name in TABLES else table.stem
    return Dataset(
        name=name, rows=tuple(found), title=str(about.get("title", "")), source=str(about.get("source", "")),
        licence=str(about.get("licence", "")), caveats=tuple(about.get("caveats", ())), unmatched=dict(sorted(unmatched.items())),
        duplicates=sum(count - 1 for count in seen.values()), columns=extra,
    )  # fmt: skip


def _find(spec: str | Path) -> tuple[Path, Path | None]:
    path = Path(spec)
    for table in (path, *(folder / name for folder in (path, FOLDER / str(spec)) for name in TABLES)):
        if table.is_file():
            description = table.with_name("dataset.yaml")
            return table, description if description.is_file() else None
    raise DatasetError(f"dataset: '{spec}' is neither a file, a folder with data.csv nor one of {', '.join(dataset_names())}")


def _description(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        read = YAML(typ="safe").load(path)
    except YAMLError as error:
        raise DatasetError(f"{path.parent.name}/{path.name}: {str(error).splitlines()[0]}; YAML is expected") from None
    return read if isinstance(read, dict) else {}


def _rows(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        opened = lzma.open if path.suffix == ".xz" else open
        with opened(path, "rt", newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(line for line in file if not line.startswith("#"))
            if not reader.fieldnames:
                raise DatasetError(f"{path.name}: no header; a table with named columns is expected")
            for number, row in enumerate(reader, start=2):
                if None in row:
                    raise DatasetError(f"{path.name}:{number}: more cells than the header has columns ({len(reader.fieldnames)})")
                yield number, {str(column): (value or "").strip() for column, value in row.items()}
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; a readable table is expected") from None
    except lzma.LZMAError as error:
        raise DatasetError(f"{path.name}: {error}; a table compressed with xz is expected") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path.name}: {error}; UTF-8 text with commas is expected") from None


def _values(path: Path, line: int, row: Mapping[str, str]) -> list[tuple[str, float]]:
    """Metric and value of each result of a row: one in the long form, one per filled column in the wide form."""
    if "metric" in row or "value" in row:
        metric = row.get("metric", "")
        if metric not in METRICS:
            raise DatasetError(f"{path.name}:{line}: metric '{metric}'; one of {', '.join(METRICS)} is expected")
        return [(metric, _positive(path, line, "value", row.get("value", "")))]
    wide = {c: v for c, v in row.items() if v and (c in WIDE or c in METRICS)}
    if not wide and not any(c in WIDE or c in METRICS for c in row):
        raise DatasetError(f"{path.name}: no result column; metric and value, or one of {', '.join(WIDE)} is expected")
    found = []
    for column, text in wide.items():
        metric, factor = WIDE.get(column, (column, 1.0))
        found.append((metric, _positive(path, line, column, text) * factor))
    return found


def _measurement(
    path: Path, line: int, row: Mapping[str, str], metric: str, value: float, names: Aliases, extra: Sequence[str]
) -> Measurement:
    cells: dict[str, Any] = {}
    for column in COLUMNS:
        text = row.get(column, "")
        if column in _WHOLE:
            cells[column] = _whole(path, line, column, text)
        elif column in _REAL:
            cells[column] = _number(path, line, column, text)
        else:
            cells[column] = names.name(column, text) if column in ("device", "chip", "model", "family", "runtime") else text
    kept = "; ".join(f"{column}={row[column]}" for column in extra if row[column])
    return Measurement(**{
        **cells, "metric": metric, "value": value, "batch": cells["batch"] or 1, "phase": cells["phase"] or "infer",
        "notes": "; ".join(filter(None, (cells["notes"], kept))), "row": line,
    })  # fmt: skip


def _number(path: Path, line: int, column: str, text: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        raise DatasetError(f"{path.name}:{line}: column '{column}': '{text}'; a number is expected") from None
    if not math.isfinite(number):
        raise DatasetError(f"{path.name}:{line}: column '{column}': '{text}'; a finite number is expected")
    return number


def _whole(path: Path, line: int, column: str, text: str) -> int | None:
    number = _number(path, line, column, text)
    if number is None:
        return None
    if number != int(number) or number < 0:
        raise DatasetError(f"{path.name}:{line}: column '{column}': '{text}'; a whole number from 0 is expected")
    return int(number)


def _positive(path: Path, line: int, column: str, text: str) -> float:
    number = _number(path, line, column, text)
    if number is None or number <= 0:
        raise DatasetError(f"{path.name}:{line}: column '{column}': '{text}'; a number above 0 is expected")
    return number
