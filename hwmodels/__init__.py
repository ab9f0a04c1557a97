"""WHAT computes. Knows no network.

A device is data: a file in ``devices/`` with compute units, memories, links and power states, every value with its unit, source
and status. ``schema`` describes the fields, ``reader`` turns a file into a :class:`Device` in SI units, ``costs`` holds every
formula for the seconds and joules of one action. Reading (``hwmodels.reader.load_device``) brings in the validation library and is
therefore not imported here. Cores, runtimes and technologies that several devices share are files of their own, taken in by
reference.
"""

from hwmodels.device import ArrayUnit, ComputeUnit, CpuUnit, Device, GpuUnit, Link, McuUnit, MemoryLevel, PowerState, VectorUnit
from hwmodels.errors import DeviceFileError
from hwmodels.provenance import Source, Status

__all__ = [
    "ArrayUnit", "ComputeUnit", "CpuUnit", "Device", "DeviceFileError", "GpuUnit", "Link", "McuUnit", "MemoryLevel", "PowerState",
    "Source", "Status", "VectorUnit",
]  # fmt: skip
