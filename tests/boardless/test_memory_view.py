"""The memory answer: offsets that never clash, bounds that hold, arenas that may be larger than the load."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from boardless.machine_form import head
from boardless.memory_view import arena_shortfalls, memory_view
from boardless.results import MemoryResult
from sim.buffers import Buffer
from sim.estimate import estimate
from sim.memory import Placement
from sim.results import MemoryUse
from tests.cases import chain_graph, lowered, random_graph, toy_device

KEYS = [
    "order", "peak_load_bytes", "arena_bytes", "lower_bound_bytes", "optimal", "fragmentation", "peak_operator", "peak_tensors",
    "buffers",
]  # fmt: skip


@pytest.mark.parametrize("layers", [1, 6, 15])
def test_buffers_held_together_do_not_share_an_address(random_generator: np.random.Generator, layers: int) -> None:
    view = memory_view(lowered(random_graph(random_generator, layers), toy_device()))
    for i, a in enumerate(view.buffers):
        for b in view.buffers[:i]:
            in_time = a.lower < b.upper and b.lower < a.upper
            in_space = a.offset < b.offset + b.size and b.offset < a.offset + a.size
            assert not (a.region == b.region and in_time and in_space)
    assert view.lower_bound_bytes <= view.arena_bytes
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


def test_machine_form_is_the_head_and_the_buffers() -> None:
    schedule = lowered(chain_graph(3), toy_device())
    result = MemoryResult.of(estimate(schedule), schedule)
    view = memory_view(schedule)
    form = {**head(result), **view.to_dict()}
    assert [key for key in KEYS if key not in form] == []
    assert set(form["buffers"][0]) == {"id", "tensor", "region", "lower", "upper", "size", "offset"}


def test_an_arena_that_fragments_over_the_capacity_is_a_shortfall() -> None:
    # Steps 0-1: c of 3 B; steps 1-3: d of 2 B; steps 3-4: a and b of 2 B. At most 6 B at once, in step 3. Every planner puts d into
    # the lowest gap above c, 3 to 5, so that a fits below it and b does not: 7 B. (With d at 4 to 6 the arena would be 6 B.)
    lives = [(3, 4, 2), (3, 4, 2), (0, 1, 3), (1, 3, 2)]
    buffers = tuple(
        Buffer(name, (name,), size, first, last, "sram") for name, (first, last, size) in zip("abcd", lives, strict=True)
    )
    placement = Placement("ideal", {}, buffers, {"sram": (3, 5, 2, 6, 4)}, {"sram": MemoryUse("sram", 6, 0, 6, 0, 6)}, 6, 3)
    view = memory_view(replace(lowered(chain_graph(5), toy_device()), placement=placement))
    assert (view.arena_bytes, view.lower_bound_bytes, view.optimal) == (7, 6, False)
    assert view.fragmentation == pytest.approx(1 / 6)
    (short,) = arena_shortfalls(placement, view)
    assert (short.level, short.needed_bytes, short.capacity_bytes, short.missing_bytes) == ("sram", 7, 6, 1)
