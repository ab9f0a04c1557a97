"""``--every`` and ``--battery``: what they add, and what is refused."""

from __future__ import annotations

import pytest

import boardless as bl
from boardless.duty import joules_of, seconds_of
from boardless.errors import UsageError


def test_days_and_average_power() -> None:
    form = bl.estimate("mlperf_tiny_kws", on="stm32l4r5", every="10s", battery="1000mAh@3V").to_dict()
    assert form["settings"]["every_s"] == 10.0 and form["settings"]["battery_j"] == 10_800.0
    assert form["days"] == pytest.approx(10_800.0 / form["average_w"] / 86_400)
    parts = form["duty_cycle"]
    energy = parts["work_j"] + parts["wake_up_j"] + parts["rest_w"] * parts["rest_s"]
    assert form["average_w"] == pytest.approx(energy / 10.0) and parts["state"] == "sleep"


def test_only_what_was_asked() -> None:
    plain = bl.estimate("mlperf_tiny_kws", on="stm32l4r5").to_dict()
    assert "days" not in plain and "average_w" not in plain
    powered = bl.estimate("mlperf_tiny_kws", on="stm32l4r5", every="1min").to_dict()
    assert powered["average_w"] > 0 and "days" not in powered


def test_unknown_power_is_null_with_its_reason() -> None:
    form = bl.estimate("mlperf_tiny_kws", on="stm32f746", every="10s", battery="1Ah@3V").to_dict()
    assert form["energy_j"] is None and form["average_w"] is None and form["days"] is None
    assert {"energy_j", "average_w", "days"} <= {entry["field"] for entry in form["missing"]}


def test_units() -> None:
    assert (seconds_of("250ms"), seconds_of("2 h"), joules_of("1.5Ah@3.6 V")) == (0.25, 7200.0, pytest.approx(19_440))


@pytest.mark.parametrize("text", ["10", "0s", "-1s", "10 V", "soon", ""])
def test_periods_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"--every: .* a time above 0"):
        seconds_of(text)


@pytest.mark.parametrize("text", ["1000mAh", "1000mAh@", "@3V", "1000mAh@3A", "1 kg@3V", "0Ah@3V"])
def test_batteries_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--battery: "):
        joules_of(text)


def test_a_battery_needs_a_period() -> None:
    with pytest.raises(UsageError, match="without --every"):
        bl.estimate("mlperf_tiny_kws", on="stm32l4r5", battery="1Ah@3V")
