"""Work: what one operator has to compute and to move, on any hardware."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """Multiply-accumulates, element operations and bytes of one operator; adds with ``+``.

    Attributes
    ----------
    macs : int
        Multiply-accumulates.
    element_operations : int
        Simple operations per element: add, compare, scale, clamp.
    special_operations : int
        Evaluations of exp, erf, tanh, sqrt, division and the like.
    activation_bytes_read, weight_bytes_read, bytes_written : int
        Each operand once, at stored precision [B].
    """

    macs: int = 0
    element_operations: int = 0
    special_operations: int = 0
    activation_bytes_read: int = 0
    weight_bytes_read: int = 0
    bytes_written: int = 0

    @property
    def bytes_read(self) -> int:
        """Activations and weights read [B]."""
        return self.activation_bytes_read + self.weight_bytes_read

    def __add__(self, other: Work) -> Work:
        return Work(
            self.macs + other.macs,
            self.element_operations + other.element_operations,
            self.special_operations + other.special_operations,
            self.activation_bytes_read + other.activation_bytes_read,
            self.weight_bytes_read + other.weight_bytes_read,
            self.bytes_written + other.bytes_written,
        )
