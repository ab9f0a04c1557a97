"""One network on several devices: latency, energy and the fullest memory side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from boardless import formats
from boardless.plots.style import COLOURS, INK, label_of, new_axes, styled, tick
from boardless.text import shortened
from sim.results import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def comparison(estimates: Sequence[Estimate], axes: Axes | None = None) -> Axes:
    """Bars by device on logarithmic axes, latency left, energy right; each bar says its value, hatched where it does not fit."""
    axes = new_axes(axes, 10.0, 1.5 + 0.45 * len(estimates))
    figure: Any = axes.figure
    spot = axes.get_subplotspec()
    if spot is not None:
        grid = spot.subgridspec(1, 2)
        axes.remove()
        axes, other = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[0, 1])
        _bars(other, estimates, "energy_j", [e.energy_j for e in estimates], COLOURS["activations"])
        other.set_yticklabels([f"{e.energy_scope}" for e in estimates])
        other.set_title("energy, by what it counts")
    _bars(axes, estimates, "latency_s", [e.latency_s for e in estimates], COLOURS["compute"])
    axes.set_yticklabels([shortened(e.device, 28) for e in estimates])
    axes.set_title(f"{shortened(estimates[0].network, 40)}: latency" if estimates else "")
    return axes


def _bars(axes: Axes, estimates: Sequence[Estimate], column: str, values: list[float | None], colour: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    known = [value for value in values if value]
    least, most = (min(known), max(known)) if known else (0.1, 1.0)
    axes.set_xscale("log")
    axes.set_xlim(least / 4, most * 15)
    for place, (estimate, value) in enumerate(zip(estimates, values, strict=True)):
        if value:
            hatch = None if estimate.fits else "///"
            axes.barh(place, value, 0.65, color=colour, alpha=1.0 if estimate.fits else 0.5, hatch=hatch, edgecolor="white")
        text = formats.quantity(value, column.rsplit("_", 1)[1].upper() if column.endswith("_j") else "s")
        said = "not known" if value is None else text + ("" if estimate.fits else " (does not fit)")
        axes.annotate(
            said, (value or least / 4, place), xytext=(4, 0), textcoords="offset points", va="center", color=INK, fontsize=8
        )
    axes.set_yticks(range(len(estimates)))
    axes.set_ylim(len(estimates) - 0.4, -0.6)
    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_major_formatter(tick)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label_of(column))
    axes.xaxis.grid(True)
    axes.tick_params(axis="y", length=0)
