"""Activations over time in the order of the network and in the order found, with both peaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from boardless import formats
from boardless.plots.style import COLOURS, INK, label_of, new_axes, scale_of, styled, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from boardless.memory_view import MemoryView


@styled
def memory_order(result: Any, axes: Axes | None = None) -> Axes:
    """Bytes of activations held at each step, before and after: one line each, the peak of each marked. ``result`` is a MemoryResult."""
    view: MemoryView = result.view
    axes = new_axes(axes, 9.0, 3.8)
    factor, unit = scale_of("held_bytes", max(view.given_peak_bytes, 1))
    _line(axes, view.given_loads, factor, COLOURS["overhead"], "as the network has it")
    if view.reordered:
        _line(axes, view.loads, factor, COLOURS["activations"], "the order found")
    sure = "no order holds less" if view.order_proved else f"no order holds less than {formats.size(view.order_bound_bytes)}"
    axes.axhline(view.order_bound_bytes / factor, color=COLOURS["capacity"], linewidth=1.0, linestyle=":", label=sure)
    axes.set_xlim(0, max(1, len(view.given_loads)))
    axes.set_ylim(0, max(view.given_peak_bytes, 1) / factor * 1.22)
    axes.set_xlabel("operator, in order of execution")
    axes.set_ylabel(label_of("held_bytes", unit))
    axes.yaxis.grid(True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    titled(axes, result.network, result.device, "activations by order of the operators")
    return axes


def _line(axes: Axes, loads: Sequence[int], factor: float, colour: str, name: str) -> None:
    peak = max(loads)
    step = loads.index(peak)
    held = [load / factor for load in loads]
    axes.step(
        range(len(held) + 1), [*held, held[-1]], where="post", color=colour, linewidth=1.2, label=f"{name}: {formats.size(peak)}"
    )
    axes.plot([step + 0.5], [peak / factor], marker="v", markersize=6, color=colour, markeredgecolor=INK, zorder=3)
