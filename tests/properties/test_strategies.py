"""Laws that hold for every strategy: valid schedules, no negative amounts, MACs where they are promised, the same answer twice."""

from __future__ import annotations

import pytest

from hwmodels.reader import load_device
from sim.check import broken_rules_of_schedule
from sim.lower import layerwise_plan
from sim.results import Estimate
from sim.simulation import estimate_of_trace, simulate
from strategies.chosen import read_strategy
from strategies.problem import Problem
from strategies.strategy import apply_all
from workloads.operators import rule_of
from workloads.readers import load_network

#: What is tried. Strategies that need several units or a board that is too small for the network have batteries of their own.
SPECS = (
    "fold", "fuse", "fuse:method=classes", "fuse:method=search", "trim", "reorder", "quantize", "quantize:dtype=int4",
    "quantize:dtype=binary,keep=first+last", "quantize:weights=ternary,activations=keep", "quantize:conversions=inserted", "prune",
    "prune:pattern=unstructured,share=80%", "prune:pattern=2:4", "prune:pattern=block", "low_rank", "low_rank:method=tucker",
    "low_rank:method=cp", "substitute", "substitute:block=fire", "substitute:block=ghost", "substitute:block=shuffle", "code",
    "code:values=16", "code:format=csr", "rewrite:most=20", "exit:after=fire4.concat,probability=40%", "algorithms",
    "algorithms:least=workspace", "stages", "split:parts=3", "pace:period=10s",
)  # fmt: skip


def plain() -> Problem:
    board = load_device("raspberry_pi_4")
    graph = load_network("squeezenet")
    return Problem(graph, board, layerwise_plan(graph, board))


def played(problem: Problem) -> Estimate:
    schedule = problem.schedule()
    return estimate_of_trace(schedule, simulate(schedule))


@pytest.mark.parametrize("spec", SPECS)
def test_every_strategy_leaves_a_valid_problem(spec: str) -> None:
    start, strategy = plain(), read_strategy(spec)
    done = strategy.apply(start)
    assert done == strategy.apply(start)
    assert done.recipe == (strategy.spec,) and done.steps[0].changed
    schedule = done.schedule()
    assert not broken_rules_of_schedule(schedule)
    for work in schedule.work.values():
        assert (work.amounts >= 0).all() and (work.traffic >= 0).all()
    for tensor in done.graph.tensors.values():
        assert tensor.bytes >= 0
    for operator in done.graph.operators:
        for name, kind in zip(
            operator.outputs, rule_of(operator).output_types(operator, done.graph.tensors_of(operator.inputs)), strict=False
        ):
            assert not name or done.graph.tensors[name].shape == kind.shape
    assert [t.shape for t in done.graph.inputs] == [t.shape for t in start.graph.inputs]
    answer = done.estimate()
    if strategy.exact and strategy.name != "rewrite":
        assert answer.macs == start.estimate().macs
    assert answer.latency_s == pytest.approx(played(done).latency_s, rel=1e-9)


@pytest.mark.parametrize("specs", [
    ("prune", "quantize:keep=first", "fuse", "reorder", "algorithms", "stages"),
    ("substitute:block=shuffle", "prune:share=25%", "low_rank", "fuse:method=search", "code"),
    ("rewrite:most=10", "quantize:dtype=int8", "prune:pattern=unstructured", "code:format=bitmap", "algorithms", "pace:period=5s"),
])  # fmt: skip
def test_strategies_compose(specs: tuple[str, ...]) -> None:
    start = plain()
    done = apply_all(start, [read_strategy(spec) for spec in specs])
    assert done.recipe == specs
    assert not broken_rules_of_schedule(done.schedule())
    assert done.estimate().weights_bytes < start.estimate().weights_bytes
    assert done == apply_all(plain(), [read_strategy(spec) for spec in specs])
