"""Whole networks as rows of nominal seconds: what a fit of a CPU's multipliers starts from.

The model is linear in the multipliers, so a network on a unit is one vector: for each term the sum over its operators of
amount x price at data-sheet rates. Refitting a chip is then linear algebra over such vectors, without a network in sight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataflows.cpu_counts import cpu_amounts
from dataflows.cpu_layer import Floats, Ints, network_facts
from hwmodels.costs.cpu import cpu_prices
from hwmodels.jit import kernel
from workloads.tables import NestTable, OperatorTable

if TYPE_CHECKING:
    import numpy as np

    Units = np.recarray[Any, Any]
else:
    Units = Any


@kernel
def nominal_seconds(
    operators: OperatorTable, nests: NestTable, units: Units, prices: Floats, amounts: Floats, traffic: Ints, rows: Floats
) -> None:
    """Fill the seconds of each term of one network on each of several units.

    Parameters
    ----------
    operators, nests
        The network as its runtime runs it, one inference at a time.
    units : records of CpuParameters
        With multipliers of 1, the seconds are nominal.
    prices, amounts : float64 array of 20
        Space to work in.
    traffic : int64 array, 3 x 2
        Space to work in.
    rows : float64 array, units x 20
        Filled: seconds by term [s].
    """
    for c in range(len(units)):
        unit = units[c]
        network = network_facts(operators, unit, 1)
        cpu_prices(unit, prices)
        for i in range(operators.kind.shape[0]):
            cpu_amounts(operators, nests, i, unit, network, amounts, traffic)
            for k in range(len(prices)):
                rows[c, k] += amounts[k] * prices[k]
