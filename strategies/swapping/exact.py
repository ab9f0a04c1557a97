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

    schedules = _Schedules(cp_model.CpModel(), program, length)
    model, stays = schedules.model, schedules.stays
    makespan = model.new_int_var(bound, length, "makespan")
    model.add_max_equality(makespan, [schedules.ends[-1], *schedules.stored.values()])
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


class _Schedules:
    """Every schedule of a program that is no longer than ``length``, as variables and constraints of a model."""

    def __init__(self, model: Any, program: Program, length: int) -> None:
        self.model, self.program, self.length = model, program, length
        self.ends = _pieces(model, program, length)
        self.stays: dict[int, Any] = {}  # by constant block
        self.stored: dict[int, Any] = {}  # by piece: end of its last store
        self._moves: dict[str, list[Any]] = {"in": [], "out": []}
        self._held: list[tuple[Any, int]] = []  # intervals, and the bytes held over each
        self._last_load: Any = 0
        for number in range(len(program.blocks)):
            self._add_block(number)
        for number, stay in self.stays.items():
            self._add_tail(number, stay)
        for number, piece in enumerate(program.pieces):
            if piece.held_bytes:
                time = piece.picoseconds
                span = model.new_fixed_size_interval_var(self.ends[number] - time, time, f"held {number}")
                self._held.append((span, piece.held_bytes))
        for queue in [[*self._moves["in"], *self._moves["out"]]] if program.way.duplex == "half" else self._moves.values():
            model.add_no_overlap(queue)
        model.add_cumulative([span for span, _ in self._held], [size for _, size in self._held], program.near_bytes)

    def _add_block(self, number: int) -> None:
        """One block from where it is loaded or written to where it is stored or no longer needed."""
        model, block = self.model, self.program.blocks[number]
        begin = model.new_int_var(0, self.length, f"begin {number}")
        gone = self.ends[block.last]
        if block.loaded:
            self._add_load(number, begin)
        else:
            model.add(begin == self.ends[block.first] - self.program.pieces[block.first].picoseconds)
        if block.stored:
            write = model.new_int_var(0, self.length, f"write {number}")
            time = self.program.way.store_ps(block.bytes)
            model.add(write >= self.ends[block.last])
            self._moves["out"].append(model.new_fixed_size_interval_var(write, time, f"store {number}"))
            self.stored[block.last] = gone = write + time
        size = model.new_int_var(0, self.length, f"size {number}")
        self._held.append((model.new_interval_var(begin, size, gone, f"span {number}"), block.bytes))

    def _add_load(self, number: int, begin: Any) -> None:
        """The load of a block, after those before it; none where it stays: then it is there from the start."""
        model, block = self.model, self.program.blocks[number]
        time = self.program.way.load_ps(block.bytes)
        stay = model.new_bool_var(f"stay {number}") if block.constant else None
        self._moves["in"].append(_move(model, begin, time, stay))
        if stay is None:
            model.add(begin >= self._last_load)
            ready = begin + time
        else:
            self.stays[number] = stay
            ready = model.new_int_var(0, self.length, f"after {number}")
            model.add(begin >= self._last_load).only_enforce_if(~stay)
            model.add(ready == begin + time).only_enforce_if(~stay)
            model.add(ready == self._last_load).only_enforce_if(stay)
            model.add(begin == 0).only_enforce_if(stay)
        self._last_load = ready
        model.add(self.ends[block.first] >= ready + self.program.pieces[block.first].picoseconds)
        if block.needs in self.stored:
            model.add(begin >= self.stored[block.needs])

    def _add_tail(self, number: int, stay: Any) -> None:
        """What stays is there to the end: the rest of the run beside the span of the block."""
        model, end = self.model, self.ends[self.program.blocks[number].last]
        rest = model.new_int_var(0, self.length, f"rest {number}")
        model.add(rest == self.length - end)
        tail = model.new_optional_interval_var(end, rest, self.length, stay, f"tail {number}")
        self._held.append((tail, self.program.blocks[number].bytes))


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
