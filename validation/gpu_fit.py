"""Fits of sums of amounts times prices, where every price is a product of a few positive parameters.

    seconds_i = sum over terms j of amounts[i, j] * exp(exponents[j] . theta),   theta = logarithms of the parameters

so that a rate has exponent -1, a ratio to a rate -1 in both. Found: the theta of least soft-L1 distance between the logarithms of
predicted and measured times, with a pull of every parameter to its prior. Gauss-Newton on reweighted squares, damped; a fit of a
thousand rows takes milliseconds, so that leaving out each of a hundred families takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Distance of logarithms up to which errors count squared; beyond, they count plainly.
SCALE = 0.1

#: Weight of one standard deviation of a prior, in the unit of a logarithm.
PRIOR_WEIGHT = 0.3


@dataclass(frozen=True)
class Form:
    """What a time is a sum of.

    Attributes
    ----------
    parameters : tuple of str
    exponents : float array, terms x parameters
        Powers of the parameters in the price of each term.
    means, deviations : float arrays
        Prior of the logarithm of each parameter; an infinite deviation is no prior.
    """

    parameters: tuple[str, ...]
    exponents: Floats
    means: Floats
    deviations: Floats

    def prices(self, theta: Floats) -> Floats:
        """Seconds per unit amount of each term."""
        return np.exp(self.exponents @ theta)

    def seconds(self, amounts: Floats, theta: Floats) -> Floats:
        """Predicted times [s]."""
        return np.asarray(amounts @ self.prices(theta))


@dataclass(frozen=True)
class Fit:
    """Found parameters and what they cost.

    Attributes
    ----------
    theta : float array
        Logarithms.
    cost : float
        Soft-L1 distance of all rows and priors.
    """

    form: Form
    theta: Floats
    cost: float

    def __getitem__(self, name: str) -> float:
        """The value of a parameter."""
        return float(np.exp(self.theta[self.form.parameters.index(name)]))

    def seconds(self, amounts: Floats) -> Floats:
        """Predicted times [s]."""
        return self.form.seconds(amounts, self.theta)


def fit(
    form: Form, amounts: Floats, measured: Floats, *, start: Floats | None = None, prior_weight: float = PRIOR_WEIGHT,
    weights: Floats | None = None, steps: int = 60,
) -> Fit:  # fmt: skip
    """Parameters of a form for measured times.

    Parameters
    ----------
    form : Form
    amounts : float array, rows x terms
    measured : float array
        Times [s].
    start : float array, optional
        Logarithms to start from; the means of the priors.
    prior_weight : float
        Pull of the priors: one deviation counts as an error of that logarithm.
    weights : float array, optional
        Weight of each row, 1 where left out.
    steps : int
        At most so many.
    """
    theta = np.array(form.means if start is None else start, dtype=float)
    pull = prior_weight / form.deviations
    share = np.ones(len(measured)) if weights is None else np.asarray(weights, dtype=float)
    target = np.log(measured)
    damping, (cost, residuals, parts) = 1e-3, _state(form, amounts, target, theta, pull, share)
    for _ in range(steps):
        rows = _reweighted(residuals)
        jacobian = np.vstack([parts @ form.exponents, np.diag(pull)])
        scaled = jacobian * (rows * np.concatenate([share, np.ones(len(theta))]))[:, None]
        normal, slope = scaled.T @ jacobian, scaled.T @ residuals
        while damping < 1e12:
            step = np.linalg.solve(normal + damping * (np.diag(np.diag(normal)) + 1e-12 * np.eye(len(theta))), slope)
            trial = theta - np.clip(step, -2.0, 2.0)
            better = _state(form, amounts, target, trial, pull, share)
            if better[0] <= cost:
                break
            damping *= 10.0
        else:
            break
        gain, theta = cost - better[0], trial
        cost, residuals, parts = better
        damping = max(damping / 10.0, 1e-9)
        if gain <= 1e-10 * cost:
            break
    return Fit(form, theta, cost)


def _state(form: Form, amounts: Floats, target: Floats, theta: Floats, pull: Floats, share: Floats) -> tuple[float, Floats, Floats]:
    """Cost, residuals (rows, then priors) and each term's share of each prediction."""
    each = amounts * form.prices(theta)
    total = each.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        residuals = np.concatenate([np.log(total) - target, pull * (theta - form.means)])
        parts = each / total[:, None]
    losses = 2.0 * SCALE**2 * (np.sqrt(1.0 + (residuals / SCALE) ** 2) - 1.0)
    cost = float(losses[: len(target)] @ share + losses[len(target) :].sum())
    return (cost if np.isfinite(cost) else np.inf), residuals, parts


def _reweighted(residuals: Floats) -> Floats:
    """Weights that make squares out of the soft-L1 distance."""
    return np.asarray(1.0 / np.sqrt(1.0 + (residuals / SCALE) ** 2))
