"""What ``map`` shows: of every operator the array runs its mapping, its accesses, its cycles and where its energy goes.

Nothing is counted here. Latency, energy, cycles and utilisation are those of the estimate, accesses and loops those of
``dataflows/mapping_of_*.py``, energies of levels are the amounts of the unit's work times its prices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from boardless import machine_form, mapping_text
from boardless.errors import UsageError
from boardless.results import Result
from boardless.text import WIDTH
from dataflows.mapping_of_row_stationary import row_stationary_mappings
from dataflows.mapping_of_systolic import systolic_mappings
from dataflows.mapping_of_tile_engine import tile_engine_mappings
from dataflows.mapping_of_unit import ACCUMULATORS, ELEMENT, NETWORK, Accesses, UnitMapping
from dataflows.spatial_lowering import spatial_mappings
from dataflows.tables import TENSORS
from dataflows.unit_work import UnitSettings
from hwmodels.costs.use import cycles_of
from hwmodels.device import ArrayUnit
from sim.results import Missing, OperatorEstimate
from sim.schedule import Schedule
from workloads.errors import nearest

if TYPE_CHECKING:
    import pandas

#: Level -> tensor (or what else takes energy there) -> J.
Energies = dict[str, dict[str, float]]

#: Energy of no storage level: multiply-accumulates and element operations; power that flows whatever happens.
ARITHMETIC, STATIC = "arithmetic", "static"


@dataclass(frozen=True)
class MappedLayer:
    """One operator on the array: its row of the estimate, its mapping, stalls, energy by level and tensor (``None``: unknown)."""

    row: OperatorEstimate
    mapping: UnitMapping
    stall_cycles: int
    energies: Energies | None

    @property
    def cycles(self) -> int:
        """Cycles of the array, without stalls."""
        return int(self.row.details["cycles"])

    @property
    def utilization(self) -> float:
        """MACs per multiplier and cycle of the array."""
        return float(self.row.details["utilization"])

    def to_dict(self) -> dict[str, Any]:
        """The machine form; ``loops`` has every loop, outermost first, spread ones with their axis; ``spatial`` these alone."""
        mapping = self.mapping.mapping
        loops = [
            {"level": level.name, "dim": loop.loop, "extent": loop.bound} | ({"axis": loop.axis} if loop.spatial else {})
            for level in mapping.levels
            for loop in level.loops
        ]
        spatial = [{"axis": loop["axis"], "dim": loop["dim"], "extent": loop["extent"]} for loop in loops if "axis" in loop]
        return {
            "name": self.row.name,
            "dataflow": self.mapping.dataflow,
            "spatial": spatial,
            "loops": loops,
            "nest": {name: bound for name, bound in mapping.nest.extents if bound > 1},
            "nests": self.mapping.nests,
            "mapping": dict(self.mapping.parameters),
            "accesses": accesses_form(self.mapping.accesses),
            "word_bits": self.mapping.word_bits,
            "macs": self.row.macs,
            "cycles": self.cycles,
            "stall_cycles": self.stall_cycles,
            "active_pes": self.mapping.active_pes,
            "utilization": self.utilization,
            "energy_j": self.row.energy_j,
            "energy_by_level_j": self.energies,
            "latency_s": self.row.latency_s,
            "bound_gap": self.mapping.gap,
            "bound_of": self.mapping.space,
            "notes": list(self.mapping.notes),
        }


@dataclass(frozen=True, repr=False)
class MappingResult(Result):
    """What ``map`` gives: a Result with a mapping per operator of the array."""

    layers: tuple[MappedLayer, ...] = field(default=(), compare=False)

    def text(
        self,
        *,
        operators: int | None = None,
        all_rows: bool = False,
        width: int = WIDTH,
        colour: bool = False,
        nest: str | None = None,
    ) -> str:
        """A row per shape in network order; the loop nest of the operator ``nest`` or of the slowest, of all with ``all_rows``."""
        return mapping_text.text(self, nest=nest, all_nests=all_rows, width=width, colour=colour)

    def to_dict(self) -> dict[str, Any]:
        """The machine form: the head of an estimate, and the layers in place of the operators."""
        form = machine_form.head(self)
        gaps = [Missing(f"layers.{e.row.name}.bound_gap", e.mapping.space) for e in self.layers if e.mapping.gap is None]
        form["missing"] += [{"field": entry.field, "reason": entry.reason} for entry in gaps]
        return {**form, "layers": [layer.to_dict() for layer in self.layers]}

    def to_dataframe(self) -> pandas.DataFrame:
        """One row per layer."""
        from boardless.tables import layers_dataframe

        return layers_dataframe(self)

    def layer(self, name: str) -> MappedLayer:
        """The layer of an operator.

        Raises
        ------
        UsageError
            No operator of this name on the array, with the nearest one.
        """
        for entry in self.layers:
            if entry.row.name == name:
                return entry
        names = [entry.row.name for entry in self.layers]
        raise UsageError(
            f"--operator: '{name}'; an operator that runs on unit '{self.settings['unit']}' is expected; {nearest(name, names)}"
        )


def accesses_form(accesses: Accesses) -> dict[str, dict[str, dict[str, int]]]:
    """Accesses as the contract writes them."""
    return {
        level: {tensor: {"read": read, "written": written} for tensor, (read, written) in tensors.items()}
        for level, tensors in accesses.items()
    }


def require_array(schedule: Schedule) -> ArrayUnit:
    """The array unit of a run.

    Raises
    ------
    UsageError
        The unit has no array of elements.
    """
    unit = schedule.units.get(schedule.plan.unit)
    if not isinstance(unit, ArrayUnit):
        kind = f"a {unit.kind}" if unit is not None else "given no work by this network"
        raise UsageError(
            f"--on: unit '{schedule.plan.unit}' of {schedule.device.name} is {kind}; an array of processing elements is expected; "
            "e.g. eyeriss_v1 or systolic_32x32 of `boardless devices`"
        )
    return unit


def layers_of(
    schedule: Schedule, rows: tuple[OperatorEstimate, ...], mapped: Mapping[int, UnitMapping] | None = None
) -> tuple[MappedLayer, ...]:
    """A layer per operator with loop nests on the array, in network order; ``rows`` are those of the estimate.

    ``mapped``: how the operators run, where the array's own model does not tell.
    """
    unit = require_array(schedule)
    found = unit_mappings(schedule, unit) if mapped is None else mapped
    return tuple(
        MappedLayer(rows[i], mapping, _stalls(rows[i], unit), energies_of(schedule, i, mapping, rows[i]))
        for i, mapping in sorted(found.items())
    )


def unit_mappings(schedule: Schedule, unit: ArrayUnit) -> dict[int, UnitMapping]:
    """Row of the operator -> how it runs on the array."""
    plan = schedule.plan
    mine = np.array([name == unit.name for name in schedule.unit_of], dtype=np.bool_)
    facts = (schedule.graph, schedule.tables, schedule.device, unit)
    settings = UnitSettings(
        dataflow=plan.dataflow, mappings=plan.mappings, timing=plan.timing, hypothetical=plan.hypothetical, seed=plan.seed
    )
    if unit.kind == "tile_engine":
        return tile_engine_mappings(*facts, schedule.work[unit.name], mine)
    if unit.kind == "spatial":
        return spatial_mappings(*facts, settings, mine)
    if unit.kind == "systolic":
        return systolic_mappings(*facts, settings, mine)
    return row_stationary_mappings(*facts, settings, mine)


def _stalls(row: OperatorEstimate, unit: ArrayUnit) -> int:
    """Cycles of the operator's latency in which the array's own count has ended or not begun: waiting for memory and link."""
    return max(0, cycles_of(row.latency_s, unit.frequency_hz) - int(row.details["cycles"]))


#: Energy term of an array -> level it belongs to, where it is not the term's phase.
_LEVEL_OF = {"hops": NETWORK, "words": NETWORK, "registers": ELEMENT, "psums": ACCUMULATORS}
_ARITHMETIC_TERMS = ("macs", "vector")


def energies_of(schedule: Schedule, i: int, mapping: UnitMapping, row: OperatorEstimate) -> Energies | None:
    """Energy of operator ``i`` by level and tensor; what the terms leave of the whole is static. ``None`` where a price is unknown.

    A term that counts several tensors in words of one price is divided by their accesses.
    """
    work = schedule.work[schedule.plan.unit]
    found: Energies = {}
    for term, amount, price in zip(work.energy_terms, work.energy_amounts[i], work.energy_prices, strict=True):
        joules = float(amount) * float(price)
        if amount == 0.0:
            continue
        if math.isnan(joules):
            return None
        level, parts = _parts(term.name, term.phase, mapping.accesses)
        for tensor, share in parts.items():
            if share > 0.0:
                of = found.setdefault(level, {})
                of[tensor] = of.get(tensor, 0.0) + joules * share
    if row.energy_j is None:
        return None
    rest = row.energy_j - math.fsum(value for tensors in found.values() for value in tensors.values())
    return found | ({STATIC: {STATIC: rest}} if rest > 1e-9 * row.energy_j else {})


def _parts(name: str, phase: str, accesses: Accesses) -> tuple[str, Mapping[str, float]]:
    """Level of an energy term, and the share of each tensor in it."""
    if name in TENSORS:
        return (ELEMENT if phase == "spads" else phase), {name: 1.0}
    if name == "drains":
        return phase, {"outputs": 1.0}
    level = _LEVEL_OF.get(name, phase)
    if name in _ARITHMETIC_TERMS or level not in accesses:
        return ARITHMETIC, {name: 1.0}
    words = {tensor: (written if name == "fills" else read + written) for tensor, (read, written) in accesses[level].items()}
    if name == "fills":
        words["outputs"] = 0
    total = sum(words.values())
    return level, {tensor: count / total for tensor, count in words.items()} if total else {name: 1.0}
