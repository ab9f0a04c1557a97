"""Seconds of being interrupted."""

from __future__ import annotations

#: Cycles from the request to the first instruction of the handler, and back. 12 on Cortex-M3 and M4 with memory without wait states
#: (Arm, Cortex-M4 Technical Reference Manual, DDI 0439, on exceptions); the way back and other cores: assumed.
ENTRY_CYCLES, EXIT_CYCLES = 12, 10


def interrupt_seconds(frequency_hz: float, handler_cycles: float = 0.0) -> float:
    """Time a core spends on one interrupt: (entry + handler + exit) / frequency.

    >>> interrupt_seconds(100e6)
    2.2e-07
    """
    return (ENTRY_CYCLES + handler_cycles + EXIT_CYCLES) / frequency_hz
