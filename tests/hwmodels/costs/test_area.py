"""Component areas: figures worked by hand, and the sweep they were fitted on where it is here."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hwmodels.costs.area import mac_mm2, sram_mm2

SWEEP = Path(__file__).resolve().parents[4] / "shared" / "measured" / "accel" / "energy" / "sram_cacti7.csv"


def test_areas_by_hand() -> None:
    """1 MiB at 45 nm: 3.60 um^2 * 1,048,576 = 3.77 mm^2. A 16-bit multiplier is four 8-bit ones: 1,128 + 137 um^2."""
    assert sram_mm2(2**20, 45) == pytest.approx(3.775, rel=1e-3)
    assert mac_mm2(16, 45) == pytest.approx(1265e-6)
    assert mac_mm2(8, 22) < mac_mm2(8, 28) < mac_mm2(8, 45)


@pytest.mark.skipif(not SWEEP.exists(), reason="the sweep is not here")
def test_the_fit_is_as_close_as_it_says() -> None:
    with SWEEP.open() as file:
        rows = [row for row in csv.DictReader(file) if row["cell_type"] == "itrs-hp" and row["ports"] == "1RW0R0W"]
    errors = [
        abs(sram_mm2(float(row["size_bytes"]), float(row["tech_nm"])) / float(row["area_mm2"]) - 1)
        for row in rows
        if int(row["size_bytes"]) >= 4096
    ]
    assert len(errors) == 220
    assert sum(errors) / len(errors) < 0.065
