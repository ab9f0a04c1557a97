"""Flash of microcontrollers: constants counted from the graph, code by four numbers for each runtime.

    flash = int8 weights + 4 bytes per output channel + code(runtime)
    code = base + operators * more + kinds * more + channels of convolutions * tables

The constants are not fitted to anything. Convolutions are quantised channel by channel, and every engine keeps what it needs for that:
X-CUBE-AI a scale and a zero point (4 + 1 B), TinyEngine a multiplier and a shift (4 + 4 B), the flatbuffer of TFLM a scale and a zero
point for weights and for biases (2 * (4 + 8) B). The fit may leave these by little (one sd: 1 B). The code of all versions of X-CUBE-AI
shares its growth per operator and per kind; the base is each version's own, as is a small deviation of its growth. Other runtimes were
measured with few kinds of networks: their kinds are part of the base. Demos and printing are part of what others than X-CUBE-AI publish.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dataflows.code_size import CodeCounts, code_counts
from hwmodels.runtime import load_runtime
from sim.lower import as_compiled
from validation.compare import Compared, Report
from validation.mcu_rows import DATASETS, network, notes_of
from validation.measurement import Measurement
from validation.reader import load_dataset
from workloads.networks import NETWORKS

Floats = NDArray[np.float64]

NAME = "microcontrollers"
#: Makers of engines that share their growth: beginning of the names of their runtimes.
MAKERS = ("x_cube", "tinyengine", "tflm")
#: Bytes of tables per channel of a convolution, by maker, and how far the fit may leave them (one sd) [B].
TABLES, TABLES_SD = (5.0, 8.0, 24.0), 1.0
#: Growth per operator: centre and sd shared by a maker, sd of each runtime's own deviation [KiB].
PER_OPERATOR, PER_OPERATOR_SD, OWN_SD = 0.5, 0.5, 0.2
#: Growth per kind of operator of X-CUBE-AI: centre and sd [KiB].
PER_KIND, PER_KIND_SD = 5.0, 3.0
#: Base: sd about nothing [KiB]; relative scatter of the totals.
BASE_SD, SCATTER = 300.0, 0.03
KIBIBYTE = 1024.0


@cache
def flash_rows(part: str) -> tuple[Measurement, ...]:
    """Rows of int8 networks that can be built: ``weights`` or ``total``."""
    rows = [row for name in DATASETS for row in load_dataset(name) if row.metric == "flash_bytes" and row.dtype == "int8"]
    return tuple(
        row for row in rows if row.model in NETWORKS and notes_of(row).get("part") == part and not row.device.startswith("stm32n6")
    )


@cache
def counts(model: str, runtime: str) -> tuple[int, CodeCounts]:
    """Bytes of constants after what the runtime removes; what its code grows with."""
    graph = as_compiled(network(model), load_runtime(runtime))
    return sum(tensor.bytes for tensor in graph.weights), code_counts(graph)


class CodeFit:
    """Base and growth of the code of each runtime, in KiB: the most probable ones under the priors above."""

    def __init__(self, rows: Sequence[Measurement]) -> None:
        self.runtimes = sorted({row.runtime for row in rows})
        total = np.array([row.value for row in rows]) / KIBIBYTE
        constants = np.array([counts(row.model, row.runtime)[0] for row in rows]) / KIBIBYTE
        columns = np.array([self._columns(row.runtime, counts(row.model, row.runtime)[1]) for row in rows])
        centre, sd = self._priors()
        scale = (SCATTER * total)[:, None]
        target = np.concatenate([(total - constants) / scale[:, 0], centre / sd])
        self.values = np.linalg.lstsq(np.vstack([columns / scale, np.diag(1.0 / sd)]), target, rcond=None)[0]

    def _priors(self) -> tuple[Floats, Floats]:
        """Centres and standard deviations of all parameters [KiB]."""
        own, tables = len(self.runtimes), np.array(TABLES) / KIBIBYTE
        makers = len(MAKERS)
        centre = [np.zeros(own), np.full(makers, PER_OPERATOR), tables, np.array([PER_KIND]), np.zeros(own)]
        sd = [
            np.full(own, BASE_SD), np.full(makers, PER_OPERATOR_SD), np.full(makers, TABLES_SD / KIBIBYTE), np.array([PER_KIND_SD]),
            np.full(own, OWN_SD),
        ]  # fmt: skip
        return np.concatenate(centre), np.concatenate(sd)

    def _columns(self, runtime: str, code: CodeCounts) -> Floats:
        mine = np.array([float(runtime == name) for name in self.runtimes])
        maker = np.array([float(runtime.startswith(name)) for name in MAKERS])
        kinds = [code.kinds * maker[0]]
        return np.concatenate([mine, code.operators * maker, code.channels * maker, kinds, code.operators * mine])

    def flash_bytes(self, row: Measurement) -> float:
        """Constants and code of a row [B]."""
        constants, code = counts(row.model, row.runtime)
        return constants + KIBIBYTE * float(self._columns(row.runtime, code) @ self.values)

    def of_runtime(self, name: str) -> tuple[float, float, float, float]:
        """Base, growth per operator, per kind, per channel of one runtime [KiB]."""

        def code(operators: int, kinds: int, channels: int) -> float:
            return float(self._columns(name, CodeCounts(operators, kinds, channels)) @ self.values)

        base = code(0, 0, 0)
        return base, code(1, 0, 0) - base, code(0, 1, 0) - base, code(0, 0, 1) - base


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
