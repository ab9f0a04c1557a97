"""``--set FIELD=VALUE``: one field changed, recorded, and held to the rules of the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hwmodels.device import ArrayUnit, CpuUnit
from hwmodels.errors import DeviceFileError
from hwmodels.provenance import Status
from hwmodels.reader import load_device

Write = Callable[..., Path]


def test_fields_are_changed_and_recorded(write: Write) -> None:
    changes = ["units.array.shape=[8,32]", "memories.scratchpad.capacity = 512 KiB", "units.array.frequency=1 GHz"]
    device = load_device(write(), changes)
    array = device.units["array"]
    assert isinstance(array, ArrayUnit)
    assert (array.rows, array.columns) == (8, 32)
    assert device.memories["scratchpad"].capacity_bytes == 512 * 1024
    assert device.memories["scratchpad"].read_bandwidth_bytes_per_s == 32e9  # follows the clock of the array
    assert dict(device.overrides) == {
        "units.array.shape": "[8,32]", "memories.scratchpad.capacity": "512 KiB", "units.array.frequency": "1 GHz",
    }  # fmt: skip
    source = device.sources["memories.scratchpad.capacity"]
    assert (source.as_written, source.citation, source.status) == ("512 KiB", "command line", Status.ASSUMED)


def test_a_rate_per_cycle_keeps_its_clock(write: Write) -> None:
    device = load_device(write(), {"memories.scratchpad.read_bandwidth": "64 B/cycle"})
    assert device.memories["scratchpad"].read_bandwidth_bytes_per_s == 64 * 500e6


def test_a_rate_per_cycle_may_name_its_clock(write: Write) -> None:
    device = load_device(write(), {"memories.scratchpad.write_bandwidth": "{value: 16 B/cycle, clock: array}"})
    assert device.memories["scratchpad"].write_bandwidth_bytes_per_s == 16 * 500e6


def test_fields_the_file_leaves_out_may_be_set(write: Write) -> None:
    device = load_device(write(), ["units.array.bus_words_per_cycle.weights=4 words/cycle", "memories.dram.read_bandwidth=3 GB/s"])
    array = device.units["array"]
    assert isinstance(array, ArrayUnit)
    assert array.bus_words_per_cycle == {"weights": 4.0}
    assert device.memories["dram"].read_bandwidth_bytes_per_s == 3e9


def test_what_follows_from_a_field_changes_with_it() -> None:
    cpu = load_device("raspberry_pi_4", ["memories.dram.read_bandwidth=6.4 GB/s", "memories.l2.capacity=2 MiB"]).units["cpu"]
    assert isinstance(cpu, CpuUnit)
    assert (cpu.dram_bandwidth_bytes_per_s, cpu.l2_bytes, cpu.last_level_bytes) == (6.4e9, 512 * 1024, 2 * 1024 * 1024)


def test_no_change_is_no_change(write: Write) -> None:
    assert load_device(write(), []) == load_device(write())


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ("units.array.shap=[8,8]", ("the device has no field 'units.array.shap'", "nearest: units.array.shape")),
        ("units.aray.shape=[8,8]", ("the device has no field 'units.aray.shape'", "nearest: units.array.shape")),
        ("memories.sram.capacity=256 KiB", ("the device has no field 'memories.sram.capacity'", "nearest: memories.dram.capacity")),
        ("units.array=x", ("the device has no field 'units.array'",)),
        ("name=x", ("the device has no field 'name'",)),
        ("units.array.parameters.window=2", ("the device has no field 'units.array.parameters.window'",)),
        ("units.array.frequency=3 MB", ("'3 MB' is in byte", "a value of frequency is expected")),
        ("units.array.frequency=nan MHz", ("is no quantity",)),
        ("units.array.frequency=0 Hz", ("a frequency > 0",)),
        ("units.array.shape=[8]", ("'[8]' stood here",)),
        ("memories.dram.capacity=lots", ("'lots' is no quantity",)),
        ("memories.dram.capacity=[1, 2]", ("'[1, 2]' stood here; a capacity",)),
        ("memories.dram.capacity=", ("a value is expected",)),
        ("memories.dram.capacity={", ("not readable as YAML",)),
        ("memories.dram.capacity", ("no '=' stood there; FIELD=VALUE is expected",)),
        ("memories.dram.read_bandwidth=4 B/cycle", ("the clock is expected beside it",)),
    ],
)
def test_bad_changes_are_refused(write: Write, change: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(DeviceFileError) as problem:
        load_device(write(), [change])
    message = str(problem.value)
    assert message.startswith(f"--set {change}"), message
    assert "\n" not in message
    for part in parts:
        assert part in message
