"""How many measured rows stand behind a microcontroller runtime or core: what decides how far its estimates are to be trusted."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("measured_rows.csv")

#: A runtime or a core with fewer rows than this has wider intervals.
MANY_ROWS = 12
#: Bases of intervals of microcontrollers.
MANY, FEW = "many measured rows", "few measured rows"


@cache
def measured_rows() -> Mapping[tuple[str, str], int]:
    """(``runtime`` or ``core``, name) -> rows of whole networks it was fitted to.

    >>> measured_rows()["core", "cortex_m4"] > MANY_ROWS > measured_rows()["core", "esp32_c3"]
    True
    """
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {(row["kind"], row["name"]): int(row["rows"]) for row in csv.DictReader(file)}


def interval_basis(runtime: str, core: str) -> str | None:
    """``many measured rows`` or ``few measured rows``; ``None`` where runtime or core was never measured.

    >>> interval_basis("x_cube_ai_8_1", "cortex_m7"), interval_basis("esp_nn", "xtensa_lx6"), interval_basis("gap8_sdk", "gap8")
    ('many measured rows', 'few measured rows', None)
    """
    counts = [measured_rows().get(entry, 0) for entry in (("runtime", runtime), ("core", core))]
    if min(counts) == 0:
        return None
    return MANY if min(counts) >= MANY_ROWS else FEW
