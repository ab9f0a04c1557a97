"""Closed forms of single kinds of arrays are the general counts of the loop nest they stand for, edge folds included."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.array_nests import ArrayNests
from dataflows.mapping import Loop, Mapping, MappingLevel
from dataflows.mapping_of_systolic import LAID_OUT, STAYS, product_form
from dataflows.mapping_of_tile_engine import buffer_words
from dataflows.systolic import SYSTOLIC_DATAFLOWS, ceil_div, operand_accesses, systolic_folds
from dataflows.tables import INPUTS, OUTPUTS, TENSORS, WEIGHTS, AccessTable
from hwmodels.device import ArrayUnit
from tests.dataflows.arrays.networks import nests_of

SIDES = st.integers(1, 9)
EXTENTS = st.integers(1, 40)


def product(pixels: int, filters: int, reduction: int, groups: int = 1) -> ArrayNests:
    return nests_of({"E": pixels, "M": filters, "C": reduction, "G": groups})


def folded(nests: ArrayNests, dataflow: str, rows: int, columns: int) -> AccessTable:
    """Folds over columns, then rows, the streamed loop, and what lies on the array; one word rests in each element."""
    nest = product_form(nests, 0)
    on_rows, on_columns, streamed = LAID_OUT[dataflow]
    size = {name: nest.extent(name) for name in (on_rows, on_columns, streamed)}
    loops = (
        Loop("G", nest.extent("G")), Loop(on_columns, ceil_div(size[on_columns], columns)), Loop(on_rows, ceil_div(size[on_rows], rows)),
        Loop(streamed, size[streamed]),
        Loop(on_rows, min(rows, size[on_rows]), "rows"), Loop(on_columns, min(columns, size[on_columns]), "columns"),
    )  # fmt: skip
    levels = [MappingLevel("buffer", TENSORS, loops), MappingLevel("element", (STAYS[dataflow],), ())]
    return Mapping.build(nest, levels).accesses()


@given(
    dataflow=st.sampled_from(sorted(SYSTOLIC_DATAFLOWS)),
    pixels=EXTENTS,
    filters=EXTENTS,
    reduction=EXTENTS,
    rows=SIDES,
    columns=SIDES,
)
@settings(deadline=None, max_examples=150)
def test_systolic_words_are_those_of_the_folded_nest(
    dataflow: str, pixels: int, filters: int, reduction: int, rows: int, columns: int
) -> None:
    code = SYSTOLIC_DATAFLOWS[dataflow]
    folds = systolic_folds(code, pixels, filters, reduction, rows, columns, 1)
    inputs, weights, sums, continued = operand_accesses(code, folds, pixels, filters, reduction)
    counts = folded(product(pixels, filters, reduction), dataflow, rows, columns)
    assert counts.reads[0, INPUTS] == inputs and counts.reads[0, WEIGHTS] == weights
    assert counts.updates[0, OUTPUTS] == sums and counts.reads[0, OUTPUTS] == continued
    assert counts.cycles[0] == folds.row_folds * folds.column_folds * folds.streamed


@given(pixels=EXTENTS, filters=EXTENTS, reduction=EXTENTS, groups=st.integers(1, 3), rows=SIDES, columns=SIDES)
@settings(deadline=None, max_examples=60)
def test_tiles_of_an_engine_read_inputs_as_the_folded_nest_does(
    pixels: int, filters: int, reduction: int, groups: int, rows: int, columns: int
) -> None:
    unit = ArrayUnit(
        "array", "tile_engine", 1e9, ("int8",), "max", None, ("dram",), ("dram",), rows=rows, columns=columns, word_bits=8
    )  # fmt: skip
    nests = product(pixels, filters, reduction, groups)
    words = buffer_words(nests, 0, unit, ("buffer", "dram"))["buffer"]
    counts = folded(nests, "ws", rows, columns)
    assert counts.reads[0, INPUTS] == words["inputs"][0]
    assert counts.tile[0, OUTPUTS] == words["outputs"][1]
