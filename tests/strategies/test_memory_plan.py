"""Memory laid out: orders that hold less, addresses that never clash, memories that are large enough."""

from __future__ import annotations

import csv
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dataflows.footprint import Shortfall
from hwmodels.reader import load_device
from sim.check import broken_rules_of_schedule
from sim.lower import layerwise_plan, lower
from sim.schedule import Schedule
from strategies.arena import Span, faults
from strategies.memory_plan import PLANNED, MemoryPlan, plan_memory, with_exact_addresses
from workloads.builder import GraphBuilder
from workloads.graph import Graph
from workloads.readers import load_network
from workloads.transforms import retype


def schedule(network: str | Graph, device: str, profile: str | None = None) -> Schedule:
    """An int8 network on a device."""
    graph = load_network(network, dtype="int8") if isinstance(network, str) else network
    found = load_device(device)
    return lower(graph, found, layerwise_plan(graph, found, profile=profile))


def branches() -> Graph:
    """Two branches from one input: each grows to 8 channels and shrinks to 1; the file runs them interleaved."""
    net = GraphBuilder("branches")
    x = net.input((1, 1, 8, 8), dtype="int8", name="x")
    wide = [net.conv(x, 8, 1, bias=False, name=f"wide{k}") for k in range(3)]
    thin = [net.conv(w, 1, 1, bias=False, name=f"thin{k}") for k, w in enumerate(wide)]
    net.plus(net.plus(thin[0], thin[1], name="sum0"), thin[2], name="sum1")
    return net.finish()


def no_faults(plan: MemoryPlan) -> None:
    """No two buffers of one memory share an address at one step, and every arena is as tall as said."""
    for name, arena in plan.arenas.items():
        held = [b for b in plan.buffers if b.region == name]
        assert faults([Span(b.lower, b.upper, b.size) for b in held], [b.offset for b in held], capacity=arena.height) == []
        assert max(b.offset + b.size for b in held) <= arena.height
        assert arena.lower_bound <= arena.height


def test_branches_one_after_the_other() -> None:
    # Interleaved: x and three wide tensors (64 + 3 * 512 B), the last with its thin one coming. One by one: x, a wide one, thin ones.
    plan = plan_memory(schedule(branches(), "stm32h743", "ideal"))
    assert plan.given_peak_bytes == 3 * 512 + 64
    assert plan.schedule.placement.activations_peak_bytes == 64 + 512 + 2 * 64
    assert plan.order_proved
    assert broken_rules_of_schedule(plan.schedule) == []
    no_faults(plan)


@pytest.mark.parametrize(
    "profile", ["ideal", "tflm", "tflm_cmsis_nn", "tinyengine", "x_cube_ai_7_3", "x_cube_ai_9_0", "mcunetv2_paper"]
)
@pytest.mark.parametrize("network", ["mlperf_tiny_ic", "mlperf_tiny_vww", "mcunet_in0"])
def test_every_profile_gives_a_valid_layout(network: str, profile: str) -> None:
    plan = plan_memory(schedule(network, "stm32h743", profile))
    no_faults(plan)
    assert plan.schedule.placement.profile == profile
    assert broken_rules_of_schedule(plan.schedule) == []


def test_published_peaks_of_tinyengine() -> None:
    # README of mit-han-lab/tinyengine, December 2022: peak SRAM in KiB. Accounting chosen on these rows; orders and counts are ours.
    for name, printed in {"mcunet_in0": 45, "mcunet_in1": 90, "mcunet_in2": 200, "mcunet_vww1": 88}.items():
        held = schedule(name, "stm32f746", "tinyengine").placement.activations_peak_bytes
        assert held / 1024 == pytest.approx(printed, abs=1.0), name


def test_an_arena_as_tensorflow_lite_micro_makes_it() -> None:
    # resnet of MLPerf Tiny: the largest step holds three 32 x 32 x 16 maps; tables at the tail, buffers of 16 B.
    found = schedule("mlperf_tiny_ic", "nrf52840", "tflm")
    plan = plan_memory(found)
    assert plan.arenas["sram"].planner == "greedy_by_size"
    assert plan.arenas["sram"].height == 3 * 32 * 32 * 16
    assert found.placement.memory["sram"].overhead_bytes > 2000
    assert all(b.offset % 16 == 0 and b.size % 16 == 0 for b in plan.buffers)


def test_several_memories_hold_what_one_does_not() -> None:
    # 254 KB of activations and tables of 27 KB; SRAM1 has 240 KiB, the tightly coupled memory 64 KiB, and the SDRAM outside is slow.
    found = schedule("mcunet_in3", "stm32f746", "x_cube_ai_10_0")
    plan = plan_memory(found)
    no_faults(plan)
    placement = plan.schedule.placement
    assert set(plan.arenas) <= {"sram1", "dtcm", "sram2"}
    for name, arena in plan.arenas.items():
        use = placement.memory[name]
        assert arena.height + use.overhead_bytes <= use.capacity_bytes
    assert any("none is better" in note for note in plan.notes)
    assert broken_rules_of_schedule(plan.schedule) == []


def test_what_is_touched_often_is_near() -> None:
    plan = plan_memory(schedule("mcunet_in4", "stm32f746", "ideal"))
    no_faults(plan)
    outside = {b.region for b in plan.buffers if b.size > 240 * 1024}
    assert outside == {"sdram"}  # the one that fits nowhere else
    alone = schedule("mcunet_in4", "stm32f746", "ideal")
    far = [sum(b.bytes for b in s.placement.buffers if b.region == "sdram") for s in (plan.schedule, alone)]
    assert far[0] <= far[1]


def test_equal_input_gives_equal_plans() -> None:
    found = schedule("mcunet_in3", "stm32f746")
    first, second = plan_memory(found), plan_memory(found)
    assert replace(first, schedule=found) == replace(second, schedule=found)


def test_five_hundred_operators_are_laid_out_quickly() -> None:
    net = GraphBuilder("long")
    x = net.input((1, 8, 8, 8), dtype="int8")
    for k in range(125):
        y = net.conv(x, 8 + k % 7, 1, bias=False)
        z = net.conv(y, 8, 1, bias=False)
        x = net.plus(net.activation(z, "relu"), x)
    graph = net.finish()
    assert len(graph) == 500
    found = schedule(graph, "stm32h743", "ideal")
    from sim.arena import greedy_by_size
    from sim.buffers import spans_of

    fastest = 1.0
    for _ in range(5):
        began = time.perf_counter()
        assert found.placement.allocations is not None
        spans, _ = spans_of(found.placement.allocations.buffers(), len(graph))
        greedy_by_size(spans)
        fastest = min(fastest, time.perf_counter() - began)
    assert fastest < 0.2  # 20 ms on an idle machine; ten times that here, where others may run beside


def test_addresses_planned_beforehand_are_a_lever_of_engines_that_place_greedily() -> None:
    # The greedy arena of this transformer is higher than its peak load; the exact one is not.
    found = schedule(load_network("vit_tiny").replace(name="vit"), "stm32h743", "tflm")
    plan = plan_memory(found)
    region, arena = next(iter(plan.arenas.items()))
    assert plan.exact_heights[region] < arena.height
    (short,) = with_exact_addresses(plan, [Shortfall(region, arena.height, 1)])
    assert [(lever.strategy, lever.needed_bytes) for lever in short.levers] == [(PLANNED, plan.exact_heights[region])]
    assert with_exact_addresses(plan, [Shortfall("flash", 10, 1)])[0].levers == ()


def test_arenas_of_the_mlperf_tiny_files(shared_folder: Path) -> None:
    """Peaks of fourteen files as counted elsewhere, in the order of the file; the head is planned greedily, the tail holds tables."""
    with (shared_folder / "models/model_index_mcu.csv").open(encoding="utf-8") as file:
        listed = [row for row in csv.DictReader(file) if (shared_folder / "models/tflite" / row["file"]).is_file()]
    device = load_device("stm32h743", {"memories.axi_sram.capacity": "8 MiB", "units.cpu.activations_in": "[axi_sram]"})
    assert len(listed) >= 10
    for row in listed:
        graph = load_network(shared_folder / "models/tflite" / row["file"])
        found = lower(graph, device, layerwise_plan(graph, device, runtime="tflm_reference"))
        peak = int(row["naive_peak_live_bytes"])
        assert peak <= found.placement.activations_peak_bytes <= peak + 16 * 8, row["model_id"]
        plan = plan_memory(found)
        no_faults(plan)
        use = plan.schedule.placement.memory["axi_sram"]
        tail = use.peak_bytes - plan.arenas["axi_sram"].height
        assert plan.exact_heights["axi_sram"] <= plan.arenas["axi_sram"].height < 1.3 * peak + 256, row["model_id"]
        assert 440 + 40 * (len(graph) - 2) < tail < use.overhead_bytes + 1, row["model_id"]


def test_constants_fill_the_nearest_memory_best() -> None:
    # Constants of 6000, 4980 and 4980 B, and 10 KiB of flash beside the code: the two smaller ones, not the largest.
    net = GraphBuilder("dense")
    x = net.input((1, 100))
    for width in (60, 83, 60):
        x = net.linear(x, width, bias=False)
    graph = retype(net.finish(), "int8")
    board = load_device("stm32h743")
    code = lower(graph, board, layerwise_plan(graph, board)).placement.memory["flash"].overhead_bytes
    near = {"memories.flash.capacity": f"{code + 10240} B", "units.cpu.weights_in": "[flash, axi_sram]"}
    near["memories.axi_sram.capacity"] = "12 KiB"
    device = load_device("stm32h743", near)
    found = lower(graph, device, layerwise_plan(graph, device))
    assert found.placement.memory["flash"].weights_bytes == 6000
    plan = plan_memory(found)
    assert plan.schedule.placement.memory["flash"].weights_bytes == 2 * 4980
    assert plan.schedule.placement.memory["axi_sram"].weights_bytes == 6000
    assert any("9,960 of 15,960 B in flash" in note and "none is better" in note for note in plan.notes)
    assert broken_rules_of_schedule(plan.schedule) == []
