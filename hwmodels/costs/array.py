"""Seconds of the actions of a processing-element array: cycles of the array, words on its buses, bytes to and from its memories.

The counts these prices multiply come from ``dataflows/systolic.py`` and ``dataflows/row_stationary.py``.
"""

from __future__ import annotations

from typing import NamedTuple

from hwmodels.jit import kernel


class SystolicRates(NamedTuple):
    """What the prices of a systolic array read."""

    frequency_hz: float  # clock of the array [Hz]
    scratchpad_read_bytes_per_s: float  # scratchpad to array edge [B/s]; inf where the ports are as wide as the edge
    scratchpad_write_bytes_per_s: float  # array edge to scratchpad [B/s]
    dram_bandwidth_bytes_per_s: float  # DRAM to scratchpad and back, one direction at a time [B/s]
    dram_latency_s: float  # time from request to first byte [s]
    lanes: float  # element operations per cycle beside the array


class RowStationaryRates(NamedTuple):
    """What the prices of a row-stationary array read."""

    frequency_hz: float  # clock of the array [Hz]
    weights_words_per_cycle: float  # filter words into the array per cycle
    inputs_words_per_cycle: float  # input words into the array per cycle
    outputs_words_per_cycle: float  # partial sums in, and as many out, per cycle
    window_factor: float  # times the first input window is paid per pass
    link_bandwidth_bytes_per_s: float  # chip to DRAM [B/s]
    lanes: float  # element operations per cycle beside the array


def systolic_prices(rates: SystolicRates) -> tuple[float, ...]:
    """Seconds per unit amount of the systolic terms, in the order of ``dataflows.array_terms.SYSTOLIC_TERMS``.

    >>> rates = SystolicRates(1e9, 32e9, 16e9, 4e9, 1e-7, 8.0)
    >>> systolic_prices(rates)
    (1e-09, 1.25e-10, 2.5e-10, 1e-07, 3.125e-11, 6.25e-11, 2.5e-10)
    """
    return (
        1.0 / rates.frequency_hz,
        1.0 / (rates.lanes * rates.frequency_hz),
        1.0 / rates.dram_bandwidth_bytes_per_s,
        rates.dram_latency_s,
        1.0 / rates.scratchpad_read_bytes_per_s,
        1.0 / rates.scratchpad_write_bytes_per_s,
        1.0 / rates.dram_bandwidth_bytes_per_s,
    )


def row_stationary_prices(rates: RowStationaryRates) -> tuple[float, ...]:
    """Seconds per unit amount of the row-stationary terms, in the order of ``dataflows.array_terms.ROW_STATIONARY_TERMS``.

    >>> rates = RowStationaryRates(2e8, 4.0, 1.0, 4.0, 2.0, 480e6, 8.0)
    >>> [round(price * 1e9, 3) for price in row_stationary_prices(rates)]
    [5.0, 1.25, 10.0, 0.625, 2.083, 2.083]
    """
    return (
        1.0 / rates.frequency_hz,
        1.0 / (rates.weights_words_per_cycle * rates.frequency_hz),
        rates.window_factor / (rates.inputs_words_per_cycle * rates.frequency_hz),
        1.0 / (rates.lanes * rates.frequency_hz),
        1.0 / rates.link_bandwidth_bytes_per_s,
        1.0 / rates.link_bandwidth_bytes_per_s,
    )


@kernel
def pass_body_cycles(stream, input_words, psum_words, bus_inputs, bus_outputs):
    """Cycles of the streaming part of one row-stationary pass.

    max(stream, input words / input bus, partial sums / partial-sum bus): the buses work while the PEs do.

    Parameters
    ----------
    stream : float
        MACs of one PE in the pass [cycle].
    input_words, psum_words : float
        Words read by the pass; as many partial sums are written on a port of their own.
    bus_inputs, bus_outputs : float
        Words per cycle of the two buses.

    Notes
    -----
    Chen et al., JSSC 52(1), 2017, section V-B gives the bus widths.

    >>> pass_body_cycles(7488.0, 3000.0, 8192.0, 1.0, 4.0)
    7488.0
    """
    return max(stream, max(input_words / bus_inputs, psum_words / bus_outputs))


@kernel
def pass_ramp_cycles(filter_words, window_words, bus_weights, bus_inputs, window_factor):
    """Cycles a row-stationary pass spends before its PEs are full: filter load, and the first window times its factor.

    filter words / filter bus + factor * window words / input bus

    The filter scratchpad holds one pass only, so its load is not hidden; the factor 1.9 is fitted on five layers of
    one chip (1: the window fill alone; the rest is of the size of the drain of the last windows).

    >>> pass_ramp_cycles(800.0, 310.0, 4.0, 1.0, 2.0)
    820.0
    """
    return filter_words / bus_weights + window_factor * window_words / bus_inputs


@kernel
def exposed_bytes(size_bytes, cycles, frequency_hz, bandwidth_bytes_per_s):
    """Bytes of a prefetch that do not arrive while the array works: max(0, size - bandwidth * cycles / frequency) [B].

    >>> exposed_bytes(1000.0, 100.0, 1e6, 4e6)
    600.0
    """
    return max(0.0, size_bytes - bandwidth_bytes_per_s * cycles / frequency_hz)


def word_joules(energy_j_per_byte: float, word_bits: float) -> float:
    """Energy of one word of a memory whose energy is known per byte: energy * bits / 8 [J].

    >>> word_joules(1e-12, 16)
    2e-12
    """
    return energy_j_per_byte * word_bits / 8.0
