"""Flash: constants to the byte where tools print them, code by few numbers, the written ones equal to the fit."""

from __future__ import annotations

import pytest

from dataflows.code_size import code_bytes, code_counts
from hwmodels.runtime import load_runtime
from validation.mcu_flash import CodeFit, counts, flash_reports, flash_rows
from workloads.networks import build


def test_constants_are_counted_not_fitted() -> None:
    """Weights and 32-bit biases of 72 tool reports: half of them to 30 bytes in a million, detectors of other exports apart."""
    weights, seen, unseen = flash_reports()
    assert [report.split for report in (weights, seen, unseen)] == ["none", "none", "leave-one-family-out"]
    errors = weights.total()
    assert errors is not None and errors.n == 72 and errors.median_ape < 1e-4
    exact = [row for row in weights.rows if "ssd" not in row.measurement.model and row.measurement.source_id.startswith("mlperf")]
    assert exact and all(abs(row.error) < 0.0006 for row in exact)


def test_totals() -> None:
    _, seen, unseen = (report.total() for report in flash_reports())
    assert seen is not None and seen.n == 137 and seen.median_ape < 0.03
    assert unseen is not None and unseen.n == 137 and unseen.median_ape < 0.045


def test_files_hold_the_fit() -> None:
    found = CodeFit(flash_rows("total"))
    for name in found.runtimes:
        costs = load_runtime(name).costs
        written = [costs[field] / 1024 for field in ("code", "code_per_operator", "code_per_kind")]
        assert written == pytest.approx(list(found.of_runtime(name)), rel=0.01, abs=0.01)


def test_code_of_a_network_by_hand() -> None:
    """Keyword spotting: 12 operators of 5 kinds under X-CUBE-AI 8.1."""
    graph, runtime = build("mlperf_tiny_kws"), load_runtime("x_cube_ai_8_1")
    assert code_counts(graph) == (12, 5)
    expected = runtime.costs["code"] + 12 * runtime.costs["code_per_operator"] + 5 * runtime.costs["code_per_kind"]
    assert code_bytes(graph, runtime) == round(expected)
    assert code_bytes(graph, load_runtime("hale")) is None and code_bytes(graph, None) is None


def test_dead_channels_do_not_lie_in_flash() -> None:
    assert counts("mlperf_tiny_vww", "x_cube_ai_9_0")[0] == 42_592 and counts("mlperf_tiny_vww", "x_cube_ai_7_3")[0] == 219_064
