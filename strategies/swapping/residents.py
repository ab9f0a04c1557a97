"""Which constant blocks stay in the near memory: those that stay are never loaded, but leave less room to load ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.batch import as_records
from strategies.errors import StrategyError
from strategies.kernels_swapping import BlockTable, PieceTable, Scratch, prefetch_makespans
from strategies.swapping.program import Program, windows

#: Shares of the room beside what pieces hold that greedy choices fill with residents.
SHARES = tuple(k / 16 for k in range(17))


def greedy_residents(program: Program) -> Program:
    """The best of a few simple choices: from the largest, the smallest, the last or the first block on, up to a share of the room."""
    return best_of(program, list(_simple_choices(program)))


def searched_residents(program: Program, candidates: int = 1000, seed: int = 0, compiled: bool = True) -> Program:
    """The best choice that a local search finds: simple choices first, then blocks swapped in and out of the best so far.

    Parameters
    ----------
    candidates : int
        Choices tried in all.
    compiled : bool
        False runs the same loop interpreted.
    """
    constant = np.array([program.blocks[n].constant for n in _loaded(program)], np.int64)
    if not constant.any():
        return program
    draw = np.random.default_rng(seed)
    length = evaluator(program, compiled)
    tried = [_mask(program, choice) for choice in _simple_choices(program)][:candidates]
    best, least = _best(tried, length(np.array(tried, np.int64)))
    left = candidates - len(tried)
    while left > 0:
        count = min(left, 100)
        masks = np.array([_changed(best, constant, draw) for _ in range(count)], np.int64)
        found, time = _best(list(masks), length(masks))
        if 0 <= time < least or least < 0:
            best, least = found, time
        left -= count
    numbers = _loaded(program)
    return program.keeping(frozenset(numbers[k] for k in np.flatnonzero(best)))


def best_of(program: Program, choices: list[frozenset[int]]) -> Program:
    """The program with the best of some choices of residents; an error where none leaves room for every piece."""
    length = evaluator(program, compiled=False) if not program.stored_bytes else None
    best, least = program, -1
    for choice in choices:
        chosen = program.keeping(choice)
        time = int(length(np.array([_mask(program, choice)], np.int64))[0]) if length else _room_only(chosen)
        if time >= 0 and (least < 0 or time < least):
            best, least = chosen, time
    if least < 0:
        windows(program)  # says which piece needs too much
        raise StrategyError("swap: no choice of residents leaves room; more memory is expected")
    return best


def evaluator(program: Program, compiled: bool = True) -> Callable[[NDArray[np.int64]], NDArray[np.int64]]:
    """A function from choices (one row each, one column per loaded block) to lengths of the run [ps]; -1 where there is no room."""
    tables = tables_of(program)
    scratch = Scratch(np.zeros(len(program.pieces), np.int64), np.zeros(len(program.pieces), np.int64))
    loop: Any = prefetch_makespans
    if compiled and prefetch_makespans.dispatcher is not prefetch_makespans.py_func:
        tables = tuple(map(as_records, tables))
        loop = prefetch_makespans.compiled

    def lengths(stays: NDArray[np.int64]) -> NDArray[np.int64]:
        result = np.zeros(len(stays), np.int64)
        loop(*tables, program.near_bytes, stays, scratch, result)
        return result

    return lengths


def tables_of(program: Program) -> tuple[PieceTable, BlockTable]:
    """Pieces and loaded blocks of a program as columns."""
    numbers = _loaded(program)
    first = np.array([program.blocks[n].first for n in numbers], np.int64)
    counts = np.bincount(first, minlength=len(program.pieces)).astype(np.int64)
    pieces = PieceTable(
        np.array([piece.picoseconds for piece in program.pieces], np.int64),
        np.array([piece.held_bytes for piece in program.pieces], np.int64),
        np.cumsum(counts) - counts,
        counts,
    )
    blocks = [program.blocks[n] for n in numbers]
    return pieces, BlockTable(
        np.array([block.bytes for block in blocks], np.int64),
        np.array([block.last for block in blocks], np.int64),
        np.array([program.way.load_ps(block.bytes) for block in blocks], np.int64),
    )


def _loaded(program: Program) -> list[int]:
    return [n for n, block in enumerate(program.blocks) if block.loaded]


def _mask(program: Program, choice: frozenset[int]) -> list[int]:
    return [int(n in choice) for n in _loaded(program)]


def _best(masks: list[Any], times: NDArray[np.int64]) -> tuple[Any, int]:
    """The first of the shortest, and its time; -1 where none has room."""
    fitting = np.flatnonzero(times >= 0)
    if not len(fitting):
        return masks[0], -1
    place = int(fitting[np.argmin(times[fitting])])
    return masks[place], int(times[place])


def _changed(best: Any, constant: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
    """The best choice with one to four constant blocks flipped."""
    changed = np.array(best, np.int64)
    able = np.flatnonzero(constant)
    for place in draw.choice(able, size=min(len(able), int(draw.integers(1, 5))), replace=False):
        changed[place] = 1 - changed[place]
    return changed


def _simple_choices(program: Program) -> Iterator[frozenset[int]]:
    """None; and from one end of several orders, as many as fill each share of the room, every choice once."""
    constant = [n for n, block in enumerate(program.blocks) if block.constant and block.loaded]
    room = program.near_bytes - max((piece.held_bytes for piece in program.pieces), default=0)
    size = {n: program.blocks[n].bytes for n in constant}
    given: set[frozenset[int]] = set()
    # With moves both ways each choice is looked at by itself, which takes longer.
    shares = SHARES[::4] if program.stored_bytes else SHARES
    for key in (lambda n: (-size[n], n), lambda n: (size[n], n), lambda n: -n, lambda n: n):
        for share in shares:
            choice: list[int] = []
            left = share * room
            for number in sorted(constant, key=key):
                if size[number] <= left:
                    choice.append(number)
                    left -= size[number]
            if frozenset(choice) not in given:
                given.add(frozenset(choice))
                yield frozenset(choice)


def _room_only(program: Program) -> int:
    """Bytes loaded, as a stand-in for the time where moves go both ways; -1 where there is no room."""
    try:
        windows(program)
    except StrategyError:
        return -1
    return program.loaded_bytes
