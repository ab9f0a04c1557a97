"""Runs that end early or leave blocks out: mean, tail and worst case of an estimate over the paths that inferences take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sim.durations import PICOSECONDS
from sim.errors import ScheduleError
from sim.results import Estimate
from workloads.graph import Graph
from workloads.transforms.early_exits import EXITS, SKIPS

#: Most different latencies that are told apart.
MOST_OUTCOMES = 1 << 16

#: Share of the inferences that are no slower than the tail.
TAIL = 0.95


@dataclass(frozen=True)
class Path:
    """One way out of a network.

    Attributes
    ----------
    exit : str or None
        The classifier it leaves by; ``None`` is the end.
    probability : float
    latency_s, energy_j : float
        Of a run that leaves there, no block left out; energy is ``None`` where it is not known.
    """

    exit: str | None
    probability: float
    latency_s: float
    energy_j: float | None


def paths_of(answer: Estimate, settings: Mapping[str, Any]) -> list[Path]:
    """The ways out, in order; operators run one after the other."""
    place = {row.name: i for i, row in enumerate(answer.operators)}
    found, left = [], 1.0
    for name, probability in sorted(settings.get(EXITS, ()), key=lambda entry: place.get(entry[0], -1)):
        if name not in place:
            raise ScheduleError(f"exit '{name}': the operator is gone; exits are expected after what changes their operators")
        found.append(_path(answer, name, left * probability, place[name] + 1))
        left *= 1.0 - probability
    return [*found, _path(answer, None, left, len(answer.operators))]


def _path(answer: Estimate, exit_name: str | None, probability: float, stop: int) -> Path:
    rows = answer.operators[:stop]
    energies = [row.energy_j for row in rows]
    energy = None if None in energies else math.fsum(e for e in energies if e is not None)
    return Path(exit_name, probability, math.fsum(row.latency_s for row in rows), energy)


def latencies(answer: Estimate, settings: Mapping[str, Any]) -> dict[int, float]:
    """Latency [ps] -> probability, over all ways out and all blocks left out, each by itself.

    Raises
    ------
    ScheduleError
        More than 65,536 different latencies.
    """
    place = {row.name: i for i, row in enumerate(answer.operators)}
    spread: dict[int, float] = {}
    for path in paths_of(answer, settings):
        stop = len(answer.operators) if path.exit is None else place[path.exit] + 1
        ways = {round(path.latency_s * PICOSECONDS): path.probability}
        for operators, probability in settings.get(SKIPS, ()):
            inside = [place[name] for name in operators if name in place]
            if inside and max(inside) < stop:
                saved = sum(round(answer.operators[i].latency_s * PICOSECONDS) for i in inside)
                ways = _one_more(ways, saved, probability)
        for length, probability in ways.items():
            spread[length] = spread.get(length, 0.0) + probability
    return dict(sorted(spread.items()))


def _one_more(ways: Mapping[int, float], saved: int, probability: float) -> dict[int, float]:
    """The lengths with one more block that may be left out."""
    after: dict[int, float] = {}
    for length, likely in ways.items():
        after[length] = after.get(length, 0.0) + likely * (1.0 - probability)
        after[length - saved] = after.get(length - saved, 0.0) + likely * probability
    if len(after) > MOST_OUTCOMES:
        raise ScheduleError(
            f"skips: more than {MOST_OUTCOMES:,} different latencies; fewer blocks that may be left out are expected"
        )
    return after


def with_paths(answer: Estimate, graph: Graph) -> Estimate:
    """The estimate with mean, tail and worst case where the network has exits or blocks that may be left out."""
    if not graph.settings.get(EXITS) and not graph.settings.get(SKIPS):
        return answer
    spread = latencies(answer, graph.settings)
    ways = paths_of(answer, graph.settings)
    extra: dict[str, Any] = {
        "latency_mean_s": math.fsum(length * p for length, p in spread.items()) / PICOSECONDS,
        "latency_p95_s": quantile(spread, TAIL) / PICOSECONDS,
        "latency_worst_s": max(length for length, p in spread.items() if p > 0) / PICOSECONDS,
        "energy_mean_j": _mean_energy(answer, graph, ways),
        "paths": [{"exit": w.exit, "probability": w.probability, "latency_s": w.latency_s, "energy_j": w.energy_j} for w in ways],
    }
    return replace(answer, extra={**answer.extra, **extra})


def quantile(spread: Mapping[int, float], share: float) -> int:
    """The least latency that so large a share of the inferences does not pass [ps].

    >>> quantile({10: 0.5, 20: 0.45, 30: 0.05}, 0.95), quantile({10: 0.5, 20: 0.4, 30: 0.1}, 0.95)
    (20, 30)
    """
    reached = 0.0
    for length in sorted(spread):
        reached += spread[length]
        if reached >= share - 1e-12:
            return length
    return max(spread)


def _mean_energy(answer: Estimate, graph: Graph, ways: Sequence[Path]) -> float | None:
    """Energy of an inference on average [J]; ``None`` where one of an operator is not known."""
    place = {row.name: i for i, row in enumerate(answer.operators)}
    total = 0.0
    for way in ways:
        if way.energy_j is None:
            return None
        stop = len(answer.operators) if way.exit is None else place[way.exit] + 1
        energy = way.energy_j
        for operators, probability in graph.settings.get(SKIPS, ()):
            inside = [place[name] for name in operators if name in place]
            if inside and max(inside) < stop:
                energy -= probability * math.fsum(answer.operators[i].energy_j or 0.0 for i in inside)
        total += way.probability * energy
    return total
