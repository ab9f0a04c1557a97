"""Results as text: a few lines that answer, a table of memory, a table of operators, and honest words about all three."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from boardless import formats
from boardless.machine_form import host_share, reasons
from boardless.text import WIDTH, facts, render, shortened, table
from dataflows.footprint import Shortfall
from sim.results import Estimate, OperatorEstimate

#: Networks up to this many operators are shown in full and in order; of larger ones the slowest.
SHOWN = 15


def text(estimate: Estimate, *, operators: int | None = SHOWN, width: int = WIDTH, colour: bool = False) -> str:
    """The report of one estimate.

    Parameters
    ----------
    operators : int or None
        Largest number of operators in the table; ``None`` shows all, 0 none.
    width : int
        Columns of the terminal.
    colour : bool
        Write terminal colours.
    """
    parts: list[RenderableType] = [title(estimate), "", _answer(estimate), "", memory_table(estimate), ""]
    parts += [Text(line) for line in words(estimate)]
    if operators != 0 and estimate.operators:
        parts += ["", operator_table(estimate, operators)]
    return render(parts, width=width, colour=colour)


def title(estimate: Estimate) -> Text:
    """``mobilenet_v2 on raspberry_pi_4: cpu, 4 threads, ncnn, fp32, batch 1 (closed form)``."""
    line = Text(f"{estimate.network} on {estimate.device}", style="bold")
    return line.append(
        f": {', '.join(choices(estimate))} ({formats.METHODS.get(estimate.method, estimate.method)})", style="not bold"
    )


def choices(estimate: Estimate) -> list[str]:
    """The settings of a run in a few words."""
    settings = estimate.settings
    said = [str(settings["unit"])] if settings.get("unit") else []
    threads = settings.get("threads")
    if threads:
        said.append(f"{threads} thread{'s' if threads != 1 else ''}")
    said += [str(settings[key]) for key in ("runtime", "dataflow") if settings.get(key)]
    if settings.get("dtype"):
        said.append(f"as if quantised to {settings['dtype']}" if settings.get("dtype_assumed") else str(settings["dtype"]))
    return [*said, f"batch {settings.get('batch', 1)}"]


def _answer(estimate: Estimate) -> Table:
    rows: list[tuple[str, RenderableType]] = [("latency", _latency_words(estimate)), ("energy", _energy_words(estimate))]
    least = "at least " if estimate.coverage.unmodelled else ""
    timed = estimate.latency_s > 0 and estimate.macs > 0
    rate = f", {formats.quantity(estimate.macs / estimate.latency_s, 'MAC/s')} achieved" if timed else ""
    peak = f"{formats.size(estimate.activations_peak_bytes)} at the peak, over all memories ({estimate.profile} accounting)"
    rows += [
        ("MACs", f"{least}{formats.count(estimate.macs)}{rate}"),
        ("weights", formats.size(estimate.weights_bytes)),
        ("activations", peak),
        ("bound by", _bound_words(estimate)),
    ]
    extra = ((label, key, unit) for key, (label, unit) in _EXTRA.items() if estimate.extra.get(key) is not None)
    return facts([*rows, *((label, formats.by_unit(estimate.extra[key], unit)) for label, key, unit in extra)])


def _energy_words(estimate: Estimate) -> str:
    if estimate.energy_j is not None:
        return f"{formats.joules(estimate.energy_j)} (of the {estimate.energy_scope})"
    return f"not known: {next(entry.reason for entry in reasons(estimate) if entry.field == 'energy_j')}"


_EXTRA = {"tokens_per_s": ("tokens", "token/s"), "ttft_s": ("first token", "s"), "average_w": ("average power", "W")}


def _latency_words(estimate: Estimate) -> str:
    said = formats.seconds(estimate.latency_s)
    if estimate.hypothetical:
        said += f", if {', '.join(s.level for s in estimate.shortfalls)} were large enough (hypothetical)"
    if estimate.latency_interval_s is None:
        reason = next(entry.reason for entry in reasons(estimate) if entry.field == "latency_interval_s")
        return f"{said} (no interval: {reason})"
    low, high = estimate.latency_interval_s
    basis = f", {estimate.interval_basis}" if estimate.interval_basis else ""
    return f"{said} ({estimate.interval * 100:.0f} % interval {formats.seconds(low)} to {formats.seconds(high)}{basis})"


def bound_shares(estimate: Estimate) -> dict[str, float]:
    """Share of the operators' time by what bounds them, largest first."""
    total = sum(row.latency_s for row in estimate.operators)
    shares: dict[str, float] = {}
    for row in estimate.operators:
        if row.latency_s > 0:
            shares[row.bound] = shares.get(row.bound, 0.0) + row.latency_s / total
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def _bound_words(estimate: Estimate) -> str:
    shares = bound_shares(estimate)
    said = ", ".join(f"{bound} {formats.share(part)}" for bound, part in shares.items())
    return f"{said} of the time" if said else "nothing"


def memory_table(estimate: Estimate) -> Table:
    """One row per addressable memory."""
    made = table("memory", "kind", "weights>", "activations>", "overhead>", "peak>", "capacity>", "used>", "verdict")
    for name, use in estimate.memory.items():
        used = formats.share(use.peak_bytes / use.capacity_bytes) if use.capacity_bytes else formats.NOT_KNOWN
        sizes = (use.weights_bytes, use.activations_bytes, use.overhead_bytes, use.peak_bytes, use.capacity_bytes)
        short = not use.fits or any(entry.level == name for entry in estimate.shortfalls)
        verdict = Text("too small", style="red") if short else "capacity not known" if use.capacity_bytes is None else "fits"
        made.add_row(name, use.kind, *(formats.size(value) for value in sizes), used, verdict)
    return made


def words(estimate: Estimate) -> list[str]:
    """What a reader must know before believing the numbers, one line each."""
    lines = [line for entry in estimate.shortfalls for line in shortfall_lines(entry)]
    cover = estimate.coverage
    if cover.unmodelled:
        names = ", ".join(cover.unmodelled[:5]) + (f" and {len(cover.unmodelled) - 5} more" if len(cover.unmodelled) > 5 else "")
        counts = f"{cover.modelled} of {cover.operators} operators modelled"
        lines.append(f"coverage: {counts}; NOT modelled, costed as moving their bytes: {names}")
    else:
        lines.append(f"coverage: all {cover.operators} operators modelled")
    elsewhere = host_share(estimate)
    if elsewhere > 0:
        hosts = sorted({row.unit for row in estimate.operators if row.unit != estimate.settings.get("unit")})
        lines.append(f"host: {formats.share(elsewhere)} of the time on {', '.join(hosts)}, which runs what the unit cannot")
    if estimate.overlap_s > 0:
        lines.append(
            f"overlap: {formats.seconds(estimate.overlap_s)} of the operators' times run at once; the total is that much shorter"
        )
    if estimate.settings.get("set"):
        lines.append("set for this run (assumed): " + ", ".join(f"{k} = {v}" for k, v in estimate.settings["set"].items()))
    lines += [f"not known: {m.field}: {m.reason}" for m in estimate.missing if m.field not in ("energy_j", "latency_interval_s")]
    return lines + [f"note: {note}" for note in estimate.notes]


def shortfall_lines(entry: Shortfall) -> list[str]:
    """A shortfall as an inequality, with who holds the memory and what would help."""
    where = f" at {entry.operator}" if entry.operator else ""
    need, there, short = (formats.size(value) for value in (entry.needed_bytes, entry.capacity_bytes, entry.missing_bytes))
    lines = [f"does not fit: {entry.level}: {need} needed{where} > {there} there; short by {short}"]
    if entry.largest:
        lines.append("  held by " + ", ".join(f"{name} {formats.size(held)}" for name, held in entry.largest[:4]))
    verdicts = (("fits" if lever.needed_bytes <= entry.capacity_bytes else "still short", lever) for lever in entry.levers)
    return lines + [
        f"  lever: {lever.strategy}: {formats.size(lever.needed_bytes)} needed ({verdict})" for verdict, lever in verdicts
    ]


def operator_table(estimate: Estimate, limit: int | None = SHOWN) -> Table:
    """A row per operator: in network order where all are shown, else the slowest first, the rest summed in one row."""
    rows = list(enumerate(estimate.operators))
    cut = limit is not None and len(rows) > limit
    if cut:
        rows = sorted(rows, key=lambda item: (-item[1].latency_s, item[0]))[:limit]
    events, clocked = estimate.method == "events", any("utilization" in row.details for row in estimate.operators)
    made = _operator_columns(estimate, cut, events, clocked)
    total = sum(row.latency_s for row in estimate.operators)
    for index, row in rows:
        made.add_row(*_operator_row(index, row, total, events, clocked))
    if cut:
        rest = [row for index, row in enumerate(estimate.operators) if index not in {i for i, _ in rows}]
        made.add_section()
        made.add_row("", f"{len(rest)} others", "", "", *_sums(rest, total), *[""] * (2 + events + clocked))
    made.add_section()
    made.add_row("", "all operators", "", "", *_sums(estimate.operators, total), *[""] * (2 + events + clocked))
    return made


def _operator_columns(estimate: Estimate, cut: bool, events: bool, clocked: bool) -> Table:
    order = "slowest first" if cut else "in order"
    more = (["waited>"] if events else []) + (["used>"] if clocked else [])
    return table(
        "#>",
        f"operator ({order})",
        "kind",
        "unit",
        "MACs>",
        "latency>",
        "share>",
        "energy>",
        *more,
        "bound by",
        "phases (% of its time)",
    )


def _operator_row(index: int, row: OperatorEstimate, total: float, events: bool, clocked: bool) -> list[str]:
    more = [formats.seconds(row.wait_s)] if events else []
    if clocked:
        more.append(formats.share(row.details.get("utilization")))
    return [
        str(index),
        shortened(row.name),
        row.kind,
        row.unit,
        formats.count(row.macs) if row.macs else "",
        formats.seconds(row.latency_s),
        formats.share(row.latency_s / total if total > 0 else 0.0),
        formats.joules(row.energy_j),
        *more,
        row.bound or ("fused" if row.details.get("fused_into") else "free"),
        phase_words(row),
    ]


def _sums(rows: Sequence[OperatorEstimate], total: float) -> list[str]:
    energies = [row.energy_j for row in rows]
    energy = None if any(value is None for value in energies) else sum(value for value in energies if value is not None)
    latency = sum(row.latency_s for row in rows)
    return [
        formats.count(sum(row.macs for row in rows)),
        formats.seconds(latency),
        formats.share(latency / total if total > 0 else 0.0),
        formats.joules(energy),
    ]


def phase_words(row: OperatorEstimate) -> str:
    """``compute 61, dram 39``: each phase as percent of the operator's time, largest first."""
    if row.details.get("fused_into"):
        return f"in {shortened(str(row.details['fused_into']), 24)}"
    if not row.phases or row.latency_s <= 0:
        return ""
    ordered = sorted(row.phases, key=lambda phase: -phase[1])
    return ", ".join(f"{name} {duration / row.latency_s * 100:.0f}" for name, duration in ordered if duration > 0)
