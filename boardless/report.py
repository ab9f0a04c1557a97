"""Results as text: a few lines that answer, a table of memory, a table of operators, and honest words about all three."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from boardless import formats, trace_text
from boardless.machine_form import reasons
from boardless.text import WIDTH, facts, render, shortened, table
from dataflows.footprint import Shortfall
from sim.account import accounts, critical_path
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
    parts += _events(estimate)
    if operators != 0 and estimate.operators:
        parts += ["", operator_table(estimate, operators)]
    return render(parts, width=width, colour=colour)


def _events(estimate: Estimate) -> list[RenderableType]:
    """Of a simulation: what each resource did with its time, the critical path, who else ran."""
    trace, together = getattr(estimate, "trace", None), getattr(estimate, "together", None)
    if trace is None or not trace.events:
        return []
    parts: list[RenderableType] = [""]
    if together is not None:
        parts += [trace_text.party_table(together), ""]
    last = getattr(estimate, "last_event", None)
    return [*parts, trace_text.resource_table(trace, accounts(trace)), Text(trace_text.critical_words(critical_path(trace, last)))]


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


_EXTRA = {
    "tokens_per_s": ("tokens", "token/s"),
    "ttft_s": ("first token", "s"),
    "latency_mean_s": ("on average", "s"),
    "latency_p95_s": ("95 % within", "s"),
    "energy_mean_j": ("energy, mean", "J"),
    "average_w": ("average power", "W"),
    "days": ("battery lasts", "days"),
}


def _latency_words(estimate: Estimate) -> str:
    said = formats.seconds(estimate.latency_s)
    if estimate.hypothetical:
        said += f", if {', '.join(s.level for s in estimate.shortfalls)} were large enough (hypothetical)"
    if estimate.latency_interval_s is None:
        reason = next(entry.reason for entry in reasons(estimate) if entry.field == "latency_interval_s")
        return f"{said} ({reason})" if reason.startswith("no interval") else f"{said} (no interval: {reason})"
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
    """One row per addressable memory that holds something."""
    made = table("memory", "kind", "weights>", "activations>", "overhead>", "peak>", "capacity>", "used>", "verdict")
    for name, use in estimate.memory.items():
        if use.peak_bytes == 0:
            continue
        used = formats.share(use.peak_bytes / use.capacity_bytes) if use.capacity_bytes else formats.NOT_KNOWN
        sizes = (use.weights_bytes, use.activations_bytes, use.overhead_bytes, use.peak_bytes, use.capacity_bytes)
        short = not use.fits or any(entry.level == name for entry in estimate.shortfalls)
        verdict = Text("too small", style="red") if short else "capacity not known" if use.capacity_bytes is None else "fits"
        made.add_row(name, use.kind, *(formats.size(value) for value in sizes), used, verdict)
    empty = [name for name, use in estimate.memory.items() if use.peak_bytes == 0]
    made.caption = f"not used: {', '.join(empty)}" if empty else None
    made.caption_justify, made.caption_style = "left", ""
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
    if estimate.overlap_s > 0:
        lines.append(
            f"overlap: {formats.seconds(estimate.overlap_s)} of the operators' times run at once; the total is that much shorter"
        )
    if estimate.waited_s > 0:
        lines.append(f"waiting: {formats.seconds(estimate.waited_s)} of the latency went by while others had what it needed")
    if estimate.settings.get("set"):
        lines.append("set for this run (assumed): " + ", ".join(f"{k} = {v}" for k, v in estimate.settings["set"].items()))
    lines += [
        f"not known: {m.field}: {m.reason}" for m in estimate.missing if m.field not in ("energy_j", "latency_interval_s", "ttft_s")
    ]
    return lines + list(estimate.notes)


def shortfall_lines(entry: Shortfall) -> list[str]:
    """A shortfall as an inequality, with who holds the memory and what would help."""
    where = f" at {entry.operator}" if entry.operator else ""
    need, there, short = (formats.size(value) for value in (entry.needed_bytes, entry.capacity_bytes, entry.missing_bytes))
    lines = [f"does not fit: {entry.level}: {need} needed{where} > {there} there; short by {short}"]
    if entry.largest:
        lines.append("  held by " + ", ".join(f"{name} {formats.size(held)}" for name, held in entry.largest[:4]))
    verdicts = (("fits" if lever.needed_bytes <= entry.capacity_bytes else "still short", lever) for lever in entry.levers)
    return lines + [
        f"  lever: {lever.strategy}: {formats.size(lever.needed_bytes)} needed ({verdict})"
        + (f", {formats.seconds(lever.latency_s)}" if lever.latency_s is not None else "")
        for verdict, lever in verdicts
    ]


def operator_table(estimate: Estimate, limit: int | None = SHOWN) -> Table:
    """A row per operator: in network order where all are shown, else the slowest first, the rest summed in one row."""
    rows = list(enumerate(estimate.operators))
    cut = limit is not None and len(rows) > limit
    if cut:
        rows = sorted(rows, key=lambda item: (-item[1].latency_s, item[0]))[:limit]
    total = sum(row.latency_s for row in estimate.operators)
    columns = _columns(estimate, cut, total)
    made = table("#>", *columns)
    made.columns[-1].no_wrap = False
    for index, row in rows:
        made.add_row(str(index), *(tell(row) for tell in columns.values()))
    if cut:
        shown = {index for index, _ in rows}
        rest = [row for index, row in enumerate(estimate.operators) if index not in shown]
        made.add_section()
        made.add_row("", *_sums(f"{len(rest)} others", columns, rest, total))
    made.add_section()
    made.add_row("", *_sums("all operators", columns, estimate.operators, total))
    return made


def _columns(estimate: Estimate, cut: bool, total: float) -> dict[str, Callable[[OperatorEstimate], str]]:
    """Heading of each column and what it tells of an operator; columns that would tell nothing are left out."""
    rows = estimate.operators
    columns: dict[str, Callable[[OperatorEstimate], str]] = {
        f"operator ({'slowest first' if cut else 'in order'})": lambda row: shortened(row.name, 32),
        "kind": lambda row: row.kind,
    }
    if len({row.unit for row in rows}) > 1:
        columns["unit"] = lambda row: row.unit
    columns |= {
        "MACs>": lambda row: formats.count(row.macs) if row.macs else "",
        "latency>": lambda row: formats.seconds(row.latency_s),
        "share>": lambda row: formats.share(row.latency_s / total if total > 0 else 0.0),
        "energy>": lambda row: formats.joules(row.energy_j),
    }
    if any(row.wait_s for row in rows):
        columns["waited>"] = lambda row: formats.seconds(row.wait_s)
    if any("utilization" in row.details for row in rows):
        columns["in use>"] = lambda row: formats.share(row.details.get("utilization"))
    return columns | {"bound by": _bound, "phases (% of its time)": phase_words}


def _bound(row: OperatorEstimate) -> str:
    if row.phases:
        return row.bound
    return "fused" if row.details.get("fused_into") else "free"


def _sums(
    name: str, columns: Mapping[str, Callable[[OperatorEstimate], str]], rows: Sequence[OperatorEstimate], total: float
) -> list[str]:
    """One row that stands for several operators."""
    energies = [row.energy_j for row in rows]
    latency = sum(row.latency_s for row in rows)
    sums = {
        "MACs>": formats.count(sum(row.macs for row in rows)),
        "latency>": formats.seconds(latency),
        "share>": formats.share(latency / total if total > 0 else 0.0),
        "energy>": formats.joules(None if None in energies else sum(value for value in energies if value is not None)),
    }
    return [name, *(sums.get(column, "") for column in list(columns)[1:])]


def phase_words(row: OperatorEstimate) -> str:
    """``compute 61, dram 39``: each phase as percent of the operator's time, largest first."""
    if row.details.get("fused_into"):
        return f"in {shortened(str(row.details['fused_into']), 24)}"
    if not row.phases or row.latency_s <= 0:
        return ""
    ordered = sorted(row.phases, key=lambda phase: -phase[1])
    shares = [(name, duration / row.latency_s * 100) for name, duration in ordered]
    return ", ".join(f"{name} {percent:.0f}" for name, percent in shares[:3] if percent >= 0.5)
