"""Seconds of the actions of a processing-element array: cycles of the array, words on its buses, bytes to and from its memories.

The counts come from ``dataflows/systolic.py``, ``dataflows/row_stationary.py`` and ``dataflows/tile_engine.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
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


class TileEngineRates(NamedTuple):
    """What the prices of a tile engine read."""

    frequency_hz: float  # clock of the engine [Hz]
    inverse_efficiency: float  # cycles spent per cycle counted
    depthwise_share: float  # cycles of a depthwise tile per cycle counted
    lanes: float  # element operations per cycle
    host_time_s: float  # host, driver, input and output, once per run [s]
    link_bandwidth_bytes_per_s: float  # memory that weights are streamed from, to the engine [B/s]
    link_share: float  # share of that rate that arrives
    exposed_share: float  # share of the streaming time that is not hidden
    weights_ahead_bytes: float  # weights that may be fetched before their operator begins [B]


def tile_engine_prices(rates: TileEngineRates) -> tuple[float, ...]:
    """Seconds per unit amount of the terms of a tile engine, in the order of ``dataflows.array_terms.tile_engine_terms``.

    >>> tile_engine_prices(TileEngineRates(5e8, 2.0, 0.5, 64.0, 1e-3, 5e8, 1.0, 1.0, 0.0))
    (4e-09, 2e-09, 3.125e-11, 0.001, 2e-09)
    """
    cycle = rates.inverse_efficiency / rates.frequency_hz
    return (
        cycle,
        cycle * rates.depthwise_share,
        1.0 / (rates.lanes * rates.frequency_hz),
        rates.host_time_s,
        rates.exposed_share / arriving_bytes_per_s(rates),
    )


def arriving_bytes_per_s(rates: TileEngineRates) -> float:
    """Rate at which weights arrive: share * bandwidth of the link [B/s]."""
    return rates.link_share * rates.link_bandwidth_bytes_per_s


def late_weight_bytes(weights: Sequence[float], busy_s: Sequence[float], rates: TileEngineRates, overlap: bool) -> list[float]:
    """Weight bytes of each operator, in order, that have not arrived when it begins: w - what was fetched ahead [B].

    While an operator computes, the link fetches on, for this operator where the two overlap, then for the next ones, until as much
    lies ahead as the engine can keep. With room for everything, the run takes max(computing, streaming).

    Parameters
    ----------
    weights, busy_s : sequences of float
        Bytes streamed for each operator [B], and its computing time [s].
    rates : TileEngineRates
    overlap : bool
        True where an operator computes on the weights that are there while the others arrive (join ``max``).

    >>> rates = TileEngineRates(1e9, 1.0, 1.0, 1.0, 0.0, 100.0, 1.0, 1.0, 1000.0)
    >>> late_weight_bytes([100.0, 300.0], [3.0, 1.0], rates, True), late_weight_bytes([100.0, 300.0], [3.0, 1.0], rates, False)
    ([100.0, 100.0], [100.0, 0.0])
    """
    rate, ahead, found = arriving_bytes_per_s(rates), 0.0, []
    for needed, seconds in zip(weights, busy_s, strict=True):
        late = max(0.0, needed - ahead)
        found.append(late)
        fetched = max(0.0, rate * seconds - late) if overlap else rate * seconds
        ahead = min(rates.weights_ahead_bytes, max(0.0, ahead - needed) + fetched)
    return found


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


def scaled_joules(energy_j: float, factor: float) -> float:
    """Energy of a component times the factor a device file gives for clocks and control around it [J]."""
    return energy_j * factor


def words_in_a_cycle(bandwidth_bytes_per_s: float | None, frequency_hz: float, word_bits: float) -> float:
    """Words a memory hands over per cycle of the array: bandwidth / (frequency * bytes of a word); inf where it is not known.

    >>> words_in_a_cycle(32e9, 1e9, 16)
    16.0
    """
    if bandwidth_bytes_per_s is None:
        return float("inf")
    return bandwidth_bytes_per_s / (frequency_hz * word_bits / 8.0)


@kernel
def port_cycles(reads, writes, instances, read_words, write_words, shared_port):
    """Cycles the ports of one storage level are busy, work spread evenly over its instances.

    reads / read words + writes / write words where they share a port, else the larger of the two.

    >>> port_cycles(100.0, 20.0, 2.0, 10.0, 5.0, 1), port_cycles(100.0, 20.0, 2.0, 10.0, 5.0, 0)
    (7.0, 5.0)
    """
    read = reads / (instances * read_words)
    write = writes / (instances * write_words)
    return read + write if shared_port == 1 else max(read, write)


def bus_cycles(words: float, words_per_cycle: float) -> float:
    """Cycles a bus of the array's network is busy: words / words per cycle. Multicast words count once.

    >>> bus_cycles(100.0, 4.0)
    25.0
    """
    return words / words_per_cycle


@kernel
def level_joules(reads, writes, read_energy, write_energy):
    """Energy of one level: reads * read energy + writes * write energy [J].

    >>> level_joules(10.0, 2.0, 3.0, 5.0)
    40.0
    """
    return reads * read_energy + writes * write_energy


#: Energy of one access relative to a register access or a MAC: DRAM, buffer, array, register (Chen, Emer, Sze, ISCA 2016, table IV).
RELATIVE_ACCESS_ENERGY = (200.0, 6.0, 2.0, 1.0)

#: Energy by level: DRAM, buffer, array, registers.
LevelEnergies = tuple[float, float, float, float]


def operand_value_energies(a: float, b: float, c: float, d: float) -> LevelEnergies:
    """Energy by level of one input or weight used a*b*c*d times, relative to a register access.

    a reads of DRAM, b of the buffer for each, c deliveries for each, d register reads for each:
    a*DRAM, a*b*buffer, a*b*c*array, a*b*c*d (Chen, Emer, Sze, ISCA 2016, section IV and table IV).

    >>> operand_value_energies(1, 1, 13, 52)
    (200.0, 6.0, 26.0, 676.0)
    """
    dram, buffer, array, register = RELATIVE_ACCESS_ENERGY
    return a * dram, a * b * buffer, a * b * c * array, a * b * c * d * register


def psum_value_energies(a: float, b: float, c: float, d: float) -> LevelEnergies:
    """Energy by level of one partial sum accumulated a*b*c*d times, relative to a register access.

    (2a-1)*DRAM, 2a(b-1)*buffer, a*b*(c-1)*array, 2*a*b*c*(d-1) (Chen, Emer, Sze, ISCA 2016, section IV and table IV).

    >>> psum_value_energies(1, 32, 6, 9)
    (200.0, 372.0, 320.0, 3072.0)
    """
    dram, buffer, array, register = RELATIVE_ACCESS_ENERGY
    return (2 * a - 1) * dram, 2 * a * (b - 1) * buffer, a * b * (c - 1) * array, 2 * a * b * c * (d - 1) * register


def operand_value_energy(a: float, b: float, c: float, d: float) -> float:
    """Energy of one input or weight over all levels, see :func:`operand_value_energies`.

    >>> operand_value_energy(1, 1, 13, 52)
    908.0
    """
    return sum(operand_value_energies(a, b, c, d))


def psum_value_energy(a: float, b: float, c: float, d: float) -> float:
    """Energy of one partial sum over all levels, see :func:`psum_value_energies`.

    >>> psum_value_energy(1, 32, 6, 9)
    3964.0
    """
    return sum(psum_value_energies(a, b, c, d))


def peak_ops_per_s(multipliers: int, frequency_hz: float) -> float:
    """Operations per second of an array whose multipliers all work: 2 * multipliers * frequency, two operations per MAC.

    >>> peak_ops_per_s(65536, 700e6) / 1e12
    91.7504
    """
    return 2.0 * multipliers * frequency_hz


def weight_bound_rate(peak_ops_per_s: float, macs_per_weight_byte: float, bandwidth_bytes_per_s: float) -> float:
    """Operations per second of an array whose weights come from DRAM: min(peak, 2 * MACs per weight byte * bandwidth).

    Jouppi et al., ISCA 2017, section 4 and figure 5 (the roofline; its intensity counts MACs per weight byte).

    >>> weight_bound_rate(92e12, 200, 34e9) / 1e12
    13.6
    """
    return min(peak_ops_per_s, 2.0 * macs_per_weight_byte * bandwidth_bytes_per_s)
