"""One network on several devices: a table with a row each, and what must be known of each row."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from boardless import formats
from boardless.report import bound_shares, words
from boardless.text import WIDTH, render, table
from sim.results import Estimate


def comparison_text(estimates: Sequence[Estimate], *, width: int = WIDTH, colour: bool = False) -> str:
    """One network on several devices: a row each, then what must be known of each."""
    made = table(
        "device", "unit", "runtime", "type", "latency>", "energy>", "of the", "MACs/s>", "mostly bound by", "memory", "verdict"
    )
    for estimate in estimates:
        made.add_row(*_comparison_row(estimate))
    batch = estimates[0].settings.get("batch", 1) if estimates else 1
    parts: list[RenderableType] = []
    if estimates:
        macs = formats.count(max(estimate.macs for estimate in estimates))  # compilers may take out some
        parts = [
            Text(f"{estimates[0].network} on {len(estimates)} devices: batch {batch}, {macs} MACs", style="bold"),
            Text(),
            made,
            Text(),
        ]
    if len({estimate.energy_scope for estimate in estimates}) > 1:
        parts.append(Text("energies are of different scopes (chip, board, wall) and not to be compared with each other"))
    for estimate in estimates:
        said = [line for line in words(estimate) if not line.startswith("coverage: all")]
        if estimate.settings.get("dtype_assumed"):
            said.insert(0, f"as if quantised to {estimate.settings['dtype']}")
        parts += [Text(f"{estimate.device}: {line.strip()}" if not line.startswith(" ") else line) for line in said]
    return render(parts, width=width, colour=colour)


def _comparison_row(estimate: Estimate) -> list[RenderableType]:
    settings = estimate.settings
    bounds = bound_shares(estimate)
    mostly = next((f"{name} {formats.share(part)}" for name, part in bounds.items()), "")
    fullest = max(
        ((use.peak_bytes / use.capacity_bytes, name) for name, use in estimate.memory.items() if use.capacity_bytes), default=None
    )  # fmt: skip
    verdict = Text("does not fit", style="red") if not estimate.fits else "fits"
    rate = estimate.macs / estimate.latency_s if estimate.latency_s > 0 else None
    return [
        estimate.device,
        str(settings.get("unit") or "") + (f" x{settings['threads']}" if settings.get("threads") else ""),
        str(settings.get("runtime") or settings.get("dataflow") or ""),
        f"{settings.get('dtype') or ''}{'*' if settings.get('dtype_assumed') else ''}",
        formats.seconds(estimate.latency_s) + (" (if)" if estimate.hypothetical else ""),
        formats.joules(estimate.energy_j),
        estimate.energy_scope,
        formats.quantity(rate, ""),
        mostly,
        f"{fullest[1]} {formats.share(fullest[0])}" if fullest else "",
        verdict,
    ]
