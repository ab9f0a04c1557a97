"""Text reports: the same numbers as the JSON, honest words, sensible for long networks."""

from __future__ import annotations

import pytest

from boardless import report, side_by_side
from boardless.results import Comparison, Result
from sim.results import Coverage
from tests.boardless.cases import SETTINGS, estimate, operator, too_large


def many(number: int) -> tuple:
    """Operator k takes k + 1 microseconds."""
    return tuple(operator(f"op_{k}", (("compute", (k + 1) * 1e-6),)) for k in range(number))


def test_says_method_settings_and_answer() -> None:
    text = report.text(estimate())
    assert text.splitlines()[0] == "small on board: cpu, 4 threads, ncnn, fp32, batch 1 (closed form)"
    assert "3.00 ms (no interval: none was learnt for this kind of unit)" in text
    assert "6.00 mJ (of the board)" in text
    assert "500 kMAC/s achieved" in text  # 1500 MACs / 3 ms
    assert "compute 66.7 %, dram 33.3 % of the time" in text


def test_interval_is_shown_with_its_basis() -> None:
    text = report.text(estimate(latency_interval_s=(0.002, 0.004), interval_basis="board calibrated"))
    assert "3.00 ms (80 % interval 2.00 ms to 4.00 ms, board calibrated)" in text


def test_assumed_type_is_said() -> None:
    settings = {**SETTINGS, "dtype": "int16", "dtype_assumed": True}
    assert "as if quantised to int16" in report.text(estimate(settings=settings)).splitlines()[0]
    assert "as if quantised to int16" in side_by_side.comparison_text([estimate(settings=settings), estimate()])


def test_unknown_energy_is_a_dash_with_a_reason() -> None:
    text = report.text(estimate((operator("a", (("compute", 1e-3),), energy_j=None),)))
    assert "energy       not known: " in text
    assert "–" in text.splitlines()[-1]


def test_shortfall_is_an_inequality_with_levers() -> None:
    text = report.text(too_large())
    assert "does not fit: sram: 600 KiB needed at conv_1 > 512 KiB there; short by 88 KiB" in text
    assert "held by t1 400 KiB, t2 200 KiB" in text
    assert "lever: patch:limit=256KiB: 256 KiB needed (fits)" in text
    assert "if sram were large enough (hypothetical)" in text


def test_unmodelled_operators_are_flagged() -> None:
    rows = (operator("a", (("compute", 1e-3),)), operator("magic", (("dram", 1e-3),), kind="unmodelled", op="Magic"))
    text = report.text(estimate(rows, coverage=Coverage(2, 1, ("magic",), 1.0)))
    assert "coverage: 1 of 2 operators modelled; NOT modelled, costed as moving their bytes: magic" in text
    assert "at least" in text


def test_notes_are_printed_and_the_unit_where_there_are_several() -> None:
    rows = (operator("a", (("compute", 3e-3),)), operator("b", (("compute", 1e-3),), unit="ideal_vector"))
    text = report.text(estimate(rows, notes=("host: 25.0 % of the time is spent on ideal_vector",)))
    assert "\nhost: 25.0 % of the time is spent on ideal_vector\n" in text
    assert "ideal_vector" in text.splitlines()[-3]
    assert " unit " not in report.text(estimate())


def test_short_networks_are_shown_in_order() -> None:
    lines = [line for line in report.text(estimate(many(10))).splitlines() if "op_" in line]
    assert [line.split()[1] for line in lines] == [f"op_{k}" for k in range(10)]


def test_long_networks_show_the_slowest_and_sum_the_others() -> None:
    text = report.text(estimate(many(180)))
    lines = [line for line in text.splitlines() if " op_" in line]
    assert [line.split()[1] for line in lines] == [f"op_{k}" for k in range(179, 164, -1)]
    # the others: 1 + 2 + ... + 165 us = 13.695 ms of 16.29 ms
    assert "165 others" in text and "13.7 ms  84.1 %" in text
    assert sum(" op_" in line for line in report.text(estimate(many(180)), operators=None).splitlines()) == 180


def test_rows_of_the_table_sum_to_the_total() -> None:
    # 1 + 2 + 3 + 4 us, 1000 MACs and 2 W each
    assert report.text(estimate(many(4))).splitlines()[-1].split() == [
        "all",
        "operators",
        "4,000",
        "10.0",
        "µs",
        "100",
        "%",
        "20.0",
        "µJ",
    ]


def test_fused_operators_say_where() -> None:
    line = next(line for line in report.text(estimate()).splitlines() if " relu " in line)
    assert "fused" in line and "in conv_1" in line


def test_comparison_has_a_row_per_device_and_keeps_scopes_apart() -> None:
    text = side_by_side.comparison_text([estimate(), estimate(device="other", energy_scope="chip"), too_large()])
    assert "small on 3 devices: batch 1, 1,500 MACs" in text
    assert "energies are of different scopes" in text
    assert "does not fit" in text and "3.00 ms (if)" in text


def test_repr_is_a_small_table() -> None:
    assert len(repr(Result.of(estimate(many(180)))).splitlines()) < 30
    assert "2 devices" in repr(Comparison([Result.of(estimate()), Result.of(estimate())]))


@pytest.mark.parametrize("width", [80, 132, 200])
def test_no_line_is_wider_than_the_page_for_usual_names(width: int) -> None:
    assert all(len(line) <= max(width, 144) for line in report.text(estimate(many(30)), width=width).splitlines())


def test_phases_are_percent_of_the_operators_time() -> None:
    assert report.phase_words(operator("a", (("compute", 3e-3), ("dram", 1e-3)))) == "compute 75, dram 25"
    overlapping = operator("a", (("compute", 3e-3), ("dram", 1.5e-3)), join="max", latency_s=3e-3)
    assert report.phase_words(overlapping) == "compute 100, dram 50"
