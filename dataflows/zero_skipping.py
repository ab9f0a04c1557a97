"""Products with zero weights that a unit leaves out: time falls with them only where the unit says that it skips their pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dataflows.unit_work import UnitWork
from workloads.graph import Graph, Operator
from workloads.operators import rule_of

#: What multiplies: terms in these units, in the phase in which the unit computes.
ARITHMETIC = ("MAC", "flop")

#: Kinds of units whose cycles are those of their multipliers.
ARRAYS = ("systolic", "row_stationary", "spatial", "tile_engine")

#: Patterns a unit can skip; ``n:m`` stands by its numbers, e.g. ``2:4``.
PATTERNS = ("unstructured", "block")


def kept_share(graph: Graph, operator: Operator, skips: Sequence[str]) -> float:
    """Share of an operator's products that are left on a unit that skips some patterns of zeros, 0 to 1."""
    inputs, outputs = graph.tensors_of(operator.inputs), graph.tensors_of(operator.outputs)
    nests = [nest for nest in rule_of(operator).loop_nests(operator, inputs, outputs) if nest.weights_are_constant]
    if not nests:
        return 1.0
    facts = graph.tensors[nests[0].index("weights").tensor].facts
    if facts is None or not facts.pattern or not ("unstructured" in skips or facts.pattern in skips):
        return 1.0
    return 1.0 - facts.zero_share


def without_zeros(work: UnitWork, graph: Graph, skips: Sequence[str]) -> UnitWork:
    """The work of a unit without the products it skips; a unit that skips nothing does all of it."""
    if not skips:
        return work
    kept = np.array([kept_share(graph, operator, skips) for operator in graph.operators])
    units = (*ARITHMETIC, "cycle") if work.kind in ARRAYS else ARITHMETIC
    amounts, energies = work.amounts.copy(), work.energy_amounts.copy()
    for column, term in enumerate(work.terms):
        if term.phase == "compute" and term.amount_unit in units:
            amounts[:, column] *= kept
    for column, term in enumerate(work.energy_terms):
        if term.amount_unit in ARITHMETIC:
            energies[:, column] *= kept
    return replace(work, amounts=amounts, energy_amounts=energies, counted=None)
