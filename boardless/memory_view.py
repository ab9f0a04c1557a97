"""What lives where and when: buffers with their offsets, the arena of each memory, the peak and who makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dataflows.footprint import Shortfall
from sim.buffers import Buffer
from sim.memory import Placement
from sim.schedule import Schedule
from strategies.buffers import PLANNERS, Span, height, peak_load


@dataclass(frozen=True)
class PlacedBuffer:
    """One buffer with its address: held at the steps lower <= step < upper."""

    id: int
    tensor: str
    region: str
    lower: int
    upper: int
    size: int  # [B]
    offset: int  # [B]


@dataclass(frozen=True)
class MemoryView:
    """Order, arenas and peak of one run.

    Attributes
    ----------
    order : tuple of str
        Operators in order of execution.
    peak_load_bytes : int
        Most bytes of activations held at one step, over all memories [B].
    arena_bytes : int
        Heights of the arenas of all memories, summed [B].
    lower_bound_bytes : int
        Peak loads of all memories, summed: no plan is lower [B].
    peak_operator : str or None
    peak_tensors : tuple of str
        What is held while it runs, largest first.
    planner : str
        The one whose arenas are lowest, of those that were tried.
    buffers : tuple of PlacedBuffer
    arenas : mapping of str to int
        Height of the arena of each memory [B].
    """

    order: tuple[str, ...]
    peak_load_bytes: int
    arena_bytes: int
    lower_bound_bytes: int
    peak_operator: str | None
    peak_tensors: tuple[str, ...]
    planner: str
    buffers: tuple[PlacedBuffer, ...]
    arenas: dict[str, int]

    @property
    def optimal(self) -> bool:
        """True where the arenas are as low as their bound: proved."""
        return self.arena_bytes == self.lower_bound_bytes

    @property
    def fragmentation(self) -> float:
        """Share by which the arenas are larger than their bound; 0 where there is none."""
        return self.arena_bytes / self.lower_bound_bytes - 1.0 if self.lower_bound_bytes else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The machine form, without the head."""
        return {
            "order": list(self.order),
            "planner": self.planner,
            "peak_load_bytes": self.peak_load_bytes,
            "arena_bytes": self.arena_bytes,
            "lower_bound_bytes": self.lower_bound_bytes,
            "optimal": self.optimal,
            "fragmentation": self.fragmentation,
            "peak_operator": self.peak_operator,
            "peak_tensors": list(self.peak_tensors),
            "buffers": [asdict(buffer) for buffer in self.buffers],
        }


def memory_view(schedule: Schedule) -> MemoryView:
    """Offsets of every activation buffer, memory by memory, and the peak."""
    placement, steps = schedule.placement, max(1, len(schedule.graph.operators))
    regions = {
        name: [b for b in placement.buffers if b.region == name] for name in dict.fromkeys(b.region for b in placement.buffers)
    }
    spans = {name: [span_of(buffer, steps) for buffer in group] for name, group in regions.items()}
    planned = {planner: {name: plan(group) for name, group in spans.items()} for planner, plan in PLANNERS.items()}
    arenas = {planner: {name: height(spans[name], offsets[name]) for name in spans} for planner, offsets in planned.items()}
    best = min(arenas, key=lambda planner: sum(arenas[planner].values()))
    held, operators = placement.held_at(placement.peak_step), schedule.graph.operators
    return MemoryView(
        order=tuple(operator.name for operator in operators),
        peak_load_bytes=placement.activations_peak_bytes,
        arena_bytes=sum(arenas[best].values()),
        lower_bound_bytes=sum(peak_load(group) for group in spans.values()),
        peak_operator=operators[placement.peak_step].name if operators else None,
        peak_tensors=tuple(buffer.tensor for buffer in held),
        planner=best,
        buffers=tuple(_placed(placement, regions, spans, planned[best])),
        arenas=arenas[best],
    )


def _placed(
    placement: Placement, regions: Mapping[str, list[Buffer]], spans: Mapping[str, list[Span]], offsets: Mapping[str, list[int]]
) -> list[PlacedBuffer]:
    """The buffers of a placement in its order, with their addresses."""
    found = {
        id(buffer): (name, spans[name][k], offsets[name][k]) for name, group in regions.items() for k, buffer in enumerate(group)
    }  # fmt: skip
    rows = ((number, buffer, *found[id(buffer)]) for number, buffer in enumerate(placement.buffers))
    return [PlacedBuffer(number, buffer.tensor, name, *span, offset) for number, buffer, name, span, offset in rows]


def span_of(buffer: Buffer, steps: int) -> Span:
    """Steps 0 .. steps at which a buffer is held, the end exclusive."""
    lower = min(max(buffer.first, 0), steps - 1)
    return Span(lower, max(lower, min(buffer.last, steps - 1)) + 1, buffer.bytes)


def arena_shortfalls(placement: Placement, view: MemoryView) -> tuple[Shortfall, ...]:
    """Memories that hold every step's bytes, but not the arena: what fragmentation costs."""
    found = []
    for region, tall in view.arenas.items():
        use = placement.memory[region]
        needed = use.weights_bytes + use.overhead_bytes + tall
        if use.fits and use.capacity_bytes is not None and needed > use.capacity_bytes:
            largest = sorted(((b.tensor, b.size) for b in view.buffers if b.region == region), key=lambda h: (-h[1], h[0]))
            found.append(Shortfall(region, needed, use.capacity_bytes, view.peak_operator, tuple(largest[:5])))
    return tuple(found)
