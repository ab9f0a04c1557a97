"""A page of Markdown on how far predictions are to be trusted: figures beside what was asked, who is worst, pictures.

The page is written anew by its command. Text below the line :data:`KEPT` is a person's and stays.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from boardless import formats

if TYPE_CHECKING:
    from validation.compare import Compared, Report
    from validation.metrics import ErrorMetrics

#: What stands below this line is kept when the page is made anew.
KEPT = "<!-- The text below is kept when the page is made anew. -->"
#: Chips and rows that are named as the worst.
WORST = 6
#: Reports of at least so many rows get pictures.
DRAWN_ROWS = 1000
#: Colours of a picture on a page.
PALETTE = 48
#: What is asked of some reports; a table beside the measured data.
TARGETS = Path(__file__).resolve().parent.parent / "validation" / "datasets" / "targets.csv"


@dataclass(frozen=True)
class Judged:
    """The figures a report is judged by: every setting and every chip counts once."""

    settings: int
    mean: float
    rank: float | None
    chips: tuple[float, ...]  # share of rows within their interval, by chip

    @classmethod
    def of(cls, report: Report) -> Judged:
        """Those of one report; a setting is a device, unit, thread count, type and runtime."""
        members: dict[tuple[object, ...], list[float]] = {}
        for row in report.rows:
            known = row.measurement
            key = (known.device, known.unit, known.cores, known.threads, known.dtype, known.runtime, known.metric)
            members.setdefault(key, []).append(abs(row.error))
        ranks = [group.errors.spearman for group in report.groups() if group.errors.spearman is not None]
        held = [errors.interval_coverage for errors in report.by(_chip).values() if errors.interval_coverage is not None]
        mean = float(np.mean([np.mean(errors) for errors in members.values()]))
        return cls(len(members), mean, float(np.mean(ranks)) if ranks else None, tuple(held))


def accuracy_page(reports: Sequence[Report], command: str, pictures: Sequence[str] = (), kept: str = "") -> str:
    """The page as Markdown.

    Parameters
    ----------
    reports : sequence of Report
    command : str
        What makes the page, as a person types it.
    pictures : sequence of str
        Paths of pictures as the page names them.
    kept : str
        The part of the former page that a person wrote.
    """
    names = " and ".join(dict.fromkeys(report.dataset.partition(" ")[0] for report in reports))
    parts = [
        f"# How far predictions are to be trusted: {names}",
        f"Made by `{command}` from the project's own rows. Nothing was fitted on what is tested. The mean is over settings (board, "
        "unit, threads, type), each counted once, the median over rows; in brackets what is asked. Intervals are of 80 %: the share of "
        "measurements they hold, of all rows, of a chip on average, of the worst tenth of chips; upper/lower is their median width.",
    ]
    for dataset in dict.fromkeys(report.dataset for report in reports):
        mine = [report for report in reports if report.dataset == dataset and report.rows]
        if mine:
            parts += [f"## {dataset}", _table(mine), *map(_worst, mine), *_by_group(mine)]
            parts += [f"Left out: {count} rows, {reason}." for reason, count in mine[0].left_out.items()]
    parts += [f"![{Path(picture).stem.replace('_', ' ')}]({picture})" for picture in pictures]
    return "\n\n".join([*parts, KEPT]) + "\n" + kept


def kept_text(page: Path) -> str:
    """What a person wrote on a page that stands already."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    return text.partition(KEPT)[2].removeprefix("\n")


def targets(path: Path = TARGETS) -> list[Mapping[str, str]]:
    """What is asked: rows of report, split, n, mean, median, spearman, width."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))) if path.is_file() else []


def _asked(report: Report) -> Mapping[str, str]:
    for row in targets():
        if report.dataset.startswith(row["report"]) and report.split == row["split"]:
            return row
    return {}


def _chip(row: Any) -> str:
    return str(row.chip or row.device)


def _percent(value: float | None, asked: str = "") -> str:
    if value is None:
        return ""
    return f"{value:.1%}".replace("%", " %") + (f" ({100 * float(asked):g})" if asked else "")


def _table(reports: Sequence[Report]) -> str:
    lines = [
        "| split | n | settings | mean | median | Spearman | hold: rows / chip / worst tenth | upper/lower | MACs only | linear |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for report in reports:
        total, judged, asked = report.total(), Judged.of(report), _asked(report)
        assert total is not None
        held = ""
        if total.interval_coverage is not None and judged.chips:
            shares = (total.interval_coverage, float(np.mean(judged.chips)), float(np.quantile(judged.chips, 0.1)))
            held = " / ".join(f"{100 * share:.0f}" for share in shares) + " %"
        width = "" if total.interval_width is None else f"{total.interval_width:.2f}" + _bracket(asked.get("width", ""))
        rank = "" if judged.rank is None else f"{judged.rank:.3f}" + _bracket(asked.get("spearman", ""))
        cells = [
            report.split, f"{total.n:,}" + _bracket(asked.get("n", "")), str(judged.settings), _percent(judged.mean, asked.get("mean", "")),
            _percent(total.median_ape, asked.get("median", "")), rank, held, width,
            _baseline(report, "macs_only"), _baseline(report, "linear"),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    refitted = [f"{report.split}: {report.refitted}" for report in reports]
    return "\n".join(lines) + "\n\nRefitted: " + "; ".join(refitted) + "."


def _bracket(asked: str) -> str:
    return f" ({asked})" if asked else ""


def _baseline(report: Report, name: str) -> str:
    rows = [row for row in report.rows if name in row.baselines]
    if not rows:
        return ""
    return _percent(float(np.mean([abs(row.baselines[name] / row.measurement.value - 1) for row in rows])))


def _worst(report: Report) -> str:
    """The chips and the rows that are predicted worst, in one paragraph."""
    chips = sorted(report.by(_chip).items(), key=lambda item: -item[1].median_ape)[:WORST]
    said = ", ".join(f"{name} {_percent(errors.median_ape)}" for name, errors in chips)
    rows = sorted(report.rows, key=lambda row: -abs(np.log(row.predicted / row.measurement.value)))[:WORST]
    worst = "; ".join(map(_row_words, rows))
    return f"Worst of {report.split}, medians of chips: {said}. Rows: {worst}."


def _row_words(row: Compared) -> str:
    known = row.measurement
    where = f"{known.model} on {known.device}" + (f", {known.threads} threads" if known.threads else "")
    write: Callable[[float], str] = formats.seconds if known.metric == "latency_s" else "{:.3g}".format
    return f"{where}: {write(row.predicted)} for {write(known.value)}"


def _by_group(reports: Sequence[Report]) -> list[str]:
    """A table by setting where a report has few of them."""
    report = reports[0]
    groups: list[tuple[str, ErrorMetrics]] = [
        (
            " ".join(str(value) for key, value in group.key.items() if value and key not in ("metric", "phase", "cores")),
            group.errors,
        )
        for group in report.groups()
    ]
    if len(reports) > 1 or not 1 < len(groups) <= 25:
        return []
    head = "| setting | n | mean | median | Kendall | intervals hold | upper/lower |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    lines = [
        f"| {name} | {errors.n:,} | {_percent(errors.mape)} | {_percent(errors.median_ape)} | {errors.kendall or 0:.2f} | "
        f"{_percent(errors.interval_coverage)} | {errors.interval_width or 0:.2f} |"
        for name, errors in sorted(groups, key=lambda item: item[1].mape)
    ]
    return ["\n".join([head, *lines])]


def page_pictures(reports: Sequence[Report]) -> dict[str, bytes]:
    """File name -> small PNG for the large reports: predicted against measured, errors by family, kind of work and chip, coverage."""
    from boardless.plots.error import predicted_against_measured
    from boardless.plots.error_by import coverage_by_chip, error_by, error_by_kind

    drawn: dict[str, bytes] = {}
    for report in reports:
        if len(report.rows) < DRAWN_ROWS or any(row.measurement.dtype == "int8" for row in report.rows):
            continue
        stem = f"{report.dataset.partition(' ')[0]}_{report.split.replace(':', '_').replace('-', '_')}"
        chips = len({_chip(row.measurement) for row in report.rows})
        if "family" in report.split or report.split.startswith("fit"):
            drawn[f"{stem}_predicted.png"] = small_png(partial(predicted_against_measured, report, "latency_s"))
        if "family" in report.split:
            drawn[f"{stem}_by_family.png"] = small_png(partial(error_by, report, "family"))
            drawn[f"{stem}_by_kind.png"] = small_png(partial(error_by_kind, report))
        if "device" in report.split and chips > 1:
            drawn[f"{stem}_by_chip.png"] = small_png(partial(error_by, report, "chip"))
            drawn[f"{stem}_coverage.png"] = small_png(partial(coverage_by_chip, report))
    return drawn


def small_png(draw: Callable[[Any], object]) -> bytes:
    """A picture with few colours: a fifth of the bytes."""
    from PIL import Image

    from boardless.plots.style import png

    page = io.BytesIO()
    Image.open(io.BytesIO(png(draw))).convert("RGB").quantize(PALETTE).save(page, format="PNG", optimize=True)
    return page.getvalue()
