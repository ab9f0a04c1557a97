"""Which memory holds which tensor: the first of a unit's memories that holds all, else spread over them, largest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hwmodels.device import ComputeUnit, Device
from hwmodels.memory_profile import MemoryProfile
from sim.arena import greedy_by_size, height
from sim.buffers import Buffer, Sharing, load, spans_of
from workloads.graph import Graph, Tensor

#: Kinds of memory on the chip: what fits several of them together is not put outside.
ON_CHIP = ("tcm", "sram", "scratchpad")


@dataclass(frozen=True)
class Tenants:
    """The parties of a placement: who computes what, on which device, by which rules of sharing.

    Attributes
    ----------
    device : Device
    units : Mapping of str to ComputeUnit
    unit_of : sequence of str
        Unit of each operator.
    kinds : sequence of str
        Kind of each operator.
    main : str
        The unit whose runtime keeps tables and code.
    profile : MemoryProfile
    sharing : Sharing
    batch : int
    code_bytes : int or None
        What the runtime links [B]; ``None`` where that is not known.
    regions : Mapping of str to str
        Tensor -> memory, settled beforehand.
    levers : bool
        Whether a shortfall says what would help.
    """

    device: Device
    units: Mapping[str, ComputeUnit]
    unit_of: Sequence[str]
    kinds: Sequence[str]
    main: str
    profile: MemoryProfile
    sharing: Sharing = field(default_factory=Sharing)
    batch: int = 1
    code_bytes: int | None = None
    regions: Mapping[str, str] = field(default_factory=dict)
    levers: bool = True


def place_weights(graph: Graph, tenants: Tenants, room: Mapping[str, float], notes: list[str]) -> dict[str, str]:
    """Memory of each constant that some operator reads."""
    by_list: dict[tuple[str, ...], list[Tensor]] = {}
    found: dict[str, str] = {}
    free = dict(room)
    for tensor in graph.weights:
        readers = graph.consumers[tensor.name]
        if readers and tensor.name in tenants.regions:
            found[tensor.name] = tenants.regions[tensor.name]
            free[found[tensor.name]] -= tensor.bytes
        elif readers:
            by_list.setdefault(known(tenants.units[tenants.unit_of[readers[0]]].weights_in, room), []).append(tensor)
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


def known(names: Sequence[str], room: Mapping[str, float] | Sequence[str]) -> tuple[str, ...]:
    """Those of a unit's memories that hold tensors by address; all there are where it names none."""
    return tuple(name for name in names if name in room) or tuple(room)


@dataclass
class Activations:
    """Activations while they are put into memories.

    Attributes
    ----------
    free : dict of str to float
        Bytes left in each memory, for activations and the tables beside them [B].
    tables_bytes : int
        What the engine keeps beside the activations of its unit [B].
    """

    graph: Graph
    tenants: Tenants
    free: dict[str, float]
    tables_bytes: int
    notes: list[str]
    tables_in: str = ""
    settled: dict[int, str] = field(default_factory=dict)  # tie -> memory

    @property
    def steps(self) -> int:
        """Operators, at least one."""
        return max(1, len(self.graph.operators))

    def place(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """The buffers with their memories."""
        regions = self.tenants.regions
        self.settled = {b.tie: regions[t] for b in buffers if b.tie >= 0 for t in b.tensors or (b.tensor,) if t in regions}
        main = known(self.tenants.units[self.tenants.main].activations_in, self.free)
        groups = self._groups(buffers)
        groups.setdefault(main, [])
        placed: list[Buffer] = []
        for preferred, group in groups.items():
            placed += self._place_group(group, preferred, self.tables_bytes if preferred == main else 0)
        return placed

    def _groups(self, buffers: Sequence[Buffer]) -> dict[tuple[str, ...], list[Buffer]]:
        """Buffers by the list of memories they may go to; one that units with other memories read has a copy there."""
        ties: dict[int, list[Buffer]] = {}
        for number, buffer in enumerate(buffers):
            ties.setdefault(buffer.tie if buffer.tie >= 0 else -2 - number, []).append(buffer)
        groups: dict[tuple[str, ...], list[Buffer]] = {}
        for members in ties.values():
            users = self._users(members)
            home = next(iter(users))
            groups.setdefault(home, []).extend(members)
            for preferred, steps in users.items():
                if not set(preferred) & set(home):
                    largest = max(members, key=lambda b: b.bytes)
                    last = largest.last if largest.last == len(self.graph.operators) else max(steps)
                    groups.setdefault(preferred, []).append(replace(largest, first=min(steps), last=last, tensors=(), tie=-1))
        return groups

    def _users(self, members: Sequence[Buffer]) -> dict[tuple[str, ...], list[int]]:
        """Lists of memories of the units that write and read what lies at one address, in order, with the steps."""
        graph, tenants = self.graph, self.tenants
        names = [t for b in members for t in b.tensors]
        touching = {i for t in names for i in (*graph.consumers[t], *([graph.producer[t]] if t in graph.producer else []))}
        if not names:
            touching = {max(0, members[0].first)}
        users: dict[tuple[str, ...], list[int]] = {}
        for i in sorted(touching):
            users.setdefault(known(tenants.units[tenants.unit_of[i]].activations_in, self.free), []).append(i)
        if not users:
            users[known(next(iter(tenants.units.values())).activations_in, self.free)] = [0]
        return users

    def _place_group(self, group: list[Buffer], preferred: tuple[str, ...], tables_bytes: int) -> list[Buffer]:
        """Memories of one group of buffers; takes what they use at their peak from what is free."""
        placed = [replace(b, region=self.settled[b.tie]) for b in group if b.tie in self.settled]
        group = [b for b in group if b.tie not in self.settled]
        for name in {b.region for b in placed}:
            self.free[name] -= self.need([b for b in placed if b.region == name])
        peak = self.need(group)
        chosen = self._chosen(group, peak + tables_bytes, preferred)
        if tables_bytes:
            roomy = (name for name in chosen if tables_bytes <= self.free[name])
            self.tables_in = placed[0].region if placed and not group else next(roomy, chosen[0])
            self.free[self.tables_in] -= tables_bytes
        if len(chosen) > 1:
            group = self._spread(group, chosen)
            self.notes.append(
                f"activations: {peak:,} B at the peak, more than {preferred[0]} has; spread over {', '.join(chosen)}, largest first"
            )
        else:
            group = [replace(buffer, region=chosen[0]) for buffer in group]
        for name in chosen:
            self.free[name] -= self.need([b for b in group if b.region == name])
        return placed + group

    def _chosen(self, group: list[Buffer], size: int, preferred: tuple[str, ...]) -> tuple[str, ...]:
        """One memory that holds so many bytes, or several that share them; those outside the chip only where those on it do not do."""
        whole = next(((name,) for name in preferred if size <= self.free[name]), None)
        memories = self.tenants.device.memories
        near = tuple(name for name in preferred if memories[name].kind in ON_CHIP)
        if len(near) > 1 and (whole is None or whole[0] not in near) and self._holds(group, near):
            return near
        return whole or preferred

    def _holds(self, group: list[Buffer], some: tuple[str, ...]) -> bool:
        """True where the buffers, spread over some memories, fit them."""
        spread = self._spread(group, some)
        return all(self.need([b for b in spread if b.region == name]) <= self.free[name] for name in some)

    def need(self, buffers: Sequence[Buffer]) -> int:
        """Bytes that buffers of one memory take there under the allocator of the profile [B]."""
        if not buffers:
            return 0
        if self.tenants.profile.rules["allocator"] == "greedy_by_size":
            spans, _ = spans_of(buffers, self.steps)
            return height(spans, greedy_by_size(spans))
        return max(load(buffers, self.steps))

    def _spread(self, group: list[Buffer], preferred: tuple[str, ...]) -> list[Buffer]:
        """Largest first, each to the first memory that has room throughout its life; the rest to the largest memory."""
        loads = {name: [0] * self.steps for name in preferred}
        spans, of = spans_of(group, self.steps)
        region: dict[int, str] = {}
        for place in sorted(range(len(spans)), key=lambda k: (-spans[k].size, spans[k].lower, k)):
            lower, upper, size = spans[place]
            roomy = (name for name in preferred if max(loads[name][lower:upper]) + size <= self.free[name])
            chosen = next(roomy, None) or _largest(preferred, self.free)
            loads[chosen][lower:upper] = [held + size for held in loads[chosen][lower:upper]]
            region[place] = chosen
        return [replace(buffer, region=region[of[n]]) for n, buffer in enumerate(group)]


def _largest(preferred: Sequence[str], room: Mapping[str, float]) -> str:
    return max(preferred, key=lambda name: room[name])
