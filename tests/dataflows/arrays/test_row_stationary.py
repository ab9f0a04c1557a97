"""Row stationary: the published mappings of AlexNet, the pass walk, the mapping rule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflows.errors import MappingError
from dataflows.row_stationary import (
    LIMITS,
    RowStationaryArray,
    RowStationaryMapping,
    RowStationaryNest,
    banks_needed,
    mapping_limit,
    mapping_objective,
    next_strip,
    rounded_up,
    row_stationary_counts,
    search_mapping,
    sets_in_array,
    strip_height,
)
from dataflows.row_stationary_search import given_mapping, rank_of_mapping, row_stationary_nest
from hwmodels.costs.array import exposed_bytes, pass_body_cycles, pass_ramp_cycles
from tests.dataflows.arrays.networks import ALEXNET, nests_of
from tests.reference.array import row_stationary_walk

#: The 65 nm chip of Chen et al., JSSC 2017: 12 x 14 PEs, scratchpads of 224, 12, 24 words, 25 banks of 4 KiB, buses of 4, 1, 4.
CHIP = RowStationaryArray(12, 14, 224, 12, 24, 25, 4096, 2, 4.0, 1.0, 4.0, 1.9, 200.0, 6.0, 2.0)

#: n m e p q r t of table III there; CONV3 in its second reading, which the published buffer traffic asks for.
PUBLISHED = {
    "CONV1": (1, 96, 7, 16, 1, 1, 2),
    "CONV2": (1, 64, 27, 16, 2, 1, 1),
    "CONV3": (4, 64, 13, 16, 3, 2, 2),
    "CONV4": (4, 64, 13, 16, 3, 2, 2),
    "CONV5": (4, 64, 13, 16, 3, 2, 2),
}
CONV3_AS_PRINTED = (4, 64, 13, 16, 4, 1, 4)

#: layer: active PEs, passes, PE cycles, buffer MB, processing ms by the formulas; ms and buffer MB measured (table V there).
EXPECTED = {
    "CONV1": (154, 288, 2787840, 18.45, 16.39, 16.5, 18.5),
    "CONV2": (135, 1536, 6635520, 77.57, 39.24, 39.2, 77.6),
    "CONV3": (156, 516, 3863808, 50.18, 21.76, 21.8, 50.2),
    "CONV4": (156, 384, 2875392, 37.37, 16.19, 16.0, 37.4),
    "CONV5": (156, 256, 1916928, 24.92, 10.79, 10.0, 24.9),
}


def alexnet(name: str, batch: int = 4) -> RowStationaryNest:
    channels, padded, filters, side, stride, pad, groups = ALEXNET[name]
    out = (padded - side) // stride + 1
    nests = nests_of({
        "N": batch, "G": groups, "M": filters // groups, "C": channels // groups, "E": out, "F": out, "R": side, "S": side,
        "stride_h": stride, "stride_w": stride, "stored_rows": padded - 2 * pad, "stored_columns": padded - 2 * pad, "pad_top": pad,
    })  # fmt: skip
    return row_stationary_nest(nests, 0, CHIP)


@pytest.mark.parametrize("name", ALEXNET)
def test_published_mappings(name: str) -> None:
    active, passes, ideal, megabytes, milliseconds, measured, measured_megabytes = EXPECTED[name]
    mapping = RowStationaryMapping(*PUBLISHED[name])
    counts = row_stationary_counts(alexnet(name), CHIP, mapping)
    assert mapping_limit(alexnet(name), CHIP, mapping) == 0
    assert (counts.active, counts.passes, counts.passes * counts.stream) == (active, passes, ideal)
    buffer = (counts.buffer_inputs + 2 * counts.buffer_psums) * 2 / 1e6
    assert buffer == pytest.approx(megabytes, abs=0.005)
    assert buffer == pytest.approx(measured_megabytes, abs=0.06)
    assert counts.cycles / 200e3 == pytest.approx(milliseconds, abs=0.005)
    assert counts.cycles / 200e3 == pytest.approx(measured, rel=0.08)


def test_mean_error_of_processing_time() -> None:
    errors = []
    for name, (*_, measured, _megabytes) in EXPECTED.items():
        counts = row_stationary_counts(alexnet(name), CHIP, RowStationaryMapping(*PUBLISHED[name]))
        errors.append(abs(counts.cycles / 200e3 / measured - 1))
    assert sum(errors) / len(errors) < 0.025


def test_printed_mapping_of_the_third_layer_binds_the_psum_port() -> None:
    """t*e = 52 > 4*q*S = 48: 4*16*4*13*13/4 = 10816 cycles of partial sums against 4*16*4*3*13 = 9984 of streaming."""
    counts = row_stationary_counts(alexnet("CONV3"), CHIP, RowStationaryMapping(*CONV3_AS_PRINTED))
    assert (counts.stream, counts.body, counts.passes) == (9984, 10816, 384)
    assert counts.cycles / 200e3 == pytest.approx(22.53, abs=0.005)


def test_buffer_is_shared_by_whole_banks() -> None:
    """q=4, r=2 needs 4 + 22 = 26 banks, q=3, r=2 needs 3 + 22 = 25: 98.6 KiB would fit by words."""
    nest = alexnet("CONV4")
    assert banks_needed(nest, CHIP, 4, 64, 13, 4, 2) == 26
    assert banks_needed(nest, CHIP, 4, 64, 13, 3, 2) == 25
    assert LIMITS[mapping_limit(nest, CHIP, RowStationaryMapping(4, 64, 13, 16, 4, 2, 2))].startswith("inputs and partial sums")


def test_limits_are_named() -> None:
    nest = alexnet("CONV3")
    wrong = {1: (1, 8, 13, 1, 1, 5, 1), 2: (1, 24, 1, 24, 4, 1, 1), 3: (1, 1, 1, 1, 5, 1, 1), 4: (1, 32, 1, 25, 1, 1, 1)}
    assert {limit: mapping_limit(nest, CHIP, RowStationaryMapping(*values)) for limit, values in wrong.items()} == {
        k: k for k in wrong
    }
    with pytest.raises(MappingError, match="p exceeds the partial sums of a PE"):
        given_mapping("CONV3", nest, CHIP, dict(zip("nmepqrt", wrong[4], strict=True)))
    with pytest.raises(MappingError, match="no t; n, m, e, p, q, r and t"):
        given_mapping("CONV3", nest, CHIP, dict(zip("nmepqr", wrong[4], strict=False)))
    with pytest.raises(MappingError, match="e <= 13"):
        given_mapping("CONV3", nest, CHIP, dict(zip("nmepqrt", (1, 8, 14, 1, 1, 1, 1), strict=True)))


def test_search_finds_the_published_mappings() -> None:
    found = {name: tuple(search_mapping.compiled(alexnet(name), CHIP, 0.0)[0]) for name in ALEXNET}
    assert found["CONV1"] == PUBLISHED["CONV1"]
    assert found["CONV3"] == CONV3_AS_PRINTED
    assert found["CONV4"] == PUBLISHED["CONV4"]
    assert found["CONV5"] == PUBLISHED["CONV5"]
    assert found["CONV2"] == (2, 32, 27, 16, 2, 1, 1)
    assert rank_of_mapping(alexnet("CONV2"), CHIP, RowStationaryMapping(*PUBLISHED["CONV2"])) == 3
    assert rank_of_mapping(alexnet("CONV4"), CHIP, RowStationaryMapping(*PUBLISHED["CONV4"])) == 1


def test_search_rates_every_legal_mapping() -> None:
    """The search equals a plain enumeration of a small layer."""
    nests = nests_of({"N": 2, "M": 6, "C": 4, "E": 5, "F": 5, "R": 3, "S": 3})
    nest = row_stationary_nest(nests, 0, CHIP)
    best, count = None, 0
    strips = sorted({-(-5 // k) for k in range(1, 6)})
    for n in (1, 2):
        for m in (1, 2, 3, 6):
            for e in strips:
                for p in range(1, m + 1):
                    for t in range(1, m + 1):
                        for q in (1, 2, 4):
                            for r in (1, 2, 4):
                                mapping = RowStationaryMapping(n, m, e, p, q, r, t)
                                if m % (p * t) or 4 % (q * r) or mapping_limit(nest, CHIP, mapping):
                                    continue
                                count += 1
                                objective = mapping_objective(nest, CHIP, row_stationary_counts(nest, CHIP, mapping))
                                if best is None or objective < best:
                                    best = objective
    mapping, objective, rated, _ = search_mapping(nest, CHIP, 0.0)
    assert rated == count
    assert objective == best
    assert search_mapping.compiled(nest, CHIP, 0.0)[:3] == (mapping, objective, rated)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_counts_equal_the_walk_over_passes(data: st.DataObject) -> None:
    pick = {
        name: data.draw(st.integers(1, top), label=name)
        for name, top in (("N", 3), ("G", 2), ("M", 6), ("C", 5), ("E", 7), ("F", 5))
    }
    side, stride, pad = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2)), data.draw(st.integers(0, 1))
    height, width = (pick["E"] - 1) * stride + side, (pick["F"] - 1) * stride + side
    if min(height, width) <= 2 * pad:
        pad = 0
    layer = pick | {"R": side, "S": side, "stride": stride, "H": height, "W": width, "pad": pad}
    tops = {"n": pick["N"], "m": pick["M"], "e": pick["E"], "p": pick["M"], "q": pick["C"], "r": 2, "t": 2}
    mapping = {name: data.draw(st.integers(1, top), label=name) for name, top in tops.items()}
    nests = nests_of(pick | {
        "R": side, "S": side, "stride_h": stride, "stride_w": stride, "pad_top": pad,
        "stored_rows": height - 2 * pad, "stored_columns": width - 2 * pad,
    })  # fmt: skip
    counts = row_stationary_counts(row_stationary_nest(nests, 0, CHIP), CHIP, RowStationaryMapping(**mapping))
    walked = row_stationary_walk(layer, mapping)
    assert {name: getattr(counts, name) for name in walked} == walked


def test_awkward_layers_have_a_mapping() -> None:
    """A filter higher than the array, a row wider than the buffer, a prime number of channels, one output pixel."""
    tall = nests_of({"M": 4, "C": 2, "E": 10, "F": 10, "R": 25, "S": 25})
    wide = nests_of({"M": 4, "C": 2, "E": 1, "F": 90000, "S": 3})
    prime = nests_of({"M": 1009, "C": 1013})
    for nests in (tall, wide, prime):
        nest = row_stationary_nest(nests, 0, CHIP)
        mapping, objective, _, _ = search_mapping.compiled(nest, CHIP, 0.0)
        assert objective > 0
        assert mapping_limit(nest, CHIP, RowStationaryMapping(*mapping)) == 0
    assert row_stationary_nest(tall, 0, CHIP)[6:8] == (9, 9)
    assert row_stationary_nest(wide, 0, CHIP).column_pieces > 1
    assert search_mapping.compiled(row_stationary_nest(prime, 0, CHIP), CHIP, 0.0)[0][3] > 1


#: Image side, channels, filters of the 3x3 convolutions of a deep network of large maps.
DEEP = ((224, 3, 64), (224, 64, 64), (112, 64, 128), (112, 128, 128), (56, 128, 256), (56, 256, 256), (28, 256, 512), (28, 512, 512),
        (14, 512, 512))  # fmt: skip


def square(side: int, channels: int, filters: int, batch: int = 3, kernel: int = 3) -> RowStationaryNest:
    rows = {"stored_rows": side, "stored_columns": side, "pad_top": kernel // 2}
    nests = nests_of({"N": batch, "M": filters, "C": channels, "E": side, "F": side, "R": kernel, "S": kernel} | rows)
    return row_stationary_nest(nests, 0, CHIP)


def searched_cycles(nest: RowStationaryNest) -> tuple[RowStationaryMapping, float]:
    """Mapping of the rule, and its cycles over those of 168 elements that never wait."""
    mapping = RowStationaryMapping(*search_mapping.compiled(nest, CHIP, 0.0)[0])
    assert mapping_limit(nest, CHIP, mapping) == 0
    return mapping, row_stationary_counts(nest, CHIP, mapping).cycles / (nest.macs / 168)


@pytest.mark.parametrize(("side", "channels", "filters"), DEEP)
def test_rule_maps_a_deep_network(side: int, channels: int, filters: int) -> None:
    """Maps from 224 to 14 in batches of 3: no pieces, most of the array at work, the ramp a share of the pass."""
    nest = square(side, channels, filters)
    mapping, slower = searched_cycles(nest)
    counts = row_stationary_counts(nest, CHIP, mapping)
    assert nest.column_pieces == 1 and counts.active >= 0.85 * 168
    assert slower <= (1.7 if channels == 3 else 1.4)
    assert counts.cycles / counts.passes <= 1.2 * counts.body


def test_times_of_the_rule_follow_the_work() -> None:
    """Twice the channels, filters or images take twice as long, within a fifth; nearby sides cost alike."""
    once = searched_cycles(square(56, 64, 128))[1]
    for nest in (square(56, 128, 128), square(56, 64, 256), square(56, 64, 128, batch=6)):
        assert searched_cycles(nest)[1] == pytest.approx(once, rel=0.2)
    sides = [searched_cycles(square(side, 64, 128))[1] for side in range(100, 125, 4)]
    assert max(sides) / min(sides) < 1.5


def test_small_pieces() -> None:
    assert [sets_in_array(CHIP, 3, e) for e in (7, 13, 14, 15, 56)] == [8, 4, 4, 2, 1]
    assert [rounded_up(size, 24, 8) for size in (64, 1009, 7)] == [64, 1016, 7]
    strips, e = [], 0
    while e < 13:
        e = next_strip(13, e)
        strips.append(e)
    assert strips == [1, 2, 3, 4, 5, 7, 13]
    assert strip_height(alexnet("CONV1"), 7) == 35


def test_price_formulas() -> None:
    """One pass of CONV2: max(4320, 1*2*1*31*31 = 1922, 16*27*27/4 = 2916) + 16*2*5*5/4 = 200 + 1.9 * 31*5*2 = 589."""
    assert pass_body_cycles(4320.0, 1922.0, 11664.0, 1.0, 4.0) == 4320.0
    assert pass_ramp_cycles(800.0, 310.0, 4.0, 1.0, 1.9) == pytest.approx(789.0)
    assert exposed_bytes(100.0, 100.0, 1e6, 4e6) == 0.0
