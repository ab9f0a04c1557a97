"""What each memory must hold at its worst moment, under the accounting of a memory profile, and what would make it fit.

Constants go to the unit's ``weights_in``, activations to its ``activations_in``: to the first memory of the list that holds them
all, else spread over the list, largest first, each to the first memory with room throughout its life. What fits nowhere goes to the
largest memory of the list, and that one is short. Besides the tensors, an engine keeps tables beside the activations, and its code
beside the constants; an arena or a pool may need more than is held in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from dataflows.footprint import Lever, Shortfall
from hwmodels.device import ADDRESSABLE, Device
from hwmodels.memory_profile import MemoryProfile
from sim.accounting import Allocations, allocations_of
from sim.arena import Span, greedy_by_size, height
from sim.buffers import Buffer, load, spans_of
from sim.caching import reserved_bytes
from sim.errors import ScheduleError
from sim.regions import Activations, Tenants, known, place_weights
from sim.results import MemoryUse
from workloads.dtypes import is_float
from workloads.errors import GraphError
from workloads.graph import Graph, Operator
from workloads.transforms import rebatch, retype

#: Largest holders named by a shortfall.
NAMED_HOLDERS = 5

#: What an engine keeps besides tensors: its code, its tables, what its arena or pool takes more than is held in it.
CODE, TABLES, ARENA = "code of the engine", "tables of the engine", "gaps in the arena"


@dataclass(frozen=True)
class Placement:
    """Where every tensor lives.

    Attributes
    ----------
    profile : str
        Accounting rules, by name.
    weights : Mapping of str to str
        Constant tensor -> memory.
    buffers : tuple of Buffer
        Activations and workspace.
    loads : Mapping of str to tuple of int
        Memory -> bytes of activations held at each step [B].
    memory : Mapping of str to MemoryUse
        One entry per addressable memory of the device.
    activations_peak_bytes, peak_step : int
        Largest sum over all memories at one step [B], and that step.
    shortfalls : tuple of Shortfall
    notes : tuple of str
        What had to be spread over several memories.
    allocations : Allocations or None
        The activations before they were put anywhere.
    overheads : Mapping of str to Mapping of str to int
        Memory -> what the engine keeps there, by name [B].
    """

    profile: str
    weights: Mapping[str, str]
    buffers: tuple[Buffer, ...]
    loads: Mapping[str, tuple[int, ...]]
    memory: Mapping[str, MemoryUse]
    activations_peak_bytes: int
    peak_step: int
    shortfalls: tuple[Shortfall, ...] = ()
    notes: tuple[str, ...] = ()
    allocations: Allocations | None = None
    overheads: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def regions(self) -> dict[str, str]:
        """Tensor -> memory, constants and activations."""
        return {**self.weights, **{tensor: buffer.region for buffer in self.buffers for tensor in buffer.tensors}}

    def held_at(self, step: int, region: str | None = None) -> tuple[Buffer, ...]:
        """Buffers held at one step, largest first."""
        held = [b for b in self.buffers if b.first <= step <= b.last and region in (None, b.region)]
        return tuple(sorted(held, key=lambda b: (-b.bytes, b.tensor)))


def place(graph: Graph, tenants: Tenants) -> Placement:
    """Put every tensor into a memory, and say what does not fit and what would help."""
    found = _place(graph, tenants)
    short = tenants.levers and any(not use.fits for use in found.memory.values())
    levers = _levers(graph, tenants) if short else {}
    return replace(
        found,
        shortfalls=tuple(shortfall_of(graph, found, name, levers) for name, use in found.memory.items() if not use.fits),
    )


def _place(graph: Graph, tenants: Tenants) -> Placement:
    steps = max(1, len(graph.operators))
    room = {name: _capacity(tenants.device, name) for name, level in tenants.device.memories.items() if level.addressable}
    if not room:
        raise ScheduleError(
            f"{tenants.device.name}: no memory holds tensors by address; one of {', '.join(sorted(ADDRESSABLE))} is expected"
        )
    notes: list[str] = []
    overheads: dict[str, dict[str, int]] = {name: {} for name in room}
    if tenants.code_bytes:
        overheads[_flash(tenants, room)][CODE] = tenants.code_bytes
    left = {name: capacity - sum(overheads[name].values()) for name, capacity in room.items()}
    weights = place_weights(graph, tenants, left, notes)
    held = {name: sum(graph.tensors[t].bytes for t, region in weights.items() if region == name) for name in room}
    counted = allocations_of(graph, tenants.kinds, tenants.sharing, tenants.profile)
    tables = tables_bytes(graph, counted, tenants)
    activations = Activations(graph, tenants, {name: left[name] - held[name] for name in room}, tables, notes)
    buffers = activations.place(counted.buffers())
    if tables:
        overheads[activations.tables_in][TABLES] = tables
    loads = {name: tuple(load([b for b in buffers if b.region == name], steps)) for name in room}
    for name in room:
        gaps = _gaps(graph, tenants, [b for b in buffers if b.region == name], weights, name, max(loads[name]))
        if gaps:
            overheads[name][ARENA] = gaps
    total = [sum(column) for column in zip(*loads.values(), strict=True)] or [0] * steps
    return Placement(
        profile=tenants.profile.name,
        weights=weights,
        buffers=tuple(buffers),
        loads=loads,
        memory=_uses(tenants.device, held, loads, overheads),
        activations_peak_bytes=max(total),
        peak_step=total.index(max(total)),
        notes=tuple(notes),
        allocations=counted,
        overheads=overheads,
    )


def tables_bytes(graph: Graph, counted: Allocations, tenants: Tenants) -> int:
    """What the engine keeps beside the activations [B]: a base, and so much per operator, tensor and channel of a quantised
    convolution. What is done tile by tile is one operator, and writes one tensor.
    """
    sizes = tenants.profile.sizes
    doing = (i for i, kind in enumerate(tenants.kinds) if kind != "free" and i not in tenants.sharing.fused)
    working = list({_whole(graph.operators[i]): i for i in doing}.values())
    weights = [t for t in graph.weights if graph.consumers[t.name]]
    weighted = (i for i in working if tenants.kinds[i] in ("convolution", "depthwise") and _is_quantised(graph, i))
    channels = sum(counted.channels(i) for i in weighted) if sizes["ram_per_weight_channel"] else 0
    return round(
        sizes["ram_base"]
        + sizes["ram_per_operator"] * len(working)
        + sizes["ram_per_tensor"] * (_tensors(graph, counted) + len(weights))
        + sizes["ram_per_weight_channel"] * channels
    )


def _whole(operator: Operator) -> str:
    """Name of the operator that a tile is a part of; its own where it is none."""
    return str(operator.attributes.get("tile_of", operator.name))


def _tensors(graph: Graph, counted: Allocations) -> int:
    """Activation tensors that an engine has to describe; tiles of one are one."""
    writers = [graph.operators[a.writer] for a in counted.allocations if a.writer is not None]
    tiles = [operator for operator in writers if "tile_of" in operator.attributes]
    return len(counted.allocations) - len(tiles) + len({_whole(tile) for tile in tiles})


def _is_quantised(graph: Graph, i: int) -> bool:
    """True where operator ``i`` reads constants that are no floats."""
    constants = [graph.tensors[name] for name in graph.operators[i].inputs if name and graph.tensors[name].role == "weight"]
    return bool(constants) and not is_float(constants[0].dtype)


def _gaps(graph: Graph, tenants: Tenants, buffers: Sequence[Buffer], weights: Mapping[str, str], region: str, peak: int) -> int:
    """What the allocator of the profile takes more than is held at the worst step [B]."""
    allocator, steps = tenants.profile.rules["allocator"], max(1, len(graph.operators))
    spans, _ = spans_of(buffers, steps)
    if allocator == "greedy_by_size" and buffers:
        planning = round(tenants.profile.sizes["temporary_per_buffer"] * len(spans))
        return max(planning, height(spans, greedy_by_size(spans))) - peak
    if allocator == "caching":
        constants = [Span(0, steps, graph.tensors[t].bytes) for t, where in weights.items() if where == region]
        reserved = reserved_bytes([*constants, *spans], tenants.profile) if constants or spans else 0
        return max(0, reserved - peak - sum(span.size for span in constants))
    return 0


def _flash(tenants: Tenants, room: Mapping[str, float]) -> str:
    """The memory that holds the code: the first flash, else where the constants go."""
    flashes = (name for name in room if tenants.device.memories[name].kind == "flash")
    return next(flashes, known(tenants.units[tenants.main].weights_in, room)[0])


def _uses(
    device: Device, held: Mapping[str, int], loads: Mapping[str, Sequence[int]], overheads: Mapping[str, Mapping[str, int]]
) -> dict[str, MemoryUse]:
    found = {}
    for name in held:
        overhead = sum(overheads[name].values())
        found[name] = MemoryUse(
            kind=device.memories[name].kind,
            peak_bytes=held[name] + max(loads[name]) + overhead,
            weights_bytes=held[name],
            activations_bytes=max(loads[name]),
            overhead_bytes=overhead,
            capacity_bytes=device.memories[name].capacity_bytes,
        )
    return found


def _capacity(device: Device, name: str) -> float:
    capacity = device.memories[name].capacity_bytes
    return float("inf") if capacity is None else float(capacity)


def shortfall_of(graph: Graph, found: Placement, name: str, levers: Mapping[str, Placement]) -> Shortfall:
    """What a memory lacks, who holds it, and what other placements need there."""
    use = found.memory[name]
    assert use.capacity_bytes is not None
    step = found.loads[name].index(max(found.loads[name]))
    holders = [(b.tensor, b.bytes) for b in found.held_at(step, name)]
    holders += [(tensor, graph.tensors[tensor].bytes) for tensor, region in found.weights.items() if region == name]
    holders += list(found.overheads.get(name, {}).items())
    tried = [Lever(strategy, other.memory[name].peak_bytes) for strategy, other in levers.items()]
    return Shortfall(
        level=name,
        needed_bytes=use.peak_bytes,
        capacity_bytes=use.capacity_bytes,
        operator=graph.operators[step].name if graph.operators and use.activations_bytes else None,
        largest=tuple(sorted(holders, key=lambda h: (-h[1], h[0]))[:NAMED_HOLDERS]),
        levers=tuple(
            sorted((lever for lever in tried if lever.needed_bytes < use.peak_bytes), key=lambda v: (v.needed_bytes, v.strategy))
        ),
    )


def _levers(graph: Graph, tenants: Tenants) -> dict[str, Placement]:
    """The same network placed anew under each change that a user can ask for."""
    changed: dict[str, Placement] = {}
    if any(is_float(t.dtype) for t in graph.tensors.values()):
        changed["quantize:dtype=int8"] = _place(retype(graph, "int8"), tenants)
    if tenants.batch > 1:
        with suppress(GraphError):  # a network whose batch is written into it
            changed["batch:1"] = _place(rebatch(graph, 1), tenants)
    for name, rules in (("element_wise", {"elementwise": "in_place"}), ("depthwise", {"depthwise": "larger"})):
        if all(tenants.profile.rules[rule] == "apart" for rule in rules):
            changed[f"in_place:{name}"] = _place(graph, replace(tenants, profile=with_rules(tenants.profile, rules)))
    return changed


def with_rules(profile: MemoryProfile, rules: Mapping[str, str]) -> MemoryProfile:
    """A profile with some rules changed."""
    return replace(profile, rules=MappingProxyType({**profile.rules, **rules}))
