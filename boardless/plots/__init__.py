"""Pictures of results, one file per figure: a function takes a result and, if wished, axes, and returns the axes.

:func:`pictures` draws all that a set of results allows and gives the PNG files as bytes: nothing is written before all is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boardless.files import write_all
from boardless.plots.across import across_devices
from boardless.plots.arena import arena
from boardless.plots.breakdown import breakdown
from boardless.plots.comparison import comparison
from boardless.plots.memory_map import memory_map
from boardless.plots.memory_order import memory_order
from boardless.plots.roofline import roofline
from boardless.plots.style import picture_name, png
from boardless.plots.timeline import timeline
from validation.beside import measured_seconds

if TYPE_CHECKING:
    from boardless.results import Result

__all__ = [
    "across_devices",
    "arena",
    "breakdown",
    "comparison",
    "memory_map",
    "memory_order",
    "pictures",
    "roofline",
    "timeline",
    "write_plots",
]


def pictures(results: Sequence[Result]) -> dict[str, bytes]:
    """File name -> PNG, of every figure these results allow."""
    drawn: dict[str, bytes] = {}
    for result in results:
        for figure in figures_of(result):
            drawn[picture_name(result.network, result.device, figure.__name__)] = png(partial(figure, result))
    if len(results) > 1:
        drawn[picture_name(results[0].network, "devices", "comparison")] = png(partial(comparison, results))
        measured, elsewhere = measured_seconds(results)
        across = partial(across_devices, results, measured, elsewhere=elsewhere)
        drawn[picture_name(results[0].network, "devices", "across")] = png(across)
    return drawn


def figures_of(result: Result) -> tuple[Callable[..., Any], ...]:
    """The figures that tell something of a result: of memory for ``memory``, a timeline for ``simulate``."""
    if getattr(result, "view", None) is not None:
        return (memory_map, arena, memory_order)
    return (roofline, breakdown, memory_map, timeline) if result.trace is not None else (roofline, breakdown, memory_map)


def write_plots(results: Sequence[Result], folder: Path) -> list[Path]:
    """Draw and write; the files written."""
    return write_all(folder, pictures(results))
