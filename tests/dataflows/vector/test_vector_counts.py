"""Vector unit counts: one layer by hand, the slow model, energy with and without a figure per operation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dataflows.unit_work import UnitSettings
from dataflows.vector_counts import VectorFacts, vector_amounts, vector_operations
from dataflows.vector_lowering import lower_vector
from hwmodels.costs.vector import VectorParameters, vector_parameters, vector_prices
from hwmodels.device import Device, MemoryLevel, VectorUnit
from tests.dataflows.cpu.random_layers import random_layer, tables_of
from tests.reference.units import vector_seconds
from workloads.graph import Graph, Operator, Tensor
from workloads.tables import graph_tables

PARAMETERS = VectorParameters(1e9, 16.0, 8.0, 4e9, 2e9, math.nan, math.nan, math.nan)


def counted(layer, element_operations: int, compiled: bool = False):
    operators, nests = tables_of(layer)
    operators.element_operations[0] = element_operations
    amounts, traffic, prices = np.zeros(4), np.zeros((1, 2), np.int64), np.zeros(4)
    (vector_amounts.compiled if compiled else vector_amounts)(operators, nests, 0, PARAMETERS, VectorFacts(1), amounts, traffic)
    (vector_prices.compiled if compiled else vector_prices)(PARAMETERS, prices)
    return operators, amounts, traffic, prices


def test_equals_the_slow_model_and_its_compiled_form(random_generator: np.random.Generator) -> None:
    for _ in range(150):
        layer = random_layer(random_generator)
        count = int(random_generator.integers(0, 10**5)) * int(random_generator.integers(0, 3) > 0)
        operators, amounts, traffic, prices = counted(layer, count)
        read = int(operators.input_bytes[0] + operators.weight_bytes[0])
        if layer.kind == "embedding":
            read = int(operators.input_bytes[0] + min(operators.weight_bytes[0], operators.output_bytes[0]))
        written = int(operators.output_bytes[0])
        expected = vector_seconds(layer, count, 16, 8.0, 1e9, 4e9, 2e9, read, written)
        assert amounts @ prices == pytest.approx(expected, rel=1e-12)
        assert all(np.array_equal(a, b) for a, b in zip(counted(layer, count, True)[1:], (amounts, traffic, prices), strict=True))


def softmax_on(unit: VectorUnit):
    """Softmax of 1 x 100 int8 beside a convolution that another unit runs."""
    tensors = [Tensor("x", (1, 100), "int8", "input"), Tensor("y", (1, 100), "int8", "output")]
    graph = Graph.build("g", [Operator("soft", "Softmax", ("x",), ("y",), {"axis": -1})], tensors)
    memory = MemoryLevel("scratchpad", "scratchpad", 65536, 8e9, 8e9, 1e-12, 2e-12)
    device = Device("npu", "", {"vector": unit}, {"scratchpad": memory}, {}, {}, "chip")
    tables = graph_tables(graph)
    return tables, lower_vector(graph, tables, device, unit, UnitSettings(), np.ones(1, bool))


def unit(energy: float | None) -> VectorUnit:
    return VectorUnit(
        "vector", "vector", 500e6, ("int8",), "sum", None, ("scratchpad",), ("scratchpad",), lanes=8, special_cycles=4.0,
        operation_energy_j=energy,
    )  # fmt: skip


def test_softmax_by_hand() -> None:
    """Lane cycles at 500 MHz with 8 lanes: ceil(element operations / 8) + ceil(special * 4 / 8); 100 B in, 100 B out at 8 GB/s."""
    tables, work = softmax_on(unit(1e-12))
    element, special = (int(c[0]) for c in (tables.operators.element_operations, tables.operators.special_operations))
    assert special >= 100
    cycles = math.ceil(element / 8) + math.ceil(special * 4 / 8)
    assert (work.amounts @ work.prices)[0] == pytest.approx(cycles / 500e6 + 200 / 8e9, rel=1e-12)
    assert work.details[0]["cycles"] == round(((work.amounts @ work.prices)[0]) * 500e6)
    joules = (element + 4 * special) * 1e-12 + 100 * 1e-12 + 100 * 2e-12
    assert (work.energy_amounts @ work.energy_prices)[0] == pytest.approx(joules, rel=1e-12)
    assert vector_operations(tables.operators, 0) == element


def test_energy_that_is_not_known_is_left_out() -> None:
    _, work = softmax_on(unit(None))
    assert work.energy_terms == () and work.energy_amounts.shape == (1, 0) and len(work.energy_prices) == 0


def test_a_memory_without_rate_does_not_limit() -> None:
    parameters = vector_parameters(unit(None), None)
    prices = np.zeros(4)
    vector_prices(parameters, prices)
    assert prices[2] == prices[3] == 0.0
