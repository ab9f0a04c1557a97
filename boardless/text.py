"""Text from tables and lines: the pieces every report is made of."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

#: Width of the text where there is no terminal to ask.
WIDTH = 144

_NAME_WIDTH = 36


def render(parts: Iterable[RenderableType], *, width: int = WIDTH, colour: bool = False) -> str:
    """Tables and lines as one text, without trailing blanks."""
    page = io.StringIO()
    console = Console(file=page, width=width, force_terminal=colour, color_system="standard" if colour else None, highlight=False)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text), markup=False)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()).rstrip() + "\n"


def table(*columns: str) -> Table:
    """An empty table; a column whose name ends with ``>`` is aligned right."""
    made = Table(box=SIMPLE_HEAD, padding=(0, 1), header_style="bold", show_edge=False, pad_edge=False, collapse_padding=True)
    for column in columns:
        made.add_column(column.removesuffix(">"), justify="right" if column.endswith(">") else "left", no_wrap=True)
    return made


def facts(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Names left, values right, values folded where they are long."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(name, value)
    return grid


def shortened(name: str, width: int = _NAME_WIDTH) -> str:
    """A long name by its end, which is the part that tells operators apart.

    >>> shortened("features/stage4/block2/conv/Conv2D", 16)
    '…k2/conv/Conv2D'
    """
    return name if len(name) <= width else "…" + name[len(name) - width + 2 :]


class Citations:
    """Sources by number, each written out once at the end.

    >>> cited = Citations()
    >>> cited.number("data sheet"), cited.number("manual"), cited.number("data sheet")
    ('[1]', '[2]', '[1]')
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, source: str) -> str:
        """The mark of a source; a new one gets the next number."""
        return f"[{self._numbers.setdefault(source, len(self._numbers) + 1)}]"

    def listed(self) -> Table:
        """The sources, written out."""
        return facts((f"[{number}]", Text(source)) for source, number in self._numbers.items())
