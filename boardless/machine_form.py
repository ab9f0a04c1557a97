"""Results as JSON: SI units, the unit in the key, null for what is not known with its reason, the same bytes for the same input."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dataflows.footprint import Lever, Shortfall
from sim.results import Estimate, MemoryUse, Missing, OperatorEstimate

FORMAT = 1


def json_text(value: Any) -> str:
    """JSON with keys in the order given; not a number and infinity are refused, as JSON has neither.

    >>> json_text({"latency_s": 0.5})
    '{\\n  "latency_s": 0.5\\n}\\n'
    """
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Mappings, tuples and numpy numbers as plain JSON values; a string for anything else."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        entries = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain(entry) for entry in entries]
    return value.item() if hasattr(value, "item") else str(value)


def head(estimate: Estimate) -> dict[str, Any]:
    """Everything but the operators: the part that ``estimate``, ``simulate`` and ``memory`` share."""
    interval = estimate.latency_interval_s
    form: dict[str, Any] = {
        "format": FORMAT,
        "network": estimate.network,
        "device": estimate.device,
        "settings": plain(estimate.settings),
        "method": estimate.method,
        "coverage": {
            "operators": estimate.coverage.operators,
            "modelled": estimate.coverage.modelled,
            "unmodelled": list(estimate.coverage.unmodelled),
            "macs_share": estimate.coverage.macs_share,
        },
        "macs": estimate.macs,
        **({"macs_is_lower_bound": True} if estimate.coverage.unmodelled else {}),
        "weights_bytes": estimate.weights_bytes,
        "latency_s": estimate.latency_s,
        "latency_interval_s": list(interval) if interval else None,
        "interval": estimate.interval,
        "interval_basis": estimate.interval_basis,
        "energy_j": estimate.energy_j,
        "energy_scope": estimate.energy_scope,
        "missing": [{"field": entry.field, "reason": entry.reason} for entry in reasons(estimate)],
        "memory": {name: _memory(use) for name, use in estimate.memory.items()},
        "activations_peak_bytes": estimate.activations_peak_bytes,
        "profile": estimate.profile,
        "fits": estimate.fits,
        **({"hypothetical": True} if estimate.hypothetical else {}),
        "shortfalls": [_shortfall(entry) for entry in estimate.shortfalls],
        "overlap_s": estimate.overlap_s,
        **({"waited_s": estimate.waited_s} if estimate.waited_s else {}),
        "host_share": host_share(estimate),
        **plain(estimate.extra),
    }
    if estimate.notes:
        form["notes"] = list(estimate.notes)
    return form


def as_dict(estimate: Estimate) -> dict[str, Any]:
    """The whole estimate: head and a row per operator."""
    return {**head(estimate), "operators": operators(estimate)}


def operators(estimate: Estimate) -> list[dict[str, Any]]:
    """A row per operator."""
    return [_operator(row) for row in estimate.operators]


def reasons(estimate: Estimate) -> tuple[Missing, ...]:
    """Why each null field is null; a field that nobody gave a reason for gets the general one."""
    said = {entry.field for entry in estimate.missing}
    general = []
    if estimate.latency_interval_s is None and "latency_interval_s" not in said:
        general.append(Missing("latency_interval_s", "none was learnt for this kind of unit"))
    if estimate.energy_j is None and "energy_j" not in said:
        general.append(Missing("energy_j", "the device file gives no power or energy for a unit that works here"))
    if "utilization" not in said and any(
        "cycles" in row.details and row.details.get("utilization") is None for row in estimate.operators
    ):
        general.append(Missing("utilization", "no peak of multiply-accumulates is stated for a unit that works here"))
    for name, use in estimate.memory.items():
        field = f"memory.{name}.capacity_bytes"
        if use.capacity_bytes is None and field not in said:
            general.append(Missing(field, "the device file gives no capacity"))
    return (*estimate.missing, *general)


def host_share(estimate: Estimate) -> float:
    """Share of the operators' time spent on another unit than the one asked for."""
    total = sum(row.latency_s for row in estimate.operators)
    main = estimate.settings.get("unit")
    elsewhere = sum(row.latency_s for row in estimate.operators if main is not None and row.unit != main)
    return elsewhere / total if total > 0 else 0.0


def _memory(use: MemoryUse) -> dict[str, Any]:
    return {
        "kind": use.kind,
        "peak_bytes": use.peak_bytes,
        "weights_bytes": use.weights_bytes,
        "activations_bytes": use.activations_bytes,
        "overhead_bytes": use.overhead_bytes,
        "capacity_bytes": use.capacity_bytes,
        "fits": use.fits,
    }


def _shortfall(entry: Shortfall) -> dict[str, Any]:
    return {
        "level": entry.level,
        "needed_bytes": entry.needed_bytes,
        "capacity_bytes": entry.capacity_bytes,
        "missing_bytes": entry.missing_bytes,
        "operator": entry.operator,
        "largest": [{"tensor": name, "bytes": held} for name, held in entry.largest],
        "levers": [_lever(lever, entry) for lever in entry.levers],
    }


def _lever(lever: Lever, entry: Shortfall) -> dict[str, Any]:
    form: dict[str, Any] = {"strategy": lever.strategy, "needed_bytes": lever.needed_bytes}
    form["fits"] = lever.needed_bytes <= entry.capacity_bytes
    return form | ({"latency_s": lever.latency_s} if lever.latency_s is not None else {})


def _operator(row: OperatorEstimate) -> dict[str, Any]:
    form: dict[str, Any] = {
        "name": row.name,
        "op": row.op,
        "kind": row.kind,
        "unit": row.unit,
        "macs": row.macs,
        "latency_s": row.latency_s,
        "energy_j": row.energy_j,
        "bound": row.bound if row.phases else None,
        "join": row.join,
        "phases": [[phase, duration] for phase, duration in row.phases],
    }
    if row.start_s is not None:
        form |= {"start_s": row.start_s, "wait_s": row.wait_s}
    form["bytes"] = {level: {"read": read, "written": written} for level, (read, written) in row.bytes.items()}
    details = dict(row.details)
    if "cycles" in details:
        form |= {key: plain(details.pop(key, None)) for key in ("cycles", "utilization", "dataflow")}
    return form | {key: plain(entry) for key, entry in details.items() if key not in form}
