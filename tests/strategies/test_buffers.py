"""Arena offsets: no two buffers share an address while both are held; the height lies between peak load and the sum of sizes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.buffers import PLANNERS, Span, first_fit, greedy_by_area, greedy_by_size, height, peak_load

Planner = Callable[[list[Span], int], list[int]]

SPANS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 6), st.integers(1, 40)).map(lambda t: Span(t[0], t[0] + t[1], t[2])), max_size=14
)


def overlapping(spans: list[Span], offsets: list[int]) -> list[tuple[int, int]]:
    """Pairs that share a byte at some step, by looking at every step and byte."""
    taken: dict[tuple[int, int], int] = {}
    clashes = []
    for index, (span, offset) in enumerate(zip(spans, offsets, strict=True)):
        for step in range(span.lower, span.upper):
            for byte in range(offset, offset + span.size):
                if (step, byte) in taken:
                    clashes.append((taken[step, byte], index))
                taken[step, byte] = index
    return clashes


@pytest.mark.parametrize("planner", [greedy_by_size, greedy_by_area, first_fit])
@given(SPANS, st.sampled_from([1, 4, 16]))
@settings(deadline=None, max_examples=40)
def test_no_two_buffers_share_an_address(planner: Planner, spans: list[Span], alignment: int) -> None:
    offsets = planner(spans, alignment)
    assert overlapping(spans, offsets) == []
    assert all(offset % alignment == 0 for offset in offsets)


@pytest.mark.parametrize("planner", PLANNERS)
@given(SPANS)
@settings(deadline=None, max_examples=40)
def test_height_is_between_its_bounds(planner: str, spans: list[Span]) -> None:
    tall = height(spans, PLANNERS[planner](spans))
    assert peak_load(spans) <= tall <= sum(span.size for span in spans)


@given(SPANS)
@settings(deadline=None, max_examples=30)
def test_peak_load_is_the_largest_sum_over_the_steps(spans: list[Span]) -> None:
    steps = range(max((span.upper for span in spans), default=0))
    assert peak_load(spans) == max((sum(s.size for s in spans if s.lower <= step < s.upper) for step in steps), default=0)


@given(SPANS)
@settings(deadline=None, max_examples=40)
def test_first_fit_reaches_the_peak_load_where_all_sizes_are_equal(spans: list[Span]) -> None:
    """Interval graphs are perfect: as many colours as intervals that meet."""
    same = [span._replace(size=7) for span in spans]
    assert height(same, first_fit(same)) == peak_load(same)


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
