"""The clock of a unit under a period, as a strategy: race to idle, or take the time there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwmodels.costs.power import clock_ratio, megahertz, period_joules, scaled_clock, scaled_watts
from hwmodels.device import CpuUnit, Device, McuUnit
from sim.assignment import unit_named
from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy, refusal

#: Clocks that are tried where none are given, as shares of the unit's own. Assumed: most parts offer about so many steps.
STEPS = (0.25, 0.5, 0.75, 1.0)

#: Exponents of power over clock: at a fixed voltage, and where the voltage follows.
FIXED_VOLTAGE, FOLLOWING_VOLTAGE = 1.0, 3.0


#: Share of the power of working, above idling, that does not fall with the clock. Assumed; the answer says so.
STATIC = 0.3


@dataclass(frozen=True)
class Pace:
    """One clock under a period.

    Attributes
    ----------
    frequency_hz : float
    device : Device
        At that clock.
    latency_s : float
    energy_j : float
        Of a whole period, idling included.
    """

    frequency_hz: float
    device: Device
    latency_s: float
    energy_j: float


def at_clock(device: Device, name: str, frequency_hz: float, idle_w: float, exponent: float, static: float = STATIC) -> Device:
    """The device with all units of one kind slowed down like the named one; what they draw follows."""
    unit = unit_named(device, name)
    ratio = clock_ratio(frequency_hz, unit.frequency_hz)
    slowed = {
        other.name: replace(
            other,
            frequency_hz=scaled_clock(other.frequency_hz, ratio),
            active_power_w=None
            if other.active_power_w is None
            else scaled_watts(other.active_power_w, idle_w, ratio, exponent, static),
        )
        for other in device.units.values()
        if other.kind == unit.kind
    }
    said = {**device.overrides, f"units.{name}.frequency": f"{megahertz(frequency_hz):g} MHz"}
    return replace(device, units={**device.units, **slowed}, overrides=said if ratio != 1.0 else device.overrides)


def paces(
    problem: Problem, period_s: float, clocks: Sequence[float], idle_w: float, exponent: float, static: float = STATIC
) -> list[Pace]:  # fmt: skip
    """What each clock takes, slowest first; those that miss the period are left out."""
    found = []
    for clock in sorted(set(clocks)):
        device = at_clock(problem.device, problem.plan.unit, clock, idle_w, exponent, static)
        answer = problem.replace(device=device).estimate()
        if answer.latency_s <= period_s and answer.energy_j is not None:
            energy = period_joules(answer.energy_j, 0.0, idle_w, period_s - answer.latency_s)
            found.append(Pace(clock, device, answer.latency_s, energy))
    return found


def _paced(
    problem: Problem, period: float, clocks: tuple[float, ...], exponent: float | None, static: float, idle: float | None
) -> tuple[Problem, str]:  # fmt: skip
    unit = unit_named(problem.device, problem.plan.unit)
    if not isinstance(unit, CpuUnit | McuUnit) or unit.active_power_w is None:
        raise refusal("pace", f"unit '{unit.name}' is a {unit.kind}; a CPU or microcontroller of known power is expected")
    state = problem.device.power.get("idle")
    resting = idle if idle is not None else state.power_w if state is not None else None
    if resting is None:
        raise refusal("pace", f"the idle power of {problem.device.name} is not known; idle=POWER is expected")
    fixed = isinstance(unit, McuUnit) and unit.active_j_per_cycle is not None
    power = exponent if exponent is not None else FIXED_VOLTAGE if fixed else FOLLOWING_VOLTAGE
    chosen = clocks or tuple(scaled_clock(unit.frequency_hz, step) for step in STEPS)
    if max(chosen) > unit.frequency_hz:
        fast = f"{megahertz(max(chosen)):g} MHz; unit '{unit.name}' runs at {megahertz(unit.frequency_hz):g} MHz"
        raise refusal("pace", f"clocks: {fast}; no faster one is expected")
    found = paces(problem, period, chosen, resting, power, static)
    if not found:
        takes = problem.estimate().latency_s
        raise refusal(
            "pace", f"a run takes {1e3 * takes:.3g} ms, longer than the period at every clock; a longer period is expected"
        )
    best, race = min(found, key=lambda pace: (pace.energy_j, pace.frequency_hz)), found[-1]
    at = f"{megahertz(best.frequency_hz):,.0f} MHz: {1e3 * best.latency_s:.3g} ms of {1e3 * period:.3g} ms"
    instead = f"pacing; racing at {megahertz(race.frequency_hz):,.0f} MHz would take {1e3 * race.energy_j:.4g} mJ"
    way = "racing to idle" if best is race else instead
    assumed = f"power over clock: exponent {power:g}, {100 * static:g} % at every clock, assumed"
    return problem.replace(device=best.device), f"{at}, {1e3 * best.energy_j:.4g} mJ per period, {way} ({assumed})"


PACE = Strategy(
    "pace",
    "the clock that takes the least energy per period: race to idle, or take the time there is",
    _paced,
    (
        Parameter("period", "time", None, "from one inference to the next", required=True),
        Parameter("clocks", "clocks", (), "clocks to choose from; quarters of the unit's own without"),
        Parameter("exponent", "number", None, "of power over clock: 1 at a fixed voltage, 3 where the voltage follows"),
        Parameter("static", "share", STATIC, "share of what working adds that is there at every clock"),
        Parameter("idle", "power", None, "what the device draws when it has nothing to do; its file's without"),
    ),
    touches="plan",
    exact=True,
)
