"""Small device files to break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

#: The example of a device file: one array, a scratchpad with a rate per cycle, DRAM, a link. Lines are counted by the tests.
EXAMPLE = """\
format: 1
name: example_npu
summary: one 16 x 16 array, 256 KiB scratchpad, LPDDR4

units:
  array:
    kind: systolic
    shape: [16, 16]
    frequency: {value: 500 MHz, source: datasheet}
    mac_energy: {value: 0.6 pJ, source: node28, status: assumed}

memories:
  scratchpad:
    capacity: {value: 256 KiB, source: datasheet}
    read_bandwidth: {value: 32 B/cycle, clock: array, source: manual}
  dram:
    capacity: {value: 1 GiB, source: board}

links:
  dram_to_scratchpad:
    from: dram
    to: scratchpad
    bandwidth: {value: 3.2 GB/s, source: measured_copy, status: measured}
    latency: {value: 120 ns, source: measured_copy, status: measured}

sources:
  datasheet: "Example NPU data brief, rev. 3, table 2"
  manual: "Example NPU reference manual, section 4.1"
  board: "Board schematic, sheet 5"
  node28: "technologies/28nm.yaml"
  measured_copy: "validation/datasets/example_copy"
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the example, with some text replaced, and return its path."""

    def written(*changes: tuple[str, str], text: str = EXAMPLE) -> Path:
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        path = tmp_path / "example_npu.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return written
