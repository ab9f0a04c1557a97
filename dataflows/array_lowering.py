"""The lowerings of array units, in one place: what :data:`dataflows.LOWERINGS` takes in."""

from dataflows.array_units import supports
from dataflows.row_stationary_lowering import lower_row_stationary
from dataflows.spatial_lowering import lower_spatial
from dataflows.systolic_lowering import lower_systolic
from dataflows.tile_engine_lowering import lower_tile_engine

__all__ = ["lower_row_stationary", "lower_spatial", "lower_systolic", "lower_tile_engine", "supports"]
