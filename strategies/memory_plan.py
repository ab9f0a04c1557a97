"""The memory of a run laid out: the order that holds the fewest bytes, the memory of each buffer, and its address there.

Every answer is exact or comes with its bound: the order by :mod:`strategies.ordering`, the memories by
:mod:`strategies.arena.several`, the addresses by :mod:`strategies.arena`. Nothing is bound to the clock: equal input gives equal
plans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dataflows.footprint import Lever, Shortfall
from hwmodels.device import Device
from hwmodels.memory_profile import load_memory_profile
from sim.arena import Span, greedy_by_size, height
from sim.buffers import Buffer, spans_of
from sim.lower import lower
from sim.memory import ARENA
from sim.plan import Plan
from sim.regions import ON_CHIP, known
from sim.schedule import Schedule
from strategies.arena import ArenaPlan, Budget, peak_load, plan_arena
from strategies.arena.several import over_memories
from strategies.arena.stepped import MOST_SHAPES, Piece, lowest_shapes
from strategies.joint import MOST_OPERATORS, lowest_arena_of_all_orders, rectangles
from strategies.ordering import Ordering, least_peak_order
from strategies.ordering.of_graph import order_problem_of
from workloads.graph import Graph

#: Nodes times buffers of the exact arena search for one memory, and nodes at most: some seconds.
ARENA_WORK, ARENA_NODES = 40_000_000, 400_000

#: The lever of an engine that places buffers itself but takes addresses found beforehand.
PLANNED = "addresses planned beforehand"

#: Bytes touched outside the chip cost so many times what they cost in the last memory on it.
OUTSIDE = 1000


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
class MemoryPlan:
    """Order, memories and addresses of one run.

    Attributes
    ----------
    schedule : Schedule
        In the order found, with every buffer in its memory.
    given_peak_bytes : int
        Peak load in the order of the network [B].
    ordering : Ordering or None
        What is known about the order; ``None`` where it must stay.
    order_proved : bool
        True where no order holds less.
    arenas : dict of str to ArenaPlan
        Memory -> its arena, as the engine makes it, or the lowest found.
    exact_heights : dict of str to int
        Memory -> height of the lowest arena found [B].
    buffers : tuple of PlacedBuffer
    notes : tuple of str
    given_loads : tuple of int
        Bytes of activations held at each step in the order of the network [B].
    """

    schedule: Schedule
    given_peak_bytes: int
    ordering: Ordering | None
    order_proved: bool
    arenas: dict[str, ArenaPlan]
    exact_heights: dict[str, int]
    buffers: tuple[PlacedBuffer, ...]
    notes: tuple[str, ...] = ()
    given_loads: tuple[int, ...] = ()


#: Lowers a network again: (graph, device, plan) -> Schedule.
Lowering = Callable[[Graph, Device, Plan], Schedule]


def plan_memory(schedule: Schedule, lowering: Lowering = lower) -> MemoryPlan:
    """The memory of a schedule laid out; one whose plan moves blocks keeps its order and its memories."""
    given, loads = schedule.placement.activations_peak_bytes, total_loads(schedule)
    ordering, notes = None, []
    if schedule.plan.swap is None and schedule.placement.allocations is not None:
        schedule, ordering = in_best_order(schedule, lowering)
        schedule, note = with_memories(schedule, lowering)
        notes += [note] if note else []
        schedule = with_lower_arena(schedule, ordering, lowering)
        schedule, note = with_weights_near(schedule, lowering)
        notes += [note] if note else []
    certain = schedule.placement.allocations is not None and schedule.placement.allocations.certain
    arenas, exact, buffers = lay_out(schedule)
    return MemoryPlan(
        schedule,
        given,
        ordering,
        ordering is not None and ordering.optimal and certain,
        arenas,
        exact,
        buffers,
        tuple(notes),
        loads,
    )


def total_loads(schedule: Schedule) -> tuple[int, ...]:
    """Bytes of activations held at each step, over all memories [B]."""
    return tuple(sum(column) for column in zip(*schedule.placement.loads.values(), strict=True))


def in_best_order(schedule: Schedule, lowering: Lowering = lower) -> tuple[Schedule, Ordering]:
    """The schedule in the order with the least peak, and what is known about that order; as it was where none is better."""
    counted = schedule.placement.allocations
    assert counted is not None
    problem = order_problem_of(counted)
    found = least_peak_order(problem, seed=schedule.plan.seed)
    if found.peak >= problem.peak(range(len(problem))):
        return schedule, found
    graph = schedule.graph.replace(operators=[schedule.graph.operators[i] for i in found.order])
    return lowering(graph, schedule.device, schedule.plan), found


def with_lower_arena(schedule: Schedule, ordering: Ordering, lowering: Lowering = lower) -> Schedule:
    """The schedule in the order whose arena is lowest, where the best order's arena is above its peak load and one memory holds all."""
    counted, buffers = schedule.placement.allocations, schedule.placement.buffers
    steps = max(1, len(schedule.graph.operators))
    if counted is None or len({b.region for b in buffers}) != 1 or steps > MOST_OPERATORS or counted.overlaps:
        return schedule
    problem = order_problem_of(counted)
    order = list(range(len(problem)))
    spans = rectangles(problem, order)
    plan = plan_arena(spans, "exact", budget=arena_budget(len(spans)))
    found = lowest_arena_of_all_orders(problem, order, plan.offsets, plan.height, ordering.lower_bound, schedule.plan.seed)
    if found.height >= plan.height:
        return schedule
    graph = schedule.graph.replace(operators=[schedule.graph.operators[i] for i in found.order])
    return lowering(graph, schedule.device, schedule.plan)


def with_memories(schedule: Schedule, lowering: Lowering = lower) -> tuple[Schedule, str]:
    """The schedule with its activations where they fit and are fast, and a line on how sure that is; as it was where one memory
    near the unit holds them all."""
    placement, device = schedule.placement, schedule.device
    unit = schedule.units[schedule.plan.unit]
    names = known(unit.activations_in, list(placement.memory))
    used = {b.region for b in placement.buffers}
    near = [name for name in names if device.memories[name].kind in ON_CHIP]
    one = len(used) == 1 and (used <= set(near) or not near)
    rooms = {name: room for name in names if (room := _room(schedule, name)) is not None}
    if len(rooms) < 2 or not used <= set(rooms) or (one and not _too_tall(schedule, used, rooms)):
        return schedule, ""
    steps = max(1, len(schedule.graph.operators))
    spans, of = spans_of(placement.buffers, steps)
    costs = _costs(schedule, spans, of, list(rooms))
    choice = over_memories(spans, rooms, costs, schedule.plan.seed)
    if choice.misplaced:
        return schedule, ""
    regions = {t: choice.memories[of[n]] for n, b in enumerate(placement.buffers) for t in b.tensors or (b.tensor,)}
    settled = lowering(schedule.graph, device, replace(schedule.plan, regions={**schedule.plan.regions, **regions}))
    sure = "none is better" if choice.optimal else f"cost {choice.cost:,}, at least {choice.bound:,}"
    chosen = [name for name in rooms if name in set(choice.memories)]
    return settled, f"activations: each in one of {', '.join(chosen)}, by what is touched where; {sure}"


def with_weights_near(schedule: Schedule, lowering: Lowering = lower) -> tuple[Schedule, str]:
    """The schedule with its constants in the memories of its unit so that as many bytes as possible are near, where several share
    them; and a line on how sure that is."""
    placement, graph = schedule.placement, schedule.graph
    names = known(schedule.units[schedule.plan.unit].weights_in, list(placement.memory))
    constants = [name for name, region in placement.weights.items() if region in names]
    if len({placement.weights[name] for name in constants}) < 2:
        return schedule, ""
    sizes = [graph.tensors[name].bytes for name in constants]
    rooms = {}
    for name in names:
        use = placement.memory[name]
        own = sum(size for other, size in zip(constants, sizes, strict=True) if placement.weights[other] == name)
        rooms[name] = sum(sizes) if use.capacity_bytes is None else max(0, use.capacity_bytes - use.peak_bytes + own)
    costs = {name: [place * size for size in sizes] for place, name in enumerate(names)}
    choice = over_memories([Span(0, 1, size) for size in sizes], rooms, costs, schedule.plan.seed)
    if choice.misplaced:
        return schedule, ""
    regions = dict(zip(constants, choice.memories, strict=True))
    settled = lowering(graph, schedule.device, replace(schedule.plan, regions={**schedule.plan.regions, **regions}))
    near = sum(size for size, name in zip(sizes, choice.memories, strict=True) if name == names[0])
    sure = "none is better" if choice.optimal else f"cost {choice.cost:,}, at least {choice.bound:,}"
    return settled, f"weights: {near:,} of {sum(sizes):,} B in {names[0]}, the others in {', '.join(names[1:])}; {sure}"


def _room(schedule: Schedule, name: str) -> int | None:
    """Bytes a memory has for activations; ``None`` where it has none or as many as one likes."""
    use = schedule.placement.memory[name]
    if use.capacity_bytes is None:
        return None
    gaps = schedule.placement.overheads.get(name, {}).get(ARENA, 0)
    room = use.capacity_bytes - use.weights_bytes - use.overhead_bytes + gaps
    return room if room > 0 else None


def _too_tall(schedule: Schedule, used: set[str], rooms: dict[str, int]) -> bool:
    """True where an arena would not fit its memory."""
    steps = max(1, len(schedule.graph.operators))
    for name in used:
        spans, _ = spans_of([b for b in schedule.placement.buffers if b.region == name], steps)
        if height(spans, greedy_by_size(spans)) > rooms[name]:
            return True
    return False


def _costs(schedule: Schedule, spans: Sequence[Span], of: Sequence[int], names: Sequence[str]) -> dict[str, list[int]]:
    """Bytes of each rectangle that are read and written, times how far away a memory is: its place in the list, more outside."""
    graph, touched = schedule.graph, [0] * len(spans)
    for number, buffer in enumerate(schedule.placement.buffers):
        uses = sum(len(graph.consumers[t]) + (t in graph.producer) for t in buffer.tensors)
        touched[of[number]] += buffer.bytes * max(1, uses)
    kinds = [schedule.device.memories[name].kind in ON_CHIP for name in names]
    far = [place if near else OUTSIDE * len(names) for place, near in enumerate(kinds)]
    return {name: [far[place] * size for size in touched] for place, name in enumerate(names)}


def lay_out(schedule: Schedule) -> tuple[dict[str, ArenaPlan], dict[str, int], tuple[PlacedBuffer, ...]]:
    """The arena of each memory, the height of the lowest found, and the address of every buffer."""
    placement, steps = schedule.placement, max(1, len(schedule.graph.operators))
    arenas: dict[str, ArenaPlan] = {}
    exact: dict[str, int] = {}
    placed: dict[int, PlacedBuffer] = {}
    by_engine = schedule.placement.allocations is not None and _engine_plans(schedule)
    for name in dict.fromkeys(b.region for b in placement.buffers):
        numbers = [n for n, b in enumerate(placement.buffers) if b.region == name]
        spans, of = spans_of([placement.buffers[n] for n in numbers], steps)
        lowest = lowest_arena(spans, of, [placement.buffers[n] for n in numbers], steps)
        engine = plan_arena(spans, "greedy_by_size") if by_engine else lowest
        exact[name] = lowest.height
        arenas[name] = replace(engine, seconds=0.0, lower_bound=lowest.lower_bound)
        for n, rectangle in zip(numbers, of, strict=True):
            placed[n] = _placed(n, placement.buffers[n], steps, engine.offsets[rectangle])
    return arenas, exact, tuple(placed[n] for n in sorted(placed))


def arena_budget(buffers: int) -> Budget:
    """Nodes for an arena of so many buffers; no seconds, so that equal input gives equal plans."""
    return Budget(None, min(ARENA_NODES, ARENA_WORK // max(1, buffers)))


def with_exact_addresses(plan: MemoryPlan, shortfalls: Sequence[Shortfall]) -> tuple[Shortfall, ...]:
    """The shortfalls of memories whose engine places buffers itself, with what the lowest arena would need there."""
    found = []
    for entry in shortfalls:
        saved = plan.arenas[entry.level].height - plan.exact_heights[entry.level] if entry.level in plan.arenas else 0
        lever = Lever(PLANNED, entry.needed_bytes - saved)
        found.append(replace(entry, levers=(*entry.levers, lever)) if saved > 0 else entry)
    return tuple(found)


def lowest_arena(spans: Sequence[Span], of: Sequence[int], buffers: Sequence[Buffer], steps: int) -> ArenaPlan:
    """The lowest arena found for rectangles, its bound lowered to what their buffers hold where some lie at one address.

    A rectangle is as tall as what lies at its address at the worst step; what the buffers hold together may be less at every step.
    """
    found = plan_arena(spans, "exact", budget=arena_budget(len(spans)))
    held = peak_load(spans_of([replace(b, tie=-1) for b in buffers], steps)[0])
    if held == peak_load(spans):
        return found
    if found.height > held and len(spans) <= MOST_SHAPES:
        offsets, tall = lowest_shapes(_shapes(buffers, of, len(spans), steps), spans, found.offsets)
        if tall < found.height:
            found = replace(found, offsets=tuple(offsets), height=tall, notes=())
    return replace(found, lower_bound=held)


def _shapes(buffers: Sequence[Buffer], of: Sequence[int], count: int, steps: int) -> list[list[Piece]]:
    """Pieces of each rectangle: its buffers, each above its address."""
    shapes: list[list[Piece]] = [[] for _ in range(count)]
    for buffer, rectangle in zip(buffers, of, strict=True):
        (span,), _ = spans_of([buffer], steps)
        shapes[rectangle].append(Piece(*span, buffer.above))
    return shapes


def _engine_plans(schedule: Schedule) -> bool:
    """True where the engine places buffers itself, largest first."""
    return load_memory_profile(schedule.placement.profile).rules["allocator"] == "greedy_by_size"


def _placed(number: int, buffer: Buffer, steps: int, offset: int) -> PlacedBuffer:
    (span,), _ = spans_of([buffer], steps)
    return PlacedBuffer(number, buffer.tensor, buffer.region, span.lower, span.upper, buffer.bytes, offset + buffer.above)
