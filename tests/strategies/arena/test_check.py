"""The checker of arenas finds every broken rule, by hand and against a walk over every step and byte."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.arena import Span, faults
from tests.strategies.arena.instances import FEW_SPANS


def shares_a_byte(spans: list[Span], offsets: list[int]) -> bool:
    """By looking at every step and byte."""
    taken: set[tuple[int, int]] = set()
    for span, offset in zip(spans, offsets, strict=True):
        cells = {(step, byte) for step in range(span.lower, span.upper) for byte in range(offset, offset + span.size)}
        if cells & taken:
            return True
        taken |= cells
    return False


@given(FEW_SPANS, st.data())
@settings(deadline=None, max_examples=150)
def test_finds_an_overlap_exactly_where_two_share_a_byte(spans: list[Span], data: st.DataObject) -> None:
    offsets = [data.draw(st.integers(0, 12)) for _ in spans]
    assert bool(faults(spans, offsets)) == shares_a_byte(spans, offsets)


def test_says_which_buffers_overlap_where() -> None:
    spans = [Span(0, 4, 8), Span(3, 6, 4), Span(4, 9, 8)]
    assert faults(spans, [0, 4, 0]) == [
        "buffers 0 and 1 overlap at step 3: 0 to 8 and 4 to 8",
        "buffers 1 and 2 overlap at step 4: 4 to 8 and 0 to 8",
    ]


def test_a_buffer_under_two_others_is_found_behind_a_short_one() -> None:
    # 0 to 20, 2 to 4 and 6 to 8 at the same step: the second neighbour in address order overlaps the first buffer too
    assert faults([(0, 1, 20), (0, 1, 2), (0, 1, 2)], [0, 2, 6]) == [
        "buffers 0 and 1 overlap at step 0: 0 to 20 and 2 to 4",
        "buffers 0 and 2 overlap at step 0: 0 to 20 and 6 to 8",
    ]


def test_capacity_alignment_and_negative_offsets() -> None:
    assert faults([(0, 1, 4)], [-1]) == ["buffer 0 begins at -1, below 0"]
    assert faults([(0, 1, 4)], [6], capacity=8) == ["buffer 0 ends at 10, beyond 8"]
    assert faults([(0, 1, 4)], [6], alignment=4) == ["buffer 0 begins at 6, no multiple of 4"]
    assert faults([(0, 1, 4)], []) == ["0 offsets for 1 buffers"]


def test_lives_that_touch_and_empty_buffers_are_fine() -> None:
    assert faults([(0, 3, 8), (3, 9, 8), (2, 4, 0)], [0, 0, 4], capacity=8) == []
