"""``map`` where the array's control is free: every mapping is a candidate, or a dataflow's rule on an array that does not list it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import dataflows
from boardless.errors import UsageError
from boardless.mapping_view import require_array
from dataflows.array_units import KIND_DATAFLOWS
from dataflows.mapping_of_unit import UnitMapping
from sim.lower import lower
from sim.schedule import Schedule
from strategies.free_mapping import FreeLowering
from strategies.mapping_search import OBJECTIVES
from workloads.errors import nearest


@dataclass(frozen=True)
class FreeChoice:
    """What is asked of a free array: the dataflow (``best``: any mapping), what is made small, and how closely."""

    dataflow: str
    objective: str
    gap: float

    def on(self, schedule: Schedule) -> tuple[Schedule, dict[int, UnitMapping] | None]:
        """The run with free mappings, and these by operator; ``None`` where the array's own model knows the dataflow."""
        unit = require_array(schedule)
        facts = schedule.graph, schedule.device
        if self.dataflow in KIND_DATAFLOWS[unit.kind]:
            return lower(*facts, replace(schedule.plan, dataflow=self.dataflow, hypothetical=True)), None
        if schedule.plan.mappings:
            raise UsageError(
                f"--mapping: with --dataflow {self.dataflow}; mappings are of the array's own dataflow; leave one of them out"
            )
        lowering = FreeLowering(self.dataflow, objective=self.objective, gap=self.gap)
        return lower(*facts, schedule.plan, {**dataflows.LOWERINGS, unit.kind: lowering}), lowering.mapped

    @property
    def said(self) -> dict[str, Any]:
        """Settings of the run."""
        if self.dataflow != "best":
            return {"dataflow": self.dataflow, "hypothetical": True}
        return {"dataflow": self.dataflow, "objective": self.objective, "gap": self.gap}


def free_choice(objective: str | None, gap: float | None, settings: Mapping[str, Any]) -> FreeChoice | None:
    """What is asked of a free array; ``None`` where the array does what it always does.

    Parameters
    ----------
    objective : str or None
        Frees the array: the mapping of least latency, energy, EDP or DRAM bytes.
    gap : float or None
        Share by which a mapping may miss the best one.
    settings : Mapping
        ``dataflow``, ``hypothetical``, ``mapping``.

    Raises
    ------
    UsageError
        An unknown objective, a gap out of range, and options that contradict each other.
    """
    asked, hypothetical = settings.get("dataflow"), bool(settings.get("hypothetical"))
    if objective is not None and objective not in OBJECTIVES:
        raise UsageError(
            f"--objective: '{objective}'; one of {', '.join(OBJECTIVES)} is expected; {nearest(objective, list(OBJECTIVES))}"
        )
    if gap is not None and not 0.0 <= gap < 1.0:
        raise UsageError(f"--gap: {gap:g}; a share from 0 to below 1 is expected; 0.05 is five percent")
    if objective is not None:
        if asked not in (None, "best"):
            raise UsageError(
                f"--objective: '{objective}' with --dataflow {asked}; any mapping is a candidate; leave one of them out"
            )
        if settings.get("mapping") is not None:
            raise UsageError(f"--objective: '{objective}' with --mapping; a mapping is given or searched; leave one of them out")
    searched = objective is not None or (asked == "best" and hypothetical)
    if gap is not None and not searched:
        raise UsageError(f"--gap: {gap:g} without a search; --objective NAME is expected beside it; e.g. --objective latency")
    if searched:
        return FreeChoice("best", objective or "latency", gap or 0.0)
    return FreeChoice(asked, "latency", 0.0) if asked is not None and hypothetical else None
