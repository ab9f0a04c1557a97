"""Slow, obvious versions of the loops of ``strategies/kernels_swapping.py`` and of the exact choice of residents."""

from __future__ import annotations

from itertools import combinations

from strategies.errors import StrategyError
from strategies.swapping.playing import play_program
from strategies.swapping.program import Program


def makespan(program: Program) -> int:
    """Length of the run, by playing every event; -1 where some piece has no room."""
    try:
        return play_program(program, engine="events")[1].makespan_ps
    except StrategyError:
        return -1


def best_residents(program: Program) -> int:
    """Shortest run over every choice of the constant blocks that stay; -1 where there is none."""
    constant = [n for n, block in enumerate(program.blocks) if block.constant and block.loaded]
    lengths = [
        makespan(program.keeping(frozenset(choice)))
        for count in range(len(constant) + 1)
        for choice in combinations(constant, count)
    ]
    return min((length for length in lengths if length >= 0), default=-1)
