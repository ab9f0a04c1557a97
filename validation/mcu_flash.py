"""Flash of microcontrollers: constants counted from the graph, code by three numbers for each runtime.

    flash = int8 weights + 4 bytes per output channel + code(runtime);  code = base + operators * more + kinds * more

The constants are not fitted to anything. The code of all versions of X-CUBE-AI shares its growth per operator and per kind but for
small deviations; the base is each version's own. Other runtimes were measured with few kinds of networks: they share growth per
operator. Demos and printing are part of what others than X-CUBE-AI publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dataflows.code_size import code_counts
from hwmodels.runtime import load_runtime
from sim.lower import as_compiled
from validation.compare import Compared, Report
from validation.mcu_rows import DATASETS, network, notes_of
from validation.measurement import Measurement
from validation.reader import load_dataset
from workloads.networks import NETWORKS

Floats = NDArray[np.float64]

NAME = "microcontrollers"
#: Relative scatter of the totals; spreads [KiB] of what runtimes share: growth per operator and per kind of X-CUBE-AI, growth per
#: operator of the others; and of each runtime's own deviation from the growth per operator.
SCATTER, SHARED, OWN = 0.03, (5.0, 20.0, 1.0), 0.5
KIBIBYTE = 1024.0


@cache
def flash_rows(part: str) -> tuple[Measurement, ...]:
    """Rows of int8 networks that can be built: ``weights`` or ``total``."""
    rows = [row for name in DATASETS for row in load_dataset(name) if row.metric == "flash_bytes" and row.dtype == "int8"]
    return tuple(
        row for row in rows if row.model in NETWORKS and notes_of(row).get("part") == part and not row.device.startswith("stm32n6")
    )


@cache
def counts(model: str, runtime: str) -> tuple[int, int, int]:
    """Bytes of constants after what the runtime removes, operators, kinds."""
    graph = as_compiled(network(model), load_runtime(runtime))
    return sum(tensor.bytes for tensor in graph.weights), *code_counts(graph)


class CodeFit:
    """Base and growth of the code of each runtime, in KiB."""

    def __init__(self, rows: Sequence[Measurement]) -> None:
        self.runtimes = sorted({row.runtime for row in rows})
        total = np.array([row.value for row in rows])
        constants = np.array([counts(row.model, row.runtime)[0] for row in rows])
        columns = np.array([self._columns(row) for row in rows]) * KIBIBYTE / total[:, None]
        own = len(self.runtimes)
        prior = np.diag(np.concatenate([np.full(own, 1e-6), 1.0 / np.array(SHARED), np.full(own, 1.0 / OWN)]))
        target = np.concatenate([(total - constants) / total / SCATTER, np.zeros(len(prior))])
        self.values = np.linalg.lstsq(np.vstack([columns / SCATTER, prior]), target, rcond=None)[0]

    def _columns(self, row: Measurement) -> list[float]:
        _, operators, kinds = counts(row.model, row.runtime)
        cube = float(row.runtime.startswith("x_cube"))
        mine = [float(row.runtime == name) for name in self.runtimes]
        return [*mine, operators * cube, kinds * cube, operators * (1 - cube), *(operators * flag for flag in mine)]

    def flash_bytes(self, row: Measurement) -> float:
        """Constants and code of a row [B]."""
        return counts(row.model, row.runtime)[0] + KIBIBYTE * float(np.dot(self._columns(row), self.values))

    def of_runtime(self, name: str) -> tuple[float, float, float]:
        """Base, growth per operator and growth per kind of one runtime [KiB]."""
        i, own = self.runtimes.index(name), len(self.runtimes)
        cube = name.startswith("x_cube")
        growth = self.values[own] if cube else self.values[own + 2]
        return float(self.values[i]), float(growth + self.values[own + 3 + i]), float(self.values[own + 1]) if cube else 0.0


def flash_reports() -> list[Report]:
    """Constants alone; constants and code with the code fitted on the same rows; the same without the row's architecture."""
    weights = [Compared(row, float(counts(row.model, row.runtime)[0])) for row in flash_rows("weights")]
    rows = flash_rows("total")
    found = CodeFit(rows)
    seen = [Compared(row, found.flash_bytes(row)) for row in rows]
    unseen = []
    for family in sorted({row.family for row in rows}):
        known = [row for row in rows if row.family != family]
        left = CodeFit(known)
        unseen += [Compared(row, left.flash_bytes(row)) for row in rows if row.family == family and row.runtime in left.runtimes]
    return [
        Report(NAME, "none", tuple(weights), "nothing", notes=("weights and biases alone, as tools report them",)),
        Report(NAME, "none", tuple(seen), "code of each runtime, on the same rows", notes=("constants and code",)),
        Report(NAME, "leave-one-family-out", tuple(unseen), "code of each runtime", notes=("constants and code",)),
    ]
