"""Flash: constants to the byte where tools print them, code by few numbers, the written ones equal to the fit."""

from __future__ import annotations

import pytest

from dataflows.code_size import code_bytes, code_counts
from hwmodels.runtime import load_runtime, runtimes
from validation.mcu_flash import CodeFit, counts, flash_reports, flash_rows
from workloads.networks import build
from workloads.transforms import retype


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
    assert seen is not None and seen.n == 137 and seen.median_ape < 0.02 and seen.mape < 0.025
    assert unseen is not None and unseen.n == 137 and unseen.median_ape < 0.03 and unseen.mape < 0.035


def test_files_hold_the_fit() -> None:
    found = CodeFit(flash_rows("total"))
    for name in found.runtimes:
        costs = load_runtime(name).costs
        written = [costs[field] / 1024 for field in ("code", "code_per_operator", "code_per_kind", "code_per_channel")]
        assert written == pytest.approx(list(found.of_runtime(name)), rel=0.01, abs=0.01)


def test_code_of_a_network_by_hand() -> None:
    """Keyword spotting: 12 operators of 5 kinds under X-CUBE-AI 8.1."""
    graph, runtime = build("mlperf_tiny_kws"), load_runtime("x_cube_ai_8_1")
    assert code_counts(graph) == (12, 5, 9 * 64)
    costs = runtime.costs
    expected = costs["code"] + 12 * costs["code_per_operator"] + 5 * costs["code_per_kind"] + 576 * costs["code_per_channel"]
    assert code_bytes(graph, runtime) == round(expected)
    assert code_bytes(graph, load_runtime("ncnn")) is None and code_bytes(graph, None) is None


def test_scales_belong_to_quantised_convolutions() -> None:
    """A float network has no scales; more channels cost tables, more layers of the same channels cost calls."""
    graph, quantised = build("lenet5"), retype(build("lenet5"), "int8")
    assert code_counts(graph).channels == 0 and code_counts(quantised).channels == 6 + 16
    slim, wide = build("mobilenet_v1_0_25_224"), build("mobilenet_v1_0_5_224")
    assert code_counts(slim)[:2] == code_counts(wide)[:2] and code_counts(slim).channels < code_counts(wide).channels


def test_every_runtime_of_microcontrollers_says_what_its_code_takes() -> None:
    for profile in runtimes():
        if "mcu" in profile.kinds:
            assert {"code", "code_per_operator", "code_per_kind", "code_per_channel"} <= set(profile.costs), profile.name


def test_dead_channels_do_not_lie_in_flash() -> None:
    assert counts("mlperf_tiny_vww", "x_cube_ai_9_0")[0] == 42_592 and counts("mlperf_tiny_vww", "x_cube_ai_7_3")[0] == 219_064


def test_fused_operators_need_no_code_of_their_own() -> None:
    """Norms and activations that stand alone in a file cost what they cost inside the convolutions."""
    graph, runtime = build("mobilenet_v2"), load_runtime("x_cube_ai_8_1")
    alone = [i for i, operator in enumerate(graph.operators) if operator.op in ("BatchNormalization", "Clip")]
    whole, inside = code_counts(graph), code_counts(graph, set(alone))
    assert whole.operators - inside.operators == len(alone) > 30 and inside.kinds == whole.kinds - len(
        {"activation", "normalization"}
    )
    assert (code_bytes(graph, runtime, set(alone)) or 0) < (code_bytes(graph, runtime) or 0)
