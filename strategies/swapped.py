"""Swapping: a network that is too large for its memory runs with blocks moved in and out while it computes.

Policies, from simple to best: ``on_demand`` moves a block when it is needed and waits; ``greedy`` moves every block as early as there
is room for it; ``optimal`` also cuts the operators so that the whole takes least, and chooses what stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from hwmodels.costs.link import faulting_rate
from hwmodels.device import Device
from hwmodels.storage import Storage, load_storage
from sim.estimate import estimate
from sim.lower import lower
from sim.plan import Plan
from sim.played import Played
from sim.schedule import Schedule
from sim.swap_plan import SwapPlan, SwapStep
from sim.trace import PICOSECONDS
from strategies.errors import StrategyError
from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy
from strategies.swapping.exact import lower_bound_ps, optimal_prefetch
from strategies.swapping.layers import near_memory
from strategies.swapping.plans import POLICIES, Cut, cuts_of
from strategies.swapping.playing import Step, in_order_of_start, play_program
from strategies.swapping.program import Program, Way, peak_bytes, windows
from strategies.swapping.residents import greedy_residents, searched_residents
from strategies.telling import tell
from workloads.errors import nearest
from workloads.graph import Graph

#: How host memory is reached: page-locked copies, copies of ordinary memory, page faults.
HOST_MEMORIES = ("pinned", "pageable", "unified")

#: Cuts of each kind that are played out, of those that promise most; and of all played the shortest, given to the solver.
PLAYED, SOLVED = 4, 2

#: Choices of residents that the search of ``optimal`` tries.
SEARCHED = 1000

#: Deterministic time of the solver for an effort of 1.
SOLVER_TIME = 0.5


@dataclass(frozen=True)
class Swapping:
    """What is asked for.

    Attributes
    ----------
    to : str
        Storage: ``sd``, ``flash``, ``psram``, ``host``, or one by its full name.
    policy : str
        ``on_demand``, ``greedy`` or ``optimal``.
    near : str or None
        Memory that blocks are brought into; ``None`` is the largest of those the unit keeps activations in.
    near_bytes : int or None
        How much of it may be used; ``None`` is all [B].
    memory : str
        Of the host: ``pinned``, ``pageable`` or ``unified``.
    effort : float
        Of the solver of ``optimal``, the same work on every machine: 1 takes several seconds.
    seed : int
    """

    to: str
    policy: str = "greedy"
    near: str | None = None
    near_bytes: int | None = None
    memory: str = "pinned"
    effort: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, known in (("policy", self.policy, POLICIES), ("memory", self.memory, HOST_MEMORIES)):
            if value not in known:
                raise StrategyError(f"swap: {name} '{value}'; one of {', '.join(known)} is expected; {nearest(value, known)}")
        if not self.effort > 0:
            raise StrategyError(f"swap: effort {self.effort}; a number above 0 is expected")
        if self.near_bytes is not None and self.near_bytes < 1:
            raise StrategyError(f"swap: limit {self.near_bytes} B; at least 1 B is expected")


def swapped_plan(graph: Graph, device: Device, plan: Plan, asked: Swapping) -> Plan:
    """The plan with every move and every part of an operator decided.

    Raises
    ------
    StrategyError
        An operator that does not fit even in its smallest parts, a storage that is too small, work on several units.

    Notes
    -----
    Blocks are moved one by one, so each has bytes of its own: the ``ideal`` accounting, whatever the engine does in place.
    """
    base = lower(graph, device, replace(plan, profile="ideal"))
    near = near_memory(base, asked.near)
    capacity = device.memories[near].capacity_bytes
    limits = [size for size in (asked.near_bytes, capacity) if size is not None]
    if not limits:
        raise StrategyError(f"swap: the capacity of {near} is not known; limit=SIZE is expected")
    storage = load_storage(asked.to)
    return _Search(base, near, min(limits), _as_reached(storage, asked), asked).plan()


def _as_reached(storage: Storage, asked: Swapping) -> Storage:
    """The storage as host memory of that kind is reached."""
    if storage.kind != "host":
        if asked.memory != "pinned":
            raise StrategyError(f"swap: memory={asked.memory} for {storage.name}, a {storage.kind}; it goes with to=host")
        return storage
    if asked.memory == "pageable":
        rate = storage.pageable_bandwidth_bytes_per_s
        if rate is None:
            raise StrategyError(f"swap: {storage.name} names no rate of pageable memory; memory=pinned is expected")
        return replace(storage, name=f"{storage.name}_pageable", read_bandwidth_bytes_per_s=rate)
    if asked.memory == "unified":
        if storage.fault_bytes is None or storage.fault_s is None:
            raise StrategyError(f"swap: {storage.name} names no time of a page fault; memory=pinned is expected")
        rate = faulting_rate(storage.read_bandwidth_bytes_per_s, storage.fault_bytes, storage.fault_s)
        return replace(storage, name=f"{storage.name}_unified", read_bandwidth_bytes_per_s=rate, read_latency_s=storage.fault_s)
    return storage


def _swap(problem: Problem, **asked: Any) -> tuple[Problem, str]:
    """The problem with every move between a near and a far memory decided."""
    asked["near_bytes"] = asked.pop("limit")
    asked["seed"] = problem.seed
    plan = swapped_plan(problem.runnable, problem.device, problem.plan, Swapping(**asked))
    swap = plan.swap
    assert swap is not None
    if not swap.loaded_bytes + swap.stored_bytes:
        return problem.replace(plan=plan), f"everything fits {swap.near}; nothing is moved"
    return problem.replace(plan=plan), (
        f"{len(swap.steps):,} steps: {swap.loaded_bytes:,} B from {swap.storage.name} to {swap.near}, {swap.stored_bytes:,} B back, "
        f"{swap.resident_bytes:,} B of constants stay"
    )


SWAP = Strategy(
    "swap",
    "weights and activations moved between the unit's memory and a larger one: flash, SD card, PSRAM, host",
    _swap,
    (
        Parameter("to", "name", None, "the larger memory: sd, flash, psram, host, or a storage by name", required=True),
        Parameter("policy", "name", "greedy", "on_demand waits for each block; greedy loads ahead; optimal also chooses tiles and "
                  "residents", POLICIES),
        Parameter("near", "name", None, "memory that blocks are brought into; the unit's largest without it"),
        Parameter("limit", "size", None, "how much of it may be used; all of it without"),
        Parameter("memory", "name", "pinned", "how host memory is reached", HOST_MEMORIES),
        Parameter("effort", "number", 1.0, "of the solver of policy optimal; 1 takes several seconds"),
    ),
    touches="plan",
    settles=True,
    exact=True,
)  # fmt: skip


class _Search:
    """The search for a swap plan."""

    def __init__(self, base: Schedule, near: str, room: int, storage: Storage, asked: Swapping) -> None:
        self.base, self.near, self.room, self.storage, self.asked = base, near, room, storage, asked
        self.way = Way.of(storage)
        # Copies of ordinary memory and page faults hold up the unit: nothing is moved ahead.
        self.ahead = asked.memory == "pinned" and asked.policy != "on_demand"
        self.plays: dict[Program, tuple[list[Step], Played]] = {}
        self.lookahead = None if self.ahead else 1

    def plan(self) -> Plan:
        """The best plan found: of all candidates the one whose schedule is shortest, of equal ones the one that moves least."""
        regions = dict.fromkeys(self.base.placement.regions, self.near)
        self.base = lower(self.base.graph, self.base.device, replace(self.base.plan, regions=regions))
        alone = estimate(self.base).latency_s
        found: list[tuple[float, int, Plan]] = []
        for cut, program, bound in self._candidates():
            plan = replace(self.base.plan, swap=self._swap_plan(cut, program, bound, round(alone * PICOSECONDS)))
            seconds = estimate(lower(self.base.graph, self.base.device, plan)).latency_s
            found.append((seconds, program.loaded_bytes + program.stored_bytes, plan))
        best = min(found, key=lambda entry: entry[:2])[2]
        assert best.swap is not None
        self._check_storage(best.swap)
        return best

    def _candidates(self) -> Iterator[tuple[Cut, Program, int]]:
        """Cuts that promise most, each with a choice of what stays, and a bound on its length [ps]."""
        tried: list[tuple[Cut, Program]] = []
        for number, cut in enumerate(self._cuts(), 1):
            tell(f"swap: way {number} of cutting {len(cut.tiles):,} operators")
            program = self._with_residents(cut.program)
            tried.append((cut, program))
            yield cut, program, lower_bound_ps(cut.program)
        if self.asked.policy == "optimal" and self.ahead:
            for cut, program in sorted(tried, key=lambda entry: self._played(entry[1])[1].makespan_ps)[:SOLVED]:
                tell(f"swap: solver, {len(program.blocks):,} blocks")
                found = optimal_prefetch(program, SOLVER_TIME * self.asked.effort / SOLVED, self.asked.seed)
                yield cut, found.program, found.bound_ps

    def _played(self, program: Program) -> tuple[list[Step], Played]:
        """The steps of a program and when they happen."""
        if program not in self.plays:
            self.plays[program] = play_program(program, self.lookahead)
        return self.plays[program]

    def _cuts(self) -> Iterator[Cut]:
        """Cuts that promise most, each once."""
        seen: set[tuple[object, ...]] = set()
        for policy in self._policies():
            cuts = cuts_of(self.base, self.room, self.way, policy)
            best = sorted((cut for cut in cuts if (cut.streamed, cut.tiles) not in seen), key=lambda cut: cut.promise_ps)[:PLAYED]
            seen.update((cut.streamed, cut.tiles) for cut in best)
            yield from best

    def _policies(self) -> tuple[str, ...]:
        """By which operators are cut: as coarse as they go where everything fits or nothing moves ahead."""
        weights = sum(t.bytes for t in self.base.graph.weights if self.base.graph.consumers[t.name])
        fits = weights + self.base.placement.activations_peak_bytes <= self.room
        if fits or not self.ahead:
            return ("on_demand",)
        return POLICIES[: POLICIES.index(self.asked.policy) + 1]

    def _with_residents(self, program: Program) -> Program:
        """The program with what stays in the near memory, by the policy."""
        if _all_fits(program):
            return program.keeping(frozenset(n for n, b in enumerate(program.blocks) if b.constant and b.loaded))
        if not self.ahead:
            return program
        if self.asked.policy == "optimal" and not program.stored_bytes:
            return searched_residents(program, SEARCHED, self.asked.seed)
        return greedy_residents(program)

    def _swap_plan(self, cut: Cut, program: Program, bound: int, alone: int) -> SwapPlan:
        steps, played = self._played(program)
        buffers = self.base.placement.buffers
        staying = [tensor for number, b in enumerate(buffers) if number not in cut.streamed for tensor in b.tensors]
        peaks = peak_bytes(program, windows(program, self.lookahead))
        near_peak = [program.resident_bytes] * len(self.base.graph.operators)
        for piece, most in zip(program.pieces, peaks, strict=True):
            near_peak[piece.operator] = max(near_peak[piece.operator], most)
        return SwapPlan(
            self.storage, self.near, self.asked.policy, tuple(_swap_steps(program, in_order_of_start(steps, played, program))),
            frozenset(staying), cut.kept, program.resident_bytes, tuple(near_peak), alone, min(bound, played.makespan_ps),
        )  # fmt: skip

    def _check_storage(self, swap: SwapPlan) -> None:
        """Refuse a storage that does not hold what is moved to it."""
        buffers = self.base.placement.buffers
        activations = sum(b.bytes for b in buffers if not swap.staying & set(b.tensors))
        needed = activations + sum(t.bytes for t in self.base.graph.weights if self.base.graph.consumers[t.name])
        if needed > self.storage.capacity_bytes:
            raise StrategyError(
                f"swap: {self.storage.name} holds {self.storage.capacity_bytes:,} B; {needed:,} B of weights and activations have to go "
                "there; a larger storage is expected"
            )


def _all_fits(program: Program) -> bool:
    """True where nothing has to be moved after the first run."""
    held = max((piece.held_bytes for piece in program.pieces), default=0)
    loaded = [block for block in program.blocks if block.loaded]
    return all(block.constant for block in loaded) and held + sum(b.bytes for b in loaded) <= program.near_bytes


def _swap_steps(program: Program, steps: list[Step]) -> list[SwapStep]:
    """Steps with the names and bytes of what they move."""
    computed = {step.number: place for place, step in enumerate(steps) if step.kind == "compute"}
    found = []
    for step in steps:
        if step.kind == "compute":
            piece = program.pieces[step.number]
            found.append(SwapStep(piece.operator, step.kind, piece.name, 0, piece.share, step.after, step.follows))
        else:
            block = program.blocks[step.number]
            operator = program.pieces[block.first if step.kind == "load" else block.last].operator
            until = computed[block.last] if step.kind == "load" else -1
            found.append(SwapStep(operator, step.kind, block.name, block.bytes, 0.0, step.after, step.follows, until))
    return found
