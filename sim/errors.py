"""What can be wrong with a schedule, and with what is simulated beside it."""

from __future__ import annotations


class ScheduleError(ValueError):
    """A plan or schedule that cannot be carried out: unknown unit or resource, a cycle, a type the unit cannot compute."""


class CacheError(ValueError):
    """A cache level or an address stream that cannot be."""
