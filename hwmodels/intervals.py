"""How far measured latencies lie from predicted ones, by how much is known of a board: quantiles learnt in validation, as data."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("intervals.csv")

#: Basis of a unit whose multipliers come from its class alone.
DATA_SHEET = "data sheet only"
#: Stands for the runtimes of microcontrollers, whose intervals are learnt together.
MICROCONTROLLERS = "microcontrollers"


class LearntInterval(NamedTuple):
    """Half width of the 80 % interval of ln(latency), and what it was learnt from."""

    basis: str
    kind: str  # float or int8
    half_width: float
    rows: int
    split: str


@cache
def learnt_intervals() -> dict[tuple[str, str, str], LearntInterval]:
    """(maker of the runtime or ``microcontrollers``, basis, kind of types) -> interval."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {
            (row["runtime"], row["basis"], row["kind"]): LearntInterval(
                row["basis"], row["kind"], float(row["half_width_ln"]), int(row["rows"]), row["split"]
            )
            for row in csv.DictReader(file)
        }


def learnt_interval(runtime: str, basis: str, kind: str) -> LearntInterval | None:
    """The interval for runs under a runtime; ``None`` where none was learnt.

    >>> learnt_interval("ncnn_2022_06", "data sheet only", "float").half_width > 0.3
    True
    """
    return learnt_intervals().get((runtime.partition("_")[0].partition("@")[0], basis, kind))
