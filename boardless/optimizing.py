"""``optimize``: the best recipes of strategies for one network on one device under budgets."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from boardless import formats, machine_form
from boardless.checks import ON_CHIP, Limit, figure, read_limit
from boardless.errors import UsageError
from boardless.objectives import checked, of_estimate, stored_bytes
from boardless.text import WIDTH, render, table
from sim.results import Estimate
from strategies.problem import Problem
from strategies.searched import Candidate, Found, choices_of, search
from strategies.strategy import Strategy

#: Points that the text shows.
SHOWN = 12


@dataclass(frozen=True, repr=False)
class Optimized:
    """What a search found.

    Attributes
    ----------
    network, device : str
    objectives : tuple of str
    limits : tuple of Limit
    found : Found
    command : str
        The start of the command that runs a point again.
    """

    network: str
    device: str
    objectives: tuple[str, ...]
    limits: tuple[Limit, ...]
    found: Found
    command: str

    @property
    def points(self) -> list[Candidate]:
        """Feasible points that no other beats in the objectives and in what is limited, the best first."""
        limited = [limit.name for limit in self.limits if limit.name not in (*self.objectives, "accuracy_loss")]
        return self.found.front([*self.objectives, *limited])

    @property
    def nearest(self) -> Candidate | None:
        """Where nothing is feasible, the point that misses its worst limit by the smallest factor."""
        return None if self.points else self.found.nearest()

    def __repr__(self) -> str:
        return self.text()

    def command_of(self, candidate: Candidate) -> str:
        """The command that estimates a point."""
        return " ".join([self.command, *(f"--strategy {shlex.quote(spec)}" for spec in candidate.recipe)])

    def to_dict(self) -> dict[str, Any]:
        """The machine form."""
        near = self.nearest
        return {
            "format": machine_form.FORMAT,
            "network": self.network,
            "device": self.device,
            "objectives": list(self.objectives),
            "limits": {limit.name: limit.most for limit in self.limits},
            "points": [self._point(candidate) for candidate in self.points],
            "infeasible": near is not None,
            "nearest": None if near is None else {**self._point(near), "excess": machine_form.plain(_finite(near.excess))},
            "binding": self.found.binding() if near is not None else [],
            "tried": len(self.found.candidates),
            "recipes": self.found.recipes,
            "exhaustive": self.found.exhaustive,
            "refused": [{"reason": reason, "recipes": count} for reason, count in sorted(self.found.refused.items())],
        }

    def to_json(self) -> str:
        """The machine form, as ``--json`` writes it."""
        return machine_form.json_text(self.to_dict())

    def _point(self, candidate: Candidate) -> dict[str, Any]:
        figures = candidate.figures
        return {
            "latency_s": figures["latency"],
            "energy_j": figures["energy"],
            "peak_bytes": int(figures["peak"] or 0),
            "flash_bytes": int(figures["stored"] or 0),
            "accuracy_loss": candidate.accuracy_loss,
            "profile": candidate.answer.profile,
            "recipe": list(candidate.recipe),
            "command": self.command_of(candidate),
        }

    def text(self, width: int = WIDTH, colour: bool = False) -> str:
        """The points as a table with the commands below, or the nearest point and what binds."""
        limits = (
            ", ".join(f"{limit.name} at most {formats.by_unit(limit.most, limit.unit)}" for limit in self.limits) or "no limits"
        )
        how = f"all {self.found.recipes:,} recipes" if self.found.exhaustive else f"a sample of {self.found.recipes:,} recipes"
        parts: list[RenderableType] = [Text(f"{self.network} on {self.device}: {', '.join(self.objectives)}; {limits}; {how}")]
        near = self.nearest
        if near is not None:
            over = ", ".join(f"{name} {value:.3g}x" for name, value in sorted(near.excess.items(), key=lambda entry: -entry[1]))
            parts += [
                Text(f"nothing keeps all limits; binding: {', '.join(self.found.binding())}"),
                Text(f"nearest (over by {over}):"),
            ]
        shown = self.points[:SHOWN] if near is None else [near]
        parts.append(self._table(shown))
        parts += [Text(f"[{place}] {self.command_of(candidate)}") for place, candidate in enumerate(shown, 1)]
        parts += map(Text, _profiles(shown))
        if near is None and len(self.points) > SHOWN:
            parts.append(Text(f"{len(self.points) - SHOWN} more points; --json gives all"))
        if any(candidate.accuracy_loss is None for candidate in shown):
            parts.append(Text("accuracy: not simulated; --accuracy TABLE.csv carries measured losses along"))
        parts += [Text(f"not applied ({count} recipes): {reason}") for reason, count in sorted(self.found.refused.items())[:3]]
        return render(parts, width=width, colour=colour)

    def _table(self, candidates: Sequence[Candidate]) -> RenderableType:
        made = table("point>", "recipe", "latency>", "energy>", "peak>", "flash>", "accuracy loss>")
        for place, candidate in enumerate(candidates, 1):
            figures, loss = candidate.figures, candidate.accuracy_loss
            made.add_row(
                str(place), " ".join(candidate.recipe) or "as it is", formats.seconds(figures["latency"]),
                formats.joules(figures["energy"]), formats.size(figures["peak"]), formats.size(figures["stored"]),
                formats.NOT_KNOWN if loss is None else f"{loss:g}",
            )  # fmt: skip
        return made


def _profiles(candidates: Sequence[Candidate]) -> list[str]:
    """How the memory of the points is counted: they may differ, as swapping moves blocks of its own."""
    places: dict[str, list[int]] = {}
    for place, candidate in enumerate(candidates, 1):
        places.setdefault(candidate.answer.profile, []).append(place)
    said = (f"{profile} ({', '.join(f'[{place}]' for place in found)})" for profile, found in places.items())
    return [f"memory counted as {', '.join(said)}"] if places else []


def optimized(
    problem: Problem,
    objectives: Sequence[str],
    limits: Sequence[str],
    command: str,
    *,
    extra: Sequence[Strategy] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Optimized:
    """The best recipes for a problem.

    Raises
    ------
    UsageError
        An unknown objective or limit; an accuracy limit without a table of measured losses.
    """
    wanted = checked(objectives) or ("latency",)
    budgets = tuple(_limit(text, problem) for text in limits)
    if any(budget.name == "accuracy_loss" for budget in budgets) and not problem.accuracy:
        raise UsageError(
            "--limit: accuracy_loss without a table of measured losses; accuracy is not simulated; name one with --accuracy TABLE.csv"
        )

    def evaluate(candidate: Problem) -> tuple[dict[str, float | None], Estimate]:
        answer = candidate.estimate()
        figures = of_estimate(answer)
        figures |= {budget.name: figure(answer, budget.name) for budget in budgets if budget.name != "accuracy_loss"}
        figures["stored"] = float(stored_bytes(answer))
        for short in answer.shortfalls:
            if short.capacity_bytes:
                figures[f"fits:{short.level}"] = short.needed_bytes / short.capacity_bytes
        return figures, answer

    room = {budget.name: budget.most for budget in budgets if budget.unit == "B"}
    working = [level.capacity_bytes for level in problem.device.memories.values() if level.kind in ON_CHIP]
    if "sram" not in room and all(working) and working:
        room["sram"] = float(max(size for size in working if size))
    found = search(
        problem, choices_of(problem, extra, room=room), evaluate, {budget.name: budget.most for budget in budgets}, wanted,
        seed=problem.seed, progress=progress,
    )  # fmt: skip
    return Optimized(problem.graph.name, problem.device.name, wanted, budgets, found, command)


def _limit(text: str, problem: Problem) -> Limit:
    """``latency=50ms``, ``energy=1mJ``, ``sram=256KiB``, ``flash=1MiB``, ``accuracy_loss=1``, or ``MEMORY=SIZE``."""
    limit = read_limit("--limit", text, problem.device.memories, {"accuracy_loss": ""})
    if not limit.most > 0:
        raise UsageError(f"--limit: '{text}'; more than 0 is expected")
    return limit


def _finite(excess: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if value != float("inf") else None for name, value in excess.items()}
