"""Systolic arrays in closed form: folds, cycles, operand accesses and DRAM traffic of WS, OS and IS products.

A nest is seen as the matrix product its im2col form gives: ``pixels = N*E*F`` rows, ``M`` columns, ``reduction = C*R*S``.
What is laid on the array and what streams past it:

===  ================  ===========  ==========
     array rows        columns      streamed
===  ================  ===========  ==========
WS   reduction         M            pixels
OS   pixels            M            reduction
IS   reduction         pixels       M
===  ================  ===========  ==========

Samajdar et al., ISPASS 2020, sections III-IV; the counts were compared with the reports of the simulator published with it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dataflows.array_nests import ArrayNests, Ints
from hwmodels.jit import kernel

WEIGHT_STATIONARY, OUTPUT_STATIONARY, INPUT_STATIONARY = 0, 1, 2
SYSTOLIC_DATAFLOWS = {"ws": WEIGHT_STATIONARY, "os": OUTPUT_STATIONARY, "is": INPUT_STATIONARY}


class SystolicShape(NamedTuple):
    """Geometry of a systolic array and of the scratchpad it works from."""

    rows: int
    columns: int
    macs: int  # multiply-accumulates of one element per cycle, along the reduction
    scratchpad_bytes: int  # capacity [B]
    accumulator_bits: int  # width of a partial sum


class Folds(NamedTuple):
    """How one product is cut to the size of the array."""

    row_folds: int
    column_folds: int
    streamed: int  # steps of the streamed loop in one fold
    row_extent: int  # what is laid on the rows, in elements of the array
    column_extent: int


class SystolicCounts(NamedTuple):
    """One row per nest; words are elements."""

    cycles: Ints  # cycles of the array, no memory stalls
    folds: Ints  # tiles of the resident operand
    macs: Ints
    input_reads: Ints  # words read from the input buffer
    weight_reads: Ints  # words read from the filter buffer
    output_writes: Ints  # sums written at the foot of the array, partial ones included
    psum_reads: Ints  # partial sums read back to be continued
    dram_input_bytes: Ints  # [B]
    dram_weight_bytes: Ints  # [B]
    dram_output_bytes: Ints  # [B]
    first_tile_bytes: Ints  # bytes the array waits for before it can begin [B]
    row_tile: Ints  # output rows of a scratchpad tile
    filter_tile: Ints  # output channels of a scratchpad tile
    channel_tile: Ints  # input channels of a scratchpad tile


@kernel
def ceil_div(a, b):
    """Whole number of ``b`` that cover ``a``.

    >>> ceil_div(363, 32)
    12
    """
    return -(-a // b)


@kernel
def systolic_folds(dataflow, pixels, filters, reduction, rows, columns, macs):
    """Folds of one matrix product.

    >>> systolic_folds(WEIGHT_STATIONARY, 3025, 96, 363, 32, 32, 1)[:3]
    (12, 3, 3025)
    """
    depth = ceil_div(reduction, macs)
    if dataflow == WEIGHT_STATIONARY:
        row_extent, column_extent, streamed = depth, filters, pixels
    elif dataflow == OUTPUT_STATIONARY:
        row_extent, column_extent, streamed = pixels, filters, depth
    else:
        row_extent, column_extent, streamed = depth, pixels, filters
    return Folds(ceil_div(row_extent, rows), ceil_div(column_extent, columns), streamed, row_extent, column_extent)


@kernel
def reference_cycles(dataflow, folds, streamed, rows, columns):
    """Cycles when no fold overlaps the next: the count of the common simulator, last index + 1.

    WS, IS: folds * (2*rows + columns + streamed - 2);  OS: folds * (rows + columns + streamed - 2).
    WS and IS shift the resident operand in first (rows), skew in and out (rows + columns - 2), and stream. OS shifts
    its results out under the next fold; the drain of the very last fold is left out. Edge folds take a whole fold.

    >>> reference_cycles(WEIGHT_STATIONARY, 36, 3025, 32, 32), reference_cycles(OUTPUT_STATIONARY, 32, 256, 32, 32)
    (112284, 10176)
    """
    load = 0 if dataflow == OUTPUT_STATIONARY else rows
    return folds * (load + rows + columns + streamed - 2)


@kernel
def overlapped_cycles(folds, streamed, rows, columns):
    """Cycles when the next fold's resident operand is shifted in while the present one streams.

    rows + (folds-1)*max(streamed, rows) + streamed + rows + columns - 2: one first load (OS: one last drain), one fill
    and one drain; the streams of successive folds follow each other without a gap. Edge folds take a whole fold.

    >>> overlapped_cycles(3, 10, 4, 4)
    40
    """
    return rows + (folds - 1) * max(streamed, rows) + streamed + rows + columns - 2


@kernel
def operand_accesses(dataflow, folds, pixels, filters, reduction):
    """Words read from the input and filter buffers, sums written, partial sums read back.

    WS: P*K*column folds, K*M, P*M*row folds; OS: P*K*column folds, K*M*row folds, P*M; IS: P*K, K*M*column folds, P*M*row folds.

    >>> operand_accesses(OUTPUT_STATIONARY, Folds(8, 4, 256, 256, 128), 256, 128, 256)
    (262144, 262144, 32768, 0)
    """
    inputs, weights, sums = pixels * reduction, reduction * filters, pixels * filters
    if dataflow == WEIGHT_STATIONARY:
        return inputs * folds.column_folds, weights, sums * folds.row_folds, sums * (folds.row_folds - 1)
    if dataflow == OUTPUT_STATIONARY:
        return inputs * folds.column_folds, weights * folds.row_folds, sums, 0
    return inputs, weights * folds.column_folds, sums * folds.row_folds, sums * (folds.row_folds - 1)


@kernel
def strip_rows(outputs, strip, stride, span, pad, stored):
    """Stored input rows that all strips of ``strip`` output rows read, summed over the strips.

    Strip k reads rows k*strip*stride - pad up to its last window's end, cut to the rows that exist; ``span`` is
    (R-1)*dilation + 1.

    >>> strip_rows(55, 7, 4, 11, 0, 227)
    276
    """
    total = 0
    first = 0
    while first < outputs:
        last = min(outputs, first + strip)
        begin = max(0, first * stride - pad)
        end = min(stored, (last - 1) * stride - pad + span)
        total += max(0, end - begin)
        first = last
    return total


@kernel
def tile_traffic(nests, i, shape, images, rows, filters, channels):
    """Bytes of one scratchpad tile set, and DRAM bytes of inputs, weights and outputs under it, for one group of nest ``i``.

    Both loop orders are tried where the reduction is whole: filters outermost (weights once, inputs once per filter tile) and
    images and rows outermost (inputs once, weights once per row tile). A cut reduction runs innermost, the sums stay.
    Rule G1 of the counting core: a tile that does not change is not fetched again.
    """
    span = (nests.R[i] - 1) * nests.dilation_h[i] + 1
    row_steps = ceil_div(nests.E[i], rows) * ceil_div(nests.N[i], images)
    filter_steps = ceil_div(nests.M[i], filters)
    whole = channels >= nests.C[i]
    tile_rows = min(nests.stored_rows[i], (rows - 1) * nests.stride_h[i] + span)
    sum_bits = nests.output_bits[i] if whole else shape.accumulator_bits
    held_bits = (
        images * channels * tile_rows * nests.stored_columns[i] * nests.input_bits[i]
        + filters * channels * nests.R[i] * nests.S[i] * nests.weight_bits[i]
        + images * filters * rows * nests.F[i] * sum_bits
    )
    all_rows = strip_rows(nests.E[i], rows, nests.stride_h[i], span, nests.pad_top[i], nests.stored_rows[i])
    inputs = nests.N[i] * nests.C[i] * all_rows * nests.stored_columns[i] * nests.input_bits[i]
    weights = nests.M[i] * nests.C[i] * nests.R[i] * nests.S[i] * nests.weight_bits[i]
    outputs = nests.N[i] * nests.M[i] * nests.E[i] * nests.F[i] * nests.output_bits[i]
    input_times, weight_times = filter_steps, row_steps
    if whole:
        repeated_inputs = inputs * (filter_steps if row_steps > 1 else 1) + weights
        repeated_weights = inputs + weights * (row_steps if filter_steps > 1 else 1)
        if repeated_inputs <= repeated_weights:
            input_times, weight_times = (filter_steps if row_steps > 1 else 1), 1
        else:
            input_times, weight_times = 1, (row_steps if filter_steps > 1 else 1)
    return 2 * ceil_div(held_bits, 8), ceil_div(inputs * input_times, 8), ceil_div(weights * weight_times, 8), ceil_div(outputs, 8)


@kernel
def scratchpad_tiling(nests, i, shape):
    """The tile of nest ``i`` with the least DRAM traffic among halvings of rows (and images), filters and channels.

    A tile fits when twice its operands (double buffering) are within the capacity. Filter tiles are whole array widths. The
    smallest tile is taken where nothing fits. Returns (traffic, input bytes, weight bytes, output bytes, rows, filters, channels).
    """
    best = (-1, 0, 0, 0, 1, 1, 1)
    smallest = best
    images, rows = nests.N[i], nests.E[i]
    while rows >= 1:
        filters = nests.M[i]
        while filters >= 1:
            channels = nests.C[i]
            while channels >= 1:
                held, inputs, weights, outputs = tile_traffic(nests, i, shape, images, rows, filters, channels)
                found = (inputs + weights + outputs, inputs, weights, outputs, rows, filters, channels)
                smallest = found
                if held <= shape.scratchpad_bytes:
                    if best[0] < 0 or found[0] < best[0]:
                        best = found
                    break
                channels = channels // 2 if channels == 1 else ceil_div(channels, 2)
            filters = next_filters(filters, shape.columns)
        if images > 1:
            images = ceil_div(images, 2)
        else:
            rows = rows // 2 if rows == 1 else ceil_div(rows, 2)
    return best if best[0] >= 0 else smallest


@kernel
def next_filters(filters, columns):
    """The next smaller filter tile: half, in whole array widths; 0 after the last.

    >>> next_filters(96, 32), next_filters(64, 32), next_filters(32, 32)
    (64, 32, 0)
    """
    if filters <= columns:
        return 0
    half = ceil_div(ceil_div(filters, 2), columns) * columns
    return half if half < filters else columns


@kernel
def count_systolic(nests, shape, dataflow, reference, counts):
    """Fill one row of ``counts`` per nest. Groups are products of their own, one after the other."""
    for i in range(len(nests.N)):
        pixels = nests.N[i] * nests.E[i] * nests.F[i]
        reduction = nests.C[i] * nests.R[i] * nests.S[i]
        groups, filters = nests.G[i], nests.M[i]
        folds = systolic_folds(dataflow, pixels, filters, reduction, shape.rows, shape.columns, shape.macs)
        number = folds.row_folds * folds.column_folds
        if reference:
            counts.cycles[i] = groups * reference_cycles(dataflow, number, folds.streamed, shape.rows, shape.columns)
        else:
            counts.cycles[i] = overlapped_cycles(groups * number, folds.streamed, shape.rows, shape.columns)
        counts.folds[i] = groups * number
        counts.macs[i] = groups * pixels * filters * reduction
        accesses = operand_accesses(dataflow, folds, pixels, filters, reduction)
        counts.input_reads[i] = groups * accesses[0]
        counts.weight_reads[i] = groups * accesses[1]
        counts.output_writes[i] = groups * accesses[2]
        counts.psum_reads[i] = groups * accesses[3]
        tiling = scratchpad_tiling(nests, i, shape)
        counts.dram_input_bytes[i] = groups * tiling[1]
        counts.dram_weight_bytes[i] = groups * tiling[2]
        counts.dram_output_bytes[i] = groups * tiling[3]
        counts.row_tile[i], counts.filter_tile[i], counts.channel_tile[i] = tiling[4], tiling[5], tiling[6]
        occupied = min(folds.row_extent, shape.rows) * min(folds.column_extent, shape.columns)
        resident_bits = nests.input_bits[i] if dataflow == INPUT_STATIONARY else nests.weight_bits[i]
        counts.first_tile_bytes[i] = ceil_div(occupied * resident_bits, 8) if dataflow != OUTPUT_STATIONARY else 0


def systolic_counts(nests: ArrayNests, shape: SystolicShape, dataflow: int, reference: bool = False) -> SystolicCounts:
    """Counts of every nest under one dataflow.

    Parameters
    ----------
    nests : ArrayNests
    shape : SystolicShape
    dataflow : int
        WEIGHT_STATIONARY, OUTPUT_STATIONARY or INPUT_STATIONARY.
    reference : bool
        True for the common simulator's count (no overlap of folds); False overlaps the load of the next resident tile.
    """
    counts = SystolicCounts(*(np.zeros(len(nests.N), dtype=np.int64) for _ in SystolicCounts._fields))
    run = count_systolic if len(nests.N) < COMPILE_ABOVE else count_systolic.compiled
    run(nests, shape, dataflow, int(reference), counts)
    return counts


def cycles_by_timing(nests: ArrayNests, i: int, shape: SystolicShape, dataflow: int) -> dict[str, int]:
    """Cycles of nest ``i`` under both timings: ``default`` overlaps folds, ``reference`` does not."""
    pixels, reduction = nests.N[i] * nests.E[i] * nests.F[i], nests.C[i] * nests.R[i] * nests.S[i]
    folds = systolic_folds(dataflow, pixels, nests.M[i], reduction, shape.rows, shape.columns, shape.macs)
    number = folds.row_folds * folds.column_folds
    return {
        "default": int(overlapped_cycles(nests.G[i] * number, folds.streamed, shape.rows, shape.columns)),
        "reference": int(nests.G[i] * reference_cycles(dataflow, number, folds.streamed, shape.rows, shape.columns)),
    }


#: Below this many nests the interpreted form is quicker than loading the compiled one.
COMPILE_ABOVE = 24
