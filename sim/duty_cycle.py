"""One inference per period, rest in between: average power, and how many days a battery lasts. Arithmetic on one period.

    energy of a period = inference + waking up + resting power * rest time
    average power = energy of a period / period;  days = charge * voltage / average power / 86,400 s

The device rests in the state that costs least over the period: idle, sleep, whatever its file names besides ``active``. Waking up
costs what the file says; where it gives a time alone, the unit's active power for that time.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwmodels.costs.link import active_joules
from hwmodels.costs.power import average_watts, battery_days, period_joules
from hwmodels.device import Device, PowerState
from sim.results import Estimate, Missing


@dataclass(frozen=True)
class DutyCycle:
    """What one period is made of.

    Attributes
    ----------
    period_s : float
    work_s, work_j : float, float or None
        The inference.
    state : str or None
        Power state between two inferences.
    wake_up_s, wake_up_j : float or None
        To become active again; ``None`` where no state is chosen.
    rest_s, rest_w : float or None
        Time in that state and power drawn there.
    average_w, days : float or None
        ``None`` with a reason in ``missing``.
    """

    period_s: float
    work_s: float
    work_j: float | None
    state: str | None = None
    wake_up_s: float | None = None
    wake_up_j: float | None = None
    rest_s: float | None = None
    rest_w: float | None = None
    average_w: float | None = None
    days: float | None = None
    missing: tuple[Missing, ...] = ()


def duty_cycle(found: Estimate, device: Device, period_s: float, battery_j: float | None = None) -> DutyCycle:
    """Average power of one inference every ``period_s``, and days of life on a battery.

    Parameters
    ----------
    found : Estimate
        Time and energy of one inference.
    device : Device
    period_s : float
        From the start of one inference to the start of the next [s].
    battery_j : float or None
        Energy of the battery [J]; ``None`` leaves the days out.

    Examples
    --------
    >>> from hwmodels.reader import load_device
    >>> from sim.lower import layerwise_plan, lower
    >>> from sim.estimate import estimate
    >>> from workloads.networks import build
    >>> graph, device = build("mlperf_tiny_kws"), load_device("stm32l4r5")
    >>> cycle = duty_cycle(estimate(lower(graph, device, layerwise_plan(graph, device))), device, 10.0, 10_800.0)
    >>> cycle.state, cycle.average_w < 1e-3, cycle.days > 100
    ('sleep', True, True)
    """
    plain = DutyCycle(period_s, found.latency_s, found.energy_j)
    if found.energy_j is None:
        return _unknown(plain, "the energy of the inference is not known")
    if found.latency_s > period_s:
        return _unknown(plain, f"one inference takes {found.latency_s:.4g} s, longer than the period of {period_s:.4g} s")
    options = [_resting(plain, state, _active_power(found, device)) for state in device.power.values() if state.name != "active"]
    cycles = [cycle for cycle in options if cycle is not None]
    if not cycles:
        return _unknown(plain, "the device file names no power of a state to rest in that it could wake up from in time")
    best = min(cycles, key=lambda cycle: (cycle.average_w or 0.0, cycle.state or ""))
    return best if battery_j is None else _with_days(best, battery_j)


def _resting(plain: DutyCycle, state: PowerState, active_w: float | None) -> DutyCycle | None:
    """The period with its rest spent in one state; ``None`` where that cannot be."""
    rest_s = plain.period_s - plain.work_s - state.wake_up_s
    wake_up_j = state.wake_up_j or (active_joules(active_w, state.wake_up_s) if active_w is not None else None)
    if state.power_w is None or rest_s < 0 or (wake_up_j is None and state.wake_up_s > 0) or plain.work_j is None:
        return None
    energy = period_joules(plain.work_j, wake_up_j or 0.0, state.power_w, rest_s)
    return DutyCycle(
        plain.period_s, plain.work_s, plain.work_j, state.name, state.wake_up_s, wake_up_j or 0.0, rest_s, state.power_w,
        average_watts(energy, plain.period_s),
    )  # fmt: skip


def _active_power(found: Estimate, device: Device) -> float | None:
    unit = device.units.get(str(found.settings.get("unit", "")), device.default_unit)
    return unit.active_power_w


def _with_days(cycle: DutyCycle, battery_j: float) -> DutyCycle:
    assert cycle.average_w is not None
    if cycle.average_w == 0.0:
        return _unknown(cycle, "nothing is drawn from the battery")
    return DutyCycle(
        cycle.period_s, cycle.work_s, cycle.work_j, cycle.state, cycle.wake_up_s, cycle.wake_up_j, cycle.rest_s, cycle.rest_w,
        cycle.average_w, battery_days(battery_j, cycle.average_w),
    )  # fmt: skip


def _unknown(cycle: DutyCycle, reason: str) -> DutyCycle:
    return DutyCycle(cycle.period_s, cycle.work_s, cycle.work_j, missing=(Missing("average_w", reason), Missing("days", reason)))
