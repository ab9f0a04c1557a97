"""Dataflows side by side on equal area: energy per multiply-accumulate of each layer, levels stacked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from boardless.plots.style import INK, new_axes, png, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from validation.compare import Report
    from validation.isca16_dataflows import LayerEnergy

#: Colour of each level of the accounting, outermost first.
LEVELS = {"dram": "#D55E00", "buffer": "#0072B2", "array": "#CC79A7", "register": "#E69F00", "arithmetic": "#56B4E9"}

#: Dataset whose reports have this picture.
DATASET = "isca16_dataflows"


@styled
def dataflow_energy(layers: Sequence[LayerEnergy], title: str = "", axes: Axes | None = None) -> Axes:
    """A group of bars for each layer, a bar for each dataflow; heights are energies per multiply-accumulate."""
    names = list(dict.fromkeys(entry.layer for entry in layers))
    flows = list(dict.fromkeys(entry.dataflow for entry in layers))
    axes = new_axes(axes, 2.0 + 0.24 * len(names) * (len(flows) + 1), 4.2)
    places = [names.index(entry.layer) * (len(flows) + 1) + flows.index(entry.dataflow) for entry in layers]
    bottom = [0.0] * len(layers)
    for level, colour in LEVELS.items():
        heights = [entry.levels[level] / entry.macs for entry in layers]
        axes.bar(places, heights, 0.86, bottom=bottom, color=colour, label=level)
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    axes.set_xticks(places, [entry.dataflow for entry in layers], rotation=90, fontsize=8, color=INK)
    axes.tick_params(axis="x", length=0)
    for place, name in enumerate(names):
        middle = place * (len(flows) + 1) + (len(flows) - 1) / 2
        axes.text(middle, -0.16, name, ha="center", va="top", fontsize=9, color=INK, transform=axes.get_xaxis_transform())
    axes.set_xlim(-0.8, len(names) * (len(flows) + 1) - 1.2)
    axes.set_ylabel("energy per MAC [energy of one MAC]")
    axes.yaxis.grid(True)
    axes.set_title(title)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    return axes


def study_pictures(reports: Sequence[Report]) -> dict[str, bytes]:
    """File name -> PNG: dataflows side by side, where the comparison on equal area is among the reports."""
    if not any(report.dataset == DATASET for report in reports):
        return {}
    from validation.isca16_dataflows import BATCH, COMPARED, SIDE, layer_energy, layer_nests

    drawn = {}
    for kind, words in (("CONV", "convolutions"), ("FC", "fully connected layers")):
        layers = [layer_energy(layer, flow) for layer in layer_nests() if layer.startswith(kind) for flow in COMPARED]
        title = f"AlexNet, {words}, batch {BATCH}: dataflows on {SIDE * SIDE} elements and equal area"
        drawn[f"dataflows_{kind.lower()}.png"] = png(partial(dataflow_energy, layers, title))
    return drawn
