"""Access counts: the walk over every step, published vectors, laws."""

from __future__ import annotations

import csv
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dataflows.accesses import (
    axis_words,
    block_sizes,
    child_level,
    count_accesses,
    count_operand,
    count_outputs,
    innermost_temporal,
    joined_block,
    repeats,
    slide,
    sliding_axis,
    stationarity_cut,
    tensor_words,
    tile_words,
    union_words,
    walked_once,
    window_words,
)
from dataflows.errors import MappingError
from dataflows.library import DATAFLOWS
from dataflows.mapping import Loop, Mapping, MappingLevel
from dataflows.tables import INPUTS, NO_TENSOR, OUTPUTS, TENSORS, WEIGHTS, empty_accesses, empty_blocks
from tests.dataflows.arrays.mappings import differences, nest_of, random_mapping, random_nest, repeats_at_an_edge, small_hierarchy

SHARED = Path(__file__).resolve().parents[4] / "shared" / "measured" / "accel"


def loops(text: str) -> tuple[Loop, ...]:
    """``"E14 S3 M4r C3c"``: bounds, with r and c for loops spread over rows and columns."""
    axis = {"": "", "r": "rows", "c": "columns"}
    return tuple(Loop(name, int(bound), axis[spread]) for name, bound, spread in re.findall(r"([A-Z])(\d+)([rc]?)", text))


def mapping_of(stride: int, **levels: str) -> Mapping:
    """Levels outermost first: ``buffer="WIO: E16 S3"`` keeps all three tensors and has two loops."""
    letters = dict(zip("WIO", TENSORS, strict=True))
    built = []
    for name, text in levels.items():
        keeps, _, body = text.partition(":")
        built.append(MappingLevel(name, tuple(letters[c] for c in keeps.strip()), loops(body)))
    extents: Counter[str] = Counter()
    for level in built:
        for loop in level.loops:
            extents[loop.loop] = max(1, extents[loop.loop]) * loop.bound
    return Mapping.build(nest_of(dict(extents), stride), built)


def check(mapping: Mapping, halo: str) -> None:
    """Equal to the walk; where an edge tile repeats, never below it."""
    found = differences(mapping, halo)
    if repeats_at_an_edge(mapping):
        found = [entry for entry in found if entry[3] < entry[4] or entry[0] == "cycles"]
    assert not found, (mapping, found)


@pytest.mark.parametrize("name", DATAFLOWS)
def test_every_dataflow_counts_as_the_walk_does(name: str) -> None:
    """At least 500 random nests, arrays and buffers per dataflow; every level, tensor and count."""
    rng = random.Random(name)
    done = 0
    while done < 500:
        nest, hierarchy = random_nest(rng), small_hierarchy(rng)
        try:
            mapping = DATAFLOWS[name].mapping(nest, hierarchy)
        except MappingError:
            continue
        check(mapping, rng.choice(["delta", "full"]))
        done += 1


def test_random_mappings_count_as_the_walk_does() -> None:
    """Any order, any bypass, any spread, remainders at every level."""
    rng = random.Random(2017)
    for _ in range(1500):
        check(random_mapping(rng), rng.choice(["delta", "full"]))


def test_union_lies_between_the_walk_and_full_sharing() -> None:
    rng = random.Random(16)
    exact = 0
    for _ in range(400):
        mapping = random_mapping(rng)
        shared = mapping.accesses(sharing="shared").reads
        union = mapping.accesses(sharing="union").reads
        assert (union <= shared).all()
        worse = [entry for entry in differences(mapping, sharing="union") if entry[3] < entry[4]]
        assert not worse, (mapping, worse)
        exact += not differences(mapping, sharing="union")
    assert exact > 350


def test_one_dimensional_convolution() -> None:
    """F = 16, S = 3, one MAC: weight stationary fetches the inputs by what is new, 16 + 2; output stationary 3 + 15."""
    ws = mapping_of(1, dram="WIO: S3", buffer="WIO: F16").accesses()
    assert ws.fills[1].tolist() == [3, 18, 0]
    assert ws.reads[1].tolist() == [48, 48, 32]
    assert ws.updates[1, OUTPUTS] == 48
    assert ws.reads[0].tolist() == [3, 18, 0]
    assert ws.updates[0, OUTPUTS] == 16
    os = mapping_of(1, dram="WIO: F16", buffer="WIO: S3").accesses()
    assert (os.tile[1, INPUTS], os.fills[1, INPUTS]) == (3, 18)
    assert mapping_of(1, dram="WIO: F16", buffer="WIO: S3").accesses(halo="full").fills[1, INPUTS] == 48


def test_weight_stationary_array() -> None:
    """32 filters 3x3x3, stride 2, 4 filters x 3 channels spread: 2016 refills of each of 12 registers."""
    counts = mapping_of(
        2, dram="WIO: F14", glb="WIO: S3 E2 M8 M4r C3c", spad="W: R3 F2 E2", weight="W: E28 F4", inputs="I:", sums="O:"
    ).accesses()
    assert counts.fills[3, WEIGHTS] == 2016 * 12
    assert counts.reads[1].tolist() == [24192, 2709504, 3211264]
    assert counts.updates[1, OUTPUTS] == 3612672
    assert counts.cycles[0] == 903168
    assert counts.reads[0].tolist() == [864, 151875, 0]
    assert counts.updates[0, OUTPUTS] == 401408
    assert counts.fills[1, INPUTS] == 11475 + 13 * 10800


def test_output_stationary_array() -> None:
    """Same layer, 16 filters spread; the filter loop is innermost at DRAM and separates the column steps."""
    counts = mapping_of(
        2, dram="WIO: E2 F8 M2", glb="WI: F14 R3 M16r", spad="O: C3 E4 S3", weight="W: E14", inputs="I:", sums="O:"
    ).accesses()
    assert counts.fills[1, WEIGHTS] == 13824
    assert counts.fills[1, INPUTS] == 157296
    assert counts.reads[1, WEIGHTS] == 774144
    assert counts.cycles[0] == 677376
    assert counts.updates[5, OUTPUTS] == 677376 * 16


def test_partial_sums_come_back() -> None:
    """Registers of 16 x 16 channels: 3072 updates each, 512 different sums, 1024 hosted, 512 brought back; 64 * (16 + 2) inputs."""
    counts = mapping_of(1, dram="WIO: C16r", glb="WIO: C2 M32 S3", register="WIO: F16").accesses()
    registers = 16
    assert counts.updates[2, OUTPUTS] == 3072 * registers
    assert counts.reads[2, OUTPUTS] == 2560 * registers
    assert counts.fills[2, OUTPUTS] == 512 * registers
    assert counts.fills[2, INPUTS] == 64 * 18 * registers
    assert (counts.updates[1, OUTPUTS], counts.reads[1, OUTPUTS]) == (1024 * registers, 512 * registers)


def test_neighbours_share_inputs_in_part() -> None:
    """Fourteen columns of stride 2 under three filter columns: 29 words of a row in common, 42 delivered."""
    mapping = mapping_of(2, dram="WIO: E8 F2 M4", glb="IO: E14 F4 F14r C3c S3c", spad="I:", weights="W: R3", sums="O: M8")
    assert mapping.accesses().reads[1, INPUTS] == 1354752
    assert mapping.accesses(sharing="union").reads[1, INPUTS] == 935424


def test_remainders_run_what_is_left() -> None:
    """Ten iterations as three tiles of four: ten steps, not twelve; three of them side by side: four steps."""
    nest = nest_of({"M": 10})
    all_three = ("weights", "inputs", "outputs")
    split = Mapping.build(nest, [MappingLevel("dram", all_three, loops("M3")), MappingLevel("buffer", all_three, loops("M4"))])
    assert split.accesses().cycles[0] == 10
    assert split.accesses().fills[1].tolist() == [10, 1, 0]
    wide = Mapping.build(nest, [MappingLevel("dram", all_three, loops("M4 M3r"))])
    assert wide.accesses().cycles[0] == 4
    assert wide.accesses().reads[0].tolist() == [10, 4, 0]


def test_bypassed_level_counts_nothing() -> None:
    counts = mapping_of(1, dram="WIO: M4", buffer="IO: C3", element="WIO: F2").accesses()
    assert not any(column[1, WEIGHTS] for column in counts[:6])
    assert counts.reads[0, WEIGHTS] == counts.fills[2, WEIGHTS] == 12


def test_what_build_refuses() -> None:
    nest = nest_of({"M": 4, "C": 3})
    every = ("weights", "inputs", "outputs")
    with pytest.raises(MappingError, match="cover 2 of 4"):
        Mapping.build(nest, [MappingLevel("dram", every, loops("M2 C3"))])
    with pytest.raises(MappingError, match="spread loops stand last"):
        Mapping.build(nest, [MappingLevel("dram", every, loops("M4r C3"))])
    with pytest.raises(MappingError, match="outermost level keeps"):
        Mapping.build(nest, [MappingLevel("dram", ("weights",), loops("M4 C3"))])
    with pytest.raises(MappingError, match="a loop of"):
        Mapping.build(nest, [MappingLevel("dram", every, (Loop("Q", 4),))])
    trimmed = Mapping.build(nest, [MappingLevel("dram", every, loops("M9 C3 M2")), MappingLevel("buffer", every, loops("C1"))])
    assert [(loop.loop, loop.bound) for loop in trimmed.loops] == [("M", 2), ("C", 3), ("M", 2)]


def test_compiled_equals_interpreted() -> None:
    rng = random.Random(5)
    for _ in range(150):
        mapping = random_mapping(rng)
        table, levels = mapping.table(), len(mapping.levels)
        plain, fast = empty_accesses(levels), empty_accesses(levels)
        for halo, sharing in ((0, 0), (1, 0), (0, 1)):
            count_accesses(table, empty_blocks(levels, len(table.loop)), halo, sharing, plain)
            count_accesses.compiled(table, empty_blocks(levels, len(table.loop)), halo, sharing, fast)
            for one, other in zip(plain, fast, strict=True):
                np.testing.assert_array_equal(one, other)


def test_pieces_by_hand() -> None:
    """DRAM F4, buffer S3 M2 (columns), element F2: the pieces the counts are made of."""
    mapping = mapping_of(1, dram="WIO: F4", buffer="WIO: S3 M2c", element="WIO: F2")
    table = mapping.table()
    blocks = empty_blocks(3, 4)
    block_sizes(table, blocks)
    f, s, m = 6, 9, 2
    assert blocks.level[:, f].tolist() == [8, 2, 2, 1]
    assert blocks.row.tolist() == [2, 1, 1, 1]
    assert blocks.even.tolist() == [1] * 10
    assert stationarity_cut(table, WEIGHTS, 3) == 1
    assert stationarity_cut(table, OUTPUTS, 3) == 0
    assert innermost_temporal(table, 3) == 1
    assert joined_block(table, blocks, m, 2, 2) == 2
    assert tile_words(table, blocks, INPUTS, 1) == 4
    assert child_level(table, WEIGHTS, 2) == 3
    # Elements: four column tiles of two, each slid over three taps: 4 * (2 + 1 + 1) = 16 new words, 4 * 3 * 2 = 24 in full.
    assert axis_words(table, blocks, 2, 2, 1) == 16
    assert axis_words(table, blocks, 2, 2, -1) == window_words(8, 2, 3, 1, 1, 1) == 24
    assert union_words(table, blocks, 2, 2, -1, 2) == 24
    # Weights: 6 words, once for each of the four column tiles outside the filter loop.
    assert tensor_words(table, blocks, WEIGHTS, 2, 1, 1, 0, 3) * repeats(table, blocks, WEIGHTS, 3, 1, 3) == 4 * 6
    assert walked_once(table, 2, 1, 2) and not walked_once(table, 2, 1, 3)
    # Inputs: two filters walk them, once where they share; all steps: 4 * 3 * 2.
    assert [repeats(table, blocks, INPUTS, 3, 3, first) for first in (2, 3)] == [1, 2]
    assert repeats(table, blocks, NO_TENSOR, 4, 4, 0) == 4 * 3 * 2
    assert sliding_axis(8, 2, 2, 8, 1, 3, 1, 1) == 3 * slide(8, 2, 2, 8, 1, 1) == 24
    counts = empty_accesses(3)
    count_operand(table, blocks, WEIGHTS, 1, 2, 0, 0, counts)
    count_outputs(table, blocks, 1, 2, counts)
    assert counts.reads[1, WEIGHTS] == 24
    assert counts.updates[1, OUTPUTS] == 16
    assert s == 9


@pytest.mark.skipif(not SHARED.exists(), reason="the shared measurements are not here")
def test_every_count_of_the_shared_reference() -> None:
    """Eleven published mappings of one and two dimensions, one to six levels: all their counts."""
    names = dict(zip("PQRSKMCN", "EFRSMMCN", strict=True))
    with (SHARED / "reference_access_counts_mappings.csv").open(encoding="utf-8") as lines:
        written = {row["case"]: row["loop_nest"] for row in csv.DictReader(lines)}
    cases = {}
    for case, text in written.items():
        levels: dict[str, str] = {}
        for part in text.split(" / "):
            loop = re.match(r"\|\s*for (\w) in \[0:(\d+)\)(.*)", part.strip())
            level = re.match(r"(\w+) \[(.*)\]", part.strip())
            if loop:
                levels[list(levels)[-1]] += f" {names[loop[1]]}{loop[2]}{'r' if 'Spatial' in loop[3] else ''}"
            elif level and "spatial" not in level[1]:
                levels[level[1]] = "".join(t[0] for t in ("Weights", "Inputs", "Outputs") if t in level[2]) + ":"
        cases[case] = mapping_of(2 if case.startswith(("simple", "eyeriss")) else 1, **levels)
    compared = 0
    with (SHARED / "reference_access_counts.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            mapping = cases[row["case"]]
            counts = mapping.accesses()
            if row["metric"] == "cycles":
                assert int(counts.cycles[0]) == float(row["value"]), row
                continue
            column = {
                "utilized_capacity": counts.tile, "scalar_reads_per_instance": counts.reads,
                "scalar_fills_per_instance": counts.fills, "scalar_updates_per_instance": counts.updates,
            }.get(row["metric"])  # fmt: skip
            if column is None:
                continue
            level = [kept.name for kept in mapping.levels].index(row["level"])
            instances = 1 if row["metric"] == "utilized_capacity" else counts.instances[level]
            value = column[level, TENSORS.index(row["tensor"].lower())] / instances
            assert value == float(row["value"]), (row, value)
            compared += 1
    assert compared > 250
