"""How wide an interval around a predicted latency must be, learnt from architectures that were left out.

Two classes: runtimes and cores with many rows, and those with few, whose level one wrong row can move. The interval holds 80 % of
the measurements of its class: |ln(measured / predicted)| is below its half width for so many. A row's own architecture or chip is
left out when its interval is tested.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwmodels.measured_rows import MANY_ROWS
from validation.intervals import SHARE
from validation.mcu_fit import Floats, Rows

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Intervals:
    """Logarithms of measured / predicted of rows left out, and what each belongs to.

    Attributes
    ----------
    log_ratio : float64 array
        NaN where the row was not predicted.
    test : bool array
    few : bool array
        Class of each row.
    """

    log_ratio: Floats
    test: Flags
    few: Flags

    def half_width(self, few: bool, without: Flags | None = None) -> float:
        """Half width of ln(latency) for a class; some rows may be left out."""
        chosen = self.test & (self.few == few)
        chosen &= ~without if without is not None else True
        return float(np.quantile(np.abs(self.log_ratio[chosen]), SHARE))

    def half_widths(self, groups: NDArray[np.str_]) -> Floats:
        """Half width of every row from the rows of other groups: architectures, or chips."""
        found = np.empty(len(groups))
        for group in np.unique(groups):
            for few in (False, True):
                found[(groups == group) & (self.few == few)] = self.half_width(few, groups == group)
        return found


def class_of(rows: Rows) -> Flags:
    """True for rows whose runtime or core has few rows."""
    by_runtime, by_core = row_counts(rows)
    return (by_runtime[rows.runtime] < MANY_ROWS) | (by_core[rows.core] < MANY_ROWS)


def row_counts(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of each runtime and of each core."""
    return np.bincount(rows.runtime, minlength=len(rows.runtimes)), np.bincount(rows.core, minlength=len(rows.cores))
