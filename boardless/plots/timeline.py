"""Timeline: what each resource did and when, from the events of a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boardless import formats
from boardless.plots.style import COLOURS, INK, colours_of, label_of, new_axes, scale_of, styled, titled
from boardless.text import shortened
from sim.trace import PICOSECONDS, Event, Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: An event narrower than this share of the whole carries no name.
NAMED_SHARE = 0.045


@styled
def timeline(result: Any, axes: Axes | None = None) -> Axes:
    """One row per resource, busy bars coloured by phase, waiting drawn above them; the share of busy time at the right.

    ``result`` is a Result of ``simulate``.
    """
    trace: Trace = result.trace
    factor, unit = scale_of("time_s", trace.makespan_ps / PICOSECONDS)
    resources = list(dict.fromkeys(event.resource for event in trace.events))
    colours = colours_of(result)
    axes = new_axes(axes, 10.0, 1.6 + 0.55 * len(resources))
    for place, resource in enumerate(resources):
        _row(axes, place, [event for event in trace.events if event.resource == resource], colours, factor)
    _names(axes, trace, resources, factor)
    axes.set_yticks(
        range(len(resources)), [f"{shortened(name, 24)}\n{formats.share(trace.busy_share()[name])} busy" for name in resources]
    )
    axes.set_ylim(len(resources) - 0.4, -0.6)
    axes.set_xlim(0, max(trace.makespan_ps, 1) / PICOSECONDS / factor)
    axes.set_xlabel(label_of("time_s", unit))
    _legend(axes, colours, any(event.wait_ps for event in trace.events))
    titled(axes, result.network, result.device, f"timeline, {formats.seconds(trace.makespan_ps / PICOSECONDS)}")
    return axes


def _row(axes: Axes, place: int, events: list[Event], colours: dict[str, str], factor: float) -> None:
    to_axis = 1.0 / PICOSECONDS / factor
    for phase, colour in colours.items():
        spans = [
            (e.start_ps * to_axis, (e.end_ps - e.start_ps) * to_axis) for e in events if e.phase == phase and e.end_ps > e.start_ps
        ]
        if spans:
            axes.broken_barh(spans, (place - 0.3, 0.6), facecolors=colour)
    waits = [(e.ready_ps * to_axis, e.wait_ps * to_axis) for e in events if e.wait_ps > 0]
    if waits:
        axes.broken_barh(waits, (place - 0.42, 0.08), facecolors=COLOURS["wait"], edgecolors=INK, linewidths=0.3)


def _names(axes: Axes, trace: Trace, resources: list[str], factor: float) -> None:
    """Operator names in the bars that are wide enough for them, numbers in the next smaller ones."""
    for event in trace.events:
        width = event.end_ps - event.start_ps
        if width < NAMED_SHARE * trace.makespan_ps:
            continue
        middle = (event.start_ps + event.end_ps) / 2 / PICOSECONDS / factor
        room = max(3, int(width / trace.makespan_ps * 95))
        name = event.name.rsplit("/", 1)[0]
        said = name if len(name) <= room else shortened(name, room) if room >= 12 else str(event.operator)
        axes.text(middle, resources.index(event.resource), said, ha="center", va="center", color="white", fontsize=7)


def _legend(axes: Axes, colours: dict[str, str], waits: bool) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=phase) for phase, colour in colours.items()]
    if waits:
        handles.append(Patch(facecolor=COLOURS["wait"], edgecolor=INK, linewidth=0.3, label="waiting"))
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
