"""Results as data frames: SI units in the column names."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boardless.errors import UsageError
from boardless.memory_view import MemoryView
from boardless.row_store import Block
from sim.results import Estimate

if TYPE_CHECKING:
    import pandas

    from boardless.mapping_view import MappingResult

#: Columns of an exploration that come first; settings and fields, by name, follow them.
ASKED_FIRST = ("network", "device", "strategies")
#: Columns of an exploration that follow the settings and fields; peaks by memory come last.
FOUND = (
    "dtype", "dtype_assumed", "threads", "unit", "runtime", "status", "reason", "macs", "weights_bytes",
    "latency_s", "latency_interval_low_s", "latency_interval_high_s", "energy_j", "energy_scope",
    "activations_peak_bytes", "flash_bytes", "dram_bytes", "fits", "profile", "bound",
)  # fmt: skip


def operators_dataframe(estimate: Estimate) -> pandas.DataFrame:
    """One row per operator: figures, a column per phase, bytes read and written per memory, what the unit tells of it."""
    import pandas

    phases = list(dict.fromkeys(phase for row in estimate.operators for phase, _ in row.phases))
    levels = list(dict.fromkeys(level for row in estimate.operators for level in row.bytes))
    details = list(dict.fromkeys(key for row in estimate.operators for key, value in row.details.items() if _scalar(value)))
    events = estimate.method == "events"
    rows = []
    for row in estimate.operators:
        spent = dict(row.phases)
        entry: dict[str, Any] = {"name": row.name, "op": row.op, "kind": row.kind, "unit": row.unit, "macs": row.macs}
        entry |= {"latency_s": row.latency_s, "energy_j": row.energy_j, "bound": row.bound, "join": row.join}
        entry |= {"start_s": row.start_s, "wait_s": row.wait_s} if events else {}
        entry |= {f"{phase}_s": spent.get(phase, 0.0) for phase in phases}
        for level in levels:
            entry[f"{level}_read_bytes"], entry[f"{level}_written_bytes"] = row.bytes.get(level, (0, 0))
        rows.append(entry | {key: row.details.get(key) for key in details})
    frame = pandas.DataFrame(rows)
    return frame.astype({"energy_j": "float64"}) if rows else frame


def comparison_dataframe(estimates: Sequence[Estimate]) -> pandas.DataFrame:
    """One row per device."""
    import pandas

    return pandas.DataFrame([_summary(estimate) for estimate in estimates])


def _summary(estimate: Estimate) -> dict[str, Any]:
    settings = {key: estimate.settings.get(key) for key in ("unit", "runtime", "dtype", "dtype_assumed", "threads", "batch")}
    return {
        "network": estimate.network,
        "device": estimate.device,
        **settings,
        "method": estimate.method,
        "macs": estimate.macs,
        "weights_bytes": estimate.weights_bytes,
        "latency_s": estimate.latency_s,
        "energy_j": estimate.energy_j,
        "energy_scope": estimate.energy_scope,
        "activations_peak_bytes": estimate.activations_peak_bytes,
        "fits": estimate.fits,
    }


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def buffers_dataframe(view: MemoryView) -> pandas.DataFrame:
    """One row per buffer: tensor, memory, steps, bytes, address."""
    import pandas

    rows = [
        {"tensor": b.tensor, "region": b.region, "lower": b.lower, "upper": b.upper, "size_bytes": b.size, "offset_bytes": b.offset}
        for b in view.buffers
    ]  # fmt: skip
    return pandas.DataFrame(rows)


def layers_dataframe(result: MappingResult) -> pandas.DataFrame:
    """One row per layer on an array: its figures, words read and written by level and tensor."""
    import pandas

    kept = ("name", "dataflow", "macs", "cycles", "stall_cycles", "active_pes", "utilization", "energy_j", "latency_s", "bound_gap")
    rows = []
    for layer in result.layers:
        form = layer.to_dict()
        words = {
            f"{level}_{tensor}_{way}_words": count
            for level, tensors in form["accesses"].items()
            for tensor, ways in tensors.items()
            for way, count in ways.items()
        }
        rows.append({name: form[name] for name in kept} | words)
    return pandas.DataFrame(rows)


def write_rows(path: str | Path, blocks: Callable[[], Iterator[Block]]) -> int:
    """Write the rows of an exploration as .csv or .parquet, block by block, whole or not at all; the number of rows.

    Parameters
    ----------
    path : path
    blocks : callable
        Gives all blocks anew each time it is called: once for the columns and their types, once for the rows.
    """
    path = Path(path)
    writers: dict[str, Callable[[Path, dict[str, type], Iterator[Block]], int]] = {".csv": _write_csv, ".parquet": _write_parquet}
    if path.suffix not in writers:
        raise UsageError(f"-o: '{path.name}'; a file that ends in .csv or .parquet is expected")
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        count = writers[path.suffix](beside, _column_types(blocks()), blocks())
        os.replace(beside, path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; a file that can be written is expected; name another") from None
    finally:
        beside.unlink(missing_ok=True)
    return count


def _column_types(blocks: Iterator[Block]) -> dict[str, type]:
    """Type of each column; in an order that does not depend on how the rows lie in blocks."""
    found: dict[str, set[type]] = {name: set() for name in ASKED_FIRST}
    for block in blocks:
        for name, value in block.constant.items():
            found.setdefault(name, set()).add(type(value))
        for name, column in block.columns.items():
            found.setdefault(name, set()).update(map(type, column))
    return {name: _common_type(found[name] - {type(None)}) for name in sorted(found, key=_place)}


def _place(name: str) -> tuple[int, int, str]:
    """Where a column stands: what was asked, then what was found, then the memories."""
    if name in ASKED_FIRST:
        return 0, ASKED_FIRST.index(name), name
    if name in FOUND:
        return 2, FOUND.index(name), name
    return (3 if name.startswith("memory.") else 1), 0, name


def _common_type(types: set[type]) -> type:
    if len(types) == 1:
        return next(iter(types))
    return float if types == {int, float} else str


def _write_csv(path: Path, columns: dict[str, type], blocks: Iterator[Block]) -> int:
    count = 0
    with path.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for block in blocks:
            writer.writerows(zip(*(block.column(name) for name in columns), strict=True))
            count += len(block.keys)
    return count


def _write_parquet(path: Path, columns: dict[str, type], blocks: Iterator[Block]) -> int:
    import pyarrow
    from pyarrow import parquet

    kinds = {int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_(), str: pyarrow.string()}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for block in blocks:
            arrays = []
            for name, kind in columns.items():
                values = block.column(name)
                arrays.append(pyarrow.array([None if v is None else kind(v) for v in values], kinds[kind]))
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
            count += len(block.keys)
    return count
