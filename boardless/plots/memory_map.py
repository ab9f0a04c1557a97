"""Memory over time: what each memory holds while each operator runs, against its capacity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from boardless import formats
from boardless.plots.style import COLOURS, label_of, new_axes, scale_of, styled
from boardless.text import shortened
from sim.results import MemoryUse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The capacity is drawn as a line where the peak reaches this share of it, and told in words where it does not.
NEAR = 0.3

#: Where activations are less than this share of the peak, the axis shows them alone.
MOVING = 0.35


@styled
def memory_map(result: Any, axes: Axes | None = None) -> Axes:
    """One panel per memory in use: constants and what the engine keeps below, activations above them, by operator, with the capacity.

    ``result`` is a Result with its schedule.
    """
    used = {name: use for name, use in result.memory.items() if use.peak_bytes > 0}
    axes = new_axes(axes, 9.0, 1.2 + 1.9 * max(1, len(used)))
    panels = split(axes, len(used))
    for panel, (name, use) in zip(panels, used.items(), strict=False):
        loads = result.schedule.placement.loads.get(name, ()) if result.schedule is not None else ()
        _panel(panel, name, use, loads or (use.activations_bytes,), result)
    panels[-1].set_xlabel("operator, in order of execution")
    head = f"{shortened(result.network, 40)} on {shortened(result.device, 40)}: memory over time"
    panels[0].set_title(f"{head}\n\n{panels[0].get_title(loc='left')}")
    return panels[0]


def split(axes: Axes, number: int) -> list[Axes]:
    """The axes split into one above the other."""
    figure: Any = axes.figure
    spot = axes.get_subplotspec()
    if number < 2 or spot is None:
        return [axes]
    axes.remove()
    grid = spot.subgridspec(number, 1)
    return [figure.add_subplot(grid[row, 0]) for row in range(number)]


def _panel(axes: Axes, name: str, use: MemoryUse, loads: Sequence[int], result: Any) -> None:
    factor, unit = scale_of("held_bytes", max(use.peak_bytes, 1))
    constant = (use.weights_bytes + use.overhead_bytes) / factor
    steps = list(range(len(loads) + 1))
    held = [constant + load / factor for load in loads]
    held.append(held[-1])
    weights = use.weights_bytes / factor
    if use.weights_bytes:
        axes.fill_between(steps, 0, weights, step="post", color=COLOURS["weights"], label="weights", linewidth=0)
    if use.overhead_bytes:
        axes.fill_between(steps, weights, constant, step="post", color=COLOURS["overhead"], label="engine", linewidth=0)
    if any(loads):
        axes.fill_between(steps, constant, held, step="post", color=COLOURS["activations"], label="activations", linewidth=0)
        _peak(axes, held)
    _limits(axes, use, factor, constant, max(held))
    axes.set_xlim(0, len(loads))
    axes.set_ylabel(label_of("held_bytes", unit))
    axes.set_title(_words(name, use, loads, result))
    axes.yaxis.grid(True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)


def _peak(axes: Axes, held: Sequence[float]) -> None:
    """Mark the worst step."""
    most = max(held)
    axes.plot(
        [held.index(most) + 0.5], [most], marker="v", markersize=6, color=COLOURS["capacity"], zorder=3, label="peak", linestyle=""
    )


def _limits(axes: Axes, use: MemoryUse, factor: float, constant: float, peak: float) -> None:
    """Capacity as a line where it is near; where constants are nearly all there is, the axis begins a little below their top."""
    near = use.capacity_bytes is not None and use.peak_bytes >= NEAR * use.capacity_bytes
    top = peak
    if near and use.capacity_bytes is not None:
        top = max(peak, use.capacity_bytes / factor)
        name = f"capacity {formats.size(use.capacity_bytes)}"
        axes.axhline(use.capacity_bytes / factor, color=COLOURS["capacity"], linewidth=1.4, linestyle="--", label=name)
    moving = peak - constant
    if not near and 0 < moving < MOVING * peak:
        axes.set_ylim(constant - 0.25 * moving, peak + 0.2 * moving)
        axes.text(0.005, 0.02, "the axis does not begin at 0", transform=axes.transAxes, fontsize=7)
    else:
        axes.set_ylim(0, top * 1.15 or 1.0)


def _words(name: str, use: MemoryUse, loads: Sequence[int], result: Any) -> str:
    """``sram: peak 340 KiB of 512 KiB, at conv_3``."""
    of = f" of {formats.size(use.capacity_bytes)}" if use.capacity_bytes is not None else ""
    step = max(range(len(loads)), key=lambda i: loads[i])
    at = f", at {step} {shortened(result.operators[step].name, 30)}" if any(loads) and len(loads) == len(result.operators) else ""
    short = "" if use.fits else ", does not fit"
    return f"{name}: peak {formats.size(use.peak_bytes)}{of}{at}{short}"
