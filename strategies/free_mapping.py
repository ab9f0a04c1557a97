"""Arrays whose control is free: each operator takes the best mapping of all, or that of a named dataflow the array does not list.

A stand-in for the lowering of an array's own kind. Counts are those of the general rules (``dataflows/accesses.py``): words of padded
inputs, no habits of one chip. The buffer holds two tiles and every memory works while the array does, so an operator takes as long
as the busiest of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dataflows.array_units import (
    done_on_the_way_out,
    dram_link,
    element_operations,
    joined_details,
    joined_operations,
    off_chip,
    systolic_rates,
)
from dataflows.capacity import words_beyond
from dataflows.errors import MappingError
from dataflows.hierarchy import Hierarchy, hierarchy_of
from dataflows.library import dataflow_named
from dataflows.mapping import Mapping, window_coefficients
from dataflows.mapping_of_unit import ELEMENT, NETWORK, Accesses, UnitMapping, summed
from dataflows.tables import TENSORS, AccessTable
from dataflows.unit_work import UnitSettings, UnitWork
from hwmodels.costs.array import port_cycles, scaled_joules, systolic_prices, words_in_a_cycle
from hwmodels.device import ArrayUnit, Device
from hwmodels.terms import Term
from strategies.mapping_search import search_mapping
from workloads.graph import Graph, Operator
from workloads.loopnest import LoopNest
from workloads.operators import rule_of
from workloads.tables import GraphTables

#: What the mapping of a free array is called where a dataflow would stand.
FREE = "free"

RULE = "the rule of the dataflow alone; other mappings are not rated"


@dataclass(frozen=True)
class FreeNest:
    """One nest as it runs: its mapping, the counts, and how sure it is that nothing is better."""

    mapping: Mapping
    counts: AccessTable
    gap: float | None
    space: str


@dataclass
class FreeLowering:
    """A lowering for arrays of any kind; what it has mapped stays in ``mapped``.

    Attributes
    ----------
    objective : str
        ``latency``, ``energy``, ``edp`` or ``dram_bytes``.
    dataflow : str
        ``best`` searches every mapping; a dataflow's name takes its rule.
    gap : float
        Share by which a mapping may miss the best one.
    mapped : dict of int to UnitMapping
        Row of the operator -> how it runs.
    """

    objective: str = "latency"
    dataflow: str = "best"
    gap: float = 0.0
    mapped: dict[int, UnitMapping] = field(default_factory=dict)
    _known: dict[object, FreeNest] = field(default_factory=dict)

    def __call__(
        self, graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, settings: UnitSettings, mine: NDArray[np.bool_]
    ) -> UnitWork:
        """Terms, amounts and prices of the operators marked in ``mine``; arguments as of every lowering.

        Raises
        ------
        MappingError
            No mapping of an operator fits: which level is short and by how many words; unknown energies where they decide.
        """
        hierarchy = free_hierarchy(device, unit)
        joined = done_on_the_way_out(graph, tables, unit, mine)
        operators = len(graph.operators)
        time, energy = np.zeros((operators, 2 + len(hierarchy.levels) - 1)), np.zeros((operators, 3 + 6 * len(hierarchy.levels)))
        traffic = np.zeros((operators, len(hierarchy.levels) - 1, 2), dtype=np.int64)
        details: dict[int, MappingOf[str, object]] = dict(joined_details(graph, joined))
        for i in np.flatnonzero(mine).tolist():
            found = [self._nest(graph.operators[i], nest, hierarchy) for nest in _nests(graph, graph.operators[i])]
            if not found:
                continue
            macs = sum(entry.mapping.nest.volume for entry in found)
            time[i, 0] = sum(int(entry.counts.cycles[0]) for entry in found)
            time[i, 2:] = sum(busy_cycles(entry.counts, hierarchy)[:-1] for entry in found)
            energy[i, 0], energy[i, 2] = macs, sum(_handed_out(entry.counts, hierarchy) for entry in found)
            energy[i, 3:] = sum(_words(entry.counts).ravel() for entry in found)
            traffic[i] = sum(_words(entry.counts)[:-1].sum(axis=1) for entry in found) * (unit.word_bits / 8)
            self.mapped[i] = described(found, hierarchy, unit, FREE if self.dataflow == "best" else self.dataflow)
            multipliers = hierarchy.rows * hierarchy.columns
            details[i] = {
                "cycles": int(time[i, 0]), "utilization": macs / (multipliers * time[i, 0]), "dataflow": self.mapped[i].dataflow,
            }  # fmt: skip
        time[:, 1] = element_operations(tables, unit, mine)
        energy[:, 1] = time[:, 1] + joined_operations(tables, unit, joined)
        return _work(device, unit, hierarchy, time, energy, traffic, details)

    def _nest(self, operator: Operator, nest: LoopNest, hierarchy: Hierarchy) -> FreeNest:
        key = nest.extents, window_coefficients(nest)
        if key not in self._known:
            try:
                self._known[key] = self._mapped(nest, hierarchy)
            except MappingError as error:
                raise MappingError(f"{operator.name}: {error}") from None
        return self._known[key]

    def _mapped(self, nest: LoopNest, hierarchy: Hierarchy) -> FreeNest:
        if self.dataflow != "best":
            mapping = dataflow_named(self.dataflow, nest).mapping(nest, hierarchy)
            counts = mapping.accesses()
            for level in range(len(hierarchy.levels)):
                short = words_beyond(mapping, hierarchy, level, counts)
                if short:
                    name = hierarchy.levels[level].name
                    raise MappingError(
                        f"dataflow '{self.dataflow}': level '{name}' is {math.ceil(short)} words short; best may fit"
                    )
            return FreeNest(mapping, counts, None, RULE)
        found = search_mapping(nest, hierarchy, self.objective, gap=self.gap)
        space = f"{self.objective}, over spread loops, tiles and orders ({found.space}); {found.ratings:,} mappings rated"
        return FreeNest(found.mapping, found.mapping.accesses(), found.gap, space)


def free_hierarchy(device: Device, unit: ArrayUnit) -> Hierarchy:
    """The levels of an array: buffers hold two tiles, DRAM is as fast as the link to it."""
    hierarchy = hierarchy_of(device, unit)
    bandwidth, _ = dram_link(device, unit)
    linked = words_in_a_cycle(bandwidth, unit.frequency_hz, unit.word_bits)
    dram, *buffers, element = hierarchy.levels
    dram = replace(dram, read_words=min(dram.read_words, linked), write_words=min(dram.write_words, linked))
    return replace(hierarchy, levels=(dram, *(replace(level, buffers=2) for level in buffers), element))


def _nests(graph: Graph, operator: Operator) -> tuple[LoopNest, ...]:
    inputs = [graph.tensors[name] for name in operator.inputs if name]
    return rule_of(operator).loop_nests(operator, inputs, [graph.tensors[name] for name in operator.outputs])


def busy_cycles(counts: AccessTable, hierarchy: Hierarchy) -> NDArray[np.float64]:
    """Cycles the ports of each level are busy."""
    words = _words(counts).sum(axis=1)
    return np.array([
        port_cycles(float(read), float(written), float(instances), level.read_words, level.write_words, int(level.shared_port))
        for (read, written), instances, level in zip(words, counts.instances, hierarchy.levels, strict=True)
    ])  # fmt: skip


def _words(counts: AccessTable) -> NDArray[np.int64]:
    """levels x tensors x (read, written)."""
    return np.stack([counts.reads, counts.fills + counts.updates], axis=2)


def _handed_out(counts: AccessTable, hierarchy: Hierarchy) -> int:
    return int(counts.deliveries[hierarchy.spread_below].sum())


def described(found: list[FreeNest], hierarchy: Hierarchy, unit: ArrayUnit, dataflow: str) -> UnitMapping:
    """What is shown of the nests of one operator: the mapping of the largest, the accesses of all."""
    main = max(found, key=lambda entry: entry.mapping.nest.volume)
    loops, names = main.mapping.loops, [level.name for level in hierarchy.levels]
    gaps = [entry.gap for entry in found if entry.gap is not None]
    return UnitMapping(
        mapping=main.mapping,
        dataflow=dataflow,
        parameters={"tiles": math.prod(loop.bound for loop in main.mapping.levels[0].loops)},
        held={name: _by_tensor(main.counts.tile[level]) for level, name in enumerate(names)},
        meaning={},
        nests=len(found),
        accesses=summed([_accesses(entry, hierarchy) for entry in found]),
        word_bits=unit.word_bits,
        active_pes=math.prod(loop.bound for loop in loops if loop.spatial),
        gap=max(gaps) if gaps else None,
        space=main.space,
        notes=("the array's control is free: buffers hold two tiles, all memories work while the array does",),
    )


def _by_tensor(row: NDArray[np.int64]) -> dict[str, int]:
    return {tensor: int(row[code]) for code, tensor in enumerate(TENSORS)}


def _accesses(entry: FreeNest, hierarchy: Hierarchy) -> Accesses:
    words = _words(entry.counts)
    found = {
        level.name: {tensor: (int(words[k, code, 0]), int(words[k, code, 1])) for code, tensor in enumerate(TENSORS)}
        for k, level in enumerate(hierarchy.levels)
    }
    inside = found.pop(ELEMENT)
    handed = _by_tensor(entry.counts.deliveries[hierarchy.spread_below])
    return found | {NETWORK: {tensor: (count, 0) for tensor, count in handed.items()}, ELEMENT: inside}


def _work(
    device: Device, unit: ArrayUnit, hierarchy: Hierarchy, time: NDArray[np.float64], energy: NDArray[np.float64],
    traffic: NDArray[np.int64], details: MappingOf[int, MappingOf[str, object]],
) -> UnitWork:  # fmt: skip
    rates = systolic_rates(device, unit)
    cycle, operation, *_ = systolic_prices(rates)
    names = [level.name for level in hierarchy.levels[:-1]]
    terms, prices = _energy_terms(hierarchy), _energy_prices(unit, hierarchy)
    counted = [k for k, term in enumerate(terms) if off_chip(device) or term.phase != names[0]]
    return UnitWork(
        unit=unit.name,
        kind=unit.kind,
        join="max",
        terms=_time_terms(names),
        parameters=rates,
        amounts=time,
        levels=tuple(names),
        traffic=traffic,
        prices=np.array([cycle, operation, *(cycle for _ in names)]),
        energy_terms=tuple(terms[k] for k in counted),
        energy_amounts=np.ascontiguousarray(energy[:, counted]),
        energy_prices=prices[counted],
        details=details,
    )


def _time_terms(names: list[str]) -> tuple[Term, ...]:
    return (
        Term("array", "compute", "cycle", "steps of the temporal loops, the last of each smaller", "1 / frequency", ("frequency",)),
        Term(
            "element operations", "compute", "operation",
            "simple operations + special operations * special_cycles, inside attention and recurrent operators",
            "1 / (lanes * frequency)", ("parameters.lanes", "frequency"), "assumed: one lane per column where the file names none",
        ),
        *(Term(f"{name} words", name, "cycle", "words / words per cycle of its port", "1 / frequency", ("frequency",)) for name in names),
    )  # fmt: skip


def _energy_terms(hierarchy: Hierarchy) -> list[Term]:
    """MACs, element operations, words handed to elements; words of each tensor read from and written to each level."""
    terms = [
        Term("macs", "array", "MAC", "multiply-accumulates", "mac_energy", ("mac_energy",)),
        Term("vector", "array", "operation", "element operations", "energies.vector, else mac_energy", ("energies.vector",)),
        Term("hops", "array", "word", "words handed to elements", "energies.hop", ("energies.hop",)),
    ]
    for level in hierarchy.levels:
        phase = "spads" if level.name == ELEMENT else level.name
        ways = [(tensor, way) for tensor in TENSORS for way in ("read", "written")]
        terms += [Term(tensor, phase, "word", f"words {way}", f"energy of a word {way}") for tensor, way in ways]
    return terms


def _energy_prices(unit: ArrayUnit, hierarchy: Hierarchy) -> NDArray[np.float64]:
    table = hierarchy.table()
    factor = float(unit.parameters.get("dynamic_factor", 1.0))
    vector = unit.energies_j.get("vector", unit.mac_energy_j)
    on_chip = [hierarchy.mac_energy_j, math.nan if vector is None else scaled_joules(vector, factor), hierarchy.hop_energy_j]
    words = np.stack([table.read_energy, table.write_energy], axis=2)
    return np.array([*on_chip, *words.ravel()])
