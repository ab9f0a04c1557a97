"""The accuracy page: figures beside what is asked, worst chips and rows, the part a person wrote kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from boardless.accuracy_page import KEPT, Judged, accuracy_page, kept_text, page_pictures, targets
from validation.compare import Compared, Report
from validation.reader import load_dataset


@pytest.fixture(scope="module")
def report() -> Report:
    first = load_dataset("ncnn").rows[0]
    rows = []
    for chip, error, threads in (("one", 0.1, 1), ("two", 0.2, 1), ("two", 0.4, 2), ("two", 0.4, 2)):
        row = replace(first, chip=chip, device=f"board_{chip}", threads=threads, value=1.0)
        rows.append(Compared(row, 1.0 + error, 0.8 if error < 0.3 else 1.05, 1.5, {"macs_only": 1.5}, {"gemm": 1.0}))
    return Report("ncnn CPU, float, made", "leave-one-device-out", tuple(rows), "everything", {"made up": 3})


def test_every_setting_and_every_chip_counts_once(report: Report) -> None:
    """Settings: 10 %, 20 %, 40 % twice -> mean 23.3 %; chips: one within, of two one of three rows."""
    judged = Judged.of(report)
    assert judged.settings == 3 and judged.mean == pytest.approx((0.1 + 0.2 + 0.4) / 3)
    assert judged.chips == pytest.approx((1.0, 1 / 3))


def test_the_page_says_what_is_asked_and_who_is_worst(report: Report) -> None:
    page = accuracy_page([report], "boardless validate made --page p.md", ["pictures/made.png"], "By hand.\n")
    assert "`boardless validate made --page p.md`" in page
    assert "| leave-one-device-out | 4 (3360) | 3 | 23.3 % (30) | 30.0 % (20) |" in page
    assert "two 40.0 %, one 10.0 %" in page and "board_two, 2 threads: 1.40 s for 1.00 s" in page
    assert "Left out: 3 rows, made up." in page and "![made](pictures/made.png)" in page
    assert page.endswith(KEPT + "\nBy hand.\n")


def test_what_a_person_wrote_is_kept(tmp_path: Path, report: Report) -> None:
    page = tmp_path / "page.md"
    assert kept_text(page) == ""
    page.write_text(accuracy_page([report], "one", kept="Mine.\n"), encoding="utf-8")
    page.write_text(accuracy_page([report], "two", kept=kept_text(page)), encoding="utf-8")
    assert page.read_text(encoding="utf-8").count("Mine.\n") == 1 and kept_text(page) == "Mine.\n"


def test_pictures_of_large_reports_are_small(report: Report) -> None:
    assert page_pictures([report]) == {}
    many = replace(report, rows=report.rows * 250, split="leave-one-family-out")
    drawn = page_pictures([many])
    assert {name.rpartition("out_")[2] for name in drawn} == {"predicted.png", "by_family.png", "by_kind.png"}
    assert all(len(content) < 150_000 and content.startswith(b"\x89PNG") for content in drawn.values())


def test_targets_name_splits_of_studies() -> None:
    from validation.cpu_study import SPLITS

    assert {row["split"] for row in targets() if row["report"].startswith("ncnn")} == set(SPLITS)
