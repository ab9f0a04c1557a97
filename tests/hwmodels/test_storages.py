"""Storages: every file loads and names its sources; slips are refused with file and line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hwmodels.errors import DeviceFileError
from hwmodels.storage import STORAGES, load_storage, read_storage, storages

GOOD = (STORAGES / "sd_spi.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("storage", storages(), ids=lambda storage: storage.name)
def test_every_storage_is_plausible_and_sourced(storage) -> None:  # type: ignore[no-untyped-def]
    assert storage.write_bandwidth_bytes_per_s > 10**3 and storage.read_bandwidth_bytes_per_s < 200e9
    assert 0 < storage.read_latency_s < 0.01
    assert storage.capacity_bytes >= 2**20
    assert {"read_bandwidth", "capacity"} <= set(storage.sources)
    assert all(len(source.citation) > 20 for source in storage.sources.values())
    assert load_storage(storage.name) is storage


def test_general_words() -> None:
    assert [load_storage(word).name for word in ("sd", "flash", "psram", "host")] == [
        "sd_spi",
        "nor_quad",
        "psram_octal",
        "pcie_4_x16",
    ]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("power:", "powr:", r"card.yaml:\d+: unknown key 'powr'; a key of a storage is expected; nearest: power"),
        ("4.61651 MB/s", "4.61651 MB", r"card.yaml:\d+: read_bandwidth: '4.61651 MB'"),
        ("4.61651 MB/s", "0 MB/s", "above 0 is expected"),
        ("kind: sd", "kind: disk", "kind: 'disk' stood here; one of sd, flash, psram, host"),
        ("source: poet,", "source: poets,", "source 'poets' is not in the section 'sources'"),
    ],
)
def test_slips_are_refused(tmp_path: Path, before: str, after: str, says: str) -> None:
    path = tmp_path / "card.yaml"
    assert before in GOOD
    path.write_text(GOOD.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(DeviceFileError, match=says):
        read_storage(path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(re.sub(r"read_latency:.*\n", "", GOOD), encoding="utf-8")
    with pytest.raises(DeviceFileError, match="'read_latency' is missing; a time is expected"):
        read_storage(path)
