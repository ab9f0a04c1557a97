"""Row-stationary arrays: passes, words on every boundary, and the search for a mapping.

A PE convolves one filter row with one input row. A *set* of R x e PEs produces e output rows; a mapping is seven numbers
(Chen et al., JSSC 52(1), 2017, table III):

==  ======================================================================
n   images processed in one pass
m   output channels whose partial sums stay in the global buffer
e   output rows of a strip: the width of a set
p   filters interleaved in one PE
q   channels interleaved in one PE
r   sets in parallel on different channels; their sums are added in the array
t   sets in parallel on different filters; they share the input rows
==  ======================================================================

Beyond the paper (assumed): a filter higher than the array or wider than the input scratchpad is cut into pieces that count as
channels; a row too wide for the global buffer is cut into column pieces; a dimension without a useful divisor is rounded up.
"""

from __future__ import annotations

from typing import NamedTuple

from dataflows.systolic import ceil_div, strip_rows
from hwmodels.costs.array import pass_body_cycles, pass_ramp_cycles
from hwmodels.jit import kernel


class RowStationaryArray(NamedTuple):
    """Geometry, storage, buses and the mapping objective of a row-stationary array; words are array words."""

    rows: int
    columns: int
    filter_words: int  # filter words of one PE
    input_words: int  # input words of one PE
    psum_words: int  # partial sums of one PE
    banks: int  # banks of the global buffer for inputs and partial sums
    bank_bytes: int  # [B]
    word_bytes: int  # [B]
    bus_weights: float  # words each cycle
    bus_inputs: float
    bus_outputs: float
    window_factor: float  # times the first input window is paid per pass
    dram_weight: float  # energy of a DRAM word relative to a MAC, in the mapping objective
    buffer_weight: float  # energy of a global-buffer word
    array_weight: float  # energy of a word moved between PEs


class RowStationaryNest(NamedTuple):
    """One nest as a row-stationary array sees it: filters and columns already cut into pieces that fit."""

    N: int
    G: int
    M: int
    C: int  # channels times filter pieces
    E: int
    F: int  # output columns of one column piece
    R: int  # filter rows of one piece
    S: int  # filter columns of one piece
    stride: int  # vertical
    span: int  # rows one window spans, dilation included
    width: int  # input columns of a column piece, padding included
    column_pieces: int
    stored_rows: int
    stored_columns: int
    pad_top: int
    filter_size: int  # filter words of one group, uncut
    macs: int


class RowStationaryMapping(NamedTuple):
    """n, m, e, p, q, r, t."""

    n: int
    m: int
    e: int
    p: int
    q: int
    r: int
    t: int


class RowStationaryCounts(NamedTuple):
    """Counts of one nest under one mapping, whole layer; words are array words."""

    passes: int
    active: int  # PEs of the sets
    stream: float  # MACs of one PE in one pass [cycle]
    body: float  # cycles of one pass while data streams
    filter_words: float  # words on the filter bus
    window_words: float  # words of the first input windows
    buffer_inputs: float  # input words read from the global buffer
    buffer_psums: float  # partial sums read, and as many written
    array_words: float  # deliveries to PEs and hops between them
    dram_weights: float
    dram_inputs: float
    dram_outputs: float
    cycles: float  # processing time of all passes [cycle]


#: Why a mapping is not legal; 0 is legal.
LIMITS = (
    "legal",
    "sets do not fit on the array",
    "p*q*S exceeds the filter words of a PE",
    "q*S exceeds the input words of a PE",
    "p exceeds the partial sums of a PE",
    "inputs and partial sums exceed the banks of the global buffer",
)


@kernel
def sets_in_array(array, filter_rows, strip):
    """Sets of filter_rows x strip PEs that fit at once; a set wider than the array is cut into segments of its own row groups.

    >>> wide = RowStationaryArray(12, 14, 224, 12, 24, 25, 4096, 2, 4.0, 1.0, 4.0, 1.9, 200.0, 6.0, 2.0)
    >>> sets_in_array(wide, 11, 7), sets_in_array(wide, 5, 27), sets_in_array(wide, 3, 13)
    (2, 1, 4)
    """
    groups = array.rows // filter_rows
    if strip <= array.columns:
        return groups * (array.columns // strip)
    return groups // ceil_div(strip, array.columns)


@kernel
def strip_height(nest, strip):
    """Input rows a strip of output rows reads, padding included, at most the whole padded input."""
    return min((strip - 1) * nest.stride + nest.span, (nest.E - 1) * nest.stride + nest.span)


@kernel
def banks_needed(nest, array, n, m, e, q, r):
    """Whole banks that inputs and partial sums take in the global buffer: ceil(inputs) + ceil(partial sums).

    Inputs hold n*q*r*rows(e)*W words, partial sums n*m*e*F.
    """
    inputs = n * q * r * strip_height(nest, e) * nest.width
    psums = n * m * e * nest.F
    return ceil_div(inputs * array.word_bytes, array.bank_bytes) + ceil_div(psums * array.word_bytes, array.bank_bytes)


@kernel
def mapping_limit(nest, array, mapping):
    """Index into LIMITS of the first limit a mapping breaks; 0 where it is legal."""
    if mapping.r * mapping.t > sets_in_array(array, nest.R, mapping.e):
        return 1
    if mapping.p * mapping.q * nest.S > array.filter_words:
        return 2
    if mapping.q * nest.S > array.input_words:
        return 3
    if mapping.p > array.psum_words:
        return 4
    if banks_needed(nest, array, mapping.n, mapping.m, mapping.e, mapping.q, mapping.r) > array.banks:
        return 5
    return 0


@kernel
def row_stationary_counts(nest, array, mapping):
    """Passes, cycles and words of a layer under one mapping.

    passes = ceil(N/n) * G*ceil(M/(p*t)) * ceil(C/(q*r)) * ceil(E/e) * column pieces
    cycles = passes * (body + ramp), see ``hwmodels.costs.array``
    buffer = inputs once per filter group, partial sums read and written once per channel group
    dram   = filters * ceil(N/n)*ceil(E/e), inputs * ceil(M/m) (stored rows of each strip), outputs once
    array  = every delivery to a PE, and R*r - 1 hops of every partial sum

    Chen et al., ISCA 2016 and JSSC 2017; smaller last strips and channel groups are counted as they are.
    """
    n, m, e, p, q, r, t = mapping
    height = strip_height(nest, e)
    filter_groups = nest.G * ceil_div(nest.M, p * t)
    channel_groups = ceil_div(nest.C, q * r)
    image_groups = ceil_div(nest.N, n)
    strips = ceil_div(nest.E, e)
    passes = image_groups * filter_groups * channel_groups * strips * nest.column_pieces
    stream = n * p * q * nest.S * nest.F
    filters = p * q * nest.S * nest.R * r * t
    window = height * nest.S * q * r
    psums = n * p * t * e * nest.F
    body = pass_body_cycles(stream, n * q * r * height * nest.width, psums, array.bus_inputs, array.bus_outputs)
    ramp = pass_ramp_cycles(filters, window, array.bus_weights, array.bus_inputs, array.window_factor)
    padded = strip_rows(nest.E, e, nest.stride, nest.span, 0, (nest.E - 1) * nest.stride + nest.span)
    stored = strip_rows(nest.E, e, nest.stride, nest.span, nest.pad_top, nest.stored_rows)
    outputs = nest.N * nest.G * nest.M * nest.E * nest.F * nest.column_pieces
    deliveries = p * q * nest.S * nest.R * r * t * e + nest.R * e * r * t * n * q * nest.width + psums * (nest.R * r - 1)
    return RowStationaryCounts(
        passes,
        nest.R * e * r * t,
        float(stream),
        float(body),
        float(passes) * filters,
        float(passes) * window,
        float(nest.N * nest.C) * filter_groups * padded * nest.width * nest.column_pieces,
        float(outputs) * channel_groups,
        float(passes) * deliveries,
        float(nest.filter_size) * nest.G * image_groups * strips,
        float(nest.N * nest.C * nest.G) * stored * nest.stored_columns * ceil_div(nest.M, m),
        float(outputs),
        passes * (body + ramp),
    )


@kernel
def mapping_objective(nest, array, counts):
    """J^2 * cycles, with J = (200 DRAM + 6 buffer + 2 array words) / MACs: the stated energy ratios, squared, times the time.

    The rule reproduces the published mappings of CONV1, 3, 4 and 5 of one network; it is untested beyond them.
    """
    dram = counts.dram_weights + counts.dram_inputs + counts.dram_outputs
    buffer = counts.buffer_inputs + 2.0 * counts.buffer_psums
    energy = (array.dram_weight * dram + array.buffer_weight * buffer + array.array_weight * counts.array_words) / nest.macs
    return energy * energy * counts.cycles


@kernel
def rounded_up(size, enough, step):
    """``size``, or the next multiple of ``step`` where no divisor of ``size`` up to ``enough`` is of use (a large prime).

    >>> rounded_up(384, 24, 8), rounded_up(1009, 24, 8), rounded_up(3, 24, 8)
    (384, 1016, 3)
    """
    largest = 1
    for candidate in range(1, min(size, enough) + 1):
        if size % candidate == 0:
            largest = candidate
    return size if largest >= min(step, min(size, enough)) else ceil_div(size, step) * step


@kernel
def search_mapping(nest, array, given_objective):
    """The legal mapping of least objective: every divisor combination with balanced strips is rated.

    n | N, m | M, p*t | m, q*r | C, ceil(E/ceil(E/e)) = e. Ties keep the first found.

    Returns
    -------
    tuple
        (mapping, objective, mappings rated, mappings better than ``given_objective``); objective -1 where none is legal.
    """
    best = RowStationaryMapping(0, 0, 0, 0, 0, 0, 0)
    best_objective = -1.0
    rated = 0
    better = 0
    filters = rounded_up(nest.M, array.psum_words, 8)
    channels = rounded_up(nest.C, max(1, array.input_words // nest.S), 4)
    for n in range(1, nest.N + 1):
        if nest.N % n != 0:
            continue
        for m in range(1, filters + 1):
            if filters % m != 0:
                continue
            e = 0
            while e < nest.E:
                e = next_strip(nest.E, e)
                sets = sets_in_array(array, nest.R, e)
                if sets < 1 or banks_needed(nest, array, n, m, e, 1, 1) > array.banks:
                    continue
                for p in range(1, min(m, array.psum_words) + 1):
                    if m % p != 0:
                        continue
                    for t in range(1, min(m // p, sets) + 1):
                        if (m // p) % t != 0:
                            continue
                        for q in range(1, min(channels, array.input_words // nest.S) + 1):
                            if channels % q != 0 or p * q * nest.S > array.filter_words:
                                continue
                            for r in range(1, min(channels // q, sets // t) + 1):
                                if (channels // q) % r != 0 or banks_needed(nest, array, n, m, e, q, r) > array.banks:
                                    continue
                                mapping = RowStationaryMapping(n, m, e, p, q, r, t)
                                objective = mapping_objective(nest, array, row_stationary_counts(nest, array, mapping))
                                rated += 1
                                if objective < given_objective:
                                    better += 1
                                if best_objective < 0.0 or objective < best_objective:
                                    best, best_objective = mapping, objective
    return best, best_objective, rated, better


@kernel
def next_strip(rows, strip):
    """The next larger balanced strip height of ``rows``: the least e > strip with ceil(rows/ceil(rows/e)) = e.

    >>> next_strip(55, 0), next_strip(55, 7), next_strip(55, 28)
    (1, 8, 55)
    """
    height = strip + 1
    while height < rows and ceil_div(rows, ceil_div(rows, height)) != height:
        height += 1
    return height
