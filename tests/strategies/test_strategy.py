"""Strategies by name: how they are written, read, applied in order, refused."""

from __future__ import annotations

import pytest

from hwmodels.reader import load_device
from sim.check import broken_rules_of_schedule
from sim.lower import layerwise_plan
from strategies import STRATEGIES
from strategies.chosen import read_strategy, strategy_list, strategy_named
from strategies.errors import StrategyError
from strategies.parameters import Parameter
from strategies.problem import Problem
from strategies.strategy import Strategy, apply_all, refusal
from workloads.graph import Graph
from workloads.networks import build
from workloads.readers import load_network


def problem_of(graph: Graph, device: str = "raspberry_pi_4") -> Problem:
    board = load_device(device)
    return Problem(graph, board, layerwise_plan(graph, board))


def test_the_catalogue_holds_what_it_says() -> None:
    assert [s.name for s in strategy_list()] == sorted(STRATEGIES)
    for strategy in strategy_list():
        assert strategy.touches in ("graph", "plan")
        assert strategy.summary and "\n" not in strategy.summary
        for parameter in strategy.parameters:
            if parameter.default is not None and not parameter.required:
                assert parameter.read(strategy.name, parameter.default) == parameter.default


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("quantise", "strategy: 'quantise' is not one; `boardless strategies` lists them; nearest: quantize"),
        ("quantize:dtype=int9", "strategy 'quantize': dtype=int9; one of fp32"),
        ("quantize:dtipe=int8", "strategy 'quantize': parameter 'dtipe'; it has"),
        ("quantize:dtype", "strategy 'quantize': 'dtype' in 'quantize:dtype'; KEY=VALUE is expected, each key once"),
        ("quantize:dtype=int8,dtype=int4", "KEY=VALUE is expected, each key once"),
        ("fuse:most=1000", "strategy 'fuse': most=1000; at most 10 is expected"),
        ("stages:most=1000", "strategy 'stages': most=1000; at most 8 is expected"),
        ("prune:share=nan", "strategy 'prune': share=nan; a share from 0 to 1"),
        ("prune:", "strategy 'prune': '' in 'prune:'; KEY=VALUE is expected"),
        ("", "strategy: '' is not one"),
        ("fold:x=1", "strategy 'fold': parameter 'x'; it has none"),
    ],
)
def test_what_is_written_wrongly_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(StrategyError) as refused:
        read_strategy(text)
    assert str(refused.value).startswith(said) or said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("size", "256KiB", 262144), ("size", "262144", 262144), ("size", "1 MB", 1000000), ("time", "20ms", 0.02),
        ("share", "50%", 0.5), ("share", "0.25", 0.25), ("count", "4", 4), ("flag", "yes", True), ("flag", "false", False),
        ("number", "1.5", 1.5), ("names", "a+b", ("a", "b")), ("name", "a", "a"),
    ],
)  # fmt: skip
def test_values_are_read_with_their_units(kind: str, written: str, value: object) -> None:
    assert Parameter("p", kind, None, "").read("s", written) == value


@pytest.mark.parametrize(
    ("kind", "written"),
    [("size", "20ms"), ("size", "-1"), ("time", "5KiB"), ("share", "1.5"), ("share", "-1%"), ("count", "0"), ("count", "1.5"),
     ("flag", "perhaps"), ("number", "nan"), ("names", "a++b")],
)  # fmt: skip
def test_values_that_are_none_are_refused(kind: str, written: str) -> None:
    with pytest.raises(StrategyError, match=r"strategy 's': p=.*; .* is expected"):
        Parameter("p", kind, None, "").read("s", written)


def test_a_missing_parameter_is_named() -> None:
    strategy = Strategy("s", "", lambda problem: (problem, ""), (Parameter("limit", "size", None, "bytes", required=True),))
    with pytest.raises(StrategyError, match=r"strategy 's': limit is missing; write s:limit=\.\.\. \(bytes\)"):
        strategy.with_values()


def test_specs_come_back_in_declared_order() -> None:
    strategy = Strategy("s", "", lambda problem: (problem, ""), (Parameter("a", "count", 1, ""), Parameter("b", "flag", True, "")))
    assert strategy.with_values(b=False, a=2).spec == "s:a=2,b=false"
    assert strategy.with_values().spec == "s"


def test_a_list_is_a_fold_and_every_step_is_told() -> None:
    start = problem_of(build("squeezenet"))
    done = apply_all(start, [read_strategy("fuse"), read_strategy("quantize:dtype=int8")])
    assert done.recipe == ("fuse", "quantize:dtype=int8")
    assert all(step.changed for step in done.steps)
    assert len(done.graph) < len(start.graph)
    assert done.estimate().macs == start.estimate().macs
    assert done.estimate().latency_s < start.estimate().latency_s


def test_nothing_changes_the_network_once_a_plan_speaks_of_its_operators() -> None:
    laid_down = Strategy("lay", "", lambda problem: (problem, "laid down"), touches="plan", settles=True)
    with pytest.raises(
        StrategyError, match="strategy 'fuse': 'lay' speaks of the network as it stands then; fuse changes the network"
    ):
        apply_all(problem_of(build("lenet5")), [laid_down, strategy_named("fuse")])


def test_folding_must_come_before_quantizing() -> None:
    with_norms = problem_of(load_network("resnet18", fold=False))
    assert any(operator.op == "BatchNormalization" for operator in with_norms.graph.operators)
    with pytest.raises(StrategyError, match="fold must come before quantize"):
        apply_all(with_norms, [read_strategy("quantize:dtype=int8"), read_strategy("fold")])
    folded = apply_all(with_norms, [read_strategy("fold"), read_strategy("quantize:dtype=int8")])
    assert not any(o.op == "BatchNormalization" for o in folded.graph.operators)


@pytest.mark.parametrize("name", [s.name for s in strategy_list() if not any(p.required for p in s.parameters)])
def test_every_strategy_leaves_a_valid_schedule_and_repeats_itself(name: str) -> None:
    for network in ("lenet5", "mlperf_tiny_ic"):
        start = problem_of(build(network))
        try:
            first, second = strategy_named(name).apply(start), strategy_named(name).apply(start)
        except StrategyError as error:
            assert str(error).startswith(f"strategy '{name}'")
            continue
        assert first == second
        schedule = first.schedule()
        assert not broken_rules_of_schedule(schedule)
        assert all(t.bytes >= 0 for t in first.graph.tensors.values())


def test_refusals_name_the_strategy() -> None:
    assert str(refusal("fold", "no")) == "strategy 'fold': no"
