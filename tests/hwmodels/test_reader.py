"""The strict reader: what a good file gives, and one line with file, line, what stood there and what is expected for a bad one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwmodels.device import ArrayUnit
from hwmodels.errors import DeviceFileError
from hwmodels.provenance import Status
from hwmodels.reader import load_device
from tests.hwmodels.conftest import EXAMPLE

Write = Callable[..., Path]


def test_the_example_of_a_device_file(write: Write) -> None:
    device = load_device(write())
    array = device.units["array"]
    assert isinstance(array, ArrayUnit)
    assert (array.rows, array.columns, array.frequency_hz, array.mac_energy_j) == (16, 16, 500e6, 0.6e-12)
    assert (array.join, array.levels, array.weights_in, array.word_bits) == ("max", ("scratchpad", "dram"), ("dram",), 16)
    assert device.memories["scratchpad"].kind == "scratchpad"  # its name is a kind
    assert device.memories["scratchpad"].capacity_bytes == 256 * 1024
    assert device.memories["scratchpad"].read_bandwidth_bytes_per_s == 32 * 500e6  # by the clock of the array
    assert device.memories["dram"].capacity_bytes == 2**30
    assert device.memories["dram"].read_bandwidth_bytes_per_s is None  # not known, not 0
    link = device.links["dram_to_scratchpad"]
    assert (link.source, link.target, link.bandwidth_bytes_per_s, link.latency_s) == ("dram", "scratchpad", 3.2e9, 120e-9)
    assert device.default_unit is array


def test_every_value_keeps_its_source(write: Write) -> None:
    sources = load_device(write()).sources
    assert sources["units.array.frequency"].citation == "Example NPU data brief, rev. 3, table 2"
    assert sources["units.array.frequency"].as_written == "500 MHz"
    assert sources["units.array.mac_energy"].status is Status.ASSUMED
    assert sources["links.dram_to_scratchpad.bandwidth"].status is Status.MEASURED
    assert sources["memories.scratchpad.read_bandwidth"].as_written == "32 B/cycle of array"
    assert sources["units.array.shape"].status is Status.ASSUMED  # stated, but by no document


def test_a_section_gives_its_values_a_source(write: Write) -> None:
    path = write(
        ("frequency: {value: 500 MHz, source: datasheet}", "source: datasheet\n    frequency: 500 MHz"),
        ("name: example_npu", "name: example_npu\nstatus: fitted"),
    )
    sources = load_device(path).sources
    assert sources["units.array.frequency"].citation.startswith("Example NPU data brief")
    assert sources["units.array.frequency"].status is Status.FITTED  # the file's default
    assert sources["units.array.mac_energy"].status is Status.ASSUMED  # its own
    assert sources["units.array.shape"].citation.startswith("Example NPU data brief")


def test_a_citation_may_be_written_out(write: Write) -> None:
    device = load_device(write(("source: board}", 'source: "Board schematic, sheet 7"}')))
    assert device.sources["memories.dram.capacity"].citation == "Board schematic, sheet 7"


BAD = [
    # what is changed, line of the complaint, parts of the message
    (("shape: [16, 16]", "shape: [16, 16]\n    frequncy: 1 GHz"), 9,
     ("unknown key 'frequncy'", "a known field is expected", "nearest: frequency")),
    (("summary:", "sumary:"), 3, ("unknown key 'sumary'", "nearest: summary")),
    (("    frequency: {value: 500 MHz, source: datasheet}\n", ""), 6,
     ("units.array: 'frequency' is missing", "a frequency such as '1.5 GHz'")),
    (("name: example_npu\n", ""), 1, ("'name' is missing", "text is expected")),
    (("    kind: systolic\n", ""), 6, ("units.array: 'kind' is missing", "one of cpu, gpu, mcu, row_stationary, spatial, systolic")),
    (("kind: systolic", "kind: sistolic"), 7, ("units.array.kind: 'sistolic' stood here", "nearest: systolic")),
    (("shape: [16, 16]", "shape: [16, 16]\n    shape: [8, 8]"), 9, ("key 'shape' stands a second time (first on line 8)",)),
    (("500 MHz, source: datasheet", "500 MHz"), 9,
     ("units.array.frequency: '500 MHz' names no source", "'source: NAME' for the section")),
    (("500 MHz, source: datasheet", "500 MHz, source: datashet"), 9,
     ("source 'datashet' is not in the section 'sources'", "nearest: datasheet")),
    (("status: assumed", "status: asumed"), 10,
     ("status 'asumed' stood here", "one of datasheet, measured, fitted, assumed", "nearest: assumed")),
    (("value: 500 MHz", "value: 500"), 9, ("'500' has no unit", "a value with a unit of frequency is expected")),
    (("value: 500 MHz", "value: 3 GB/s"), 9, ("'3 GB/s' is in byte/second; a value of frequency is expected, e.g. '1.5 GHz'",)),
    (("value: 3.2 GB/s", "value: 3 MHz"), 23,
     ("links.dram_to_scratchpad.bandwidth: '3 MHz' is in cycle/second", "bandwidth is expected")),
    (("clock: array, ", ""), 15, ("'32 B/cycle' is per cycle; the clock is expected beside it: {value: 32 B/cycle, clock: UNIT}",)),
    (("clock: array", "clock: aray"), 15, ("memories.scratchpad.read_bandwidth: clock 'aray' is no unit", "nearest: array")),
    (("value: 500 MHz", "value: .nan"), 9, ("'.nan' is no quantity; a finite number and a unit are expected",)),
    (("value: 500 MHz", "value: nan MHz"), 9, ("'nan MHz' is no quantity",)),
    (("value: 500 MHz", "value: .inf"), 9, ("'.inf' is no quantity",)),
    (("value: 500 MHz", "value: 0 MHz"), 9, ("'0 MHz' stood here; a frequency > 0",)),
    (("value: 500 MHz", "value: -5 MHz"), 9, ("'-5 MHz' stood here; a frequency > 0",)),
    (("value: 0.6 pJ", "value: -0.6 pJ"), 10, ("'-0.6 pJ' stood here; an energy >= 0",)),
    (("value: 256 KiB", "value: 0 KiB"), 14, ("'0 KiB' stood here; a capacity > 0",)),
    (("value: 256 KiB", "value: 0.3 B"), 14, ("a whole number of bytes is expected",)),
    (("value: 256 KiB", "value: 256 KB"), 14, ("kilo is written k (1000) or Ki (1024)",)),
    (("value: 3.2 GB/s", "value: 0 GB/s"), 23, ("a bandwidth > 0",)),
    (("value: 256 KiB", "valu: 256 KiB"), 14, ("memories.scratchpad.capacity: '{valu: 256 KiB}' stood here",)),
    (("source: board}", "source: board, clok: x}"), 17, ("unknown key 'clok' beside 'value'", "nearest: clock")),
    (("shape: [16, 16]", "shape: [16]"), 8, ("'[16]' stood here; [rows, columns]",)),
    (("shape: [16, 16]", "shape: [16, 0]"), 8, ("'[16, 0]' stood here",)),
    (("shape: [16, 16]", "shape: 16 x 16"), 8, ("'16 x 16' stood here",)),
    (("shape: [16, 16]", "shape:"), 8, ("nothing stood here", "leave the key out where it is not known")),
    (("shape: [16, 16]", "shape: [16, 16]\n    join: mean"), 9, ("'mean' stood here; one of sum, max is expected",)),
    (("shape: [16, 16]", "shape: [16, 16]\n    dtypes: [int7]"), 9, ("'int7' stood here", "nearest: int")),
    (("shape: [16, 16]", "shape: [16, 16]\n    default: maybe"), 9, ("'maybe' stood here; true or false is expected",)),
    (("shape: [16, 16]", "shape: [16, 16]\n    weights_in: [dam]"), 9,
     ("'dam' is not in this device", "an addressable memory", "nearest: dram")),
    (("shape: [16, 16]", "shape: [16, 16]\n    levels: [scratch]"), 9, ("'scratch' is not in this device", "nearest: scratchpad")),
    (("shape: [16, 16]", "shape: [16, 16]\n    macs_per_element: 1.5"), 9, ("'1.5' stood here; a whole number >= 1 is expected",)),
    (("shape: [16, 16]", "shape: [16, 16]\n    bus_words_per_cycle: {weight: 4 words/cycle}"), 9,
     ("unknown name 'weight'", "nearest: weights")),
    (("from: dram", "from: dam"), 21, ("links.dram_to_scratchpad.from: 'dam' is not in this device", "nearest: dram")),
    (("  dram:\n", "  main:\n"), 16, ("memories.main: 'kind' is missing and 'main' is no kind of memory",)),
    (("name: example_npu", "name: example_npu\nhost: cpu"), 3, ("host: 'cpu' is not in this device",)),
    (("format: 1", "format: 2"), 1, ("'2' stood here; a whole number",)),
    (("kind: systolic", "kind: *other"), 7, ("not readable as YAML",)),
    (("kind: systolic", "kind: &name systolic\n    runtime: *name"), 8, ("an alias (*name) stood here",)),
    (("kind: systolic", "kind: !!python/object systolic"), 7, ("the tag", "stood here")),
    (("shape: [16, 16]", "shape: [16, 16"), 9, ("not readable as YAML",)),
    (("    kind: systolic", "\tkind: systolic"), 7, ("not readable as YAML",)),
    (("sources:\n", "---\nsources:\n"), 26, ("not readable as YAML",)),
    (('datasheet: "Example NPU data brief, rev. 3, table 2"', "datasheet: [1, 2]"), 27, ("source 'datasheet' is [1, 2]",)),
]  # fmt: skip


@pytest.mark.parametrize(("change", "line", "parts"), BAD, ids=[parts[0][:40] for _, _, parts in BAD])
def test_bad_files_are_refused_with_their_line(write: Write, change: tuple[str, str], line: int, parts: tuple[str, ...]) -> None:
    path = write(change)
    with pytest.raises(DeviceFileError) as problem:
        load_device(path)
    message = str(problem.value)
    assert message.startswith(f"{path}:{line}: "), message
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("- a\n", "a mapping of fields is expected"),
        ("a\n", "a mapping"),
    ],
)
def test_files_that_hold_no_mapping(write: Write, text: str, said: str) -> None:
    with pytest.raises(DeviceFileError, match=said):
        load_device(write(text=text))


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(DeviceFileError, match="no such file"):
        load_device(str(tmp_path / "nothing.yaml"))
    (tmp_path / "binary.yaml").write_bytes(bytes(range(256)))
    with pytest.raises(DeviceFileError, match="cannot be read as UTF-8"):
        load_device(tmp_path / "binary.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(DeviceFileError, match="no such file"):
        load_device(tmp_path / "folder.yaml")


def test_two_default_units_are_refused(write: Write) -> None:
    second = "  other:\n    kind: vector\n    default: true\n    frequency: {value: 1 GHz, source: manual}\n"
    path = write(("shape: [16, 16]", "shape: [16, 16]\n    default: true"), ("memories:\n", f"{second}memories:\n"))
    with pytest.raises(DeviceFileError, match="units array and other are both marked default"):
        load_device(path)


def test_a_cpu_without_a_dram_rate_is_refused(write: Write) -> None:
    path = write(
        ("kind: systolic\n    shape: [16, 16]", "kind: cpu"),
        ("    mac_energy: {value: 0.6 pJ, source: node28, status: assumed}\n", ""),
    )
    with pytest.raises(DeviceFileError, match="'dram_bandwidth' is missing and no memory of kind dram has a read_bandwidth"):
        load_device(path)


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_spoilt_file_loads_or_is_refused(write: Write, data: st.DataObject) -> None:
    """Cut, doubled and replaced lines and random characters: nothing but a DeviceFileError of one line leaves the reader."""
    lines = EXAMPLE.splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        deed = data.draw(st.sampled_from(["cut", "double", "swap", "insert", "replace"]))
        if deed == "cut" and len(lines) > 1:
            del lines[at]
        elif deed == "double":
            lines.insert(at, lines[at])
        elif deed == "swap":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif deed == "insert":
            column = data.draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:column] + data.draw(st.text(max_size=6)) + lines[at][column:]
        else:
            lines[at] = data.draw(st.text(alphabet="{}[]:,-|>&*!#%@`'\"\\\t \nab01.", max_size=20))
    path = write(text="x")
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    try:
        load_device(path)
    except DeviceFileError as problem:
        assert "\n" not in str(problem)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80) | st.binary(max_size=80))
def test_any_text_is_refused(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", errors="surrogatepass"))
    with pytest.raises(DeviceFileError):
        load_device(path)


def test_deep_nesting_is_refused(write: Write) -> None:
    for depth in (20, 3000):
        with pytest.raises(DeviceFileError, match="nested too deeply|not readable"):
            load_device(write(text="a: " + "[" * depth + "]" * depth))
