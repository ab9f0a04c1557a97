"""Candidate sizes of a loop: tiles that need fewer steps than every smaller one, and ways to spread loops over an axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dataflows.tables import DIMENSION, FIRST_POSITION
from hwmodels.jit import kernel
from workloads.loopnest import DIMENSIONS

#: Loops longer than this are tiled by divisors only, where there are enough of them.
LONG_LOOP, ENOUGH_DIVISORS = 32, 6


@kernel(makes_arrays=False)
def next_balanced(extent, size):
    """The least larger tile that needs fewer steps; extent + 1 after the last.

    >>> next_balanced(13, 1), next_balanced(13, 4), next_balanced(13, 5), next_balanced(13, 7)
    (2, 5, 7, 13)
    """
    steps = -(-extent // size) - 1
    return -(-extent // steps) if steps > 0 else extent + 1


@kernel(makes_arrays=False)
def next_bound(extent, size, loop, balanced):
    """The next larger bound a search tries for a loop; extent + 1 after the last.

    Balanced bounds replace all others, except that a sliding window may keep more of a larger first tile: loops of the input's
    axes then step through every number.

    >>> next_bound(13, 4, 5, 0), next_bound(13, 5, 5, 1), next_bound(13, 5, 2, 0)
    (5, 7, 7)
    """
    return size + 1 if balanced == 0 and loop >= FIRST_POSITION else next_balanced(extent, size)


@kernel(makes_arrays=False)
def spreads_more(extent, own, other, room):
    """True where an axis of ``room`` elements could take a larger bound of some loop, of what the other axis leaves of it.

    ``own`` and ``other`` are ten bounds each. At most two loops share an axis.
    """
    used, loops = 1, 0
    for d in range(10):
        used *= own[d]
        loops += 1 if own[d] > 1 else 0
    for d in range(10):
        left = -(-extent[d] // other[d])
        if left > own[d] and (own[d] > 1 or loops < 2):
            larger = next_balanced(left, own[d])
            if larger <= left and used // own[d] * larger <= room:
                return True
    return False


def balanced_tiles(extent: int) -> list[int]:
    """Tile sizes of a loop, from 1 up, none of which a smaller one replaces with as many steps.

    >>> balanced_tiles(13)
    [1, 2, 3, 4, 5, 7, 13]
    """
    return sorted({-(-extent // steps) for steps in range(1, extent + 1)})


def tile_sizes(name: str, extent: int, every: bool) -> list[int]:
    """Tiles a search tries of a loop: all that are balanced (every number along input axes), or of a long loop its divisors.

    >>> tile_sizes("M", 128, False), tile_sizes("M", 7, True), tile_sizes("E", 7, True)
    ([1, 2, 4, 8, 16, 32, 64, 128], [1, 2, 3, 4, 7], [1, 2, 3, 4, 5, 6, 7])
    """
    if every and DIMENSION[name] >= FIRST_POSITION:
        return list(range(1, extent + 1))
    divisors = [size for size in range(1, extent + 1) if extent % size == 0]
    if not every and extent > LONG_LOOP and len(divisors) >= ENOUGH_DIVISORS:
        return divisors
    return balanced_tiles(extent)


def spreads(extents: dict[str, int], room: int, every: bool) -> NDArray[np.int64]:
    """Ways to spread loops over one axis of ``room`` elements, a row of ten bounds each.

    With ``every``, all bounds of :func:`tile_sizes` whose product fits. Without, at most two loops, and none that a larger bound of
    the same loops would replace: the axis is filled. Loops that are spread whole may leave room: the other axis may take the rest.

    >>> spreads({"M": 4, "C": 3}, 4, False)[:, [2, 3]].tolist()
    [[1, 1], [1, 3], [2, 2], [4, 1]]
    """
    names = [name for name in DIMENSIONS if extents.get(name, 1) > 1]
    found: list[dict[str, int]] = [{}]
    for name in names:
        sizes = tile_sizes(name, extents[name], True) if every else balanced_tiles(extents[name])
        bounds = [size for size in sizes if 1 < size <= room]
        found += [chosen | {name: size} for chosen in found for size in bounds if size * _product(chosen) <= room]
    if not every:
        found = [chosen for chosen in found if len(chosen) <= 2 and _kept(chosen, extents, names, room)]
    rows = sorted(tuple(chosen.get(name, 1) for name in DIMENSIONS) for chosen in found)
    return np.array(rows, dtype=np.int64)


def _product(chosen: dict[str, int]) -> int:
    total = 1
    for size in chosen.values():
        total *= size
    return total


def _kept(chosen: dict[str, int], extents: dict[str, int], names: list[str], room: int) -> bool:
    """True where an axis is filled, or every loop of the choice is spread whole."""
    return all(size == extents[name] for name, size in chosen.items()) or _filled(chosen, extents, names, room)


def _filled(chosen: dict[str, int], extents: dict[str, int], names: list[str], room: int) -> bool:
    """True where no loop of the choice, nor a further one while there are fewer than two, could take a larger bound."""
    used = _product(chosen)
    allowed = chosen if len(chosen) == 2 else names
    for name in allowed:
        now = chosen.get(name, 1)
        larger = next_balanced(extents[name], now)
        if larger <= extents[name] and used // now * larger <= room:
            return False
    return True
