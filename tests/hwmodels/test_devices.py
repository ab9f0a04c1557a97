"""Every device file of the catalogue: loads, names its sources, and holds plausible values."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from hwmodels import build, catalog
from hwmodels.device import ArrayUnit, CpuUnit, Device, GpuUnit, McuUnit, VectorUnit
from hwmodels.errors import DeviceFileError
from hwmodels.provenance import Status
from hwmodels.reader import load_device
from hwmodels.schema import DTYPES, SECTIONS, UNIT_KINDS, fields_of, type_of
from hwmodels.tables import describe_device, field_table
from hwmodels.templates import KINDS, template

NAMES = catalog.device_names()
FIRST = ("eyeriss_v1", "jetson_nano", "raspberry_pi_4", "stm32h743", "systolic_32x32")


@pytest.fixture(scope="module", params=NAMES)
def device(request: pytest.FixtureRequest) -> Device:
    return load_device(request.param)


def test_the_names_that_stay_are_there() -> None:
    assert set(FIRST) <= set(NAMES)


def test_name_and_summary_are_those_of_the_file(device: Device) -> None:
    listed = {line.name: line for line in catalog.devices()}[device.name]
    assert listed.path.stem == device.name
    assert listed.summary == device.summary
    assert 10 < len(device.summary) < 120
    assert device.chip


def test_every_value_has_a_source(device: Device) -> None:
    for path, source in device.sources.items():
        assert source.as_written, path
        assert source.citation, path
        assert source.status in Status, path
    for section, things in {
        "units": device.units,
        "memories": device.memories,
        "links": device.links,
        "power": device.power,
    }.items():
        for name, thing in things.items():
            model = UNIT_KINDS[thing.kind] if section == "units" else SECTIONS[section]  # type: ignore[attr-defined]
            for field, info in fields_of(model).items():
                value = getattr(thing, build.attribute_of(field, info), None)
                if type_of(info).needs_source and isinstance(value, float | int):
                    assert f"{section}.{name}.{field}" in device.sources, f"{section}.{name}.{field}"


def test_assumed_values_say_why(device: Device) -> None:
    """A value that is assumed does not hide behind the citation of a data sheet: its source says that it was chosen, or how."""
    for path, source in device.sources.items():
        assert len(source.citation) > 10, path


def test_ranges_are_plausible(device: Device) -> None:
    for unit in device.units.values():
        assert 10e6 <= unit.frequency_hz <= 6e9
        assert set(unit.dtypes) <= set(DTYPES)
        assert unit.weights_in and unit.activations_in
        assert unit.join in ("sum", "max")
        if unit.active_power_w is not None:
            assert 1e-3 < unit.active_power_w < 2000
    for memory in device.memories.values():
        assert memory.capacity_bytes is None or 64 <= memory.capacity_bytes <= 2**41
        for rate in (memory.read_bandwidth_bytes_per_s, memory.write_bandwidth_bytes_per_s):
            assert rate is None or 1e6 < rate < 1e14
        for energy in (memory.read_energy_j_per_byte, memory.write_energy_j_per_byte):
            assert energy in (None, 0) or 1e-14 < energy < 1e-8  # 0: contained in another figure
    for link in device.links.values():
        assert 1e6 < link.bandwidth_bytes_per_s < 1e13
        assert 0 <= link.latency_s < 1e-3
    for state in device.power.values():
        assert state.power_w is None or 0 <= state.power_w < 2000
    assert any(memory.addressable for memory in device.memories.values())


def test_units_are_plausible_for_their_kind(device: Device) -> None:
    for unit in device.units.values():
        if isinstance(unit, CpuUnit):
            assert 1 <= unit.cores <= 256
            assert 2 <= unit.fp32_flop_per_cycle <= 128
            assert 1e9 <= unit.dram_bandwidth_bytes_per_s <= 1e12
            assert 32 * 1024 <= unit.l2_bytes <= unit.last_level_bytes
        elif isinstance(unit, GpuUnit):
            assert unit.peak_flop_per_s and max(unit.peak_flop_per_s.values()) < 1e16
            assert 1e9 < unit.vector_flop_per_s < 2e14
            assert unit.l2_bytes > 0
        elif isinstance(unit, McuUnit):
            assert 0.1 <= unit.cycle_factor <= 10
            assert 0 <= unit.flash_cycles_per_byte <= 1
        elif isinstance(unit, ArrayUnit):
            assert unit.dataflows
            assert 1 <= unit.rows * unit.columns <= 2**18
            assert unit.levels and device.memories[unit.levels[-1]].addressable
            assert unit.mac_energy_j is None or 1e-14 < unit.mac_energy_j < 1e-10
        else:
            assert isinstance(unit, VectorUnit)


def test_arrays_have_a_host(device: Device) -> None:
    if any(isinstance(unit, ArrayUnit) for unit in device.units.values()):
        assert device.host in device.units


def test_description_has_every_value(device: Device) -> None:
    rows = describe_device(device)
    assert {row.path for row in rows} == set(device.sources)
    first = next(iter(device.units))
    assert rows[0].path.startswith(f"units.{first}.")


def test_devices_print_as_a_small_table(device: Device) -> None:
    lines = repr(device).splitlines()
    assert lines[0] == f"Device '{device.name}': {device.summary}"
    assert len(lines) == 1 + len(device.units) + len(device.memories) + len(device.links) + len(device.power)


def test_devices_can_be_pickled_and_copied(device: Device) -> None:
    assert pickle.loads(pickle.dumps(device)) == device
    assert copy.deepcopy(device) == device


def test_figures_of_the_first_devices() -> None:
    eyeriss = load_device("eyeriss_v1")
    array = eyeriss.units["array"]
    assert isinstance(array, ArrayUnit)
    assert (array.rows, array.columns, array.frequency_hz, array.word_bits) == (12, 14, 200e6, 16)
    assert array.element_memories == {"weights": 224, "inputs": 12, "outputs": 24}
    assert array.bus_words_per_cycle == {"weights": 4.0, "inputs": 1.0, "outputs": 4.0}
    assert array.parameters["window_factor"] == 1.9
    glb = eyeriss.memories["glb"]
    assert (glb.capacity_bytes, glb.banks) == (108 * 1024, 27)
    assert glb.capacity_bytes is not None and glb.capacity_bytes // glb.banks == 4096
    assert eyeriss.links["dram_link"].bandwidth_bytes_per_s == 480e6  # 8 B at 60 MHz

    board = load_device("stm32h743")
    assert board.memories["axi_sram"].capacity_bytes == 512 * 1024
    # data sheet: 192 KiB TCM, 864 KiB SRAM (and 4 KiB of backup SRAM, which is left out)
    assert sum(m.capacity_bytes or 0 for m in board.memories.values() if m.kind == "tcm") == 192 * 1024
    assert sum(m.capacity_bytes or 0 for m in board.memories.values() if m.kind == "sram") == 864 * 1024
    assert board.memories["flash"].capacity_bytes == 2 * 1024 * 1024

    pi = load_device("raspberry_pi_4").units["cpu"]
    assert isinstance(pi, CpuUnit)
    assert (pi.cores, pi.frequency_hz, pi.dram_bandwidth_bytes_per_s, pi.l2_bytes) == (4, 1.5e9, 12.8e9, 256 * 1024)

    nano = load_device("jetson_nano")
    gpu = nano.default_unit
    assert isinstance(gpu, GpuUnit)
    assert gpu.peak_flop_per_s == {"fp16": 472e9, "fp32": 236e9}
    assert gpu.dram_bandwidth_bytes_per_s == 25.6e9
    # 128 lanes x 2 flop x 921.6 MHz = 235.9 Gflop/s
    assert math.isclose(128 * 2 * gpu.frequency_hz, gpu.peak_flop_per_s["fp32"], rel_tol=1e-3)


def test_an_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(DeviceFileError) as problem:
        load_device("raspbery_pi_4")
    assert "device: 'raspbery_pi_4' is not in the catalogue" in str(problem.value)
    assert "nearest: raspberry_pi_4" in str(problem.value)


def test_a_new_device_is_a_new_file_and_no_code(tmp_path: Path) -> None:
    (tmp_path / "my_mcu.yaml").write_text(template("mcu"), encoding="utf-8")
    (tmp_path / "my_mcu.fit.yaml").write_text("format: 1\n", encoding="utf-8")
    assert set(catalog.device_names([tmp_path])) == {*NAMES, "my_mcu"}
    assert load_device("my_mcu", extra_paths=[tmp_path]).name == "my_mcu"
    assert load_device("my_mcu", extra_paths=[tmp_path / "my_mcu.yaml"]).units["cpu"].frequency_hz == 400e6
    assert load_device(str(tmp_path / "my_mcu.yaml")).memories["flash"].capacity_bytes == 2 * 1024 * 1024
    with pytest.raises(DeviceFileError, match="no such file or folder"):
        catalog.device_names([tmp_path / "nothing"])


@pytest.mark.parametrize("kind", KINDS)
def test_templates_load(kind: str, tmp_path: Path) -> None:
    text = template(kind)
    path = tmp_path / f"my_{kind}.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = load_device(path)
    assert loaded.name == f"my_{kind}"
    assert text.count("#") > 20


def test_an_unknown_template_gives_the_nearest() -> None:
    with pytest.raises(DeviceFileError, match="one of cpu, mcu, gpu, array is expected; nearest: cpu"):
        template("cpus")


def test_every_field_is_described() -> None:
    rows = field_table()
    assert {
        "",
        "units (all kinds)",
        "units (cpu)",
        "units (row_stationary, spatial, systolic, tile_engine)",
        "memories",
        "links",
        "power",
    } <= {r.section for r in rows}
    for row in rows:
        assert row.dimension and row.default and len(row.meaning) > 3, row
    by_name = {(row.section, row.field): row for row in rows}
    assert by_name["memories", "read_bandwidth"].dimension == "bandwidth"
    assert by_name["units (all kinds)", "frequency"].default == "required"
    assert by_name["links", "from"].default == "required"


def test_listing_needs_no_unit_library() -> None:
    """Names and summaries, and the whole import of the types, leave pint and the validation library alone."""
    code = (
        "import sys; import hwmodels; from hwmodels import catalog; catalog.devices();"
        "assert not {'pint', 'pydantic', 'numba'} & set(sys.modules), set(sys.modules) & {'pint', 'pydantic', 'numba'}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
