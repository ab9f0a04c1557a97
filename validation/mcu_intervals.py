"""How wide an interval around a predicted latency must be, learnt from architectures that were left out.

Classes: runtimes and cores with many, few, or a handful of rows, whose level one wrong row can move; the kernels of Espressif, whose
published times contradict each other; and cores never measured, learnt from whole cores left out and taken for a Cortex-M4. The
interval holds 80 % of the measurements of its class, with the correction for finite samples: of n values of |ln(measured / predicted)|
the ceil(0.8 (n + 1))-th, at most the largest. A row's own architecture or chip is left out when its interval is tested.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwmodels.measured_rows import class_of
from validation.intervals import SHARE
from validation.mcu_fit import Floats, Rows

Flags = NDArray[np.bool_]
Names = NDArray[np.str_]


@dataclass(frozen=True)
class Intervals:
    """Logarithms of measured / predicted of rows left out, and what each belongs to.

    Attributes
    ----------
    log_ratio : float64 array
        NaN where the row was not predicted.
    test : bool array
    basis : str array
        Class of each row.
    """

    log_ratio: Floats
    test: Flags
    basis: Names

    def half_width(self, basis: str, without: Flags | None = None) -> float:
        """Half width of ln(latency) for a class; some rows may be left out."""
        chosen = self.test & (self.basis == basis)
        chosen &= ~without if without is not None else True
        return held(np.abs(self.log_ratio[chosen]))

    def rows(self, basis: str) -> int:
        """Rows that a class is learnt from."""
        return int((self.test & (self.basis == basis)).sum())

    def half_widths(self, groups: Names) -> Floats:
        """Half width of every row from the rows of other groups: architectures, or chips."""
        found = np.full(len(groups), np.nan)
        for group in np.unique(groups):
            for basis in np.unique(self.basis[groups == group]):
                found[(groups == group) & (self.basis == basis)] = self.half_width(str(basis), groups == group)
        return found


def held(misses: Floats, share: float = SHARE) -> float:
    """What at least ``share`` of misses like these stay below; NaN without any.

    >>> held(np.array([0.1, 0.2, 0.3, 0.4, 0.5])), held(np.array([0.1, 0.2]))
    (0.5, 0.2)
    """
    if len(misses) == 0:
        return math.nan
    rank = math.ceil(round(share * (len(misses) + 1), 9))
    return float(np.sort(misses)[min(rank, len(misses)) - 1])


def bases_of(rows: Rows) -> Names:
    """Class of each row by its runtime and core."""
    by_runtime, by_core = row_counts(rows)
    fewer = np.minimum(by_runtime[rows.runtime], by_core[rows.core])
    return np.array([class_of(rows.runtimes[r], int(n)) for r, n in zip(rows.runtime, fewer, strict=True)])


def row_counts(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of each runtime and of each core."""
    return np.bincount(rows.runtime, minlength=len(rows.runtimes)), np.bincount(rows.core, minlength=len(rows.cores))
