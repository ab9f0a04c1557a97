"""Pieces and blocks in a small memory: the double-buffer formula, room that is never exceeded, what waits for what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodels.storage import load_storage
from sim.engine import play
from sim.system import Activity, Holding, Store, System
from strategies.errors import StrategyError
from strategies.swapping.playing import Step, in_order_of_start, play_program, steps_of, system_of_steps
from strategies.swapping.program import Block, Piece, Program, Way, peak_bytes, windows

#: One byte per picosecond, without latency.
BYTE_PER_PS = Way("far", 0.0, 0.0, 1e12, 1e12)


def tiles(count: int, load: int, compute: int, store: int, buffers: int = 2) -> Program:
    """Equal tiles, each with its input, its output and its part of the computing; room for so many at once."""
    blocks = []
    for n in range(count):
        blocks += [Block(f"in {n}", load, n, n), Block(f"out {n}", store, n, n, loaded=False, stored=store > 0)]
    pieces = tuple(Piece(f"tile {n}", compute) for n in range(count))
    return Program("tiles", buffers * (load + store), BYTE_PER_PS, pieces, tuple(blocks))


def double_buffered(count: int, load: int, compute: int, store: int) -> int:
    """T = load(1) + sum of max(comp(i), load(i+1) + store(i-1)) + max(comp(n), store(n-1)) + store(n); the plain sum for one tile."""
    if count == 1:
        return load + compute + store
    middle = sum(max(compute, load + (store if n > 0 else 0)) for n in range(count - 1))
    return load + middle + max(compute, store) + store


@given(count=st.integers(1, 9), load=st.integers(1, 40), compute=st.integers(1, 40), store=st.integers(0, 40))
@settings(deadline=None, max_examples=60)
def test_two_buffers_take_what_the_formula_says(count: int, load: int, compute: int, store: int) -> None:
    program = tiles(count, load, compute, store)
    assert play_program(program)[1].makespan_ps == double_buffered(count, load, compute, store)
    # One buffer, or nothing moved ahead: the plain sum.
    plain = count * (load + compute + store)
    assert play_program(program, lookahead=1)[1].makespan_ps == plain
    assert play_program(tiles(count, load, compute, store, buffers=1))[1].makespan_ps == plain
    assert max(count * compute, count * (load + store)) <= play_program(program)[1].makespan_ps <= plain


def test_nothing_is_exposed_when_computing_is_longer() -> None:
    program = tiles(10, 7, 20, 5)
    # All moves but the first load and the last store hide under computing.
    assert play_program(program)[1].makespan_ps == program.computing_ps + 7 + 5


def with_memory(program: Program, steps: Sequence[Step]) -> System:
    """The same system with every block held in a memory of the size there is: it must come out the same, as a check."""
    plain = system_of_steps(program, steps)
    taken: dict[int, int] = {}
    dropped: dict[int, int] = {}
    for number in program.moving:
        block = program.blocks[number]
        for place, step in enumerate(steps):
            if (
                step.kind == "load"
                and step.number == number
                or (step.kind == "compute" and step.number == block.first and not block.loaded)
            ):
                taken[number] = place
            if (
                step.kind == "store"
                and step.number == number
                or (step.kind == "compute" and step.number == block.last and not block.stored)
            ):
                dropped[number] = place
    holdings = [Holding(block.name, "near", block.bytes) for block in program.blocks]
    holdings += [Holding(f"{piece.name}, held", "near", piece.held_bytes) for piece in program.pieces]
    activities = []
    for place, (step, activity) in enumerate(zip(steps, plain.activities, strict=True)):
        own = (len(program.blocks) + step.number,) if step.kind == "compute" else ()
        takes = tuple(number for number, where in taken.items() if where == place) + own
        drops = tuple(number for number, where in dropped.items() if where == place) + own
        activities.append(Activity(
            activity.name, activity.resource, activity.picoseconds, activity.after, activity.follows, activity.priority,
            takes=takes, drops=drops,
        ))  # fmt: skip
    return System(plain.name, plain.resources, (), (Store("near", program.near_bytes),), tuple(holdings), tuple(activities))


def random_program(rng: np.random.Generator, stores: bool = True) -> Program:
    count = int(rng.integers(1, 12))
    pieces = tuple(Piece(f"piece {n}", int(rng.integers(0, 50)), held_bytes=int(rng.integers(0, 15))) for n in range(count))
    blocks: list[Block] = []
    for n in range(count):
        for _ in range(int(rng.integers(0, 3))):
            last = min(count - 1, n + int(rng.integers(0, 3)))
            loaded = bool(rng.random() < 0.7) or not stores
            stored = bool(rng.random() < 0.3) and stores
            blocks.append(Block(f"block {len(blocks)}", int(rng.integers(1, 40)), n, last, loaded, stored, loaded and not stored))
    duplex = "half" if rng.random() < 0.5 else "full"
    return Program("random", int(rng.integers(60, 300)), replace(BYTE_PER_PS, duplex=duplex), pieces, tuple(blocks))


@given(seed=st.integers(0, 10**6), lookahead=st.sampled_from([None, 1, 2, 4]))
@settings(deadline=None, max_examples=120)
def test_room_is_never_exceeded(seed: int, lookahead: int | None) -> None:
    """The same run in an engine that counts every byte: it never waits for memory, and comes out the same."""
    program = random_program(np.random.default_rng(seed))
    try:
        over = windows(program, lookahead)
    except StrategyError as error:
        assert f"{program.near_bytes:,} B are there" in str(error)
        return
    assert all(before <= after for before, after in zip(over, over[1:], strict=False))
    assert max(peak_bytes(program, over)) <= program.near_bytes
    steps = steps_of(program, lookahead)
    free = play(system_of_steps(program, steps), "events")
    counted = play(with_memory(program, steps), "events")
    assert free.end_ps.tolist() == counted.end_ps.tolist()
    assert free == play(system_of_steps(program, steps), "compiled")


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=60)
def test_the_order_written_down_plays_the_same(seed: int) -> None:
    program = random_program(np.random.default_rng(seed))
    try:
        steps, played = play_program(program)
    except StrategyError:
        return
    fixed = in_order_of_start(steps, played, program)
    assert all(before < place for place, step in enumerate(fixed) for before in (*step.after, *step.follows))
    again = play(system_of_steps(program, fixed))
    assert again.makespan_ps == played.makespan_ps
    assert sorted(again.end_ps.tolist()) == sorted(played.end_ps.tolist())


@given(seed=st.integers(0, 10**6), more=st.integers(0, 200))
@settings(deadline=None, max_examples=60)
def test_more_memory_and_faster_moves_are_never_slower(seed: int, more: int) -> None:
    program = random_program(np.random.default_rng(seed), stores=False)
    try:
        length = play_program(program)[1].makespan_ps
    except StrategyError:
        return
    assert play_program(replace(program, near_bytes=program.near_bytes + more))[1].makespan_ps <= length
    fast = replace(program.way, read_bandwidth_bytes_per_s=2e12)
    assert play_program(replace(program, way=fast))[1].makespan_ps <= length
    endless = replace(program.way, read_bandwidth_bytes_per_s=1e30)
    assert play_program(replace(program, way=endless))[1].makespan_ps == program.computing_ps
    assert max(program.computing_ps, program.moving_ps) <= length <= program.computing_ps + program.moving_ps


def test_moves_that_need_what_was_stored_wait_for_it() -> None:
    blocks = (Block("y", 30, 0, 0, loaded=False, stored=True), Block("y", 30, 1, 1, needs=0))
    program = Program("chain", 1000, BYTE_PER_PS, (Piece("a", 10), Piece("b", 10)), blocks)
    assert play_program(program)[1].makespan_ps == 10 + 30 + 30 + 10


def test_residents_are_not_moved() -> None:
    program = Program("one", 100, BYTE_PER_PS, (Piece("a", 10),), (Block("w", 60, 0, 0, constant=True),))
    assert (program.loaded_bytes, play_program(program)[1].makespan_ps) == (60, 70)
    staying = program.keeping(frozenset({0}))
    assert (staying.loaded_bytes, staying.resident_bytes, play_program(staying)[1].makespan_ps) == (0, 60, 10)


def test_a_piece_that_needs_too_much_is_named() -> None:
    program = Program("big", 100, BYTE_PER_PS, (Piece("fc", 10, held_bytes=50),), (Block("w", 60, 0, 0),))
    with pytest.raises(StrategyError, match=r"swap: 'fc' needs 110 B at once \(60 B of blocks, 50 B held, .*100 B are there"):
        windows(program)


def test_times_of_a_card() -> None:
    way = Way.of(load_storage("sd"))
    # 0.109 ms + 64 KiB at 4.61651 MB/s = 14.305 ms; away 0.113 ms + 64 KiB at 4.44 MB/s = 14.873 ms.
    assert way.load_ps(65536) == round((0.109e-3 + 65536 / 4.61651e6) * 1e12)
    assert way.store_ps(65536) == round((0.113e-3 + 65536 / 4.44e6) * 1e12)
