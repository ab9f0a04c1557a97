"""The head of a network run patch by patch (Lin et al., "MCUNetV2", NeurIPS 2021): which stage and grid, by exact counts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from sim.buffers import load
from sim.memory import Placement
from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy, refusal
from workloads.errors import GraphError, nearest
from workloads.patches import Stage, stage_to, stages
from workloads.transforms.patched import patched

#: Finest grid that is tried by itself.
FINEST = 8
#: Candidates that are counted in full: of those that promise to keep a limit, and of the others.
MOST_PROMISING, MOST_OTHERS = 12, 4
#: Kinds of memory a chip computes from.
WORKING = ("tcm", "sram", "scratchpad")

C = TypeVar("C")


@dataclass(frozen=True)
class Candidate:
    """A stage and a grid, with what is known without laying it out.

    Attributes
    ----------
    promise_bytes : int
        About the bytes at its peak: those of the rest of the network, or of the stage [B].
    macs : int
        Multiply-accumulates of the stage in patches.
    """

    stage: Stage
    rows: int
    columns: int
    promise_bytes: int
    macs: int


def _patch(
    problem: Problem, limit: int | None, grid: str, until: str | None, input: str
) -> tuple[Problem, str]:  # fmt: skip
    graph = problem.runnable
    problem = problem.replace(graph=graph)
    streamed = input == "streamed"
    before = working_peak(problem.schedule().placement)
    found = least_peak(
        _candidates(problem, grid, until, limit, streamed),
        lambda c: problem.replace(graph=patched(graph, c.stage, c.rows, c.columns, streamed=streamed)),
        _extra,
        limit,
    )
    if found is None:
        raise refusal("patch", f"network '{graph.name}' begins with no operators that can be computed patch by patch")
    changed, candidate, peak = found
    if peak >= before and until is None and grid == "auto":
        return problem, f"no patches: {before:,} B at the peak, and no grid needs less"
    plain = candidate.stage.plain_macs
    said = (
        f"{candidate.rows} x {candidate.columns} patches up to {candidate.stage.output}: {before:,} B to {peak:,} B at the peak, "
        f"{candidate.macs / plain - 1:+.1%} MACs of {len(candidate.stage.operators)} operators"
    )
    if limit is not None and peak > limit:
        said += f"; not within {limit:,} B"
    return changed, said


def _extra(candidate: Candidate) -> int:
    """Multiply-accumulates that overlaps add."""
    return candidate.macs - candidate.stage.plain_macs


def least_peak(
    candidates: Iterable[C], run: Callable[[C], Problem], macs: Callable[[C], int], limit: int | None
) -> tuple[Problem, C, int] | None:
    """The candidate with the least peak when laid out, of equal ones that with the fewest MACs; the first within the limit is taken."""
    found: tuple[Problem, C, int] | None = None
    for candidate in candidates:
        changed = run(candidate)
        peak = working_peak(changed.schedule().placement)
        if found is None or (peak, macs(candidate)) < (found[2], macs(found[1])):
            found = changed, candidate, peak
        if limit is not None and peak <= limit:
            break
    return found


def working_peak(placement: Placement) -> int:
    """Bytes of working memory at the peak, with what the engine needs besides the activations [B]."""
    overhead = sum(use.overhead_bytes for use in placement.memory.values() if use.kind in WORKING)
    return placement.activations_peak_bytes + overhead


def _candidates(problem: Problem, grid: str, until: str | None, limit: int | None, streamed: bool) -> Iterator[Candidate]:
    """Stages and grids, those that promise to keep the limit first, of these the cheapest; without a limit the smallest first."""
    found = [
        _candidate(stage, rows, columns, rest, streamed)
        for stage, rest in stages_of(problem, until)
        for rows, columns in _grids(stage, grid)
    ]
    if limit is None:
        found.sort(key=lambda c: (c.promise_bytes, c.macs))
    else:
        found.sort(key=lambda c: (c.promise_bytes > limit, _extra(c) if c.promise_bytes <= limit else c.promise_bytes))
    promising = [c for c in found if limit is not None and c.promise_bytes <= limit]
    yield from promising[:MOST_PROMISING]
    yield from found[len(promising) : len(promising) + MOST_OTHERS]


def _candidate(stage: Stage, rows: int, columns: int, rest: int, streamed: bool) -> Candidate:
    tiles = stage.tiles(rows, columns)
    tile = max(stage.tile_peak_bytes(tile) for tile in {tiles[0], tiles[-1], tiles[len(tiles) // 2 + columns // 2 - 1]})
    return Candidate(stage, rows, columns, max(tile + whole_bytes(stage, streamed), rest), stage.macs(tiles))


def whole_bytes(stage: Stage, streamed: bool) -> int:
    """What is held whole while a stage runs: its output, and its inputs where they are not streamed in [B]."""
    entering = 0 if streamed else sum(t.bytes for t in stage.graph.inputs if stage.reads(t.name))
    return stage.graph.tensors[stage.output].bytes + entering


def stages_of(problem: Problem, until: str | None, strategy: str = "patch") -> list[tuple[Stage, int]]:
    """Stages, each with the bytes that the rest of the network holds at its worst operator."""
    graph = problem.graph
    schedule = problem.schedule()
    held = load(schedule.placement.buffers, len(schedule.graph.operators))
    steps = {operator.name: step for step, operator in enumerate(schedule.graph.operators)}
    if until is None:
        chosen = stages(graph)
    else:
        names = {operator.name: operator.outputs[0] for operator in graph.operators}
        if until not in names and until not in graph.producer:
            raise refusal(strategy, f"until={until} is no operator of '{graph.name}'; {nearest(until, names)}")
        try:
            chosen = [stage_to(graph, names.get(until, until))]
        except GraphError as error:
            raise refusal(strategy, str(error)) from None
    ends = [max(steps.get(graph.operators[i].name, 0) for i in stage.operators) for stage in chosen]
    return [(stage, max(held[end + 1 :], default=0)) for stage, end in zip(chosen, ends, strict=True)]


def _grids(stage: Stage, grid: str) -> list[tuple[int, int]]:
    """The grids to try for a stage: the one given, or square ones and strips."""
    extent = stage.extent(stage.output)
    if grid != "auto":
        given = re.fullmatch(r"(\d+)x(\d+)", grid)
        if given is None or min(map(int, given.groups())) < 1:
            raise refusal("patch", f"grid={grid}; ROWSxCOLUMNS such as 4x4, or auto, is expected")
        return [(min(int(given[1]), extent[0]), min(int(given[2]), extent[1]))]
    sizes = list(range(2, FINEST + 1))
    grids = [(n, n) for n in sizes] + [(n, 1) for n in sizes]
    return [(rows, columns) for rows, columns in grids if rows <= extent[0] and columns <= extent[1]]


PATCH = Strategy(
    "patch",
    "the head of the network in patches, so that less of its large first tensors is held at once",
    _patch,
    (
        Parameter("limit", "size", None, "bytes at the peak to come below with the fewest MACs; the least peak without"),
        Parameter("grid", "name", "auto", "ROWSxCOLUMNS of patches, such as 4x4; chosen without"),
        Parameter("until", "name", None, "last operator that is run in patches; chosen without"),
        Parameter("input", "name", "resident", "whole in memory, or streamed in patch by patch", ("resident", "streamed")),
    ),
    exact=True,
)
