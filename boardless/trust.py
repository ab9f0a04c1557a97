"""How far the figures are to be trusted: predictions beside measurements, and a board fitted to its own.

Apart from :mod:`boardless.session`, so that an estimate does not load what only validation needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from validation.calibrate import Calibration
from validation.calibrate import calibrate as fit_board
from validation.compare import Report
from validation.predict import Added
from validation.studies import study_names
from validation.studies import validate as reports_of

#: Called with the name of what comes next.
Progress = Callable[[str], None]


def dataset_names() -> list[str]:
    """What there is to validate: the measured datasets that come with the project, those fitted together as one."""
    return list(study_names())


def calibrate(measured: str | Path, on: str, *, aliases: Sequence[str] = (), date: str | None = None) -> Calibration:
    """A board's CPU fitted to a table of its own measurements: parameters, residuals, and the overlay to write."""
    return fit_board(on, measured, aliases=aliases, date=date)


def validate(
    datasets: str | Sequence[str], *, split: str | None = None, aliases: Sequence[str] = (), progress: Progress | None = None,
    within: Progress | None = None, devices: Sequence[str | Path] = (), networks: Sequence[str | Path] = (),
) -> list[Report]:  # fmt: skip
    """Predictions beside measurements: the reports of each dataset, in order.

    >>> (report,) = validate("systolic_reference")
    >>> report.total().mape
    0.0
    """
    named = [datasets] if isinstance(datasets, str) else list(datasets)
    added = Added(tuple(str(path) for path in devices), tuple(str(path) for path in networks))
    found = []
    for name in named:
        if progress is not None:
            progress(name)
        found += reports_of(name, split, aliases, within, added)
    return found
