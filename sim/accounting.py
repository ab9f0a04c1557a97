"""Allocations: the activations of a network as one engine counts them, by the rules of its memory profile.

An allocation is written by one operator and held until the last of its users has run. An operator may overlap what it reads, where
that goes with it: then only a part of both is held while it runs. Which overlaps are in force depends on the order of the operators;
everything else here does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hwmodels.memory_profile import MemoryProfile
from sim.buffers import Buffer, Sharing, storages
from sim.operator_rules import OperatorRules
from workloads.graph import Graph, Operator, Tensor
from workloads.tables import output_channels


@dataclass(frozen=True, slots=True)
class Allocation:
    """Bytes that are held while somebody needs them.

    Attributes
    ----------
    tensor : str
        The largest tensor in it, the first of equal ones.
    tensors : tuple of str
    bytes : int
        As the profile counts them: times its factor, rounded up to its alignment.
    users : tuple of int
        Operators that write or read it, in order.
    writer : int or None
        The operator it comes with; ``None`` where it is there from the beginning.
    stays : bool
        It is never given up: results, states.
    """

    tensor: str
    tensors: tuple[str, ...]
    bytes: int
    users: tuple[int, ...]
    writer: int | None
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Overlap:
    """An operator that writes ``target`` over ``source``, where that goes with it; ``saved`` bytes are then held once, not twice."""

    source: int
    target: int
    saved: int


@dataclass(frozen=True)
class Allocations:
    """A network's activations under one profile.

    Attributes
    ----------
    allocations : tuple of Allocation
    workspace : tuple of int
        Bytes each operator needs only while it runs [B].
    overlaps : Mapping of int to Overlap
        By operator.
    certain : bool
        True where each operator has at most one input it may write over: which one is then no choice.
    """

    graph: Graph
    allocations: tuple[Allocation, ...]
    workspace: tuple[int, ...]
    overlaps: Mapping[int, Overlap] = field(default_factory=dict)
    certain: bool = True

    def channels(self, i: int) -> int:
        """Channels that operator ``i`` writes."""
        outputs = [self.graph.tensors[name] for name in self.graph.operators[i].outputs if name]
        return output_channels(self.graph.operators[i], outputs[0] if outputs else None)

    def in_force(self) -> dict[int, Overlap]:
        """The overlaps whose source goes with their operator, in the order of the graph."""
        return {i: o for i, o in self.overlaps.items() if goes_with(self.allocations[o.source], i)}

    def buffers(self) -> tuple[Buffer, ...]:
        """What is held over which steps, in the order of the graph.

        What an operator writes over is held up to the step before; at its own step what the two do not share is held besides the
        result. Buffers of one ``tie`` lie at one address.
        """
        end, overlaps = len(self.workspace), self.in_force()
        over = {o.source: (i, o) for i, o in overlaps.items()}
        ties = _ties(len(self.allocations), overlaps.values())
        found = []
        for index, a in enumerate(self.allocations):
            first, last = first_step(a), end if a.stays else max(a.users, default=first_step(a))
            if index not in over:
                found.append(Buffer(a.tensor, a.tensors, a.bytes, first, last, tie=ties[index]))
                continue
            i, overlap = over[index]
            rest = a.bytes - overlap.saved
            early = i - 1 >= max(first, 0)
            if early:
                found.append(Buffer(a.tensor, a.tensors, a.bytes, first, i - 1, tie=ties[index]))
            if rest or not early:
                tensors, above = () if early else a.tensors, self.allocations[overlap.target].bytes
                found.append(Buffer(a.tensor, tensors, rest, i, i, tie=ties[index], above=above))
        number = len(self.allocations)
        for i, size in enumerate(self.workspace):
            if size:
                found.append(Buffer(f"{self.graph.operators[i].name}/workspace", (), size, i, i, tie=number + i))
        return tuple(found)


def first_step(allocation: Allocation) -> int:
    """Step an allocation comes with; -1 is before the first."""
    return -1 if allocation.writer is None else allocation.writer


def goes_with(allocation: Allocation, operator: int) -> bool:
    """True where nobody needs it after the operator, in the order of the graph."""
    return not allocation.stays and max(allocation.users, default=-1) == operator


def allocations_of(graph: Graph, kinds: Sequence[str], sharing: Sharing, profile: MemoryProfile) -> Allocations:
    """The activations of a network as a profile counts them.

    Parameters
    ----------
    graph : Graph
    kinds : sequence of str
        Kind of each operator.
    sharing : Sharing
        Views, and what is computed inside another operator.
    profile : MemoryProfile
    """
    return _Counting(graph, kinds, sharing, profile).done()


class _Counting:
    """Allocations while operators that write over what only they read are put together with it."""

    def __init__(self, graph: Graph, kinds: Sequence[str], sharing: Sharing, profile: MemoryProfile) -> None:
        self.graph, self.kinds, self.sharing, self.profile = graph, kinds, sharing, profile
        self.rules = OperatorRules(graph, kinds, profile)
        self.ran: list[set[int]] = []  # by allocation: users that have run when what is in it now is written
        counted = [self._counted(*storage) for storage in storages(graph, sharing)]
        self.found: list[Allocation | None] = list(counted)
        self.of = {name: k for k, allocation in enumerate(counted) for name in allocation.tensors}
        joined = [name for i in sharing.joins for name in graph.operators[i].outputs]
        self.joined = {self.of[name] for name in joined if name in self.of}
        self.overlaps: dict[int, Overlap] = {}
        self.certain = True

    def done(self) -> Allocations:
        for i, operator in enumerate(self.graph.operators):
            self._overlap(i, operator)
        kept = [k for k, a in enumerate(self.found) if a is not None]
        place = {k: number for number, k in enumerate(kept)}
        inside = {k for k in kept if self._is_interior(self._at(k))}
        self._hold_inputs_of_blocks(inside)
        return Allocations(
            self.graph,
            tuple(replace(self._at(k), bytes=0) if k in inside else self._at(k) for k in kept),
            tuple(self.rules.workspace(i) for i in range(len(self.kinds))),
            {
                i: replace(o, source=place[o.source], target=place[o.target])
                for i, o in self.overlaps.items()
                if not inside & {o.source, o.target}
            },
            self.certain,
        )

    def _counted(self, tensor: Tensor, members: Sequence[Tensor]) -> Allocation:
        """One storage as an allocation; of no bytes where the profile does not count it."""
        graph, names = self.graph, tuple(t.name for t in members)
        writers = [graph.producer[name] for name in names if name in graph.producer]
        there = any(name not in graph.producer for name in names)
        states = graph.settings.get("states", ())
        stays = any(t.role == "output" or t.name in states for t in members)
        readers = {i for name in names for i in graph.consumers[name] if not self.rules.is_shortcut(i, name)}
        writer = None if there else min(writers)
        streamed = there and self._is_streamed(names) and not any(name in states for name in names)
        size = 0 if streamed else self.rules.rounded(tensor.bytes)
        self.ran.append(set(writers))
        return Allocation(tensor.name, names, size, tuple(sorted({*writers, *readers})), writer, stays)

    def _is_streamed(self, names: Sequence[str]) -> bool:
        """True where an input is read from where it comes from, part by part."""
        return self.profile.rules["input"] == "streamed" or bool({*names} & {*self.graph.settings.get("streamed", ())})

    def _is_interior(self, allocation: Allocation) -> bool:
        """True inside an inverted residual block: what a depthwise convolution writes, or an expansion writes for one."""
        if self.profile.rules["block_interiors"] == "counted":
            return False
        writers = {self.graph.producer[name] for name in allocation.tensors if name in self.graph.producer}
        readers = {i for i in allocation.users if self.kinds[i] == "depthwise"} - writers
        return any(self.kinds[i] == "depthwise" for i in writers) or bool(readers and any(map(self.rules.is_pointwise, writers)))

    def _hold_inputs_of_blocks(self, inside: set[int]) -> None:
        """Where interiors do not count, a block is one operator: its input is held until its output is written."""
        for k in sorted(inside, key=lambda k: -first_step(self._at(k))):
            users = set(self._at(k).users)
            written = [i for i in users if set(self.graph.operators[i].outputs) & set(self._at(k).tensors)]
            for i in written:
                for source in {self.of[name] for name in self.graph.operators[i].inputs if name in self.of} - {k}:
                    self.found[source] = replace(self._at(source), users=tuple(sorted({*self._at(source).users, *users})))

    def _overlap(self, i: int, operator: Operator) -> None:
        """Put what operator ``i`` writes together with what only it reads, or note that it may write over it."""
        target = self.of.get(next(filter(None, operator.outputs), ""))
        if target is None or i in self.sharing.views or target in self.joined:
            return
        sources = {self.of[name] for name in operator.inputs if name in self.of and self.of[name] != target}
        written = self._at(target)
        able = {
            k: saved
            for k in sources
            if (saved := self.rules.saved(i, self._at(k).bytes, written.bytes)) > 0 and not self._at(k).stays
        }
        if not able or (written.writer if written.writer is not None else -1) != i:
            return
        sole = [k for k in able if set(self._at(k).users) - self.ran[k] == {i}]
        dying = [k for k in able if goes_with(self._at(k), i)]
        chosen = max(sole or dying or able, key=lambda k: (able[k], first_step(self._at(k))))
        self.certain &= len(able) == 1 or bool(sole)
        source = self._at(chosen)
        if chosen in sole and source.bytes == written.bytes == able[chosen]:
            joined = tuple(sorted({*source.users, *written.users}))
            self.found[chosen] = replace(source, tensors=source.tensors + written.tensors, users=joined, stays=written.stays)
            self.found[target] = None
            self.ran[chosen] = {*source.users, *self.ran[target]}
            self.of.update(dict.fromkeys(written.tensors, chosen))
        else:
            self.overlaps[i] = Overlap(chosen, target, able[chosen])

    def _at(self, k: int) -> Allocation:
        allocation = self.found[k]
        assert allocation is not None
        return allocation


def _ties(number: int, overlaps: Iterable[Overlap]) -> list[int]:
    """Of each allocation, the least of those that lie at one address with it."""
    tie = list(range(number))
    for overlap in overlaps:
        old, new = sorted((tie[overlap.source], tie[overlap.target]), reverse=True)
        tie = [new if t == old else t for t in tie]
    return tie
