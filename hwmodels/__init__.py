"""WHAT computes. Knows no network.

A device is data: a file in ``devices/`` with compute units, memories, links and power states, every value with its unit, source and
status. ``reader`` turns it into a :class:`Device` in SI units; ``costs`` holds every formula for the seconds and joules of one action.
Cores, runtimes and technologies that several devices share are files of their own, taken in by reference.
"""

from hwmodels.device import ArrayUnit, ComputeUnit, CpuUnit, Device, GpuUnit, Link, McuUnit, MemoryLevel, PowerState, VectorUnit
from hwmodels.errors import DeviceFileError
from hwmodels.provenance import Source, Status

__all__ = [
    "ArrayUnit", "ComputeUnit", "CpuUnit", "Device", "DeviceFileError", "GpuUnit", "Link", "McuUnit", "MemoryLevel", "PowerState",
    "Source", "Status", "VectorUnit",
]  # fmt: skip
