"""A Mapping as an indented loop nest a person can read."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf

from dataflows.mapping import Mapping
from dataflows.tables import TENSORS

#: What each loop steps through, for the reader.
MEANING = {
    "N": "images", "G": "groups", "M": "filters", "C": "channels", "D": "output planes", "E": "output rows", "F": "output columns",
    "T": "filter planes", "R": "filter rows", "S": "filter columns",
}  # fmt: skip


def loop_nest(
    mapping: Mapping, held: MappingOf[str, MappingOf[str, int]] | None = None, meaning: MappingOf[str, str] | None = None
) -> str:  # fmt: skip
    """One line per level with what it holds, one per loop, indented; spread loops say along which axis.

    Parameters
    ----------
    mapping : Mapping
    held : Mapping or None
        Level -> tensor -> words one instance holds, where a unit knows better than the tiles of the nest.
    meaning : Mapping or None
        Loop -> what it steps through, where it is not the usual.

    >>> from dataflows.mapping import Loop, MappingLevel
    >>> from workloads.loopnest import product_nest
    >>> nest = product_nest(rows=16, columns=8, reduction=4, tensors=("a", "b", "y"))
    >>> both = ("weights", "inputs", "outputs")
    >>> levels = [MappingLevel("dram", both, (Loop("E", 16),)),
    ...           MappingLevel("buffer", both, (Loop("M", 8, "columns"), Loop("C", 4, "rows")))]
    >>> print(loop_nest(Mapping.build(nest, levels)))
    dram    keeps weights 32, inputs 64, outputs 128
      for E in 16                output rows
    buffer  keeps weights 32, inputs 4, outputs 8
        spread M over 8 columns  filters
          spread C over 4 rows   channels
            multiply-accumulate
    """
    words = _tiles(mapping) if held is None else held
    meanings = {**MEANING, **(meaning or {})}
    wide = max(len(level.name) for level in mapping.levels)
    rows: list[tuple[str, str]] = []
    depth = 1
    for level in mapping.levels:
        kept = ", ".join(f"{t} {words[level.name][t]:,}" for t in TENSORS if t in level.keeps)
        rows.append((f"{level.name:<{wide}}  keeps {kept or 'nothing'}", ""))
        for loop in level.loops:
            text = f"spread {loop.loop} over {loop.bound} {loop.axis}" if loop.spatial else f"for {loop.loop} in {loop.bound}"
            rows.append(("  " * depth + text, meanings[loop.loop]))
            depth += 1
    rows.append(("  " * depth + "multiply-accumulate", ""))
    column = max((len(text) for text, meaning in rows if meaning), default=0) + 2
    return "\n".join(f"{text:<{column}}{meaning}" if meaning else text for text, meaning in rows)


def _tiles(mapping: Mapping) -> dict[str, dict[str, int]]:
    """Words of the tile of each level, by its name."""
    tiles = mapping.accesses().tile
    return {
        level.name: {tensor: int(tiles[position][code]) for code, tensor in enumerate(TENSORS)}
        for position, level in enumerate(mapping.levels)
    }
