"""Intervals hold the share they promise, and their width is learnt on other chips."""

from __future__ import annotations

import numpy as np
import pytest

from validation.baselines import features, held_out, linear, macs_only
from validation.intervals import factor, half_widths, spread, weighted_quantile
from validation.reader import load_dataset


def test_weighted_quantile_by_hand() -> None:
    # Weights 1, 1, 8: half of the total of 10 is reached in the third value.
    assert weighted_quantile(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 8.0]), 0.5) == 3.0


def test_coverage_is_the_promised_share() -> None:
    rng = np.random.default_rng(5)
    deviation = rng.uniform(0.05, 0.4, 4000)
    errors = rng.normal(size=4000) * spread(deviation)
    chips = [f"chip{i % 40}" for i in range(4000)]
    inside = np.abs(errors) <= half_widths(errors, deviation, chips)
    assert inside.mean() == pytest.approx(0.8, abs=0.02)
    assert factor(errors, deviation, chips) == pytest.approx(1.2816, abs=0.06)  # 80 % of a normal distribution


def test_a_chip_does_not_widen_its_own_interval() -> None:
    errors, deviation, chips = np.array([0.1, 0.1, 5.0]), np.zeros(3), ["a", "b", "wild"]
    half = half_widths(errors, deviation, chips)
    assert half[2] == pytest.approx(0.1)


def test_baselines_find_what_is_linear() -> None:
    macs = np.array([1.0, 2.0, 4.0])
    assert macs_only(macs, 3.0 * macs, np.array([8.0])) == pytest.approx([24.0])
    inputs = np.abs(np.random.default_rng(1).normal(size=(12, 8)))
    weights = np.arange(1.0, 9.0)
    assert linear(inputs, inputs @ weights, inputs[:2]) == pytest.approx((inputs @ weights)[:2], rel=1e-6)


def test_baselines_do_not_see_what_is_held_out() -> None:
    rows = (
        load_dataset("ncnn")
        .where(lambda r: r.device == "jetson_nano" and r.unit == "cpu" and r.dtype == "fp32" and r.threads == 1)
        .rows
    )
    found = held_out(rows, ["one"] * len(rows), [row.model for row in rows])
    error = np.abs(found["linear"] / np.array([row.value for row in rows]) - 1)
    assert 0.02 < np.median(error) < 0.6
    assert features("ncnn_resnet18")[:5].sum() == pytest.approx(1.8269184)
