"""Waterfall: what each strategy takes off latency, energy, peak memory and flash, or adds to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from boardless.plots.memory_map import split
from boardless.plots.style import COLOURS, INK, label_of, new_axes, scale_of, styled
from boardless.text import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colour of a whole, of what is saved, of what is added.
WHOLE, SAVED, ADDED = COLOURS["compute"], COLOURS["activations"], COLOURS["capacity"]


#: Changes that are told as none.
UNSEEN = 0.0005


@styled
def waterfall(stages: Sequence[Any], axes: Axes | None = None) -> Axes:
    """A panel per figure: the plain run, a floating bar per strategy, and what is left.

    ``stages`` are those of a :class:`boardless.stepwise.Stepwise`.
    """
    figures = [key for key in stages[0].figures if all(stage.figures[key] is not None for stage in stages)]
    labels = ["plain", *(_label(str(stage.strategy)) for stage in stages[1:]), "all"]
    axes = new_axes(axes, max(6.0, 1.5 + 0.9 * len(labels)), 0.9 + 1.5 * len(figures) + 0.06 * max(map(len, labels)))
    panels = split(axes, len(figures))
    for panel, key in zip(panels, figures, strict=True):
        _panel(panel, key, [stage.figures[key] for stage in stages])
        panel.set_xticks(range(len(labels)), [""] * len(labels))
    panels[-1].set_xticks(range(len(labels)), labels, rotation=30, ha="right")
    answer = stages[0].result
    panels[0].set_title(f"{shortened(answer.network, 40)} on {shortened(answer.device, 40)}: what each strategy buys")
    return panels[0]


def _panel(axes: Axes, key: str, values: Sequence[float]) -> None:
    factor, unit = scale_of(key, max(values))
    scaled = [value / factor for value in values]
    top = max(scaled) or 1.0
    axes.bar([0, len(scaled)], [scaled[0], scaled[-1]], width=0.6, color=WHOLE)
    for place, (before, after) in enumerate(zip(scaled, scaled[1:], strict=False), start=1):
        axes.bar(place, after - before, bottom=before, width=0.6, color=SAVED if after <= before else ADDED)
        axes.plot([place - 0.7, place + 0.3], [before, before], color=INK, linewidth=0.7)
        axes.annotate(_change(before, after), (place, max(before, after)), (0, 2), textcoords="offset points", ha="center", size=8)
    for place, value in ((0, scaled[0]), (len(scaled), scaled[-1])):
        axes.annotate(f"{value:.3g}", (place, value), (0, 2), textcoords="offset points", ha="center", size=8)
    axes.plot([len(scaled) - 0.7, len(scaled) + 0.3], [scaled[-1]] * 2, color=INK, linewidth=0.7)
    axes.set_ylim(0, top * 1.25)
    axes.set_ylabel(label_of(key, unit))
    axes.yaxis.grid(True)


def _label(spec: str, most: int = 26) -> str:
    """A strategy by its beginning, which is its name."""
    return spec if len(spec) <= most else spec[: most - 1] + "…"


def _change(before: float, after: float) -> str:
    if not before or abs(after / before - 1) < UNSEEN:
        return "±0"
    return f"{100 * (after / before - 1):+.3g} %".replace("-", "\N{MINUS SIGN}")
