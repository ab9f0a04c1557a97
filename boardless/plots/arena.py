"""The arena of each memory: buffers as rectangles, address over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boardless import formats
from boardless.plots.memory_map import split
from boardless.plots.style import COLOURS, INK, TRANSFERS, label_of, new_axes, scale_of, styled
from boardless.text import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from boardless.memory_view import MemoryView, PlacedBuffer

#: Colours of neighbouring buffers, taken in turn.
FILLS = (COLOURS["weights"], COLOURS["activations"], COLOURS["packing"], TRANSFERS[1], "#DDCC77", TRANSFERS[6])

#: A rectangle must be this much of the panel, in height and width, to carry its name.
NAMED_HEIGHT, CHARACTER_WIDTH = 0.055, 0.0095


@styled
def arena(result: Any, axes: Axes | None = None) -> Axes:
    """One panel per memory that holds activations; every buffer from its first to its last step, at its address.

    ``result`` is a MemoryResult.
    """
    view: MemoryView = result.view
    axes = new_axes(axes, 9.5, 1.4 + 2.8 * max(1, len(view.arenas)))
    panels = split(axes, len(view.arenas))
    for panel, (region, tall) in zip(panels, view.arenas.items(), strict=False):
        _panel(panel, region, tall, [b for b in view.buffers if b.region == region], result)
    panels[-1].set_xlabel("operator, in order of execution")
    verdict = "optimal" if view.optimal else f"{formats.share(view.fragmentation)} above the lower bound"
    head = f"{shortened(result.network, 40)} on {shortened(result.device, 40)}: arena by {view.planner}, {verdict}"
    panels[0].set_title(f"{head}\n\n{panels[0].get_title(loc='left')}")
    return panels[0]


def _panel(axes: Axes, region: str, tall: int, buffers: list[PlacedBuffer], result: Any) -> None:
    factor, unit = scale_of("address_bytes", max(tall, 1))
    steps = max(1, len(result.operators))
    capacity = result.memory[region].capacity_bytes
    for buffer in buffers:
        _rectangle(axes, buffer, factor, steps, max(tall, 1))
    axes.set_xlim(0, steps)
    axes.set_ylim(0, max(tall, 1) / factor * 1.08)
    axes.set_ylabel(label_of("address_bytes", unit))
    of = f", {formats.size(capacity)} there" if capacity is not None else ""
    axes.set_title(f"{region}: {formats.size(tall)}{of}")


def _rectangle(axes: Axes, buffer: PlacedBuffer, factor: float, steps: int, tall: int) -> None:
    from matplotlib.patches import Rectangle

    width, height = buffer.upper - buffer.lower, buffer.size / factor
    corner = (buffer.lower, buffer.offset / factor)
    axes.add_patch(Rectangle(corner, width, height, facecolor=FILLS[buffer.id % len(FILLS)], edgecolor="white", linewidth=0.6))
    room = int(width / steps / CHARACTER_WIDTH)
    if buffer.size / tall >= NAMED_HEIGHT and room >= 3:
        name = buffer.tensor if len(buffer.tensor) <= room else shortened(buffer.tensor, room) if room >= 8 else str(buffer.id)
        axes.text(corner[0] + width / 2, corner[1] + height / 2, name, ha="center", va="center", fontsize=7, color=INK)
