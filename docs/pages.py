"""What the pages of accuracies share: numbers and tables as they write them, a text with its tables filled in, its pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from boardless.plots.style import png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HERE = Path(__file__).parent
#: Most bytes of a picture.
LARGEST = 150_000


def percent(value: float | None, digits: int = 1) -> str:
    """A share as the tables write it; nothing for none."""
    return "" if value is None else f"{100 * value:.{digits}f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns after the first are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def filled(text: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """The text with each ``{name}`` replaced by the part of that name."""
    for name, made in parts.items():
        text = text.replace("{" + name + "}", made())
    return text


def draw(pictures: Mapping[str, Callable[..., Axes]]) -> None:
    """Each picture under its name into ``docs/pictures``."""
    for name, drawing in pictures.items():
        drawn = png(drawing)
        assert len(drawn) <= LARGEST, f"{name}: {len(drawn)} bytes"
        (HERE / "pictures" / name).write_bytes(drawn)
