"""What can be made small: latency, energy, their product, the peak, traffic; of an estimate, of a stored row, of a block of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boardless import formats
from boardless.checks import figure
from boardless.errors import UsageError
from boardless.row_store import Block
from sim.results import Estimate
from workloads.errors import nearest

#: Objective -> how a figure of it is printed.
SAID: Mapping[str, Callable[[float | None], str]] = {
    "latency": formats.seconds,
    "energy": formats.joules,
    "edp": lambda value: formats.quantity(value, "J s"),
    "peak": formats.size,
    "dram_bytes": formats.size,
}
#: Objective -> column of a row; the energy-delay product is that of two.
COLUMNS = {"latency": "latency_s", "energy": "energy_j", "peak": "activations_peak_bytes", "dram_bytes": "dram_bytes"}
#: Memory kinds whose traffic counts as DRAM bytes.
OFF_CHIP = ("dram", "external_ram")
#: Kind of a memory that is only moved to and from.
STORAGE = "storage"


def checked(names: Sequence[str]) -> tuple[str, ...]:
    """The objectives that were asked for, each known and once."""
    for name in names:
        if name not in SAID:
            raise UsageError(f"--objective: '{name}'; one of {', '.join(SAID)} is expected; {nearest(name, SAID)}")
    return tuple(dict.fromkeys(names))


def of_estimate(answer: Estimate) -> dict[str, float | None]:
    """Every objective of an estimate, in SI units; None where it is not known."""
    return {
        "latency": answer.latency_s,
        "energy": answer.energy_j,
        "edp": None if answer.energy_j is None else answer.energy_j * answer.latency_s,
        "peak": float(working_bytes(answer)),
        "dram_bytes": float(dram_bytes(answer)),
    }


def of_row(row: Mapping[str, Any], name: str) -> float | None:
    """One objective of a stored row, in SI units; None where it is not known.

    >>> of_row({"latency_s": 2.0, "energy_j": 3.0}, "edp")
    6.0
    """
    if name == "edp":
        latency, energy = of_row(row, "latency"), of_row(row, "energy")
        return None if latency is None or energy is None else latency * energy
    value = row.get(COLUMNS[name])
    return None if value is None else float(value)


def of_block(block: Block, name: str) -> NDArray[np.float64]:
    """One objective of every row of a block; not a number where it is not known."""
    if name == "edp":
        return of_block(block, "latency") * of_block(block, "energy")
    return np.array([np.nan if value is None else value for value in block.column(COLUMNS[name])], dtype=np.float64)


def dram_bytes(answer: Estimate) -> int:
    """Bytes read from and written to memories outside the chip [B]."""
    outside = {name for name, use in answer.memory.items() if use.kind in OFF_CHIP}
    return sum(sum(ways) for row in answer.operators for level, ways in row.bytes.items() if level in outside)


def working_bytes(answer: Estimate) -> int:
    """Activation bytes at the peak; of a run that moves blocks to a storage those in the memories the unit computes from [B]."""
    if all(use.kind != STORAGE for use in answer.memory.values()):
        return answer.activations_peak_bytes
    return sum(use.activations_bytes for use in answer.memory.values() if use.kind != STORAGE)


def stored_bytes(answer: Estimate) -> int:
    """What has to be stored: all that lies in flash; weights alone on a device without any [B]."""
    return int(figure(answer, "flash") or answer.weights_bytes)
