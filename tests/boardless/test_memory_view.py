"""The memory answer: offsets that never clash, bounds that hold, arenas that may be larger than the load."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from boardless.machine_form import head
from boardless.memory_view import arena_shortfalls, memory_view
from boardless.results import MemoryResult
from sim.buffers import Buffer, load
from sim.estimate import estimate
from sim.lower import lower
from sim.memory import Placement
from sim.results import MemoryUse
from tests.cases import LOWERINGS, chain_graph, lowered, random_graph, toy_device

KEYS = [
    "order", "peak_load_bytes", "arena_bytes", "lower_bound_bytes", "optimal", "fragmentation", "peak_operator", "peak_tensors",
    "buffers",
]  # fmt: skip


@pytest.mark.parametrize("layers", [1, 6, 15])
def test_buffers_held_together_do_not_share_an_address(random_generator: np.random.Generator, layers: int) -> None:
    view = memory_view(lowered(random_graph(random_generator, layers), toy_device()), lambda *given: lower(*given, LOWERINGS))
    for i, a in enumerate(view.buffers):
        for b in view.buffers[:i]:
            in_time = a.lower < b.upper and b.lower < a.upper
            in_space = a.offset < b.offset + b.size and b.offset < a.offset + a.size
            assert not (a.region == b.region and in_time and in_space)
    assert view.lower_bound_bytes <= view.arena_bytes
    assert view.peak_load_bytes <= view.given_peak_bytes
    assert view.peak_load_bytes <= view.lower_bound_bytes


def test_a_chain_by_hand() -> None:
    # Four fp32 tensors of 1 x 2 x 4 x 4 = 128 B; each operator holds its input and its output: 256 B, and two addresses suffice.
    view = memory_view(lowered(chain_graph(3), toy_device()))
    assert (view.peak_load_bytes, view.arena_bytes, view.optimal, view.fragmentation) == (256, 256, True, 0.0)
    assert [(b.lower, b.upper, b.size, b.offset) for b in view.buffers] == [
        (0, 1, 128, 0),
        (0, 2, 128, 128),
        (1, 3, 128, 0),
        (2, 3, 128, 128),
    ]
    assert view.order == ("conv_0", "conv_1", "conv_2")
    assert view.peak_operator == "conv_0"
    assert view.order_proved and view.jointly_optimal and not view.reordered


def test_machine_form_is_the_head_and_the_buffers() -> None:
    schedule = lowered(chain_graph(3), toy_device())
    result = MemoryResult.of(estimate(schedule), schedule)
    view = memory_view(schedule)
    form = {**head(result), **view.to_dict()}
    assert [key for key in KEYS if key not in form] == []
    assert set(form["buffers"][0]) == {"id", "tensor", "region", "lower", "upper", "size", "offset"}


def test_an_arena_that_fragments_over_the_capacity_is_a_shortfall() -> None:
    # At most 8 B at once, and no plan below 9 B (solved by constraint programming, twelve buffers).
    lives = [
        (7, 9, 2), (4, 8, 1), (0, 6, 4), (0, 5, 2), (0, 4, 2), (6, 10, 3), (4, 9, 1), (9, 10, 3), (8, 10, 2), (6, 7, 3), (7, 8, 1),
        (5, 6, 2),
    ]  # fmt: skip
    buffers = tuple(
        Buffer(name, (name,), size, lower, upper - 1, "sram")
        for name, (lower, upper, size) in zip("abcdefghijkl", lives, strict=True)
    )
    loads = tuple(load(buffers, 10))
    assert max(loads) == 8
    placement = Placement("ideal", {}, buffers, {"sram": loads}, {"sram": MemoryUse("sram", 8, 0, 8, 0, 8)}, 8, loads.index(8))
    view = memory_view(replace(lowered(chain_graph(10), toy_device()), placement=placement))
    assert (view.arena_bytes, view.lower_bound_bytes, view.optimal, view.gap) == (9, 9, True, 0.0)
    assert view.fragmentation == pytest.approx(1 / 8)
    (short,) = arena_shortfalls(placement, view)
    assert (short.level, short.needed_bytes, short.capacity_bytes, short.missing_bytes) == ("sram", 9, 8, 1)
