"""How wide an interval around a predicted latency must be, learnt from architectures that were left out.

Two classes: runtimes and cores with many rows, and those with few, whose level one wrong row can move. The interval holds 80 % of
the measurements of its class: the 10 and 90 % quantiles of measured / predicted. A row's own architecture or chip is left out when
its interval is tested.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from validation.mcu_fit import Floats, Rows

Flags = NDArray[np.bool_]

#: A runtime or a core with fewer rows than this has wider intervals.
MANY = 12
QUANTILES = (0.1, 0.9)
CLASSES = {False: "many measured rows", True: "few measured rows"}


@dataclass(frozen=True)
class Intervals:
    """Logarithms of measured / predicted of rows left out, and what each belongs to.

    Attributes
    ----------
    log_ratio : float64 array
        NaN where the row was not predicted.
    test : bool array
    families, chips : array of str
    few : bool array
        Class of each row.
    """

    log_ratio: Floats
    test: Flags
    families: NDArray[np.str_]
    chips: NDArray[np.str_]
    few: Flags

    def factors(self, few: bool, without: Flags | None = None) -> tuple[float, float]:
        """Lower and upper end over the prediction, for a class; some rows may be left out."""
        chosen = self.test & (self.few == few)
        chosen &= ~without if without is not None else True
        low, high = np.exp(np.quantile(self.log_ratio[chosen], QUANTILES))
        return float(low), float(high)

    def bounds(self, groups: NDArray[np.str_], split: str) -> list[tuple[float, float]]:
        """Factors of every row from the rows of other groups: architectures, or chips."""
        found: dict[tuple[str, bool], tuple[float, float]] = {}
        for group in np.unique(groups):
            for few in (False, True):
                found[str(group), few] = self.factors(few, groups == group)
        return [found[str(group), bool(few)] for group, few in zip(groups, self.few, strict=True)]


def class_of(rows: Rows) -> Flags:
    """True for rows whose runtime or core has few rows."""
    by_runtime, by_core = np.bincount(rows.runtime, minlength=len(rows.runtimes)), np.bincount(rows.core, minlength=len(rows.cores))
    return (by_runtime[rows.runtime] < MANY) | (by_core[rows.core] < MANY)


def learnt(log_ratio: Floats, test: Flags, families: NDArray[np.str_], chips: NDArray[np.str_], few: Flags) -> Intervals:
    """Intervals from rows left out by architecture."""
    return Intervals(log_ratio, test, families, chips, few)
