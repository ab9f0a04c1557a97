"""Caches, slow and obvious: every set is a list of ways, every request a recursive call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Way:
    line: int = -1
    used: int = 0
    dirty: bool = False


class Tree:
    """A binary tree of pseudo-LRU: each node points to the half that was used longer ago."""

    def __init__(self, ways: int) -> None:
        self.to_upper = False
        self.halves = (Tree(ways // 2), Tree(ways // 2)) if ways > 1 else None
        self.ways = ways

    def touch(self, way: int) -> None:
        if self.halves is None:
            return
        upper = way >= self.ways // 2
        self.to_upper = not upper
        self.halves[upper].touch(way - upper * self.ways // 2)

    def victim(self) -> int:
        if self.halves is None:
            return 0
        return self.to_upper * self.ways // 2 + self.halves[self.to_upper].victim()


@dataclass
class SlowLevel:
    spec: Any
    below: Any
    ways: list[list[Way]] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ways = [[Way() for _ in range(self.spec.associativity)] for _ in range(self.spec.sets)]
        self.trees = [Tree(self.spec.associativity) for _ in range(self.spec.sets)]
        self.counts = dict.fromkeys(("reads", "writes", "read_misses", "write_misses", "prefetches", "written_back"), 0)


@dataclass
class Memory:
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("reads", "writes", "read_misses", "write_misses", "prefetches", "written_back"), 0)
    )


class SlowCaches:
    """Requests of one access are served breadth first, as they arise."""

    def __init__(self, specs: list[Any], seed: int = 1) -> None:
        self.levels = [SlowLevel(spec, None) for spec in specs]
        self.memory, self.now, self.random = Memory(), 0, seed % 2147483646 + 1

    def access(self, address: int, write: bool) -> None:
        self.now += 1
        requests = [(0, address, "write" if write else "read")]
        while requests:
            level, address, what = requests.pop(0)
            if level == len(self.levels):
                self.memory.counts[{"read": "reads", "write": "writes", "prefetch": "prefetches"}[what]] += 1
            else:
                requests += self.serve(level, address, what)

    def serve(self, number: int, address: int, what: str) -> list[tuple[int, int, str]]:
        level = self.levels[number]
        spec, asked = level.spec, []
        line = address // spec.line_bytes
        if what != "prefetch":
            level.counts[f"{what}s"] += 1
        found = self.find(level, line)
        missed = found is None
        if found is not None:
            self.touch(level, line, found)
        else:
            if what != "prefetch":
                level.counts[f"{what}_misses"] += 1
            if what != "write" or spec.write_allocate:
                asked += self.fill(number, line, "prefetch" if what == "prefetch" else "read")
                found = self.find(level, line)
        if what == "write":
            if found is not None and spec.write_back:
                found.dirty = True
            else:
                asked.append((number + 1, address, "write"))
        if missed and what != "prefetch" and spec.prefetch and self.find(level, line + 1) is None:
            level.counts["prefetches"] += 1
            asked += self.fill(number, line + 1, "prefetch")
        return asked

    def find(self, level: SlowLevel, line: int) -> Way | None:
        return next((way for way in level.ways[line % level.spec.sets] if way.line == line), None)

    def touch(self, level: SlowLevel, line: int, way: Way) -> None:
        way.used = self.now
        level.trees[line % level.spec.sets].touch(level.ways[line % level.spec.sets].index(way))

    def fill(self, number: int, line: int, what: str) -> list[tuple[int, int, str]]:
        level = self.levels[number]
        ways = level.ways[line % level.spec.sets]
        free = [way for way in ways if way.line < 0]
        if free:
            way = free[0]
        elif level.spec.policy == "plru":
            way = ways[level.trees[line % level.spec.sets].victim()]
        elif level.spec.policy == "random":
            self.random = self.random * 48271 % 2147483647
            way = ways[self.random % len(ways)]
        else:
            way = min(ways, key=lambda one: one.used)
        asked = [(number + 1, line * level.spec.line_bytes, what)]
        if way.line >= 0 and way.dirty:
            level.counts["written_back"] += 1
            asked.append((number + 1, way.line * level.spec.line_bytes, "write"))
        index = ways.index(way)
        ways[index] = fresh = Way(line)
        self.touch(level, line, fresh)
        return asked

    def counts(self) -> list[dict[str, int]]:
        return [level.counts for level in self.levels] + [self.memory.counts]
