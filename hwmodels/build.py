"""Checked fields -> the dataclasses of ``device.py``, with what follows from other fields filled in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hwmodels.costs.power import power_at_clock
from hwmodels.device import ArrayUnit, ComputeUnit, CpuUnit, GpuUnit, Link, McuUnit, MemoryLevel, PowerState, VectorUnit
from hwmodels.provenance import Source
from hwmodels.schema import (
    ArrayFields,
    CpuFields,
    Fields,
    GpuFields,
    LinkFields,
    McuFields,
    MemoryFields,
    PowerFields,
    UnitFields,
    attribute_of,
    fields_of,
)

UNIT_TYPES: Mapping[str, type[ComputeUnit]] = {
    "cpu": CpuUnit,
    "gpu": GpuUnit,
    "mcu": McuUnit,
    "row_stationary": ArrayUnit,
    "systolic": ArrayUnit,
    "spatial": ArrayUnit,
    "tile_engine": ArrayUnit,
    "vector": VectorUnit,
}
#: How the phases of an operator join where the file does not say: one after the other but for double-buffered arrays.
JOINS: Mapping[str, str] = {"spatial": "max", "systolic": "max"}
SMALLEST_L2_BYTES = 32 * 1024.0

Sources = dict[str, Source]


def arguments(fields: Fields) -> dict[str, Any]:
    """Constructor arguments of the dataclass that a section becomes."""
    found: dict[str, Any] = {}
    for name, info in fields_of(type(fields)).items():
        value = getattr(fields, "from_" if name == "from" else name)
        found[attribute_of(name, info)] = MappingProxyType(dict(value)) if isinstance(value, dict) else value
    return found


def memory(name: str, fields: MemoryFields) -> MemoryLevel:
    """One memory."""
    given = arguments(fields)
    given["kind"] = fields.kind or name
    given["word_bits"] = None if fields.word_width is None else round(fields.word_width * 8)
    return MemoryLevel(name=name, **given)


def link(name: str, fields: LinkFields) -> Link:
    """One link."""
    return Link(name=name, **arguments(fields))


def power_state(name: str, fields: PowerFields) -> PowerState:
    """One power state."""
    return PowerState(name=name, **arguments(fields))


def unit(name: str, fields: UnitFields, memories: Mapping[str, MemoryLevel], sources: Sources) -> ComputeUnit:
    """One compute unit; memory lists, cache sizes and DRAM rate that the file leaves out follow from the memories."""
    given = arguments(fields)
    given["join"] = fields.join or JOINS.get(fields.kind, "sum")
    given["weights_in"] = fields.weights_in or _weights_in(memories)
    given["activations_in"] = fields.activations_in or _activations_in(memories)
    if isinstance(fields, ArrayFields):
        given["rows"], given["columns"] = given.pop("shape")
        given["word_bits"] = round(fields.word_width * 8)
        given["levels"] = fields.levels or tuple(m.name for m in memories.values() if m.addressable)
    if isinstance(fields, McuFields) and fields.active_power is None and fields.active_power_per_frequency is not None:
        given["active_power_w"] = power_at_clock(fields.active_power_per_frequency, fields.frequency)
        _follow(sources, f"units.{name}.active_power", f"units.{name}.active_power_per_frequency")
    if isinstance(fields, CpuFields | GpuFields):
        _follow_memories(f"units.{name}", fields, given, memories, sources)
    if isinstance(fields, GpuFields):
        given.pop("core")
        given["architecture"] = fields.architecture or fields.core
    return UNIT_TYPES[fields.kind](name=name, **given)


def _weights_in(memories: Mapping[str, MemoryLevel]) -> tuple[str, ...]:
    """Flash where there is some, else DRAM, else every addressable memory."""
    for kind in ("flash", "dram"):
        found = tuple(m.name for m in memories.values() if m.kind == kind)
        if found:
            return found
    return tuple(m.name for m in memories.values() if m.addressable)


def _activations_in(memories: Mapping[str, MemoryLevel]) -> tuple[str, ...]:
    """DRAM where there is some, else every addressable memory but flash."""
    found = tuple(m.name for m in memories.values() if m.kind == "dram")
    return found or tuple(m.name for m in memories.values() if m.addressable and m.kind != "flash")


def _follow_memories(
    path: str, fields: CpuFields | GpuFields, given: dict[str, Any], memories: Mapping[str, MemoryLevel], sources: Sources
) -> None:
    """L2, last level and DRAM rate as the memories have them."""
    if fields.dram_bandwidth is None:
        name, rate = _dram_rate(memories)
        given["dram_bandwidth_bytes_per_s"] = rate
        _follow(sources, f"{path}.dram_bandwidth", f"memories.{name}.read_bandwidth")
    caches = [memories[cache] for cache in fields.caches]
    if isinstance(fields, GpuFields):
        if fields.l2 is None:
            given["l2_bytes"] = float(caches[-1].capacity_bytes or 0.0) if caches else 0.0
            _follow(sources, f"{path}.l2", f"memories.{caches[-1].name}.capacity" if caches else "")
        return
    if fields.l2 is None:
        second = caches[1] if len(caches) > 1 else (caches[0] if caches else None)
        given["l2_bytes"] = _share(second, fields.cores)
        _follow(sources, f"{path}.l2", f"memories.{second.name}.capacity" if second else "")
    if fields.last_level is None:
        last = float(caches[-1].capacity_bytes or 0.0) if caches else 0.0
        given["last_level_bytes"] = max(last, given["l2_bytes"])
        _follow(sources, f"{path}.last_level", f"memories.{caches[-1].name}.capacity" if caches else "")


def _share(cache: MemoryLevel | None, cores: int) -> float:
    """Bytes of a cache that one core can use; a shared one is divided, and no core has less than 32 KiB."""
    if cache is None or cache.capacity_bytes is None:
        return SMALLEST_L2_BYTES
    return max(cache.capacity_bytes / (1 if cache.per_core else cores), SMALLEST_L2_BYTES)


def _dram_rate(memories: Mapping[str, MemoryLevel]) -> tuple[str, float | None]:
    for memory_level in memories.values():
        if memory_level.kind == "dram" and memory_level.read_bandwidth_bytes_per_s is not None:
            return memory_level.name, memory_level.read_bandwidth_bytes_per_s
    return "", None


def _follow(sources: Sources, path: str, origin: str) -> None:
    """Say that a value follows from another one."""
    of = sources.get(origin)
    if of is not None:
        sources[path] = Source(of.as_written, f"follows {origin}: {of.citation}", of.status)
