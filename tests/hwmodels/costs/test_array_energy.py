"""Component energies by size and node: figures worked by hand, and the sweep they were fitted on where it is here."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from hwmodels.costs.array_energy import mac_joules, sram_read_joules, sram_write_joules
from hwmodels.errors import DeviceFileError
from hwmodels.technology import dram_joules_per_bit, energy_coefficients, energy_factor

SWEEP = Path(__file__).resolve().parents[4] / "shared" / "measured" / "accel" / "energy" / "sram_cacti7.csv"


def test_sram_by_hand() -> None:
    """100 KiB, 64 bit, 65 nm: 1.82 * 100^0.573 (14.0) * (65/45)^1.73 (1.889) = 48 pJ."""
    assert sram_read_joules(100 * 1024, 64, 65) == pytest.approx(48.1e-12, rel=0.005)
    assert sram_write_joules(1024, 128, 45) == pytest.approx(3.05e-12 * 2**0.81)


def test_multiply_accumulate_at_another_node() -> None:
    """16 bit: 0.2 * 2^1.98 + 0.0031 * 32 = 0.888 pJ at 45 nm; 1.332 / 0.844 = 1.58 times that at 65 nm and 1 V."""
    assert energy_factor(65, 1.0) == pytest.approx(1.332 / 0.84433, rel=1e-4)
    assert mac_joules(16, energy_factor(65, 1.0)) == pytest.approx(1.40e-12, rel=0.01)


def test_nodes_between_those_of_the_table() -> None:
    factors = [energy_factor(node, 0.8) for node in (32, 28, 22, 20)]
    assert factors == sorted(factors, reverse=True)
    assert energy_factor(45, 0.9) == 1.0
    with pytest.raises(DeviceFileError, match="process node: 5 nm; 7 to 130 nm"):
        energy_factor(5, 0.8)
    assert len(energy_coefficients()) == 10


def test_larger_and_wider_costs_more() -> None:
    sizes = [sram_read_joules(size, 64, 45) for size in (1024, 4096, 65536)]
    assert sizes == sorted(sizes)
    assert sram_write_joules(4096, 128, 45) > sram_write_joules(4096, 64, 45)
    assert sram_read_joules(4096, 64, 22) < sram_read_joules(4096, 64, 90)


def test_dram_interfaces() -> None:
    assert dram_joules_per_bit("ddr3") == pytest.approx(70e-12)
    with pytest.raises(DeviceFileError, match="'sdram' is not known; one of hbm2"):
        dram_joules_per_bit("sdram")


@pytest.mark.skipif(not SWEEP.exists(), reason="the shared measurements are not here")
def test_laws_stay_within_their_stated_error_on_the_sweep() -> None:
    with SWEEP.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["cell_type"] == "itrs-hp" and row["ports"] == "1RW0R0W"]
    columns = ("size_bytes", "word_bits", "tech_nm", "read_energy_pJ", "write_energy_pJ")
    points = [[float(row[name]) for name in columns] for row in rows if float(row["size_bytes"]) <= 2**20]
    assert len(points) > 150
    reads = [abs(sram_read_joules(*point[:3]) * 1e12 / point[3] - 1) for point in points]
    writes = [abs(sram_write_joules(*point[:3]) * 1e12 / point[4] - 1) for point in points]
    assert sum(reads) / len(reads) < 0.17
    assert sum(writes) / len(writes) < 0.085
