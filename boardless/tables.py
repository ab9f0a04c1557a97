"""Results as data frames: SI units in the column names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from boardless.memory_view import MemoryView
from sim.results import Estimate

if TYPE_CHECKING:
    import pandas

    from boardless.mapping_view import MappingResult


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
