"""Operators that run side by side on one unit: each is told the share of its time that it takes up in the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dataflows.unit_work import UnitWork


def side_by_side(work: UnitWork, shares: Mapping[int, float]) -> UnitWork:
    """The work of a unit as it shows in time, where some operators run beside others.

    What the host does for an operator stays: it hands operators over one after the other. The share is told in the details.
    """
    if not shares:
        return work
    kept = np.array([term.phase == work.enqueue_phase for term in work.terms])
    amounts, details = work.amounts.copy(), dict(work.details)
    for i, share in shares.items():
        amounts[i] = np.where(kept, amounts[i], amounts[i] * share)
        details[i] = {**details.get(i, {}), "side_by_side": share}
    return replace(work, amounts=amounts, details=details, counted=None)
