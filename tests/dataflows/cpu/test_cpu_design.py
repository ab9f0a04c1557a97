"""Whole networks as rows of nominal seconds: the sum of what every operator counts, compiled and interpreted alike."""

from __future__ import annotations

import numpy as np
import pytest

from dataflows.cpu_counts import cpu_amounts
from dataflows.cpu_design import nominal_seconds
from dataflows.cpu_layer import network_facts
from hwmodels.costs.cpu import TERM_NAMES, cpu_parameters, cpu_prices
from hwmodels.device import CpuUnit
from hwmodels.reader import load_device
from workloads.networks import build
from workloads.tables import graph_tables


@pytest.mark.parametrize("compiled", [False, True])
def test_rows_are_sums_over_operators(compiled: bool) -> None:
    tables, unit = graph_tables(build("lenet5")), load_device("raspberry_pi_4").units["cpu"]
    assert isinstance(unit, CpuUnit)
    units = [cpu_parameters(unit, None, threads) for threads in (1, 4)]
    expected = np.zeros((2, len(TERM_NAMES)))
    for row, parameters in zip(expected, units, strict=True):
        prices, amounts, traffic = np.zeros(len(row)), np.zeros(len(row)), np.zeros((3, 2), np.int64)
        cpu_prices(parameters, prices)
        for i in range(len(tables.operators.kind)):
            cpu_amounts(
                tables.operators, tables.nests, i, parameters, network_facts(tables.operators, parameters, 1), amounts, traffic
            )
            row += amounts * prices
    found = np.zeros_like(expected)
    space = np.zeros(len(TERM_NAMES)), np.zeros(len(TERM_NAMES)), np.zeros((3, 2), np.int64)
    records = np.array(units, dtype=[(n, np.int64 if isinstance(v, int) else float) for n, v in units[0]._asdict().items()])
    run = nominal_seconds.compiled if compiled else nominal_seconds
    run(tables.operators, tables.nests, records.view(np.recarray), *space, found)
    assert np.array_equal(found, expected)
