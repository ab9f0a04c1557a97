"""Which runs have an interval, how wide it is, and the reason where there is none."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from hwmodels.intervals import learnt_interval
from hwmodels.measured_rows import ESPRESSIF, FLOAT, MANY, NEW_CORE, SCARCE
from hwmodels.reader import load_device
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from sim.results import Estimate
from workloads.networks import build
from workloads.transforms import rebatch, retype


def answer(device: str, network: str = "mlperf_tiny_kws", dtype: str | None = None, batch: int = 1, **choices: str) -> Estimate:
    graph, target = rebatch(build(network), batch), load_device(device)
    graph = retype(graph, dtype) if dtype else graph
    return estimate(lower(graph, target, layerwise_plan(graph, target, batch=batch, **choices)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("device", "runtime", "basis"),
    [
        ("stm32l4r5", "x_cube_ai_8_1", MANY),
        ("esp32", "tflm_reference_esp", ESPRESSIF),
        ("nrf52840", "tflm_cmsis_nn", SCARCE),
        ("apollo510", "tflm_cmsis_nn", NEW_CORE),
        ("andes_ae350_d45", "tflm_andes", SCARCE),
    ],  # fmt: skip
)
def test_microcontrollers_by_the_rows_behind_them(device: str, runtime: str, basis: str) -> None:
    found, learnt = answer(device, runtime=runtime), learnt_interval("microcontrollers", basis, "int8")
    assert found.latency_interval_s is not None and learnt is not None
    low, high = found.latency_interval_s
    assert (low * high, high / low) == pytest.approx((found.latency_s**2, math.exp(2 * learnt.half_width)), rel=1e-9)
    assert found.interval_basis == basis
    assert [missing for missing in found.missing if missing.field == "latency_interval_s"] == []


@pytest.mark.parametrize(
    ("device", "choices", "reason"),
    [
        ("gap8", {}, "no measured rows of runtime gap8_sdk"),
        ("stm32h743", {"network": "lenet5", "dtype": "fp32"}, "float under x_cube_ai_10_0 on cortex_m7"),
        ("rp2040", {"network": "lenet5", "dtype": "fp32"}, "float under tflm_cmsis_nn on cortex_m0plus"),
        ("nrf52840", {"network": "lenet5", "dtype": "fp32"}, "float convolutions on microcontrollers"),
        ("stm32l4r5", {"batch": 2}, "batches"),
        ("stm32h747", {"network": "mobilenet_v2_0_35_224"}, "tensors in external RAM"),
        ("eyeriss_v1", {"network": "lenet5", "dtype": "int16"}, "units of kind row_stationary"),
    ],
)
def test_none_without_a_reason(device: str, choices: dict[str, Any], reason: str) -> None:
    found = answer(device, **choices)
    assert found.latency_interval_s is None
    assert reason in next(missing.reason for missing in found.missing if missing.field == "latency_interval_s")


@pytest.mark.parametrize(("core", "basis"), [("Cortex-M4", SCARCE), ("Cortex-M3", NEW_CORE), ("", NEW_CORE)])
def test_a_core_that_stands_for_another_is_one_never_measured(tmp_path: Path, core: str, basis: str) -> None:
    table = tmp_path / "boards.csv"
    table.write_text(f"board,chip,core,clock_mhz,sram_kib,flash_kib,source\nMine,M1,{core},72,64,256,sheet\n")
    graph, target = build("mlperf_tiny_kws"), load_device("mine", {}, [str(table)])
    assert estimate(lower(graph, target, layerwise_plan(graph, target))).interval_basis == basis


def test_float_under_the_reference_kernels() -> None:
    """Five boards of fully connected fp32 networks tell how far the cost of a core with a floating point unit is off."""
    graph, target, learnt = (
        build("mlperf_tiny_ad", dtype="fp32"),
        load_device("nrf52840"),
        learnt_interval("microcontrollers", FLOAT, "float"),
    )
    found = estimate(lower(graph, target, layerwise_plan(graph, target)))
    assert found.interval_basis == FLOAT and found.latency_interval_s is not None and learnt is not None
    assert found.latency_interval_s[1] / found.latency_s == pytest.approx(math.exp(learnt.half_width))
