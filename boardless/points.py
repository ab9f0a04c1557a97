"""Points of a space -> blocks of rows: many device fields of one network at once where they only change rates, else one by one.

``rates_of`` finds out, once per device and settings, whether the fields of a space only change numbers of the unit that the
compiled batch takes as columns; a chunk of points that differ in such fields alone is one batch, whose first and last point are
held against the estimate of that one point. Whatever cannot be batched is estimated point by point.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boardless import session
from boardless.objectives import dram_bytes
from boardless.refusals import describe
from boardless.results import Result
from boardless.row_store import KEY_BYTES, Block, block_line
from boardless.space import Axis, Group
from hwmodels.catalog import is_path
from hwmodels.device import ComputeUnit, Device
from hwmodels.reader import load_device
from sim.batch import KERNELS, POWER, batch_estimates
from sim.schedule import Schedule
from workloads.graph import Graph
from workloads.readers import load_network

#: Folders whose files decide what a row says.
DECIDING = ("workloads", "hwmodels", "dataflows", "sim", "strategies", "boardless")
OK, FAILED = "ok", "failed"
#: Stands for a power that is not known: equal to itself, unlike what is not a number.
UNKNOWN_POWER = -1.0
#: Network that fields are tried on: what rates a unit has does not depend on what it runs.
PROBE = "lenet5"

Columns = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Common:
    """What holds for every point of a run.

    Attributes
    ----------
    devices, networks : tuple of str
        Paths added to the catalogues.
    settings : Mapping
        Settings that the space does not vary.
    digest : str
        Of the product and of the added files: rows made by other ones are not taken up.
    """

    devices: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    settings: Mapping[str, Any] | None = None
    digest: str = ""


@dataclass(frozen=True)
class Task:
    """Some points of one group.

    Attributes
    ----------
    places : sequence of int
        Counted from the group's first point.
    rates : Mapping of str to Columns, or None
        Axis path -> parameter of the unit -> one value per value of the axis; None where the points go one by one.
    """

    group: Group
    places: Sequence[int]
    common: Common
    rates: Mapping[str, Columns] | None = None


@dataclass(frozen=True)
class Answer:
    """The block of a task as a line of the store, and how it went."""

    line: bytes
    points: int
    failed: int


def product_digest(extra: Sequence[str | Path] = ()) -> str:
    """Digest of everything that decides what a row says: the product's own code and data, and added files."""
    digest = hashlib.blake2b(_own_digest(), digest_size=KEY_BYTES)
    for path in extra:
        for file in sorted(Path(path).rglob("*")) if Path(path).is_dir() else [Path(path)]:
            if file.is_file():
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


@functools.cache
def _own_digest() -> bytes:
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.blake2b(digest_size=KEY_BYTES)
    for folder in DECIDING:
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in (".py", ".yaml", ".csv", ".txt") and file.is_file():
                digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return digest.digest()


def keys_of(group: Group, places: Sequence[int], common: Common) -> bytes:
    """Content address of each point: 16 bytes each, joined."""
    said = [
        common.digest, _address(group.network), _address(group.device), dict(common.settings or {}), dict(group.settings),
        group.strategies,
    ]  # fmt: skip
    start = hashlib.blake2b(json.dumps(said, sort_keys=True, default=str).encode(), digest_size=KEY_BYTES)
    paths = json.dumps([axis.path for axis in group.axes])
    start.update(paths.encode())
    shape, values = group.shape, [axis.values for axis in group.axes]
    found = []
    for indices in _unravelled(places, shape):
        key = start.copy()
        key.update("\x00".join([column[i] for column, i in zip(values, indices, strict=True)]).encode())
        found.append(key.digest())
    return b"".join(found)


def _unravelled(places: Sequence[int], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    if not shape:
        return [() for _ in places]
    return list(zip(*(column.tolist() for column in np.unravel_index(np.asarray(places, np.int64), shape)), strict=True))


def _address(spec: str) -> str:
    """A name as it stands; a file by its content."""
    path = Path(spec)
    if not (is_path(spec) or path.suffix) or not path.is_file():
        return spec
    return hashlib.blake2b(path.read_bytes(), digest_size=KEY_BYTES).hexdigest()


def evaluate(task: Task) -> Answer:
    """The rows of a task; a point that cannot be answered is a row with the reason."""
    rows = None
    if task.rates is not None and len(task.places) > 1:
        rows = _batch(task)
    return _answer(task, *(_columns([_point(task, place) for place in task.places]) if rows is None else rows))


def failed_answer(task: Task, reason: str) -> Answer:
    """The answer of a task that could not even be tried: every point failed, for one reason."""
    return _answer(task, *_columns([_head(task, place) | {"status": FAILED, "reason": reason} for place in task.places]))


def _answer(task: Task, constant: dict[str, Any], columns: dict[str, list[Any]]) -> Answer:
    """The rows of a task under their content addresses."""
    keys = keys_of(task.group, task.places, task.common)
    block = Block(constant, columns, [keys[i : i + KEY_BYTES].hex() for i in range(0, len(keys), KEY_BYTES)])
    return Answer(block_line(block), len(block.keys), sum(state == FAILED for state in block.column("status")))


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Rows as what they share and a list per figure that differs."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    constant: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    for name in names:
        column = [row.get(name) for row in rows]
        if all(value == column[0] and type(value) is type(column[0]) for value in column):
            constant[name] = column[0]
        else:
            columns[name] = column
    return constant, columns


def _head(task: Task, place: int) -> dict[str, Any]:
    """What was asked of one point."""
    group = task.group
    fields_asked = {f"{group.device}.{path}": value for path, value in group.at(place).items()}
    return {
        "network": group.network,
        "device": group.device,
        "strategies": " ".join(group.strategies),
        **group.settings,
        **fields_asked,
    }


def _point(task: Task, place: int) -> dict[str, Any]:
    """One row, from one estimate."""
    try:
        return _head(task, place) | figures(_estimated(task, place))
    except Exception as error:
        return _head(task, place) | {"status": FAILED, "reason": describe(error)}


def _estimated(task: Task, place: int) -> Result:
    group, common = task.group, task.common
    settings = {**(common.settings or {}), **group.settings}
    device = load_device(group.device, {**(settings.get("set") or {}), **group.at(place)}, common.devices)
    graph = _network(group.network, common.networks, _loading(settings))
    rest = {name: value for name, value in settings.items() if name not in ("set", *LOADING)}
    found: Result = session.estimate(graph, device, strategy=list(group.strategies), **rest)
    return found


#: Settings that decide how a network is read; the graph is kept for the next point.
LOADING = ("dim", "allow_unmodelled", "fold", "format", "context", "phase")


def _loading(settings: Mapping[str, Any]) -> str:
    return json.dumps(
        {name: settings[name] for name in (*LOADING, "batch", "dtype") if settings.get(name) is not None}, default=str
    )


@functools.lru_cache(maxsize=4)
def _network(spec: str, paths: tuple[str, ...], loading: str) -> Graph:
    """A network, read once for all points that follow."""
    asked = json.loads(loading)
    graph = load_network(
        spec, batch=asked.get("batch"), dims=asked.get("dim"), dtype=asked.get("dtype"), fold=asked.get("fold", True),
        allow_unmodelled=asked.get("allow_unmodelled", False), format=asked.get("format"), context=asked.get("context"),
        phase=asked.get("phase"), catalogue_paths=paths,
    )  # fmt: skip
    return graph.replace(settings={**graph.settings, "fold": asked.get("fold", True)})


def figures(result: Result) -> dict[str, Any]:
    """The figures of one estimate as one flat row; names as in its JSON form, nested ones joined by dots."""
    interval = result.latency_interval_s or (None, None)
    settings = {name: result.settings.get(name) for name in ("batch", "dtype", "dtype_assumed", "threads", "unit", "runtime")}
    memory = {f"memory.{name}.peak_bytes": use.peak_bytes for name, use in result.memory.items()}
    flash = [use.peak_bytes for use in result.memory.values() if use.kind == "flash"]
    return {
        **settings, "status": OK, "reason": "; ".join(str(shortfall) for shortfall in result.shortfalls) or None,
        "macs": result.macs, "weights_bytes": result.weights_bytes,
        "latency_s": result.latency_s, "latency_interval_low_s": interval[0], "latency_interval_high_s": interval[1],
        "energy_j": result.energy_j, "energy_scope": result.energy_scope,
        "activations_peak_bytes": result.activations_peak_bytes, "flash_bytes": sum(flash) if flash else None,
        "dram_bytes": dram_bytes(result), "fits": result.fits, "profile": result.profile, "bound": _bound(result), **memory,
    }  # fmt: skip


def _bound(result: Result) -> str:
    """The phase that takes most of all operators' time."""
    spent: dict[str, float] = {}
    for row in result.operators:
        for phase, seconds in row.phases:
            spent[phase] = spent.get(phase, 0.0) + seconds
    return max(spent, key=lambda phase: spent[phase]) if spent else "none"


def _batch(task: Task) -> tuple[dict[str, Any], dict[str, list[Any]]] | None:
    """All points of a task by one compiled batch; None where it does not apply after all."""
    assert task.rates is not None
    try:
        results = [_estimated(task, place) for place in (task.places[0], task.places[-1])]
    except Exception:  # whatever it is, the points say it one by one
        return None
    first, last = (
        _head(task, place) | figures(result) for place, result in zip((task.places[0], task.places[-1]), results, strict=True)
    )
    schedule = results[0].schedule
    assert schedule is not None
    indices = np.unravel_index(np.asarray(task.places, np.int64), task.group.shape)
    overrides: dict[str, NDArray[np.float64]] = {}
    for axis, chosen in zip(task.group.axes, indices, strict=True):
        for name, column in task.rates[axis.path].items():
            overrides[name] = column[chosen]
    try:
        found = batch_estimates(schedule, overrides)
    except ValueError:
        return None
    columns: dict[str, list[Any]] = {
        f"{task.group.device}.{axis.path}": [axis.values[i] for i in chosen.tolist()]
        for axis, chosen in zip(task.group.axes, indices, strict=True)
    }
    columns["latency_s"] = found.latency_s.tolist()
    if first["energy_j"] is not None:
        columns["energy_j"] = found.energy_j.tolist()
    columns["bound"] = [found.phases[i] for i in found.phase_ps.argmax(axis=1).tolist()]
    same = {name: value for name, value in first.items() if name not in columns}
    agrees = all(
        _alike(row[name], column[place]) for row, place in ((first, 0), (last, -1)) for name, column in columns.items()
    ) and all(last[name] == value for name, value in same.items())  # fmt: skip
    return (same, columns) if agrees else None


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9)
    return bool(one == other)


def rates_of(group: Group, common: Common) -> Mapping[str, Columns] | None:
    """Axis -> parameter of the unit -> one value per value of the axis; None where a field changes more than rates of the unit.

    Every value of every axis is lowered once, alone, on a small network: the device may differ in the unit's own numbers only, the
    counts not at all, and no two axes may touch the same number.
    """
    if not group.axes or group.strategies:
        return None
    try:
        return _rates(group, common)
    except ValueError:
        return None


def _rates(group: Group, common: Common) -> Mapping[str, Columns] | None:
    base = _probed(group, common, {})
    if len(base.work) != 1 or next(iter(base.work.values())).kind not in KERNELS:
        return None
    found: dict[str, Columns] = {}
    for axis in group.axes:
        column = _axis_rates(group, common, axis, base)
        if column is None or any(name in other for other in found.values() for name in column):
            return None
        found[axis.path] = column
    together = _numbers(_probed(group, common, group.at(group.size - 1)))
    joined = {name: float(column[-1]) for columns in found.values() for name, column in columns.items()}
    return found if together == {**_numbers(base), **joined} else None


def _axis_rates(group: Group, common: Common, axis: Axis, base: Schedule) -> Columns | None:
    numbers = []
    for value in axis.values:
        probed = _probed(group, common, {axis.path: value})
        if not _only_numbers_differ(base, probed):
            return None
        numbers.append(_numbers(probed))
    before = _numbers(base)
    touched = [name for name in before if any(row[name] != before[name] for row in numbers)]
    return {name: np.array([row[name] for row in numbers]) for name in touched}


def _probed(group: Group, common: Common, changes: Mapping[str, str]) -> Schedule:
    settings = {**(common.settings or {}), **group.settings}
    device = load_device(group.device, {**(settings.get("set") or {}), **changes}, common.devices)
    kept = {name: settings[name] for name in ("unit", "threads", "runtime", "profile", "dtype") if settings.get(name) is not None}
    schedule = session.estimate(PROBE, device, **kept).schedule
    assert schedule is not None
    return schedule


def _numbers(schedule: Schedule) -> dict[str, float]:
    """What the compiled batch takes as columns."""
    (work,) = schedule.work.values()
    power = schedule.units[schedule.plan.unit].active_power_w
    found = {name: float(value) for name, value in work.parameters._asdict().items()}
    return {**found, POWER: UNKNOWN_POWER if power is None else power}


def _only_numbers_differ(base: Schedule, other: Schedule) -> bool:
    """True where two devices differ in numbers of the unit in use alone, and the counts start from the same tables."""
    name = base.plan.unit
    devices = [_without(schedule.device, name) for schedule in (base, other)]
    units = [base.units[name], other.units[name]]
    return devices[0] == devices[1] and _frame(units[0]) == _frame(units[1])


def _without(device: Device, unit: str) -> Device:
    """A device without the unit in use, without what is said about its values, and without the speeds of its memories.

    On one unit all times are amounts times prices of the unit's own numbers: a memory's speed tells only through those.
    """
    units = {name: one for name, one in device.units.items() if name != unit}
    memories = {
        name: replace(level, read_bandwidth_bytes_per_s=None, write_bandwidth_bytes_per_s=None, latency_s=0.0)
        for name, level in device.memories.items()
    }
    return replace(device, units=units, memories=memories, overrides={}, sources={})


def _frame(unit: ComputeUnit) -> dict[str, Any]:
    """Everything of a unit that is no number."""
    assert is_dataclass(unit)
    values = {f.name: getattr(unit, f.name) for f in fields(unit)}
    return {name: value for name, value in values.items() if isinstance(value, bool) or not isinstance(value, int | float)}
