"""Random small nests and mappings, and the comparison of counts with the walk."""

from __future__ import annotations

import math
import random
from collections import Counter

from dataflows.hierarchy import Hierarchy, StorageLevel
from dataflows.mapping import Loop, Mapping, MappingLevel
from dataflows.tables import TENSORS
from tests.reference.loopwalk import Walk
from workloads.loopnest import LoopNest, convolution_nest

LOOPS = "NGMCEFRS"


def nest_of(extents: dict[str, int], stride: int = 1, dilation: int = 1) -> LoopNest:
    """A 2-D convolution by its loop bounds; what is left out is 1."""
    size = {name: extents.get(name, 1) for name in LOOPS}
    return convolution_nest(
        n=size["N"], g=size["G"], m=size["M"], c=size["C"], output=(size["E"], size["F"]), kernel=(size["R"], size["S"]),
        stride=(stride, stride), dilation=(dilation, dilation), tensors=("i", "w", "o"),
    )  # fmt: skip


def random_nest(rng: random.Random) -> LoopNest:
    """Two to four loops of two to four iterations."""
    extents = {name: 2 if name in "NG" else rng.choice([2, 3, 4]) for name in rng.sample(LOOPS, rng.randint(2, 4))}
    return nest_of(extents, rng.randint(1, 2), rng.choice([1, 1, 1, 2]))


def random_mapping(rng: random.Random) -> Mapping:
    """A nest split at random over up to three levels that keep tensors at random, remainders included."""
    nest = random_nest(rng)
    count = rng.randint(1, 3)
    temporal: list[list[Loop]] = [[] for _ in range(count)]
    spread: list[list[Loop]] = [[] for _ in range(count)]
    for name in LOOPS:
        bounds, left = [], nest.extent(name)
        while left > 1:
            bounds.append(rng.randint(2, left))
            left = -(-left // bounds[-1])
        places = sorted((rng.randrange(count) for _ in bounds), reverse=True)
        for bound, place in zip(bounds, places, strict=True):
            if rng.random() < 0.35:
                spread[place].append(Loop(name, bound, rng.choice(["rows", "columns"])))
            else:
                temporal[place].append(Loop(name, bound))
    levels = []
    for place in range(count):
        rng.shuffle(temporal[place])
        keeps = TENSORS if place == 0 else tuple(tensor for tensor in TENSORS if rng.random() < 0.75)
        levels.append(MappingLevel(f"level{place}", keeps, (*temporal[place], *spread[place])))
    return Mapping.build(nest, levels)


def small_hierarchy(rng: random.Random, buffer_words: float | None = None) -> Hierarchy:
    """DRAM, a small buffer, and up to 3 x 3 elements with a few words each."""
    words = {tensor: float(rng.choice([1, 2, 4])) for tensor in TENSORS}
    buffer = StorageLevel("buffer", capacity_words=buffer_words or float(rng.choice([24, 48, 10**6])))
    element = StorageLevel("element", own_words=words)
    return Hierarchy((StorageLevel("dram"), buffer, element), rng.randint(1, 3), rng.randint(1, 3))


def repeats_at_an_edge(mapping: Mapping) -> bool:
    """True where a loop is split in time more than once and leaves a remainder: the counts are upper bounds there."""
    splits = Counter(loop.loop for loop in mapping.loops if not loop.spatial)
    covered = {name: math.prod(loop.bound for loop in mapping.loops if loop.loop == name) for name in splits}
    return any(count > 1 and covered[name] != mapping.nest.extent(name) for name, count in splits.items())


def differences(mapping: Mapping, halo: str = "delta", sharing: str = "shared") -> list[tuple[str, int, str, int, int]]:
    """(count, level, tensor, closed form, walk) wherever the two disagree; every count, level and tensor is compared."""
    counts, walk = mapping.accesses(halo=halo, sharing=sharing), Walk(mapping, halo, sharing).run()
    found = [("cycles", 0, "", int(counts.cycles[0]), walk.cycles)]
    for level, kept in enumerate(mapping.levels):
        for code, tensor in enumerate(TENSORS):
            if tensor not in kept.keeps:
                continue
            columns = {"fills": counts.fills[level, code]} if level else {}
            walked = {"fills": walk.counts["fills", level, tensor]}
            if tensor == "outputs":
                columns |= {"updates": counts.updates[level, code], "reads": counts.reads[level, code]}
                walked |= {"updates": walk.counts["updates", level, tensor], "reads": walk.output_reads(level)}
            else:
                columns |= {"reads": counts.reads[level, code], "deliveries": counts.deliveries[level, code]}
                walked |= {name: walk.counts[name, level, tensor] for name in ("reads", "deliveries")}
            found += [(name, level, tensor, int(value), walked[name]) for name, value in columns.items()]
    return [entry for entry in found if entry[3] != entry[4]]
