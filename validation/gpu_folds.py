"""Predictions of what was left out of a fit, and intervals learnt from what else was left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from validation.gpu_fit import PRIOR_WEIGHT, Fit, Form, fit

Floats = NDArray[np.float64]

#: Lower and upper quantile of ln(measured / predicted) that hold 80 %.
QUANTILES = (0.1, 0.9)


def left_out(
    form: Form, amounts: Floats, measured: Floats, groups: Sequence[str], *, prior_weight: float = PRIOR_WEIGHT
) -> tuple[Fit, Floats]:
    """The fit on all rows, and each row's prediction by a fit without its whole group.

    Parameters
    ----------
    form : Form
    amounts : float array, rows x terms
    measured : float array
        Times [s].
    groups : sequence of str
        What leaves together: family or chip of each row.
    """
    names = np.asarray(groups)
    whole = fit(form, amounts, measured, prior_weight=prior_weight)
    predicted = np.full(len(measured), np.nan)
    for name in sorted(set(names)):
        out = names == name
        if not out.all():
            cold = fit(form, amounts[~out], measured[~out], prior_weight=prior_weight, start=whole.theta)
            predicted[out] = cold.seconds(amounts[out])
    return whole, predicted


def interval_factors(errors: Floats, groups: Sequence[str], scale: Floats | None = None) -> tuple[Floats, Floats]:
    """Factors on each prediction that make its 80 % interval: quantiles of the errors of all other groups.

    Parameters
    ----------
    errors : float array
        ln(measured / predicted) of rows left out with their group.
    groups : sequence of str
    scale : float array, optional
        How uncertain each row is in comparison; errors are measured in it. 1 where left out.

    Returns
    -------
    (lower, upper) : float arrays
        Factors; residuals are skewed, so both quantiles are taken as they are.
    """
    names, unit = np.asarray(groups), np.ones(len(errors)) if scale is None else scale
    known = np.isfinite(errors)
    lower, upper = (np.full(len(errors), np.nan) for _ in range(2))
    for name in sorted(set(names)):
        out, others = names == name, (names != name) & known
        if others.any():
            low, high = np.quantile(errors[others] / unit[others], QUANTILES, method="weibull")
            lower[out], upper[out] = np.exp(low * unit[out]), np.exp(high * unit[out])
    return lower, upper


def scatter_by_parts(errors: Floats, parts: Floats, groups: Sequence[str]) -> Floats:
    """How uncertain each row is, told by what its time is made of: |error| of the other groups, least squares on the parts.

    Parameters
    ----------
    errors : float array
        ln(measured / predicted) of rows left out with their group.
    parts : float array, rows x parts
        Shares of the time predicted.
    groups : sequence of str

    Returns
    -------
    float array
        Expected |error|, never less than half or more than three times the typical one.
    """
    names, found = np.asarray(groups), np.empty(len(errors))
    size = np.minimum(np.abs(errors), np.quantile(np.abs(errors), 0.95))
    for name in sorted(set(groups)):
        out = names == name
        typical, count = float(np.median(size[~out])), parts.shape[1]
        pulled = parts[~out].T @ parts[~out] + np.eye(count) * 0.01 * (~out).sum()
        each = np.linalg.solve(pulled, parts[~out].T @ (size[~out] - typical))
        found[out] = np.clip(typical + parts[out] @ each, 0.5 * typical, 3.0 * typical)
    return found
