"""Network: an entry of the catalogue."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workloads.graph import Graph


@dataclass(frozen=True)
class Network:
    """How a reference network is built, which variant it is, and where that is written.

    Attributes
    ----------
    builder : callable
        Called with ``batch`` and options by name; returns the graph.
    summary : str
        One line: what it is and which variant.
    source : str
        Paper, and the implementation whose variant and counts are meant.
    dtype : str
        Element type of activations and weights.
    """

    builder: Callable[..., Graph]
    summary: str
    source: str
    dtype: str = "fp32"

    @property
    def options(self) -> Mapping[str, Any]:
        """Options the builder takes besides the batch, with their defaults."""
        parameters = inspect.signature(self.builder).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "batch"}
