"""Who is predicted badly: errors by family of networks and by chip, and how often the intervals of each chip hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from boardless.plots.style import COLOURS, INK, new_axes, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from validation.compare import Report
    from validation.measurement import Measurement

#: Most bars of a picture; of more, those of the largest errors.
BARS = 40
#: Fewer bars than this say nothing a table does not.
LEAST = 3

KEYS: dict[str, Callable[[Measurement], str]] = {
    "family": lambda row: row.family or row.model,
    "chip": lambda row: row.chip or row.device,
}


def short(report: Report) -> str:
    """Name of a dataset without what is said of its rows."""
    return report.dataset.partition(", settings")[0]


@styled
def error_by(report: Report, name: str, axes: Axes | None = None) -> Axes:
    """Horizontal bars of the median error, with a tick at the mean, largest mean on top."""
    found = sorted(report.by(KEYS[name]).items(), key=lambda item: (item[1].mape, item[0]))[-BARS:]
    axes = new_axes(axes, 7.5, 1.4 + 0.19 * len(found))
    places = range(len(found))
    axes.barh(places, [100 * errors.median_ape for _, errors in found], 0.7, color=COLOURS["compute"], label="median")
    axes.plot([100 * errors.mape for _, errors in found], places, "|", color=INK, markersize=9, label="mean")
    axes.set_yticks(list(places), [f"{key} ({errors.n})" for key, errors in found], fontsize=7)
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.set_xlabel("error of the prediction [%]")
    axes.set_title(f"{short(report)}, {report.split}: error by {name}, rows in brackets", fontsize=9)
    axes.legend(loc="lower right", fontsize=8)
    return axes


@styled
def error_by_kind(report: Report, axes: Axes | None = None) -> Axes:
    """Error of rows by kind of work, each row counting by the share of its time that the kind takes; that share as a tick."""
    kinds = sorted({kind for row in report.rows for kind in row.parts})
    found = []
    for kind in kinds:
        shares = [row.parts.get(kind, 0.0) for row in report.rows]
        weighted = sum(abs(row.error) * share for row, share in zip(report.rows, shares, strict=True))
        if sum(shares) > 0:
            found.append((weighted / sum(shares), sum(shares) / len(shares), kind))
    found.sort()
    axes = new_axes(axes, 7.5, 1.4 + 0.22 * len(found))
    places = range(len(found))
    axes.barh(places, [100 * error for error, _, _ in found], 0.7, color=COLOURS["compute"], label="mean error, by share of time")
    axes.plot([100 * share for _, share, _ in found], places, "|", color=INK, markersize=9, label="mean share of the time")
    axes.set_yticks(list(places), [kind.replace("_", " ") for _, _, kind in found], fontsize=8)
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.set_xlabel("error of the prediction, share of the time [%]")
    axes.set_title(f"{short(report)}, {report.split}: error by kind of work", fontsize=9)
    axes.legend(loc="center right", fontsize=8, numpoints=1)
    return axes


@styled
def coverage_by_chip(report: Report, axes: Axes | None = None) -> Axes:
    """Share of a chip's measurements within their interval, sorted; the promised share as a line."""
    known = {key: errors for key, errors in report.by(KEYS["chip"]).items() if errors.interval_coverage is not None}
    shares = sorted(100 * (errors.interval_coverage or 0.0) for errors in known.values())
    axes = new_axes(axes, 6.4, 3.2)
    axes.bar(range(len(shares)), shares, 0.8, color=COLOURS["compute"])
    axes.axhline(80, color=INK, linewidth=0.8, label="promised: 80 %")
    axes.axhline(sum(shares) / len(shares), color=INK, linewidth=0.8, linestyle="--", label="mean of chips")
    axes.set_xlim(-1, len(shares))
    axes.set_ylim(0, 100)
    axes.set_xlabel(f"{len(shares)} chips, sorted")
    axes.set_ylabel("rows within interval [%]")
    axes.set_title(f"{short(report)}, {report.split}: how often intervals hold", fontsize=9)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)
    return axes


def group_pictures(reports: list[Report]) -> dict[str, bytes]:
    """File name -> PNG: errors by family and chip where there are several, coverage where intervals were learnt."""
    from functools import partial

    from boardless.plots.style import png

    drawn = {}
    for report in reports:
        stem = f"{report.dataset}_{report.split.replace(':', '_')}"
        for name, key in KEYS.items():
            if len({key(row.measurement) for row in report.rows}) >= LEAST:
                drawn[f"{stem}_by_{name}.png"] = png(partial(error_by, report, name))
        if any(row.parts for row in report.rows):
            drawn[f"{stem}_by_kind.png"] = png(partial(error_by_kind, report))
        chips = {KEYS["chip"](row.measurement) for row in report.rows}
        if len(chips) >= LEAST and all(row.lower is not None for row in report.rows):
            drawn[f"{stem}_coverage.png"] = png(partial(coverage_by_chip, report))
    return drawn
