"""Microcontroller counts: one network layer by hand, the slow model on random layers, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.mcu_counts import MCU_TERMS, McuFacts, mcu_amounts
from dataflows.mcu_lowering import lower_mcu
from dataflows.unit_work import UnitSettings
from hwmodels.costs.mcu import PRIOR_CYCLES, TERM_NAMES, McuParameters, mcu_parameters, mcu_prices
from hwmodels.device import Device, McuUnit, MemoryLevel
from hwmodels.runtime import Runtime, load_runtime
from tests.dataflows.cpu.random_layers import random_layer, tables_of
from tests.reference.cpu import Layer
from tests.reference.units import mcu_seconds
from workloads.graph import Graph, Operator, Tensor
from workloads.operators.rule import KINDS
from workloads.tables import graph_tables


def core(clock: float = 480e6, kappa: float = 0.58, beta: float = 0.26, external: float = 16e-9) -> McuUnit:
    return McuUnit(
        "cpu", "mcu", clock, ("int8", "fp32"), "sum", None, ("flash",), ("sram", "sdram"), cycle_factor=kappa,
        flash_cycles_per_byte=beta, external_s_per_byte=external,
    )  # fmt: skip


def board(unit: McuUnit) -> Device:
    kinds = {"flash": "flash", "sram": "sram", "sdram": "external_ram"}
    return Device("board", "", {"cpu": unit}, {n: MemoryLevel(n, k, None) for n, k in kinds.items()}, {}, {}, "chip")


def seconds(layer: Layer, parameters: McuParameters, streamed: int = 0, outside: int = 0, compiled: bool = False):
    operators, nests = tables_of(layer)
    facts = McuFacts(np.array([streamed]), np.array([outside]), np.array([0]))
    amounts, traffic, prices = np.zeros(18), np.zeros((3, 2), np.int64), np.zeros(18)
    (mcu_amounts.compiled if compiled else mcu_amounts)(operators, nests, 0, parameters, facts, amounts, traffic)
    (mcu_prices.compiled if compiled else mcu_prices)(parameters, prices)
    return amounts, traffic, prices


def small_network() -> Graph:
    """3x3 convolution 4 -> 8 on 6x6 (padded), then a fully connected layer of 10, both int8."""
    tensors = [
        Tensor("x", (1, 4, 6, 6), "int8", "input"), Tensor("w", (8, 4, 3, 3), "int8", "weight"), Tensor("y", (1, 8, 6, 6), "int8"),
        Tensor("flat", (1, 288), "int8"), Tensor("v", (10, 288), "int8", "weight"), Tensor("z", (1, 10), "int8", "output"),
    ]  # fmt: skip
    operators = [
        Operator("conv", "Conv", ("x", "w"), ("y",), {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1), "strides": (1, 1)}),
        Operator("flatten", "Flatten", ("y",), ("flat",)),
        Operator("fc", "Gemm", ("flat", "v"), ("z",), {"transB": 1}),
    ]
    return Graph.build("small", operators, tensors)


#: A runtime with round costs, in Cortex-M4 cycles.
ROUND = Runtime(
    "round", "", ("mcu",), costs={
        "convolution_cycles": 1.75, "fully_connected_cycles": 2.6, "output_cycles": 38, "input_cycles": 2, "remainder_cycles": 0.5,
        "dispatch_cycles": 270,
    },
)  # fmt: skip


def test_small_network_by_hand() -> None:
    """A Cortex-M7 at 480 MHz: 0.58 cycles per Cortex-M4 cycle.

    conv: 6*6*8*4*9 = 10,368 MAC * 1.75 + 288 outputs * 38 + 144 inputs * 2 + 270 = 29,646 M4 cycles;
    * 0.58 / 480 MHz = 35.82225 us.
    flatten: 270 cycles -> 0.32625 us.
    fc: 2,880 MAC * 2.6 + 10 * 38 + 288 * 2 + 270 = 8,714 -> 10.5294167 us; 2,880 B from flash * 0.26 = 748.8 cycles -> 1.56 us.
    """
    unit = core()
    graph = small_network()
    work = lower_mcu(graph, graph_tables(graph), board(unit), unit, UnitSettings(runtime=ROUND), np.ones(3, bool))
    expected = [35.82225e-6, 0.32625e-6, 10.5294167e-6 + 1.56e-6]
    assert (work.amounts @ work.prices).tolist() == pytest.approx(expected, rel=1e-6)
    assert [work.details[i]["cycles"] for i in range(3)] == [17195, 157, 5803]
    assert work.levels == ("sram", "sdram", "flash")
    assert work.traffic[0].tolist() == [[144, 288], [0, 0], [288, 0]]
    assert work.traffic[2].tolist() == [[288, 10], [0, 0], [2880, 0]]


def test_three_input_channels_take_the_slow_way() -> None:
    """3x3 convolution 3 -> 8 on 6x6: 7,776 MAC, half a cycle more for each."""
    tensors = [
        Tensor("x", (1, 3, 6, 6), "int8", "input"), Tensor("w", (8, 3, 3, 3), "int8", "weight"),
        Tensor("y", (1, 8, 6, 6), "int8", "output"),
    ]  # fmt: skip
    first = Operator("conv", "Conv", ("x", "w"), ("y",), {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1), "strides": (1, 1)})
    graph, unit = Graph.build("first", [first], tensors), core()
    work = lower_mcu(graph, graph_tables(graph), board(unit), unit, UnitSettings(runtime=ROUND), np.ones(1, bool))
    amounts = dict(zip(TERM_NAMES, work.amounts[0].tolist(), strict=True))
    assert (amounts["convolution"], amounts["remainder"], amounts["input"], amounts["output"]) == (7776, 7776, 108, 288)


def test_regions_move_bytes_and_time() -> None:
    """Weights in RAM are not streamed; activations outside cost 16 ns per byte: conv 144 + 288 B, fc 288 B."""
    unit, graph = core(), small_network()
    tables, runtime = graph_tables(graph), load_runtime("x_cube_ai_8_1")
    home = lower_mcu(graph, tables, board(unit), unit, UnitSettings(runtime=runtime), np.ones(3, bool))
    places = {"v": "sram", "x": "sdram", "y": "sdram", "flat": "sdram"}
    away = lower_mcu(graph, tables, board(unit), unit, UnitSettings(runtime=runtime, regions=places), np.ones(3, bool))
    flash, external = TERM_NAMES.index("flash"), TERM_NAMES.index("external")
    assert home.amounts[:, flash].tolist() == [0, 0, 2880] and not home.amounts[:, external].any()
    assert not away.amounts[:, flash].any() and away.amounts[:, external].tolist() == [432, 0, 288]
    outside = lower_mcu(graph, tables, board(unit), unit, UnitSettings(runtime=runtime, regions={"v": "sdram"}), np.ones(3, bool))
    assert not outside.amounts[:, flash].any() and outside.amounts[:, external].tolist() == [0, 0, 2880]
    assert {t.phase for t in away.terms} == {"compute", "overhead", "flash", "sdram"}


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_slow_model(kind: str, random_generator: np.random.Generator) -> None:
    for _ in range(30):
        layer = random_layer(random_generator, kind)
        costs = {name: float(random_generator.uniform(0.5, 50)) for name in PRIOR_CYCLES}
        kappa, beta = (float(x) for x in random_generator.uniform(0.1, 5, 2))
        streamed, outside = (int(x) for x in random_generator.integers(0, layer.ins + 1, 2))
        parameters = McuParameters(200e6, kappa, beta, 2e-8, **costs)
        amounts, _, prices = seconds(layer, parameters, streamed, outside)
        moved = (0, 0) if kind == "free" else (streamed, outside)
        assert amounts @ prices == pytest.approx(mcu_seconds(layer, costs, 200e6, kappa, beta, 2e-8, *moved), rel=1e-9)


def test_compiled_equals_interpreted_to_the_bit(random_generator: np.random.Generator) -> None:
    parameters = mcu_parameters(core(), load_runtime("hale"))
    for _ in range(200):
        layer = random_layer(random_generator)
        outside = int(random_generator.integers(0, 1 + int((layer.ins + layer.outs) * layer.bits / 8)))
        for plain, compiled in zip(
            seconds(layer, parameters, 7, outside), seconds(layer, parameters, 7, outside, True), strict=True
        ):
            assert np.array_equal(plain, compiled)


@given(st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_cycles_do_not_depend_on_the_clock(seed: int) -> None:
    layer = random_layer(np.random.default_rng(seed))
    slow, fast = (seconds(layer, mcu_parameters(core(clock, external=0.0), None), 5) for clock in (40e6, 280e6))
    assert slow[0] @ slow[2] * 40e6 == pytest.approx(fast[0] @ fast[2] * 280e6, rel=1e-12)


def test_a_runtime_nobody_measured_has_the_prior() -> None:
    assert mcu_parameters(core(), None).convolution == PRIOR_CYCLES["convolution"]
    assert [t.name for t in MCU_TERMS] == list(TERM_NAMES)


@pytest.mark.parametrize(("op", "amount"), [("Relu", 0), ("Clip", 0), ("Sigmoid", 288), ("HardSwish", 288), ("Erf", 288)])
def test_an_activation_inside_an_operator_costs_unless_it_clamps(op: str, amount: int) -> None:
    tensors = [
        Tensor("x", (1, 4, 6, 6), "int8", "input"), Tensor("w", (8, 4, 3, 3), "int8", "weight"), Tensor("y", (1, 8, 6, 6), "int8"),
        Tensor("z", (1, 8, 6, 6), "int8", "output"),
    ]  # fmt: skip
    conv = Operator("conv", "Conv", ("x", "w"), ("y",), {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1), "strides": (1, 1)})
    graph, unit = Graph.build("bent", [conv, Operator("bend", op, ("y",), ("z",))], tensors), core()
    runtime = load_runtime("x_cube_ai_8_1")
    work = lower_mcu(graph, graph_tables(graph), board(unit), unit, UnitSettings(runtime=runtime), np.ones(2, bool))
    assert work.details[1] == {"fused_into": "conv"} and not work.amounts[1].any()
    assert work.amounts[0, TERM_NAMES.index("activation")] == amount
