"""Few measurements per device: each run has parameters of its own, drawn to those of all runs.

A population is the median and the spread of the logarithm of every parameter over the runs. Runs are fitted with the population as
prior, the population is read off the fits, a few times over. Whoever is left out is left out of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from validation.gpu_fit import Fit, Form, fit

Floats = NDArray[np.float64]

#: Times the population is read off the fits.
ROUNDS = 3
#: A parameter is never taken to be more alike over the runs than this standard deviation of its logarithm.
LEAST_SPREAD = 0.3
#: Runs with fewer rows are predicted from the population alone.
LEAST_ROWS = 3


@dataclass(frozen=True)
class Population:
    """Fits of all runs and the form with the population as prior, one per class of runs.

    Attributes
    ----------
    forms : Mapping of str to Form
        Class of runs -> form.
    fits : Mapping of str to Fit
        Run -> fit.
    """

    forms: Mapping[str, Form]
    fits: Mapping[str, Fit]


def population(
    form: Form, amounts: Floats, measured: Floats, runs: Sequence[str], classes: Mapping[str, str], *, prior_weight: float
) -> Population:
    """Fit every run and the populations of their classes.

    Parameters
    ----------
    form : Form
        Its prior is where the populations start, and how far spreads may grow.
    amounts, measured
        Rows of all runs.
    runs : sequence of str
        Run of each row.
    classes : Mapping
        Run -> class of runs that share a population.
    prior_weight : float
    """
    names = np.asarray(runs)
    forms = dict.fromkeys(sorted(set(classes.values())), form)
    fits: dict[str, Fit] = {}
    for _ in range(ROUNDS):
        for run in sorted(set(names)):
            rows = names == run
            if rows.sum() >= LEAST_ROWS:
                start = fits[run].theta if run in fits else None
                fits[run] = fit(forms[classes[run]], amounts[rows], measured[rows], start=start, prior_weight=prior_weight)
        for label in forms:
            members = np.array([found.theta for run, found in fits.items() if classes[run] == label])
            if len(members) >= LEAST_ROWS:
                forms[label] = _read_off(form, members)
    return Population(forms, fits)


def _read_off(form: Form, members: Floats) -> Form:
    """Median and mean absolute deviation (times 1.25: a standard deviation) of the logarithms."""
    middle = np.median(members, axis=0)
    spread = np.hypot(1.25 * np.mean(np.abs(members - middle), axis=0), LEAST_SPREAD)
    return replace(form, means=middle, deviations=np.maximum(LEAST_SPREAD, np.minimum(form.deviations, spread)))


def left_out_of_population(
    form: Form, amounts: Floats, measured: Floats, runs: Sequence[str], groups: Sequence[str], classes: Mapping[str, str],
    *, prior_weight: float,
) -> Floats:  # fmt: skip
    """Each row predicted by its run's fit, without its group in any fit or population."""
    names, leaving = np.asarray(runs), np.asarray(groups)
    predicted = np.full(len(measured), np.nan)
    for group in sorted(set(leaving)):
        stays = leaving != group
        known = population(form, amounts[stays], measured[stays], names[stays], classes, prior_weight=prior_weight)
        for run in sorted(set(names[~stays])):
            rows, own = ~stays & (names == run), stays & (names == run)
            prior = known.forms[classes[run]]
            found = (
                fit(prior, amounts[own], measured[own], start=known.fits[run].theta, prior_weight=prior_weight)
                if run in known.fits
                else None
            )
            predicted[rows] = prior.seconds(amounts[rows], prior.means) if found is None else found.seconds(amounts[rows])
    return predicted
