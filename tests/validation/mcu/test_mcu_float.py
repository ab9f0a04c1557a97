"""Small fp32 networks: layers from names, errors by board, the cold way from other boards, the interval as written."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hwmodels.device import McuUnit
from hwmodels.intervals import MICROCONTROLLERS, learnt_interval
from hwmodels.measured_rows import FLOAT
from hwmodels.reader import load_device
from hwmodels.runtime import runtimes
from validation.errors import DatasetError
from validation.mcu_float import DEVICE, NETWORK, by_board, cold, learnt_float, network, rows, study
from validation.reader import load_dataset
from workloads.tables import graph_tables


def test_layers_are_those_of_the_name() -> None:
    """30 inputs, 10 + 50 hidden, 2 classes: 300 + 500 + 100 MACs in three layers."""
    operators = graph_tables(network("FC 10+50 on Breast cancer", 30)).operators
    assert operators.macs[operators.macs > 0].tolist() == [300, 500, 100]
    assert len(rows()) == 77 and {row.dtype for row in rows()} == {"fp32"}


def test_errors_of_boards_that_were_measured() -> None:
    """Feather 3.6 / 1.8 %, Portenta 3.2 / 2.4 %, ESP32 6.3 / 4.7 %, F746 7.5 / 5.0 %, Nano 13.4 / 12.4 %."""
    reports = {report.split: report for report in study(load_dataset("tinyml_fc"))}
    found = {
        name: (round(100 * e.mape, 1), round(100 * e.median_ape, 1)) for name, e in reports[NETWORK].by(lambda r: r.device).items()
    }
    assert found == {
        "adafruit_feather_m4": (3.6, 1.8), "arduino_nano_33_ble": (13.4, 12.4), "arduino_portenta_h7": (3.2, 2.4), "esp32": (6.3, 4.7),
        "nucleo_f746zg": (7.5, 5.0),
    }  # fmt: skip
    total = reports[DEVICE].total()
    assert total is not None and total.n == 77 and total.mape < 0.2 and total.median_ape < 0.15
    assert sum(reports[DEVICE].left_out.values()) + 77 == sum(r.metric == "latency_s" for r in load_dataset("tinyml_fc").rows)


def test_a_cold_board_is_not_in_its_own_level() -> None:
    """The level of a board's predictions is one number times the catalogue's figure, whatever was measured on it."""
    esp32 = [row for row in cold() if row.measurement.device == "esp32"]
    away = np.log([row.measurement.value / row.predicted for row in esp32])
    assert abs(np.median(away)) > 0.2  # were it fitted to its own rows, this would be near 0
    assert len(by_board()) == len(cold()) == 77


def test_the_interval_is_that_of_the_files() -> None:
    one, written = learnt_float(), learnt_interval(MICROCONTROLLERS, FLOAT, "float")
    assert written is not None and (written.half_width, *written[3:]) == (pytest.approx(one.half_width, abs=6e-4), *one[3:])


@pytest.mark.parametrize("device", ["nrf52840", "stm32f746", "esp32", "apollo510", "rp2350"])
def test_float_costs_are_those_of_a_core_with_a_floating_point_unit(device: str) -> None:
    unit, without = load_device(device).default_unit, load_device("rp2040").default_unit
    assert isinstance(unit, McuUnit) and isinstance(without, McuUnit)
    assert unit.multipliers["float_fully_connected"] * unit.cycle_factor == pytest.approx(1.0, abs=0.02)
    assert "float_output" not in without.multipliers


def test_reference_kernels_cost_the_same_under_every_name() -> None:
    costs = {p.costs["float_fully_connected_cycles"] for p in runtimes() if p.name.startswith(("tflm", "esp_nn"))}
    assert len(costs) == 1 and math.isclose(costs.pop(), 14.0)


def test_other_splits_are_refused() -> None:
    with pytest.raises(DatasetError, match="leave-one-network-out, leave-one-device-out is expected"):
        study(load_dataset("tinyml_fc"), "few-shot:4")
