"""What can be wrong with a mapping. Every error is one line: where, what stood there, what is expected, the lever."""

from __future__ import annotations


class MappingError(ValueError):
    """A dataflow an array cannot do, a mapping that breaks a limit of the array, or a nest no mapping fits."""
