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
_DISTANCES = (11.0, 17.0, 24.0, 32.0, 42.0, 56.0, 74.0)

#: Cost of covering a dot and of leaving the frame, beside the square points of text covered; half the width of a dot in points.
_ON_A_DOT, _OUTSIDE, _DOT = 40.0, 1000.0, 3.0

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


def number_points(axes: Axes, points: Sequence[tuple[float, float, str]], dots: Sequence[tuple[float, float]] = ()) -> list[Any]:
    """Write a short text beside each point (data coordinates), with a fine line to it, where it covers no other text and no dot.

    Returns
    -------
    list
        The annotations, in order.
    """
    figure: Any = axes.figure
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    taken = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    spots = [axes.transData.transform(dot) for dot in (*((x, y) for x, y, _ in points), *dots)]
    frame = axes.get_window_extent(renderer)
    placed = []
    for x, y, text in points:
        note = axes.annotate(text, (x, y), **_LOOK)
        taken.append(_settle(note, renderer, taken, spots, frame))
        placed.append(note)
    return placed


def _settle(note: Any, renderer: Any, taken: Sequence[Any], spots: Sequence[Any], frame: Any) -> Any:
    """Move a text to the nearest place where it covers least; its extent there."""
    best: tuple[float, Any, Any] | None = None
    for distance in _DISTANCES:
        for angle in _DIRECTIONS:
            note.set_position((distance * math.cos(angle), distance * math.sin(angle)))
            box = _text_box(note, renderer)
            cost = sum(_overlap(box, other) for other in taken) + _ON_A_DOT * sum(_near(box, spot) for spot in spots)
            cost += 0.0 if frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1) else _OUTSIDE
            if best is None or cost < best[0]:
                best = (cost, box, note.get_position())
            if cost == 0.0:
                return box
    assert best is not None
    note.set_position(best[2])
    return best[1]


def _near(box: Any, spot: Any) -> bool:
    """True where a dot of usual size touches a text."""
    return bool(box.x0 - _DOT < spot[0] < box.x1 + _DOT and box.y0 - _DOT < spot[1] < box.y1 + _DOT)


def _text_box(note: Any, renderer: Any) -> Any:
    """Extent of the text alone, without its line."""
    from matplotlib.text import Text

    note.update_positions(renderer)
    return Text.get_window_extent(note, renderer).padded(1.5)


def _overlap(one: Any, other: Any) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width * height if width > 0 and height > 0 else 0.0
