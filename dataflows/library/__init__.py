"""The named dataflows: what stays, what is spread, the order. One short file each; the counting code is shared.

``os`` alone is variant B for convolutions and C for matrix products, see :func:`dataflow_named`.
"""

from __future__ import annotations

import difflib

from dataflows.dataflow import Dataflow
from dataflows.errors import MappingError
from dataflows.library.input_stationary import INPUT_STATIONARY
from dataflows.library.no_local_reuse import NO_LOCAL_REUSE
from dataflows.library.output_stationary import OUTPUT_STATIONARY_A, OUTPUT_STATIONARY_B, OUTPUT_STATIONARY_C
from dataflows.library.row_stationary import ROW_STATIONARY
from dataflows.library.weight_stationary import WEIGHT_STATIONARY
from workloads.loopnest import LoopNest

#: Name -> dataflow.
DATAFLOWS: dict[str, Dataflow] = {
    "is": INPUT_STATIONARY,
    "nlr": NO_LOCAL_REUSE,
    "os_a": OUTPUT_STATIONARY_A,
    "os_b": OUTPUT_STATIONARY_B,
    "os_c": OUTPUT_STATIONARY_C,
    "rs": ROW_STATIONARY,
    "ws": WEIGHT_STATIONARY,
}

__all__ = ["DATAFLOWS", "Dataflow", "dataflow_named", "is_product"]


def is_product(nest: LoopNest) -> bool:
    """True for matrix products: at most one output pixel per row, no filter window."""
    return all(nest.extent(loop) == 1 for loop in ("F", "R", "S"))


def dataflow_named(name: str, nest: LoopNest) -> Dataflow:
    """A dataflow by name; ``os`` is variant C for matrix products (one output pixel per row) and B for convolutions.

    Raises
    ------
    MappingError
        An unknown name, with the nearest ones.
    """
    if name == "os":
        return OUTPUT_STATIONARY_C if is_product(nest) else OUTPUT_STATIONARY_B
    if name not in DATAFLOWS:
        near = difflib.get_close_matches(name, [*DATAFLOWS, "os"], n=3, cutoff=0.4) or sorted(DATAFLOWS)
        raise MappingError(
            f"dataflow: '{name}' is not a dataflow; one of {', '.join(sorted([*DATAFLOWS, 'os']))}; nearest: {', '.join(near)}"
        )
    return DATAFLOWS[name]
