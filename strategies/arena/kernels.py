"""Compiled inner loops of the arena planners: the canonical search, and lowest gaps for many orders.

The search keeps for every buffer that is not placed the lowest offset it may still have. It takes a section of time and a buffer
that may lie at the bottom there, and asks twice: does the buffer lie exactly there, or does it not? In the first case everything it
meets moves above it. In the second it must rest on some other buffer, so it moves up to the lowest top it could rest on.

Of all plans that fit, the search looks for one with the least sum of offsets. In such a plan no buffer could be lowered by itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwmodels.jit import kernel
from strategies.arena.sections import SpanTable

#: Answers of the search.
FOUND, IMPOSSIBLE, STOPPED = 1, 0, -1

#: Higher than every offset.
FAR = 2**62

#: Where the search decides next: anywhere, ties to the lowest floor; anywhere, ties to the fullest section; at the lowest floor of
#: all, ties to the section with the least slack.
LOW, FULL, LEVEL = 0, 1, 2

#: Columns of a frame: one decision.
BEGIN, END, MARK, BUFFER, SIDE, NEXT, LENGTH, PARENT = 0, 1, 2, 3, 4, 5, 6, 7

#: Entries of ``numbers``.
DEPTH, TRAIL, HEAD, TASKS, NODES = 0, 1, 2, 3, 4


class Search(NamedTuple):
    """Working columns of one search. Owned by the caller, so that restarts allocate nothing."""

    lowest: NDArray[np.int64]  # per buffer: lowest offset it may have [units]
    offset: NDArray[np.int64]  # per buffer: where it lies, once placed [units]
    placed: NDArray[np.int64]  # per buffer: 1 when placed
    total: NDArray[np.int64]  # per section: units of living buffers that are not placed
    floor: NDArray[np.int64]  # per section: least ``lowest`` of those
    candidates: NDArray[np.int64]  # per section: how many of them have it
    second: NDArray[np.int64]  # per section: where the floor goes if none of them lies at it
    top: NDArray[np.int64]  # per section: least lowest top of those
    spanned: NDArray[np.int64]  # per section: 1 where a buffer that is not placed lives on from the section before
    trail_buffer: NDArray[np.int64]  # changes of ``lowest``, oldest first: buffer
    trail_value: NDArray[np.int64]  # and what stood there before
    frames: NDArray[np.int64]  # decisions, one a row; columns BEGIN .. PARENT
    tasks: NDArray[np.int64]  # stretches of sections still to be filled: begin, end, next task, owning frame
    numbers: NDArray[np.int64]  # DEPTH, TRAIL, HEAD, TASKS, NODES


def search_columns(table: SpanTable) -> Search:
    """Fresh working columns for one table."""
    buffers, sections = len(table.size), len(table.section_start) - 1
    frames = 64 * buffers + 64
    lengths = {"trail_buffer": len(table.neighbours) + frames, "trail_value": len(table.neighbours) + frames}
    lengths |= dict.fromkeys(("lowest", "offset", "placed"), buffers)
    columns = {name: np.zeros(lengths.get(name, sections + 1), np.int64) for name in Search._fields}
    columns |= {"frames": np.zeros((frames, 8), np.int64), "tasks": np.zeros((2 * frames + sections + 1, 4), np.int64)}
    return Search(**{**columns, "numbers": np.zeros(5, np.int64)})


def start_search(table: SpanTable, search: Search, totals: NDArray[np.int64]) -> None:
    """Nothing placed, all sections to be filled; ``totals`` are the units that live in each."""
    sections = len(totals)
    search.lowest.fill(0)
    search.placed.fill(0)
    search.total[:sections] = totals
    search.tasks[0] = (0, sections, -1, -1)
    search.numbers[:] = (-1, 0, 0 if sections else -1, 1, 0)


@kernel
def canonical_search(table, search, capacity, rank, place, empty, node_limit):
    """FOUND with ``search.offset`` filled, IMPOSSIBLE where no plan is within ``capacity``, or STOPPED at the limit of nodes.

    Needs :func:`start_search` before it.
    """
    numbers = search.numbers
    while numbers[HEAD] >= 0:
        numbers[NODES] += 1
        if numbers[NODES] > node_limit or numbers[DEPTH] + 1 >= len(search.frames):
            return STOPPED
        head = numbers[HEAD]
        begin, end, rest = search.tasks[head, 0], search.tasks[head, 1], search.tasks[head, 2]
        level = survey(table, search, begin, end, capacity)
        if level == FAR:
            numbers[HEAD] = rest
            continue
        failed = search.tasks[head, 3]
        if level >= 0:
            buffer = choose(table, search, begin, end, capacity, level, rank, place, empty)
            open_frame(search, begin, end, buffer, rest, failed)
            if put(table, search, buffer, capacity):
                numbers[HEAD] = rest
                split(table, search, begin, end, numbers[DEPTH])
                continue
            failed = numbers[DEPTH]
        if not back_up(table, search, failed, capacity):
            return IMPOSSIBLE
    return FOUND


@kernel
def survey(table, search, begin, end, capacity):
    """Fill floor, candidates, second and top; the lowest floor, FAR where nothing is left to place, -1 where a section overflows."""
    level = FAR
    for section in range(begin, end):
        floor = second = top = FAR
        count = 0
        for p in range(table.section_start[section], table.section_start[section + 1]):
            i = table.living[p]
            if search.placed[i] == 0:
                value = search.lowest[i]
                if value < floor:
                    second = floor
                    floor = value
                    count = 1
                elif value == floor:
                    count += 1
                elif value < second:
                    second = value
                top = min(top, value + table.size[i])
        search.floor[section] = floor
        search.candidates[section] = count
        search.second[section] = min(second, top)
        search.top[section] = top
        if count > 0 and floor + search.total[section] > capacity:
            return -1
        level = min(level, floor)
    return level


@kernel
def choose(table, search, begin, end, capacity, level, rank, place, empty):
    """The buffer to decide on: of the section with the fewest ways to fill its floor, the one of best rank.

    A section offers one way per buffer that may lie at its floor, and ``empty`` more where the floor may stay empty. Above the lowest
    level a section counts only if nobody who meets one of these buffers could still go below it.
    """
    buffer = -1
    fewest, least = FAR, FAR
    for section in range(begin, end):
        floor = search.floor[section]
        if search.candidates[section] > 0 and (place != LEVEL or floor == level):
            slack = capacity - floor - search.total[section]
            ways = search.candidates[section]
            if search.second[section] - floor <= slack:
                ways += empty
            tie = slack
            if place == LOW:
                tie = floor
            elif place == FULL:
                tie = -search.total[section]
            if ways < fewest or (ways == fewest and tie < least):
                best = best_ranked(table, search, section, level, rank)
                if best >= 0:
                    buffer, fewest, least = best, ways, tie
    return buffer


@kernel
def best_ranked(table, search, section, level, rank):
    """Of the buffers that may lie at a section's floor the one of best rank; -1 where one of them could have others below it."""
    floor = search.floor[section]
    best = -1
    for p in range(table.section_start[section], table.section_start[section + 1]):
        i = table.living[p]
        if search.placed[i] == 0 and search.lowest[i] == floor:
            if floor > level:
                for other in range(table.first[i], table.last[i]):
                    if search.top[other] <= floor:
                        return -1
            if best < 0 or rank[i] < rank[best]:
                best = i
    return best


@kernel
def open_frame(search, begin, end, buffer, rest, owner):
    """Write down a decision, so that it can be taken back."""
    numbers, frames = search.numbers, search.frames
    numbers[DEPTH] += 1
    depth = numbers[DEPTH]
    frames[depth, BEGIN] = begin
    frames[depth, END] = end
    frames[depth, MARK] = numbers[TRAIL]
    frames[depth, BUFFER] = buffer
    frames[depth, SIDE] = 0
    frames[depth, NEXT] = rest
    frames[depth, LENGTH] = numbers[TASKS]
    frames[depth, PARENT] = owner


@kernel
def put(table, search, buffer, capacity):
    """Place a buffer at its lowest offset and lift all it meets above it; False where a section would overflow."""
    bottom = search.lowest[buffer]
    for section in range(table.first[buffer], table.last[buffer]):
        if bottom + search.total[section] > capacity:
            return False
    search.frames[search.numbers[DEPTH], SIDE] = 1
    search.placed[buffer] = 1
    search.offset[buffer] = bottom
    for section in range(table.first[buffer], table.last[buffer]):
        search.total[section] -= table.size[buffer]
    for p in range(table.neighbour_start[buffer], table.neighbour_start[buffer + 1]):
        other = table.neighbours[p]
        if search.placed[other] == 0 and search.lowest[other] < bottom + table.size[buffer]:
            lift(search, other, bottom + table.size[buffer])
    return True


@kernel
def lift(search, buffer, lowest):
    """Raise the lowest offset of a buffer, remembering the former one."""
    length = search.numbers[TRAIL]
    search.trail_buffer[length] = buffer
    search.trail_value[length] = search.lowest[buffer]
    search.numbers[TRAIL] = length + 1
    search.lowest[buffer] = lowest


@kernel
def split(table, search, begin, end, owner):
    """Add a task for every stretch of sections that is joined by buffers not placed; the earliest comes to the head."""
    search.spanned[begin] = 0
    for section in range(begin, end - 1):
        search.spanned[section + 1] = 0
        for p in range(table.section_start[section], table.section_start[section + 1]):
            i = table.living[p]
            if search.placed[i] == 0 and table.last[i] > section + 1:
                search.spanned[section + 1] = 1
                break
    stop = end
    for section in range(end - 1, begin - 1, -1):
        if search.spanned[section] == 0:
            if search.total[section] > 0:
                add_task(search, section, stop, search.numbers[HEAD], owner)
            stop = section


@kernel
def add_task(search, begin, end, rest, owner):
    """Put a stretch of sections at the head of the tasks; ``rest`` comes after it."""
    row = search.numbers[TASKS]
    search.tasks[row, 0] = begin
    search.tasks[row, 1] = end
    search.tasks[row, 2] = rest
    search.tasks[row, 3] = owner
    search.numbers[HEAD] = row
    search.numbers[TASKS] = row + 1


@kernel
def back_up(table, search, failed, capacity):
    """Take decisions back up to the frame that failed and turn it around, or its parent; False where none is left.

    Stretches that were filled in between are given up with it: what failed did not depend on how they were filled.
    """
    numbers, frames = search.numbers, search.frames
    while failed >= 0:
        while numbers[DEPTH] > failed:
            take_back(table, search)
            numbers[DEPTH] -= 1
        take_back(table, search)
        if frames[failed, SIDE] < 2:
            frames[failed, SIDE] = 2
            if refuse(table, search, frames[failed, BUFFER], capacity):
                numbers[TASKS] = frames[failed, LENGTH]
                add_task(search, frames[failed, BEGIN], frames[failed, END], frames[failed, NEXT], failed)
                return True
        failed = frames[failed, PARENT]
        numbers[DEPTH] -= 1
    return False


@kernel
def take_back(table, search):
    """Undo what followed from the latest decision; the decision itself stays on record."""
    numbers = search.numbers
    depth = numbers[DEPTH]
    while numbers[TRAIL] > search.frames[depth, MARK]:
        numbers[TRAIL] -= 1
        search.lowest[search.trail_buffer[numbers[TRAIL]]] = search.trail_value[numbers[TRAIL]]
    if search.frames[depth, SIDE] == 1:
        buffer = search.frames[depth, BUFFER]
        search.placed[buffer] = 0
        for section in range(table.first[buffer], table.last[buffer]):
            search.total[section] += table.size[buffer]


@kernel
def refuse(table, search, buffer, capacity):
    """Move a buffer up because it does not lie at its lowest offset; False where nothing could be what it rests on.

    Something else must come to lie in its way, or it could be lowered, and it rests on another's top.
    """
    size = table.size[buffer]
    rest = FAR
    hindered = False
    for p in range(table.neighbour_start[buffer], table.neighbour_start[buffer + 1]):
        other = table.neighbours[p]
        if search.placed[other] == 0:
            rest = min(rest, search.lowest[other] + table.size[other])
            if search.lowest[other] < search.lowest[buffer] + size:
                hindered = True
    rest = max(rest, search.lowest[buffer] + 1)
    if not hindered or rest + size > capacity:
        return False
    lift(search, buffer, rest)
    return True


@kernel
def lowest_gaps_height(lower, upper, size, order, offset, placed):
    """Height of buffers placed in ``order``, each in the lowest gap; fills ``offset``. ``placed`` is working space."""
    tall = 0
    for n in range(len(order)):
        buffer = order[n]
        floor = 0
        for m in range(n):
            other = placed[m]
            if lower[other] < upper[buffer] and lower[buffer] < upper[other]:
                if offset[other] - floor >= size[buffer]:
                    break
                floor = max(floor, offset[other] + size[other])
        offset[buffer] = floor
        tall = max(tall, floor + size[buffer])
        m = n
        while m > 0 and offset[placed[m - 1]] > floor:
            placed[m] = placed[m - 1]
            m -= 1
        placed[m] = buffer
    return tall
