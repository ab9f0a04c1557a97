"""The head of a network depth first: strips carried through all operators, rows kept that are read again (StreamNet, NeurIPS 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from strategies.parameters import Parameter
from strategies.patched import least_peak, stages_of, whole_bytes, working_peak
from strategies.problem import Problem
from strategies.strategy import Strategy, refusal
from strategies.transformed import counted
from workloads.operators import macs_of
from workloads.patches import Stage
from workloads.rolling import buffers_bytes, edges_bytes, rolling, streamed_macs, strips_of
from workloads.transforms.depth_first import depth_first
from workloads.transforms.redistribution import redistributed

#: Heights of strips and numbers of blocks that are tried by themselves.
HEIGHTS, BLOCKS = (1, 2, 4, 8), (1, 2, 4)
#: Candidates that are counted in full.
MOST = 6


class Candidate(NamedTuple):
    """A stage in strips, with about the bytes at its peak: those of the rest of the network, or of the stage [B]."""

    stage: Stage
    height: int
    blocks: int
    promise_bytes: int
    macs: int


def _depth_first(
    problem: Problem, limit: int | None, rows: int | None, blocks: int | None, until: str | None, input: str
) -> tuple[Problem, str]:  # fmt: skip
    graph = problem.runnable
    problem = problem.replace(graph=graph)
    streamed = input == "streamed"
    before = working_peak(problem.schedule().placement)
    found = least_peak(
        _candidates(problem, limit, rows, blocks, until, streamed),
        lambda c: problem.replace(graph=depth_first(graph, c.stage, c.height, c.blocks, streamed=streamed)),
        lambda c: c.macs,
        limit,
    )
    if found is None:
        raise refusal("depth_first", f"network '{graph.name}' begins with no operators that can be computed strip by strip")
    changed, candidate, peak = found
    if peak >= before and until is None and rows is None and blocks is None:
        return problem, f"no strips: {before:,} B at the peak, and none need less"
    stage = candidate.stage
    said = (
        f"strips of {candidate.height} rows in {candidate.blocks} blocks of columns up to {stage.output}: {before:,} B to "
        f"{peak:,} B at the peak, {candidate.macs / stage.plain_macs - 1:+.1%} MACs of {len(stage.operators)} operators"
    )
    if candidate.blocks > 1:
        width = -(-stage.extent(stage.output)[1] // candidate.blocks)
        said += f"; columns kept too would need {edges_bytes(stage, candidate.height, width):,} B for overlaps and no MAC more"
    return changed, said if limit is None or peak <= limit else f"{said}; not within {limit:,} B"


def _candidates(
    problem: Problem, limit: int | None, rows: int | None, blocks: int | None, until: str | None, streamed: bool
) -> Iterator[Candidate]:  # fmt: skip
    """Stages and strips, those that promise to keep the limit first, of these the fewest operators; else the smallest first."""
    found = [
        _candidate(stage, height, count, rest, streamed)
        for stage, rest in stages_of(problem, until, "depth_first")
        for height in _those(rows, HEIGHTS, stage.extent(stage.output)[0])
        for count in _those(blocks, BLOCKS, stage.extent(stage.output)[1])
    ]
    if limit is None:
        found.sort(key=lambda c: (c.promise_bytes, c.macs, -c.height))
    else:
        found.sort(key=lambda c: (max(c.promise_bytes, limit), c.macs / c.stage.plain_macs, -c.height))
    yield from found[:MOST]


def _those(given: int | None, tried: tuple[int, ...], most: int) -> list[int]:
    return [min(given, most)] if given is not None else [n for n in tried if n <= most]


def _candidate(stage: Stage, height: int, blocks: int, rest: int, streamed: bool) -> Candidate:
    tiles = stage.tiles(1, blocks)
    own = buffers_bytes(stage, rolling(stage, strips_of(stage, height)), tiles[len(tiles) // 2][1])
    return Candidate(stage, height, blocks, max(own + whole_bytes(stage, streamed), rest), streamed_macs(stage, tiles))


def _redistribute(problem: Problem, until: str) -> tuple[Problem, str]:
    ((stage, _),) = stages_of(problem, until, "redistribute")
    found = redistributed(stage)
    if not found.narrowed:
        raise refusal("redistribute", f"no convolution up to {until} has stride 1 and 3x3 taps or more")
    macs = [sum(macs_of(operator, graph.tensors) for operator in graph.operators) for graph in (problem.graph, found.graph)]
    short = "" if found.added >= found.removed else "; too few convolutions behind to make up for them"
    return problem.replace(graph=found.graph), (
        f"{counted(len(found.narrowed), 'convolution')} up to {until} to 1x1, {found.removed} positions of receptive field less; "
        f"{len(found.widened)} behind 2 taps wider, {found.added} more{short}; {macs[1] / macs[0] - 1:+.1%} MACs before patches; "
        "it has to be trained: its accuracy is not known"
    )


DEPTH_FIRST = Strategy(
    "depth_first",
    "the head of the network in strips carried through all its operators, rows that are read again kept and not computed again",
    _depth_first,
    (
        Parameter("limit", "size", None, "bytes at the peak to come below; the least peak without"),
        Parameter("rows", "count", None, "rows of the last tensor in one strip; chosen without"),
        Parameter(
            "blocks", "count", None, "blocks of columns, one after the other, whose overlap is computed again; chosen without"
        ),
        Parameter("until", "name", None, "last operator that is run in strips; chosen without"),
        Parameter("input", "name", "resident", "whole in memory, or streamed in strip by strip", ("resident", "streamed")),
    ),
    exact=True,
)

REDISTRIBUTE = Strategy(
    "redistribute",
    "receptive field moved out of the stage that is run in patches: 1x1 in it, wider kernels behind; accuracy is not known",
    _redistribute,
    (Parameter("until", "name", None, "last operator of the stage", required=True),),
)
