"""Roofline: how many multiply-accumulates per second each operator reaches, over how many it makes of each byte.

Williams, Waterman and Patterson, "Roofline: an insightful visual performance model", CACM 52(4), 2009.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boardless import formats
from boardless.plots.labels import number_points
from boardless.plots.roofs import Roofs, roofs_of
from boardless.plots.style import INK, colours_of, label_of, new_axes, styled, tick, titled
from boardless.text import shortened
from sim.results import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Operators that are told by number; the others are points.
NUMBERED = 8


@dataclass(frozen=True, slots=True)
class Point:
    """One operator on the roofline."""

    index: int
    name: str
    intensity_macs_per_byte: float
    rate_macs_per_s: float
    share: float
    bound: str
    winograd: bool  # multiplies less often than it accumulates, so it may lie above the peak


def main_level(estimate: Estimate) -> str:
    """The memory whose bytes count: off-chip RAM where there is some, else the one with the most traffic; empty without traffic."""
    traffic: dict[str, int] = {}
    for row in estimate.operators:
        for level, (read, written) in row.bytes.items():
            traffic[level] = traffic.get(level, 0) + read + written
    kinds = {level: estimate.memory[level].kind for level in traffic if level in estimate.memory}
    known = [level for level, kind in kinds.items() if kind == "dram"] or list(kinds) or list(traffic)
    return max(known, key=lambda level: (traffic[level], level), default="")


def points(estimate: Estimate, level: str) -> list[Point]:
    """Every operator that multiplies and takes time."""
    total = sum(row.latency_s for row in estimate.operators)
    found = []
    for index, row in enumerate(estimate.operators):
        moved = sum(row.bytes.get(level, (0, 0)))
        if row.macs > 0 and row.latency_s > 0 and moved > 0:
            rate, intensity = row.macs / row.latency_s, row.macs / moved
            winograd = "winograd" in str(row.details.get("algorithm", ""))
            found.append(Point(index, row.name, intensity, rate, row.latency_s / total, row.bound, winograd))
    return found


@styled
def roofline(estimate: Estimate, axes: Axes | None = None) -> Axes:
    """Operators as points under the roofs of their unit; the area is the share of the time, the colour what bounds them."""
    level = main_level(estimate)
    found = points(estimate, level)
    roofs = roofs_of(estimate, getattr(estimate, "schedule", None), level)
    axes = new_axes(axes, 9.5, 5.0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for bound, colour in colours_of(estimate).items():
        group = [p for p in found if p.bound == bound]
        _scatter(axes, [p for p in group if not p.winograd], "o", colour, f"bound by {bound}")
        _scatter(axes, [p for p in group if p.winograd], "^", colour, f"bound by {bound}, Winograd")
    _limits(axes, found, roofs)
    _draw_roofs(axes, roofs)
    axes.set_xlabel(label_of("intensity_macs_per_byte") + f", bytes of {level}" if level else label_of("intensity_macs_per_byte"))
    axes.set_ylabel(label_of("rate_macs_per_s"))
    axes.yaxis.set_major_formatter(tick)
    axes.xaxis.set_major_formatter(_plain)
    axes.grid(True)
    _legend(axes, found)
    titled(axes, estimate.network, estimate.device, f"roofline of {roofs.unit}")
    dots = [(p.intensity_macs_per_byte, p.rate_macs_per_s) for p in found]
    number_points(axes, [(p.intensity_macs_per_byte, p.rate_macs_per_s, str(p.index)) for p in _largest(found)], dots)
    return axes


def _scatter(axes: Axes, group: list[Point], marker: str, colour: str, label: str) -> None:
    if group:
        across, up = [p.intensity_macs_per_byte for p in group], [p.rate_macs_per_s for p in group]
        axes.scatter(across, up, s=[18.0 + 900.0 * p.share for p in group], marker=marker, color=colour, alpha=0.6, linewidths=0.5,
                     edgecolors=INK, label=label)  # fmt: skip


def _largest(found: list[Point]) -> list[Point]:
    return sorted(found, key=lambda p: (-p.share, p.index))[:NUMBERED]


def _limits(axes: Axes, found: list[Point], roofs: Roofs) -> None:
    """Room for every point, the peak and the ridge."""
    across = [p.intensity_macs_per_byte for p in found] or [1.0]
    up = [p.rate_macs_per_s for p in found] or [1.0]
    if roofs.macs_per_s is not None:
        up.append(roofs.macs_per_s)
        if roofs.bytes_per_s is not None:
            across.append(roofs.macs_per_s / roofs.bytes_per_s)
    axes.set_xlim(min(across) / 3, max(across) * 3)
    axes.set_ylim(min(up) / 3, max(up) * 3)


def _draw_roofs(axes: Axes, roofs: Roofs) -> None:
    left, right = axes.get_xlim()
    if roofs.macs_per_s is not None:
        ridge = roofs.macs_per_s / roofs.bytes_per_s if roofs.bytes_per_s else left
        axes.plot([max(left, ridge), right], [roofs.macs_per_s] * 2, color=INK, linewidth=1.4)
        axes.annotate(f"peak {formats.quantity(roofs.macs_per_s, 'MAC/s')}", (right, roofs.macs_per_s), xytext=(-4, 4),
                      textcoords="offset points", ha="right", va="bottom", color=INK)  # fmt: skip
    if roofs.bytes_per_s is not None:
        _slanted(axes, roofs, roofs.bytes_per_s)


def _slanted(axes: Axes, roofs: Roofs, bytes_per_s: float) -> None:
    """The roof of the memory, with its bandwidth beside it."""
    left, right = axes.get_xlim()
    start = max(left, axes.get_ylim()[0] / bytes_per_s)
    end = min(right, roofs.macs_per_s / bytes_per_s if roofs.macs_per_s else right)
    if end <= start:
        return
    axes.plot([start, end], [start * bytes_per_s, end * bytes_per_s], color=INK, linewidth=1.4)
    middle = math.sqrt(start * end)
    axes.annotate(f"{roofs.level} {formats.quantity(bytes_per_s, 'B/s')}", (middle, middle * bytes_per_s), xytext=(-6, 4),
                  textcoords="offset points", ha="right", va="bottom", color=INK)  # fmt: skip


def _legend(axes: Axes, found: list[Point]) -> None:
    """What the colours and the numbers mean, beside the picture."""
    from matplotlib.lines import Line2D

    drawn: Any = axes.get_legend_handles_labels()
    handles, names = drawn
    for handle in handles:
        handle.set_sizes([40.0])
    blank = Line2D([], [], linestyle="none")
    lines = [f"{p.index}  {shortened(p.name, 26)}  {formats.share(p.share)}" for p in _largest(found)]
    if lines:
        handles, names = [*handles, blank, *[blank] * len(lines)], [*names, "slowest operators, share of the time:", *lines]
    axes.legend(handles, names, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, handlelength=1.2)


def _plain(value: float, _: float) -> str:
    return f"{value:g}"
