"""UnitWork: what one unit has to do for one network, as amounts; and the settings that shape it.

Each unit kind has a lowering in :data:`dataflows.LOWERINGS`: ``lower_cpu``, ``lower_gpu``, ``lower_mcu``, ``lower_array``,
``lower_vector``. It counts; ``hwmodels.costs`` prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwmodels.runtime import Runtime
from hwmodels.terms import Term
from workloads.tables import NestTable, OperatorTable

#: Kind, in a table as a runtime runs it, of an operator that has disappeared into another one or runs elsewhere.
ABSORBED = -1

#: Kinds of work that move bytes: over a link of the device for an operator that waits for them; blocks ahead of their use.
LINK, BLOCKS = "link", "blocks"


@dataclass(frozen=True)
class UnitSettings:
    """Choices that shape the work of a unit.

    Attributes
    ----------
    threads : int
        CPU threads.
    runtime : Runtime or None
    dataflow : str or None
        Of an array unit; ``None`` takes the unit's first.
    mappings : Mapping
        Operator name -> given mapping parameters of an array unit.
    timing : str
        ``default`` or ``reference``.
    hypothetical : bool
        Allow a dataflow the unit does not list.
    seed : int
    regions : Mapping of str to str
        Tensor name -> addressable memory that holds it, weights and activations; settled before lowering, because an operator that
        reads from external memory or streams its weights from flash costs more.
    """

    threads: int = 1
    runtime: Runtime | None = None
    dataflow: str | None = None
    mappings: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    timing: str = "default"
    hypothetical: bool = False
    seed: int = 0
    regions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Counted:
    """What a unit's counting kernel read: ``kernel(operators, nests, i, parameters, network, amounts, traffic)`` gives row ``i``.

    Attributes
    ----------
    operators : OperatorTable
        The network as the runtime runs it: rows fused into others, or of other units, have the kind ``ABSORBED``.
    nests : NestTable
    network : tuple
        Named tuple of facts of the whole network.
    """

    operators: OperatorTable
    nests: NestTable
    network: Any


@dataclass(frozen=True)
class UnitWork:
    """What one unit has to do: terms, their prices' inputs, and the amounts of every operator it runs.

    Attributes
    ----------
    unit : str
    kind : str
    join : str
        ``sum`` or ``max``.
    terms : tuple of Term
    parameters : tuple
        Named tuple of numbers that the prices of ``costs.py`` read.
    amounts : float64 array, operators x terms
        Rows of operators that run elsewhere are zero.
    levels : tuple of str
        Memory levels of the traffic columns.
    traffic : int64 array, operators x levels x 2
        Bytes read from and written to each level [B].
    energy_terms : tuple of Term
    energy_amounts : float64 array, operators x energy terms
        Counts for the energy prices (MACs, words per level, ...).
    prices : float64 array
        Seconds per unit amount of each term.
    energy_prices : float64 array
        Joules per unit amount of each energy term; NaN where it is not known.
    details : Mapping of int to Mapping
        Per operator: ``cycles``, ``utilization``, ``dataflow``, ``mapping``, ``algorithm``, ``fused_into``.
    enqueue_phase : str or None
        Phase in which a host enqueues the operator ahead of the unit, on a resource of its own:
        end_i = max(enqueued_i, end_(i-1)) + the other phases. ``None`` where the unit itself pays for its dispatch.
    counted : Counted or None
        What the amounts were counted from, for counting again with other parameters in compiled batches.
    """

    unit: str
    kind: str
    join: str
    terms: tuple[Term, ...]
    parameters: Any
    amounts: NDArray[np.float64]
    levels: tuple[str, ...]
    traffic: NDArray[np.int64]
    prices: NDArray[np.float64]
    energy_terms: tuple[Term, ...]
    energy_amounts: NDArray[np.float64]
    energy_prices: NDArray[np.float64]
    details: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    enqueue_phase: str | None = None
    counted: Counted | None = None

    @property
    def moves(self) -> bool:
        """Whether it moves bytes and computes nothing."""
        return self.kind in (LINK, BLOCKS)


def renamed(terms: tuple[Term, ...], phases: Mapping[str, str]) -> tuple[Term, ...]:
    """Terms with some phases called as the device calls them, e.g. its memories."""
    return tuple(replace(term, phase=phases.get(term.phase, term.phase)) for term in terms)
