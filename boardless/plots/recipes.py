"""Recipes of an optimization: latency against working memory, the points that no other beats numbered as in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boardless.optimizing import Optimized
from boardless.plots.style import COLOURS, INK, label_of, new_axes, png, styled, tick

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def recipes(answer: Optimized, axes: Axes | None = None) -> Axes:
    """All recipes that were tried, on logarithmic axes; crosses break a limit; budgets as lines; the best points numbered."""
    axes = new_axes(axes, 8.0, 5.0)
    points = answer.points
    for feasible, marker, colour, label in (
        (True, "o", COLOURS["compute"], "keeps all limits"),
        (False, "x", COLOURS["capacity"], "breaks a limit or does not fit"),
    ):
        shown = [c.figures for c in answer.found.candidates if c.feasible == feasible]
        across, up = [f["latency"] for f in shown], [f["peak"] for f in shown]
        if shown:
            axes.scatter(across, up, s=22, marker=marker, color=colour, alpha=0.7, linewidths=1.0, label=label)  # type: ignore[arg-type]
    near = answer.nearest
    for place, candidate in enumerate(points or ([near] if near is not None else []), 1):
        spot = (float(candidate.figures["latency"] or 0.0), float(candidate.figures["peak"] or 0.0))
        axes.annotate(str(place), spot, xytext=(5, 5), textcoords="offset points", color=INK, fontsize=9, fontweight="bold")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for limit in answer.limits:
        if limit.name == "latency":
            axes.axvline(limit.most, color=INK, linestyle="--", linewidth=0.9, label="latency limit")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(tick)
        axis.set_minor_formatter(lambda value, place: "")
        axis.grid(True)
    axes.set_xlabel(label_of("latency_s"))
    axes.set_ylabel(label_of("activations_peak_bytes"))
    axes.set_title(
        f"{answer.network} on {answer.device}: {len(answer.found.candidates)} outcomes of {answer.found.recipes} recipes"
    )
    axes.legend(fontsize=7, loc="best")
    return axes


def recipe_pictures(answer: Optimized) -> dict[str, bytes]:
    """File name -> PNG."""
    return {"recipes.png": png(lambda axes: recipes(answer, axes))}
