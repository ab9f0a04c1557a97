"""What can be wrong with measured data."""

from __future__ import annotations


class DatasetError(ValueError):
    """A table of measurements, its description or its aliases that cannot be used: file, row and column, what stood there."""


class FitError(ValueError):
    """A fit that cannot be made from the rows given."""
