"""How many measured rows stand behind a microcontroller runtime or core: what decides how far its estimates are to be trusted."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("measured_rows.csv")

#: A runtime or a core with fewer rows than these has wider intervals.
MANY_ROWS, FEW_ROWS = 12, 5
#: Bases of intervals of microcontrollers.
MANY, FEW, SCARCE, ESPRESSIF, NEW_CORE = (
    "many measured rows", "few measured rows", "one to four measured rows", "kernels of Espressif", "core never measured",
)  # fmt: skip
#: Basis of fully connected fp32 networks under the runtimes whose float kernels were measured, on any core with an FPU.
FLOAT = "float under TFLM"
#: Beginnings of the names of those runtimes: their makers' libraries have no fp32 kernels.
REFERENCE_FLOAT = ("tflm", "esp_nn")
#: Every basis of int8 networks in the order of trust.
BASES = (MANY, FEW, SCARCE, ESPRESSIF, NEW_CORE)
#: Runtimes whose published times contradict each other by a factor of three on one chip: a class of their own.
ESPRESSIF_RUNTIMES = ("esp_nn", "esp_nn_pie", "tflm_reference_esp")


@cache
def measured_rows() -> Mapping[tuple[str, str], int]:
    """(``runtime`` or ``core``, name) -> rows of whole networks it was fitted to.

    >>> measured_rows()["core", "cortex_m4"] > MANY_ROWS > measured_rows()["core", "esp32_c3"]
    True
    """
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {(row["kind"], row["name"]): int(row["rows"]) for row in csv.DictReader(file)}


def interval_basis(runtime: str, core: str) -> str | None:
    """One of :data:`BASES`; ``None`` where the runtime was never measured.

    >>> interval_basis("x_cube_ai_8_1", "cortex_m7"), interval_basis("esp_nn", "xtensa_lx6"), interval_basis("gap8_sdk", "gap8")
    ('many measured rows', 'kernels of Espressif', None)
    >>> interval_basis("tflm_cmsis_nn", "cortex_m55")
    'core never measured'
    """
    of_runtime, of_core = (measured_rows().get(entry, 0) for entry in (("runtime", runtime), ("core", core)))
    if of_runtime == 0:
        return None
    return NEW_CORE if of_core == 0 else class_of(runtime, min(of_runtime, of_core))


def class_of(runtime: str, rows: int) -> str:
    """Class of a runtime on a measured core, ``rows`` being the fewer of both.

    >>> class_of("hale", 8)
    'few measured rows'
    """
    if runtime in ESPRESSIF_RUNTIMES:
        return ESPRESSIF
    return MANY if rows >= MANY_ROWS else FEW if rows >= FEW_ROWS else SCARCE
