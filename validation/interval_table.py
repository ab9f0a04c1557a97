"""The table of intervals learnt: every study writes the rows of its own runtimes and leaves the others' as they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from hwmodels.intervals import TABLE, LearntInterval

HEAD = ["runtime", "basis", "kind", "half_width_ln", "rows", "split"]


def put_intervals(runtime: str, found: Iterable[LearntInterval], path: Path = TABLE) -> None:
    """Replace the rows of one maker of runtimes; its rows come last."""
    with path.open(encoding="utf-8", newline="") as file:
        others = [row for row in csv.reader(file) if row and row[0] not in ("runtime", runtime)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([HEAD, *others])
    writer.writerows([runtime, one.basis, one.kind, f"{one.half_width:.3f}", one.rows, one.split] for one in found)
    path.write_text(out.getvalue(), encoding="utf-8")
