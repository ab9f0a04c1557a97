"""Which blocks stay: the search loop equals the events, the exact choice equals trying all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.errors import StrategyError
from strategies.swapping.exact import lower_bound_ps, optimal_prefetch
from strategies.swapping.program import Block, Piece, Program, Way
from strategies.swapping.residents import evaluator, greedy_residents, searched_residents
from tests.reference.swapping import best_residents, makespan

WAY = Way("far", 0.0, 0.0, 1e12, 1e12, "full")


def weights_program(rng: np.random.Generator, count: int, near: int) -> Program:
    """One block of weights per operator, each a constant."""
    pieces = tuple(Piece(f"op {n}", int(rng.integers(1, 100)), held_bytes=int(rng.integers(0, 20))) for n in range(count))
    blocks = tuple(Block(f"w {n}", int(rng.integers(1, 60)), n, n, constant=True) for n in range(count))
    return Program("weights", near, WAY, pieces, blocks)


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=40)
def test_the_loop_equals_the_events(seed: int) -> None:
    """``prefetch_makespans``, interpreted and compiled, for programs whose blocks outlive their first piece."""
    rng = np.random.default_rng(seed)
    program = weights_program(rng, int(rng.integers(1, 9)), int(rng.integers(40, 300)))
    blocks = [replace(b, last=min(len(program.pieces) - 1, b.last + int(rng.integers(0, 3)))) for b in program.blocks]
    program = replace(program, blocks=tuple(blocks))
    stays = rng.integers(0, 2, (12, len(blocks)))
    expected = [makespan(program.keeping(frozenset(np.flatnonzero(row).tolist()))) for row in stays]
    assert evaluator(program, compiled=False)(stays).tolist() == expected
    assert evaluator(program)(stays).tolist() == expected


@pytest.mark.parametrize("seed", range(12))
def test_the_exact_choice_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    program = weights_program(rng, 6, int(rng.integers(75, 150)))
    best = best_residents(program)
    found = optimal_prefetch(program, candidates=100)
    assert found.makespan_ps == best and found.optimal
    assert lower_bound_ps(program) <= best
    assert best <= makespan(greedy_residents(program))
    assert makespan(found.program) == best


def test_a_thousand_candidates_are_tried_in_turn() -> None:
    rng = np.random.default_rng(5)
    program = weights_program(rng, 40, 400)
    few, many = (makespan(searched_residents(program, candidates)) for candidates in (10, 1000))
    assert many <= few
    assert searched_residents(program, 300, seed=1) == searched_residents(program, 300, seed=1)


def test_no_room_for_one_operator() -> None:
    program = Program("big", 50, WAY, (Piece("fc", 10),), (Block("w", 60, 0, 0, constant=True),))
    with pytest.raises(StrategyError, match="'fc' needs 60 B at once"):
        greedy_residents(program)


def test_nothing_constant_nothing_stays() -> None:
    program = Program("plain", 50, WAY, (Piece("a", 10),), (Block("x", 40, 0, 0),))
    assert searched_residents(program) is program
