"""Predicted against measured, on logarithmic axes, with bands of 10 and 20 per cent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boardless.plots.style import COLOURS, INK, new_axes, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from validation.compare import Report

#: Colours of the groups, in order of their names; further groups share the last.
GROUPS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#44AA99", "#999933", "#8C8C8C")


@styled
def predicted_against_measured(report: Report, metric: str, axes: Axes | None = None) -> Axes:
    """A dot per row of one metric, coloured by device; dots on the diagonal are right."""
    from validation.compare import errors_of
    from validation.measurement import METRICS

    axes = new_axes(axes, 6.4, 4.6)
    rows = [row for row in report.rows if row.measurement.metric == metric]
    devices = sorted({row.measurement.device for row in rows})
    values = [value for row in rows for value in (row.predicted, row.measurement.value)]
    low, high = min(values) / 1.6, max(values) * 1.6
    for band, shade in ((0.2, 0.35), (0.1, 0.6)):
        ends: Any = [low, high]
        axes.fill_between(
            ends, [low * (1 - band), high * (1 - band)], [low * (1 + band), high * (1 + band)],
            color=COLOURS["free"], alpha=shade, linewidth=0, label=f"within {band:.0%}",
        )  # fmt: skip
    axes.plot([low, high], [low, high], color=INK, linewidth=0.8, zorder=3)
    many = len(devices) > len(GROUPS)  # one cloud, the bands drawn as lines over it
    for factor in (0.8, 1.2) if many else ():
        axes.plot([low, high], [low * factor, high * factor], color=INK, linewidth=0.6, linestyle="--", zorder=3)
    for place, device in enumerate(devices):
        chosen = [row for row in rows if row.measurement.device == device]
        axes.scatter(
            [row.measurement.value for row in chosen], [row.predicted for row in chosen], s=5 if many else 18,
            alpha=0.35 if many else 0.8, linewidths=0, color=GROUPS[0 if many else place], label=None if many else device,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    unit, name = METRICS[metric], metric.rsplit("_", 1)[0].replace("_", " ")
    axes.set_xlabel(f"measured {name} [{unit}]")
    axes.set_ylabel(f"predicted {name} [{unit}]")
    found = errors_of(rows)
    about = report.dataset.partition(", settings")[0]
    axes.set_title(f"{about}, {metric}: n = {found.n}, mean error {found.mape:.1%}, median {found.median_ape:.1%}", fontsize=9)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8)
    return axes


def error_pictures(reports: list[Report]) -> dict[str, bytes]:
    """File name -> PNG: a picture per report and metric with at least two rows, and the pictures that studies have of their own."""
    from functools import partial

    from boardless.plots.dataflows import study_pictures
    from boardless.plots.style import png

    drawn = study_pictures(reports)
    for number, report in enumerate(reports):
        counts: dict[str, int] = {}
        for row in report.rows:
            counts[row.measurement.metric] = counts.get(row.measurement.metric, 0) + 1
        suffix = f"_{number + 1}" if len(reports) > 1 else ""
        for metric in (name for name, count in counts.items() if count > 1):
            drawn[f"{report.dataset}{suffix}_{metric}_error.png"] = png(partial(predicted_against_measured, report, metric))
    return drawn
