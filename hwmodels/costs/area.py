"""Area of the components of an array from their size and process node: SRAM and integer multiply-accumulate units.

SRAM is a fit over a sweep of CACTI 7 (4 KiB to 4 MiB, 32 to 256 bit, 22 to 90 nm, one read/write port, scratchpad mode): all sizes have
about the same area per byte. Arithmetic is that of M. Horowitz, "Computing's energy problem", ISSCC 2014, at 45 nm; wiring, control
and registers come on top on a chip, so areas are for comparing designs with each other.
"""

from __future__ import annotations

#: Area at 45 nm of an 8-bit integer multiplier and of a 32-bit adder [um^2].
MULTIPLIER_UM2, ADDER_UM2 = 282.0, 137.0


def sram_mm2(size_bytes: float, node_nm: float) -> float:
    """Area of an SRAM of at least 4 KiB: 3.60 um^2/B * (node/45)^1.93, mean error 6 % over 220 points [mm^2].

    >>> round(sram_mm2(128 * 1024, 65), 2)
    0.96
    """
    return 3.60e-6 * size_bytes * (node_nm / 45.0) ** 1.93


def mac_mm2(bits: float, node_nm: float) -> float:
    """Area of an integer multiplier, which grows with the square of its width, and its 32-bit adder; scaled as SRAM is [mm^2].

    >>> round(mac_mm2(8, 45) * 1e6)
    419
    """
    return 1e-6 * (MULTIPLIER_UM2 * (bits / 8.0) ** 2 + ADDER_UM2) * (node_nm / 45.0) ** 1.93
