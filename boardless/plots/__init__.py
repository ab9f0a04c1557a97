"""Pictures of results, one file per figure: a function takes a result and, if wished, axes, and returns the axes.

:func:`pictures` draws all that a set of results allows and gives the PNG files as bytes: nothing is written before all is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from boardless.files import write_all
from boardless.plots.breakdown import breakdown
from boardless.plots.comparison import comparison
from boardless.plots.memory_map import memory_map
from boardless.plots.roofline import roofline
from boardless.plots.style import picture_name, png
from boardless.plots.timeline import timeline

if TYPE_CHECKING:
    from boardless.results import Result

__all__ = ["breakdown", "comparison", "memory_map", "pictures", "roofline", "timeline", "write_plots"]


def pictures(results: Sequence[Result]) -> dict[str, bytes]:
    """File name -> PNG, of every figure these results allow."""
    drawn: dict[str, bytes] = {}
    for result in results:
        for figure in (roofline, breakdown, timeline, memory_map):
            if figure is timeline and result.trace is None:
                continue
            drawn[picture_name(result.network, result.device, figure.__name__)] = png(partial(figure, result))
    if len(results) > 1:
        drawn[picture_name(results[0].network, "devices", "comparison")] = png(partial(comparison, results))
    return drawn


def write_plots(results: Sequence[Result], folder: Path) -> list[Path]:
    """Draw and write; the files written."""
    return write_all(folder, pictures(results))
