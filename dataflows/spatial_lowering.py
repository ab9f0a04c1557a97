"""Work of a spatial array: the mapping its dataflow makes of every nest, counted by the general rules and priced level by level.

The dataflow is data (``dataflows/library/``). Buffers hold two tiles and every memory works while the array does, so an operator takes
as long as the busiest of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dataflows.array_units import (
    chosen_dataflow,
    done_on_the_way_out,
    element_operations,
    joined_details,
    joined_operations,
    off_chip,
    systolic_rates,
)
from dataflows.capacity import words_beyond
from dataflows.errors import MappingError
from dataflows.hierarchy import Hierarchy
from dataflows.library import DATAFLOWS, dataflow_named, is_product
from dataflows.mapping import window_coefficients
from dataflows.mapping_of_unit import UnitMapping
from dataflows.spatial_counts import (
    NEIGHBOURS,
    CountedNest,
    buffered_hierarchy,
    busy_cycles,
    described,
    handed_out,
    network_cycles,
    read_and_written,
)
from dataflows.spatial_terms import spatial_energy_terms, spatial_terms
from dataflows.tables import AccessTable
from dataflows.unit_work import UnitSettings, UnitWork
from hwmodels.costs.array import scaled_joules, systolic_prices
from hwmodels.device import ArrayUnit, Device
from workloads.graph import Graph, Operator
from workloads.loopnest import LoopNest
from workloads.operators import rule_of
from workloads.tables import GraphTables

#: The first dataflow a spatial array lists is that of every nest; the second, if any, that of matrix products.
RULE = "the rule of the dataflow alone; other mappings are not rated"
NOTE = "counts are the general ones of the dataflow: inputs hold their padding, buffers two tiles, all memories work while the array does"


@dataclass
class SpatialLowering:
    """A lowering for arrays of any kind by one named dataflow; what it has mapped stays in ``mapped``.

    Attributes
    ----------
    dataflow : str
    mapped : dict of int to UnitMapping
        Row of the operator -> how it runs.
    """

    dataflow: str
    mapped: dict[int, UnitMapping] = field(default_factory=dict)
    _known: dict[object, CountedNest] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the loops or the counts must know."""
        return (NOTE,)

    def hierarchy(self, device: Device, unit: ArrayUnit) -> Hierarchy:
        """Levels of the array, with its neighbours where the dataflow hands inputs on."""
        return buffered_hierarchy(device, unit)

    def __call__(
        self, graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, settings: UnitSettings, mine: NDArray[np.bool_]
    ) -> UnitWork:
        """Terms, amounts and prices of the operators marked in ``mine``; arguments as of every lowering.

        Raises
        ------
        MappingError
            No mapping of an operator fits: which level is short and by how many words; unknown energies where they decide.
        """
        hierarchy = self.hierarchy(device, unit)
        joined = done_on_the_way_out(graph, tables, unit, mine)
        operators, levels = len(graph.operators), len(hierarchy.levels)
        time, energy = np.zeros((operators, 2 + levels)), np.zeros((operators, 3 + 6 * levels))
        traffic = np.zeros((operators, levels - 1, 2), dtype=np.int64)
        details: dict[int, MappingOf[str, object]] = dict(joined_details(graph, joined))
        for i in np.flatnonzero(mine).tolist():
            found = [self._nest(graph.operators[i], nest, hierarchy) for nest in _nests(graph, graph.operators[i])]
            if not found:
                continue
            macs = sum(entry.mapping.nest.volume for entry in found)
            time[i, 0] = sum(int(entry.counts.cycles[0]) for entry in found)
            time[i, 2:-1] = sum(busy_cycles(entry.counts, hierarchy)[:-1] for entry in found)
            time[i, -1] = sum(self.network(entry, unit) for entry in found)
            energy[i, 0], energy[i, 2] = macs, sum(sum(handed_out(entry).values()) for entry in found)
            energy[i, 3:] = sum(read_and_written(entry.counts).ravel() for entry in found)
            traffic[i] = sum(read_and_written(entry.counts)[:-1].sum(axis=1) for entry in found) * (unit.word_bits / 8)
            self.mapped[i] = described(found, hierarchy, unit, self.notes)
            multipliers = hierarchy.rows * hierarchy.columns
            details[i] = {
                "cycles": int(time[i, 0]), "utilization": float(macs / (multipliers * time[i, 0])), "dataflow": self.mapped[i].dataflow,
            }  # fmt: skip
        time[:, 1] = element_operations(tables, unit, mine)
        energy[:, 1] = time[:, 1] + joined_operations(tables, unit, joined)
        return _work(device, unit, hierarchy, time, energy, traffic, details)

    def _nest(self, operator: Operator, nest: LoopNest, hierarchy: Hierarchy) -> CountedNest:
        key = nest.extents, window_coefficients(nest)
        if key not in self._known:
            try:
                self._known[key] = self.found(nest, hierarchy)
            except MappingError as error:
                raise MappingError(f"{operator.name}: {error}") from None
        return self._known[key]

    def network(self, found: CountedNest, unit: ArrayUnit) -> float:
        """Cycles the network between buffers and elements is busy; here it never limits."""
        return 0.0

    def found(self, nest: LoopNest, hierarchy: Hierarchy) -> CountedNest:
        """The mapping the dataflow makes of a nest, and its counts."""
        mapping = dataflow_named(self.dataflow, nest).mapping(nest, hierarchy)
        counts = mapping.accesses()
        for level in range(len(hierarchy.levels)):
            short = words_beyond(mapping, hierarchy, level, counts)
            if short:
                name = hierarchy.levels[level].name
                raise MappingError(f"dataflow '{self.dataflow}': level '{name}' is {math.ceil(short)} words short; best may fit")
        return CountedNest(mapping, counts, None, RULE, self.dataflow)


@dataclass
class OwnDataflow(SpatialLowering):
    """The lowering of an array of kind ``spatial``: it hands inputs on between neighbours where its dataflow does.

    Attributes
    ----------
    for_products : str
        Dataflow of matrix products, where the array has another for them; empty where it has not.
    """

    for_products: str = ""

    def network(self, found: CountedNest, unit: ArrayUnit) -> float:
        """Cycles of the busiest of the buses the file names."""
        return network_cycles(found, unit)

    def found(self, nest: LoopNest, hierarchy: Hierarchy) -> CountedNest:
        """The mapping the dataflow makes of a nest, and its counts.

        Where DRAM limits, fewer elements are tried: a smaller part of the array may leave room for larger tiles.
        """
        chosen = SpatialLowering(self.for_products if self.for_products and is_product(nest) else self.dataflow)
        best = chosen.found(nest, hierarchy)
        least = slowest_cycles(best.counts, hierarchy)
        halves = 1
        while busy_cycles(best.counts, hierarchy)[0] >= least and min(hierarchy.rows, hierarchy.columns) >> halves:
            tried = chosen.found(nest, replace(hierarchy, rows=hierarchy.rows >> halves, columns=hierarchy.columns >> halves))
            halves += 1
            if slowest_cycles(tried.counts, hierarchy) < least:
                best, least = tried, slowest_cycles(tried.counts, hierarchy)
        return best

    def hierarchy(self, device: Device, unit: ArrayUnit) -> Hierarchy:
        """Levels of the array and its neighbours."""
        own = DATAFLOWS.get(self.dataflow)
        return buffered_hierarchy(device, unit, neighbours=own is not None and bool(own.shifts))


def slowest_cycles(counts: AccessTable, hierarchy: Hierarchy) -> float:
    """Cycles of the busiest of array and memories."""
    return max(float(counts.cycles[0]), *busy_cycles(counts, hierarchy).tolist())


def lower_spatial(
    graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> UnitWork:
    """Terms, amounts and prices of the operators marked in ``mine``; see :class:`SpatialLowering`.

    Raises
    ------
    MappingError
        A dataflow the unit does not do, ``best`` among them: it rates no mappings; a nest that does not fit.
    """
    return _own(unit, settings)(graph, tables, device, unit, settings, mine)


def spatial_mappings(
    graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, settings: UnitSettings, mine: NDArray[np.bool_]
) -> dict[int, UnitMapping]:
    """Row of the operator -> how it runs; arguments as of ``lower_spatial``, whose counts these are."""
    lowering = _own(unit, settings)
    lowering(graph, tables, device, unit, settings, mine)
    return lowering.mapped


def _own(unit: ArrayUnit, settings: UnitSettings) -> OwnDataflow:
    chosen = chosen_dataflow(unit, settings)
    if chosen == "best":
        raise MappingError(
            f"unit '{unit.name}': dataflow 'best'; this array does {', '.join(unit.dataflows)}; free mapping is of map"
        )
    another = unit.dataflows[1] if settings.dataflow is None and len(unit.dataflows) > 1 else ""
    return OwnDataflow(chosen, for_products=another)


def _nests(graph: Graph, operator: Operator) -> tuple[LoopNest, ...]:
    return rule_of(operator).loop_nests(operator, graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs))


def _work(
    device: Device, unit: ArrayUnit, hierarchy: Hierarchy, time: NDArray[np.float64], energy: NDArray[np.float64],
    traffic: NDArray[np.int64], details: MappingOf[int, MappingOf[str, object]],
) -> UnitWork:  # fmt: skip
    rates = systolic_rates(device, unit)
    cycle, operation, *_ = systolic_prices(rates)
    memories = [k for k, level in enumerate(hierarchy.levels[:-1]) if level.name != NEIGHBOURS]
    names = [hierarchy.levels[k].name for k in memories]
    factor = "parameters.dynamic_factor * " if "dynamic_factor" in unit.parameters else ""
    terms, prices = spatial_energy_terms(hierarchy, factor), _energy_prices(unit, hierarchy)
    counted = [
        k for k, term in enumerate(terms) if term.phase != NEIGHBOURS and (off_chip(device) or term.phase != names[0])
    ] if unit.mac_energy_j is not None or unit.active_power_w is None else []  # fmt: skip
    return UnitWork(
        unit=unit.name,
        kind=unit.kind,
        join="max",
        terms=spatial_terms(names, tuple(unit.bus_words_per_cycle)),
        parameters=rates,
        amounts=np.ascontiguousarray(time[:, [0, 1, *(2 + k for k in memories), time.shape[1] - 1]]),
        levels=tuple(names),
        traffic=np.ascontiguousarray(traffic[:, memories]),
        prices=np.array([cycle, operation, *(cycle for _ in names), cycle]),
        energy_terms=tuple(terms[k] for k in counted),
        energy_amounts=np.ascontiguousarray(energy[:, counted]),
        energy_prices=prices[counted],
        details=details,
    )


def _energy_prices(unit: ArrayUnit, hierarchy: Hierarchy) -> NDArray[np.float64]:
    table = hierarchy.table()
    factor = float(unit.parameters.get("dynamic_factor", 1.0))
    vector = unit.energies_j.get("vector", unit.mac_energy_j)
    on_chip = [hierarchy.mac_energy_j, math.nan if vector is None else scaled_joules(vector, factor), hierarchy.hop_energy_j]
    words = np.stack([table.read_energy, table.write_energy], axis=2)
    return np.array([*on_chip, *words.ravel()])
