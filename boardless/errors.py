"""What a user can ask wrongly. Every error is one line: where, what stood there, what is expected, the nearest name or lever."""

from __future__ import annotations


class UsageError(ValueError):
    """A question that cannot be answered as asked: an unknown name, a value out of range, options that contradict each other."""
