"""Stages side by side on one device: equal to brute force, no gain on a full device, and the published block."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from strategies.staging import Sharers, best_stages, greedy_stages, stage_seconds


def random_sharers(seed: int, count: int, full: bool = False, empty: bool = False) -> Sharers:
    random = np.random.default_rng(seed)
    times = tuple(float(t) for t in random.uniform(1.0, 9.0, count))
    fills = tuple(1.0 if full else 0.0 if empty else float(f) for f in random.uniform(0.1, 1.0, count))
    streams = tuple(0.0 if empty else t * float(s) for t, s in zip(times, random.uniform(0.0, 0.5, count), strict=True))
    before = tuple(sum({1 << int(a) for a in random.integers(0, b, 2)}) if b and random.random() < 0.7 else 0 for b in range(count))
    return Sharers(times, fills, streams, before)


def all_stagings(sharers: Sharers) -> Iterator[float]:
    """Time of every sequence of stages, by plain recursion over subsets."""
    count = len(sharers.times)
    whole = (1 << count) - 1

    def rest(done: int) -> Iterator[float]:
        if done == whole:
            yield 0.0
            return
        for mask in range(1, whole + 1):
            members = tuple(i for i in range(count) if mask >> i & 1)
            if mask & done or any(sharers.before[i] & ~(done | mask) for i in members):
                continue
            own = stage_seconds(sharers, members)
            for later in rest(done | mask):
                yield own + later

    return rest(0)


@pytest.mark.parametrize("seed", range(15))
def test_the_programme_equals_brute_force(seed: int) -> None:
    sharers = random_sharers(seed, 5)
    found = best_stages(sharers)
    assert found.exact and found.total == pytest.approx(min(all_stagings(sharers)))
    assert sorted(i for members in found.members for i in members) == list(range(5))


@pytest.mark.parametrize("seed", range(8))
def test_stages_respect_what_must_come_before(seed: int) -> None:
    sharers = random_sharers(seed, 10)
    for found in (best_stages(sharers), greedy_stages(sharers)):
        done = 0
        for members in found.members:
            here = sum(1 << i for i in members)
            assert not any(sharers.before[i] & ~(done | here) for i in members)
            done |= here
        assert found.total <= sum(sharers.times) + 1e-9
    assert best_stages(sharers).total <= greedy_stages(sharers).total + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_a_full_device_gains_nothing_and_an_empty_one_reaches_the_longest_chain(seed: int) -> None:
    full = random_sharers(seed, 6, full=True)
    assert best_stages(full).total == pytest.approx(sum(full.times))
    empty = random_sharers(seed, 6, empty=True)
    ends: list[float] = []
    for i, time in enumerate(empty.times):
        ends.append(time + max((ends[b] for b in range(i) if empty.before[i] >> b & 1), default=0.0))
    assert best_stages(empty).total == pytest.approx(max(ends))


def test_the_published_block_on_a_v100() -> None:
    """Ding et al., sample block: a -> d, b, c beside; 0.486 ms one by one, 0.333 ms in stages {a, b}, {c, d}, concatenation.

    The fill of 0.68 is what the first stage implies: 0.1614 of 0.1107 + 0.1260 ms.
    """
    times = (0.11070578, 0.12603733, 0.10604089, 0.12549689, 0.01794844)
    fill = 0.16145067 / (times[0] + times[1])
    sharers = Sharers(times, (fill,) * 5, (0.0,) * 5, (0, 0, 0, 1, 0b1111))
    found = best_stages(sharers, most_members=2)
    assert math.fsum(times) == pytest.approx(0.486, rel=0.01)
    assert found.total == pytest.approx(0.333, rel=0.02)


def test_too_many_sets_fall_back_to_what_is_ready() -> None:
    sharers = random_sharers(1, 12)
    found = best_stages(sharers, most_states=5)
    assert not found.exact and sorted(i for m in found.members for i in m) == list(range(12))
