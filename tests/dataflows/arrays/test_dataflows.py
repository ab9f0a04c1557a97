"""The named dataflows: what they promise, how they fit, how they print; energies and small engines."""

from __future__ import annotations

import math
import random

import pytest

from dataflows.capacity import shortfalls, words_beyond
from dataflows.dataflow import Dataflow
from dataflows.engines import pixel_channel_cycles, tiled_engine_cycles
from dataflows.errors import MappingError
from dataflows.hierarchy import Hierarchy, StorageLevel, hierarchy_of
from dataflows.library import DATAFLOWS, dataflow_named
from dataflows.mapping import Mapping
from dataflows.render import loop_nest
from dataflows.tables import INPUTS, OUTPUTS, TENSORS, WEIGHTS
from hwmodels.costs.array import level_joules, operand_value_energy, port_cycles, psum_value_energy, weight_bound_rate
from tests.dataflows.arrays.mappings import nest_of, random_nest, small_hierarchy
from tests.dataflows.arrays.networks import row_stationary_device
from workloads.loopnest import LoopNest, product_nest

#: AlexNet CONV3 and an array of 12 x 14 elements with a register each under a roomy buffer.
CONV3 = nest_of({"M": 384, "C": 256, "E": 13, "F": 13, "R": 3, "S": 3})
ELEMENT = StorageLevel("element", own_words=dict.fromkeys(TENSORS, 1.0))
ROOMY = Hierarchy((StorageLevel("dram"), StorageLevel("buffer", capacity_words=2e6), ELEMENT), 12, 14)


def mapped(name: str, nest: LoopNest = CONV3, hierarchy: Hierarchy = ROOMY) -> Mapping:
    return DATAFLOWS[name].mapping(nest, hierarchy)


@pytest.mark.parametrize("name", DATAFLOWS)
def test_spread_loops_stay_on_the_array(name: str) -> None:
    rng = random.Random(name)
    for _ in range(60):
        nest, hierarchy = random_nest(rng), small_hierarchy(rng)
        mapping = DATAFLOWS[name].mapping(nest, hierarchy)
        for axis, room in (("rows", hierarchy.rows), ("columns", hierarchy.columns)):
            assert math.prod(loop.bound for loop in mapping.loops if loop.axis == axis) <= room
        assert words_beyond(mapping, hierarchy, 1) == 0


@pytest.mark.parametrize("name", ["os_a", "os_b", "os_c"])
def test_output_stationary_never_moves_partial_sums(name: str) -> None:
    """Every sum leaves its register once, finished: the buffer sees |O| updates and no read-back."""
    counts = mapped(name).accesses()
    assert counts.updates[1, OUTPUTS] == counts.updates[0, OUTPUTS] == 384 * 169
    assert counts.reads[1, OUTPUTS] == 0


def test_weight_stationary_adds_partial_sums_in_the_buffer() -> None:
    """C = 256 on 12 rows: blocks of 12, the last smaller; per output ceil(256/12) * 9 = 198 updates, 197 of them continue a sum."""
    counts = mapped("ws").accesses()
    assert counts.updates[1, OUTPUTS] == 384 * 169 * 22 * 9
    assert counts.reads[1, OUTPUTS] == 384 * 169 * (22 * 9 - 1)
    assert counts.reads[1, WEIGHTS] == 384 * 256 * 9


def test_input_stationary_reads_each_input_once_per_tap() -> None:
    counts = mapped("is").accesses()
    assert counts.reads[1, INPUTS] == 256 * 169 * 9
    assert counts.reads[2, INPUTS] == CONV3.volume


def test_no_local_reuse_reads_both_operands_from_the_buffer() -> None:
    """Inputs broadcast over 14 filters (384 in blocks of 14: 28 of them), sums of 12 channels added on the way."""
    counts = mapped("nlr").accesses()
    assert counts.reads[1, WEIGHTS] == CONV3.volume
    assert counts.reads[1, INPUTS] == 256 * 9 * 169 * 28
    assert not counts.reads[2].any()


@pytest.mark.parametrize("name", DATAFLOWS)
def test_one_image_fully_connected_reads_each_weight_once(name: str) -> None:
    counts = mapped(name, product_nest(rows=1, columns=96, reduction=120, tensors=("x", "w", "y"))).accesses()
    assert counts.reads[0, WEIGHTS] == 96 * 120


def dense(nest: LoopNest) -> bool:
    """True where windows touch every input between their first and their last."""
    return all(coefficient == 1 for axis in nest.index("inputs").axes for _, coefficient in axis)


@pytest.mark.parametrize("name", DATAFLOWS)
def test_dram_moves_every_word_at_least_once(name: str) -> None:
    rng = random.Random(name + "dram")
    for _ in range(60):
        nest = random_nest(rng)
        counts = DATAFLOWS[name].mapping(nest, small_hierarchy(rng, 40.0)).accesses()
        assert counts.reads[0, WEIGHTS] >= nest.footprint("weights")
        assert counts.updates[0, OUTPUTS] >= nest.footprint("outputs")
        if dense(nest):
            assert counts.reads[0, INPUTS] >= nest.footprint("inputs")


def test_variant_of_output_stationary() -> None:
    assert dataflow_named("os", CONV3).name == "os_b"
    assert dataflow_named("os", product_nest(rows=8, columns=8, reduction=8, tensors=("x", "w", "y"))).name == "os_c"
    with pytest.raises(MappingError, match="'weightstationary' is not a dataflow"):
        dataflow_named("weightstationary", CONV3)


def test_a_new_dataflow_is_data() -> None:
    """Channels spread over both axes, sums kept: nothing but a value is needed."""
    custom = Dataflow("tree", "adder tree", "outputs", ("C",), ("C",), ("M", "E", "F", "R", "S", "C"), ("outputs",))
    counts = custom.mapping(CONV3, ROOMY).accesses()
    # 256 channels over 12 rows: blocks of 22 rounds on 12; 22 rounds over 14 columns: 2 rounds of 11.
    assert counts.cycles[0] == 2 * 9 * 169 * 384
    assert counts.updates[1, OUTPUTS] == 384 * 169


def test_too_small_a_buffer() -> None:
    tiny = Hierarchy((StorageLevel("dram"), StorageLevel("buffer", capacity_words=2.0), ROOMY.levels[2]), 12, 14)
    with pytest.raises(MappingError, match="level 'buffer' is .* words too small"):
        mapped("ws", CONV3, tiny)


def test_shortfall_of_a_mapping() -> None:
    """Weights 12, inputs 4, outputs 3 words twice buffered in 20 words of 16 bit: 38 needed, 18 short."""
    nest = nest_of({"M": 3, "C": 4})
    roomy = Hierarchy((StorageLevel("dram"), StorageLevel("buffer", buffers=2)), 1, 1)
    mapping = DATAFLOWS["ws"].mapping(nest, roomy)
    tight = Hierarchy((StorageLevel("dram"), StorageLevel("buffer", capacity_words=20.0, buffers=2)), 1, 1)
    tile = mapping.accesses().tile[1].tolist()
    short = shortfalls(mapping, tight, 16, "conv")
    needed = 2 * sum(words for words, tensor in zip(tile, TENSORS, strict=True) if tensor in mapping.levels[1].keeps)
    if needed > 20:
        assert (short[0].needed_bytes, short[0].capacity_bytes, short[0].operator) == (needed * 2, 40, "conv")
    else:
        assert not short


def test_printed_nest() -> None:
    text = loop_nest(mapped("ws", nest_of({"M": 28, "C": 3, "E": 4, "F": 4, "R": 3, "S": 3})))
    assert "spread M over 14 columns  filters" in text
    assert text.splitlines()[-1].strip() == "multiply-accumulate"
    assert text.splitlines()[0].startswith("dram     keeps weights 756")


def test_hierarchy_of_a_device() -> None:
    """16-bit words: 108 KiB are 55296, 480 MB/s at 200 MHz 1.2 words a cycle; 6 pJ/B times dynamic_factor 2 are 24 pJ a word."""
    device = row_stationary_device()
    hierarchy = hierarchy_of(device, device.units["array"])  # type: ignore[arg-type]
    assert [level.name for level in hierarchy.levels] == ["dram", "glb", "element"]
    assert hierarchy.levels[1].capacity_words == 55296
    assert hierarchy.levels[0].read_words == pytest.approx(1.2)
    assert hierarchy.levels[1].read_energy_j == pytest.approx(24e-12)
    assert hierarchy.levels[2].own_words == {"weights": 224.0, "inputs": 12.0, "outputs": 24.0}
    assert hierarchy.levels[2].own_energy_j["outputs"] == pytest.approx(1.4e-12)
    assert hierarchy.levels[0].read_energy_j == pytest.approx(60e-12)
    assert hierarchy.table().capacity[1] == 55296


def test_energy_of_one_value() -> None:
    """AlexNet CONV5: weights a1 b1 c13 d52, inputs a2 b2 c6 d48, sums a1 b32 c6 d9; with the MAC 6.05 per MAC."""
    parts = (
        operand_value_energy(1, 1, 13, 52) / 676,
        operand_value_energy(2, 2, 6, 48) / 1152,
        psum_value_energy(1, 32, 6, 9) / 1728,
    )
    assert parts == pytest.approx((908 / 676, 1624 / 1152, 3964 / 1728))
    assert 1 + sum(parts) == pytest.approx(6.05, abs=0.005)


def test_split_of_row_stationary_reuse() -> None:
    """The four factors multiply to every use of a value: CONV4 of AlexNet, N = 4, with its published mapping."""
    n, m, e, p, q, r, t = 4, 64, 13, 16, 3, 2, 2
    rows, columns, filters, channels, batch, side = 13, 13, 192, 192, 4, 3
    assert (n * columns) * e * 1 * (batch // n * -(-rows // e)) == batch * rows * columns
    assert (p * side) * (side * t) * (m // (p * t)) * (filters // m) == filters * side * side
    assert (q * side) * (side * r) * (channels // (q * r)) == channels * side * side


def test_ports_and_levels() -> None:
    assert port_cycles(1000.0, 0.0, 4.0, 10.0, math.inf, 1) == 25.0
    assert level_joules(3.0, 4.0, 2e-12, 1e-12) == pytest.approx(10e-12)


@pytest.mark.parametrize(("intensity", "tops"), [(200, 13.6), (64, 4.352), (2888, 92)])
def test_roofline_of_the_first_tensor_processor(intensity: float, tops: float) -> None:
    assert weight_bound_rate(92e12, intensity, 34e9) / 1e12 == pytest.approx(tops)


TILED = [
    (48, 3, 55, 11, 366025),
    (128, 48, 27, 5, 255150),
    (192, 256, 13, 3, 168831),
    (192, 192, 13, 3, 127764),
    (128, 192, 13, 3, 85176),
]


@pytest.mark.parametrize(("filters", "channels", "side", "kernel", "cycles"), TILED)
def test_tiled_engine(filters: int, channels: int, side: int, kernel: int, cycles: int) -> None:
    """Half of AlexNet's filters at a time on 64 x 7 multipliers, no pipeline depth (CONV3 sees all channels)."""
    assert tiled_engine_cycles(filters, channels, side, side, kernel, 64, 7, side, side, 0) == cycles
    assert tiled_engine_cycles.compiled(filters, channels, side, side, kernel, 64, 7, 13, 13, 10) > cycles


def test_pixel_and_channel_parallel_engine() -> None:
    cycles = [
        pixel_channel_cycles(*shape, 8, 16, 16)
        for shape in (
            (96, 3, 55, 55, 11),
            (256, 96, 27, 27, 5),
            (384, 256, 13, 13, 3),
            (384, 384, 13, 13, 3),
            (256, 384, 13, 13, 3),
        )
    ]
    assert cycles == [279510, 259200, 89856, 134784, 89856]
