"""Every planner: valid, between its bounds, repeatable; quick ones against a byte-by-byte model; worked cases."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.arena import lowest_gaps
from strategies.arena import PLANNERS, Budget, Span, faults, height, peak_load, plan_arena
from strategies.arena.greedy import best_fit, first_fit, greedy_by_size, smallest_gaps
from strategies.errors import ArenaError
from tests.reference.arena import lowest_gap_offsets
from tests.strategies.arena.instances import FEW_SPANS, SPANS


def budget() -> Budget:
    return Budget(seconds=None, nodes=20_000)


@pytest.mark.parametrize("planner", sorted(set(PLANNERS) - {"constraint"}))
@given(SPANS, st.sampled_from([1, 4, 16]))
@settings(deadline=None, max_examples=40)
def test_plans_are_valid_and_between_their_bounds(planner: str, spans: list[Span], alignment: int) -> None:
    plan = plan_arena(spans, planner, alignment=alignment, budget=budget())
    assert faults(spans, plan.offsets, plan.height, alignment) == []
    rounded = [span._replace(size=-(-span.size // alignment) * alignment) for span in spans]
    assert peak_load(rounded) <= plan.lower_bound <= plan.height <= sum(span.size for span in rounded)
    assert plan.offsets == plan_arena(spans, planner, alignment=alignment, budget=budget()).offsets


@given(SPANS)
@settings(deadline=None, max_examples=30)
def test_peak_load_is_the_largest_sum_over_the_steps(spans: list[Span]) -> None:
    steps = range(max((span.upper for span in spans), default=0))
    assert peak_load(spans) == max((sum(s.size for s in spans if s.lower <= step < s.upper) for step in steps), default=0)


@given(FEW_SPANS, st.data())
@settings(deadline=None, max_examples=60)
def test_lowest_gaps_against_the_byte_by_byte_model(spans: list[Span], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(spans))))
    assert lowest_gaps(spans, order) == lowest_gap_offsets(spans, order)


@given(SPANS)
@settings(deadline=None, max_examples=40)
def test_first_fit_reaches_the_peak_load_where_all_sizes_are_equal(spans: list[Span]) -> None:
    """Interval graphs are perfect: as many colours as intervals that meet."""
    same = [span._replace(size=7) for span in spans]
    assert height(same, first_fit(same)) == peak_load(same)


@given(SPANS)
@settings(deadline=None, max_examples=25)
def test_hill_climbing_is_never_above_its_first_order(spans: list[Span]) -> None:
    assert plan_arena(spans, "hill_climbing").height <= plan_arena(spans, "greedy_by_size").height


def test_hill_climbing_finds_what_greedy_misses() -> None:
    # Greedy needs 4 (below); placing the two long buffers of one byte first needs 3, which is the peak load.
    assert plan_arena([Span(0, 2, 1), Span(1, 3, 1), Span(2, 4, 2), Span(0, 1, 2)], "hill_climbing").height == 3


def test_lives_that_touch_may_share_an_address() -> None:
    assert greedy_by_size([Span(0, 3, 8), Span(3, 9, 8)]) == [0, 0]


def test_greedy_can_be_above_the_peak_load() -> None:
    # The two buffers of 2 bytes go first and share offset 0. a, held at steps 0 and 1, meets the one at step 0: offset 2.
    # b, held at steps 1 and 2, meets a (2 to 3) and the one at steps 2 and 3 (0 to 2): offset 3.
    # The height is 4, although no step holds more than 3.
    a, b = Span(0, 2, 1), Span(1, 3, 1)
    spans = [a, b, Span(2, 4, 2), Span(0, 1, 2)]
    assert greedy_by_size(spans) == [2, 3, 0, 0]
    assert (height(spans, greedy_by_size(spans)), peak_load(spans)) == (4, 3)


def test_best_fit_takes_the_smallest_gap_and_lowest_gaps_the_lowest() -> None:
    # Three short buffers at step 0 (10, 20 and 3 bytes) and the columns above them leave gaps of 8 and of 3 bytes for a late buffer of 3.
    #   0..10 a   10..18 free   18..38 b   38..41 free   41..44 c
    spans = [Span(0, 9, 10), Span(0, 3, 8), Span(0, 9, 20), Span(0, 3, 3), Span(0, 9, 3), Span(4, 9, 3)]
    order = [0, 1, 2, 3, 4, 5]
    assert lowest_gaps(spans, order) == [0, 10, 18, 38, 41, 10]
    assert smallest_gaps(spans, order) == [0, 10, 18, 38, 41, 38]
    assert faults(spans, best_fit(spans)) == []


def test_an_empty_list_and_empty_buffers() -> None:
    for planner in PLANNERS:
        assert plan_arena([], planner).height == 0
        assert faults([(0, 2, 0), (0, 1, 5)], plan_arena([Span(0, 2, 0), Span(0, 1, 5)], planner).offsets, 5) == []


@pytest.mark.parametrize(
    ("spans", "options", "words"),
    [
        ([Span(3, 3, 4)], {}, "buffer 0: upper 3 <= lower 3"),
        ([Span(0, 1, 4), Span(0, 1, -4)], {}, "buffer 1: size -4"),
        ([Span(0, 1, 2**61)], {}, "at most 2\\^60"),
        ([Span(0, 1, 1)], {"alignment": 0}, "alignment: 0"),
        ([Span(0, 1, 1)], {"capacity": -1}, "capacity: -1"),
        ([Span(0, 1, 1)], {"planner": "exakt"}, "'exakt'.*exact"),
    ],
)
def test_impossible_input_is_refused_in_words(spans: list[Span], options: dict, words: str) -> None:
    with pytest.raises(ArenaError, match=words):
        plan_arena(spans, **options)
