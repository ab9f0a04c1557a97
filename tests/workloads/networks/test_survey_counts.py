"""The catalogue against the counts two surveys print, rounded as they are.

large: "Efficient acceleration of deep learning inference on resource-constrained edge devices: a review", table 1; review: its
table 4 (operations halved to MACs); perspective: "Bringing AI to edge: from deep learning's perspective", table I. Weights are
counted as deployed. Rows that lie outside are named with the reason, and must lie outside.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.workloads.networks.counts import deployed, macs, options, rows
from workloads.networks import build

SURVEYS = rows("survey_counts.csv")
BUILT = [row for row in SURVEYS if row["network"]]


def label(row: dict[str, str]) -> str:
    return f"{row['survey']} {row['survey_name']}"


@pytest.mark.parametrize("row", BUILT, ids=label)
def test_counts_of_surveys(row: dict[str, str]) -> None:
    graph = build(row["network"], **options(row["options"]))
    pairs = [(deployed(graph), row["parameters"]), (macs(graph), row["macs"])]
    errors = [abs(ours / float(printed) - 1) for ours, printed in pairs if printed]
    if row["why_outside"]:
        assert max(errors) > float(row["within"]), "the row lies within: it needs no reason"
    else:
        assert max(errors) <= float(row["within"]), errors


def test_what_is_not_built_says_why() -> None:
    assert {row["survey_name"] for row in SURVEYS if not row["network"]} == {"NASNet-B", "ANTNets"}
    assert all(row["why_outside"].startswith("not built") for row in SURVEYS if not row["network"])


def test_exact_figures_in_reasons() -> None:
    assert f"{macs(build('lenet5')):,}" in reason("LeNet-5")
    assert f"{macs(build('condensenet')):,}" in reason("CondenseNet")
    assert f"{macs(build('mobilenet_v3_large')):,}" in reason("MobileNetV3-large")


def reason(name: str) -> str:
    return next(row["why_outside"] for row in SURVEYS if row["survey_name"] == name)


def test_no_row_of_the_surveys_is_left_out(shared_folder: Path) -> None:
    tables = {"networks.csv": ("large",), "lightweight.csv": ("review", "perspective")}
    for file, surveys in tables.items():
        with (shared_folder / "measured" / "survey_tables" / file).open(encoding="utf-8", newline="") as handle:
            printed = sorted((row["name"], row["params_m"]) for row in csv.DictReader(handle))
        ours = sorted((row["survey_name"], row["parameters"]) for row in SURVEYS if row["survey"] in surveys)
        assert [name for name, _ in ours] == [name for name, _ in printed]
        for (_, parameters), (_, millions) in zip(ours, printed, strict=True):
            assert float(parameters) == pytest.approx(float(millions) * 1e6)
