"""Time of each operator by phase, as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boardless import formats
from boardless.plots.style import COLOURS, colours_of, label_of, new_axes, scale_of, styled, titled
from boardless.text import shortened
from sim.results import Estimate, OperatorEstimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Most operators with a bar of their own; of larger networks the slowest.
BARS = 30


@styled
def breakdown(estimate: Estimate, axes: Axes | None = None, bars: int = BARS) -> Axes:
    """Horizontal bars: phases that follow each other end to end, phases that overlap side by side from zero.

    Networks of more than ``bars`` operators show the slowest and one bar for all others.
    """
    shown, rest = slowest(estimate, bars)
    factor, unit = scale_of("latency_s", max((row.latency_s for _, row in shown), default=0.0))
    colours = colours_of(estimate)
    axes = new_axes(axes, 9.5, 1.5 + 0.21 * (len(shown) + bool(rest)))
    for place, (_, row) in enumerate(shown):
        _bar(axes, place, row, factor, colours)
    _labels(axes, [f"{index}  {shortened(row.name, 30)}" for index, row in shown], rest, estimate, factor)
    axes.set_xlabel(label_of("latency_s", unit))
    axes.xaxis.grid(True)
    order = f"the {len(shown)} slowest of {len(estimate.operators)} operators" if rest else "every operator"
    titled(axes, estimate.network, estimate.device, f"{order}, {formats.seconds(estimate.latency_s)} in all")
    handles = [axes.barh(0, 0, color=colour, label=phase) for phase, colour in colours.items()]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    return axes


def slowest(estimate: Estimate, bars: int) -> tuple[list[tuple[int, OperatorEstimate]], list[OperatorEstimate]]:
    """Operators that get a bar, and the others: those that take time, in order, or the slowest first where there are too many."""
    timed = [(index, row) for index, row in enumerate(estimate.operators) if row.latency_s > 0]
    if len(timed) <= bars:
        return timed, []
    ranked = sorted(timed, key=lambda item: (-item[1].latency_s, item[0]))
    return ranked[:bars], [row for _, row in ranked[bars:]]


def _bar(axes: Axes, place: int, row: OperatorEstimate, factor: float, colours: dict[str, str]) -> None:
    phases = [(name, duration) for name, duration in row.phases if duration > 0]
    if row.join == "max" and len(phases) > 1:
        height = 0.8 / len(phases)
        for k, (name, duration) in enumerate(phases):
            axes.barh(place - 0.4 + (k + 0.5) * height, duration / factor, height, color=colours[name])
        return
    left = 0.0
    for name, duration in phases:
        axes.barh(place, duration / factor, 0.8, left=left, color=colours[name])
        left += duration / factor


def _labels(axes: Axes, names: list[str], rest: list[OperatorEstimate], estimate: Estimate, factor: float) -> None:
    """Names beside the bars, shares of the whole at their ends; the others as one line of text."""
    total = sum(row.latency_s for row in estimate.operators)
    if rest:
        latency = sum(row.latency_s for row in rest)
        names = [*names, f"{len(rest)} others: {formats.seconds(latency)}, {formats.share(latency / total)}"]
        axes.barh(len(names) - 1, 0.0, 0.8, color=COLOURS["free"])
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
