"""Which memory holds which tensor, what each memory must hold at its worst moment, and what would make it fit.

Constants go to the unit's ``weights_in``, activations to its ``activations_in``: to the first memory of the list that holds them
all, else spread over the list, largest first, each to the first memory with room throughout its life. What fits nowhere goes to the
largest memory of the list, and that one is short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from dataflows.footprint import Lever, Shortfall
from hwmodels.device import ADDRESSABLE, ComputeUnit, Device
from sim.buffers import Buffer, Sharing, buffers_of, load
from sim.errors import ScheduleError
from sim.results import MemoryUse
from workloads.dtypes import is_float
from workloads.errors import GraphError
from workloads.graph import Graph, Tensor
from workloads.transforms import rebatch, retype

#: Accounting profiles: name -> what counts.
PROFILES = {
    "ideal": "activations by life time in the order of the network, weights where the unit keeps them; no overhead, no alignment"
}

#: Largest holders named by a shortfall.
NAMED_HOLDERS = 5


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
        Activations.
    loads : Mapping of str to tuple of int
        Memory -> bytes of activations held at each step [B].
    memory : Mapping of str to MemoryUse
        One entry per addressable memory of the device.
    activations_peak_bytes, peak_step : int
        Largest sum over all memories at one step [B], and that step.
    shortfalls : tuple of Shortfall
    notes : tuple of str
        What had to be spread over several memories.
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

    @property
    def regions(self) -> dict[str, str]:
        """Tensor -> memory, constants and activations."""
        return {**self.weights, **{tensor: buffer.region for buffer in self.buffers for tensor in buffer.tensors}}

    def held_at(self, step: int, region: str | None = None) -> tuple[Buffer, ...]:
        """Buffers held at one step, largest first."""
        held = [b for b in self.buffers if b.first <= step <= b.last and region in (None, b.region)]
        return tuple(sorted(held, key=lambda b: (-b.bytes, b.tensor)))


@dataclass(frozen=True)
class Tenants:
    """The parties of a placement: who computes what, on which device, by which rules of sharing."""

    device: Device
    units: Mapping[str, ComputeUnit]
    unit_of: Sequence[str]
    sharing: Sharing = field(default_factory=Sharing)
    element_wise: frozenset[int] = frozenset()  # operators that could write in place
    profile: str = "ideal"
    batch: int = 1


def place(graph: Graph, tenants: Tenants) -> Placement:
    """Put every tensor into a memory, and say what does not fit and what would help."""
    found = _place(graph, tenants)
    levers = _levers(graph, tenants) if any(not use.fits for use in found.memory.values()) else {}
    return replace(
        found,
        shortfalls=tuple(_shortfall(graph, found, name, levers) for name, use in found.memory.items() if not use.fits),
    )


def _place(graph: Graph, tenants: Tenants) -> Placement:
    steps = max(1, len(graph.operators))
    room = {name: _capacity(tenants.device, name) for name, level in tenants.device.memories.items() if level.addressable}
    if not room:
        raise ScheduleError(
            f"{tenants.device.name}: no memory holds tensors by address; one of {', '.join(sorted(ADDRESSABLE))} is expected"
        )
    notes: list[str] = []
    weights = _place_weights(graph, tenants, room, notes)
    held = {name: sum(graph.tensors[t].bytes for t, region in weights.items() if region == name) for name in room}
    free = {name: capacity - held[name] for name, capacity in room.items()}
    buffers: list[Buffer] = []
    for preferred, group in _groups(graph, tenants).items():
        buffers += _place_group(group, preferred, free, steps, notes)
    loads = {name: tuple(load([b for b in buffers if b.region == name], steps)) for name in room}
    total = [sum(column) for column in zip(*loads.values(), strict=True)] or [0] * steps
    peak = max(total)
    return Placement(
        tenants.profile,
        weights,
        tuple(buffers),
        loads,
        _uses(tenants.device, held, loads),
        peak,
        total.index(peak),
        (),
        tuple(notes),
    )


def _uses(device: Device, held: Mapping[str, int], loads: Mapping[str, Sequence[int]]) -> dict[str, MemoryUse]:
    return {
        name: MemoryUse(
            kind=device.memories[name].kind,
            peak_bytes=held[name] + max(loads[name]),
            weights_bytes=held[name],
            activations_bytes=max(loads[name]),
            overhead_bytes=0,
            capacity_bytes=device.memories[name].capacity_bytes,
        )
        for name in held
    }


def _capacity(device: Device, name: str) -> float:
    capacity = device.memories[name].capacity_bytes
    return float("inf") if capacity is None else float(capacity)


def _place_weights(graph: Graph, tenants: Tenants, room: Mapping[str, float], notes: list[str]) -> dict[str, str]:
    """Memory of each constant that some operator reads."""
    by_list: dict[tuple[str, ...], list[Tensor]] = {}
    for tensor in graph.weights:
        readers = graph.consumers[tensor.name]
        if readers:
            by_list.setdefault(_known(tenants.units[tenants.unit_of[readers[0]]].weights_in, room), []).append(tensor)
    free = dict(room)
    found: dict[str, str] = {}
    for preferred, tensors in by_list.items():
        whole = next((name for name in preferred if sum(t.bytes for t in tensors) <= free[name]), None)
        for tensor in sorted(tensors, key=lambda t: -t.bytes):
            fitting = (name for name in preferred if tensor.bytes <= free[name])
            region = whole or next(fitting, None) or _largest(preferred, room)
            found[tensor.name] = region
            free[region] -= tensor.bytes
        if whole is None and len(preferred) > 1:
            notes.append(f"weights: spread over {', '.join(preferred)}, largest first; none of them holds all")
    return found


def _groups(graph: Graph, tenants: Tenants) -> dict[tuple[str, ...], list[Buffer]]:
    """Buffers by the list of memories they may go to; one that units with other memories read has a copy there."""
    known = [name for name, level in tenants.device.memories.items() if level.addressable]
    groups: dict[tuple[str, ...], list[Buffer]] = {}
    for buffer in buffers_of(graph, tenants.sharing):
        users = _users(graph, tenants, buffer, known)
        home = next(iter(users))
        groups.setdefault(home, []).append(buffer)
        for preferred, steps in users.items():
            if not set(preferred) & set(home):
                last = buffer.last if buffer.last == len(graph.operators) else max(steps)
                groups.setdefault(preferred, []).append(replace(buffer, first=min(steps), last=last, tensors=()))
    return groups


def _users(graph: Graph, tenants: Tenants, buffer: Buffer, known: Sequence[str]) -> dict[tuple[str, ...], list[int]]:
    """Lists of memories of the units that write and read a buffer, in order, with the steps."""
    users: dict[tuple[str, ...], list[int]] = {}
    touching = {i for t in buffer.tensors for i in (*graph.consumers[t], *([graph.producer[t]] if t in graph.producer else []))}
    for i in sorted(touching):
        users.setdefault(_known(tenants.units[tenants.unit_of[i]].activations_in, known), []).append(i)
    if not users:
        users[_known(next(iter(tenants.units.values())).activations_in, known)] = [0]
    return users


def _known(names: Sequence[str], room: Mapping[str, float] | Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in room) or tuple(room)


def _place_group(
    group: list[Buffer], preferred: tuple[str, ...], free: dict[str, float], steps: int, notes: list[str]
) -> list[Buffer]:
    """Regions of one group of buffers; takes what they use at their peak from ``free``."""
    peak = max(load(group, steps))
    whole = next((name for name in preferred if peak <= free[name]), None)
    if whole is None and len(preferred) > 1:
        placed = _spread(group, preferred, free, steps)
        notes.append(
            f"activations: {peak:,} B at the peak, more than {preferred[0]} has; spread over {', '.join(preferred)}, largest first"
        )
    else:
        placed = [replace(buffer, region=whole or preferred[0]) for buffer in group]
    for name in preferred:
        free[name] -= max(load([b for b in placed if b.region == name], steps))
    return placed


def _spread(group: list[Buffer], preferred: tuple[str, ...], free: Mapping[str, float], steps: int) -> list[Buffer]:
    """Largest first, each to the first memory that has room throughout its life; the rest to the largest memory."""
    loads = {name: [0] * steps for name in preferred}
    region: dict[int, str] = {}
    for index in sorted(range(len(group)), key=lambda k: (-group[k].bytes, group[k].first, k)):
        buffer = group[index]
        span = slice(min(max(buffer.first, 0), steps - 1), min(buffer.last, steps - 1) + 1)
        roomy = (name for name in preferred if max(loads[name][span]) + buffer.bytes <= free[name])
        chosen = next(roomy, None) or _largest(preferred, free)
        loads[chosen][span] = [held + buffer.bytes for held in loads[chosen][span]]
        region[index] = chosen
    return [replace(buffer, region=region[index]) for index, buffer in enumerate(group)]


def _largest(preferred: Sequence[str], room: Mapping[str, float]) -> str:
    return max(preferred, key=lambda name: room[name])


def _shortfall(graph: Graph, found: Placement, name: str, levers: Mapping[str, Placement]) -> Shortfall:
    use = found.memory[name]
    assert use.capacity_bytes is not None
    step = found.loads[name].index(max(found.loads[name]))
    holders = [(b.tensor, b.bytes) for b in found.held_at(step, name)]
    holders += [(tensor, graph.tensors[tensor].bytes) for tensor, region in found.weights.items() if region == name]
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
    if tenants.element_wise:
        sharing = replace(tenants.sharing, in_place=tenants.element_wise)
        changed["in_place:element_wise"] = _place(graph, replace(tenants, sharing=sharing))
    return changed
