"""Compiled loop of the cache simulator: one address after the other through the levels.

State is plain arrays. Of each level, one row of ``facts``: shift of a line, sets, ways, policy, write-back, write-allocate,
prefetch, first slot, first set, and the mask of the set where their number is a power of two. A slot is one way of one set: its line
(-1 for none), when it was used, whether it is dirty. What a level asks of the next one is queued and done in order: fills first, then
the lines written back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwmodels.jit import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
else:
    Ints = Any

#: Columns of ``facts``.
SHIFT, SETS, WAYS, POLICY, WRITE_BACK, WRITE_ALLOCATE, PREFETCH, FIRST_SLOT, FIRST_SET, MASK = range(10)
#: Replacement policies.
LRU, TREE_PLRU, RANDOM = range(3)
#: What is asked of a level.
READ, WRITE, PREFETCHED = range(3)
#: Columns of ``counts``.
READS, WRITES, READ_MISSES, WRITE_MISSES, PREFETCHES, WRITTEN_BACK = range(6)
#: Entries that the queue of requests of one access can hold.
QUEUE = 4096


@kernel(makes_arrays=False, inline=True)
def touch_tree(bits: int, ways: int, way: int) -> int:
    """Bits of a tree of pseudo-LRU after a use of ``way``: every node on its path points away from it.

    Node 1 is the root, nodes 2k and 2k + 1 are below node k; a set bit points to the upper half.

    >>> touch_tree(0, 4, 0), touch_tree(0b1110, 4, 3)
    (6, 4)
    """
    node, half = 1, ways // 2
    place = way
    while half > 0:
        upper = 1 if place >= half else 0
        bits = bits & ~(1 << node) if upper else bits | (1 << node)
        node = 2 * node + upper
        place -= half * upper
        half //= 2
    return bits


@kernel(makes_arrays=False, inline=True)
def tree_victim(bits: int, ways: int) -> int:
    """Way that the tree points to.

    >>> tree_victim(6, 4), tree_victim(0, 4)
    (2, 0)
    """
    node, half, way = 1, ways // 2, 0
    while half > 0:
        upper = bits >> node & 1
        way += half * upper
        node = 2 * node + upper
        half //= 2
    return way


@kernel(makes_arrays=False, inline=True)
def next_random(state: int) -> int:
    """Next state of a 31-bit linear congruential generator (Park and Miller, CACM 31, 1988: multiplier 48271).

    >>> next_random(1)
    48271
    """
    return state * 48271 % 2147483647


@kernel(makes_arrays=False, inline=True)
def set_of(facts: Ints, level: int, line: int) -> int:
    """Set of a line: its number modulo the sets, by a mask where that is the same."""
    mask = facts[level, MASK]
    return line & mask if mask >= 0 else line % facts[level, SETS]


@kernel(makes_arrays=False)
def slot_of(facts: Ints, lines: Ints, level: int, line: int) -> int:
    """Slot that holds a line, -1 where none does."""
    first = facts[level, FIRST_SLOT] + set_of(facts, level, line) * facts[level, WAYS]
    for slot in range(first, first + facts[level, WAYS]):
        if lines[slot] == line:
            return slot
    return -1


@kernel(makes_arrays=False)
def victim_of(facts: Ints, lines: Ints, used: Ints, trees: Ints, seed: Ints, level: int, line: int) -> int:
    """Slot that a new line takes: an empty one, else by the policy of the level."""
    ways, index = facts[level, WAYS], set_of(facts, level, line)
    first = facts[level, FIRST_SLOT] + index * ways
    oldest = first
    for slot in range(first, first + ways):
        if lines[slot] < 0:
            return slot
        if used[slot] < used[oldest]:
            oldest = slot
    if facts[level, POLICY] == TREE_PLRU:
        return first + tree_victim(trees[facts[level, FIRST_SET] + index], ways)
    if facts[level, POLICY] == RANDOM:
        seed[0] = next_random(seed[0])
        return first + seed[0] % ways
    return oldest


@kernel(makes_arrays=False)
def use(facts: Ints, used: Ints, trees: Ints, level: int, line: int, slot: int, now: int) -> None:
    """Note the use of a slot for its replacement policy."""
    used[slot] = now
    if facts[level, POLICY] == TREE_PLRU:
        index, ways = set_of(facts, level, line), facts[level, WAYS]
        place = slot - facts[level, FIRST_SLOT] - index * ways
        tree = facts[level, FIRST_SET] + index
        trees[tree] = touch_tree(trees[tree], ways, place)


@kernel(makes_arrays=False)
def fill(
    facts: Ints, lines: Ints, used: Ints, dirty: Ints, trees: Ints, counts: Ints, queue: Ints, tail: int, level: int, line: int,
    slot: int, now: int, what: int,
) -> int:  # fmt: skip
    """Bring a line into a slot: read it from the next level, then write back the line it replaces; returns the queue's new end."""
    address = line << facts[level, SHIFT]
    queue[tail, 0], queue[tail, 1], queue[tail, 2] = level + 1, address, what
    tail += 1
    if lines[slot] >= 0 and dirty[slot]:
        counts[level, WRITTEN_BACK] += 1
        queue[tail, 0], queue[tail, 1], queue[tail, 2] = level + 1, lines[slot] << facts[level, SHIFT], WRITE
        tail += 1
    lines[slot], dirty[slot] = line, 0
    use(facts, used, trees, level, line, slot, now)
    return tail


@kernel(makes_arrays=False)
def serve(
    facts: Ints, lines: Ints, used: Ints, dirty: Ints, trees: Ints, counts: Ints, seed: Ints, queue: Ints, tail: int, level: int,
    address: int, what: int, now: int,
) -> int:  # fmt: skip
    """One request of a level; what it asks of the next level is queued. Returns the queue's new end."""
    line = address >> facts[level, SHIFT]
    slot = slot_of(facts, lines, level, line)
    write = what == WRITE
    if what != PREFETCHED:
        counts[level, WRITES if write else READS] += 1
    missed = slot < 0
    if missed:
        if what != PREFETCHED:
            counts[level, WRITE_MISSES if write else READ_MISSES] += 1
        if not write or facts[level, WRITE_ALLOCATE]:
            slot = victim_of(facts, lines, used, trees, seed, level, line)
            asked = PREFETCHED if what == PREFETCHED else READ
            tail = fill(facts, lines, used, dirty, trees, counts, queue, tail, level, line, slot, now, asked)
    else:
        use(facts, used, trees, level, line, slot, now)
    if write:
        if slot >= 0 and facts[level, WRITE_BACK]:
            dirty[slot] = 1
        else:
            queue[tail, 0], queue[tail, 1], queue[tail, 2] = level + 1, address, WRITE
            tail += 1
    if missed and what != PREFETCHED and facts[level, PREFETCH] and slot_of(facts, lines, level, line + 1) < 0:
        counts[level, PREFETCHES] += 1
        ahead = victim_of(facts, lines, used, trees, seed, level, line + 1)
        tail = fill(facts, lines, used, dirty, trees, counts, queue, tail, level, line + 1, ahead, now, PREFETCHED)
    return tail


@kernel(makes_arrays=False)
def run_stream(
    addresses: Ints, writes: Any, facts: Ints, lines: Ints, used: Ints, dirty: Ints, trees: Ints, counts: Ints, seed: Ints,
    clock: Ints, queue: Ints,
) -> None:  # fmt: skip
    """Send every address through the levels, nearest first.

    Parameters
    ----------
    addresses : int64 array
        Of the accesses, in order [B]; an access lies within one line.
    writes : uint8 array
        1 where it is a write.
    facts : int64 array, levels x 10
    lines, used, dirty : int64 array of slots
        State, kept between calls.
    trees : int64 array of sets
    counts : int64 array, levels + 1 x 6
        Added to; the last row is the memory.
    seed, clock : int64 array of one
    queue : int64 array, QUEUE x 3
        Space to work in.
    """
    levels = facts.shape[0]
    shift, ways = facts[0, SHIFT], facts[0, WAYS]
    plain = facts[0, POLICY] != TREE_PLRU and facts[0, WRITE_BACK] == 1
    for n in range(addresses.shape[0]):
        clock[0] += 1
        now, what = clock[0], WRITE if writes[n] else READ
        if plain:  # most accesses hit: the shortest way for them
            line = addresses[n] >> shift
            first = facts[0, FIRST_SLOT] + set_of(facts, 0, line) * ways
            hit = -1
            for slot in range(first, first + ways):
                if lines[slot] == line:
                    hit = slot
                    break
            if hit >= 0:
                used[hit] = now
                if what == WRITE:
                    dirty[hit] = 1
                    counts[0, WRITES] += 1
                else:
                    counts[0, READS] += 1
                continue
        tail = serve(facts, lines, used, dirty, trees, counts, seed, queue, 0, 0, addresses[n], what, now)
        head = 0
        while head < tail:
            level, address, asked = queue[head, 0], queue[head, 1], queue[head, 2]
            head += 1
            if level < levels:
                tail = serve(facts, lines, used, dirty, trees, counts, seed, queue, tail, level, address, asked, now)
            else:
                counts[levels, WRITES if asked == WRITE else PREFETCHES if asked == PREFETCHED else READS] += 1


@kernel(makes_arrays=False)
def nest_stream(extents: Ints, bases: Ints, strides: Ints, writes: Any, addresses: Ints, kinds: Any) -> None:
    """Fill the addresses of a loop nest: in its body one access per reference, at base + sum of stride * index.

    Parameters
    ----------
    extents : int64 array of loops
        Outermost first.
    bases : int64 array of references
        Address of the first element [B].
    strides : int64 array, references x loops
        Bytes per step of each loop [B].
    writes : uint8 array of references
    addresses, kinds : arrays of body executions x references
        Filled, in the order of execution.
    """
    loops, references = extents.shape[0], bases.shape[0]
    bodies = addresses.shape[0] // references
    for body in range(bodies):
        for r in range(references):
            rest, address = body, bases[r]
            for loop in range(loops - 1, -1, -1):
                address += rest % extents[loop] * strides[r, loop]
                rest //= extents[loop]
            addresses[body * references + r] = address
            kinds[body * references + r] = writes[r]
