"""The arena of each memory: buffers as rectangles, address over time, each with its name or a number of the key beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
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

#: Size of names [pt], and what a character takes along and across the line [in].
FONT, ALONG, ACROSS = 6.5, 0.062, 0.105

#: Width of the page: at least, at most, and for each operator [in]; of one column of the key beside it; of margins.
NARROW, WIDE, PER_STEP, KEY, MARGIN = 9.0, 24.0, 0.055, 3.2, 1.0

#: Height of a panel: at least, at most, and for each buffer [in]; buffers from which on the key has two columns; height of its lines.
LOW, TALL, PER_BUFFER, MANY, LINE = 4.4, 8.0, 0.04, 60, 0.115

#: The capacity is drawn where the arena takes this share of it.
NEAR = 0.5


@dataclass(frozen=True)
class _Page:
    """Inches of a page and a panel, and of a panel per step and per byte."""

    width: float
    height: float
    columns: int
    per_step: float = 0.0
    per_byte: float = 0.0

    def label(self, buffer: PlacedBuffer) -> tuple[str, int] | None:
        """Name or number that fits a rectangle, and its angle; nothing where not even the number does."""
        width, height = (buffer.upper - buffer.lower) * self.per_step, buffer.size * self.per_byte
        for text in (buffer.tensor, str(buffer.id)):
            if len(text) * ALONG <= width and height >= ACROSS:
                return text, 0
            if len(text) * ALONG <= height and width >= ACROSS:
                return text, 90
        return None


@styled
def arena(result: Any, axes: Axes | None = None) -> Axes:
    """One panel per memory that holds activations; every buffer from its first to its last step, at its address.

    Buffers too small for their name carry a number; the key beside the panel says what the largest of them are, and of those without
    either. ``result`` is a MemoryResult.
    """
    view: MemoryView = result.view
    steps, most = (
        max(1, len(result.operators)),
        max((sum(b.region == name for b in view.buffers) for name in view.arenas), default=0),
    )
    columns = 2 if most > MANY else 1
    height = min(TALL, max(LOW, PER_BUFFER * most))
    page = _Page(min(WIDE, max(NARROW, PER_STEP * steps + KEY * columns)), height, columns)
    axes = new_axes(axes, page.width, 1.2 + height * max(1, len(view.arenas)))
    panels = split(axes, len(view.arenas))
    for panel, (region, tall) in zip(panels, view.arenas.items(), strict=False):
        _panel(panel, region, tall, [b for b in view.buffers if b.region == region and b.size], result, page)
    panels[-1].set_xlabel("operator, in order of execution")
    verdict = "optimal" if view.optimal else f"{formats.share(view.gap)} above the lower bound"
    head = f"{shortened(result.network, 40)} on {shortened(result.device, 40)}: arena by {view.planner}, {verdict}"
    panels[0].set_title(f"{head}\n\n{panels[0].get_title(loc='left')}")
    return panels[0]


def _panel(axes: Axes, region: str, tall: int, buffers: list[PlacedBuffer], result: Any, page: _Page) -> None:
    factor, unit = scale_of("address_bytes", max(tall, 1))
    steps = max(1, len(result.operators))
    capacity = result.memory[region].capacity_bytes
    drawn = capacity is not None and NEAR * capacity <= tall
    top = max(tall, capacity if drawn and capacity is not None else 0, 1) * 1.06
    page = replace(page, per_step=(page.width - KEY * page.columns - MARGIN) / steps, per_byte=(page.height - MARGIN) / top)
    named = {buffer.id: page.label(buffer) for buffer in buffers}
    for buffer in buffers:
        _rectangle(axes, buffer, factor, named[buffer.id])
    if drawn and capacity is not None:
        axes.axhline(capacity / factor, color=COLOURS["capacity"], linewidth=1.4, linestyle="--")
    axes.set_xlim(0, steps)
    axes.set_ylim(0, top / factor)
    axes.set_ylabel(label_of("address_bytes", unit))
    of = f", {formats.size(capacity)} there" if capacity is not None else ""
    axes.set_title(f"{region}: {formats.size(tall)}{of}" + (" (dashed)" if drawn else ""))
    _key(axes, [b for b in buffers if (named[b.id] or ("", 0))[0] != b.tensor], len(buffers), page)


def _rectangle(axes: Axes, buffer: PlacedBuffer, factor: float, label: tuple[str, int] | None) -> None:
    from matplotlib.patches import Rectangle

    width, height = buffer.upper - buffer.lower, buffer.size / factor
    corner = (buffer.lower, buffer.offset / factor)
    axes.add_patch(Rectangle(corner, width, height, facecolor=FILLS[buffer.id % len(FILLS)], edgecolor="white", linewidth=0.5))
    if label is not None:
        text, angle = label
        middle = (corner[0] + width / 2, corner[1] + height / 2)
        axes.text(*middle, text, ha="center", va="center", fontsize=FONT, color=INK, rotation=angle)


def _key(axes: Axes, unnamed: list[PlacedBuffer], drawn: int, page: _Page) -> None:
    """Numbers and names of the largest buffers that carry no name, as many as the panel is tall."""
    rows = int((page.height - MARGIN) / LINE) - 2
    shown = sorted(sorted(unnamed, key=lambda b: (-b.size, b.id))[: rows * page.columns], key=lambda b: b.id)
    lines = [f"{b.id:>4}  {shortened(b.tensor, 32)} {formats.size(b.size)}" for b in shown]
    if len(unnamed) > len(shown):
        lines.append(f"      and {len(unnamed) - len(shown)} smaller of {drawn} in all")
    rows = -(-len(lines) // page.columns)
    columns = [lines[rows * k : rows * (k + 1)] for k in range(page.columns)]
    pad = max((len(line) for line in columns[0]), default=0) + 2
    if lines:
        beside = "\n".join("".join(c[n].ljust(pad) if n < len(c) else "" for c in columns).rstrip() for n in range(rows))
        axes.text(1.01, 1.0, beside, transform=axes.transAxes, ha="left", va="top", fontsize=FONT - 0.5, family="monospace")
