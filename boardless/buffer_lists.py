"""Buffer lists: ``id,lower,upper,size`` in, the same with ``offset`` out; one buffer a line, upper exclusive."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boardless.errors import UsageError
from strategies.arena import Span
from strategies.arena.spans import LARGEST_SUM_BYTES
from workloads.errors import nearest

COLUMNS = ("id", "lower", "upper", "size")


@dataclass(frozen=True)
class BufferList:
    """Buffers by name, in the order of their file."""

    ids: tuple[str, ...]
    spans: tuple[Span, ...]


def read_buffers(path: str | Path) -> BufferList:
    """The buffers of a file; :class:`UsageError` with file and line for what cannot be one."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file in UTF-8"
        raise UsageError(
            f"{path.name or path}: {reason}; a buffer list ({','.join(COLUMNS)}) is expected; check the path"
        ) from None
    rows = [(number, row) for number, row in enumerate(csv.reader(io.StringIO(text)), 1) if any(cell.strip() for cell in row)]
    if not rows:
        raise UsageError(f"{path.name}: the file is empty; a first line '{','.join(COLUMNS)}' and a line per buffer are expected")
    place = _columns(path.name, [cell.strip().lower() for cell in rows[0][1]])
    ids: list[str] = []
    spans: list[Span] = []
    seen: dict[str, int] = {}
    for number, row in rows[1:]:
        name, span = _buffer(f"{path.name}:{number}", row, place)
        if name in seen:
            raise UsageError(f"{path.name}:{number}: id '{name}' stands in line {seen[name]} already; each id once is expected")
        seen[name] = number
        ids.append(name)
        spans.append(span)
    if sum(span.size for span in spans) > LARGEST_SUM_BYTES:
        raise UsageError(
            f"{path.name}: sizes of {sum(s.size for s in spans)} B in all; at most 2^60 B are expected; use larger units"
        )
    return BufferList(tuple(ids), tuple(spans))


def _columns(name: str, header: Sequence[str]) -> dict[str, int]:
    """Where each column stands."""
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise UsageError(
            f"{name}:1: the columns are '{','.join(header)}'; {','.join(COLUMNS)} are expected; '{missing[0]}' is missing; "
            f"{nearest(missing[0], header)}"
        )
    return {column: header.index(column) for column in COLUMNS}


def _buffer(where: str, row: Sequence[str], place: dict[str, int]) -> tuple[str, Span]:
    cells = {column: row[k].strip() if k < len(row) else "" for column, k in place.items()}
    if not cells["id"]:
        raise UsageError(f"{where}: no id; a name for the buffer is expected")
    lower, upper, size = (_whole(where, column, cells[column]) for column in COLUMNS[1:])
    if upper <= lower:
        raise UsageError(
            f"{where}: buffer '{cells['id']}' has upper {upper} <= lower {lower}; upper > lower is expected (it is exclusive)"
        )
    if size < 0:
        raise UsageError(f"{where}: buffer '{cells['id']}' has size {size}; a whole number of bytes >= 0 is expected")
    if size > LARGEST_SUM_BYTES:
        raise UsageError(f"{where}: buffer '{cells['id']}' has size {size}; at most 2^60 bytes are expected; use larger units")
    return cells["id"], Span(lower, upper, size)


def _whole(where: str, column: str, cell: str) -> int:
    try:
        value = int(cell)
    except ValueError:
        raise UsageError(f"{where}: {column} '{cell}'; a whole number is expected") from None
    if abs(value) >= 2**62 and column != "size":
        raise UsageError(f"{where}: {column} {value}; a step below 2^62 is expected; count steps from 0")
    return value


def list_text(buffers: BufferList, offsets: Sequence[int]) -> str:
    """The list with its offsets, as CSV."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow((*COLUMNS, "offset"))
    writer.writerows((name, *span, offset) for name, span, offset in zip(buffers.ids, buffers.spans, offsets, strict=True))
    return page.getvalue()
