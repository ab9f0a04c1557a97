"""Array parts against published figures: the errors stay within what they were found to be."""

from __future__ import annotations

import pytest

from validation.arrays import eyeriss_v1_alexnet, systolic_reference
from validation.compare import Report
from validation.reader import load_dataset


@pytest.fixture(scope="module")
def eyeriss() -> list[Report]:
    return eyeriss_v1_alexnet(load_dataset("eyeriss_v1_alexnet"))


def mean_error(report: Report, metric: str, leave: tuple[str, ...] = ()) -> float:
    errors = [abs(r.error) for r in report.rows if r.measurement.metric == metric and r.measurement.layer not in leave]
    return sum(errors) / len(errors)


def worst(report: Report, metric: str, leave: tuple[str, ...] = ()) -> float:
    return max(abs(r.error) for r in report.rows if r.measurement.metric == metric and r.measurement.layer not in leave)


def test_published_mappings(eyeriss: list[Report]) -> None:
    second_reading, as_printed, _ = eyeriss
    assert mean_error(second_reading, "processing_s") <= 0.025
    assert mean_error(second_reading, "latency_s") <= 0.05
    assert worst(second_reading, "glb_bytes") <= 0.10
    assert worst(second_reading, "dram_bytes") <= 0.15
    assert worst(second_reading, "power_w") <= 0.10
    assert worst(second_reading, "active_pes") == 0 and worst(as_printed, "active_pes") == 0
    assert worst(as_printed, "glb_bytes", leave=("CONV3",)) <= 0.10


def test_mappings_of_the_rule(eyeriss: list[Report]) -> None:
    chosen = eyeriss[2]
    assert mean_error(chosen, "processing_s") <= 0.045
    ranks = [int(note.split(" is number ")[1].split()[0]) for note in chosen.notes if "is number" in note]
    assert len(ranks) == 5 and sorted(ranks)[:4] == [1, 1, 1, 1] and max(ranks) <= 3


def test_systolic_counts_are_equal() -> None:
    (report,) = systolic_reference(load_dataset("systolic_reference"))
    assert len(report.rows) == 16
    assert all(row.predicted == row.measurement.value for row in report.rows)
