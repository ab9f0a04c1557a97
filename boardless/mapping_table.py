"""Given mappings (``--mapping FILE.csv``): a row per layer, its name and the numbers of its mapping.

The columns are ``layer`` and the parameters of the array's kind: ``n m e p q r t`` of a row-stationary array (Chen et al.,
JSSC 2017, table II), with ``input_zero_share`` where the zeros of a layer's input are known.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from boardless.errors import UsageError
from workloads.errors import nearest

#: Numbers a mapping may have, by kind of array.
PARAMETERS = {"row_stationary": ("n", "m", "e", "p", "q", "r", "t", "input_zero_share")}

Mappings = dict[str, dict[str, float]]


def read_mappings(path: str | PathLike[str], kind: str, layers: Iterable[str]) -> Mappings:
    """Layer -> parameter -> number.

    Parameters
    ----------
    path : path
    kind : str
        Kind of the array: its parameters are the columns.
    layers : iterable of str
        Operators of the network; a row of another name is refused.

    Raises
    ------
    UsageError
        Everything that can be wrong with the file, with its line.
    """
    path = Path(path)
    known, names = PARAMETERS.get(kind), list(layers)
    if known is None:
        raise UsageError(
            f"--mapping: {path.name}; mappings of a {kind} array are not read; one of {', '.join(PARAMETERS)} is expected"
        )
    found: Mappings = {}
    for where, row in _rows(path, known):
        layer = row.pop("layer")
        if layer not in names:
            raise UsageError(f"{where}: layer '{layer}'; an operator of the network is expected; {nearest(layer, names)}")
        if layer in found:
            raise UsageError(f"{where}: layer '{layer}' a second time; one row per layer is expected; leave one out")
        found[layer] = {name: _number(where, name, text) for name, text in row.items() if text}
    return found


def _rows(path: Path, known: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    """Rows with file and line; the header checked."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise UsageError(f"{path.name}: {reason}; a table of mappings (.csv) is expected; check the path") from None
    reader = csv.reader(lines)
    header = [name.strip().lower() for name in next(reader, [])]
    for name in header:
        if name not in ("layer", *known):
            raise UsageError(
                f"{path.name}:1: column '{name}'; layer and {', '.join(known)} are expected; {nearest(name, ('layer', *known))}"
            )
    if "layer" not in header or len(header) < 2 or len(set(header)) < len(header):
        raise UsageError(
            f"{path.name}:1: columns {', '.join(header) or 'none'}; layer and {', '.join(known)}, each once, are expected; add them"
        )
    rows = []
    for cells in reader:
        where = f"{path.name}:{reader.line_num}"
        if any(cell.strip() for cell in cells):
            if len(cells) != len(header):
                raise UsageError(f"{where}: {len(cells)} cells; {len(header)} are expected, as in the header; fill the row up")
            rows.append((where, dict(zip(header, (cell.strip() for cell in cells), strict=True))))
    return rows


def _number(where: str, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    share = name == "input_zero_share"
    if not (0.0 <= value <= 1.0 if share else 1.0 <= value <= 2.0**31 and value == int(value)):
        expected = "a share from 0 to 1" if share else "a whole number of at least 1"
        raise UsageError(f"{where}: {name} = '{text}'; {expected} is expected; correct the cell")
    return value
