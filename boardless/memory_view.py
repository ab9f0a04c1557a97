"""What lives where and when: the order, buffers with their offsets, the arena of each memory, the peak and who makes it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from dataflows.footprint import Shortfall
from hwmodels.memory_profile import load_memory_profile
from sim.lower import lower
from sim.memory import ARENA, Placement
from sim.schedule import Schedule
from strategies.memory_plan import Lowering, MemoryPlan, PlacedBuffer, plan_memory, total_loads

__all__ = ["MemoryView", "PlacedBuffer", "arena_shortfalls", "memory_view", "view_of"]


@dataclass(frozen=True)
class MemoryView:
    """Order, arenas and peak of one run.

    Attributes
    ----------
    order : tuple of str
        Operators in order of execution: the one that holds the fewest bytes.
    order_proved : bool
        True where no order holds less.
    order_bound_bytes : int
        No order holds less than this at its worst moment [B].
    given_peak_bytes : int
        Peak load in the order of the network [B].
    peak_load_bytes : int
        Most bytes of activations held at one step, over all memories [B].
    arena_bytes : int
        Heights of the arenas of all memories, summed [B].
    lower_bound_bytes : int
        No arenas are lower, in this order and with every buffer in its memory: proved, summed over the memories [B].
    peak_operator : str or None
    peak_tensors : tuple of str
        What is held while it runs, largest first.
    planner : str
        What gave the addresses: ``exact``, or the planner of the engine.
    exact_bytes : int
        Heights of the lowest arenas found, summed [B].
    buffers : tuple of PlacedBuffer
    arenas : mapping of str to int
        Height of the arena of each memory [B].
    bounds : mapping of str to int
        Proved bound of each arena [B].
    profile_summary : str
        What the accounting is.
    held_bytes : int
        Peak loads of all memories, each at its own worst step, summed [B].
    given_loads, loads : tuple of int
        Bytes of activations held at each step, in the order of the network and in that found [B].
    """

    order: tuple[str, ...]
    order_proved: bool
    order_bound_bytes: int
    given_peak_bytes: int
    peak_load_bytes: int
    arena_bytes: int
    lower_bound_bytes: int
    peak_operator: str | None
    peak_tensors: tuple[str, ...]
    planner: str
    exact_bytes: int
    buffers: tuple[PlacedBuffer, ...]
    arenas: dict[str, int]
    bounds: dict[str, int]
    profile_summary: str = ""
    held_bytes: int = 0
    given_loads: tuple[int, ...] = ()
    loads: tuple[int, ...] = ()

    @property
    def optimal(self) -> bool:
        """True where the arenas are as low as their bound: proved."""
        return self.arena_bytes == self.lower_bound_bytes

    @property
    def jointly_optimal(self) -> bool:
        """True where no order and no addresses need less: one arena as low as the bound of all orders."""
        return len(self.arenas) == 1 and self.order_proved and self.arena_bytes == self.order_bound_bytes

    @property
    def reordered(self) -> bool:
        """True where the order is not the network's."""
        return self.peak_load_bytes < self.given_peak_bytes

    @property
    def fragmentation(self) -> float:
        """Share by which the arenas are larger than what they hold at their worst steps; 0 where they hold nothing."""
        return self.arena_bytes / self.held_bytes - 1.0 if self.held_bytes else 0.0

    @property
    def gap(self) -> float:
        """Share by which the arenas may be larger than the lowest ones."""
        return self.arena_bytes / self.lower_bound_bytes - 1.0 if self.lower_bound_bytes else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The machine form, without the head."""
        return {
            "order": list(self.order),
            "order_proved": self.order_proved,
            "order_bound_bytes": self.order_bound_bytes,
            "given_peak_bytes": self.given_peak_bytes,
            "planner": self.planner,
            "peak_load_bytes": self.peak_load_bytes,
            "arena_bytes": self.arena_bytes,
            "exact_arena_bytes": self.exact_bytes,
            "lower_bound_bytes": self.lower_bound_bytes,
            "optimal": self.optimal,
            "jointly_optimal": self.jointly_optimal,
            "fragmentation": self.fragmentation,
            "arenas": {name: {"bytes": tall, "lower_bound_bytes": self.bounds[name]} for name, tall in self.arenas.items()},
            "peak_operator": self.peak_operator,
            "peak_tensors": list(self.peak_tensors),
            "buffers": [asdict(buffer) for buffer in self.buffers],
        }


def memory_view(schedule: Schedule, lowering: Lowering = lower) -> MemoryView:
    """The memory of a schedule laid out."""
    return view_of(plan_memory(schedule, lowering))


def view_of(plan: MemoryPlan) -> MemoryView:
    """What a plan of the memory says."""
    placement, operators = plan.schedule.placement, plan.schedule.graph.operators
    peak = placement.activations_peak_bytes
    return MemoryView(
        order=tuple(operator.name for operator in operators),
        order_proved=plan.order_proved,
        order_bound_bytes=min(plan.ordering.lower_bound, peak) if plan.ordering is not None else 0,
        given_peak_bytes=plan.given_peak_bytes,
        peak_load_bytes=peak,
        arena_bytes=sum(arena.height for arena in plan.arenas.values()),
        lower_bound_bytes=sum(arena.lower_bound for arena in plan.arenas.values()),
        peak_operator=operators[placement.peak_step].name if operators else None,
        peak_tensors=tuple(dict.fromkeys(buffer.tensor for buffer in placement.held_at(placement.peak_step) if buffer.bytes)),
        planner=next((arena.planner for arena in plan.arenas.values()), "exact"),
        exact_bytes=sum(plan.exact_heights.values()),
        buffers=plan.buffers,
        arenas={name: arena.height for name, arena in plan.arenas.items()},
        bounds={name: arena.lower_bound for name, arena in plan.arenas.items()},
        profile_summary=load_memory_profile(placement.profile).summary,
        held_bytes=sum(max(placement.loads[name]) for name in plan.arenas),
        given_loads=plan.given_loads,
        loads=total_loads(plan.schedule),
    )


def arena_shortfalls(placement: Placement, view: MemoryView) -> tuple[Shortfall, ...]:
    """Memories that hold every step's bytes, but not the arena: what fragmentation costs."""
    found = []
    for region, tall in view.arenas.items():
        use = placement.memory[region]
        needed = use.peak_bytes - use.activations_bytes - placement.overheads.get(region, {}).get(ARENA, 0) + tall
        if use.fits and use.capacity_bytes is not None and needed > use.capacity_bytes:
            largest = sorted(((b.tensor, b.size) for b in view.buffers if b.region == region), key=lambda h: (-h[1], h[0]))
            found.append(Shortfall(region, needed, use.capacity_bytes, view.peak_operator, tuple(largest[:5])))
    return tuple(found)
