"""Bytes of a CPU layer at each level: through the core, beyond L2, and in DRAM."""

from __future__ import annotations

from dataflows.cpu_layer import Floats, Ints, Layer, beyond
from hwmodels.costs.cpu import DRAM_CORE, DRAM_SHARED, SHARED_CACHE, CpuParameters
from hwmodels.jit import kernel

#: Columns of the traffic row.
CORE_LEVEL, SHARED_LEVEL, DRAM_LEVEL = range(3)
READ, WRITTEN = range(2)

#: The shared-cache term starts beyond this size even where L2 is smaller [B].
LEAST_SHARED_BYTES = 262144.0


@kernel
def add_traffic(
    unit: CpuParameters, layer: Layer, weights: float, panels: float, panel_reads: float, panel_share: float, amounts: Floats,
    traffic: Ints,
) -> None:  # fmt: skip
    """Add the DRAM and shared-cache bytes of a layer.

    Parameters
    ----------
    unit, layer
    weights : float
        Weight bytes as stored for the algorithm (Winograd grows them) [B].
    panels : float
        Bytes of the packed panels or the Winograd domain [B].
    panel_reads : float
        How often a panel is read after it was written once.
    panel_share : float
        Share of the panels that the last-level cache does not hold.
    amounts, traffic
        Rows to add to.

    Notes
    -----
    DRAM bytes = A beyond(A + W, CL) + W_stored wmiss + (reads + 1) panels share; beyond L2: (A + panels) beyond(A + panels, C2).
    """
    moved = layer.read_bytes + layer.written_bytes
    share = beyond(moved + layer.weight_bytes, unit.last_level_bytes)
    streamed = weights * layer.missing
    read = layer.read_bytes * share + streamed + panel_reads * panels * panel_share
    written = layer.written_bytes * share + panels * panel_share
    amounts[DRAM_SHARED] += read + written
    amounts[DRAM_CORE] += (read + written) / layer.threads
    far = beyond(moved + panels, max(unit.l2_bytes, LEAST_SHARED_BYTES))
    amounts[SHARED_CACHE] += (moved + panels) * far
    copies = layer.copies
    traffic[DRAM_LEVEL, READ] += int(copies * read + 0.5)
    traffic[DRAM_LEVEL, WRITTEN] += int(copies * written + 0.5)
    traffic[SHARED_LEVEL, READ] += int(copies * far * (layer.read_bytes + panels) + 0.5)
    traffic[SHARED_LEVEL, WRITTEN] += int(copies * far * layer.written_bytes + 0.5)
    traffic[CORE_LEVEL, READ] += int(copies * (layer.read_bytes + weights + panel_reads * panels) + 0.5)
    traffic[CORE_LEVEL, WRITTEN] += int(copies * (layer.written_bytes + panels) + 0.5)
