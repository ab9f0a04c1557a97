"""Peak rates of array parts from geometry and clock beside the published ones; where they clash, the file says so."""

from __future__ import annotations

import pytest

from hwmodels import catalog
from hwmodels.device import ArrayUnit
from hwmodels.reader import load_device

#: Device -> published peak [Top/s, two operations per MAC].
PUBLISHED = {
    "edge_tpu": 4.0,  # coral.ai
    "eyeriss_v1": 0.0672,  # JSSC 2017, table IV: 33.6 GMAC/s
    "nvdla_full": 4.1,  # nvdla.org: 2048 MACs at 1 GHz
    "tpu_v1": 92.0,  # ISCA 2017, table 2
}
#: DianNao publishes 452 GOP/s at 0.98 GHz; 256 multipliers and as many additions give 502.
CLASH = {"diannao": (0.452, 0.50176)}


def peak_tops(name: str) -> float:
    unit = load_device(name).default_unit
    assert isinstance(unit, ArrayUnit)
    return 2 * unit.rows * unit.columns * unit.macs_per_element * unit.frequency_hz / 1e12


@pytest.mark.parametrize("name", PUBLISHED)
def test_peak_follows_from_geometry_and_clock(name: str) -> None:
    assert peak_tops(name) == pytest.approx(PUBLISHED[name], rel=0.025)


@pytest.mark.parametrize("name", CLASH)
def test_clashes_are_told_in_the_file(name: str) -> None:
    published, ours = CLASH[name]
    assert peak_tops(name) == pytest.approx(ours) and abs(ours / published - 1) > 0.05
    path = next(line.path for line in catalog.devices() if line.name == name)
    assert f"{published * 1000:.0f} GOP/s are published" in path.read_text(encoding="utf-8")
