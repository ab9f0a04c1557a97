"""What the studies share: where they write, their table, the look of their axes."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: Colour-blind safe (Okabe, Ito, 2008), in the order of the lines.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7")


def folder() -> Path:
    """The folder named on the command line, else ``docs/pictures``."""
    found = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "pictures"
    found.mkdir(parents=True, exist_ok=True)
    return found


def write_table(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Rows as comma-separated values, six digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()} for row in rows)


def tidy(axes: Any) -> None:
    """Light grid behind everything, no frame."""
    axes.grid(color="#E0E0E0", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Any, path: Path, dpi: int = 120) -> None:
    """The figure as a picture without a date in it."""
    figure.savefig(path, dpi=dpi, metadata={"Software": None})
