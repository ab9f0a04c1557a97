"""Whether the tiles of a mapping fit, and by how much they do not."""

from __future__ import annotations

import math

from dataflows.footprint import Shortfall
from dataflows.hierarchy import Hierarchy
from dataflows.mapping import Mapping
from dataflows.tables import TENSORS, AccessTable


def words_beyond(mapping: Mapping, hierarchy: Hierarchy, level: int, counts: AccessTable | None = None) -> float:
    """Words by which the tiles of one level exceed what it holds; 0 where they fit. ``counts``: those of the mapping, if at hand.

    Tiles count once per buffer (twice where the next one is loaded meanwhile). Tensors with a memory of their own count by
    themselves, the others share the capacity.
    """
    tiles = (mapping.accesses() if counts is None else counts).tile[level]
    storage = hierarchy.levels[level]
    shared = excess = 0.0
    for code, tensor in enumerate(TENSORS):
        if tensor not in mapping.levels[level].keeps:
            continue
        words = float(tiles[code]) * storage.buffers
        if tensor in storage.own_words:
            excess += max(0.0, words - storage.own_words[tensor])
        else:
            shared += words
    return excess + max(0.0, shared - storage.capacity_words)


def shortfalls(mapping: Mapping, hierarchy: Hierarchy, word_bits: int, operator: str | None = None) -> tuple[Shortfall, ...]:
    """A Shortfall per level that is too small for its tiles; empty where the mapping fits."""
    tiles = mapping.accesses().tile
    found = []
    for position, storage in enumerate(hierarchy.levels):
        beyond = words_beyond(mapping, hierarchy, position)
        if not beyond:
            continue
        sizes = {
            tensor: math.ceil(float(tiles[position][code]) * storage.buffers * word_bits / 8)
            for code, tensor in enumerate(TENSORS)
            if tensor in mapping.levels[position].keeps
        }
        needed = sum(sizes.values())
        largest = tuple(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))
        found.append(Shortfall(storage.name, needed, needed - math.ceil(beyond * word_bits / 8), operator, largest))
    return tuple(found)
