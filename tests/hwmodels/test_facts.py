"""Fact tables: a row is a device or a cluster; what is missing comes from the class and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwmodels import catalog
from hwmodels.device import CpuUnit, GpuUnit, McuUnit
from hwmodels.errors import DeviceFileError
from hwmodels.facts import slug
from hwmodels.provenance import Status
from hwmodels.reader import load_device

CPU = """\
device,chip,cluster,uarch,cores,clock_mhz,l2_kib,l3_kib,dram_type,dram_bus_bits,dram_mtps,dram_bw_gbps,power_w,source,colour
Board One,C1,all,Cortex-A72,4,1500,1024 shared,,LPDDR4,32,3200,12.8,6.5,sheet one,green
Board Two,C2,big,Cortex-A72,2,2000,512 per core,2048,LPDDR4,64,3200,,8-10,sheet two,
Board Two,C2,LITTLE,Cortex-A99,4,1400,,2048,,,,,,sheet two,
Board Three,C3,all,,,,,,,,,,,,
"""
GPU = """\
device,arch,sms_or_cores,alus,boost_mhz,fp32_tflops,fp16_tensor_dense_tflops,int8_dense_tops,l2_mib,mem_type,mem_bw_gbps,mem_gib,tdp_w,source
GeForce Big,Maxwell,82,10496,1695,35.58,142,284,6,GDDR6X,936.2,24,350,sheet
Jetson Small,Maxwell,1,128,921,0.236,,,0.25,LPDDR4,25.6,4,10,sheet
"""
MCU = """\
board,chip,core,clock_mhz,sram_kib,dtcm_kib,flash_kib,ext_ram_kib,flash_wait_states,supply_v,active_mw,source
NUCLEO-X,STM32X7,Cortex-M7,280,1024,128,2048,,7,3.3,140,system description
Tiny,,Cortex-M7,64,,,,8192,,,,
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cpus.csv").write_text(CPU)
    (tmp_path / "gpus.csv").write_text(GPU)
    (tmp_path / "mcus.csv").write_text(MCU)
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    return tmp_path


def test_names_of_a_folder(folder: Path) -> None:
    names = set(catalog.device_names([folder])) - set(catalog.device_names())
    assert names == {"board_one", "board_two", "board_three", "geforce_big", "jetson_small", "nucleo_x", "tiny"}
    assert slug("Raspberry Pi 3 Model B+") != slug("Raspberry Pi 3 Model B")


def test_a_cpu_row(folder: Path) -> None:
    device = load_device("board_one", extra_paths=[folder])
    cpu = device.units["cpu"]
    assert isinstance(cpu, CpuUnit)
    assert (cpu.cores, cpu.frequency_hz, cpu.core, cpu.active_power_w) == (4, 1.5e9, "cortex_a72", 6.5)
    assert cpu.l2_bytes == 256 * 1024  # 1 MiB shared by four
    assert cpu.dram_bandwidth_bytes_per_s == 12.8e9
    assert device.facts == {"colour": "green"}
    assert device.sources["units.cpu.frequency"].status is Status.DATASHEET
    assert device.sources["units.cpu.frequency"].citation == "sheet one (column clock_mhz: 1500)"
    assert device.sources["units.cpu.l2"].status is Status.ASSUMED  # the cell says more than a number
    assert load_device("Board One", extra_paths=[folder]) == device


def test_clusters_are_units_and_cpu_is_all_cores(folder: Path) -> None:
    device = load_device("board_two", {"units.cpu_big.frequency": "1 GHz"}, extra_paths=[folder])
    units = device.units
    assert set(units) == {"cpu_big", "cpu_little", "cpu"}
    big, little, every = units["cpu_big"], units["cpu_little"], device.default_unit
    assert isinstance(big, CpuUnit) and isinstance(little, CpuUnit) and isinstance(every, CpuUnit)
    assert (big.frequency_hz, big.l2_bytes, big.last_level_bytes) == (1e9, 512 * 1024, 2048 * 1024)
    assert (every.name, every.cores, every.frequency_hz) == ("cpu", 6, 1.4e9)  # the slowest decides
    assert "nearest class to 'Cortex-A99'" in device.sources["units.cpu_little.core"].citation
    # 3200 MT/s x 8 B
    assert big.dram_bandwidth_bytes_per_s == 25.6e9
    assert device.sources["memories.dram.read_bandwidth"].status is Status.ASSUMED


def test_what_is_missing_is_assumed(folder: Path) -> None:
    device = load_device("board_three", extra_paths=[folder])
    for field in ("frequency", "cores"):
        assert device.sources[f"units.cpu.{field}"].status is Status.ASSUMED
        assert "default of the class" in device.sources[f"units.cpu.{field}"].citation


def test_gpu_rows(folder: Path) -> None:
    big = load_device("geforce_big", extra_paths=[folder]).units["gpu"]
    small = load_device("jetson_small", extra_paths=[folder]).units["gpu"]
    assert isinstance(big, GpuUnit) and isinstance(small, GpuUnit)
    assert big.peak_flop_per_s == {"fp32": 35.58e12, "fp16": 71e12, "int8": 284e12}  # fp32 accumulation halves 142
    assert (big.multiprocessors, big.l2_bytes, big.runtime) == (82, 6 * 1024 * 1024, "torch_eager")
    assert (small.l2_bytes, small.runtime, small.dtypes) == (256 * 1024, "tensorrt", ("fp32",))


def test_mcu_rows(folder: Path) -> None:
    device = load_device("nucleo_x", extra_paths=[folder])
    cpu = device.units["cpu"]
    assert isinstance(cpu, McuUnit)
    assert (cpu.core, cpu.frequency_hz, cpu.active_power_w, cpu.runtime) == ("cortex_m7", 280e6, 0.14, "x_cube_ai_10")
    assert {m.name: m.capacity_bytes for m in device.memories.values()} == {
        "dtcm": 128 * 1024, "sram": 1024 * 1024, "flash": 2048 * 1024,
    }  # fmt: skip
    assert (cpu.weights_in, cpu.activations_in) == (("flash",), ("dtcm", "sram"))
    assert device.energy_scope == "chip"
    tiny = load_device("tiny", extra_paths=[folder])
    assert tiny.units["cpu"].runtime == "tflm_cmsis_nn"
    assert tiny.memories["external_ram"].capacity_bytes == 8192 * 1024
    assert tiny.sources["memories.sram.capacity"].status is Status.ASSUMED


def test_a_table_of_another_kind_is_refused(folder: Path) -> None:
    with pytest.raises(DeviceFileError, match="notes.csv:1: the header is that of no fact table"):
        catalog.device_names([folder / "notes.csv"])


def test_a_table_is_no_device(folder: Path) -> None:
    with pytest.raises(DeviceFileError, match="is a table; a device file or a name is expected; --devices"):
        load_device(str(folder / "cpus.csv"))


def test_a_cell_that_makes_no_sense_is_refused_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "cpus.csv"
    path.write_text(CPU.replace("Cortex-A72,4,1500", "Cortex-A72,4,0"))
    with pytest.raises(DeviceFileError, match=r"cpus.csv:2: units.cpu.frequency: '0 MHz' stood here; a frequency > 0"):
        load_device("board_one", extra_paths=[path])


MEASURED = Path(__file__).parents[3] / "shared" / "measured" / "cpu_gpu"


@pytest.mark.skipif(not MEASURED.is_dir(), reason="the folder of published tables is not here")
@pytest.mark.parametrize("table", ["hw_facts_cpu.csv", "hw_facts_gpu.csv"])
def test_published_tables_load(table: str) -> None:
    extra = [MEASURED / table]
    for name in set(catalog.device_names(extra)) - set(catalog.device_names()):
        assert load_device(name, extra_paths=extra).name == name


@pytest.mark.parametrize("column", ["clock_mhz", "dram_bw_gbps"])
def test_a_number_below_zero_is_refused_by_row_and_column(tmp_path: Path, column: str) -> None:
    """It is no empty cell that the class might fill."""
    table = tmp_path / "own.csv"
    cells = {"device": "b", "uarch": "Cortex-A72", "cores": "4", "clock_mhz": "1500", "dram_bw_gbps": "12.8"} | {column: "-3"}
    table.write_text(f"{','.join(cells)}\n{','.join(cells.values())}\n", encoding="utf-8")
    with pytest.raises(DeviceFileError, match=f"own.csv:2: column {column}: '-3'"):
        load_device("b", extra_paths=[table])
