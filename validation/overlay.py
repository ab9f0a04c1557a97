"""Fitted parameters -> an overlay beside a device file: figures, the data and the split they come from, and what is left over."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwmodels.costs.cpu import TERM_NAMES
from validation.cpu_tree import FREE, PARAMETERS, SHARED, Entity, multipliers

Floats = NDArray[np.float64]

#: The dozen parameters that are free per board and unit.
NAMED = (*FREE, *SHARED)


@dataclass(frozen=True)
class UnitFit:
    """Fitted parameters of one unit of a device.

    Attributes
    ----------
    entity : Entity
    theta, prior : float arrays
        ln of the parameters found, and of those of the class.
    worst : sequence of (str, float)
        Operators that carry most of what is not explained: name, and its share of it.
    """

    entity: Entity
    theta: Floats
    prior: Floats
    worst: Sequence[tuple[str, float]] = ()

    @property
    def named(self) -> dict[str, float]:
        """The dozen parameters as factors on their class."""
        return {name: float(np.exp(self.theta[i] - self.prior[i])) for i, name in enumerate(PARAMETERS) if name in NAMED}

    @property
    def multipliers(self) -> dict[str, float]:
        """The twenty multipliers as a device file has them."""
        return dict(zip(TERM_NAMES, map(float, multipliers(self.entity, self.theta)), strict=True))


@dataclass(frozen=True)
class Overlay:
    """What a fit writes down."""

    device: str
    runtime: str
    basis: str
    data: str
    split: str
    residuals: Mapping[str, float]
    units: Mapping[str, UnitFit] = field(default_factory=dict)
    date: str | None = None

    def text(self) -> str:
        """The YAML file; equal fits give equal bytes."""
        lines = ["format: 1", f"device: {self.device}", f"runtime: {self.runtime}", f"basis: {self.basis}"]
        lines += [f"date: {self.date}"] if self.date else []
        lines += ["sources:", f'  rows: "{self.data}"', f'split: "{self.split}"', "residuals:"]
        lines += [f"  {name}: {value:.4g}" for name, value in self.residuals.items()]
        lines += ["units:"]
        for name, unit in self.units.items():
            lines += [f"  {name}:", "    # factors on the class of the core", "    parameters:"]
            lines += [f"      {key}: {value:.4g}" for key, value in unit.named.items()]
            lines += ["    multipliers:"]
            lines += [f"      {key}: {value:.4g}" for key, value in unit.multipliers.items()]
            if unit.worst:
                lines += ["    worst_operators:", *(f'      "{key}": {share:.3g}' for key, share in unit.worst)]
        return "\n".join(lines) + "\n"

    def write(self, path: str | Path) -> None:
        """Write beside, then rename."""
        path = Path(path)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            beside.write_text(self.text(), encoding="utf-8")
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
