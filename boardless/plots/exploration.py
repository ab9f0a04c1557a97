"""All points of an exploration by two objectives, with the front that no other point beats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from boardless.explore_report import Summary
from boardless.exploring import Exploration
from boardless.objectives import COLUMNS, of_block, of_row
from boardless.plots.style import INK, TRANSFERS, label_of, new_axes, png, styled, tick
from boardless.points import FAILED
from boardless.text import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Axis of the objective that is no column.
EDP = "energy-delay product [J s]"
#: Points of one group that are drawn; of more every so many-th.
MOST_DRAWN = 20_000


@styled
def exploration(found: Exploration, summary: Summary, axes: Axes | None = None) -> Axes:
    """Points by the first two objectives on logarithmic axes, coloured by what varies; crosses do not fit; the front as a line."""
    axes = new_axes(axes, 8.0, 5.0)
    across, up = (*summary.objectives, "energy" if summary.objectives[0] != "energy" else "latency")[:2]
    by = "device" if len(found.space.devices) > 1 else "strategies" if len(found.space.strategies) > 1 else "network"
    clouds = _clouds(found, across, up, by)
    for place, (name, points) in enumerate(clouds.items()):
        colour = TRANSFERS[place % len(TRANSFERS)]
        step = 1 + len(points) // MOST_DRAWN
        for fits, marker in ((1.0, "o"), (0.0, "x")):
            shown = points[points[:, 2] == fits][::step]
            label = f"{shortened(name or 'as it is', 28)}{'' if fits else ' (does not fit)'}"
            if len(shown):
                axes.scatter(shown[:, 0], shown[:, 1], s=14, marker=marker, color=colour, alpha=0.6, linewidths=0.8, label=label)
    for place, network in enumerate(found.space.networks):
        front = [(of_row(row, across), of_row(row, up)) for row in summary.front if row["network"] == network]
        pairs = sorted((x, y) for x, y in front if x and y)
        caption = "not beaten" if place == 0 else None
        axes.plot([x for x, _ in pairs], [y for _, y in pairs], color=INK, linewidth=1.0, drawstyle="steps-post", label=caption)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(tick)
        axis.set_minor_formatter(lambda value, place: "")
        axis.grid(True)
    axes.set_xlabel(label_of(COLUMNS.get(across, EDP)))
    axes.set_ylabel(label_of(COLUMNS.get(up, EDP)))
    axes.set_title(f"{found.space.name}: {summary.points - summary.failed:,} points")
    if len(clouds) <= len(TRANSFERS):
        axes.legend(fontsize=7, loc="best")
    return axes


def _clouds(found: Exploration, across: str, up: str, by: str) -> dict[str, NDArray[np.float64]]:
    """Name -> rows of (across, up, 1 where it fits)."""
    parts: dict[str, list[NDArray[np.float64]]] = {}
    for block in found.blocks():
        fits = np.array([1.0 if value else 0.0 for value in block.column("fits")])
        points = np.stack([of_block(block, across), of_block(block, up), fits], axis=1)
        usable = np.isfinite(points).all(axis=1) & (points[:, :2] > 0).all(axis=1)
        usable &= np.array([state != FAILED for state in block.column("status")])
        names = np.array([str(name) for name in block.column(by)])
        for name in dict.fromkeys(names.tolist()):
            parts.setdefault(name, []).append(points[usable & (names == name)])
    return {name: np.concatenate(some) for name, some in parts.items()}


def exploration_pictures(found: Exploration, summary: Summary) -> dict[str, bytes]:
    """File name -> PNG."""
    return {"exploration.png": png(lambda axes: exploration(found, summary, axes))}
