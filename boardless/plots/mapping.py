"""Pictures of mappings: energy by level and tensor stacked per layer, utilisation per layer; dataflows side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from boardless import formats
from boardless.mapping_view import ARITHMETIC, STATIC
from boardless.plots.memory_map import split
from boardless.plots.style import COLOURS, INK, label_of, new_axes, picture_name, png, scale_of, styled
from boardless.text import shortened
from dataflows.mapping_of_unit import ACCUMULATORS, ELEMENT, NETWORK
from dataflows.tables import TENSORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from boardless.mapping_view import MappedLayer, MappingResult

#: Colours of levels that are no memory of the device file, and of memories from the outermost inwards.
_LEVELS = {ACCUMULATORS: "#999933", NETWORK: "#CC79A7", ELEMENT: "#E69F00", ARITHMETIC: "#56B4E9", STATIC: COLOURS["overhead"]}
_MEMORIES = ("#D55E00", "#0072B2", "#009E73", "#882255")

#: Share of white in the colour of a level, and hatch, by tensor; element operations beside the MACs.
_TENSORS = {"weights": (0.0, ""), "inputs": (0.3, "////"), "outputs": (0.55, "...."), "vector": (0.55, "")}

#: More layers than this are known by their number alone.
NAMED = 40


def mapping_pictures(results: Sequence[MappingResult]) -> dict[str, bytes]:
    """File name -> PNG: energy (where it is known) and utilisation, one panel or bar per dataflow."""
    first = results[0]
    drawn = {}
    if first.layers:
        if any(layer.energies for result in results for layer in result.layers):
            drawn[picture_name(first.network, first.device, "mapping_energy")] = png(partial(mapping_energy, results))
        drawn[picture_name(first.network, first.device, "mapping_utilization")] = png(partial(mapping_utilization, results))
    return drawn


@styled
def mapping_energy(results: Sequence[MappingResult], axes: Axes | None = None) -> Axes:
    """A panel per dataflow on one scale: energy of each layer, levels from DRAM upwards, tensors within a level."""
    axes = new_axes(axes, _width(results), 1.6 + 2.4 * len(results))
    panels = split(axes, len(results))
    tallest = max((layer.row.energy_j or 0.0) for result in results for layer in result.layers)
    factor, unit = scale_of("energy_j", tallest)
    parts = _parts(results)
    for panel, result in zip(panels, results, strict=True):
        _stack(panel, result, parts, factor)
        panel.set_ylim(0, tallest / factor * 1.05)
        panel.set_ylabel(label_of("energy_j", unit))
        total = sum(layer.row.energy_j or 0.0 for layer in result.layers)
        latency = sum(layer.row.latency_s for layer in result.layers)
        panel.set_title(f"{_flow(result)}: {formats.joules(total)}, {formats.seconds(latency)}")
        panel.yaxis.grid(True)
        panel.set_xlim(-0.7, len(result.layers) - 0.3)
        panel.set_xticks([])
    _names(panels[-1], results[0].layers)
    first = results[0]
    head = f"{shortened(first.network, 40)} on {shortened(first.device, 40)}: energy of each layer on the array"
    panels[0].set_title(f"{head}\n\n{panels[0].get_title(loc='left')}")
    handles, labels = panels[0].get_legend_handles_labels()
    panels[0].legend(handles[::-1], labels[::-1], loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    return panels[0]


@styled
def mapping_utilization(results: Sequence[MappingResult], axes: Axes | None = None) -> Axes:
    """A bar per dataflow and layer: the share of the multipliers at work while the array counts cycles."""
    axes = new_axes(axes, _width(results), 3.6)
    width = 0.8 / len(results)
    for k, result in enumerate(results):
        places = [i - 0.4 + (k + 0.5) * width for i in range(len(result.layers))]
        heights = [100 * layer.utilization for layer in result.layers]
        axes.bar(places, heights, width, color=_MEMORIES[(k + 1) % len(_MEMORIES)], label=_flow(result))
    axes.set_ylim(0, 105)
    axes.set_ylabel("multipliers in use [%]")
    axes.yaxis.grid(True)
    _names(axes, results[0].layers)
    first = results[0]
    axes.set_title(f"{shortened(first.network, 40)} on {shortened(first.device, 40)}: utilisation of each layer on the array")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    return axes


def _flow(result: MappingResult) -> str:
    return str(result.settings["dataflow"])


def _width(results: Sequence[MappingResult]) -> float:
    return min(18.0, max(7.0, 2.6 + 0.26 * len(results[0].layers) * (1 + 0.3 * (len(results) - 1))))


def _parts(results: Sequence[MappingResult]) -> list[tuple[str, str]]:
    """(level, tensor) that take energy in some layer, outermost level first, what flows anyway last."""
    layers = [layer for result in results for layer in result.layers]
    order = list(dict.fromkeys(level for layer in layers for level in layer.mapping.accesses))
    found = {
        (level, name) for layer in layers for level, tensors in (layer.energies or {}).items() for name in tensors if tensors[name]
    }

    def place(part: tuple[str, str]) -> tuple[int, int, str]:
        level, name = part
        outer = order.index(level) if level in order else len(order) + (level == STATIC)
        return outer, TENSORS.index(name) if name in TENSORS else len(TENSORS), name

    return sorted(found, key=place)


def _stack(panel: Axes, result: MappingResult, parts: Sequence[tuple[str, str]], factor: float) -> None:
    places = range(len(result.layers))
    bottom = [0.0] * len(result.layers)
    memories = [level for level, _ in dict.fromkeys((level, "") for level, _ in parts) if level not in _LEVELS]
    for level, name in parts:
        colour = _LEVELS.get(level) or _MEMORIES[memories.index(level) % len(_MEMORIES)]
        white, hatch = _TENSORS.get(name, (0.0, ""))
        heights = [((layer.energies or {}).get(level, {}).get(name, 0.0)) / factor for layer in result.layers]
        label = f"{level}: {name}" if name != level else level
        panel.bar(
            places,
            heights,
            0.8,
            bottom=bottom,
            color=_lighter(colour, white),
            hatch=hatch,
            edgecolor="white",
            linewidth=0.0,
            label=label,
        )
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]


def _lighter(colour: str, white: float) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = (part + (1.0 - part) * white for part in to_rgb(colour))
    return red, green, blue


def _names(axes: Any, layers: Sequence[MappedLayer]) -> None:
    """Names below the bars; of many layers every fifth number."""
    if len(layers) <= NAMED:
        axes.set_xticks(range(len(layers)), [shortened(layer.row.name, 22) for layer in layers], rotation=90, color=INK, fontsize=8)
    else:
        axes.set_xticks(range(0, len(layers), 5), [str(k) for k in range(0, len(layers), 5)])
        axes.set_xlabel("layer on the array, in order")
    axes.set_xlim(-0.7, len(layers) - 0.3)
    axes.tick_params(axis="x", length=0)
