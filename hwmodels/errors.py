"""What can be wrong with a description of hardware. Every error is one line: file and line, what stood there, what is expected."""

from __future__ import annotations


class DeviceFileError(ValueError):
    """A device, core, runtime or technology file that cannot be used, or a name that is not in the catalogue."""


class UnitError(DeviceFileError):
    """A quantity that cannot be read or has the wrong dimension; says nothing of where it stood."""
