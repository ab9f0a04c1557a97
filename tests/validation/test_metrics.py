"""Error figures worked by hand, and against the definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.metrics import error_metrics, kendall, mean_of_groups, spearman


def test_by_hand() -> None:
    # errors 10 %, 25 %, 0 %, 50 %
    found = error_metrics([1.1, 1.5, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 3.5, 1.0], [1.2, 2.0, 4.0, 5.0])
    assert found.n == 4
    assert found.mape == pytest.approx((0.1 + 0.25 + 0 + 0.5) / 4)
    assert found.median_ape == pytest.approx((0.1 + 0.25) / 2)
    assert found.within_10 == 0.25 or found.within_10 == 0.5  # 1.1 / 1.0 - 1 is a little over 0.1 in binary
    assert found.within_20 == 0.5
    assert found.bias == pytest.approx(0.5 * math.log(0.75))  # median of ln 1.1, ln .75, 0, ln .5
    assert found.interval_coverage == 0.75
    assert found.interval_width == pytest.approx(np.median([1.2, 2.0, 4 / 3.5, 5.0]))


def test_ranks() -> None:
    assert spearman([1, 2, 3, 4], [1, 4, 9, 16]) == 1.0
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == -1.0
    assert spearman([1, 1, 2], [1, 1, 2]) == 1.0
    assert kendall([1, 2, 3], [3, 2, 1]) == -1.0
    assert spearman([1, 2], [1, 2]) is None and kendall([1, 1, 1], [1, 2, 3]) is None


def test_every_group_counts_once() -> None:
    many, few = error_metrics([1.1] * 9, [1.0] * 9), error_metrics([1.5], [1.0])
    assert mean_of_groups([many, few]) == pytest.approx(0.3)


@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=30))
def test_exact_predictions_have_no_error(values: list[float]) -> None:
    found = error_metrics(values, values)
    assert found.mape == 0 and found.bias == 0 and found.within_10 == 1


def test_unequal_columns() -> None:
    with pytest.raises(ValueError, match="equally long"):
        error_metrics([1.0], [1.0, 2.0])
