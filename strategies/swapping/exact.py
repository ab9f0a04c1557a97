"""The shortest run of a program by constraint programming: which constant blocks stay, and when each block moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from strategies.swapping.playing import play_program
from strategies.swapping.program import Program
from strategies.swapping.residents import searched_residents

#: Blocks of the largest program that is given to the solver: with more it finds nothing better in reasonable time.
SOLVABLE = 300


@dataclass(frozen=True)
class Prefetch:
    """A program with its residents chosen, how long it runs, and how sure it is that nothing is shorter.

    Attributes
    ----------
    program : Program
    makespan_ps : int
        As played [ps].
    bound_ps : int
        No choice of residents and no time of the loads, made in the order of use, is shorter [ps].
    """

    program: Program
    makespan_ps: int
    bound_ps: int

    @property
    def optimal(self) -> bool:
        """True where it is proved that nothing is shorter."""
        return self.makespan_ps == self.bound_ps


def optimal_prefetch(program: Program, effort: float = 20.0, seed: int = 0, candidates: int = 1000) -> Prefetch:
    """The shortest run: residents and loads chosen together, started from the residents given, or what a local search finds.

    Source of the model: intervals of residence per block with a queue of copies and a cumulative memory, as in the exact models of
    swapping for training; here blocks are used once per run.

    Parameters
    ----------
    effort : float
        Of the solver, in its own units of about a second, the same on every machine; what it has found then is returned with its bound.
    """
    chosen = program if program.stored_bytes or program.resident else searched_residents(program, candidates, seed)
    length = play_program(chosen)[1].makespan_ps
    program = program.keeping(frozenset())
    bound = lower_bound_ps(program)
    if bound >= length or len(program.blocks) > SOLVABLE:
        return Prefetch(chosen, length, min(bound, length))
    found, bound = _solved(program, chosen, length, bound, effort, seed)
    if found is not None:
        better = play_program(program.keeping(found))[1].makespan_ps
        if better < length:
            chosen, length = program.keeping(found), better
    return Prefetch(chosen, length, min(bound, length))


def lower_bound_ps(program: Program) -> int:
    """No run is shorter than all its computing, nor than the moves that cannot be avoided [ps].

    Beside what the pieces hold, at most the near memory stays; the rest of the constant blocks has to be loaded, and the first piece
    waits for its own. The bytes that stay are taken from the cheapest way to do without their loads.
    """
    room = program.near_bytes - min((piece.held_bytes for piece in program.pieces), default=0)
    loads = [(program.way.load_ps(b.bytes), b.bytes, b.constant) for b in program.blocks if b.loaded]
    moving = sum(time for time, _, _ in loads)
    able = sorted(((time / max(1, size), time, size) for time, size, constant in loads if constant), reverse=True)
    saved = 0.0
    for rate, time, size in able:
        taken = min(size, room)
        saved += time if taken == size else rate * taken
        room -= taken
    stores = sum(program.way.store_ps(b.bytes) for b in program.blocks if b.stored)
    ways = [moving - saved + stores] if program.way.duplex == "half" else [moving - saved, stores]
    return max(program.computing_ps, *(math.ceil(way) for way in ways))


def _solved(
    program: Program, start: Program, length: int, bound: int, effort: float, seed: int
) -> tuple[frozenset[int] | None, int]:
    """Residents of the best schedule found, and a bound on every schedule [ps]."""
    from ortools.sat.python import cp_model

    model: Any = cp_model.CpModel()
    ends = _pieces(model, program, length)
    stays: dict[int, Any] = {}
    demands: list[int] = []
    spans: list[Any] = []
    moves: dict[str, list[Any]] = {"in": [], "out": []}
    last_load: Any = 0
    stored: dict[int, Any] = {}  # by piece: end of its last store
    for number, block in enumerate(program.blocks):
        begin = model.new_int_var(0, length, f"begin {number}")
        gone = ends[block.last]
        if block.loaded:
            time = program.way.load_ps(block.bytes)
            stay = model.new_bool_var(f"stay {number}") if block.constant else None
            moves["in"].append(_move(model, begin, time, stay))
            ready = last_load if stay is not None else begin + time
            if stay is not None:
                stays[number] = stay
                after = model.new_int_var(0, length, f"after {number}")
                model.add(begin >= last_load).only_enforce_if(~stay)
                model.add(after == begin + time).only_enforce_if(~stay)
                model.add(after == last_load).only_enforce_if(stay)
                model.add(begin == 0).only_enforce_if(stay)
                ready = after
            else:
                model.add(begin >= last_load)
            last_load = ready
            model.add(ends[block.first] >= ready + program.pieces[block.first].picoseconds)
            if block.needs in stored:
                model.add(begin >= stored[block.needs])
        else:
            model.add(begin == ends[block.first] - program.pieces[block.first].picoseconds)
        if block.stored:
            write = model.new_int_var(0, length, f"write {number}")
            time = program.way.store_ps(block.bytes)
            model.add(write >= ends[block.last])
            moves["out"].append(model.new_fixed_size_interval_var(write, time, f"store {number}"))
            stored[block.last] = gone = write + time
        size = model.new_int_var(0, length, f"size {number}")
        spans.append(model.new_interval_var(begin, size, gone, f"span {number}"))
        demands.append(block.bytes)
    for number, stay in stays.items():
        # What stays is there from the start, to the end: the rest of the run beside the span above.
        rest = model.new_int_var(0, length, f"rest {number}")
        model.add(rest == length - ends[program.blocks[number].last])
        tail = model.new_optional_interval_var(ends[program.blocks[number].last], rest, length, stay, f"tail {number}")
        spans.append(tail)
        demands.append(program.blocks[number].bytes)
    for piece, entry in enumerate(program.pieces):
        if entry.held_bytes:
            spans.append(model.new_fixed_size_interval_var(ends[piece] - entry.picoseconds, entry.picoseconds, f"held {piece}"))
            demands.append(entry.held_bytes)
    if program.way.duplex == "half":
        model.add_no_overlap([*moves["in"], *moves["out"]])
    else:
        model.add_no_overlap(moves["in"])
        model.add_no_overlap(moves["out"])
    model.add_cumulative(spans, demands, program.near_bytes)
    makespan = model.new_int_var(bound, length, "makespan")
    model.add_max_equality(makespan, [ends[-1], *stored.values()])
    model.minimize(makespan)
    for number, stay in stays.items():
        model.add_hint(stay, number in start.resident)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    proved = max(bound, math.ceil(solver.best_objective_bound - 0.5))
    if status == cp_model.INFEASIBLE:
        return None, length
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, proved
    return frozenset(number for number, stay in stays.items() if solver.value(stay)), proved


def _pieces(model: Any, program: Program, length: int) -> list[Any]:
    """End of each piece, one after the other."""
    ends: list[Any] = []
    for piece, entry in enumerate(program.pieces):
        end = model.new_int_var(entry.picoseconds, length, f"end {piece}")
        if ends:
            model.add(end >= ends[-1] + entry.picoseconds)
        ends.append(end)
    return ends


def _move(model: Any, begin: Any, time: int, stay: Any) -> Any:
    """The interval of a load; absent where the block stays."""
    if stay is None:
        return model.new_fixed_size_interval_var(begin, time, "load")
    return model.new_optional_fixed_size_interval_var(begin, time, ~stay, "load")
