"""How wide an interval must be to be true: quantiles of other chips' errors, in units of what the model thinks of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Share of measurements that the intervals are to hold.
SHARE = 0.8
#: Scatter of repeated measurements and of what no parameter describes: standard deviation of ln(seconds).
FLOOR = 0.06


def spread(deviation: Floats, floor: float = FLOOR) -> Floats:
    """Standard deviation of ln(predicted / measured) the model expects: parameters and scatter together."""
    return np.asarray(np.sqrt(deviation**2 + floor**2))


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """Smallest value with at least ``share`` of the weight at or below it; finite-sample correction is left to the caller.

    >>> weighted_quantile(np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4), 0.5)
    2.0
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(reached, min(share, 1.0) - 1e-12)])


def factor(errors: Floats, deviation: Floats, chips: Sequence[str], share: float = SHARE) -> float:
    """Factor on :func:`spread` that holds ``share`` of the errors, every chip counting once."""
    names, index = np.unique(np.asarray(chips), return_inverse=True)
    weights = 1.0 / np.bincount(index, minlength=len(names))[index]
    return weighted_quantile(np.abs(errors) / spread(deviation), weights, share)


def half_widths(errors: Floats, deviation: Floats, chips: Sequence[str], share: float = SHARE) -> Floats:
    """Half width of the interval of ln(seconds) of each row, its factor learnt on the other chips (split-conformal by chip)."""
    names = np.asarray(chips)
    known = np.isfinite(errors)
    found = np.full(len(errors), np.nan)
    for chip in sorted(set(names[known])):
        others = known & (names != chip)
        mine = known & (names == chip)
        if others.any():
            found[mine] = factor(errors[others], deviation[others], list(names[others]), share) * spread(deviation[mine])
    return found
