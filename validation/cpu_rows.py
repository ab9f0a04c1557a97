"""Measured rows of CPUs -> vectors of nominal seconds, and what each row belongs to: board, unit, chip, class of core."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataflows.cpu_design import nominal_seconds
from dataflows.cpu_lowering import running_cluster
from dataflows.fusion import fused_operators
from hwmodels.core_tree import core_tree
from hwmodels.costs.cpu import TERM_NAMES, CpuParameters, cpu_parameters
from hwmodels.device import CpuUnit, Device
from hwmodels.reader import load_device
from hwmodels.runtime import load_runtime
from sim.batch import as_records
from validation.measurement import Measurement
from workloads.networks.tabled import table_of
from workloads.readers import load_network
from workloads.tables import GraphTables, NestTable, OperatorTable, graph_tables
from workloads.transforms import retype

Floats = NDArray[np.float64]
Progress = Callable[[str], None]

#: Rows that are left out of fits and tests, by device and type, and why.
EXCLUDED = {
    ("xeon_phi_3120a", ""): "runs without kernels for its vectors, most networks slower with more threads",
    ("z7_lite_7020", "int8"): "no int8 kernels: 10 to 60 times slower than float",
    ("cvitek_sg2000", "int8"): "no int8 kernels: 10 to 60 times slower than float",
}
#: From this day on the runtime computes in fp16 where the core can (yyyymmdd).
HALF_SINCE = 20210101


class Entity(NamedTuple):
    """What has multipliers of its own: the cores that set the pace of a board's runs."""

    device: str
    unit: str
    chip: str
    core: str

    @property
    def core_class(self) -> str:
        """Class of the core; the core itself where the tree does not know it."""
        kin = core_tree().get(self.core)
        return (kin.core_class or kin.family or self.core) if kin else self.core


@dataclass(frozen=True)
class CpuRows:
    """Measured rows as a linear model sees them.

    Attributes
    ----------
    rows : tuple of Measurement
    seconds : float array, rows x 20
        Nominal seconds by term, in the order of TERM_NAMES [s].
    measured : float array
        Seconds measured [s].
    entities : tuple of Entity
    entity : int array
        Index of each row's entity.
    left_out : Mapping of str to int
        Reason -> rows that were left out.
    """

    rows: tuple[Measurement, ...]
    seconds: Floats
    measured: Floats
    entities: tuple[Entity, ...]
    entity: NDArray[np.int64]
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.rows)


def is_cpu_row(row: Measurement) -> bool:
    """True for latencies of inference on a CPU."""
    return row.metric == "latency_s" and row.phase == "infer" and row.unit.startswith("cpu")


def cpu_rows(rows: Iterable[Measurement], progress: Progress | None = None) -> CpuRows:
    """Nominal seconds of every CPU row whose board and network the catalogue has."""
    kept: list[Measurement] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        if not is_cpu_row(row):
            continue
        reason = EXCLUDED.get((row.device, "")) or EXCLUDED.get((row.device, row.dtype))
        if reason:
            left_out[f"{row.device} {row.dtype if (row.device, '') not in EXCLUDED else ''}".strip() + f": {reason}"] += 1
        else:
            kept.append(row)
    units = [unit_of(row) for row in kept]
    entities: dict[Entity, int] = {}
    index = [entities.setdefault(entity_of(row, unit), len(entities)) for row, unit in zip(kept, units, strict=True)]
    seconds = _seconds(kept, units, progress)
    measured = np.array([row.value for row in kept])
    return CpuRows(tuple(kept), seconds, measured, tuple(entities), np.array(index, np.int64), dict(left_out))


def entity_of(row: Measurement, unit: CpuUnit) -> Entity:
    """Whose multipliers a row tells about."""
    return Entity(row.device, unit.name, row.chip or board(row.device).chip or row.device, unit.core)


@functools.lru_cache(maxsize=512)
def board(name: str) -> Device:
    """A device of the catalogue, read once."""
    return load_device(name)


def unit_of(row: Measurement) -> CpuUnit:
    """The cores that set the pace of a row: the unit it names, or its fast cluster while the threads fit on it."""
    device = board(row.device)
    wanted = {"big": "cpu_big", "little": "cpu_little"}.get(row.cores, row.unit or "cpu")
    unit = device.units.get(row.unit if row.unit in device.units else wanted) or device.units.get("cpu")
    assert isinstance(unit, CpuUnit), row.device
    return running_cluster(device, unit, min(row.threads or unit.cores, unit.cores))


def parameters_of(row: Measurement, unit: CpuUnit) -> CpuParameters:
    """Numbers of a unit at data-sheet speed under the runtime of a row's day."""
    runtime = load_runtime(row.runtime if row.runtime else "ncnn")
    date = rules_date(row)
    if date is not None:
        runtime = replace(runtime, costs={**runtime.costs, "rules_date": float(date)})
    found = cpu_parameters(replace(unit, multipliers={}), runtime, row.threads or unit.cores)
    return found._replace(fp16=0) if date is not None and date < HALF_SINCE else found


def rules_date(row: Measurement) -> int | None:
    """Day of the runtime's rules as yyyymmdd, where the row states one."""
    digits = row.runtime_version.replace("-", "")
    return int(digits) if digits.isdigit() and len(digits) == 8 else None


def _seconds(rows: Sequence[Measurement], units: Sequence[CpuUnit], progress: Progress | None) -> Floats:
    """Nominal seconds by term, one network at a time for all rows that ran it."""
    parameters = [parameters_of(row, unit) for row, unit in zip(rows, units, strict=True)]
    members: dict[tuple[str, str, bool], list[int]] = {}
    for i, row in enumerate(rows):
        half = row.dtype.startswith("fp16") or (row.dtype == "int8" and bool(parameters[i].fp16))
        members.setdefault((row.model, "int8" if row.dtype == "int8" else "float", half), []).append(i)
    found = np.zeros((len(rows), len(TERM_NAMES)))
    for number, ((model, kind, half), chosen) in enumerate(members.items(), start=1):
        if progress is not None:
            progress(f"counting {model}, {number} of {len(members)}")
        operators, nests = network_tables(model, kind, half)
        found[chosen] = count(operators, nests, [parameters[i] for i in chosen])
    return found


def count(operators: OperatorTable, nests: NestTable, parameters: Sequence[CpuParameters], compiled: bool = True) -> Floats:
    """Seconds by term of one network on several units, at the multipliers of their parameters [s]."""
    rows = np.zeros((len(parameters), len(TERM_NAMES)))
    space = np.zeros(len(TERM_NAMES)), np.zeros(len(TERM_NAMES)), np.zeros((3, 2), np.int64)
    if not compiled:
        nominal_seconds(operators, nests, parameters, *space, rows)  # type: ignore[arg-type]
        return rows
    kinds: Any = [(n, np.int64 if isinstance(v, int) else np.float64) for n, v in parameters[0]._asdict().items()]
    records = np.recarray(len(parameters), dtype=kinds)
    for i, entry in enumerate(parameters):
        records[i] = tuple(entry)
    nominal_seconds.compiled(as_records(operators), as_records(nests), records, *space, rows)
    return rows


@functools.lru_cache(maxsize=256)
def network_tables(model: str, kind: str, half: bool) -> tuple[OperatorTable, NestTable]:
    """A network as its runtime runs it: quantised where ``kind`` is int8, what is left in float as fp16 where ``half``."""
    quantised = kind == "int8" and table_of(f"{model}_int8") is not None
    graph = load_network(model, dtype="int8" if kind == "int8" else None)
    if kind == "float" and half:
        graph = retype(graph, "fp16")
    tables = graph_tables(graph)
    if quantised and half:
        tables = _halved(tables)
    fused = fused_operators(graph, tables, load_runtime("ncnn"), np.ones(len(graph.operators), np.bool_))
    return fused.operators, tables.nests


def _halved(tables: GraphTables) -> GraphTables:
    """Float operands kept in 16 bit."""
    operators = tables.operators
    activations = np.where(operators.activation_bits == 32, 16.0, operators.activation_bits)
    weights = np.where(operators.weight_bits == 32, 16.0, operators.weight_bits)
    return tables._replace(operators=operators._replace(activation_bits=activations, weight_bits=weights))
