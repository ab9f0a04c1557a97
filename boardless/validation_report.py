"""Predictions beside measurements: a table of errors by group, JSON, and a row per prediction as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from boardless import formats
from boardless.machine_form import FORMAT, plain
from boardless.text import WIDTH, render, shortened, table

if TYPE_CHECKING:
    from validation.compare import Compared, Report
    from validation.metrics import ErrorMetrics

#: Reports of at most so many rows show each row: ours, theirs, the error.
SHOWN_ROWS = 40
#: Most letters of a group's name.
GROUP_WIDTH = 66

_UNITS = {"s": formats.seconds, "J": formats.joules, "B": formats.size}


def report_text(reports: Sequence[Report], *, width: int = WIDTH, colour: bool = False) -> str:
    """Every report: title with split, n and what was refitted; rows where they are few; errors by group; total."""
    from rich.text import Text

    parts: list[Any] = []
    for report in reports:
        parts += [
            Text(f"{report.dataset}: {report.split}; n = {len(report.rows)}; refitted: {report.refitted}", style="bold"),
            Text(),
        ]
        if 0 < len(report.rows) <= SHOWN_ROWS:
            parts += [_rows_table(report.rows), Text()]
        if report.rows:
            parts += [_groups_table(report), Text()]
        else:
            parts += [Text("no row of this table could be predicted"), Text()]
        parts += [Text(f"left out: {count} rows: {reason}") for reason, count in report.left_out.items()]
        parts += [Text(f"note: {note}") for note in report.notes]
        parts.append(Text())
    return render(parts, width=width, colour=colour)


def _rows_table(rows: Sequence[Compared]) -> Any:
    made = table("device", "network", "layer", "metric", "ours>", "measured>", "error>")
    for row in rows:
        known = row.measurement
        made.add_row(
            known.device, known.model, known.layer, known.metric, said(row.predicted, known.metric), said(known.value, known.metric),
            f"{row.error:+.1%}",
        )  # fmt: skip
    return made


def _groups_table(report: Report) -> Any:
    groups = report.groups()
    metrics = {str(group.key["metric"]) for group in groups}
    first = f"{metrics.copy().pop()} of" if len(metrics) == 1 else "group"
    made = table(first, "n>", "mean>", "median>", "90 %>", "within 20 %>", "bias>", "Spearman>", "80 % holds>", "upper/lower>")
    for group in groups:
        said_above = ("metric",) if len(metrics) == 1 else ()
        words = [str(value) for key, value in group.key.items() if value not in (None, "", "infer") and key not in said_above]
        made.add_row(shortened(" ".join(words), GROUP_WIDTH), *_figures(group.errors))
    total = report.total()
    if total is not None and len(groups) > 1 and len(metrics) == 1:
        made.add_row("all rows", *_figures(total))
    return made


def _figures(errors: ErrorMetrics) -> list[str]:
    def percent(value: float | None) -> str:
        return "" if value is None else f"{value:.1%}"

    rank = "" if errors.spearman is None else f"{errors.spearman:.3f}"
    width = "" if errors.interval_width is None else f"{errors.interval_width:.2f}"
    return [
        str(errors.n), percent(errors.mape), percent(errors.median_ape), percent(errors.p90_ape), percent(errors.within_20),
        f"{errors.bias:+.3f}", rank, percent(errors.interval_coverage), width,
    ]  # fmt: skip


def said(value: float, metric: str) -> str:
    """A figure with the unit of its metric."""
    from validation.measurement import METRICS

    unit = METRICS.get(metric, "")
    if unit in _UNITS:
        return _UNITS[unit](value)
    figure = f"{value:,.0f}" if value == int(value) and value < 1e15 else f"{value:.4g}"
    return f"{figure}/s" if unit == "1/s" else f"{figure} {unit}".rstrip()


def report_form(reports: Sequence[Report]) -> Any:
    """JSON: one object for one report, a list for several."""
    forms = [_form(report) for report in reports]
    return forms[0] if len(forms) == 1 else forms


def _form(report: Report) -> dict[str, Any]:
    total = report.total()
    return {
        "format": FORMAT,
        "dataset": report.dataset,
        "split": report.split,
        "refitted": report.refitted,
        "groups": [
            {
                **plain(group.key),
                **asdict(group.errors),
                "baselines": {name: asdict(found) for name, found in group.baselines.items()},
            }
            for group in report.groups()
        ],
        "total": None if total is None else asdict(total),
        "left_out": plain(report.left_out),
        "notes": list(report.notes),
    }


def rows_csv(reports: Sequence[Report]) -> str:
    """A row per prediction."""
    from validation.measurement import COLUMNS

    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(["dataset", "split", *COLUMNS, "predicted", "lower", "upper", "error"])
    for report in reports:
        for row in report.rows:
            cells = [getattr(row.measurement, column) for column in COLUMNS]
            writer.writerow([report.dataset, report.split, *cells, row.predicted, row.lower, row.upper, row.error])
    return page.getvalue()
