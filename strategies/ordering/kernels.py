"""Compiled inner loops of the ordering search: sets of operators are looked at in order of the peak it took to run them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwmodels.jit import kernel
from strategies.ordering.tables import BITS, OrderTable

#: Answers of the search.
FOUND, NONE_BELOW, FULL = 1, 0, -1

#: Entries of ``numbers``.
SETS, HEAP, LOG, BEST, POPPED, BOUND = 0, 1, 2, 3, 4, 5

#: Longest chain of followers that is looked at as one step.
LONGEST_CHAIN = 12


class Sets(NamedTuple):
    """Sets of operators that were reached, one a row, and the heap of those not looked at yet."""

    words: NDArray[np.int64]  # sets x words
    peak: NDArray[np.int64]  # least peak found so far that reaches the set [B]
    load: NDArray[np.int64]  # bytes held after it [B]
    ran: NDArray[np.int64]  # operators in it
    parent: NDArray[np.int64]  # set it was reached from
    log_start: NDArray[np.int64]  # where the operators that led here from the parent begin in ``log``
    log_length: NDArray[np.int64]  # and how many they are
    done: NDArray[np.int64]  # 1 once looked at
    slots: NDArray[np.int64]  # hash table: row of a set, or -1
    heap_key: NDArray[np.int64]  # least first: peak, then fewest operators left
    heap_row: NDArray[np.int64]
    log: NDArray[np.int64]  # operators
    scratch: NDArray[np.int64]  # 3 x words: the set at hand, the set being made, the chain being tried
    numbers: NDArray[np.int64]  # SETS, HEAP, LOG, BEST, POPPED, BOUND


def search_sets(table: OrderTable, most: int) -> Sets:
    """Empty rows for so many sets."""
    operators, words = table.before.shape
    lengths = dict.fromkeys(("heap_key", "heap_row"), 4 * most) | {"log": 4 * most + operators * operators, "numbers": 6}
    columns = {name: np.zeros(lengths.get(name, most), np.int64) for name in Sets._fields}
    columns |= {"words": np.zeros((most, words), np.int64), "scratch": np.zeros((3, words), np.int64)}
    return Sets(**{**columns, "slots": np.full(1 << (2 * most).bit_length(), -1, np.int64)})


@kernel
def search_order(table, sets, start_bytes, floor, below):
    """FOUND with the last set at BEST, NONE_BELOW where every order holds ``below`` bytes or more, FULL where the rows ran out.

    BOUND is the peak that every order has at least: that of the set looked at last. Peaks up to ``floor`` count as ``floor``.
    """
    numbers = sets.numbers
    operators = len(table.written)
    grow(table, sets, -1, -1, start_bytes, max(floor, start_bytes), below)
    while numbers[HEAP] > 0:
        row = pop(sets)
        if sets.done[row] == 1:
            continue
        sets.done[row] = 1
        numbers[POPPED] += 1
        numbers[BOUND] = max(numbers[BOUND], sets.peak[row])
        if sets.ran[row] == operators:
            numbers[BEST] = row
            return FOUND
        if numbers[SETS] + operators >= len(sets.peak) or numbers[LOG] + operators * operators >= len(sets.log):
            return FULL
        if numbers[HEAP] + operators >= len(sets.heap_key):
            return FULL
        for operator in range(operators):
            if ready(table, sets.words[row], operator):
                grow(table, sets, row, operator, sets.load[row], sets.peak[row], below)
    numbers[BOUND] = below
    return NONE_BELOW


@kernel
def ready(table, members, operator):
    """True where an operator has not run and everything before it has."""
    if (members[operator // BITS] >> (operator % BITS)) & 1 == 1:
        return False
    missing = 0
    for word in range(len(members)):
        missing |= table.before[operator, word] & ~members[word]
    return missing == 0


@kernel
def gone(table, members, allocation):
    """True where all users of an allocation have run."""
    missing = 0
    for word in range(len(members)):
        missing |= table.users[allocation, word] & ~members[word]
    return missing == 0


@kernel
def run(table, members, operator, load):
    """Run one more operator: adds it to the set; the bytes held while it runs and after."""
    members[operator // BITS] |= 1 << (operator % BITS)
    freed = 0
    for p in range(table.used_start[operator], table.used_start[operator + 1]):
        if gone(table, members, table.used[p]):
            freed += table.size[table.used[p]]
    during = load + table.written[operator] + table.workspace[operator]
    if table.shared[operator] >= 0 and gone(table, members, table.shared[operator]):
        during -= table.saved[operator]
    return during, load + table.written[operator] - freed


@kernel
def grow(table, sets, parent, first, load, peak, below):
    """Run ``first`` after the parent set, then all that is free, and remember the set that comes of it."""
    numbers = sets.numbers
    members = sets.scratch[0]
    start = numbers[LOG]
    count = 0
    for word in range(len(members)):
        members[word] = sets.words[parent, word] if parent >= 0 else 0
    ran = sets.ran[parent] if parent >= 0 else 0
    if first >= 0:
        during, load = run(table, members, first, load)
        peak = max(peak, during)
        if peak >= below:
            return
        sets.log[start] = first
        count = 1
    while True:
        steps, load = free_steps(table, sets, members, load, peak, start + count)
        if steps == 0:
            break
        count += steps
    remember(sets, parent, ran + count, load, peak, start, count, len(table.written))


@kernel
def free_steps(table, sets, members, load, peak, start):
    """Run the shortest chain of operators that leads to no more bytes than now without a new peak; how many it has, and the load.

    Some best order does so at once. The bytes held are a submodular function of the set: what a chain gives back now it would give
    back later too, and before its end no other set between the two holds less.
    """
    for longest in range(1, LONGEST_CHAIN + 1, LONGEST_CHAIN - 1):
        for operator in range(len(table.written)):
            if ready(table, members, operator):
                steps, after = chain(table, sets, members, operator, load, peak, start, longest)
                if steps > 0:
                    for k in range(steps):
                        ran = sets.log[start + k]
                        members[ran // BITS] |= 1 << (ran % BITS)
                    return steps, after
    return 0, load


@kernel
def chain(table, sets, members, operator, load, peak, start, longest):
    """Operators from ``operator`` on, each needing the one before it, until no more bytes are held than now; 0 where none is free."""
    trial = sets.scratch[1]
    for word in range(len(members)):
        trial[word] = members[word]
    held = load
    for step in range(longest):
        during, held = run(table, trial, operator, held)
        if during > peak:
            return 0, load
        sets.log[start + step] = operator
        if held <= load:
            return step + 1, held
        following = -1
        for p in range(table.after_start[operator], table.after_start[operator + 1]):
            if following < 0 and ready(table, trial, table.after[p]):
                following = table.after[p]
        if following < 0:
            return 0, load
        operator = following
    return 0, load


@kernel
def remember(sets, parent, ran, load, peak, start, count, operators):
    """Enter the set in ``scratch`` or lower its peak, and put it on the heap."""
    numbers = sets.numbers
    members = sets.scratch[0]
    slot = find(sets, members)
    row = sets.slots[slot]
    if row < 0:
        row = numbers[SETS]
        numbers[SETS] += 1
        sets.slots[slot] = row
        for word in range(len(members)):
            sets.words[row, word] = members[word]
    elif sets.peak[row] <= peak:
        return
    sets.peak[row] = peak
    sets.load[row] = load
    sets.ran[row] = ran
    sets.parent[row] = parent
    sets.log_start[row] = start
    sets.log_length[row] = count
    numbers[LOG] = start + count
    push(sets, peak * (operators + 1) + operators - ran, row)


@kernel
def find(sets, members):
    """Slot of a set in the hash table, or the free one where it belongs."""
    mixed = 0
    for word in range(len(members)):
        mixed = ((mixed ^ members[word]) & 0x7FFFFFFFFF) * 1000003 + (members[word] >> 31)
        mixed = (mixed ^ (mixed >> 29)) & 0x3FFFFFFFFFFFFFFF
    slot = mixed % len(sets.slots)
    while sets.slots[slot] >= 0:
        row = sets.slots[slot]
        same = True
        for word in range(len(members)):
            if sets.words[row, word] != members[word]:
                same = False
        if same:
            return slot
        slot = (slot + 1) % len(sets.slots)
    return slot


@kernel
def push(sets, key, row):
    """Put a row on the heap."""
    place = sets.numbers[HEAP]
    sets.numbers[HEAP] += 1
    while place > 0:
        above = (place - 1) // 2
        if sets.heap_key[above] <= key:
            break
        sets.heap_key[place] = sets.heap_key[above]
        sets.heap_row[place] = sets.heap_row[above]
        place = above
    sets.heap_key[place] = key
    sets.heap_row[place] = row


@kernel
def pop(sets):
    """Take the least row from the heap."""
    least = sets.heap_row[0]
    sets.numbers[HEAP] -= 1
    count = sets.numbers[HEAP]
    key, row = sets.heap_key[count], sets.heap_row[count]
    place = 0
    while 2 * place + 1 < count:
        below = 2 * place + 1
        if below + 1 < count and sets.heap_key[below + 1] < sets.heap_key[below]:
            below += 1
        if sets.heap_key[below] >= key:
            break
        sets.heap_key[place] = sets.heap_key[below]
        sets.heap_row[place] = sets.heap_row[below]
        place = below
    sets.heap_key[place] = key
    sets.heap_row[place] = row
    return least


@kernel
def order_peak(table, order, start_bytes, members):
    """Most bytes held over one order of a part; ``members`` is working space of one set."""
    for word in range(len(members)):
        members[word] = 0
    held, peak = start_bytes, start_bytes
    for k in range(len(order)):
        during, held = run(table, members, order[k], held)
        peak = max(peak, during)
    return peak
