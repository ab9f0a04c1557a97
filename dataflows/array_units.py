"""What the counting core reads of an array unit: its levels, its link to DRAM, its geometry and storage as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dataflows.errors import MappingError
from dataflows.fusion import fused_operators
from dataflows.row_stationary import RowStationaryArray
from dataflows.systolic import SYSTOLIC_DATAFLOWS, SystolicShape
from dataflows.unit_work import UnitSettings
from hwmodels.costs.array import RowStationaryRates, SystolicRates
from hwmodels.device import ArrayUnit, Device, Link, MemoryLevel
from workloads.graph import Graph
from workloads.operators.rule import KINDS
from workloads.tables import GraphTables

#: Operator kinds that have multiply-accumulate nests an array can run; the others go to the host or a vector unit.
ARRAY_KINDS = frozenset({"convolution", "depthwise", "fully_connected", "matmul", "recurrent", "attention"})

#: Kind of array -> the dataflows its model knows.
KIND_DATAFLOWS: Mapping[str, tuple[str, ...]] = {
    "row_stationary": ("rs",),
    "spatial": ("is", "nlr", "os", "os_a", "os_b", "os_c", "rs", "ws"),
    "systolic": tuple(SYSTOLIC_DATAFLOWS),
    "tile_engine": ("ws",),
}

#: Operator kinds an array may do to results on their way out, where its file says so.
FUSIBLE_KINDS = ("activation", "normalization")

#: Energy of one word relative to one MAC (Chen, Emer, Sze, ISCA 2016, table IV): what the mapping objective weighs words by.
RELATIVE_ENERGY = {"dram": 200.0, "buffer": 6.0, "array": 2.0}


def supports(unit: ArrayUnit, kind: str) -> bool:
    """True where an operator of this kind runs on the array itself.

    >>> supports(ArrayUnit("npu", "systolic", 1e9, ("int8",), "max", None, (), ()), "pooling")
    False
    """
    return kind in ARRAY_KINDS and (not unit.operators or kind in unit.operators)


def level(device: Device, unit: ArrayUnit, position: int) -> MemoryLevel:
    """Memory of the array, from the array outward (0: the buffer beside it, -1: DRAM)."""
    if not unit.levels:
        raise MappingError(
            f"unit '{unit.name}': it names no levels; an array needs the memories it works from, e.g. levels: [buffer, dram]"
        )
    return device.memories[unit.levels[position]]


def dram_link(device: Device, unit: ArrayUnit) -> tuple[float, float]:
    """Bandwidth [B/s] and latency [s] between DRAM and the buffer: of the link that joins them, else of the memory itself."""
    dram = level(device, unit, -1)
    for link in device.links.values():
        if dram.name in (link.source, link.target):
            return _rates(link)
    if dram.read_bandwidth_bytes_per_s is None:
        raise MappingError(f"unit '{unit.name}': no link to '{dram.name}' and no read_bandwidth there; one of them is needed")
    return dram.read_bandwidth_bytes_per_s, dram.latency_s


def _rates(link: Link) -> tuple[float, float]:
    return link.bandwidth_bytes_per_s, link.latency_s


def lanes(unit: ArrayUnit) -> float:
    """Element operations per cycle beside the array; one per column where the file names none (assumed)."""
    return float(unit.parameters.get("lanes", unit.columns))


def special_cycles(unit: ArrayUnit) -> float:
    """Lane cycles of one exp, division and the like; 8 where the file names none (assumed)."""
    return float(unit.parameters.get("special_cycles", 8.0))


def systolic_rates(device: Device, unit: ArrayUnit) -> SystolicRates:
    """Rates of a systolic unit; ports of unknown width are taken as wide as the edge of the array."""
    scratchpad = level(device, unit, 0)
    bandwidth, latency = dram_link(device, unit)
    return SystolicRates(
        unit.frequency_hz,
        scratchpad.read_bandwidth_bytes_per_s or math.inf,
        scratchpad.write_bandwidth_bytes_per_s or scratchpad.read_bandwidth_bytes_per_s or math.inf,
        bandwidth,
        latency,
        lanes(unit),
    )


def systolic_shape(device: Device, unit: ArrayUnit) -> SystolicShape:
    """Geometry of a systolic unit. Partial sums are 32 bit wide where the file does not say (assumed)."""
    capacity = level(device, unit, 0).capacity_bytes
    return SystolicShape(
        unit.rows,
        unit.columns,
        unit.macs_per_element,
        capacity if capacity is not None else 2**62,
        int(unit.parameters.get("accumulator_bits", 32)),
    )


def row_stationary_rates(device: Device, unit: ArrayUnit) -> RowStationaryRates:
    """Rates of a row-stationary unit."""
    bandwidth, _ = dram_link(device, unit)
    weights, inputs, outputs = (
        _needed(unit.bus_words_per_cycle, tensor, unit, "bus_words_per_cycle") for tensor in ("weights", "inputs", "outputs")
    )
    return RowStationaryRates(
        unit.frequency_hz,
        weights,
        inputs,
        outputs,
        float(unit.parameters.get("window_factor", 1.0)),
        bandwidth,
        lanes(unit),
    )


def row_stationary_array(device: Device, unit: ArrayUnit) -> RowStationaryArray:
    """Geometry of a row-stationary unit; ``feature_map_banks`` of its first level hold inputs and partial sums."""
    buffer = level(device, unit, 0)
    if buffer.capacity_bytes is None:
        raise MappingError(f"memory '{buffer.name}': no capacity; a global buffer needs one")
    if buffer.capacity_bytes < buffer.banks * max(1, unit.word_bits // 8):
        raise MappingError(
            f"memory '{buffer.name}': {buffer.capacity_bytes} B in {buffer.banks} banks; a word in each bank at least"
        )
    rates = row_stationary_rates(device, unit)
    words = {name: int(_needed(unit.element_memories, name, unit, "element_memories")) for name in ("weights", "inputs", "outputs")}
    return RowStationaryArray(
        rows=unit.rows,
        columns=unit.columns,
        filter_words=words["weights"],
        input_words=words["inputs"],
        psum_words=words["outputs"],
        banks=int(unit.parameters.get("feature_map_banks", buffer.banks)),
        bank_bytes=buffer.capacity_bytes // buffer.banks,
        word_bytes=max(1, unit.word_bits // 8),
        bus_weights=rates.weights_words_per_cycle,
        bus_inputs=rates.inputs_words_per_cycle,
        bus_outputs=rates.outputs_words_per_cycle,
        window_factor=rates.window_factor,
        dram_weight=RELATIVE_ENERGY["dram"],
        buffer_weight=RELATIVE_ENERGY["buffer"],
        array_weight=RELATIVE_ENERGY["array"],
    )


def _needed(table: Mapping[str, float], name: str, unit: ArrayUnit, field: str) -> float:
    value = table.get(name)
    if value is None:
        raise MappingError(f"unit '{unit.name}': {field} has no '{name}'; a {unit.kind} array needs it")
    return float(value)


def chosen_dataflow(unit: ArrayUnit, settings: UnitSettings) -> str:
    """The dataflow of a run: asked for, else the unit's first; ``best`` is always allowed.

    Raises
    ------
    MappingError
        A dataflow the unit does not list, unless ``settings.hypothetical`` and the kind of array can do it.
    """
    known = KIND_DATAFLOWS[unit.kind]
    able = unit.dataflows or known
    asked = settings.dataflow or able[0]
    if asked == "best" or asked in able or (settings.hypothetical and asked in known):
        return asked
    lever = "" if settings.hypothetical else "; --hypothetical allows it"
    raise MappingError(f"unit '{unit.name}': dataflow '{asked}'; this {unit.kind} array does {', '.join(able)}{lever}")


#: Operators whose element operations run between their products; elsewhere they are done on the way out of the array.
_INNER_KINDS = tuple(KINDS.index(kind) for kind in ("attention", "recurrent"))


def element_operations(tables: GraphTables, unit: ArrayUnit, mine: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Lane operations inside attention and recurrent operators: simple ones, and special ones times their cycles."""
    operators = tables.operators
    inner = np.isin(operators.kind, _INNER_KINDS) & np.asarray(mine)
    return np.where(inner, operators.element_operations + special_cycles(unit) * operators.special_operations, 0.0)


def done_on_the_way_out(graph: Graph, tables: GraphTables, unit: ArrayUnit, mine: NDArray[np.bool_]) -> Mapping[int, int]:
    """Operators an array does to results on their way out -> the operator they joined, of those marked in ``mine``.

    Empty where the unit's ``fuses`` is.
    """
    return fused_operators(graph, tables, unit, np.asarray(mine)).into if unit.fuses else {}


def fusible(tables: GraphTables) -> NDArray[np.bool_]:
    """Operators of a kind that may be done to results on their way out of an array."""
    return np.isin(tables.operators.kind, [KINDS.index(kind) for kind in FUSIBLE_KINDS])


def joined_operations(tables: GraphTables, unit: ArrayUnit, into: Mapping[int, int]) -> NDArray[np.float64]:
    """Lane operations of joined operators, at the operator they joined: energy, not time."""
    operators = tables.operators
    total = np.zeros(len(operators.kind))
    for i, host in into.items():
        total[host] += operators.element_operations[i] + special_cycles(unit) * operators.special_operations[i]
    return total


def joined_details(graph: Graph, into: Mapping[int, int]) -> dict[int, Mapping[str, object]]:
    """What is told of joined operators: whom they joined."""
    return {i: {"fused_into": graph.operators[host].name} for i, host in into.items()}


def memory_joules(memory: MemoryLevel) -> tuple[float, float]:
    """Energy of one byte read and written [J/B]; a memory with one figure has it for both, NaN where there is none."""
    read = memory.read_energy_j_per_byte
    written = memory.write_energy_j_per_byte
    first = read if read is not None else written
    second = written if written is not None else read
    return (first if first is not None else math.nan, second if second is not None else math.nan)


def off_chip(device: Device) -> bool:
    """True where the device's energies include DRAM: its energy scope is more than the chip."""
    return device.energy_scope != "chip"


def sum_rows(rows: NDArray[np.float64], operator: NDArray[np.int64], operators: int) -> NDArray[np.float64]:
    """Rows of nests summed per operator; operators without nests are zero."""
    total = np.zeros((operators, rows.shape[1]))
    np.add.at(total, operator, rows)
    return total
