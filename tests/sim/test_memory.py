"""Which memory holds what: life times, regions, peaks and shortfalls, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwmodels.device import MemoryLevel
from hwmodels.memory_profile import load_memory_profile
from sim.accounting import allocations_of
from sim.buffers import Buffer, Sharing, load
from sim.errors import ScheduleError
from sim.estimate import estimate
from tests.cases import chain_graph, lowered, random_graph, toy_device, toy_unit
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.liveness import liveness
from workloads.networks import build
from workloads.operators.rule import KINDS
from workloads.tables import graph_tables


def residual() -> GraphBuilder:
    """input (a) -> conv -> b -> conv -> c; c + a -> d; 4 x 4 pixels of 2 fp32 channels: 128 B each."""
    net = GraphBuilder("residual")
    a = net.input((1, 2, 4, 4), name="a")
    b = net.conv(a, 2, 1, bias=False, name="b")
    c = net.conv(b, 2, 1, bias=False, name="c")
    net.plus(a, c, name="d")
    return net


def buffers_of(graph: Graph, sharing: Sharing) -> tuple[Buffer, ...]:
    """The buffers of a network under the ideal accounting."""
    kinds = [KINDS[code] for code in graph_tables(graph).operators.kind]
    return allocations_of(graph, kinds, sharing, load_memory_profile("ideal")).buffers()


def test_a_tensor_lives_until_its_last_reader() -> None:
    graph = residual().finish()
    buffers = {b.tensor: (b.first, b.last, b.bytes) for b in buffers_of(graph, Sharing())}
    assert buffers == {"a": (-1, 2, 128), "b": (0, 1, 128), "c": (1, 2, 128), "d": (2, 3, 128)}
    # Steps: a b | a b c | a c d
    assert load(buffers_of(graph, Sharing()), 3) == [256, 384, 384]


def test_views_share_a_buffer() -> None:
    net = GraphBuilder("view")
    x = net.input((1, 2, 4, 4), name="x")
    net.linear(net.flatten(x, name="flat"), 10, name="y")
    graph = net.finish()
    shared = buffers_of(graph, Sharing(views=frozenset({0})))
    assert [(b.tensors, b.first, b.last) for b in shared] == [(("x", "flat"), -1, 1), (("y",), 1, 2)]


def test_states_are_held_all_the_time() -> None:
    net = GraphBuilder("cached")
    x = net.input((1, 2, 4, 4), name="x")
    cache = net.input((1, 2, 4, 4), name="cache")
    net.conv(net.plus(x, cache, name="sum"), 2, 1, bias=False, name="y")
    graph = net.finish(settings={"states": ("cache",)})
    assert {b.tensor: (b.first, b.last) for b in buffers_of(graph, Sharing())}["cache"] == (-1, 2)
    assert load(buffers_of(graph, Sharing()), 2) == [384, 384]


@pytest.mark.parametrize(("sram", "chosen"), [(400, "sram"), (300, "far")])
def test_the_first_memory_that_holds_all_is_taken(sram: int, chosen: str) -> None:
    graph = residual().finish()
    device = toy_device(toy_unit(activations_in=("sram", "far")), sram=sram)
    placement = lowered(graph, device).placement
    assert {b.region for b in placement.buffers} == {chosen}
    assert placement.memory[chosen].peak_bytes == placement.activations_peak_bytes == 384
    assert placement.memory["flash"].weights_bytes == 32
    assert "cache" not in placement.memory
    assert [b.tensor for b in placement.held_at(1)] == ["a", "b", "c"]


def test_what_one_memory_cannot_hold_is_spread() -> None:
    # 384 B at the peak, 300 B in sram and 200 B far: two tensors of 128 B at a time. By start: a and b go to sram; c meets both and
    # goes far; d meets a and c, and finds room beside a.
    graph = residual().finish()
    device = toy_device(toy_unit(activations_in=("sram", "far")), sram=300, far=200)
    schedule = lowered(graph, device)
    assert {b.tensor: b.region for b in schedule.placement.buffers} == {"a": "sram", "b": "sram", "c": "far", "d": "sram"}
    assert schedule.placement.memory["sram"].peak_bytes == 256
    assert schedule.placement.memory["far"].peak_bytes == 128
    assert schedule.placement.shortfalls == ()
    assert any("spread over sram, far" in note for note in schedule.notes)


def test_a_shortfall_names_holders_and_levers() -> None:
    graph = random_graph(np.random.default_rng(3), layers=6, batch=4)
    plenty = lowered(graph, toy_device(), batch=4)
    need = plenty.placement.memory["sram"].peak_bytes
    short = lowered(graph, toy_device(sram=need - 1), batch=4)
    result = estimate(short)
    assert not result.fits and result.hypothetical
    assert result.latency_s == estimate(plenty).latency_s  # as if the memory were larger
    shortfall = result.shortfalls[0]
    assert (shortfall.level, shortfall.needed_bytes, shortfall.missing_bytes) == ("sram", need, 1)
    held = short.placement.held_at(short.placement.peak_step)
    assert shortfall.operator == graph.operators[short.placement.peak_step].name
    assert shortfall.largest == tuple((b.tensor, b.bytes) for b in held)[:5]
    levers = {lever.strategy: lever.needed_bytes for lever in shortfall.levers}
    # Every activation carries the batch on its leading axis and is fp32: a quarter either way.
    assert levers["quantize:dtype=int8"] == levers["batch:1"] == need // 4
    assert f"short by {1}" in str(shortfall)


def test_in_place_is_offered_where_it_helps() -> None:
    # x (128 B) -> Relu -> y -> Relu -> z: two tensors at a time, one if written in place.
    net = GraphBuilder("pointwise")
    net.activation(net.activation(net.input((1, 2, 4, 4)), "relu"), "relu")
    shortfall = lowered(net.finish(), toy_device(sram=200)).placement.shortfalls[0]
    assert ("in_place:element_wise", 128) in {(lever.strategy, lever.needed_bytes) for lever in shortfall.levers}


def test_weights_that_do_not_fit_are_named() -> None:
    device = toy_device()
    tight = replace(device, memories={**device.memories, "flash": MemoryLevel("flash", "flash", 40)})
    shortfall = lowered(chain_graph(3), tight).placement.shortfalls[0]
    assert (shortfall.level, shortfall.needed_bytes, shortfall.operator) == ("flash", 48, None)
    assert [size for _, size in shortfall.largest] == [16, 16, 16]


def test_weights_and_activations_share_one_memory() -> None:
    device = toy_device(toy_unit(weights_in=("sram",)), sram=299)
    placement = lowered(chain_graph(3), device).placement
    use = placement.memory["sram"]
    assert (use.weights_bytes, use.activations_bytes, use.peak_bytes) == (48, 256, 304)
    assert placement.shortfalls[0].missing_bytes == 5


def test_settings_of_lowering_know_the_regions() -> None:
    graph = residual().finish()
    seen = []

    def spy(graph, tables, device, unit, settings, mine):
        from tests.cases import toy_lowering

        seen.append(dict(settings.regions))
        return toy_lowering(graph, tables, device, unit, settings, mine)

    from sim.lower import layerwise_plan, lower

    device = toy_device(toy_unit(activations_in=("sram", "far")), sram=300, far=200)
    lower(graph, device, layerwise_plan(graph, device), {"toy": spy})
    assert seen[0] == {}
    assert seen[1]["c"] == "far" and seen[1]["a"] == "sram"


@pytest.mark.parametrize("seed", range(5))
def test_loads_are_the_buffers_held_at_each_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, 10)
    placement = lowered(graph, toy_device()).placement
    for step in range(len(graph)):
        assert placement.loads["sram"][step] == sum(b.bytes for b in placement.held_at(step))


def test_load_clips_lives_to_the_steps() -> None:
    assert load([Buffer("a", ("a",), 3, -1, 9)], 2) == [3, 3]


@pytest.mark.parametrize("name", ["lenet5", "densenet121", "mobilenet_v2", "shufflenet_v2", "mlperf_tiny_kws"])
def test_one_memory_holds_what_is_alive(name: str) -> None:
    graph = build(name)
    found = liveness(graph)
    placement = lowered(graph, toy_device()).placement
    assert placement.loads["sram"] == found.load_bytes
    assert (placement.activations_peak_bytes, placement.peak_step) == (found.peak_bytes, found.peak_step)
    assert [b.bytes for b in placement.held_at(placement.peak_step)] == [held.bytes for held in found.peak_lives]


def test_a_device_without_memory_is_refused() -> None:
    device = toy_device()
    bare = replace(device, memories={"cache": device.memories["cache"]})
    with pytest.raises(ScheduleError, match="toy: no memory holds tensors by address; one of dram, external_ram, .* is expected"):
        lowered(chain_graph(), bare)
