"""The mapping of least value that a dataflow allows: what is spread, what runs inside an element, and the tiles of the buffer.

Where :meth:`~dataflows.dataflow.Dataflow.mapping` fills from the inside, this goes on from there: one bound is changed at a time, or
one is given to another loop of the same place, as long as the value falls. What stays, which loops may be spread and the order
between buffer and array are the dataflow's; the order of the tiles at DRAM is free, as it is not part of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from dataflows.accesses import count_accesses
from dataflows.capacity import words_beyond
from dataflows.dataflow import Dataflow, assembled, balanced
from dataflows.hierarchy import Hierarchy
from dataflows.mapping import Loop, Mapping
from dataflows.tables import AccessTable, empty_accesses, empty_blocks
from workloads.loopnest import DIMENSIONS, LoopNest

#: Value of a mapping from its counts; less is better.
Value = Callable[[Mapping, AccessTable], float]

#: Loops that tiles of the buffer are cut along: images, filters, channels first.
TILED = ("N", "M", "C", "D", "E", "F", "T", "R", "S")

_PIXELS, _TAPS = ("N", "D", "E", "F"), ("C", "T", "R", "S")
#: Orders of the tiles at DRAM, outermost first: each tensor in turn stays while the innermost loops run, with either other next.
ORDERS = (
    ("M", *_TAPS, *_PIXELS), (*_TAPS, "M", *_PIXELS), ("M", *_PIXELS, *_TAPS),
    (*_PIXELS, "M", *_TAPS), (*_PIXELS, *_TAPS, "M"), (*_TAPS, *_PIXELS, "M"),
)  # fmt: skip

#: A place and a loop: ``rows``, ``columns``, ``inside`` an element, or ``outside`` the buffer.
Place = tuple[str, str]


@dataclass(frozen=True)
class Choice:
    """Bounds of the loops at each place; one that is not named is 1. ``order`` is a position in ORDERS."""

    bounds: tuple[tuple[Place, int], ...]
    order: int

    def bound(self, place: Place) -> int:
        """Iterations of a loop at a place."""
        return dict(self.bounds).get(place, 1)

    def changed(self, place: Place, bound: int) -> Choice:
        """The same but for one bound."""
        return replace(self, bounds=tuple(sorted(({**dict(self.bounds), place: bound}).items())))


def best_mapping(dataflow: Dataflow, nest: LoopNest, hierarchy: Hierarchy, value: Value) -> Mapping:
    """The mapping of least value near the one the dataflow fills in itself; of equal ones the one with the fewest steps.

    Parameters
    ----------
    dataflow : Dataflow
    nest : LoopNest
    hierarchy : Hierarchy
    value : callable
        (mapping, counts) -> number to be made small, e.g. joules.

    Raises
    ------
    MappingError
        As :meth:`Dataflow.mapping`: a buffer that cannot hold the smallest tile.

    Notes
    -----
    Descent over single and paired changes, from the dataflow's own mapping and from others with the same loops on the array:
    a local optimum, deterministic, never worse than the dataflow's own mapping.
    """
    desk = Desk(dataflow, nest, hierarchy, value)
    ends = [desk.descended(choice) for choice in desk.starts()]
    return desk.mapping(min(ends, key=desk.rated))


class Desk:
    """One search: the fixed facts, and what was rated already."""

    def __init__(self, dataflow: Dataflow, nest: LoopNest, hierarchy: Hierarchy, value: Value) -> None:
        self.dataflow, self.nest, self.hierarchy, self.value = dataflow, nest, hierarchy, value
        self.known: dict[Choice, tuple[float, float]] = {}
        self.passed: set[Choice] = set()
        self.axes = {"rows": hierarchy.rows, "columns": hierarchy.columns}
        sizes = {name: nest.extent(name) for name in DIMENSIONS}
        self.ladders: dict[Place, list[int]] = {
            **{("rows", name): _up_to(sizes[name], hierarchy.rows) for name in dataflow.rows},
            **{("columns", name): _up_to(sizes[name], hierarchy.columns) for name in dataflow.columns},
            **{("inside", name): balanced(sizes[name])[::-1] for name in dataflow.inside},
            **{("outside", name): _doublings(sizes[name]) for name in TILED if sizes[name] > 1},
        }

    def starts(self) -> Iterator[Choice]:
        """The dataflow's own mapping, then its loops on the array with nothing, images, filters and channels one by one at DRAM.

        Once with its loops inside an element and once with none there. Tiles at DRAM are in the order that suits each best.
        """
        own = self._own_bounds()
        yield self._ordered(own)
        for places in (("rows", "columns", "inside"), ("rows", "columns")):
            laid = {place: bound for place, bound in own.items() if place[0] in places}
            for count in range(4):
                outside: list[Place] = [("outside", name) for name in TILED[:count] if ("outside", name) in self.ladders]
                yield self._ordered(laid | {place: self.ladders[place][-1] for place in outside})

    def _own_bounds(self) -> dict[Place, int]:
        """Bounds of the mapping the dataflow makes itself."""
        own = self.dataflow.mapping(self.nest, self.hierarchy)
        bounds: dict[Place, int] = {}
        for position, level in enumerate(own.levels):
            for loop in level.loops:
                place = loop.axis or ("outside" if position == 0 else "inside" if position == len(own.levels) - 1 else "")
                if place and (place, loop.loop) in self.ladders:
                    bounds[place, loop.loop] = loop.bound
        return bounds

    def _ordered(self, bounds: dict[Place, int]) -> Choice:
        choices = [Choice(tuple(sorted(bounds.items())), order) for order in range(len(ORDERS))]
        return min(choices, key=lambda choice: (self.rated(choice), choice.order))

    def descended(self, best: Choice) -> Choice:
        """Where the value falls no further; a start that does not fit is first brought to fit."""
        while best not in self.passed:
            self.passed.add(best)
            best = next((choice for choice in self.neighbours(best) if self.rated(choice) < self.rated(best)), best)
        return best

    def neighbours(self, choice: Choice) -> Iterator[Choice]:
        """One bound up or down its ladder, or one up and another of the same kind of place down, or another order at DRAM."""
        for order in range(len(ORDERS)):
            if order != choice.order:
                yield replace(choice, order=order)
        for place in self.ladders:
            for bound in self._beside(choice, place):
                once = choice.changed(place, bound)
                yield once
                if bound > choice.bound(place):
                    for other in self.ladders:
                        if other[0] == place[0] and other != place:
                            yield from (once.changed(other, b) for b in self._beside(choice, other) if b < choice.bound(other))

    def _beside(self, choice: Choice, place: Place) -> list[int]:
        """The next smaller and the next larger bound of a place."""
        now, ladder = choice.bound(place), self.ladders[place]
        return [*[b for b in ladder if b < now][-1:], *[b for b in ladder if b > now][:1]]

    def rated(self, choice: Choice) -> tuple[float, float]:
        """Value and steps of a choice; where it does not fit, infinite and the words that are too many."""
        if choice not in self.known:
            self.known[choice] = self._rate(choice)
        return self.known[choice]

    def _rate(self, choice: Choice) -> tuple[float, float]:
        for axis, room in self.axes.items():
            if math.prod(bound for (place, _), bound in choice.bounds if place == axis) > room:
                return math.inf, math.inf
        mapping = self.mapping(choice)
        counts = counted(mapping)
        beyond = sum(words_beyond(mapping, self.hierarchy, level, counts) for level in range(1, len(self.hierarchy.levels)))
        if beyond:
            return math.inf, beyond
        return self.value(mapping, counts), float(counts.cycles[0])

    def mapping(self, choice: Choice) -> Mapping:
        """The mapping of a choice: what no place takes runs between the buffer and the array, in the dataflow's order."""
        taken = dict.fromkeys(DIMENSIONS, 1)
        for (place, name), bound in choice.bounds:
            if place != "outside":
                taken[name] *= bound
        left = {name: -(-self.nest.extent(name) // taken[name]) for name in DIMENSIONS}
        tiles = {name: min(left[name], choice.bound(("outside", name))) for name in DIMENSIONS} | {"G": left["G"]}
        between = {name: -(-left[name] // tiles[name]) for name in DIMENSIONS}
        outside = {name: -(-left[name] // between[name]) for name in DIMENSIONS}
        spread = [
            Loop(name, bound, axis)
            for axis, names in (("rows", self.dataflow.rows), ("columns", self.dataflow.columns))
            for name in names
            if (bound := choice.bound((axis, name))) > 1
        ]
        inside = [Loop(name, choice.bound(("inside", name))) for name in self.dataflow.inside]
        return assembled(self.dataflow, self.nest, self.hierarchy, spread, inside, between, outside, ORDERS[choice.order])


def counted(mapping: Mapping) -> AccessTable:
    """Access counts of a mapping by the compiled kernel, halo kept and whole words shared.

    Equal to ``mapping.accesses()``; for many mappings.
    """
    table = mapping.table()
    counts = empty_accesses(len(mapping.levels))
    count_accesses.compiled(table, empty_blocks(len(mapping.levels), len(table.loop)), 0, 0, counts)
    return counts


def _up_to(extent: int, room: int) -> list[int]:
    """Balanced bounds of a loop on an axis, from 1 upwards.

    >>> _up_to(13, 8)
    [1, 2, 3, 4, 5, 7]
    """
    return [bound for bound in balanced(extent)[::-1] if bound <= room]


def _doublings(extent: int) -> list[int]:
    """Numbers of tiles: 1, 2, 4 and so on, and all.

    >>> _doublings(13)
    [1, 2, 4, 8, 13]
    """
    return [*(2**k for k in range((extent - 1).bit_length())), extent] if extent > 1 else [1]
