"""Amounts of a vector unit: lane cycles and bytes. It runs any operator, products included, at one MAC per lane and cycle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from dataflows.unit_work import ABSORBED
from hwmodels.costs.vector import ENERGY_NAMES, OPERATION, READ, SPECIAL, TERM_NAMES, WRITTEN, VectorParameters
from hwmodels.jit import kernel
from hwmodels.terms import Term
from workloads.tables import KIND_CODE, NestTable, OperatorTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
else:
    Floats = Ints = Any

FREE, EMBEDDING, LAYOUT = KIND_CODE["free"], KIND_CODE["embedding"], KIND_CODE["layout"]

SOURCE = "lanes that do one simple operation or one MAC per cycle; assumed, no measurement"

VECTOR_TERMS: tuple[Term, ...] = (
    Term("operation", "compute", "cycle", "ceil((MACs + element operations, or elements moved where there are none) / lanes)",
         "1 / frequency", ("frequency", "lanes"), SOURCE),
    Term("special", "compute", "cycle", "ceil(special operations * special_cycles / lanes)", "1 / frequency",
         ("frequency", "lanes", "special_cycles"), SOURCE),
    Term("read", "dram", "B", "activation and weight bytes read, each once", "1 / read_bandwidth of the memory", (), SOURCE),
    Term("written", "dram", "B", "bytes written, each once", "1 / write_bandwidth of the memory", (), SOURCE),
)  # fmt: skip

VECTOR_ENERGY_TERMS: tuple[Term, ...] = (
    Term("operation", "compute", "operation", "MACs + element operations + special operations * special_cycles, or elements moved",
         "operation_energy", ("operation_energy",), SOURCE),
    Term("read", "dram", "B", "bytes read", "read_energy of the memory", (), SOURCE),
    Term("written", "dram", "B", "bytes written", "write_energy of the memory", (), SOURCE),
)  # fmt: skip

assert tuple(term.name for term in VECTOR_TERMS) == TERM_NAMES
assert tuple(term.name for term in VECTOR_ENERGY_TERMS) == ENERGY_NAMES


class VectorFacts(NamedTuple):
    """Nothing of the network matters beyond the operator itself."""

    batch: int  # inferences in one run


@kernel
def vector_operations(operators: OperatorTable, i: int) -> float:
    """Simple operations: MACs and element operations; where there are none, one for each element that is moved."""
    simple = float(operators.macs[i]) + float(operators.element_operations[i])
    if simple + operators.special_operations[i] > 0.0:
        return simple
    return float(operators.output_elements[i])


@kernel
def vector_amounts(
    operators: OperatorTable, nests: NestTable, i: int, unit: VectorParameters, network: VectorFacts, amounts: Floats, traffic: Ints
) -> None:
    """Fill the amounts and the traffic of operator ``i``.

    Parameters
    ----------
    operators, nests
    i : int
    unit : VectorParameters
    network : VectorFacts
    amounts : float64 array of 4
        Filled: lane cycles of operations, of special functions; bytes read, written.
    traffic : int64 array, 1 x 2
        Filled: bytes read from and written to the memory [B].

    Notes
    -----
    Free operators cost nothing. A table that is looked up is read only as far as it is written on.
    """
    amounts[:] = 0.0
    traffic[:] = 0
    kind = operators.kind[i]
    if kind in (ABSORBED, FREE):
        return
    weights = min(operators.weight_bytes[i], operators.output_bytes[i]) if kind == EMBEDDING else operators.weight_bytes[i]
    traffic[0, 0] = operators.input_bytes[i] + weights
    traffic[0, 1] = operators.output_bytes[i]
    amounts[OPERATION] = math.ceil(vector_operations(operators, i) / unit.lanes)
    amounts[SPECIAL] = math.ceil(operators.special_operations[i] * unit.special_cycles / unit.lanes)
    amounts[READ] = float(traffic[0, 0])
    amounts[WRITTEN] = float(traffic[0, 1])
