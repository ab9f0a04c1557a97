"""Published peaks beside geometry and clock: they agree, or the clash is told by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from validation.errors import DatasetError
from validation.peaks import TOLERANCE, array_devices, peaks
from validation.reader import load_dataset

#: Devices whose published figure is no product of geometry and clock.
CLASHES = {"diannao", "eyeriss_v1", "shidiannao"}


def test_every_array_device_is_compared_or_said_to_have_no_published_peak() -> None:
    (report,) = peaks(load_dataset("peaks"))
    compared = {row.measurement.device for row in report.rows}
    unpublished = {name for name in array_devices() if any(f"published for {name}:" in note for note in report.notes)}
    assert compared | unpublished == set(array_devices()) and not compared & unpublished
    assert {"ethos_u85_256", "gemmini_default", "nvdla_small"} <= compared | unpublished


def test_geometry_and_clock_give_the_published_peak_or_the_clash_is_named() -> None:
    (report,) = peaks(load_dataset("peaks"))
    apart = {row.measurement.device for row in report.rows if abs(row.error) > TOLERANCE}
    assert apart == CLASHES
    for name in apart:
        assert any(note.startswith(f"clash: {name}") for note in report.notes)
    own = [row for row in report.rows if row.measurement.source_id == "chen_jssc_2017"]
    assert len(own) == 3 and all(row.error == pytest.approx(0.0) for row in own)


def test_the_clock_of_a_row_counts() -> None:
    dataset = load_dataset("peaks")
    row = next(row for row in dataset.rows if row.device == "tpu_v1")
    (report,) = peaks(replace(dataset, rows=(replace(row, clock_mhz=350.0),)))
    assert report.rows[0].predicted == pytest.approx(2 * 65536 * 350e6 / 1e12)
    with pytest.raises(DatasetError, match="latency_s of unit 'array' of tpu_v1"):
        peaks(replace(dataset, rows=(replace(row, metric="latency_s"),)))
