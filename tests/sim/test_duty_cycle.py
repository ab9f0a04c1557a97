"""Duty cycles worked by hand: states to rest in, waking up, what is not known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwmodels.device import Device, McuUnit, MemoryLevel, PowerState
from sim.duty_cycle import duty_cycle
from sim.results import Coverage, Estimate


def device(*states: PowerState, active_w: float | None = 0.05) -> Device:
    unit = McuUnit("cpu", "mcu", 1e8, ("int8",), "sum", None, ("flash",), ("sram",), active_power_w=active_w)
    memories = {name: MemoryLevel(name, name, None) for name in ("flash", "sram")}
    return Device("board", "", {"cpu": unit}, memories, {}, {state.name: state for state in states}, "chip")


def answer(latency_s: float = 0.1, energy_j: float | None = 5e-3) -> Estimate:
    return Estimate(
        "net",
        "board",
        {"unit": "cpu"},
        "closed_form",
        Coverage(1, 1, (), 1.0),
        1,
        1,
        latency_s,
        energy_j,
        "chip",
        {},
        0,
        "ideal",
        (),
        (),
    )


def test_by_hand() -> None:
    """100 ms at 50 mW, 1 ms to wake up at 50 mW, 9.899 s asleep at 10 uW: 5 mJ + 50 uJ + 98.99 uJ = 5.14899 mJ in 10 s.

    A battery of 1 Ah at 3 V holds 10,800 J: 10,800 / 514.899e-6 W / 86,400 s = 242.77 days.
    """
    found = duty_cycle(answer(), device(PowerState("sleep", 10e-6, wake_up_s=1e-3)), 10.0, 10_800.0)
    assert (found.state, found.wake_up_j, found.rest_s) == ("sleep", pytest.approx(50e-6), pytest.approx(9.899))
    assert found.average_w == pytest.approx(514.899e-6, rel=1e-9)
    assert found.days == pytest.approx(242.766, rel=1e-5)


def test_the_cheapest_state_that_wakes_up_in_time() -> None:
    """Sleep costs 20 mJ to leave: over 0.2 s idling at 1 mW is cheaper, over 100 s it is not; below its wake-up time it cannot."""
    states = (PowerState("active", 0.05), PowerState("idle", 1e-3), PowerState("sleep", 1e-6, wake_up_s=0.05, wake_up_j=20e-3))
    assert duty_cycle(answer(), device(*states), 0.2).state == "idle"
    assert duty_cycle(answer(), device(*states), 100.0).state == "sleep"
    assert duty_cycle(answer(), device(*states), 0.12).state == "idle"
    assert duty_cycle(answer(), device(states[2]), 0.12).average_w is None


@pytest.mark.parametrize(
    ("found", "board", "reason"),
    [
        (answer(energy_j=None), device(PowerState("sleep", 1e-6)), "energy of the inference is not known"),
        (answer(latency_s=20.0), device(PowerState("sleep", 1e-6)), "longer than the period"),
        (answer(), device(), "names no power of a state to rest in"),
        (answer(), device(PowerState("active", 0.05)), "names no power of a state to rest in"),
        (answer(), device(PowerState("sleep", None)), "names no power of a state to rest in"),
        (answer(), device(PowerState("sleep", 1e-6, wake_up_s=1e-3), active_w=None), "names no power of a state to rest in"),
    ],
)
def test_what_is_not_known_has_its_reason(found: Estimate, board: Device, reason: str) -> None:
    cycle = duty_cycle(found, board, 10.0, 100.0)
    assert cycle.average_w is None and cycle.days is None
    assert (cycle.state, cycle.wake_up_s, cycle.wake_up_j, cycle.rest_s, cycle.rest_w) == (None,) * 5
    assert {entry.field for entry in cycle.missing} == {"average_w", "days"} and reason in cycle.missing[0].reason


@given(st.floats(0.2, 1e4), st.floats(1e-7, 1e-3), st.floats(1.0, 1e5))
@settings(max_examples=40, deadline=None)
def test_laws(period_s: float, sleep_w: float, battery_j: float) -> None:
    """Average power lies between resting and working; longer periods and larger batteries last longer."""
    board = device(PowerState("sleep", sleep_w))
    cycle = duty_cycle(answer(), board, period_s, battery_j)
    assert cycle.average_w is not None and cycle.days is not None
    assert sleep_w <= cycle.average_w * (1 + 1e-12) and cycle.average_w <= 0.05 * (1 + 1e-12)
    longer = duty_cycle(answer(), board, period_s * 2, battery_j)
    assert longer.days is not None and longer.days >= cycle.days * (1 - 1e-12)
    twice = duty_cycle(answer(), board, period_s, battery_j * 2)
    assert twice.days == pytest.approx(2 * cycle.days)


def test_without_a_battery_only_the_power_is_told() -> None:
    found = duty_cycle(replace(answer(), energy_j=0.0), device(PowerState("sleep", 0.0)), 10.0, 5.0)
    assert found.average_w is None and "nothing is drawn" in found.missing[0].reason
    assert duty_cycle(answer(), device(PowerState("sleep", 1e-6)), 10.0).days is None
