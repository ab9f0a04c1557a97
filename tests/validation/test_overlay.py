"""Overlays: what is written loads again, over the right device, and says where it comes from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwmodels.catalog import DEVICES, device_names
from hwmodels.costs.cpu import TERM_NAMES
from hwmodels.device import CpuUnit
from hwmodels.errors import DeviceFileError
from hwmodels.intervals import learnt_interval
from hwmodels.provenance import Status
from hwmodels.reader import load_device
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from validation.cpu_tree import PARAMETERS, Entity, start
from validation.cpu_write import core_text
from validation.overlay import NAMED, Overlay, UnitFit
from workloads.readers import load_network

THETA = start() + 0.1 * np.eye(len(PARAMETERS))[PARAMETERS.index("all")]
UNIT = UnitFit(Entity("raspberry_pi_4", "cpu", "BCM2711", "cortex_a72"), THETA, start(), (("conv_1", 0.4),))
OVERLAY = Overlay(
    "raspberry_pi_4", "ncnn", "few measurements", "five rows", "none", {"rows": 5, "mape": 0.08}, {"cpu": UNIT}, "2024-05-01"
)


def test_what_is_written_is_laid_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.fit.yaml"
    OVERLAY.write(path)
    device, plain = load_device(str(path)), load_device("raspberry_pi_4")
    unit, source = device.units["cpu"], device.sources["units.cpu.multipliers.gemm"]
    assert isinstance(unit, CpuUnit) and device.name == "raspberry_pi_4"
    assert dict(unit.multipliers) == pytest.approx(UNIT.multipliers, rel=1e-3)
    assert unit.calibrated == "few measurements"
    assert source.status is Status.FITTED and "fitted to five rows, none, 2024-05-01" in source.citation
    assert replace(unit, multipliers={}, calibrated="") == replace(plain.units["cpu"], multipliers={}, calibrated="")


def test_equal_fits_give_equal_bytes_and_a_dozen_names() -> None:
    assert OVERLAY.text() == replace(OVERLAY).text()
    assert "date:" not in replace(OVERLAY, date=None).text()
    assert set(UNIT.named) == set(NAMED) and len(NAMED) == 12
    assert UNIT.named["all"] == pytest.approx(np.exp(0.1)) and UNIT.named["gemm"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format: 1\n", "'device' is missing"),
        ("format: 1\ndevice: raspberry_pi_4\nunits: {}\nboard: x\n", "unknown key 'board'"),
        ("format: 1\ndevice: raspberry_pi_4\nunits:\n  gpu:\n    multipliers:\n      gemm: 1\n", "unit 'gpu' is not in the device"),
        ("format: 1\ndevice: raspberry_pi_4\nunits:\n  cpu:\n    multiplier:\n      gemm: 1\n", "unknown key 'multiplier'"),
        ("format: 1\ndevice: raspberry_pi_4\nunits:\n  cpu:\n    parameters:\n      gemm: 1\n", "has no multipliers"),
    ],
)
def test_broken_overlays_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.fit.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DeviceFileError, match=said):
        load_device(str(path))


def test_every_overlay_of_the_catalogue_belongs_to_a_device() -> None:
    names = device_names()
    for path in DEVICES.glob("*.fit.yaml"):
        device = load_device(path.name.removesuffix(".fit.yaml"))
        assert device.name in names
        fitted = [unit for unit in device.units.values() if isinstance(unit, CpuUnit) and unit.calibrated]
        assert fitted and all(set(unit.multipliers) == set(TERM_NAMES) for unit in fitted)


def test_a_changed_core_is_not_the_fitted_one() -> None:
    changed = load_device("jetson_nano", {"units.cpu.core": "cortex_a72"}).units["cpu"]
    assert isinstance(changed, CpuUnit) and not changed.calibrated


@pytest.mark.parametrize(
    ("device", "basis"),
    [("jetson_nano", "board calibrated"), ("raspberry_pi_4", "data sheet only"), ("rk3588", "board calibrated")],
)
def test_estimates_tell_how_sure_they_are(device: str, basis: str) -> None:
    found, graph = load_device(device), load_network("ncnn_squeezenet")
    answer = estimate(lower(graph, found, layerwise_plan(graph, found, unit="cpu", threads=1)))
    learnt = learnt_interval("ncnn", basis, "float")
    assert answer.interval_basis == basis and answer.latency_interval_s is not None and learnt is not None
    low, high = answer.latency_interval_s
    assert low < answer.latency_s < high
    assert np.log(high / low) == pytest.approx(2 * learnt.half_width)
    assert "latency_interval_s" not in {missing.field for missing in answer.missing}


def test_no_interval_where_none_was_learnt() -> None:
    found, graph = load_device("jetson_nano"), load_network("ncnn_squeezenet", batch=2)
    answer = estimate(lower(graph, found, layerwise_plan(graph, found, unit="cpu", threads=1)))
    assert answer.latency_interval_s is None
    assert {m.field: m.reason for m in answer.missing}["latency_interval_s"] == "no interval was learnt for batches"


def test_core_files_keep_everything_but_their_multipliers() -> None:
    text = "values: 1\nmultipliers:\n  source: class_mean\n  status: fitted\n  gemm: 2\nsources:\n  class_mean: >-\n    old\n    words\n"
    assert core_text(text, {"gemm": 1.234567}, "new") == (
        "values: 1\nmultipliers:\n  source: class_mean\n  status: fitted\n  gemm: 1.23\nsources:\n  class_mean: >-\n    new\n"
    )
