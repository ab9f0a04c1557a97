"""A program as a system: pieces on a core, moves on one channel each way or one for both, and who waits for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.engine import play
from sim.played import Played
from sim.system import Activity, Resource, System
from strategies.swapping.program import Program, windows

CORE = "core"


@dataclass(frozen=True, slots=True)
class Step:
    """One activity of a program, in an order in which it can be played.

    Attributes
    ----------
    kind : str
        ``load``, ``compute`` or ``store``.
    number : int
        Block of a move, piece of computing.
    after : tuple of int
        Steps it needs: what is loaded, what frees its room.
    follows : tuple of int
        Step before it on its channel or core.
    """

    kind: str
    number: int
    after: tuple[int, ...] = ()
    follows: tuple[int, ...] = ()


def steps_of(program: Program, lookahead: int | None = None) -> list[Step]:
    """Loads, pieces and stores of a program in order: each load as early as there is room for it, all loads in the order of use."""
    over = windows(program, lookahead)
    loads: list[list[int]] = [[] for _ in program.pieces]
    stores: list[list[int]] = [[] for _ in program.pieces]
    for number in program.moving:
        block = program.blocks[number]
        if block.loaded:
            loads[block.first].append(number)
        if block.stored:
            stores[block.last].append(number)
    steps: list[Step] = []
    computed: list[int] = []  # by piece: its step
    stored: list[int] = []  # by piece: last store of it or of one before; -1 without any
    last_load, last_store = -1, -1
    for piece in range(len(program.pieces)):
        room = _room(over[piece], computed, stored)
        for number in loads[piece]:
            needs = program.blocks[number].needs
            after = {*room, *(() if needs < 0 or stored[needs] < 0 else (stored[needs],))}
            steps.append(Step("load", number, tuple(sorted(after)), _known(last_load)))
            last_load = len(steps) - 1
        after = {*(_known(last_load) if loads[piece] else room)}
        steps.append(Step("compute", piece, tuple(sorted(after)), _known(computed[-1] if computed else -1)))
        computed.append(len(steps) - 1)
        for number in stores[piece]:
            steps.append(Step("store", number, (computed[piece],), _known(last_store)))
            last_store = len(steps) - 1
        stored.append(last_store)
    return steps


def _room(over: int, computed: Sequence[int], stored: Sequence[int]) -> set[int]:
    """Steps after which the pieces up to ``over`` have left the near memory."""
    return set() if over < 0 else {computed[over], *_known(stored[over])}


def _known(step: int) -> tuple[int, ...]:
    return () if step < 0 else (step,)


def system_of_steps(program: Program, steps: Sequence[Step], stores_first: bool = False) -> System:
    """The steps as a system; on a channel for both ways loads go first, or stores do, which free memory."""
    half = program.way.duplex == "half"
    resources = [Resource(CORE), *((Resource("far", discipline="priority"),) if half else (Resource("in"), Resource("out")))]
    activities = []
    for step in steps:
        if step.kind == "compute":
            piece = program.pieces[step.number]
            activities.append(Activity(piece.name, CORE, piece.picoseconds, step.after, step.follows))
        else:
            block = program.blocks[step.number]
            inward = step.kind == "load"
            time = program.way.load_ps(block.bytes) if inward else program.way.store_ps(block.bytes)
            resource = "far" if half else ("in" if inward else "out")
            name = f"{step.kind} {block.name} {step.number}"
            activities.append(Activity(name, resource, time, step.after, step.follows, priority=int(inward is not stores_first)))
    return System(program.name, tuple(resources), activities=tuple(activities))


def play_program(program: Program, lookahead: int | None = None, engine: str = "auto") -> tuple[list[Step], Played]:
    """The steps of a program and when they happen, with loads or stores first, whichever ends earlier."""
    steps = steps_of(program, lookahead)
    ways = (False, True) if program.stored_bytes and program.way.duplex == "half" else (False,)
    played = [play(system_of_steps(program, steps, stores_first), engine) for stores_first in ways]
    return steps, min(played, key=lambda one: one.makespan_ps)


def in_order_of_start(steps: Sequence[Step], played: Played, program: Program) -> list[Step]:
    """The steps in the order in which they were played, with the order on each channel written down: nothing is left to decide."""
    start = played.start_ps.tolist()
    order = sorted(range(len(steps)), key=lambda n: (start[n], played.end_ps[n], n))
    order = _topological(steps, order)
    place = {number: where for where, number in enumerate(order)}
    last: dict[str, int] = {}
    found: list[Step] = []
    for number in order:
        step = steps[number]
        channel = CORE if step.kind == "compute" else ("far" if program.way.duplex == "half" else step.kind)
        after = tuple(sorted(place[before] for before in step.after))
        follows = tuple(before for before in (last.get(channel, -1),) if before >= 0 and before not in after)
        last[channel] = len(found)
        found.append(Step(step.kind, step.number, after, follows))
    return found


def _topological(steps: Sequence[Step], wanted: Sequence[int]) -> list[int]:
    """An order close to the wanted one in which every step comes after what it waits for (moves without length share a moment)."""
    done: set[int] = set()
    order: list[int] = []
    waiting = list(wanted)
    while waiting:
        ready = next(n for n in waiting if all(b in done for b in (*steps[n].after, *steps[n].follows)))
        waiting.remove(ready)
        done.add(ready)
        order.append(ready)
    return order
