"""The answer of ``memory`` as text: memories, arenas, the peak and who makes it, the buffers."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from boardless import formats
from boardless.memory_view import MemoryView, PlacedBuffer
from boardless.report import memory_table, title, words
from boardless.text import WIDTH, facts, render, shortened, table
from sim.results import Estimate

#: Tensors named at the peak.
NAMED = 6


def text(estimate: Estimate, view: MemoryView, *, rows: int | None = None, width: int = WIDTH, colour: bool = False) -> str:
    """The report of one memory answer; ``rows`` limits the buffers shown."""
    said: list[RenderableType] = [Text(line) for line in words(estimate)]
    parts = [
        title(estimate),
        Text(),
        _answer(view),
        Text(),
        memory_table(estimate),
        Text(),
        *said,
        Text(),
        buffer_table(view, rows),
    ]
    return render(parts, width=width, colour=colour)


def _answer(view: MemoryView) -> Table:
    sizes = {buffer.tensor: buffer.size for buffer in view.buffers}
    held = [f"{shortened(name, 28)} {formats.size(sizes[name])}" for name in view.peak_tensors if name in sizes]
    more = f" and {len(held) - NAMED} more" if len(held) > NAMED else ""
    verdict = "optimal: equal to its lower bound" if view.optimal else f"{formats.share(view.fragmentation)} above the lower bound"
    return facts([
        ("peak load", f"{formats.size(view.peak_load_bytes)} of activations at {view.peak_operator}"),
        ("held there", ", ".join(held[:NAMED]) + more),
        ("arena", f"{formats.size(view.arena_bytes)} by {view.planner}; {verdict} ({formats.size(view.lower_bound_bytes)})"),
        ("order", f"{len(view.order)} operators, as the network has them"),
    ])  # fmt: skip


def buffer_table(view: MemoryView, limit: int | None) -> Table:
    """A row per buffer, in order of their first step; of many the largest."""
    shown: list[PlacedBuffer] = list(view.buffers)
    if limit is not None and len(shown) > limit:
        shown = sorted(sorted(shown, key=lambda b: (-b.size, b.id))[:limit], key=lambda b: b.id)
    made = table("#>", "buffer", "memory", "from step>", "until step>", "size>", "offset>")
    for b in shown:
        made.add_row(
            str(b.id), shortened(b.tensor, 48), b.region, str(b.lower), str(b.upper), formats.size(b.size), f"{b.offset:,}"
        )
    if len(shown) < len(view.buffers):
        made.add_section()
        made.add_row("", f"{len(view.buffers) - len(shown)} smaller ones (--all shows them)")
    return made
