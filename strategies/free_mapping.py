"""Arrays whose control is free: each operator takes the best mapping of all, or that of a named dataflow the array does not list.

A stand-in for the lowering of an array's own kind: counts, times and energies are those of a spatial array.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataflows.hierarchy import Hierarchy
from dataflows.spatial_counts import CountedNest
from dataflows.spatial_lowering import SpatialLowering
from strategies.mapping_search import search_mapping
from workloads.loopnest import LoopNest

#: What the mapping of a free array is called where a dataflow would stand.
FREE = "free"


@dataclass
class FreeLowering(SpatialLowering):
    """A lowering for arrays of any kind; what it has mapped stays in ``mapped``.

    Attributes
    ----------
    dataflow : str
        ``best`` searches every mapping; a dataflow's name takes its rule.
    objective : str
        ``latency``, ``energy``, ``edp`` or ``dram_bytes``.
    gap : float
        Share by which a mapping may miss the best one.
    """

    dataflow: str = "best"
    objective: str = "latency"
    gap: float = 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the loops or the counts must know."""
        return ("the array's control is free: buffers hold two tiles, all memories work while the array does",)

    def found(self, nest: LoopNest, hierarchy: Hierarchy) -> CountedNest:
        """The best mapping of a nest, or the one the named dataflow makes of it."""
        if self.dataflow != "best":
            return super().found(nest, hierarchy)
        found = search_mapping(nest, hierarchy, self.objective, gap=self.gap)
        space = f"{self.objective}, over spread loops, tiles and orders ({found.space}); {found.ratings:,} mappings rated"
        return CountedNest(found.mapping, found.mapping.accesses(), found.gap, space, FREE)
