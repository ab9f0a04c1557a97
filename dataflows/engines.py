"""Cycles of engines that are no grid of elements: tiled multipliers, pixel- and channel-parallel engines.

Counts only; whole models of such engines (ports, DDR, host) are not built.
"""

from __future__ import annotations

from dataflows.systolic import ceil_div
from hwmodels.jit import kernel


@kernel
def tiled_engine_cycles(filters, channels, rows, columns, side, filter_tile, channel_tile, row_tile, column_tile, depth):
    """Cycles of an engine of filter_tile x channel_tile multipliers that works through tiles of the output.

    ceil(M/Tm) * ceil(C/Tn) * (E*F*K*K + ceil(E/Tr)*ceil(F/Tc)*depth): edge tiles run the rows and columns that are left, every
    call pays the depth of the pipeline (C. Zhang et al., FPGA 2015, section 4).

    >>> tiled_engine_cycles(128, 48, 27, 27, 5, 64, 7, 27, 27, 0)
    255150
    """
    calls = ceil_div(filters, filter_tile) * ceil_div(channels, channel_tile)
    return calls * (rows * columns * side * side + ceil_div(rows, row_tile) * ceil_div(columns, column_tile) * depth)


@kernel
def pixel_channel_cycles(filters, channels, rows, columns, side, pixels_parallel, channels_parallel, filters_parallel):
    """Cycles of an engine parallel over output columns, input channels and filters, per image and group.

    E * ceil(F/PP) * ceil(C/ICP) * ceil(M/OCP) * R*S (vendor reference designs of the DPU class).

    >>> pixel_channel_cycles(256, 96, 27, 27, 5, 8, 16, 16)
    259200
    """
    steps = ceil_div(columns, pixels_parallel) * ceil_div(channels, channels_parallel) * ceil_div(filters, filters_parallel)
    return rows * steps * side * side
