"""Race to idle against pacing: which of the two pays depends on what idling costs and on how power follows the clock."""

from __future__ import annotations

import pytest

from hwmodels.costs.power import period_joules, scaled_watts
from hwmodels.reader import load_device
from sim.lower import layerwise_plan
from strategies.chosen import read_strategy
from strategies.errors import StrategyError
from strategies.frequency import at_clock, paces
from strategies.problem import Problem
from workloads.readers import load_network


def problem(network: str = "mobilenet_v2", device: str = "raspberry_pi_4") -> Problem:
    board = load_device(device)
    graph = load_network(network)
    return Problem(graph, board, layerwise_plan(graph, board))


def test_at_a_fixed_voltage_racing_wins_and_with_it_following_pacing_does() -> None:
    start = problem()
    racing = read_strategy("pace:period=500ms,exponent=1").apply(start)
    pacing = read_strategy("pace:period=500ms,exponent=3").apply(start)
    assert "racing to idle" in racing.steps[-1].changed
    assert "pacing; racing at" in pacing.steps[-1].changed
    assert racing.device.default_unit.frequency_hz == start.device.default_unit.frequency_hz
    assert pacing.device.default_unit.frequency_hz < start.device.default_unit.frequency_hz
    assert pacing.estimate().latency_s > start.estimate().latency_s


def test_an_idle_power_of_nothing_makes_racing_as_good_at_a_fixed_voltage_without_memory() -> None:
    """Work of so many cycles takes the same energy at every clock; what waits for memory takes less at a lower one."""
    start = problem("mlperf_tiny_kws", "stm32h743")
    found = paces(start, 1.0, (120e6, 240e6, 480e6), 0.0, 1.0, 0.0)
    assert [pace.energy_j for pace in found] == pytest.approx([found[0].energy_j] * 3, rel=0.02)


def test_energy_of_a_period_by_hand() -> None:
    start = problem()
    (pace,) = paces(start, 0.5, (750e6,), 2.7, 3.0, 0.2)
    power = pace.device.default_unit.active_power_w
    assert power is not None
    assert power == pytest.approx(2.7 + 3.7 * (0.2 + 0.8 / 8)) == scaled_watts(6.4, 2.7, 0.5, 3.0, 0.2)
    assert pace.energy_j == pytest.approx(period_joules(power * pace.latency_s, 0.0, 2.7, 0.5 - pace.latency_s))


def test_a_slower_clock_is_never_faster() -> None:
    start = problem("squeezenet")
    times = [start.replace(device=at_clock(start.device, "cpu", f, 2.7, 3.0)).estimate().latency_s for f in (5e8, 1e9, 1.5e9)]
    assert times == sorted(times, reverse=True)
    assert times[-1] == start.estimate().latency_s
    slow = start.replace(device=at_clock(start.device, "cpu", 5e8, 2.7, 3.0)).estimate()
    assert slow.latency_interval_s is None and slow.settings["set"] == {"units.cpu.frequency": "500 MHz"}


@pytest.mark.parametrize(
    ("device", "spec", "said"),
    [
        ("raspberry_pi_4", "pace", "strategy 'pace': period is missing"),
        ("raspberry_pi_4", "pace:period=1us", "strategy 'pace': a run takes"),
        ("stm32h743", "pace:period=10s", "strategy 'pace': the idle power of stm32h743 is not known; idle=POWER is expected"),
        ("rtx_3090", "pace:period=10s", "strategy 'pace': unit 'gpu' is a gpu"),
        (
            "raspberry_pi_4",
            "pace:period=1s,clocks=9GHz",
            "strategy 'pace': clocks: 9000 MHz; unit 'cpu' runs at 1500 MHz; no faster",
        ),
        ("raspberry_pi_4", "pace:period=1s,clocks=0MHz", "strategy 'pace': clocks=0MHz; clocks joined by +"),
    ],
)
def test_what_cannot_be_paced_says_why(device: str, spec: str, said: str) -> None:
    with pytest.raises(StrategyError) as refused:
        read_strategy(spec).apply(problem("lenet5", device))
    assert str(refused.value).startswith(said)
