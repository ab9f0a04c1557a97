"""Counts of engines that multiply a tile of weights with one output pixel per cycle: cycles, and weights that come from outside.

An engine of ``rows x columns`` multipliers keeps a tile of ``rows`` reduction steps (R*S*C) by ``columns`` filters while the output
pixels of a layer pass (Jouppi et al., ISCA 2017, section 2). How wide the engine really is, is often not published; then the tile
stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataflows.array_nests import ArrayNests
from dataflows.array_units import dram_link, lanes
from dataflows.errors import MappingError
from dataflows.systolic import ceil_div
from hwmodels.costs.array import TileEngineRates
from hwmodels.device import ArrayUnit, Device
from hwmodels.runtime import Runtime
from workloads.errors import nearest

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Parameters of a tile engine: what each is where a device file does not give it.
DEFAULTS: Mapping[str, float] = {
    "inverse_efficiency": 1.0,  # cycles spent per cycle counted
    "depthwise_share": 1.0,  # cycles of a depthwise tile per cycle counted
    "tile_load_cycles": 0.0,  # a tile takes at least these
    "resident_weights": 0.0,  # weights that stay in the engine between runs, first operators first [B]
    "weights_ahead": 0.0,  # weights that may be fetched before their operator begins [B]
    "weight_compression": 1.0,  # bytes streamed per byte of weights
    "whole_tiles": 0.0,  # 1: the padding of edge tiles is streamed too
    "link_share": 1.0,  # share of the link's rate that arrives
    "exposed_share": 1.0,  # share of the streaming time that is not hidden
    "special_cycles": 8.0,  # lane cycles of one exponential, division, ...
    "lanes": 0.0,  # element operations per cycle; 0: one per column
}


class TileCounts(NamedTuple):
    """Columns with one row per nest."""

    tiles: Floats  # tiles of weights, groups included
    cycles: Floats  # of nests whose channels share filters [cycle]
    depthwise_cycles: Floats  # of nests with a filter per channel [cycle]
    tile_bytes: Floats  # weights with the padding of edge tiles [B]
    macs: Floats


def tile_counts(nests: ArrayNests, depthwise: Flags, rows: int, columns: int, load_cycles: float) -> TileCounts:
    """Cycles and tiles of nests; ``depthwise`` marks those with a filter per channel.

    cycles = G * max(N*E*F, load) * ceil(R*S*C / rows) * ceil(M / columns); depthwise N*E*F * R*S * ceil(G*M / columns).
    """
    pixels, taps = nests.N * nests.E * nests.F, nests.R * nests.S
    tiles = nests.G * ceil_div(taps * nests.C, rows) * ceil_div(nests.M, columns)
    channel_tiles = ceil_div(nests.G * nests.M, columns)
    return TileCounts(
        tiles=np.where(depthwise, channel_tiles, tiles).astype(np.float64),
        cycles=np.where(depthwise, 0.0, tiles * np.maximum(pixels, load_cycles)),
        depthwise_cycles=np.where(depthwise, pixels * taps * channel_tiles, 0).astype(np.float64),
        tile_bytes=np.where(depthwise, taps * channel_tiles * columns, tiles * rows * columns) * nests.weight_bits / 8.0,
        macs=(pixels * nests.G * nests.M * nests.C * taps).astype(np.float64),
    )


def streamed_bytes(weights: Floats, resident: float, compression: float) -> Floats:
    """Weights of each operator that come from outside in every run: the first ``resident`` bytes of the network stay [B].

    >>> streamed_bytes(np.array([4.0, 4.0, 4.0]), 6.0, 0.5)
    array([0., 0., 0.])
    >>> streamed_bytes(np.array([4.0, 4.0, 4.0]), 6.0, 1.0)
    array([0., 2., 4.])
    """
    stored = weights * compression
    return np.clip(np.cumsum(stored) - resident, 0.0, stored)


def parameter(unit: ArrayUnit, name: str) -> float:
    """A parameter of the unit, or its default."""
    return float(unit.parameters.get(name, DEFAULTS[name]))


def tile_engine_rates(device: Device, unit: ArrayUnit, runtime: Runtime | None = None) -> TileEngineRates:
    """Rates of a tile engine; a runtime may add the time its host takes for each run.

    Raises
    ------
    MappingError
        A parameter that a tile engine does not have.
    """
    for name in unit.parameters:
        if name not in DEFAULTS:
            raise MappingError(f"unit '{unit.name}': parameters: '{name}' is none of a tile engine; {nearest(name, DEFAULTS)}")
    bandwidth, _ = dram_link(device, unit)
    return TileEngineRates(
        frequency_hz=unit.frequency_hz,
        inverse_efficiency=parameter(unit, "inverse_efficiency"),
        depthwise_share=parameter(unit, "depthwise_share"),
        lanes=parameter(unit, "lanes") or lanes(unit),
        host_time_s=runtime.costs.get("host_time", 0.0) if runtime else 0.0,
        link_bandwidth_bytes_per_s=bandwidth,
        link_share=parameter(unit, "link_share"),
        exposed_share=parameter(unit, "exposed_share"),
        weights_ahead_bytes=parameter(unit, "weights_ahead"),
    )
