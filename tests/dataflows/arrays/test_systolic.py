"""Systolic arrays: published vectors, the fold walk, and the reference simulator's own rows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.array_terms import systolic_terms
from dataflows.systolic import (
    INPUT_STATIONARY,
    OUTPUT_STATIONARY,
    SYSTOLIC_DATAFLOWS,
    WEIGHT_STATIONARY,
    SystolicCounts,
    SystolicShape,
    ceil_div,
    count_systolic,
    cycles_by_timing,
    next_filters,
    operand_accesses,
    overlapped_cycles,
    reference_cycles,
    scratchpad_tiling,
    strip_rows,
    systolic_counts,
    systolic_folds,
    tile_traffic,
)
from tests.dataflows.arrays.networks import nests_of
from tests.reference.array import strip_rows_walk, systolic_walk

SHARED = Path(__file__).resolve().parents[4] / "shared" / "measured" / "accel"
ARRAY = SystolicShape(32, 32, 1, 512 * 1024, 32)

#: dataflow, pixels, filters, reduction, folds, cycles, input / filter reads, output writes (reports of the common simulator).
VECTORS = [
    ("ws", 3025, 96, 363, 36, 112284, 3294225, 34848, 3484800),
    ("ws", 256, 128, 256, 32, 11200, 262144, 32768, 262144),
    ("os", 256, 128, 256, 32, 10176, 262144, 262144, 32768),
    ("is", 256, 128, 256, 64, 14208, 65536, 262144, 262144),
]


@pytest.mark.parametrize(("dataflow", "pixels", "filters", "reduction", "folds", "cycles", "inputs", "weights", "outputs"), VECTORS)
def test_reference_vectors(
    dataflow: str, pixels: int, filters: int, reduction: int, folds: int, cycles: int, inputs: int, weights: int, outputs: int
) -> None:
    counts = systolic_counts(nests_of({"E": pixels, "M": filters, "C": reduction}), ARRAY, SYSTOLIC_DATAFLOWS[dataflow], True)
    assert [int(column[0]) for column in counts[:2]] == [cycles, folds]
    assert [int(c[0]) for c in (counts.input_reads, counts.weight_reads, counts.output_writes)] == [inputs, weights, outputs]


def test_overlap_of_folds() -> None:
    """4 x 4, ten steps, three folds: 3 * (8 + 4 + 10 - 2) = 60 one after the other, 4 + 2*10 + 10 + 4 + 4 - 2 = 40 overlapped."""
    assert reference_cycles(WEIGHT_STATIONARY, 3, 10, 4, 4) == 60
    assert overlapped_cycles(3, 10, 4, 4) == 40
    # A stream shorter than the load is bound by the load: 4 + 2*4 + 2 + 6.
    assert overlapped_cycles(3, 2, 4, 4) == 20


def test_groups_are_products_of_their_own() -> None:
    """Depthwise, 8 channels, 3 x 3, 5 x 5 outputs on 4 x 4: 8 * ceil(9/4) * 1 = 24 folds of 8 + 4 + 25 - 2 = 35 cycles."""
    counts = systolic_counts(
        nests_of({"G": 8, "E": 5, "F": 5, "R": 3, "S": 3}), SystolicShape(4, 4, 1, 4096, 32), WEIGHT_STATIONARY, True
    )
    assert int(counts.folds[0]) == 24
    assert int(counts.cycles[0]) == 24 * 35
    assert int(counts.macs[0]) == 8 * 25 * 9


sizes = st.integers(1, 60)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["ws", "os", "is"]), sizes, sizes, sizes, st.integers(1, 9), st.integers(1, 9))
def test_closed_form_equals_the_walk_over_folds(
    dataflow: str, pixels: int, filters: int, reduction: int, rows: int, columns: int
) -> None:
    walked = systolic_walk(dataflow, pixels, filters, reduction, rows, columns)
    code = SYSTOLIC_DATAFLOWS[dataflow]
    folds = systolic_folds(code, pixels, filters, reduction, rows, columns, 1)
    number = folds.row_folds * folds.column_folds
    assert number == walked["folds"]
    assert reference_cycles(code, number, folds.streamed, rows, columns) == walked["reference"]
    assert overlapped_cycles(number, folds.streamed, rows, columns) == walked["overlapped"]
    found = operand_accesses(code, folds, pixels, filters, reduction)
    assert found == tuple(walked[name] for name in ("input_reads", "weight_reads", "output_writes", "psum_reads"))


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 4), st.integers(1, 7), st.integers(0, 3), st.integers(1, 60))
def test_strip_rows(outputs: int, strip: int, stride: int, span: int, pad: int, stored: int) -> None:
    assert strip_rows(outputs, strip, stride, span, pad, stored) == strip_rows_walk(outputs, strip, stride, span, pad, stored)


def test_everything_fits_moves_every_word_once() -> None:
    nests = nests_of({"M": 8, "C": 4, "E": 6, "F": 6, "R": 3, "S": 3, "stored_rows": 6, "stored_columns": 6, "pad_top": 1})
    traffic, inputs, weights, outputs, rows, filters, channels = scratchpad_tiling(nests, 0, ARRAY)
    assert (inputs, weights, outputs) == (4 * 6 * 6, 8 * 4 * 9, 8 * 36)
    assert traffic == inputs + weights + outputs
    assert (rows, filters, channels) == (6, 8, 4)


def test_tile_that_does_not_change_is_not_fetched_again() -> None:
    """Two filter tiles, three row tiles of two rows each: either inputs twice and weights once, or weights three times."""
    nests = nests_of({"M": 8, "C": 2, "E": 6, "F": 4})
    shape = SystolicShape(4, 4, 1, 10**6, 32)
    held, inputs, weights, outputs = tile_traffic(nests, 0, shape, 1, 2, 4, 2)
    assert held == 2 * (2 * 2 * 4 + 4 * 2 + 4 * 2 * 4)
    # inputs 48 words, weights 16: weights three times is 48 + 48 = 96, inputs twice is 96 + 16 = 112.
    assert (inputs, weights, outputs) == (48, 48, 8 * 24)
    # One row tile: the inputs stay, so both move once.
    assert tile_traffic(nests, 0, shape, 1, 6, 4, 2)[1:3] == (48, 16)
    # The reduction cut in two: inputs once per filter tile, weights once per row tile.
    assert tile_traffic(nests, 0, shape, 1, 2, 4, 1)[1:3] == (96, 48)


def test_less_scratchpad_never_moves_less() -> None:
    nests = nests_of({"M": 64, "C": 32, "E": 14, "F": 14, "R": 3, "S": 3})
    traffic = [
        scratchpad_tiling(nests, 0, SystolicShape(8, 8, 1, capacity, 32))[0] for capacity in (2**20, 2**16, 2**14, 2**12, 2**8)
    ]
    assert traffic == sorted(traffic)


def test_filter_tiles_end() -> None:
    tiles, filters = [], 100
    while filters:
        tiles.append(filters)
        filters = next_filters(filters, 32)
    assert tiles == [100, 64, 32]
    assert ceil_div(7, 2) == 4


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(sizes, sizes, sizes, st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=4),
    st.integers(0, 2),
    st.booleans(),
)
def test_compiled_equals_interpreted(rows: list[tuple[int, ...]], dataflow: int, reference: bool) -> None:
    nests = nests_of(*({"M": m, "C": c, "E": e, "R": r, "S": r, "stride_h": u} for m, c, e, r, u in rows))
    shape = SystolicShape(8, 4, 1, 2000, 32)
    plain, fast = (SystolicCounts(*(np.zeros(len(rows), np.int64) for _ in SystolicCounts._fields)) for _ in range(2))
    count_systolic(nests, shape, dataflow, int(reference), plain)
    count_systolic.compiled(nests, shape, dataflow, int(reference), fast)
    for one, other in zip(plain, fast, strict=True):
        np.testing.assert_array_equal(one, other)


def test_terms_name_the_difference_to_the_simulator() -> None:
    assert "--timing reference" in systolic_terms("scratchpad", "dram", "default")[0].amount
    assert "second register" in systolic_terms("scratchpad", "dram", "default")[0].amount
    assert "no fold overlaps" in systolic_terms("scratchpad", "dram", "reference")[0].amount


@pytest.mark.parametrize("dataflow", SYSTOLIC_DATAFLOWS)
def test_both_timings_are_told_beside_each_other(dataflow: str) -> None:
    nests, shape = nests_of({"G": 3, "E": 50, "M": 21, "C": 75}), SystolicShape(16, 8, 1, 2**30, 32)
    code = SYSTOLIC_DATAFLOWS[dataflow]
    both = cycles_by_timing(nests, 0, shape, code)
    assert both["default"] == systolic_counts(nests, shape, code).cycles[0]
    assert both["reference"] == systolic_counts(nests, shape, code, True).cycles[0]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared measurements are not here")
def test_every_row_of_the_shared_reference() -> None:
    with (SHARED / "systolic_reference_cycles.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert rows
    for row in rows:
        dataflow = SYSTOLIC_DATAFLOWS[row["dataflow"].lower()]
        shape = SystolicShape(int(row["array_rows"]), int(row["array_cols"]), 1, 2**30, 32)
        nests = nests_of({"E": int(row["M_or_ofmap_px"]), "M": int(row["N_or_filters"]), "C": int(row["K"])})
        counts = systolic_counts(nests, shape, dataflow, True)
        assert int(counts.cycles[0]) == int(row["cycles_formula"])
        assert int(counts.cycles[0]) - 1 + int(row["stall_cycles_reported"]) == int(row["cycles_reported_last_index"])
        assert int(counts.input_reads[0]) == int(row["ifmap_sram_reads"])
        assert int(counts.weight_reads[0]) == int(row["filter_sram_reads"])
        assert int(counts.output_writes[0]) == int(row["ofmap_sram_writes"])


def test_dataflow_codes() -> None:
    assert SYSTOLIC_DATAFLOWS == {"ws": WEIGHT_STATIONARY, "os": OUTPUT_STATIONARY, "is": INPUT_STATIONARY}
