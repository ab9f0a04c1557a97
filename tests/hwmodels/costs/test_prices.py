"""Prices by hand, compiled against interpreted, and names that must be known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hwmodels.costs import PRICES, prices_of
from hwmodels.costs.cpu import TERM_NAMES as CPU_NAMES
from hwmodels.costs.cpu import (
    CpuParameters,
    core_byte_seconds,
    cpu_parameters,
    cpu_peak_macs_per_s,
    cpu_prices,
    flop_seconds,
    region_seconds,
)
from hwmodels.costs.gpu import TERM_NAMES as GPU_NAMES
from hwmodels.costs.gpu import (
    gpu_parameters,
    gpu_peak_macs_per_s,
    gpu_prices,
    narrow_accumulation_rate,
    powered_share,
    share_seconds,
)
from hwmodels.costs.mcu import TERM_NAMES as MCU_NAMES
from hwmodels.costs.mcu import core_cycle_seconds, mcu_parameters, mcu_prices
from hwmodels.costs.use import cycles_of, utilization
from hwmodels.device import CpuUnit, GpuUnit, McuUnit
from hwmodels.errors import DeviceFileError
from hwmodels.runtime import Runtime

CPU = CpuUnit(
    "cpu", "cpu", 2e9, ("fp32",), "sum", None, ("dram",), ("dram",), cores=4, l2_bytes=1000.0, last_level_bytes=500.0,
    dram_bandwidth_bytes_per_s=10e9, multipliers={"gemm": 0.5, "fork": 2.0}, int8_rate=4.0, fp16_arithmetic=True,
)  # fmt: skip
GPU = GpuUnit(
    "gpu", "gpu", 1e9, ("fp16",), "sum", None, ("dram",), ("dram",), peak_flop_per_s={"fp16": 4e12, "fp32": 1e12},
    vector_flop_per_s=1e12, dram_bandwidth_bytes_per_s=50e9,
)  # fmt: skip
MCU = McuUnit("cpu", "mcu", 100e6, ("int8",), "sum", None, ("flash",), ("sram",), cycle_factor=0.5, flash_cycles_per_byte=0.25)


def priced(parameters: CpuParameters) -> dict[str, float]:
    prices = np.zeros(20)
    cpu_prices(parameters, prices)
    return dict(zip(CPU_NAMES, prices.tolist(), strict=True))


def test_cpu_prices_by_hand() -> None:
    """2 GHz, 8 FLOP/cycle: 62.5 ps per flop; 16 B/cycle: 31.25 ps per byte; a region of 4 threads: 1 us * 1.125."""
    prices = priced(cpu_parameters(CPU, None, 8))
    assert prices["gemm"] == pytest.approx(0.5 * 62.5e-12)
    assert prices["int8"] == pytest.approx(62.5e-12 / 4)
    assert prices["elementwise"] == pytest.approx(31.25e-12)
    assert prices["fork"] == pytest.approx(2 * 1.125e-6)
    assert prices["dispatch"] == pytest.approx(1e-6)
    assert prices["dram_shared"] == prices["dram_core"] == pytest.approx(0.1e-9)
    assert prices["shared_cache"] == pytest.approx(50e-12)
    assert prices["vector_special"] == prices["scalar_special"] == pytest.approx(0.5e-9)
    assert (flop_seconds(2e9, 8.0), core_byte_seconds(2e9), region_seconds(2e9, 4)) == (62.5e-12, 31.25e-12, 1.125e-6)


def test_cpu_parameters_keep_sizes_in_order() -> None:
    """No L2 below 32 KiB, no last level below L2, no more threads than cores."""
    parameters = cpu_parameters(CPU, None, 8)
    assert (parameters.l2_bytes, parameters.last_level_bytes, parameters.threads) == (32768.0, 32768.0, 4)
    assert cpu_peak_macs_per_s(parameters, 32.0) == 4 * 2e9 * 8 / 2
    assert cpu_peak_macs_per_s(parameters, 16.0) == 2 * cpu_peak_macs_per_s(parameters, 32.0)
    assert cpu_peak_macs_per_s(parameters, 8.0) == 4 * cpu_peak_macs_per_s(parameters, 32.0)


def test_mcu_prices_by_hand() -> None:
    """100 MHz, half a Cortex-M4's cycles: 5 ns per M4 cycle; 33 cycles per output; 0.25 cycles per streamed byte."""
    prices = np.zeros(18)
    mcu_prices(mcu_parameters(MCU, None), prices)
    assert core_cycle_seconds(100e6, 0.5) == 5e-9
    assert prices[MCU_NAMES.index("output")] == pytest.approx(33 * 5e-9)
    factors = mcu_parameters(dataclasses.replace(MCU, multipliers={"output": 1.1, "input": 0.9}), None)
    mcu_prices(factors, prices)
    assert prices[MCU_NAMES.index("output")] == pytest.approx(33 * 1.1 * 5e-9)
    assert prices[MCU_NAMES.index("input")] == pytest.approx(3 * 0.9 * 5e-9)
    assert prices[MCU_NAMES.index("flash")] == pytest.approx(2.5e-9)


def test_gpu_prices_by_hand() -> None:
    """Priors: P = 1 Tflop/s in fp32, W = 0.95 * 50 GB/s, depthwise traffic at half of it, 4 us per kernel."""
    filled = np.zeros(len(GPU_NAMES))
    gpu_prices(gpu_parameters(GPU, None), filled)
    prices = dict(zip(GPU_NAMES, filled.tolist(), strict=True))
    assert prices["matrix"] == prices["product"] == pytest.approx(1e-12)
    assert prices["stream"] == pytest.approx(1 / 47.5e9) and prices["depthwise_stream"] == pytest.approx(2 / 47.5e9)
    assert prices["launch"] == 4e-6 and prices["decoding"] == 0.0
    assert share_seconds(4e9, 0.25) == 1e-9
    assert [gpu_peak_macs_per_s(GPU, bits) for bits in (32.0, 16.0, 8.0)] == [0.5e12, 2e12, 2e12]


def test_gpu_under_a_power_limit_by_hand() -> None:
    """4 Tflop/s of 0.5 pJ are 2 W. Under a limit of 2 W half the peak is left, whatever the type; without a limit all of it."""
    assert powered_share(1.0, 4e12, 0.5e-12, 2.0) == pytest.approx(0.5)
    greedy = Runtime("greedy", "", ("gpu",), costs={"operation_energy": 0.5e-12, "decoding_operations": 5.0})
    limited = gpu_parameters(dataclasses.replace(GPU, power_limit_w=2.0), greedy)
    assert limited.matrix_flop_per_s == pytest.approx(0.5e12) and limited.half_rate == 4.0
    assert gpu_parameters(GPU, greedy).matrix_flop_per_s == pytest.approx(1e12)
    assert limited.decoding_s == pytest.approx(5e-12)


@pytest.mark.parametrize("kind", sorted(PRICES))
def test_price_kernels_are_found_by_kind(kind: str) -> None:
    assert prices_of(kind).__name__ == f"{kind}_prices"


def test_names_that_are_no_terms_are_refused() -> None:
    with pytest.raises(DeviceFileError, match=r"units\.cpu\.multipliers: 'gem' .* nearest: gemm"):
        cpu_parameters(dataclasses.replace(CPU, multipliers={"gem": 1.0}), None, 1)
    with pytest.raises(DeviceFileError, match=r"units\.cpu\.multipliers: 'outputs' .* nearest: output"):
        mcu_parameters(dataclasses.replace(MCU, multipliers={"outputs": 1.0}), None)
    with pytest.raises(DeviceFileError, match=r"units\.gpu\.efficiencies: 'matrix' .*matrix_share"):
        gpu_parameters(dataclasses.replace(GPU, efficiencies={"matrix": 1.0}), None)


def test_use_of_time() -> None:
    assert cycles_of(2.5e-6, 1e6) == 2  # ties to even
    assert utilization(0.0, 1e9, 0.0) == 0.0 and utilization(5e8, 1e9, 1.0) == 0.5


def test_sums_in_sixteen_bit_run_at_half_the_byte_rate() -> None:
    """A card with 4 Top/s in 8 bit and 1 Tflop/s in fp16 (sums in 32 bit) does 2 Tflop/s where sums may be 16 bit wide."""
    assert narrow_accumulation_rate(4e12) == 2e12
    card = dataclasses.replace(GPU, peak_flop_per_s={"fp32": 1e12, "fp16": 1e12, "int8": 4e12})
    narrow = Runtime("narrow", "", ("gpu",), costs={"narrow_accumulation": 1.0})
    assert gpu_parameters(card, narrow).half_rate == 2.0 and gpu_parameters(card, None).half_rate == 1.0


def test_costs_of_an_architecture_come_before_those_of_the_runtime() -> None:
    runtime = Runtime("r", "", ("gpu",), costs={"launch": 5e-6, "run": 1e-3}, architectures={"volta": {"launch": 7e-6}})
    volta = gpu_parameters(dataclasses.replace(GPU, architecture="volta"), runtime)
    assert (volta.launch_s, volta.run_s) == (7e-6, 1e-3) and gpu_parameters(GPU, runtime).launch_s == 5e-6
