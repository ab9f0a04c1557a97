"""A calibration as text and as JSON: fitted parameters, residuals row by row, what is explained worst."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from boardless import formats
from boardless.machine_form import FORMAT, plain
from boardless.text import WIDTH, render, table

if TYPE_CHECKING:
    from validation.calibrate import Calibration


def calibration_form(found: Calibration) -> dict[str, Any]:
    """Parameters, multipliers and residuals as plain data."""
    overlay = found.overlay
    form = {
        "format": FORMAT, "device": overlay.device, "runtime": overlay.runtime, "basis": overlay.basis, "data": overlay.data,
        "split": overlay.split, "residuals": dict(overlay.residuals),
        "units": {
            name: {"parameters": unit.named, "multipliers": unit.multipliers, "worst_operators": dict(unit.worst)}
            for name, unit in overlay.units.items()
        },
        "rows": [asdict(entry) for entry in found.residuals], "notes": list(found.notes),
    }  # fmt: skip
    return dict(plain(form))


def calibration_text(found: Calibration, *, width: int = WIDTH, colour: bool = False) -> str:
    """Residuals of each row, fitted parameters, notes."""
    from rich.text import Text

    overlay = found.overlay
    rows = table("network", "unit", "threads>", "type", "measured>", "fitted>", "error>", "without it>", "error>")
    for entry in found.residuals:
        held = entry.held_out_s
        rows.add_row(
            entry.model, entry.unit, str(entry.threads or ""), entry.dtype, formats.seconds(entry.measured_s),
            formats.seconds(entry.fitted_s), f"{entry.fitted_s / entry.measured_s - 1:+.1%}",
            "" if held is None else formats.seconds(held), "" if held is None else f"{held / entry.measured_s - 1:+.1%}",
        )  # fmt: skip
    parts: list[Any] = [Text(f"{overlay.device}: {overlay.data}; {overlay.basis}", style="bold"), Text(), rows, Text()]
    for name, unit in overlay.units.items():
        fitted = table("parameter", "times its class>")
        for parameter, value in unit.named.items():
            fitted.add_row(parameter, f"{value:.3g}")
        parts += [Text(f"unit {name}"), fitted, Text()]
        if unit.worst:
            said = ", ".join(f"{kind} {share:.0%}" for kind, share in unit.worst)
            parts.append(Text(f"explained worst, share of the residual: {said}"))
    figures = overlay.residuals
    parts.append(
        Text(
            f"each network left out: mean error {figures['mape']:.1%}, median {figures['median_ape']:.1%}, n = {figures['rows']:.0f}"
        )
    )
    parts += [Text(f"note: {note}") for note in found.notes]
    return render(parts, width=width, colour=colour)
