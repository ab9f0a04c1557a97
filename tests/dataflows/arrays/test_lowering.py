"""Lowering onto arrays: hand-worked amounts, prices and energies of single layers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dataflows.array_lowering import lower_row_stationary, lower_systolic, supports
from dataflows.errors import MappingError
from dataflows.unit_work import UnitSettings, UnitWork
from hwmodels.device import ArrayUnit, Device
from tests.dataflows.arrays.networks import ALEXNET, convolutions, row_stationary_device, systolic_device
from workloads.graph import Graph, Operator, Tensor
from workloads.operators.rule import KINDS
from workloads.tables import graph_tables


def array_of(device: Device) -> ArrayUnit:
    unit = device.units["array"]
    assert isinstance(unit, ArrayUnit)
    return unit


def lowered(graph: Graph, device: Device, **choices: object) -> UnitWork:
    tables = graph_tables(graph)
    unit = array_of(device)
    mine = np.array([supports(unit, KINDS[kind]) for kind in tables.operators.kind])
    lower = lower_systolic if unit.kind == "systolic" else lower_row_stationary
    return lower(graph, tables, device, unit, UnitSettings(**choices), mine)  # type: ignore[arg-type]


def amounts_of(work: UnitWork, operator: int = 0) -> dict[str, float]:
    return {term.name: float(amount) for term, amount in zip(work.terms, work.amounts[operator], strict=True)}


def energies_of(work: UnitWork, operator: int = 0) -> dict[str, float]:
    joules = work.energy_amounts[operator] * work.energy_prices
    return {f"{term.phase} {term.name}": float(value) for term, value in zip(work.energy_terms, joules, strict=True)}


#: 2 channels, 4 x 4 inputs, 4 filters of 1 x 1: a product of 16 pixels, reduction 2, 4 columns.
POINTWISE = {"conv": (2, 4, 4, 1, 1, 0, 1)}


def test_systolic_layer_by_hand() -> None:
    """4 x 4 array, weight stationary: one fold, 4 + 16 + 4 + 4 - 2 = 26 cycles; everything fits, so each byte crosses DRAM once.

    Reads 32 inputs and 8 weights, 64 outputs on their way out; writes 64 outputs and 40 arriving bytes; DRAM 104 B.
    """
    work = lowered(convolutions(POINTWISE, dtype="int8"), systolic_device())
    assert amounts_of(work) == {
        "array": 26, "element operations": 0, "first tile": 8, "first request": 1,
        "scratchpad reads": 104, "scratchpad writes": 104, "DRAM transfers": 104,
    }  # fmt: skip
    seconds = dict(zip([term.phase for term in work.terms], work.amounts[0] * work.prices, strict=True))
    assert seconds["dram"] == pytest.approx(104e-9)
    np.testing.assert_array_equal(work.traffic[0], [[104, 104], [40, 64]])
    assert work.details[0]["utilization"] == pytest.approx(128 / (16 * 26))
    assert {term.phase for term in work.terms} == {"compute", "scratchpad", "dram"}


def test_systolic_energy_by_hand() -> None:
    """128 MACs at 1 pJ, 256 hops at 0.1 pJ; scratchpad 2 and 3 pJ/B, DRAM 40 and 50 pJ/B; no partial sums."""
    found = energies_of(lowered(convolutions(POINTWISE, dtype="int8"), systolic_device()))
    expected = {
        "array macs": 128, "array vector": 0, "array hops": 25.6, "array psums": 0,
        "scratchpad inputs": 64, "scratchpad weights": 16, "scratchpad outputs": 192, "scratchpad fills": 120,
        "scratchpad drains": 128, "dram inputs": 1280, "dram weights": 320, "dram outputs": 3200,
    }  # fmt: skip
    assert found == pytest.approx({name: value * 1e-12 for name, value in expected.items()})


def test_chip_scope_leaves_dram_energy_out() -> None:
    work = lowered(convolutions(POINTWISE, dtype="int8"), systolic_device("chip"))
    assert {term.phase for term in work.energy_terms} == {"array", "scratchpad"}


def test_unknown_energy_is_not_a_number() -> None:
    found = energies_of(lowered(convolutions(POINTWISE, dtype="int8"), systolic_device(mac_energy_j=None)))
    assert math.isnan(found["array macs"])


def test_reference_timing_has_no_memory() -> None:
    """One fold of 2*4 + 4 + 16 - 2 = 26 cycles; the common simulator's report says 25."""
    work = lowered(convolutions(POINTWISE, dtype="int8"), systolic_device(), timing="reference")
    assert work.amounts[0].tolist() == [26, 0, 0, 0, 0, 0, 0]
    assert work.details[0]["cycles_reported_last_index"] == 25
    assert work.traffic[0, 1].tolist() == [40, 64]


def test_best_dataflow_is_never_slower() -> None:
    graph = convolutions({name: ALEXNET[name] for name in ("CONV1", "CONV4")}, dtype="int8")
    times = {}
    for name in ("ws", "os", "is", "best"):
        work = lowered(graph, systolic_device(), dataflow=name)
        seconds = work.amounts * work.prices
        times[name] = np.max([seconds[:, :4].sum(axis=1), seconds[:, 4:6].sum(axis=1), seconds[:, 6]], axis=0)
    np.testing.assert_allclose(times["best"], np.min([times["ws"], times["os"], times["is"]], axis=0))


def test_dataflow_the_unit_cannot_do() -> None:
    device = systolic_device(dataflows=("ws",))
    with pytest.raises(MappingError, match="dataflow 'os'; this systolic array does ws; --hypothetical"):
        lowered(convolutions(POINTWISE, dtype="int8"), device, dataflow="os")
    assert lowered(convolutions(POINTWISE, dtype="int8"), device, dataflow="os", hypothetical=True).details[0]["dataflow"] == "os"
    with pytest.raises(MappingError, match="dataflow 'nlr'; this systolic array does ws; --hypothetical"):
        lowered(convolutions(POINTWISE, dtype="int8"), device, dataflow="nlr")
    assert lowered(convolutions(POINTWISE, dtype="int8"), device, dataflow="nlr", hypothetical=True).details[0]["dataflow"] == "nlr"
    with pytest.raises(MappingError, match="dataflow 'ws'; this row_stationary array does rs"):
        lowered(convolutions(POINTWISE), row_stationary_device(), dataflow="ws")


def test_row_stationary_layer_by_hand() -> None:
    """CONV2 at batch 4 with its published mapping.

    1536 passes of 4320 cycles; filters 1536*800 words on a bus of four; windows 1536*310 words, each paid 1.9 times;
    outputs 4*256*27*27*2 B over 480 MB/s = 3.11 ms.
    """
    mapping = {"CONV2": dict(zip("nmepqrt", (1, 64, 27, 16, 2, 1, 1), strict=True))}
    work = lowered(convolutions({"CONV2": ALEXNET["CONV2"]}, 4), row_stationary_device(), mappings=mapping)
    assert amounts_of(work) == {
        "streaming": 1536 * 4320, "filter load": 1536 * 800, "first window": 1536 * 310, "element operations": 0,
        "late operands": 0, "output writes": 1492992,
    }  # fmt: skip
    seconds = work.amounts[0] * work.prices
    assert seconds[:3].sum() == pytest.approx(39.24e-3, abs=5e-6)
    assert seconds[5] == pytest.approx(3.11e-3, abs=5e-6)
    assert work.join == "sum"
    detail = work.details[0]
    assert (detail["active_pes"], detail["passes"], detail["mapping_searched"]) == (135, 1536, False)
    # The buffer moves 77.57 MB: partial sums half read and half written.
    assert work.traffic[0, 0].sum() == pytest.approx(77.57e6, rel=1e-4)


def test_row_stationary_energy_by_hand() -> None:
    """Half the inputs are zero: MACs and filter words halve, partial sums see 2 * half + all; dynamic_factor is 2."""
    mapping = {"CONV5": dict(zip("nmepqrt", (4, 64, 13, 16, 3, 2, 2), strict=True)) | {"input_zero_share": 0.5}}
    work = lowered(convolutions({"CONV5": ALEXNET["CONV5"]}, 4), row_stationary_device(), mappings=mapping)
    macs = 4 * 256 * 192 * 9 * 169
    found = energies_of(work)
    assert found["array macs"] == pytest.approx(2 * 1.4e-12 * macs / 2)
    assert found["spads weights"] == pytest.approx(2 * 1e-12 * macs / 2)
    assert found["spads inputs"] == pytest.approx(2 * 0.3e-12 * macs)
    assert found["spads outputs"] == pytest.approx(2 * 0.7e-12 * 2 * macs)
    assert found["glb inputs"] + found["glb outputs"] == pytest.approx(2 * 6e-12 * work.traffic[0, 0].sum())
    assert {term.phase for term in work.energy_terms} == {"array", "spads", "network", "glb"}


def fully_connected(rows: int, features: int, outputs: int) -> Graph:
    tensors = [
        Tensor("x", (rows, features), "int16", "input"), Tensor("w", (outputs, features), "int16", "weight"),
        Tensor("y", (rows, outputs), "int16", "output"),
    ]  # fmt: skip
    return Graph.build("fc", [Operator("fc", "Gemm", ("x", "w"), ("y",), {"transB": 1})], tensors)


def test_fully_connected_layer_waits_for_its_weights() -> None:
    """One image: 4096 x 4096 weights of 2 B at 480 MB/s are 69.9 ms, which no processing time hides."""
    work = lowered(fully_connected(1, 4096, 4096), row_stationary_device())
    seconds = work.amounts[0] * work.prices
    assert seconds.sum() == pytest.approx((4096 * 4096 + 2 * 4096) * 2 / 480e6, rel=1e-3)
    assert seconds[4] > seconds[:4].sum()


def test_every_product_costs_something() -> None:
    """Depthwise, grouped, dilated and batched products run on both kinds of array."""
    tensors = [
        Tensor("x", (2, 8, 9, 9), "int16", "input"), Tensor("dw", (8, 1, 3, 3), "int16", "weight"),
        Tensor("a", (2, 8, 9, 9), "int16"), Tensor("gw", (8, 4, 3, 3), "int16", "weight"),
        Tensor("b", (2, 8, 5, 5), "int16", "output"),
        Tensor("p", (2, 4, 6, 5), "int16", "input"), Tensor("q", (2, 4, 5, 7), "int16", "input"),
        Tensor("r", (2, 4, 6, 7), "int16", "output"),
    ]  # fmt: skip
    one = {"strides": (1, 1), "dilations": (1, 1), "kernel_shape": (3, 3)}
    operators = [
        Operator("depthwise", "Conv", ("x", "dw"), ("a",), one | {"pads": (1, 1, 1, 1), "group": 8}),
        Operator("dilated", "Conv", ("a", "gw"), ("b",), one | {"pads": (0, 0, 0, 0), "group": 2, "dilations": (2, 2)}),
        Operator("products", "MatMul", ("p", "q"), ("r",)),
    ]
    graph = Graph.build("products", operators, tensors)
    for device in (systolic_device(), row_stationary_device()):
        work = lowered(graph, device)
        assert (work.amounts[:, 0] > 0).all()
        assert (work.traffic.sum(axis=(1, 2)) > 0).all()
        assert all(0 < work.details[i]["utilization"] <= 1 for i in range(3))


def test_operators_elsewhere_are_zero() -> None:
    graph = convolutions({name: ALEXNET[name] for name in ("CONV1", "CONV5")})
    tables = graph_tables(graph)
    device = row_stationary_device()
    work = lower_row_stationary(graph, tables, device, array_of(device), UnitSettings(), np.array([False, True]))
    assert not work.amounts[0].any()
    assert not work.traffic[0].any()
    assert list(work.details) == [1]


def test_array_without_levels() -> None:
    with pytest.raises(MappingError, match="names no levels"):
        lowered(convolutions(POINTWISE, dtype="int8"), systolic_device(levels=()))


def test_kinds_an_array_runs() -> None:
    unit = array_of(systolic_device())
    assert supports(unit, "attention")
    assert not supports(unit, "softmax")
    assert not supports(array_of(systolic_device(operators=("convolution",))), "attention")
