"""Names that a device file uses must name something: memories, units, caches, the host."""

from __future__ import annotations

from collections.abc import Iterable

from hwmodels.device import ArrayUnit, ComputeUnit, CpuUnit, Device, GpuUnit
from hwmodels.document import Entry, nearest
from hwmodels.schema import MEMORY_KINDS


def check_references(root: Entry, device: Device) -> None:
    """Raise :class:`DeviceFileError` for the first name that names nothing."""
    for name, memory in device.memories.items():
        if memory.kind not in MEMORY_KINDS:
            raise _at(root, f"memories.{name}").error(
                f"memories.{name}: 'kind' is missing and '{name}' is no kind of memory",
                f"one of {', '.join(MEMORY_KINDS)} is expected",
            )
    for link_name, link in device.links.items():
        _known(root, f"links.{link_name}.from", [link.source], (*device.memories, *device.units), "a memory or unit")
        _known(root, f"links.{link_name}.to", [link.target], (*device.memories, *device.units), "a memory or unit")
    if device.host is not None:
        _known(root, "host", [device.host], device.units, "a unit")
    for name, unit in device.units.items():
        _check_unit(root, f"units.{name}", unit, device)
    marked = [name for name, unit in device.units.items() if unit.default]
    if len(marked) > 1:
        path = f"units.{marked[1]}.default"
        raise _at(root, path).error(f"{path}: units {' and '.join(marked)} are both marked default", "one default unit is expected")


def _check_unit(root: Entry, path: str, unit: ComputeUnit, device: Device) -> None:
    addressable = tuple(m.name for m in device.memories.values() if m.addressable)
    _known(root, f"{path}.weights_in", unit.weights_in, addressable, "an addressable memory")
    _known(root, f"{path}.activations_in", unit.activations_in, addressable, "an addressable memory")
    caches = tuple(m.name for m in device.memories.values() if m.kind == "cache")
    _known(root, f"{path}.caches", unit.caches, caches, "a memory of kind cache")
    if isinstance(unit, ArrayUnit):
        _known(root, f"{path}.levels", unit.levels, device.memories, "a memory")
    if isinstance(unit, GpuUnit) and unit.host is not None:
        _known(root, f"{path}.host", [unit.host], device.units, "a unit")
    if isinstance(unit, CpuUnit) and unit.fast_cluster is not None:
        smaller = [n for n, u in device.units.items() if isinstance(u, CpuUnit) and u.cores < unit.cores]
        _known(root, f"{path}.fast_cluster", [unit.fast_cluster], smaller, "a cpu unit with fewer cores")
    if isinstance(unit, CpuUnit | GpuUnit) and unit.dram_bandwidth_bytes_per_s is None:
        raise _at(root, path).error(
            f"{path}: 'dram_bandwidth' is missing and no memory of kind dram has a read_bandwidth", "one of the two is expected"
        )


def _known(root: Entry, path: str, names: Iterable[str], known: Iterable[str], what: str) -> None:
    for name in names:
        if name not in set(known):
            raise _at(root, path).error(
                f"{path}: '{name}' is not in this device", f"{what} of this device is expected", nearest(name, known)
            )


def _at(root: Entry, path: str) -> Entry:
    """The entry at a path, or the nearest one above it."""
    here = root
    for step in path.split("."):
        if not isinstance(here.content, dict) or step not in here.content:
            break
        here = here.content[step]
    return here
