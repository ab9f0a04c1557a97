"""CPU counts: one convolution worked by hand, the slow model on random layers, compiled against interpreted, laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.cpu_convolution import pieces, tile_work
from dataflows.cpu_counts import cpu_algorithm, cpu_amounts
from dataflows.cpu_layer import NetworkFacts, beyond, layer_of, network_facts, pack_of, share_of_one
from dataflows.cpu_terms import CPU_TERMS
from hwmodels.costs.cpu import TERM_NAMES, cpu_prices
from tests.dataflows.cpu.random_layers import SHORT, changed, parameters_of, random_chip, random_layer, tables_of
from tests.reference.cpu import Chip, Layer, nominal_seconds
from workloads.operators.rule import KINDS

FACTS = NetworkFacts(3.5e6, 1.2e6, 1)


def counted(layer: Layer, chip: Chip, facts: NetworkFacts = FACTS, batch: int = 1, compiled: bool = False):
    """Amounts, traffic and prices of one layer."""
    operators, nests = tables_of(layer, batch)
    amounts, traffic, prices = np.zeros(20), np.zeros((3, 2), np.int64), np.zeros(20)
    count = cpu_amounts.compiled if compiled else cpu_amounts
    count(operators, nests, 0, parameters_of(chip), facts, amounts, traffic)
    cpu_prices(parameters_of(chip), prices)
    return amounts, traffic, prices


def test_one_convolution_by_hand() -> None:
    """1x1, 16 -> 24 channels, 7x7 outputs, fp32, one thread of a 1 GHz core with 8 FLOP/cycle, 8 x 12 tiles.

    M = 24, N = 49, K = 16. Pieces of M: 3 of 8. Pieces of N: 4 of 12 and one of 1. A full tile costs 96 of 96 + 20.
    gemm: 2 * 16 * (24*49 + 5*24 + 3*49) * 96/116 = 2 * 16 * 1443 * 0.8276 = 38,214.6 flop, 4.777 us at 8 Gflop/s.
    Panels 16 * 49 * 4 = 3,136 B, packed twice: 6,272 B; A = (784 + 1176) * 4 = 7,840 B. With 256 KiB of L2 the share beyond it
    is 1/(1 + (262144/10976)^3) = 7.340e-5, so packing_far = 6272 * 7.340e-5 + 0.5 * 3136/(1 + (262144/3136)^3) = 0.46304 B.
    Weights 408 * 4 = 1,632 B, network weights + activation 4.7 MB against 1 MiB: missing 1/(1 + (1048576/4.7e6)^3) = 0.98902.
    Through the core: half of A where it is beyond L2, 0.5 * 7840/(1 + (262144/9472)^3) = 0.1849 B.
    DRAM: 1632 * 0.98902 + 7840 * beyond(9472) + ... = 1,614.1 B.
    """
    chip = Chip(f=1e9, c32=8.0, C2=262144.0, CL=1048576.0, BW=10e9, p=1)
    one = {"N": 1, "G": 1, "M": 24, "C": 16, "E": 7, "F": 7, "R": 1, "S": 1, "stride": 1, "dilation": 1, "constant": True}
    layer = Layer("convolution", ins=784, outs=1176, weights=408, channels=24, pixels=49, products=[one])
    amounts, traffic, prices = counted(layer, chip)
    by_name = dict(zip(TERM_NAMES, amounts, strict=True))
    assert by_name["gemm"] == pytest.approx(38214.62, rel=1e-6)
    assert by_name["gemm"] * prices[TERM_NAMES.index("gemm")] == pytest.approx(4.7768e-6, rel=1e-4)
    assert by_name["packing"] == 6272.0
    assert by_name["packing_far"] == pytest.approx(0.46306, rel=1e-3)
    assert by_name["elementwise"] == pytest.approx(0.184914, rel=1e-5)
    assert by_name["dram_shared"] == pytest.approx(1614.1, rel=1e-3)
    assert by_name["dram_core"] == by_name["dram_shared"]
    assert by_name["fork"] == by_name["cross_core"] == 0.0
    assert by_name["dispatch"] == 1.0
    assert traffic[2, 0] + traffic[2, 1] == pytest.approx(by_name["dram_shared"], abs=1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_slow_model(kind: str, random_generator: np.random.Generator) -> None:
    for _ in range(60):
        chip, layer = random_chip(random_generator), random_layer(random_generator, kind)
        amounts, _, prices = counted(layer, chip)
        expected = nominal_seconds(chip, layer, FACTS.weight_bytes, FACTS.largest_activation_bytes)
        for short, name in SHORT.items():
            k = TERM_NAMES.index(name)
            assert amounts[k] * prices[k] == pytest.approx(expected[short], rel=1e-9, abs=1e-30), (short, chip, layer)


def test_compiled_equals_interpreted_to_the_bit(random_generator: np.random.Generator) -> None:
    for _ in range(300):
        chip, layer = random_chip(random_generator), random_layer(random_generator)
        batch = int(random_generator.choice([1, 3]))
        facts = NetworkFacts(3.5e6, 1.2e6, batch)
        plain, compiled = counted(layer, chip, facts, batch), counted(layer, chip, facts, batch, compiled=True)
        assert np.array_equal(plain[0], compiled[0]), (chip, layer)
        assert np.array_equal(plain[1], compiled[1])
        prices = np.zeros(20)
        cpu_prices.compiled(parameters_of(chip), prices)
        assert np.array_equal(prices, plain[2])


@given(st.integers(0, 10**6), st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_a_batch_is_that_many_inferences(seed: int, batch: int) -> None:
    rng = np.random.default_rng(seed)
    chip, layer = random_chip(rng), random_layer(rng)
    one, one_traffic, _ = counted(layer, chip)
    many, many_traffic, _ = counted(layer, chip, NetworkFacts(3.5e6, 1.2e6, batch), batch)
    assert many == pytest.approx(one * batch, rel=1e-9, abs=1e-12)
    assert many_traffic == pytest.approx(one_traffic * batch, abs=2.0 * batch)


@given(st.integers(0, 10**6), st.sampled_from(["f", "c32", "BW", "s8", "C2"]))
@settings(max_examples=60, deadline=None)
def test_a_faster_part_is_never_slower(seed: int, field: str) -> None:
    """Clock, arithmetic, memory rate and L2. The model does not promise it of threads (regions and panels of other cores cost),
    of wider vectors (channels may no longer fill them) or of the last-level cache (weights kept there pass through the core).
    """
    rng = np.random.default_rng(seed)
    chip, layer = random_chip(rng), random_layer(rng)
    if field == "s8":
        chip = changed(chip, s8=4.0)  # from 1 to more, another algorithm is chosen
    better = changed(chip, **{field: getattr(chip, field) * 1.5})
    slow, fast = (a @ p for a, _, p in (counted(layer, chip), counted(layer, better)))
    assert fast <= slow * (1 + 1e-12)


def test_free_and_absorbed_operators() -> None:
    amounts, traffic, _ = counted(Layer("free", ins=64, outs=64, channels=64), Chip())
    assert amounts[TERM_NAMES.index("dispatch")] == amounts.sum() == 1.0
    assert not traffic.any()
    operators, nests = tables_of(Layer("elementwise", ins=64, outs=64, channels=64))
    operators.kind[0] = -1
    amounts[:] = 7.0
    cpu_amounts(operators, nests, 0, parameters_of(Chip()), FACTS, amounts, traffic)
    assert not amounts.any()


def test_scalar_counts_by_hand() -> None:
    assert [pieces(n, 8) for n in (1, 7, 8, 23)] == [1, 3, 1, 5]  # 7 = 4+2+1; 23 = 8+8+4+2+1
    assert [pieces(n, 12) for n in (11, 12, 49)] == [3, 1, 5]  # 11 = 8+2+1; 49 = 4*12 + 1
    assert tile_work(parameters_of(Chip()), 8, 12) == pytest.approx(96.0)
    assert share_of_one(5, 4) == pytest.approx(2 / 5)
    assert [pack_of(c, 8.0) for c in (16, 12, 6)] == [8, 4, 1]
    assert beyond(0.0, 1.0) == 0.0 and beyond(2.0, 1.0) == pytest.approx(8 / 9)


def test_network_facts_leave_out_tables_that_are_looked_up() -> None:
    embedding, _ = tables_of(Layer("embedding", ins=8, outs=64, weights=10**6))
    facts = network_facts(embedding, parameters_of(Chip()), 1)
    assert facts.weight_bytes == 0.0
    layer, _ = tables_of(Layer("elementwise", ins=8, outs=64, weights=100))
    assert network_facts(layer, parameters_of(Chip()), 2) == (400.0, 144.0, 2)
    assert network_facts.compiled(layer, parameters_of(Chip()), 2) == (400.0, 144.0, 2)


def test_algorithm_is_named_for_weighted_layers_only() -> None:
    for kind in KINDS:
        layer = random_layer(np.random.default_rng(1), kind)
        operators, nests = tables_of(layer)
        unit = parameters_of(Chip())
        found = cpu_algorithm(operators, nests, 0, unit, layer_of(operators, 0, unit, FACTS))
        assert (found >= 0) == (kind in ("convolution", "depthwise") or (kind == "fully_connected" and layer.pixels == 1))


def test_terms_name_what_they_read() -> None:
    assert [t.name for t in CPU_TERMS] == list(TERM_NAMES)
    assert {t.phase for t in CPU_TERMS} == {"compute", "packing", "l2", "llc", "dram", "overhead"}
    for term in CPU_TERMS:
        assert f"multipliers.{term.name}" in term.parameters
