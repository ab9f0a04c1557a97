"""Shares of a port: by hand, against the slow version, and what must hold for every division."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.arbitration import NEVER, divide, divide_among_equals, goes_before, next_boundary, picoseconds_left, units_moved
from tests.reference.arbitration import boundary, max_min_rates


def rates(capacity: float, limits: list[float], ranks: list[int] | None = None, compiled: bool = False) -> list[float]:
    """Rate of each user, in the order given."""
    limit, rank = np.array(limits, np.float64), np.array(ranks or [0] * len(limits), np.int64)
    order = sorted(range(len(limits)), key=lambda u: (-rank[u], limit[u], u))
    users, rate = np.array(order, np.int64), np.zeros(len(limits))
    (divide.compiled if compiled else divide)(capacity, users, 0, len(users), limit, rank, rate)
    return rate.tolist()


def test_equal_users_get_equal_shares() -> None:
    assert rates(12.0, [12.0] * 3) == [4.0] * 3


def test_what_a_small_user_leaves_is_divided_among_the_others() -> None:
    # 10 in all, the first can take only 1: the others get 4.5 each.
    assert rates(10.0, [1.0, 10.0, 10.0]) == [1.0, 4.5, 4.5]
    assert rates(10.0, [3.0, 4.0]) == [3.0, 4.0]


def test_strict_ranks_first() -> None:
    assert rates(10.0, [8.0, 10.0, 10.0], [0, 1, 1]) == [0.0, 5.0, 5.0]
    assert rates(10.0, [8.0, 4.0], [0, 1]) == [6.0, 4.0]


@given(
    capacity=st.integers(1, 10**6),
    users=st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 2)), min_size=1, max_size=8),
)
@settings(deadline=None, max_examples=60)
def test_equals_the_slow_version(capacity: int, users: list[tuple[int, int]]) -> None:
    limits, ranks = [limit for limit, _ in users], [rank for _, rank in users]
    expected = max_min_rates(Fraction(capacity), [Fraction(limit) for limit in limits], ranks)
    found = rates(float(capacity), [float(limit) for limit in limits], ranks)
    np.testing.assert_allclose(found, [float(rate) for rate in expected], rtol=1e-12, atol=1e-9)
    assert sum(found) <= capacity * (1 + 1e-12)
    assert all(rate <= limit for rate, limit in zip(found, limits, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_compiled_equals_interpreted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    limits, ranks = rng.uniform(0.1, 10.0, 6).tolist(), rng.integers(0, 3, 6).tolist()
    assert rates(7.0, limits, ranks) == rates(7.0, limits, ranks, compiled=True)
    assert divide_among_equals.compiled(7.0, np.arange(6), 0, 6, np.array(limits), np.zeros(6)) == divide_among_equals(
        7.0, np.arange(6), 0, 6, np.array(limits), np.zeros(6)
    )


def test_order_of_users() -> None:
    limit, rank = np.array([2.0, 1.0, 1.0]), np.array([0, 0, 1])
    assert [goes_before(a, b, limit, rank) for a, b in ((2, 0), (1, 0), (0, 1), (0, 0))] == [True, True, False, False]
    assert goes_before(0, 1, np.ones(2), np.zeros(2, np.int64))


def test_ends_are_rounded_up_and_work_down() -> None:
    assert picoseconds_left(10, 3.0) == 4
    assert picoseconds_left(9, 3.0) == 3
    assert picoseconds_left(1, 0.0) == NEVER
    assert units_moved(3, 0.9, 100) == 2
    assert units_moved(1000, 0.9, 100) == 100


@given(now=st.integers(0, 200), since=st.integers(0, 200), burst=st.integers(0, 30))
@settings(deadline=None, max_examples=60)
def test_bursts_counted_one_by_one(now: int, since: int, burst: int) -> None:
    if now >= since:
        assert next_boundary(now, since, burst) == boundary(now, since, burst)
