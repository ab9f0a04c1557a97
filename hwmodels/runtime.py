"""Runtime: the cost profile of an inference engine, read from ``hwmodels/runtimes/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hwmodels.provenance import Source


@dataclass(frozen=True)
class Runtime:
    """What an inference engine adds to the hardware.

    Attributes
    ----------
    name, summary : str
    aliases : tuple of str
    kinds : tuple of str
        Unit kinds it runs on: mcu, cpu, gpu.
    lowering : str
        ``eager``, ``fused`` or ``engine``: how operators become kernels.
    fuses : tuple of str
        Operator kinds that disappear into the matrix operator before them (``activation``, ``elementwise``, ``quantization``).
    operators : tuple of str
        ONNX operator names it can run; empty means all that have a rule.
    costs : Mapping of str to float
        Named cost parameters (MCU: cycles per MAC by kind; CPU: era; GPU: efficiencies).
    memory_profile : str
        Which accounting of memory applies.
    sources : Mapping
        Source of each cost by name.
    """

    name: str
    summary: str
    kinds: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    lowering: str = "engine"
    fuses: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    costs: Mapping[str, float] = field(default_factory=dict)
    memory_profile: str = "ideal"
    sources: Mapping[str, Source] = field(default_factory=dict)
