"""What can be wrong with a schedule."""

from __future__ import annotations


class ScheduleError(ValueError):
    """A plan or schedule that cannot be carried out: unknown unit or resource, a cycle, a type the unit cannot compute."""
