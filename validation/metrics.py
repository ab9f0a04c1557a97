"""How far predictions are from measurements: relative errors, ranks, and how often intervals hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ErrorMetrics:
    """Errors of a set of predictions. Percentages are fractions: 0.1 is 10 %.

    Attributes
    ----------
    n : int
    mape, median_ape, p90_ape : float
        Mean, median and 90 % quantile of |predicted / measured - 1|.
    within_10, within_20 : float
        Share of rows with an error of at most 10, 20 %.
    bias : float
        Median of ln(predicted / measured).
    spearman, kendall : float or None
        Rank correlation; ``None`` below three rows or where all values are equal.
    interval_coverage, interval_width : float or None
        Share of measurements within their interval; median of upper / lower.
    """

    n: int
    mape: float
    median_ape: float
    p90_ape: float
    within_10: float
    within_20: float
    bias: float
    spearman: float | None
    kendall: float | None
    interval_coverage: float | None = None
    interval_width: float | None = None


def error_metrics(
    predicted: ArrayLike, measured: ArrayLike, lower: ArrayLike | None = None, upper: ArrayLike | None = None
) -> ErrorMetrics:
    """Errors of positive predictions against positive measurements.

    >>> found = error_metrics([1.1, 2.0, 2.7], [1.0, 2.0, 3.0])
    >>> round(found.mape, 4), round(found.median_ape, 4), found.kendall
    (0.0667, 0.1, 1.0)
    """
    guess, truth = np.asarray(predicted, float), np.asarray(measured, float)
    if guess.shape != truth.shape or guess.ndim != 1 or not len(guess):
        raise ValueError(f"error_metrics: {guess.shape} predictions, {truth.shape} measurements; equally long columns are expected")
    ratio = guess / truth
    error = np.abs(ratio - 1)
    coverage = width = None
    if lower is not None and upper is not None:
        low, high = np.asarray(lower, float), np.asarray(upper, float)
        coverage, width = float(np.mean((low <= truth) & (truth <= high))), float(np.median(high / low))
    return ErrorMetrics(
        n=len(guess),
        mape=float(np.mean(error)),
        median_ape=float(np.median(error)),
        p90_ape=float(np.quantile(error, 0.9)),
        within_10=float(np.mean(error <= 0.1)),
        within_20=float(np.mean(error <= 0.2)),
        bias=float(np.median(np.log(ratio))),
        spearman=spearman(guess, truth),
        kendall=kendall(guess, truth),
        interval_coverage=coverage,
        interval_width=width,
    )


def mean_of_groups(groups: Iterable[ErrorMetrics]) -> float:
    """Mean over groups of each group's mean error: every device setting counts once, however many rows it has."""
    return float(np.mean([group.mape for group in groups]))


def spearman(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> float | None:
    """Rank correlation: Pearson's of the mid-ranks (Spearman, 1904).

    >>> spearman([1, 2, 3], [10, 30, 20])
    0.5
    """
    a, b = _ranks(np.asarray(first, float)), _ranks(np.asarray(second, float))
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.round(np.corrcoef(a, b)[0, 1], 12))


def kendall(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> float | None:
    """Kendall's tau-b: concordant minus discordant pairs, ties taken out (Kendall, 1945).

    >>> kendall([1, 2, 3, 4], [1, 2, 4, 3])
    0.6666666666666666
    """
    from scipy.stats import kendalltau

    a, b = np.asarray(first, float), np.asarray(second, float)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(kendalltau(a, b).statistic)


def _ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of theirs."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(1, len(values) + 1)
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(group, ranks) / counts)[group])
