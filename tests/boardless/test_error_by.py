"""Pictures of errors by group: one bar per group, the promised share of intervals as a line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boardless.plots.error_by import coverage_by_chip, error_by, error_by_kind, group_pictures
from validation.compare import Compared, Report
from validation.reader import load_dataset


@pytest.fixture(scope="module")
def report() -> Report:
    first = load_dataset("ncnn").rows[0]
    rows = []
    for chip, error in (("one", 0.1), ("two", 0.2), ("three", 0.5)):
        for family in ("resnet", "vgg", "vit"):
            row = replace(first, chip=chip, family=family, value=1.0)
            rows.append(
                Compared(row, 1.0 + error, 0.8, 1.15, parts={"gemm": 0.75, "fork": 0.25} if chip == "one" else {"fork": 1.0})
            )
    return Report("made", "leave-one-device-out", tuple(rows))


def test_a_bar_for_each_chip_largest_on_top(report: Report) -> None:
    axes = error_by(report, "chip")
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one (3)", "two (3)", "three (3)"]
    assert [round(bar.get_width()) for bar in axes.containers[0]] == [10, 20, 50]
    assert axes.get_xlabel() == "error of the prediction [%]"


def test_coverage_has_a_bar_per_chip_and_two_lines(report: Report) -> None:
    axes = coverage_by_chip(report)
    assert len(axes.containers[0]) == 3 and len(axes.lines) == 2
    assert [bar.get_height() for bar in axes.containers[0]] == [100, 100, 100]


def test_kinds_of_work_count_by_their_share(report: Report) -> None:
    """gemm: three rows of 10 %; fork: 3 * 0.25 of 10 %, three of 20 %, three of 50 %, over 6.75 rows."""
    axes = error_by_kind(report)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["gemm", "fork"]
    assert [bar.get_width() for bar in axes.containers[0]] == pytest.approx([10.0, (0.75 * 10 + 3 * 20 + 3 * 50) / 6.75])


def test_pictures_are_drawn_where_there_are_several_groups(report: Report) -> None:
    assert set(group_pictures([report])) == {
        f"made_leave-one-device-out_{what}.png" for what in ("by_chip", "by_family", "by_kind", "coverage")
    }
    one = replace(report, rows=report.rows[:3])
    assert set(group_pictures([one])) == {f"made_leave-one-device-out_{what}.png" for what in ("by_family", "by_kind")}
