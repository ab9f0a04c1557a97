"""Labels that do not cover each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from boardless.plots.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Directions to try, in order: right, up, left, down, then the diagonals.
_DIRECTIONS = tuple(math.radians(angle) for angle in (30, 90, 150, 210, 270, 330, 0, 180))
_DISTANCES = (11.0, 20.0, 30.0, 42.0, 56.0)

#: A small text with a fine line to its point.
_LOOK: dict[str, Any] = {
    "xytext": (0, 0),
    "textcoords": "offset points",
    "ha": "center",
    "va": "center",
    "fontsize": 8,
    "color": INK,
    "arrowprops": {"arrowstyle": "-", "linewidth": 0.5, "color": INK, "shrinkA": 1.0, "shrinkB": 1.0},
}


def number_points(axes: Axes, points: Sequence[tuple[float, float, str]]) -> list[Any]:
    """Write a short text beside each point (data coordinates), with a fine line to it, where it covers no other text.

    Returns
    -------
    list
        The annotations, in order.
    """
    from matplotlib.transforms import Bbox

    figure: Any = axes.figure
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    taken = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    dots = [axes.transData.transform((x, y)) for x, y, _ in points]
    frame = axes.get_window_extent(renderer)
    placed = []
    for x, y, text in points:
        note = axes.annotate(text, (x, y), **_LOOK)
        best: tuple[float, Bbox] | None = None
        for distance in _DISTANCES:
            for angle in _DIRECTIONS:
                note.set_position((distance * math.cos(angle), distance * math.sin(angle)))
                box = _text_box(note, renderer)
                cost = sum(_overlap(box, other) for other in taken) + sum(box.contains(*dot) for dot in dots) * 40.0
                cost += 0.0 if frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1) else 1000.0
                if best is None or cost < best[0]:
                    best, spot = (cost, box), note.get_position()
            if best is not None and best[0] == 0.0:
                break
        assert best is not None
        note.set_position(spot)
        taken.append(best[1])
        placed.append(note)
    return placed


def _text_box(note: Any, renderer: Any) -> Any:
    """Extent of the text alone, without its line."""
    from matplotlib.text import Text

    note.update_positions(renderer)
    return Text.get_window_extent(note, renderer).padded(1.5)


def _overlap(one: Any, other: Any) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width * height if width > 0 and height > 0 else 0.0
