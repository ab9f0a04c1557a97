"""What can be wrong with a problem handed to a strategy."""

from __future__ import annotations


class StrategyError(ValueError):
    """A strategy cannot be applied: its name, the reason, and what must come before."""


class ArenaError(StrategyError):
    """A list of buffers, or what is asked of their arena, is impossible."""


class OrderError(StrategyError):
    """An ordering problem, or an order, breaks a rule."""
