"""Amounts of convolutions on a CPU: GEMM, Winograd, direct and depthwise kernels.

Formulas are those of the additive model for ncnn-style runtimes; symbols: M output channels, N output pixels, K reduction
length (all of one group), g groups, p threads, B bytes per panel element, C2 and CL sizes of L2 and of the last-level cache.
"""

from __future__ import annotations

import math

from dataflows.cpu_algorithms import DIRECT_KERNEL, GEMM_1X1, MID_2022, UNSPECIALISED, WINOGRAD_F2, WINOGRAD_F4, WINOGRAD_F6
from dataflows.cpu_layer import Floats, Ints, Layer, beyond, lane_efficiency, pack_of, share_of_one
from dataflows.cpu_traffic import add_traffic
from hwmodels.costs.cpu import (
    CROSS_CORE,
    DEPTHWISE,
    DEPTHWISE_LARGE,
    DIRECT,
    ELEMENTWISE,
    FORK,
    GEMM,
    INT8,
    INT8_DEPTHWISE,
    PACKING,
    PACKING_FAR,
    SLOW,
    WINOGRAD,
    CpuParameters,
)  # fmt: skip
from hwmodels.jit import kernel
from workloads.tables import NestTable

#: Share of the enlarged Winograd weights that is counted as streamed.
WINOGRAD_STREAMED = 0.75
#: Time of a product of 16-bit values in that of an 8-bit one.
WIDENED_WORK = 2.0
#: A padded input is moved so often: written into its larger copy and read from there.
PADDED_COPIES = 2.0


@kernel
def pieces(size: int, largest: int) -> int:
    """Number of pieces when ``size`` is cut greedily into ``largest``, then 8, 4, 2, 1.

    >>> pieces(23, 8), pieces(23, 12)
    (5, 4)
    """
    rest = size % largest
    return size // largest + (rest & 1) + (rest >> 1 & 1) + (rest >> 2 & 1) + (rest >> 3 & 1)


@kernel
def tile_work(unit: CpuParameters, rows: int, columns: int) -> float:
    """Multiply-accumulate equivalents of a rows x columns result per unit of reduction, micro-tile remainders included.

    (M N + #n M + #m N) * mr nr / (mr nr + mr + nr): a full tile costs its area, a remainder also its loads.

    Notes
    -----
    With 8 x 12 tiles, 8 x 12 costs 96 and 1 x 1 costs 3 * 96/116 = 2.48.
    """
    m, n = unit.tile_rows, unit.tile_columns
    whole = float(rows) * columns
    edges = float(pieces(columns, n)) * rows + float(pieces(rows, m)) * columns
    return (whole + edges) * (m * n / (m * n + m + n))


@kernel
def add_gemm(
    unit: CpuParameters, layer: Layer, groups: int, rows: int, columns: int, depth: int, inputs: int, area: int, amounts: Floats,
    traffic: Ints,
) -> None:  # fmt: skip
    """im2col or 1x1 GEMM of ``groups`` products rows x columns x depth; ``inputs`` channels and ``area`` taps make up the depth."""
    p = layer.threads
    share = share_of_one(math.ceil(rows / unit.tile_rows), p)
    column_share = share_of_one(math.ceil(columns / unit.tile_columns), p)
    work = 2.0 * groups * depth * tile_work(unit, rows, columns) * share
    if layer.int8:
        amounts[INT8] += work * layer.narrow
    else:
        amounts[GEMM] += work / layer.rate
    panels = float(groups) * depth * columns * layer.panel_bytes
    moved = layer.read_bytes + layer.written_bytes
    far = beyond(panels + moved, unit.l2_bytes)
    packed = panels * (2.0 if area == 1 else 5.0) * column_share
    amounts[PACKING] += packed
    amounts[PACKING_FAR] += packed * far
    blocks = math.ceil(rows / 32)
    amounts[PACKING_FAR] += 0.5 * blocks * panels * beyond(panels, unit.l2_bytes) * share
    if layer.half and not layer.int8 and inputs % 4 != 0 and area > 1:
        gathered = 4.0 * groups * depth * columns * column_share
        amounts[PACKING_FAR] += gathered if unit.runtime_date >= MID_2022 else 4.0 * gathered
    if p > 1:
        amounts[CROSS_CORE] += (1.0 - 1.0 / p) * panels * math.ceil(blocks / p)
    amounts[FORK] += 2.0
    add_traffic(unit, layer, layer.weight_bytes, panels, blocks, beyond(panels, unit.last_level_bytes), amounts, traffic)


@kernel
def winograd_tile(algorithm: int) -> int:
    """Output side of one Winograd tile: 2, 4 or 6."""
    return 2 if algorithm == WINOGRAD_F2 else 4 if algorithm == WINOGRAD_F4 else 6


@kernel
def add_winograd(
    unit: CpuParameters, layer: Layer, groups: int, outputs: int, inputs: int, height: int, width: int, images: int, side: int,
    amounts: Floats, traffic: Ints,
) -> None:  # fmt: skip
    """Winograd F(m,3) of ``side`` m; the stored weights grow by (m + 2)^2 / 9, twice that in int8.

    Transformed int8 values need 16 bit, of which a vector holds half as many.
    """
    p = layer.threads
    alpha = (side + 2.0) * (side + 2.0)
    tiles = math.ceil(height / side) * math.ceil(width / side) * images
    work = 2.0 * groups * alpha * inputs * tile_work(unit, outputs, tiles) * share_of_one(math.ceil(outputs / unit.tile_rows), p)
    if layer.int8:
        amounts[INT8] += WIDENED_WORK * work
    else:
        amounts[WINOGRAD] += work / layer.rate
    size = 2.0 if layer.int8 else layer.element_bytes
    read = math.ceil(inputs / layer.lanes / p) * layer.lanes
    written = math.ceil(outputs / layer.lanes / p) * layer.lanes
    transformed = groups * alpha * tiles * (read + written) * 2.0 * size
    panels = groups * (inputs + outputs) * tiles * alpha * size
    far = beyond(float(inputs + outputs) * tiles * alpha * size, unit.l2_bytes)
    amounts[PACKING] += transformed
    amounts[PACKING_FAR] += transformed * far
    if p > 1:
        amounts[CROSS_CORE] += (1.0 - 1.0 / p) * groups * inputs * tiles * alpha * size
    amounts[FORK] += 3.0
    growth = alpha / 9.0 * (2.0 if layer.int8 else 1.0)
    share = beyond(panels + layer.weight_bytes * growth, unit.last_level_bytes)
    add_traffic(unit, layer, WINOGRAD_STREAMED * layer.weight_bytes * growth, panels, 1.0, share, amounts, traffic)


@kernel
def add_direct(
    unit: CpuParameters, layer: Layer, algorithm: int, macs: float, outputs: int, amounts: Floats, traffic: Ints
) -> None:
    """Direct kernels, and the unspecialised ones that old runtimes fall to."""
    p = layer.threads
    pack = pack_of(outputs, layer.lanes)
    work = 2.0 * macs / lane_efficiency(pack, layer.lanes) / layer.rate * share_of_one(outputs / pack, p)
    if algorithm == DIRECT_KERNEL:
        amounts[DIRECT] += work
    else:
        amounts[SLOW] += work * (0.45 if layer.half else 1.0)
    if p > 1:
        amounts[CROSS_CORE] += (1.0 - 1.0 / p) * layer.read_bytes
    amounts[FORK] += 2.0
    add_traffic(unit, layer, layer.weight_bytes, 0.0, 0.0, 0.0, amounts, traffic)


@kernel
def add_depthwise(
    unit: CpuParameters, layer: Layer, macs: float, channels: int, area: int, padded: int, amounts: Floats, traffic: Ints
) -> None:  # fmt: skip
    """Depthwise kernels: one channel pack at a time.

    Padding is a region of its own that copies the input into a larger one: written and read once more. Products hide such copies
    behind their arithmetic, depthwise layers do not.
    """
    pack = pack_of(channels, layer.lanes)
    share = share_of_one(channels / pack, layer.threads)
    work = 2.0 * macs / lane_efficiency(pack, layer.lanes) * share
    if layer.int8:
        amounts[INT8_DEPTHWISE] += work
    elif area >= 49:
        amounts[DEPTHWISE_LARGE] += work / layer.rate
    else:
        amounts[DEPTHWISE] += work / layer.rate
    amounts[ELEMENTWISE] += (layer.read_bytes + layer.written_bytes) * share
    amounts[FORK] += 2.0 if padded else 1.0
    copied = PADDED_COPIES * layer.read_bytes if padded else 0.0
    add_traffic(unit, layer, layer.weight_bytes, copied, 1.0, beyond(copied, unit.last_level_bytes), amounts, traffic)


@kernel
def add_convolution(
    unit: CpuParameters, layer: Layer, algorithm: int, nests: NestTable, j: int, images: int, amounts: Floats, traffic: Ints
) -> None:  # fmt: skip
    """Amounts of one convolution that is neither depthwise nor a matrix-vector product; ``j`` is its row in the nest table."""
    p = layer.threads
    groups, outputs, inputs = nests.G[j], nests.M[j], nests.C[j]
    area = nests.R[j] * nests.S[j]
    pixels = nests.E[j] * nests.F[j] * images
    if algorithm in (WINOGRAD_F2, WINOGRAD_F4, WINOGRAD_F6):
        side = winograd_tile(algorithm)
        add_winograd(unit, layer, groups, outputs, inputs, nests.E[j], nests.F[j], images, side, amounts, traffic)
    elif algorithm in (DIRECT_KERNEL, UNSPECIALISED):
        macs = float(groups) * outputs * inputs * area * pixels
        add_direct(unit, layer, algorithm, macs, outputs, amounts, traffic)
    else:
        taps = 1 if algorithm == GEMM_1X1 else area
        add_gemm(unit, layer, groups, outputs, pixels, inputs * area, inputs, taps, amounts, traffic)
    add_convolution_bytes(unit, layer, p, amounts)


@kernel
def add_convolution_bytes(unit: CpuParameters, layer: Layer, threads: int, amounts: Floats) -> None:
    """Bytes through the core that every convolution has: activations beyond L2, requantisation.

    The loads of weights are part of the products; what no cache holds of them is charged to DRAM, so that a larger cache takes work
    away and adds none.
    """
    moved = layer.read_bytes + layer.written_bytes
    amounts[ELEMENTWISE] += 0.5 * moved * beyond(moved + layer.weight_bytes, unit.l2_bytes) / threads
    if layer.int8:
        amounts[ELEMENTWISE] += 2.0 * moved / threads
