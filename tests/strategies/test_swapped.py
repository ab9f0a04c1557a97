"""Networks that are too large for their memory: planned, lowered, estimated and played."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from hwmodels.device import Device
from hwmodels.reader import load_device
from sim.check import broken_rules_of_estimate, broken_rules_of_schedule, broken_rules_of_trace
from sim.durations import durations
from sim.estimate import estimate
from sim.export import trace_events
from sim.lower import layerwise_plan, lower
from sim.results import Estimate
from sim.schedule import Schedule
from sim.simulation import estimate_of_trace, simulate
from strategies.chosen import read_strategy
from strategies.errors import StrategyError
from strategies.problem import Problem
from strategies.swapped import Swapping, swapped_plan
from strategies.telling import heard_by
from workloads.graph import Graph
from workloads.networks import build
from workloads.transforms import fold_batch_norm, retype


@cache
def network(name: str, dtype: str | None) -> Graph:
    graph = fold_batch_norm(build(name))
    return retype(graph, dtype) if dtype else graph


def under(name: str, device: Device, asked: Swapping, dtype: str | None = "int8") -> tuple[Schedule, Estimate]:
    """A network under a swapping, checked by every rule, in closed form and by events."""
    graph = network(name, dtype)
    plan = swapped_plan(graph, device, layerwise_plan(graph, device), asked)
    schedule = lower(graph, device, plan)
    spent = durations(schedule)
    written, trace = estimate(schedule, spent=spent), simulate(schedule, spent)
    assert broken_rules_of_schedule(schedule) == []
    assert broken_rules_of_trace(schedule, trace, spent.picoseconds.tolist()) == []
    assert broken_rules_of_estimate(written) == []
    assert round(written.latency_s * 10**12) == trace.makespan_ps
    assert estimate_of_trace(schedule, trace, spent=spent).energy_j == written.energy_j
    near = written.extra["swap"]["near"]
    capacity = device.memories[near].capacity_bytes
    assert capacity is None or max(held for _, held in trace.occupancy[near]) <= written.memory[near].peak_bytes <= capacity
    return schedule, written


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "mobilenet_v2"])
def test_large_networks_run_on_a_microcontroller(name: str) -> None:
    """None of them fits 512 KiB of SRAM and 2 MiB of flash; swapped to a card they run, and policies rank as they should."""
    device = load_device("stm32h743")
    graph = network(name, "int8")
    assert not estimate(lower(graph, device, layerwise_plan(graph, device))).fits
    found = {policy: under(name, device, Swapping("sd", policy))[1] for policy in ("on_demand", "greedy")}
    for policy, result in found.items():
        told = result.extra["swap"]
        assert result.fits, policy
        assert result.memory["axi_sram"].peak_bytes <= 512 * 1024
        assert told["read_bytes"] >= graph.weights_bytes
        assert told["bound_s"] <= result.latency_s
        assert told["exposed_s"] == pytest.approx(result.latency_s - told["computing_s"])
        assert result.energy_j is not None and result.energy_j > 0.33 * told["read_bytes"] / 4.61651e6
    assert found["greedy"].latency_s < found["on_demand"].latency_s
    # Moves one after the other with computing: nothing is hidden.
    told = found["on_demand"].extra["swap"]
    moves = told["loads"] * 109e-6 + told["read_bytes"] / 4.61651e6 + told["stores"] * 113e-6 + told["written_bytes"] / 4.44e6
    assert found["on_demand"].latency_s == pytest.approx(told["computing_s"] + moves, rel=1e-3)


def test_a_fast_way_leaves_little_exposed() -> None:
    device = load_device("stm32h743")
    slow, fast = (under("alexnet", device, Swapping(to))[1] for to in ("sd", "sd_sdio"))
    assert fast.latency_s < slow.latency_s
    assert fast.extra["swap"]["computing_s"] == slow.extra["swap"]["computing_s"]


def test_who_waits_for_the_card() -> None:
    """As in the published study (Miao, Lin, 2021): what computes much for each byte hides its moves, fully connected layers never do."""
    _, result = under("alexnet", load_device("stm32h743"), Swapping("sd_sdio"))
    rows = {row.name: row for row in result.operators}
    level = result.extra["swap"]["break_even_macs_per_byte"]
    assert level == pytest.approx(result.macs / result.extra["swap"]["computing_s"] / 22e6)
    for name in ("conv1", "conv2", "conv3", "fc6", "fc7", "fc8"):
        moved = sum(rows[name].bytes["sd_sdio"])
        assert (rows[name].bound == "sd_sdio") == (rows[name].macs < level * moved), name
    assert [rows[name].bound for name in ("conv1", "conv2", "fc6", "fc8")] == ["compute", "compute", "sd_sdio", "sd_sdio"]
    convolutions = sum(rows[name].latency_s for name in ("conv1", "conv2", "conv3", "conv4", "conv5"))
    assert convolutions < 1.3 * result.extra["swap"]["computing_s"]
    assert rows["fc6"].latency_s > 10 * dict(rows["fc6"].phases)["compute"]


def test_what_fits_is_not_moved() -> None:
    schedule, result = under("mlperf_tiny_kws", load_device("stm32h743"), Swapping("sd"))
    told = result.extra["swap"]
    assert (told["loads"], told["stores"], told["exposed_s"]) == (0, 0, 0.0)
    assert result.memory["axi_sram"].weights_bytes == schedule.graph.weights_bytes
    gpu, graph = load_device("rtx_3090"), network("resnet18", None)
    alone = estimate(lower(graph, gpu, layerwise_plan(graph, gpu)))
    _, swapped = under("resnet18", gpu, Swapping("host"), None)
    assert swapped.latency_s == alone.latency_s and swapped.energy_j == alone.energy_j


def test_a_gpu_beyond_its_memory() -> None:
    """Less memory is slower; copies ahead are faster than copies on demand, those faster than page faults."""
    device = load_device("rtx_3090")
    lengths = {}
    for megabytes in (80, 50, 30, 20):
        _, result = under("resnet18", device, Swapping("host", near_bytes=megabytes * 10**6), None)
        lengths[megabytes] = result.latency_s
        assert result.memory["dram"].peak_bytes <= megabytes * 10**6
    assert list(lengths.values()) == sorted(lengths.values())
    assert (
        lengths[80]
        == estimate(lower(network("resnet18", None), device, layerwise_plan(network("resnet18", None), device))).latency_s
    )
    limit = 30 * 10**6
    asked = (Swapping("host", near_bytes=limit), Swapping("host", "on_demand", near_bytes=limit),
             Swapping("host", near_bytes=limit, memory="pageable"), Swapping("host", near_bytes=limit, memory="unified"))  # fmt: skip
    times = [under("resnet18", device, each, None)[1].latency_s for each in asked]
    assert times == sorted(times) and times[0] < times[1] < times[2] < times[3]


def test_the_exact_policy_is_no_worse() -> None:
    device = load_device("rtx_3090")
    limit = 60 * 10**6
    greedy, optimal = (
        under("resnet50", device, Swapping("host", p, near_bytes=limit, effort=0.1), None)[1] for p in ("greedy", "optimal")
    )
    assert optimal.latency_s <= greedy.latency_s


def test_wear_counts_what_is_written() -> None:
    _, result = under("vgg16", load_device("stm32h743"), Swapping("sd"))
    told = result.extra["swap"]
    assert told["wear_per_run"] == pytest.approx(told["written_bytes"] * 3 / (8e9 * 3000))
    assert any("of the life of sd_spi" in note for note in result.notes)


def test_the_trace_shows_moves_on_their_own_row() -> None:
    schedule, _ = under("alexnet", load_device("stm32h743"), Swapping("sd"))
    rows = trace_events(schedule, simulate(schedule))["traceEvents"]
    assert {row["args"]["name"] for row in rows if row["name"] == "thread_name"} == {"cpu", "sd_spi"}
    held = [row["args"]["bytes"] for row in rows if row["name"] == "memory axi_sram"]
    assert 300_000 < max(held) <= 512 * 1024


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"to": "sdd"}, "storage: 'sdd' is not known; .*nearest: sd"),
        ({"to": "sd", "policy": "gredy"}, "policy 'gredy'; one of on_demand, greedy, optimal .*greedy"),
        ({"to": "sd", "near": "sram9"}, "memory 'sram9' is none of stm32h743"),
        ({"to": "sd", "near_bytes": 0}, "limit 0 B"),
        ({"to": "sd", "near_bytes": 2000}, "operator 'conv1' needs .* B at once even in its smallest parts"),
        ({"to": "psram"}, "psram_octal holds 33,554,432 B; .* have to go there; a larger storage"),
        ({"to": "sd", "memory": "unified"}, "memory=unified for sd_spi, a sd; it goes with to=host"),
    ],
)
def test_what_cannot_be_swapped_is_refused(asked: dict[str, object], says: str) -> None:
    device, graph = load_device("stm32h743"), network("alexnet", "int8")
    with pytest.raises(ValueError, match=says):
        swapped_plan(graph, device, layerwise_plan(graph, device), Swapping(**asked))  # type: ignore[arg-type]


def test_units_that_overlap_their_phases_are_refused() -> None:
    device = load_device("eyeriss_v1")
    graph = network("lenet5", "int16")
    with pytest.raises(StrategyError, match="swap: "):
        swapped_plan(graph, device, replace(layerwise_plan(graph, device), unit="array"), Swapping("sd"))


def test_the_strategy_by_name() -> None:
    """As on the command line; the energy of a GPU's copies is counted, the memory limit held."""
    strategy = read_strategy("swap:to=host,limit=60MB")
    graph, device = network("resnet50", None), load_device("rtx_3090")
    problem = strategy.apply(Problem(graph, device, layerwise_plan(graph, device)))
    answer = problem.estimate()
    assert problem.recipe == ("swap:to=host,limit=60MB",) and "of constants stay" in problem.steps[0].changed
    assert answer.memory["dram"].peak_bytes <= 60_000_000
    told = answer.extra["swap"]
    assert told["policy"] == "greedy" and told["read_bytes"] >= graph.weights_bytes - 60_000_000
    alone = estimate(lower(graph, device, layerwise_plan(graph, device)))
    assert answer.energy_j is not None and alone.energy_j is not None and answer.energy_j > alone.energy_j


def test_nothing_may_change_the_network_after_it() -> None:
    graph, device = network("resnet18", None), load_device("rtx_3090")
    problem = read_strategy("swap:to=host").apply(Problem(graph, device, layerwise_plan(graph, device)))
    with pytest.raises(StrategyError, match="must come before it"):
        read_strategy("quantize:dtype=fp16").apply(problem)
    with pytest.raises(StrategyError, match="to is missing"):
        read_strategy("swap")


def test_a_long_search_says_where_it_is() -> None:
    device, graph, said = load_device("rtx_3090"), network("resnet18", None), list[str]()
    asked = Swapping("host", "optimal", near_bytes=30 * 10**6, effort=0.002)
    with heard_by(said.append):
        swapped_plan(graph, device, layerwise_plan(graph, device), asked)
    assert said[0].startswith("swap: way 1 of cutting ") and said[-1].startswith("swap: solver, ")
    count = len(said)
    swapped_plan(graph, device, layerwise_plan(graph, device), asked)
    assert len(said) == count
