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
    return facts([
        ("peak load", f"{formats.size(view.peak_load_bytes)} of activations at {view.peak_operator}"),
        ("held there", _held(view)),
        ("order", _order(view)),
        *(("arena" if number == 0 else "", line) for number, line in enumerate(_arenas(view))),
        ("counted as", view.profile_summary),
    ])  # fmt: skip


def _held(view: MemoryView) -> str:
    """The buffers at the peak, largest first."""
    step = view.order.index(view.peak_operator) if view.peak_operator is not None else 0
    at = sorted((b for b in view.buffers if b.lower <= step < b.upper and b.size), key=lambda b: (-b.size, b.id))
    held = [f"{shortened(b.tensor, 28)} {formats.size(b.size)}" for b in at]
    return ", ".join(held[:NAMED]) + (f" and {len(held) - NAMED} more" if len(held) > NAMED else "")


def _order(view: MemoryView) -> str:
    """Whose order it is, and how sure it is that none holds less."""
    gap = view.peak_load_bytes / view.order_bound_bytes - 1.0 if view.order_bound_bytes else 0.0
    sure = (
        "no order holds less: proved" if view.order_proved
        else f"at most {formats.share(gap)} above the least of all orders" if view.order_bound_bytes else "settled by the plan"
    )  # fmt: skip
    whose = (
        f"rearranged, {formats.size(view.given_peak_bytes)} as the network has them"
        if view.reordered
        else "as the network has them"
    )
    return f"{len(view.order)} operators, {whose}; {sure}"


def _arenas(view: MemoryView) -> list[str]:
    """A line per memory: height, who placed it, how far above its bound."""
    lines = []
    for name, tall in view.arenas.items():
        bound = view.bounds[name]
        whatever = ", whatever the order" if view.jointly_optimal else ""
        over = (
            f"optimal{whatever}" if tall == bound else f"{formats.share(tall / bound - 1.0)} above its bound {formats.size(bound)}"
        )
        lines.append(f"{formats.size(tall)} in {name} by {view.planner}; {over}")
    if view.exact_bytes < view.arena_bytes:
        lines.append(f"{formats.size(view.exact_bytes)} with addresses planned beforehand (exact)")
    return lines


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
