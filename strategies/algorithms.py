"""The algorithm of each convolution, by time and workspace, as a strategy."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from dataflows.cpu_choice import CHOICES, Choice, choices_of
from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy, refusal
from strategies.transformed import counted

#: What decides between algorithms that are within the workspace.
CRITERIA = ("time", "workspace")


def _chosen(problem: Problem, least: str, workspace: int | None, only: tuple[str, ...]) -> tuple[Problem, str]:
    schedule = problem.replace(plan=replace(problem.plan, algorithms={})).schedule()
    work = schedule.work[schedule.plan.unit]
    if work.kind != "cpu":
        raise refusal("algorithms", f"unit '{work.unit}' is a {work.kind}, whose runtime has one kernel each; a CPU is expected")
    found: dict[str, str] = {}
    largest, over, changed = 0, 0, Counter[str]()
    for i, operator in enumerate(schedule.graph.operators):
        choices = [c for c in choices_of(work, i) if not only or c.algorithm in only]
        within = [c for c in choices if workspace is None or c.workspace_bytes <= workspace]
        if not choices:
            continue
        over += not within
        best = min(within, key=lambda c: _rank(c, least)) if within else min(choices, key=lambda c: (c.workspace_bytes, c.seconds))
        own = work.details.get(i, {}).get("algorithm")
        if workspace is None and least == "time" and not only and float(work.amounts[i] @ work.prices) <= best.seconds:
            continue
        largest = max(largest, best.workspace_bytes)
        if best.algorithm != own:
            found[operator.name] = best.algorithm
            changed[f"{own} to {best.algorithm}"] += 1
    done = problem.replace(plan=replace(problem.plan, algorithms=found))
    before, after = (float(s.work[work.unit].amounts.sum(axis=0) @ work.prices) for s in (schedule, done.schedule()))
    said = ", ".join(f"{count} x {change}" for change, count in sorted(changed.items())) or "all stay"
    return done, (
        f"{counted(len(found), 'convolution')} otherwise ({said}): {1e3 * before:.3g} ms to {1e3 * after:.3g} ms, "
        f"largest workspace {largest:,} B" + (f"; {counted(over, 'layer')} have no algorithm that takes so little" if over else "")
    )


def _rank(choice: Choice, least: str) -> tuple[float, float, int]:
    place = CHOICES.index(choice.algorithm)
    if least == "time":
        return choice.seconds, choice.workspace_bytes, place
    return choice.workspace_bytes, choice.seconds, place


ALGORITHMS = Strategy(
    "algorithms",
    "the algorithm of each convolution on a CPU by time and workspace: direct, im2col, Winograd, FFT",
    _chosen,
    (
        Parameter("least", "name", "time", "what decides", CRITERIA),
        Parameter("workspace", "size", None, "most bytes beside inputs, weights and outputs"),
        Parameter("only", "names", (), "these algorithms alone", CHOICES),
    ),
    touches="plan",
    exact=True,
)
