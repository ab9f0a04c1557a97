"""The page on GPUs: filled in, with pictures that are there and small, and rows as the reports say now."""

from __future__ import annotations

import re
from pathlib import Path

from validation.studies import validate

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "accuracy_gpu.md").read_text(encoding="utf-8")


def cells(start: str) -> list[list[str]]:
    """Cells of the table rows that begin so."""
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in PAGE.splitlines() if line.startswith(f"| {start}")]


def test_every_table_is_filled_in() -> None:
    assert not re.search(r"\{\w+\}", PAGE)
    assert len(cells("GA102 rtx_3090 torch_eager")) + len(cells("GB202")) == 14, "twelve runs and two of training steps"
    assert len(cells("gtx_1080_ti")) >= 1 and len(cells("jetson_tx2")) == 1


def test_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", PAGE)
    assert len(pictures) == 3
    assert all(0 < (DOCS / picture).stat().st_size <= 150_000 for picture in pictures)


def test_inference_has_all_its_rows_and_intervals_that_hold() -> None:
    first = cells("all rows")[0]
    n, mean, median, holds, width = (float(first[i].replace(",", "")) for i in (1, 2, 3, 5, 6))
    assert n == 14246 and mean <= 11 and median <= 7 and 75 <= holds <= 85 and width <= 1.36


def test_a_row_of_the_page_is_what_the_report_says() -> None:
    (row,) = cells("jetson_tensorrt")
    (report,) = validate("jetson_tensorrt")
    total = report.total()
    assert total is not None
    assert row[1:4] == [str(total.n), f"{100 * total.mape:.1f}", f"{100 * total.median_ape:.1f}"]
