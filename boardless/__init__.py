"""WHAT A PERSON USES: the flow as short functions, the command line, reports and pictures.

``import boardless as bl; bl.estimate("model.onnx", on="raspberry_pi_4")`` returns a typed result that prints as a small table and
turns into JSON, a data frame or pictures. The verbs of the command line are functions of the same names here; all of them go
through :mod:`boardless.session`, the first file to read. Importing the package loads nothing of the models: a name is looked up
when first asked for.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# The matrices here are small: threads cost more than they give, and sums over them must not depend on how many there are.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from boardless.catalog import devices, networks, runtimes
    from boardless.exploring import explore
    from boardless.planning import plan
    from boardless.results import Comparison, MemoryResult, Result
    from boardless.session import compare, estimate, explain, map, memory, optimize, schedule, simulate
    from boardless.settings import Settings
    from boardless.strategy_catalog import strategies
    from boardless.trust import validate

__all__ = [
    "Comparison", "MemoryResult", "Result", "Settings", "compare", "devices", "estimate", "explain", "explore", "map", "memory",
    "networks", "optimize", "plan", "runtimes", "schedule", "simulate", "strategies", "validate",
]  # fmt: skip

#: Public name -> module that has it.
_HOMES = {
    **dict.fromkeys(
        ("compare", "estimate", "explain", "map", "memory", "optimize", "schedule", "simulate"),
        "boardless.session",
    ),
    **dict.fromkeys(("devices", "networks", "runtimes"), "boardless.catalog"),
    **dict.fromkeys(("Comparison", "MemoryResult", "Result"), "boardless.results"),
    "Settings": "boardless.settings",
    "explore": "boardless.exploring",
    "validate": "boardless.trust",
    "plan": "boardless.planning",
    "strategies": "boardless.strategy_catalog",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'boardless' has no attribute '{name}'")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
