"""Joules of the components of an array from their size and process node: SRAM, multipliers, adders.

The laws are fits, not physics: SRAM over a sweep of CACTI 7 (512 B to 4 MB, 32 to 256 bit, 22 to 90 nm, one read/write port, scratchpad
mode), arithmetic over the figures of M. Horowitz, "Computing's energy problem", ISSCC 2014. Published chips use 1.0 to 2.1 times as
much on the chip; device files carry that factor as ``dynamic_factor``.
"""

from __future__ import annotations


def sram_read_joules(size_bytes: float, word_bits: float, node_nm: float) -> float:
    """Energy of one read of ``word_bits`` from an SRAM of ``size_bytes`` [J].

    1.82 pJ * KiB^0.573 * (bits/64)^0.504 * (node/45)^1.73, mean error 16 % over 225 points from 512 B to 1 MiB.

    >>> round(sram_read_joules(100 * 1024, 64, 65) * 1e12)
    48
    """
    return 1.82e-12 * (size_bytes / 1024.0) ** 0.573 * (word_bits / 64.0) ** 0.504 * (node_nm / 45.0) ** 1.73


def sram_write_joules(size_bytes: float, word_bits: float, node_nm: float) -> float:
    """Energy of one write of ``word_bits`` to an SRAM of ``size_bytes`` [J].

    3.05 pJ * KiB^0.439 * (bits/64)^0.81 * (node/45)^1.80, mean error 8 % over 225 points from 512 B to 1 MiB.

    >>> round(sram_write_joules(1024, 64, 45) * 1e12, 2)
    3.05
    """
    return 3.05e-12 * (size_bytes / 1024.0) ** 0.439 * (word_bits / 64.0) ** 0.81 * (node_nm / 45.0) ** 1.80


def multiply_joules(bits: float, factor: float) -> float:
    """Energy of one integer multiplication: 0.2 pJ * (bits/8)^1.98 at 45 nm and 0.9 V, times the factor of node and supply [J].

    >>> round(multiply_joules(8, 1.0) * 1e12, 3)
    0.2
    """
    return 0.2e-12 * (bits / 8.0) ** 1.98 * factor


def add_joules(bits: float, factor: float) -> float:
    """Energy of one integer addition: 0.0031 pJ * bits at 45 nm and 0.9 V, times the factor of node and supply [J].

    >>> round(add_joules(32, 1.0) * 1e12, 4)
    0.0992
    """
    return 0.0031e-12 * bits * factor


def mac_joules(bits: float, factor: float) -> float:
    """Energy of one multiply-accumulate into a sum of twice the width [J].

    >>> round(mac_joules(16, 1.58) * 1e12, 2)
    1.4
    """
    return multiply_joules(bits, factor) + add_joules(2.0 * bits, factor)


def supply_polynomial(a2: float, a1: float, a0: float, supply_v: float) -> float:
    """Relative energy of a node at a supply voltage: a2*V^2 + a1*V + a0 (Stillmaker and Baas, 2017).

    >>> round(supply_polynomial(3.755, -4.398, 1.975, 1.0), 3)
    1.332
    """
    return a2 * supply_v * supply_v + a1 * supply_v + a0
