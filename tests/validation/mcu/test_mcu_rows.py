"""Rows of microcontrollers: which count, what they say, and that the data files reproduce them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from hwmodels.costs.mcu import FACTORED, TERM_NAMES, mcu_parameters, mcu_prices
from hwmodels.device import McuUnit
from hwmodels.intervals import MICROCONTROLLERS, learnt_interval
from hwmodels.measured_rows import measured_rows
from hwmodels.runtime import load_runtime
from validation.mcu import DEVICE, FAMILY, counted, energy_report, latency_rows, learnt, only
from validation.mcu_fit import Spreads, fit
from validation.mcu_intervals import row_counts
from validation.mcu_rows import clock_hz, fit_rows, left_out, load_device_once, measured, notes_of
from validation.mcu_write import write
from validation.reader import load_dataset


def test_rows_that_count() -> None:
    """168 of MLPerf Tiny, 43 of the model zoo, 32 of TinyEngine and MCUNet, 10 of ESP-NN and the thesis: 253."""
    rows, columns = latency_rows()
    sources = Counter(row.source_id.split("_")[0] for row in rows)
    assert sources == {"mlperf": 168, "stm32": 43, "tinyengine": 15, "mcunet": 17, "esp": 6, "geffert": 4}
    assert (len(rows), counted(FAMILY).sum(), counted(DEVICE).sum()) == (253, 245, 186)
    assert len({row.family for row in rows}) == 17 and len(columns.runtimes) == 21
    assert sum(left_out("latency_s").values()) + 253 == sum(
        row.metric == "latency_s"
        for name in ("esp_nn", "mlperf_tiny", "stm32_modelzoo", "tinyengine_mcunet")
        for row in load_dataset(name)
    )


def test_columns_of_one_row() -> None:
    """DS-CNN: 320,000 + 4 * 512,000 MACs of convolutions, 4 * 72,000 depthwise, 768 fully connected; one input channel at first."""
    row = next(row for row in measured("latency_s", ("mlperf_tiny",)) if row.model == "mlperf_tiny_kws")
    found = fit_rows([row], ("convolution", "depthwise", "fully_connected", "output", "input", "remainder", "dispatch"))
    dispatch = load_runtime(row.runtime).costs["dispatch_cycles"] * 13
    inputs = 490 + 8 * 8_000 + 64
    assert found.amounts.tolist() == [[2_368_000, 288_000, 768, 9 * 8_000 + 12, inputs, 320_000, dispatch]]
    assert found.fixed_cycles[0] == pytest.approx(768 * 0.5)
    assert found.cycles[0] == pytest.approx(row.value * clock_hz(row))


def test_weights_in_ram_are_not_streamed() -> None:
    rows = [row for row in measured("latency_s", ("mlperf_tiny",)) if row.runtime == "hale" and row.model == "mlperf_tiny_ad"]
    found = fit_rows(rows)
    in_ram = np.array(["weights" in notes_of(row) for row in rows])
    core_streams = np.array([found.cores[core] != "cortex_m0plus" for core in found.core])
    assert in_ram.sum() == 4
    assert not found.fixed_cycles[in_ram].any() and found.fixed_cycles[~in_ram & core_streams].all()


def test_the_files_reproduce_the_rows() -> None:
    """Costs and factors as the data files have them, rounded, against all 253 rows: 4.3 % mean, 2.9 % median."""
    errors = []
    for row in latency_rows()[0]:
        unit = load_device_once(row.device).default_unit
        assert isinstance(unit, McuUnit)
        prices = np.zeros(len(TERM_NAMES))
        mcu_prices(mcu_parameters(replace(unit, frequency_hz=clock_hz(row)), load_runtime(row.runtime)), prices)
        columns = fit_rows([row], TERM_NAMES[:14])
        seconds = columns.amounts[0] @ prices[:14] + columns.fixed_cycles[0] / clock_hz(row)
        errors.append(abs(float(seconds) / row.value - 1))
    assert np.mean(errors) < 0.048 and np.median(errors) < 0.035


@pytest.mark.parametrize(("family", "most"), [("mcunet_in2", 0.06), ("st_fdmobilenet", 0.06)])
def test_architectures_never_seen(family: str, most: float) -> None:
    rows, columns = latency_rows()
    away = np.array([row.family == family for row in rows])
    predicted = fit(columns.take(~away)).cycles(columns.take(away))
    assert np.abs(predicted / columns.cycles[away] - 1).mean() < most


def test_counts_of_rows_are_those_of_the_files() -> None:
    columns = latency_rows()[1]
    by_runtime, by_core = row_counts(columns)
    found = {("runtime", name): count for name, count in zip(columns.runtimes, by_runtime.tolist(), strict=True)}
    found |= {("core", name): count for name, count in zip(columns.cores, by_core.tolist(), strict=True)}
    assert measured_rows() == found


def test_intervals_are_those_of_the_files() -> None:
    for one in learnt():
        written = learnt_interval(MICROCONTROLLERS, one.basis, "int8")
        assert written is not None and (written.half_width, *written[3:]) == (pytest.approx(one.half_width, abs=6e-4), *one[3:])


def test_a_fit_is_written_into_files(tmp_path) -> None:
    (tmp_path / "runtimes").mkdir(), (tmp_path / "cores").mkdir()
    head = "format: 1\nname: {}\nkinds: [mcu]\ncosts:\n  source: s\n  convolution_cycles: 9 cycles/MAC\n"
    old = "  elementwise_cycles: {{value: 9 cycles/element, source: k, status: assumed}}\nsources:\n  s: old\n  k: kernels\n"
    columns = latency_rows()[1]
    for name in columns.runtimes:
        (tmp_path / "runtimes" / f"{name}.yaml").write_text(head.format(name) + old.format())
    for name in columns.cores:
        (tmp_path / "cores" / f"{name}.yaml").write_text(
            f"name: {name}\nvalues:\n  cycle_factor: {{value: 9, source: core_factor, status: fitted}}\nsources:\n  core_factor: x\n"
        )
    found = fit(columns.take(np.arange(0, len(columns), 5)), spreads=Spreads(rounds=0))
    assert len(write(found, tmp_path)) == len(columns.runtimes) + len(columns.cores)
    runtime = (tmp_path / "runtimes" / "hale.yaml").read_text()
    cycles = found.runtime_cycles("hale")
    assert f"  convolution_cycles: {cycles['convolution']:.3g} cycles/MAC\n  depthwise_cycles: {cycles['depthwise']:.3g}" in runtime
    assert f"elementwise_cycles: {{value: {cycles['elementwise']:.3g} cycles/element, source: k, status: assumed}}" in runtime
    core = (tmp_path / "cores" / "cortex_m7.yaml").read_text()
    factor, terms = found.core_factors("cortex_m7")
    assert f"cycle_factor: {{value: {factor:.3g}, source: core_factor, status: fitted}}" in core
    assert all(f"  {term}: {terms[term]:.3g}\n" in core for term in FACTORED)
    assert write(found, tmp_path) == []


def test_a_dataset_alone_names_what_is_left_out_of_it() -> None:
    dataset = load_dataset("esp_nn")
    (report,) = [only(energy_report(), "mlperf_tiny", set(load_dataset("mlperf_tiny").rows))]
    assert report.left_out == left_out("energy_j", ("mlperf_tiny",)) != left_out("latency_s")
    assert only(energy_report(), "esp_nn", set(dataset.rows)).rows == ()
