"""One network across devices of every size: predicted latency with its interval, and what was measured, on one logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from boardless.plots.style import COLOURS, INK, label_of, new_axes, styled, tick
from boardless.text import shortened
from sim.results import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def across_devices(
    estimates: Sequence[Estimate], measured: Mapping[str, Sequence[float]], axes: Axes | None = None, *,
    elsewhere: Mapping[str, Sequence[float]] | None = None,
) -> Axes:  # fmt: skip
    """A line per device, slowest on top: dot and bar for prediction and interval, rings for measurements under the same runtime.

    Parameters
    ----------
    estimates : sequence of Estimate
        One network on several devices.
    measured : Mapping of str to sequence of float
        Device -> measured latencies [s].
    axes : Axes or None
        Where to draw.
    elsewhere : Mapping or None
        Device -> latencies measured under other runtimes or settings [s].
    """
    rows = sorted(estimates, key=lambda found: found.latency_s)
    axes = new_axes(axes, 7.6, 1.0 + 0.24 * len(rows))
    places = range(len(rows))
    for place, row in zip(places, rows, strict=True):
        if row.latency_interval_s is not None:
            axes.plot(
                row.latency_interval_s, (place, place), color=COLOURS["compute"], alpha=0.4, linewidth=5, solid_capstyle="butt"
            )
    axes.plot([row.latency_s for row in rows], places, "o", color=COLOURS["compute"], markersize=5, label="predicted")
    axes.plot([], [], color=COLOURS["compute"], alpha=0.4, linewidth=5, label="80 % interval")
    found = [(value, place) for place, row in zip(places, rows, strict=True) for value in measured.get(row.device, ())]
    axes.plot(
        [value for value, _ in found], [place for _, place in found], "o", markerfacecolor="none", markeredgecolor=COLOURS["capacity"],
        markersize=7, label="measured",
    )  # fmt: skip
    apart = [(value, place) for place, row in zip(places, rows, strict=True) for value in (elsewhere or {}).get(row.device, ())]
    if apart:
        axes.plot(
            [value for value, _ in apart], [place for _, place in apart], "x", color=COLOURS["overhead"], markersize=5,
            label="measured under another runtime",
        )  # fmt: skip
    axes.set_yticks(
        list(places), [shortened(f"{row.device}, {row.settings.get('runtime') or row.settings.get('unit')}", 44) for row in rows]
    )
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(tick)
    axes.set_xlabel(label_of("latency_s"))
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.set_title(f"{shortened(rows[0].network, 40)} on {len(rows)} devices" if rows else "", color=INK)
    axes.legend(loc="lower right", fontsize=8)
    return axes
