"""The lowerings of array units, in one place: what :data:`dataflows.LOWERINGS` takes in.

A dataflow that no array of a kind can do takes, where a hypothetical array is asked for, the general counts of that dataflow.
"""

from collections.abc import Callable
from functools import wraps

import numpy as np
from numpy.typing import NDArray

from dataflows import row_stationary_lowering, spatial_lowering, systolic_lowering, tile_engine_lowering
from dataflows.array_units import KIND_DATAFLOWS, supports
from dataflows.errors import MappingError
from dataflows.spatial_lowering import SpatialLowering
from dataflows.unit_work import UnitSettings, UnitWork
from hwmodels.device import ArrayUnit, Device
from workloads.graph import Graph
from workloads.tables import GraphTables

ArrayLowering = Callable[[Graph, GraphTables, Device, ArrayUnit, UnitSettings, NDArray[np.bool_]], UnitWork]


def _freed(own: ArrayLowering) -> ArrayLowering:
    """A lowering of one kind of array that leaves dataflows foreign to the kind to the general counts."""

    @wraps(own)
    def lowering(
        graph: Graph, tables: GraphTables, device: Device, unit: ArrayUnit, settings: UnitSettings, mine: NDArray[np.bool_]
    ) -> UnitWork:
        asked = settings.dataflow
        if not settings.hypothetical or asked is None or asked == "best" or asked in KIND_DATAFLOWS[unit.kind]:
            return own(graph, tables, device, unit, settings, mine)
        if settings.mappings:
            raise MappingError(
                f"unit '{unit.name}': mappings beside dataflow '{asked}'; mappings of rs are expected; leave one out"
            )
        if settings.timing != "default":
            raise MappingError(
                f"unit '{unit.name}': timing '{settings.timing}' beside dataflow '{asked}'; default is expected; leave it out"
            )
        return SpatialLowering(asked)(graph, tables, device, unit, settings, mine)

    return lowering


lower_row_stationary = _freed(row_stationary_lowering.lower_row_stationary)
lower_spatial = _freed(spatial_lowering.lower_spatial)
lower_systolic = _freed(systolic_lowering.lower_systolic)
lower_tile_engine = _freed(tile_engine_lowering.lower_tile_engine)

__all__ = ["lower_row_stationary", "lower_spatial", "lower_systolic", "lower_tile_engine", "supports"]
