"""Peaks of SRAM as tools print them: rows and builds, the errors reached, what is said of rows that are far off."""

from __future__ import annotations

from functools import cache

import pytest

from validation.compare import Report
from validation.errors import DatasetError
from validation.mcu_memory import build_of, explained, peak, predicted, printed_rows, profile_of, study
from validation.mcu_rows import notes_of
from validation.reader import load_dataset


@cache
def reports() -> dict[str, Report]:
    """Reports by build and part."""
    return {report.notes[0].partition(":")[0]: report for report in study()}


@pytest.mark.parametrize(
    ("build", "rows", "median"),
    [
        ("tinyengine_2022, total", 9, 0.005),
        ("x_cube_ai_7_3, activations", 19, 0.02),
        ("x_cube_ai_9_0, activations", 12, 0.03),
        ("x_cube_ai_8_1, activations", 23, 0.05),
        ("x_cube_ai_10_0, activations", 14, 0.14),
        ("x_cube_ai_7_3 (model zoo), total", 17, 0.05),
        ("x_cube_ai_7_3 (MLPerf Tiny), total", 20, 0.08),
        ("x_cube_ai_8_1 (MLPerf Tiny), total", 12, 0.08),
        ("tinyengine_2020, total", 10, 0.03),
    ],
)
def test_errors_reached(build: str, rows: int, median: float) -> None:
    total = reports()[build].total()
    assert total is not None and total.n == rows and total.median_ape < median


def test_the_accounting_is_better_than_counting_every_tensor_apart() -> None:
    for build in ("tinyengine_2022, total", "x_cube_ai_7_3, activations", "x_cube_ai_9_0, activations"):
        groups = reports()[build].groups()
        assert sum(g.baselines["plain"].mape * g.errors.n for g in groups) > 2 * sum(g.errors.mape * g.errors.n for g in groups)


def test_tinyengine_to_the_kibibyte() -> None:
    assert all(abs(row.predicted - row.measurement.value) < 1024 for row in reports()["tinyengine_2022, total"].rows)


def test_parts_and_builds() -> None:
    """A total is the activations and the tables of the row's own version; projects of MLPerf Tiny keep convolutions apart."""
    rows, away = printed_rows()
    row = next(
        r for r in rows if r.runtime == "x_cube_ai_8_1" and r.source_id.startswith("mlperf") and r.model == "mlperf_tiny_kws"
    )
    assert (build_of(row), profile_of(row)) == ("x_cube_ai_8_1 (MLPerf Tiny)", "x_cube_ai_9_0")
    layout, own = (peak(row.model, row.runtime, row.device, name) for name in ("x_cube_ai_9_0", "x_cube_ai_8_1"))
    assert notes_of(row)["part"] == "total" and predicted(row) == layout.activations + own.besides
    assert away["buffers placed apart: 1.7 to 1.9 times the same file on L4R5"] == 6
    every = sum(
        r.metric == "sram_bytes" for name in ("mlperf_tiny", "stm32_modelzoo", "tinyengine_mcunet") for r in load_dataset(name).rows
    )
    assert len(rows) + sum(away.values()) == every == sum(len(r.rows) for r in reports().values()) + sum(away.values())


def test_a_peak_printed_in_bytes_is_no_mebibyte() -> None:
    rows = [r for r in load_dataset("stm32_modelzoo").rows if r.model == "CNN2D_ST_HandPosture" and r.metric == "sram_bytes"]
    assert [row.value for row in rows] == [1024, 3072, 1597, 3912]


def test_far_rows_name_buffers_and_what_would_explain_them() -> None:
    far = max(reports()["x_cube_ai_10_0, activations"].rows, key=lambda row: row.error)
    said = explained(far)
    assert said.startswith(
        "st_fdmobilenet_v1_224 on stm32h747: -140,925 B are not explained; held at the predicted peak: conv1 200,704"
    )
    assert said.endswith("nearest: convolutions over their dying input, -3%")
    assert said in reports()["x_cube_ai_10_0, activations"].notes


def test_nothing_is_refitted() -> None:
    assert all((report.split, report.refitted) == ("none", "nothing") for report in reports().values())
    with pytest.raises(DatasetError, match="nothing is refitted"):
        study("leave-one-family-out")
